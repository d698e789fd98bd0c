//! What a value can be a copy of.
//!
//! **Claim.** [`Sources::find`] judges everything that a value can be a copy of, through block parameters, both
//! arms of `select`, and slots.
//!
//! **Strength.** Exact on the graph; whether a path is taken is not asked. What was found harmless once is not
//! judged again.
//!
//! **Math.** The least set that contains the value and, with each member, the arguments for a block parameter,
//! both arms of a `select`, and what may have been stored where a value was loaded from.

use crate::finding::error::NonReference;
use crate::ir::cfg::{Cfg, constant, destinations};
use crate::ir::integer::narrow;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{
    BlockArg, Function, GcFact, GcHeapType, Inst, InstructionData, Opcode, Value, ValueDef,
};
use smallvec::SmallVec;

/// The search, with what was found harmless before.
#[derive(Default)]
pub(crate) struct Sources {
    clean: EntitySet<Value>,
}

impl Sources {
    /// `stored` tells what was stored where a value was loaded from.
    ///
    /// What `judge` says of the first thing that `value` can be a copy of and of which it says something.
    pub(crate) fn find<T>(
        &mut self,
        func: &Function,
        cfg: &Cfg,
        value: Value,
        stored: impl Fn(Value) -> SmallVec<[Value; 2]>,
        judge: impl Fn(Value) -> Option<T>,
    ) -> Option<T> {
        let value = func.dfg.resolve_aliases(value);
        if self.clean.contains(value) {
            return None;
        }
        if let Some(found) = judge(value) {
            return Some(found);
        }
        let mut pending = Vec::new();
        push_copied(func, cfg, value, &mut pending);
        pending.extend(stored(value));
        // NB: Most are copies of nothing.
        if pending.is_empty() {
            self.clean.insert(value);
            return None;
        }
        let mut seen = EntitySet::new();
        seen.insert(value);
        let mut visited = vec![value];
        while let Some(value) = pending.pop() {
            let value = func.dfg.resolve_aliases(value);
            if self.clean.contains(value) || !seen.insert(value) {
                continue;
            }
            visited.push(value);
            if let Some(found) = judge(value) {
                return Some(found);
            }
            push_copied(func, cfg, value, &mut pending);
            pending.extend(stored(value));
        }
        for value in visited {
            self.clean.insert(value);
        }
        None
    }
}

/// Push what `value` can be a copy of, next to it.
fn push_copied(func: &Function, cfg: &Cfg, value: Value, pending: &mut Vec<Value>) {
    match func.dfg.value_def(value) {
        ValueDef::Param(block, index) => {
            let Some(node) = cfg.node(block) else {
                return;
            };
            for edge in cfg.preds(node) {
                let Some(last) = func.layout.last_inst(cfg.block(edge.from)) else {
                    continue;
                };
                let dest = &destinations(func, last)[edge.dest as usize];
                let arg = dest.args(&func.dfg.value_lists).nth(index);
                if let Some(BlockArg::Value(arg)) = arg {
                    pending.push(arg);
                }
            }
        }
        ValueDef::Result(inst, _) => {
            if let InstructionData::Ternary {
                opcode: Opcode::Select | Opcode::SelectSpectreGuard,
                args,
            } = func.dfg.insts[inst]
            {
                pending.extend(&args[1..]);
            }
        }
        ValueDef::Union(..) => {}
    }
}

/// Why `value` can be no reference, by what a fact says of it or by what makes it, if so.
pub(crate) fn why_no_reference_by_making(func: &Function, value: Value) -> Option<NonReference> {
    match func.dfg.gc_info.fact(value) {
        Some(GcFact::Scalar) => return Some(NonReference::Scalar),
        Some(GcFact::HeapBase) => return Some(NonReference::Address),
        Some(GcFact::Derived { .. }) => return Some(NonReference::Derived),
        Some(GcFact::Ref { kind, .. }) => match kind.heap {
            GcHeapType::Func | GcHeapType::Cont => return Some(NonReference::RawPointer),
            GcHeapType::Any
            | GcHeapType::Eq
            | GcHeapType::I31
            | GcHeapType::Struct
            | GcHeapType::Array
            | GcHeapType::None
            | GcHeapType::Extern
            | GcHeapType::NoExtern
            | GcHeapType::NoFunc
            | GcHeapType::Exn
            | GcHeapType::NoExn
            | GcHeapType::NoCont => {}
        },
        None => {}
    }
    let inst = func.dfg.value_def(value).inst()?;
    if let InstructionData::LoadNoOffset {
        opcode: Opcode::Bitcast,
        arg,
        ..
    } = func.dfg.insts[inst]
        && !func.dfg.value_type(arg).is_int()
    {
        return Some(NonReference::StoredType(func.dfg.value_type(arg)));
    }
    if is_count(func, inst) {
        return Some(NonReference::Scalar);
    }
    let is_address = matches!(
        func.dfg.insts[inst].opcode(),
        Opcode::FuncAddr
            | Opcode::SymbolValue
            | Opcode::TlsValue
            | Opcode::StackAddr
            | Opcode::DynamicStackAddr
    );
    if let InstructionData::Unary {
        opcode: Opcode::Ireduce,
        arg,
    } = func.dfg.insts[inst]
    {
        let arg = func.dfg.resolve_aliases(arg);
        let cut = func.dfg.value_def(arg).inst();
        return cut
            .filter(|&cut| func.dfg.insts[cut].opcode() == Opcode::StackAddr)
            .map(|_| NonReference::Address);
    }
    is_address.then_some(NonReference::Address)
}

/// Does `inst` count bits, of which there may be more than one?
pub(crate) fn is_count(func: &Function, inst: Inst) -> bool {
    match func.dfg.insts[inst] {
        InstructionData::Unary {
            opcode: Opcode::Popcnt,
            arg,
        } => most_bits(func, arg, MAX_MASKS) > 1,
        InstructionData::Unary {
            opcode: Opcode::Clz | Opcode::Ctz | Opcode::Cls,
            arg,
        } => constant(func, arg).is_none(),
        _ => false,
    }
}

/// How many masks and extensions are looked through.
const MAX_MASKS: u32 = 4;

/// How many bits of `value` may be set.
fn most_bits(func: &Function, value: Value, depth: u32) -> u32 {
    let value = func.dfg.resolve_aliases(value);
    let all = func.dfg.value_type(value).bits();
    let inst = func.dfg.value_def(value).inst();
    let (Some(inst), Some(depth)) = (inst, depth.checked_sub(1)) else {
        return all;
    };
    match func.dfg.insts[inst] {
        InstructionData::UnaryImm { .. } => 0,
        InstructionData::IntCompare { .. } => 1,
        InstructionData::Unary {
            opcode: Opcode::Uextend | Opcode::Ireduce,
            arg,
        } => most_bits(func, arg, depth),
        InstructionData::Binary {
            opcode: Opcode::Band,
            args,
        } => {
            let masks = args.map(|arg| constant(func, arg).map(u64::count_ones));
            masks.into_iter().flatten().min().unwrap_or(all)
        }
        _ => all,
    }
}

/// Values of scalars that are tried.
pub(crate) const SAMPLES: [u64; 6] = [1, 2, 3, 6, 1 << 20, u64::MAX - 1];
/// More instructions are not evaluated for one value.
const MAX_EVALUATED: usize = 64;

/// Something that `value`, which is computed of scalars alone, can be and no reference is: even, and not null.
///
/// Scalars are what a fact says is one, and what is loaded of fewer bytes than a reference has. What is a sum may be the
/// address of a new object, and nothing is said of it.
pub(crate) fn even_number(
    func: &Function,
    value: Value,
    is_number: &dyn Fn(Value) -> bool,
) -> Option<u64> {
    let inst = func.dfg.value_def(value).inst()?;
    let is_computed = matches!(
        func.dfg.insts[inst],
        InstructionData::Unary { .. }
            | InstructionData::Binary { .. }
            | InstructionData::Ternary {
                opcode: Opcode::Select,
                ..
            }
            | InstructionData::Load { .. }
    );
    let is_sum = matches!(
        func.dfg.insts[inst].opcode(),
        Opcode::Iadd | Opcode::Isub | Opcode::Imul
    );
    if !is_computed || is_sum || func.dfg.gc_info.fact(value).is_some() {
        return None;
    }
    let samples = SAMPLES.iter().chain(&[0]);
    let mut numbers = samples.filter_map(|&sample| {
        let mut left = MAX_EVALUATED;
        evaluated(func, value, sample, is_number, &mut left)
    });
    numbers.find(|&n| n != 0 && n % 2 == 0)
}

/// What loads of so many bits as a value has, or fewer, make of memory: the bits that may be set.
fn loaded_bits(func: &Function, value: Value) -> Option<u64> {
    let inst = func.dfg.value_def(value).inst()?;
    match func.dfg.insts[inst].opcode() {
        Opcode::Uload8 => Some(0xff),
        Opcode::Uload16 => Some(0xffff),
        _ => None,
    }
}

/// May each word of these bits be what `value`, which is not computed, is?
///
/// `is_number` says of a value without a fact whether it is a number by what the producer declares.
pub(crate) fn scalar_bits(
    func: &Function,
    value: Value,
    is_number: &dyn Fn(Value) -> bool,
) -> Option<u64> {
    let all = || {
        let bits = func.dfg.value_type(value).bits();
        (1..=64).contains(&bits).then(|| u64::MAX >> (64 - bits))
    };
    match func.dfg.gc_info.fact(value) {
        Some(GcFact::Scalar) => all(),
        Some(_) => None,
        None if is_number(value) => all(),
        None => loaded_bits(func, value),
    }
}

fn evaluated(
    func: &Function,
    value: Value,
    sample: u64,
    is_number: &dyn Fn(Value) -> bool,
    left: &mut usize,
) -> Option<u64> {
    *left = left.checked_sub(1)?;
    let value = func.dfg.resolve_aliases(value);
    if let Some(n) = constant(func, value) {
        return Some(n & narrow::mask(func.dfg.value_type(value)));
    }
    if let Some(bits) = scalar_bits(func, value, is_number) {
        return Some(sample & bits);
    }
    if func.dfg.gc_info.fact(value).is_some() {
        return None;
    }
    let ty = func.dfg.value_type(value);
    let inst = func.dfg.value_def(value).inst()?;
    match func.dfg.insts[inst] {
        InstructionData::Unary { opcode, arg } => {
            let n = evaluated(func, arg, sample, is_number, left)?;
            narrow::unary(opcode, func.dfg.value_type(arg), ty, n).bits()
        }
        InstructionData::Binary { opcode, args } => {
            let a = evaluated(func, args[0], sample, is_number, left)?;
            let b = evaluated(func, args[1], sample, is_number, left)?;
            narrow::binary(opcode, func.dfg.value_type(args[0]), a, b).bits()
        }
        InstructionData::Ternary {
            opcode: Opcode::Select,
            args,
        } => match evaluated(func, args[0], sample, is_number, left)? {
            0 => evaluated(func, args[2], sample, is_number, left),
            _ => evaluated(func, args[1], sample, is_number, left),
        },
        _ => None,
    }
}

/// Are all bits of `value` zero, whatever its type?
pub(crate) fn is_zero(func: &Function, value: Value) -> bool {
    let value = func.dfg.resolve_aliases(value);
    if constant(func, value) == Some(0) {
        return true;
    }
    let Some(inst) = func.dfg.value_def(value).inst() else {
        return false;
    };
    match func.dfg.insts[inst] {
        InstructionData::UnaryConst {
            constant_handle, ..
        } => {
            let data = func.dfg.constants.get(constant_handle);
            data.iter().all(|&byte| byte == 0)
        }
        InstructionData::UnaryIeee32 { imm, .. } => imm.bits() == 0,
        InstructionData::UnaryIeee64 { imm, .. } => imm.bits() == 0,
        InstructionData::Unary {
            opcode: Opcode::Splat | Opcode::Uextend | Opcode::ScalarToVector,
            arg,
        }
        | InstructionData::LoadNoOffset {
            opcode: Opcode::Bitcast,
            arg,
            ..
        } => is_zero(func, arg),
        _ => false,
    }
}
