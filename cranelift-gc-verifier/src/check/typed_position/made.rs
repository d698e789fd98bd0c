//! What values are made of, as far as their types do not tell.
//!
//! **Claim.** What is returned of a value is an operand of its definition, or of that operand's.
//!
//! **Strength.** At most [`MAX_VALUES`] values are looked at. A load and a call are ends.
//!
//! **Math.** `made(v)` is the reflexive and transitive closure of "is an operand of the instruction that defines".

use crate::analysis::kind::address::Address;
use crate::analysis::kind::dominating::argument;
use crate::ir::cfg::{Cfg, constant};
use crate::ir::instruction::{Passed, passed_on};
use crate::ir::linear::{Linear, unguarded};
use crate::ir::view::Body;
use cranelift_codegen::ir::{
    Function, GcFact, Inst, InstructionData, Opcode, Value, ValueDef, types,
};

/// The word that `value` is made of, if it is one as it is, by way of other types.
pub(super) fn word_of(func: &Function, body: &Body, value: Value) -> Value {
    let mut word = value;
    let mut value = body.resolve(func, value);
    for _ in 0..MAX_VALUES {
        if func.dfg.value_type(value).bits() == 32 {
            word = value;
        }
        let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
            break;
        };
        let of = match func.dfg.insts[inst] {
            InstructionData::Unary {
                opcode: Opcode::Uextend | Opcode::Sextend | Opcode::Ireduce,
                arg,
            } => arg,
            _ => match passed_on(func, inst) {
                Passed::Same([Some(of), None]) => of,
                _ => break,
            },
        };
        if func.dfg.value_type(of).bits() < 32 {
            break;
        }
        value = body.resolve(func, of);
    }
    word
}

/// How many values are looked at to find out what one is made of.
const MAX_VALUES: usize = 48;

/// Is `value` computed of a reference, in a way that makes something else of it, or of what is said to be no reference?
pub(super) fn is_made_of_reference(func: &Function, body: &Body, value: Value) -> bool {
    let info = &func.dfg.gc_info;
    let mut pending = vec![body.resolve(func, value)];
    for step in 0..MAX_VALUES {
        let Some(value) = pending.pop() else {
            return false;
        };
        let fact = info.fact(value);
        if step > 0 && matches!(fact, Some(GcFact::Ref { .. } | GcFact::Scalar)) {
            return true;
        }
        if let ValueDef::Result(inst, _) = func.dfg.value_def(value) {
            let opcode = func.dfg.insts[inst].opcode();
            if !opcode.is_call() && !opcode.can_load() {
                let args = func.dfg.inst_args(inst).iter();
                pending.extend(args.map(|&arg| body.resolve(func, arg)));
            }
        }
    }
    false
}

/// Is `value`, which `inst` computes of a reference, no reference by that, though it has `fact`?
///
/// An i31 is made of any number.
pub(super) fn is_computed_otherwise(
    func: &Function,
    body: &Body,
    value: Value,
    inst: Inst,
    fact: GcFact,
) -> bool {
    let GcFact::Ref { kind, .. } = fact else {
        return false;
    };
    if func.dfg.value_type(value) != types::I32 || func.dfg.gc_info.new_object(value).is_some() {
        return false;
    }
    let is_computed = match passed_on(func, inst) {
        Passed::Opaque(_) | Passed::Derived(_) => true,
        Passed::Same(_) => false,
        // NB: What tells few bits of a reference is none.
        Passed::Nothing => {
            let opcode = func.dfg.insts[inst].opcode();
            !opcode.is_call() && !opcode.can_load()
        }
    };
    let is_i31 = matches!(func.dfg.insts[inst], InstructionData::Binary { opcode: Opcode::Bor, args }
        if args.iter().any(|&arg| constant(func, arg).is_some_and(|n| n % 2 == 1)))
        && kind.heap.may_be_i31();
    is_computed && !is_i31 && is_made_of_reference(func, body, value)
}

/// The references whose objects an address may be in, if it is chosen among several addresses.
pub(super) fn references_of(
    func: &Function,
    cfg: &Cfg,
    body: &Body,
    mut address: Value,
) -> Vec<Value> {
    let mut addresses = Vec::new();
    for _ in 0..MAX_VALUES {
        address = body.resolve(func, address);
        match func.dfg.value_def(address) {
            ValueDef::Result(..) => {
                let linear = Linear::of_value(func, address);
                if let Some((base, _)) = linear.plus_number(func) {
                    address = base;
                    continue;
                }
                if let (Linear::Choice([_, yes, no]), None) = (linear, unguarded(func, address)) {
                    addresses.extend([yes, no]);
                }
            }
            ValueDef::Param(block, number) => {
                if let (Some(node), true) =
                    (cfg.node(block), func.layout.entry_block() != Some(block))
                {
                    let passed = cfg
                        .preds(node)
                        .filter_map(|edge| argument(func, cfg.block(edge.from), edge, number));
                    addresses.extend(passed);
                }
            }
            ValueDef::Union(..) => {}
        }
        break;
    }
    let of = |address| Address::of(func, body, address).reference;
    addresses.into_iter().filter_map(of).collect()
}
