//! Instructions, reduced to what matters here: what they read, what they write, what they pass on.
//!
//! **Claim.** [`Kind::of`] says of every opcode what it does to references, to addresses and to memory.
//!
//! **Strength.** There is no row for "all others": a new opcode does not compile until it has one. What is
//! computed of a reference in a way that is not followed is [`OPAQUE`](Kind::OPAQUE), and never plain.
//!
//! **Math.** A total function from opcodes to sets of properties.
//!
//! This is the only file that names opcodes for what they do. What they compute is in
//! [`arithmetic`](crate::ir::arithmetic).

use crate::ir::cfg::constant;
use cranelift_codegen::ir::{
    AtomicRmwOp, Function, Inst, InstructionData, MemFlagsData, Opcode, Type, Value, ValueDef,
};
use smallvec::SmallVec;
use std::sync::OnceLock;

/// A memory access.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    /// The base of the address.
    pub(crate) addr: Value,
    /// The offset that is added to it, in bytes.
    pub(crate) offset: i32,
    /// The number of bytes that are accessed.
    pub(crate) size: u32,
    /// The type of the value that is loaded or stored.
    pub(crate) ty: Type,
    /// What is stored, if something is.
    pub(crate) data: Option<Value>,
    /// What is loaded, if something is.
    pub(crate) result: Option<Value>,
    /// Does it load or store the whole of `ty`, no more and no less?
    pub(crate) plain: bool,
    /// The flags.
    pub(crate) flags: MemFlagsData,
}

/// What an access leaves in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// This.
    Value(Value),
    /// This, or what was there.
    Perhaps(Value),
    /// Something that is computed of what was there.
    Computed,
}

/// What `inst`, which makes `access`, leaves in memory, if it stores anything.
pub(crate) fn stored_by(func: &Function, inst: Inst, access: &Access) -> Option<Stored> {
    let data = access.data?;
    Some(match func.dfg.insts[inst] {
        InstructionData::AtomicRmw {
            op: AtomicRmwOp::Xchg,
            ..
        } => Stored::Value(data),
        InstructionData::AtomicRmw { .. } => Stored::Computed,
        InstructionData::AtomicCas { .. } => Stored::Perhaps(data),
        _ => Stored::Value(data),
    })
}

/// How much of what was in memory before an access is there afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwrites {
    /// Nothing: something else is stored.
    All,
    /// Nothing, or everything, or what is computed of it; it depends.
    Perhaps,
    /// It is changed, if at all, into something that is as little known.
    Nothing,
}

/// What the store `inst`, which makes `access`, overwrites.
pub(crate) fn overwrites(func: &Function, inst: Inst, access: &Access) -> Option<Overwrites> {
    let data = access.data?;
    let InstructionData::AtomicRmw { op, .. } = func.dfg.insts[inst] else {
        return Some(match stored_by(func, inst, access)? {
            Stored::Value(_) => Overwrites::All,
            Stored::Perhaps(_) | Stored::Computed => Overwrites::Perhaps,
        });
    };
    let bits = access.ty.bits();
    let ones = u64::MAX >> (64 - bits.clamp(1, 64));
    Some(match (op, constant(func, data).map(|n| n & ones)) {
        (AtomicRmwOp::Xchg, _) => Overwrites::All,
        (AtomicRmwOp::And | AtomicRmwOp::Nand, Some(0)) => Overwrites::All,
        (AtomicRmwOp::Or, Some(n)) if n == ones => Overwrites::All,
        (AtomicRmwOp::Add | AtomicRmwOp::Sub | AtomicRmwOp::Xor, _) => Overwrites::Nothing,
        (AtomicRmwOp::Or | AtomicRmwOp::Umax, Some(0)) => Overwrites::Nothing,
        (AtomicRmwOp::And | AtomicRmwOp::Nand | AtomicRmwOp::Umin, Some(n)) if n == ones => {
            Overwrites::Nothing
        }
        _ => Overwrites::Perhaps,
    })
}

/// The instruction that makes `value` as its first result.
pub(crate) fn made(func: &Function, value: Value) -> Option<&InstructionData> {
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, 0) => Some(&func.dfg.insts[inst]),
        _ => None,
    }
}

/// The memory access that `inst` makes, if it makes one.
///
/// NB: All formats are spelled out: one that accesses memory and is not known here would make
/// every analysis of slots unsound.
pub(crate) fn access(func: &Function, inst: Inst) -> Option<Access> {
    // NB: Most instructions are none, and the opcode tells sooner than the format.
    let data = &func.dfg.insts[inst];
    let opcode = data.opcode();
    if !opcode.can_load() && !opcode.can_store() {
        return None;
    }
    access_of(func, data, func.dfg.inst_results(inst).first().copied())
}

/// The same for an instruction with this `format` and this first result.
#[inline]
pub(crate) fn access_of(
    func: &Function,
    format: &InstructionData,
    result: Option<Value>,
) -> Option<Access> {
    use InstructionData::*;
    let dfg = &func.dfg;
    let (addr, offset, data, result, flags) = match *format {
        Load {
            arg, offset, flags, ..
        } => (arg, offset.into(), None, result, flags),
        LoadNoOffset { arg, flags, .. } => (arg, 0, None, result, flags),
        Store {
            args,
            offset,
            flags,
            ..
        } => (args[1], offset.into(), Some(args[0]), None, flags),
        StoreNoOffset { args, flags, .. } => (args[1], 0, Some(args[0]), None, flags),
        AtomicRmw { args, flags, .. } => (args[0], 0, Some(args[1]), result, flags),
        AtomicCas { args, flags, .. } => (args[0], 0, Some(args[2]), result, flags),
        Unary { .. }
        | UnaryImm { .. }
        | UnaryIeee16 { .. }
        | UnaryIeee32 { .. }
        | UnaryIeee64 { .. }
        | UnaryConst { .. }
        | UnaryGlobalValue { .. }
        | Binary { .. }
        | BinaryImm8 { .. }
        | Ternary { .. }
        | TernaryImm8 { .. }
        | MultiAry { .. }
        | NullAry { .. }
        | Shuffle { .. }
        | IntCompare { .. }
        | FloatCompare { .. }
        | Jump { .. }
        | Brif { .. }
        | BranchTable { .. }
        | Call { .. }
        | CallIndirect { .. }
        | TryCall { .. }
        | TryCallIndirect { .. }
        | FuncAddr { .. }
        | StackAddr { .. }
        | DynamicStackAddr { .. }
        | Trap { .. }
        | CondTrap { .. }
        | IntAddTrap { .. }
        | ExceptionHandlerAddress { .. } => return None,
    };
    let ty = dfg.value_type(data.or(result)?);
    let bytes = ty.bytes();
    let size = access_size(format.opcode()).unwrap_or(bytes);
    Some(Access {
        addr,
        offset,
        size,
        ty,
        data,
        result,
        plain: size == bytes && matches!(format, Load { .. } | Store { .. }),
        flags: dfg.mem_flags[flags],
    })
}

/// The number of bytes of an access whose opcode, and not its type, tells it.
fn access_size(opcode: Opcode) -> Option<u32> {
    use Opcode::*;
    match opcode {
        Uload8 | Sload8 | Istore8 => Some(1),
        Uload16 | Sload16 | Istore16 => Some(2),
        Uload32 | Sload32 | Istore32 => Some(4),
        Uload8x8 | Sload8x8 | Uload16x4 | Sload16x4 | Uload32x2 | Sload32x2 => Some(8),
        _ => None,
    }
}

/// What an opcode does, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kind(u32);

impl Kind {
    /// It does nothing to references, addresses or memory. Its result, if it has one, comes from nowhere.
    const NOTHING: Kind = Kind(0);
    /// It accesses memory. Of an opcode: it may.
    pub(crate) const MEMORY: Kind = Kind(1);
    /// It is a call.
    pub(crate) const CALLS: Kind = Kind(1 << 1);
    /// It is a safepoint, if its callee may collect.
    pub(crate) const SAFEPOINT: Kind = Kind(1 << 2);
    /// It hands one of its operands on.
    pub(crate) const SAME: Kind = Kind(1 << 3);
    /// It traps on a condition.
    pub(crate) const TRAPS: Kind = Kind(1 << 4);
    /// It compares integers.
    pub(crate) const COMPARES: Kind = Kind(1 << 5);
    /// It branches.
    pub(crate) const BRANCHES: Kind = Kind(1 << 6);
    /// It is `stack_addr`. Such are no items.
    pub(crate) const STACK_ADDR: Kind = Kind(1 << 7);
    /// It is `select_spectre_guard`.
    pub(crate) const SPECTRE: Kind = Kind(1 << 8);
    /// It returns.
    pub(crate) const RETURNS: Kind = Kind(1 << 9);
    /// Its first result is a sum, of which an operand is a part: it hands on what is derived from them. What
    /// else it has for results are tests.
    pub(crate) const DERIVED: Kind = Kind(1 << 10);
    /// The terms of its result, as an address, are those of its operands.
    pub(crate) const ADDS_UP: Kind = Kind(1 << 11);
    /// It is a `trapz`.
    pub(crate) const TRAPS_ON_ZERO: Kind = Kind(1 << 12);
    /// It branches on an operand.
    pub(crate) const DECIDES: Kind = Kind(1 << 13);
    /// It may load, or read memory in passing.
    pub(crate) const LOADS: Kind = Kind(1 << 14);
    /// It is an `atomic_cas`.
    pub(crate) const SWAPS: Kind = Kind(1 << 15);
    /// Its results are made of its operands in a way that is not followed.
    pub(crate) const OPAQUE: Kind = Kind(1 << 16);
    /// Its result tells something of its operands, and they cannot be had back from it.
    pub(crate) const TELLS: Kind = Kind(1 << 17);
    /// It takes the second operand away from the first.
    pub(crate) const SUBTRACTS: Kind = Kind(1 << 19);
    /// It puts its operands where others find them.
    pub(crate) const LEAKS: Kind = Kind(1 << 18);

    /// It does nothing with its operands but look at them.
    pub(crate) const TESTS: Kind = Kind::TRAPS.or(Kind::COMPARES).or(Kind::DECIDES);

    /// It hands a value on, as it is or as a part of a sum.
    pub(crate) const PASSES: Kind = Kind::SAME.or(Kind::DERIVED);

    /// It makes something of its operands that may give them away.
    pub(crate) const MAKES: Kind = Kind::PASSES.or(Kind::OPAQUE);

    /// Its operands have to be what they should be: it hands them to somebody else.
    pub(crate) const HANDS_OUT: Kind = Kind::CALLS.or(Kind::RETURNS).or(Kind::LEAKS);

    /// What the analyses look at.
    pub(crate) const ITEM: Kind = Kind::MEMORY
        .or(Kind::HANDS_OUT)
        .or(Kind::SAFEPOINT)
        .or(Kind::MAKES)
        .or(Kind::ADDS_UP)
        .or(Kind::TESTS);

    /// Is it one of `kinds`?
    pub(crate) const fn is(self, kinds: Kind) -> bool {
        self.0 & kinds.0 != 0
    }

    pub(crate) const fn without(self, other: Kind) -> Kind {
        Kind(self.0 & !other.0)
    }

    /// Those of both.
    pub(crate) const fn or(self, other: Kind) -> Kind {
        Kind(self.0 | other.0)
    }

    /// The row of the opcode of `inst`.
    pub(crate) fn of_inst(func: &Function, inst: Inst) -> Kind {
        kinds()[func.dfg.insts[inst].opcode() as usize]
    }

    /// The row of `opcode`.
    pub(crate) const fn of(opcode: Opcode) -> Kind {
        use Opcode::*;
        const LOAD: Kind = Kind::MEMORY.or(Kind::LOADS);
        const CALL: Kind = Kind::CALLS.or(Kind::SAFEPOINT);
        const SUM: Kind = Kind::DERIVED.or(Kind::ADDS_UP);
        const CHOICE: Kind = Kind::SAME.or(Kind::ADDS_UP);
        match opcode {
            // Control.
            Jump => Kind::BRANCHES,
            Brif | BrTable => Kind::BRANCHES.or(Kind::DECIDES),
            Trapz => Kind::TRAPS.or(Kind::TRAPS_ON_ZERO),
            Trapnz => Kind::TRAPS,
            Trap | Fence | SequencePoint | Nop => Kind::NOTHING,
            // NB: Whoever looks on may do anything to memory. It is no access.
            Debugtrap => LOAD,
            Return => Kind::RETURNS,

            // Calls. What they return comes from the callee.
            Call | CallIndirect => CALL,
            StackSwitch => CALL.or(Kind::LOADS),
            TryCall | TryCallIndirect => CALL.or(Kind::BRANCHES),
            ReturnCall | ReturnCallIndirect => Kind::CALLS.or(Kind::RETURNS),
            SetPinnedReg => Kind::LEAKS,

            // Memory. What is loaded comes from there, and so does what an atomic operation returns.
            Load | Uload8 | Sload8 | Uload16 | Sload16 | Uload32 | Sload32 | Uload8x8
            | Sload8x8 | Uload16x4 | Sload16x4 | Uload32x2 | Sload32x2 | AtomicLoad => LOAD,
            Store | Istore8 | Istore16 | Istore32 | AtomicStore => Kind::MEMORY,
            AtomicRmw => LOAD,
            AtomicCas => LOAD.or(Kind::SWAPS),

            // What comes from nowhere, from the frame, or from the linker.
            Iconst
            | F16const
            | F32const
            | F64const
            | F128const
            | Vconst
            | FuncAddr
            | DynamicStackAddr
            | SymbolValue
            | TlsValue
            | GetPinnedReg
            | GetFramePointer
            | GetStackPointer
            | GetReturnAddress
            | GetExceptionHandlerAddress => Kind::NOTHING,
            StackAddr => Kind::STACK_ADDR,

            // One of the operands, as it is. NB: Of another type or width, it is opaque.
            Select => CHOICE,
            SelectSpectreGuard => CHOICE.or(Kind::SPECTRE),
            Ireduce | Bitcast => Kind::SAME,

            // Sums, and an operand that is made wider.
            Iadd | Uextend | Sextend | UaddOverflowTrap | UaddOverflow | SaddOverflow => SUM,
            Isub | UsubOverflow | SsubOverflow => SUM.or(Kind::SUBTRACTS),

            // Truths and counts.
            Icmp => Kind::COMPARES.or(Kind::TELLS),
            Fcmp | VanyTrue | VallTrue | VhighBits | Bmask | Popcnt | Clz | Cls | Ctz => {
                Kind::TELLS
            }

            // Everything else that computes. NB: A mask of a few low bits tells them, and no more; see
            // `view`.
            Band | Bor | Bxor | Bnot | Bitselect | Ishl | Ushr | Sshr | Rotl | Rotr | Bitrev
            | Bswap | Ineg | Iabs | Imul | Umulhi | Smulhi | Udiv | Sdiv | Urem | Srem | Umin
            | Umax | Smin | Smax | AvgRound | UaddSat | SaddSat | UsubSat | SsubSat
            | SqmulRoundSat | SaddOverflowCin | UaddOverflowCin | SsubOverflowBin
            | UsubOverflowBin | UmulOverflow | SmulOverflow | Iconcat | Isplit => Kind::OPAQUE,
            Splat | Insertlane | Extractlane | Shuffle | Swizzle | ScalarToVector
            | ExtractVector | Blendv | Snarrow | Unarrow | Uunarrow | SwidenLow | SwidenHigh
            | UwidenLow | UwidenHigh | IaddPairwise | X86Pshufb | X86Pmulhrsw | X86Pmaddubsw => {
                Kind::OPAQUE
            }
            Fadd | Fsub | Fmul | Fdiv | Sqrt | Fma | Fneg | Fabs | Fcopysign | Fmin | Fmax
            | Ceil | Floor | Trunc | Nearest | Fpromote | Fdemote | Fvdemote | FvpromoteLow
            | FcvtToUint | FcvtToSint | FcvtToUintSat | FcvtToSintSat | X86Cvtt2dq
            | FcvtFromUint | FcvtFromSint => Kind::OPAQUE,
        }
    }
}

/// The row of each opcode, to be looked up.
pub(crate) fn kinds() -> &'static [Kind; 256] {
    static KINDS: OnceLock<[Kind; 256]> = OnceLock::new();
    KINDS.get_or_init(|| {
        let mut kinds = [Kind::NOTHING; 256];
        for &opcode in Opcode::all() {
            kinds[opcode as usize] = Kind::of(opcode);
        }
        kinds
    })
}

/// What `inst` makes of its operands.
pub(crate) fn passed_on(func: &Function, inst: Inst) -> Passed {
    passed_by(func, &func.dfg.insts[inst])
}

/// The same for an instruction with this `format`.
pub(crate) fn passed_by(func: &Function, format: &InstructionData) -> Passed {
    let kind = kinds()[format.opcode() as usize];
    if !kind.is(Kind::MAKES) {
        return Passed::Nothing;
    }
    let args = format.arguments(&func.dfg.value_lists);
    if kind.is(Kind::OPAQUE) {
        return match tells_few_bits(func, format) {
            true => Passed::Nothing,
            false => Passed::Opaque(args.iter().copied().collect()),
        };
    }
    let operands = match (format.opcode(), args) {
        (Opcode::Select | Opcode::SelectSpectreGuard, &[_, a, b]) => [Some(a), Some(b)],
        (_, &[a]) => [Some(a), None],
        (_, &[a, b]) => [Some(a), Some(b)],
        (_, args) => return Passed::Opaque(args.iter().copied().collect()),
    };
    match kind.is(Kind::SAME) {
        true => Passed::Same(operands),
        false => Passed::Derived(operands),
    }
}

/// See [`passed_on`].
#[derive(Clone, Debug)]
pub(crate) enum Passed {
    /// Nothing, or a result that tells something of them.
    Nothing,
    /// One of these as it is.
    Same([Option<Value>; 2]),
    /// A sum, of which these are parts.
    Derived([Option<Value>; 2]),
    /// Something that is not followed, of these.
    Opaque(SmallVec<[Value; 3]>),
}

impl Passed {
    /// The operands.
    pub(crate) fn operands(&self) -> SmallVec<[Value; 3]> {
        match self {
            Passed::Nothing => SmallVec::new(),
            Passed::Same(operands) | Passed::Derived(operands) => {
                operands.iter().copied().flatten().collect()
            }
            Passed::Opaque(operands) => operands.clone(),
        }
    }

    /// The same, if the result is one of them or a sum of them.
    pub(crate) fn followed(&self) -> impl Iterator<Item = Value> + use<> {
        let operands = match *self {
            Passed::Nothing | Passed::Opaque(_) => [None, None],
            Passed::Same(operands) | Passed::Derived(operands) => operands,
        };
        operands.into_iter().flatten()
    }
}

/// Does an instruction of which `value` is an operand, and which makes this `access`, trap when it is
/// null, or pass it on?
pub(crate) fn relies_on(func: &Function, access: Option<&Access>, value: Value) -> bool {
    match access {
        Some(access)
            if access
                .data
                .is_none_or(|data| func.dfg.resolve_aliases(data) != value) =>
        {
            access.flags.trap_code().is_some()
        }
        _ => true,
    }
}

/// What an instruction of this `format` takes an integer out of, as it is taken out of an i31.
pub(crate) fn payload_of(func: &Function, format: &InstructionData) -> Option<Value> {
    let InstructionData::Binary {
        opcode: Opcode::Sshr | Opcode::Ushr,
        args: [value, by],
    } = *format
    else {
        return None;
    };
    (constant(func, by) == Some(1)).then(|| func.dfg.resolve_aliases(value))
}

/// The bits that are the same in all references to objects: those are aligned.
pub(crate) const TAG_BITS: u64 = 7;

/// Does this mask leave no more than the tag of a reference, as the test for an i31 does?
pub(crate) fn tells_few_bits(func: &Function, format: &InstructionData) -> bool {
    let InstructionData::Binary {
        opcode: Opcode::Band,
        args,
    } = *format
    else {
        return false;
    };
    let is_few = |arg| constant(func, arg).is_some_and(|mask| mask & !TAG_BITS == 0);
    // NB: Of a binary operation on a constant, the constant is mostly the second operand.
    is_few(args[1]) || is_few(args[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cranelift says some of this itself.
    #[test]
    fn rows_agree_with_the_properties_of_opcodes() {
        for &opcode in Opcode::all() {
            let kind = Kind::of(opcode);
            assert_eq!(kinds()[opcode as usize], kind);
            let accesses = opcode.can_load() || opcode.can_store();
            let is_memory = accesses && !opcode.is_call();
            assert_eq!(kind.is(Kind::MEMORY), is_memory, "{opcode}");
            assert_eq!(kind.is(Kind::LOADS), opcode.can_load(), "{opcode}");
            assert_eq!(kind.is(Kind::CALLS), opcode.is_call(), "{opcode}");
            assert_eq!(kind.is(Kind::RETURNS), opcode.is_return(), "{opcode}");
            assert_eq!(kind.is(Kind::SAFEPOINT), opcode.is_safepoint(), "{opcode}");
            assert_eq!(kind.is(Kind::BRANCHES), opcode.is_branch(), "{opcode}");
        }
    }

    #[test]
    fn what_computes_without_effects_is_followed_tells_or_is_opaque() {
        let from_nowhere = "iconst f16const f32const f64const f128const vconst func_addr stack_addr \
            dynamic_stack_addr symbol_value tls_value get_pinned_reg get_frame_pointer \
            get_stack_pointer get_return_address get_exception_handler_address";
        let from_nowhere: Vec<&str> = from_nowhere.split_whitespace().collect();
        for &opcode in Opcode::all() {
            let kind = Kind::of(opcode);
            let results = opcode.constraints().num_fixed_results();
            if results == 0 || kind.is(Kind::MEMORY.or(Kind::CALLS)) {
                continue;
            }
            let makes = kind.is(Kind::MAKES.or(Kind::TELLS));
            let name = opcode.to_string();
            assert_ne!(makes, from_nowhere.contains(&name.as_str()), "{opcode}");
        }
    }
}
