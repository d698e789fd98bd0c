//! Instructions, reduced to what matters here: what they read, what they write, what they pass on.

use crate::ir::cfg::constant;
use cranelift_codegen::ir::{Function, Inst, InstructionData, MemFlagsData, Opcode, Type, Value};
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

/// The operands whose reference, or derived pointer, the pure instruction `inst` hands on to its
/// result: as they are, or with something added.
pub(crate) fn passed_on(func: &Function, inst: Inst) -> Passed {
    passed_by(&func.dfg.insts[inst])
}

/// The same for an instruction with this `format`.
pub(crate) fn passed_by(format: &InstructionData) -> Passed {
    use Opcode::*;
    match *format {
        InstructionData::Unary { opcode, arg } => match opcode {
            Uextend | Sextend => Passed::Derived([Some(arg), None]),
            Ireduce => Passed::Same([Some(arg), None]),
            _ => Passed::Nothing,
        },
        // NB: It names a byte order, as accesses of memory do.
        InstructionData::LoadNoOffset {
            opcode: Bitcast,
            arg,
            ..
        } => Passed::Same([Some(arg), None]),
        InstructionData::Binary { opcode, args } => match opcode {
            Iadd => Passed::Derived([Some(args[0]), Some(args[1])]),
            Isub => Passed::Derived([Some(args[0]), None]),
            _ => Passed::Nothing,
        },
        InstructionData::Ternary {
            opcode: Select | SelectSpectreGuard,
            args,
        } => Passed::Same([Some(args[1]), Some(args[2])]),
        // Everything else makes a new value of its operands, such as the payload of an i31 or
        // the result of a comparison, which does not go stale.
        _ => Passed::Nothing,
    }
}

/// See [`passed_on`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum Passed {
    /// None of them.
    Nothing,
    /// One of these as it is.
    Same([Option<Value>; 2]),
    /// A pointer derived from these.
    Derived([Option<Value>; 2]),
}

impl Passed {
    /// The operands.
    pub(crate) fn operands(self) -> impl Iterator<Item = Value> {
        let operands = match self {
            Passed::Nothing => [None, None],
            Passed::Same(operands) | Passed::Derived(operands) => operands,
        };
        operands.into_iter().flatten()
    }
}

/// The address that `inst`, of this `format`, guards by putting null in its place.
pub(crate) fn guarded_address(
    func: &Function,
    inst: Inst,
    format: &InstructionData,
) -> Option<Value> {
    let InstructionData::Ternary {
        opcode: Opcode::SelectSpectreGuard,
        args: [_, if_true, if_false],
    } = *format
    else {
        return None;
    };
    let is_null = |value| constant(func, value) == Some(0);
    (is_null(if_true) || is_null(if_false)).then(|| func.dfg.first_result(inst))
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

/// What an instruction is, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kind(u16);

impl Kind {
    /// It accesses memory. Of an opcode: it may.
    pub(crate) const MEMORY: Kind = Kind(1);
    /// It is a call.
    pub(crate) const CALLS: Kind = Kind(1 << 1);
    /// It is a safepoint, if its callee may collect.
    pub(crate) const SAFEPOINT: Kind = Kind(1 << 2);
    /// It hands one of its [operands](super::view::Body::operands) on.
    pub(crate) const SAME: Kind = Kind(1 << 3);
    /// It traps on a condition.
    pub(crate) const TRAPS: Kind = Kind(1 << 4);
    /// It compares integers.
    pub(crate) const COMPARES: Kind = Kind(1 << 5);
    /// It branches.
    pub(crate) const BRANCHES: Kind = Kind(1 << 6);
    /// It is `stack_addr`. Such are no items.
    pub(super) const STACK_ADDR: Kind = Kind(1 << 7);
    /// It is `select_spectre_guard`.
    pub(super) const SPECTRE: Kind = Kind(1 << 8);
    /// It returns.
    pub(crate) const RETURNS: Kind = Kind(1 << 9);
    /// It hands on what is derived from its [operands](super::view::Body::operands).
    pub(crate) const DERIVED: Kind = Kind(1 << 10);
    /// The terms of its result, as an address, are those of its [operands](super::view::Body::operands).
    pub(crate) const ADDS_UP: Kind = Kind(1 << 11);
    /// It is a `trapz`.
    pub(crate) const TRAPS_ON_ZERO: Kind = Kind(1 << 12);
    /// It is a `brif`.
    pub(crate) const DECIDES: Kind = Kind(1 << 13);
    /// It may load, or read memory in passing.
    pub(crate) const LOADS: Kind = Kind(1 << 14);
    /// It is an `atomic_cas`.
    pub(crate) const SWAPS: Kind = Kind(1 << 15);

    /// It does nothing with its operands but look at them.
    pub(super) const TESTS: Kind = Kind::TRAPS.or(Kind::COMPARES).or(Kind::DECIDES);

    /// It hands a value on.
    pub(crate) const PASSES: Kind = Kind::SAME.or(Kind::DERIVED);

    /// Is it one of `kinds`?
    pub(crate) fn is(self, kinds: Kind) -> bool {
        self.0 & kinds.0 != 0
    }

    pub(super) fn without(self, other: Kind) -> Kind {
        Kind(self.0 & !other.0)
    }

    /// Those of both.
    pub(crate) const fn or(self, other: Kind) -> Kind {
        Kind(self.0 | other.0)
    }

    pub(super) const ITEM: Kind = Kind::MEMORY
        .or(Kind::CALLS)
        .or(Kind::RETURNS)
        .or(Kind::SAFEPOINT)
        .or(Kind::PASSES)
        .or(Kind::ADDS_UP)
        .or(Kind::TRAPS)
        .or(Kind::COMPARES)
        .or(Kind::DECIDES);

    fn of(opcode: Opcode) -> Kind {
        use Opcode::*;
        let mut kind = Kind::default();
        let mut set = |is, bit: Kind| {
            if is {
                kind = kind.or(bit);
            }
        };
        let accesses = opcode.can_load() || opcode.can_store();
        set(accesses && !opcode.is_call(), Kind::MEMORY);
        set(opcode.is_call(), Kind::CALLS);
        set(opcode.is_return(), Kind::RETURNS);
        set(opcode.is_safepoint(), Kind::SAFEPOINT);
        set(opcode.is_branch(), Kind::BRANCHES);
        set(matches!(opcode, Trapz | Trapnz), Kind::TRAPS);
        set(opcode == Trapz, Kind::TRAPS_ON_ZERO);
        set(opcode == Brif, Kind::DECIDES);
        set(opcode.can_load(), Kind::LOADS);
        set(opcode == AtomicCas, Kind::SWAPS);
        set(opcode == Icmp, Kind::COMPARES);
        set(opcode == StackAddr, Kind::STACK_ADDR);
        set(opcode == SelectSpectreGuard, Kind::SPECTRE);
        // NB: This says again what `passed_by` says, so that it is not asked of each instruction.
        set(
            matches!(opcode, Ireduce | Bitcast | Select | SelectSpectreGuard),
            Kind::SAME,
        );
        set(
            matches!(opcode, Uextend | Sextend | Iadd | Isub),
            Kind::DERIVED,
        );
        let adds_up = matches!(
            opcode,
            Iadd | UaddOverflowTrap | Uextend | Select | SelectSpectreGuard
        );
        set(adds_up, Kind::ADDS_UP);
        kind
    }
}

/// The kind of each opcode.
pub(super) fn kinds() -> &'static [Kind; 256] {
    static KINDS: OnceLock<[Kind; 256]> = OnceLock::new();
    KINDS.get_or_init(|| {
        let mut kinds = [Kind::default(); 256];
        for &opcode in Opcode::all() {
            kinds[opcode as usize] = Kind::of(opcode);
        }
        kinds
    })
}
