//! Instructions, reduced to what matters here: what they read, what they write, what they pass on.

use cranelift_codegen::ir::{Function, Inst, InstructionData, MemFlagsData, Type, Value};

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
fn access_size(opcode: cranelift_codegen::ir::Opcode) -> Option<u32> {
    use cranelift_codegen::ir::Opcode::*;
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
    use cranelift_codegen::ir::Opcode::*;
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
