//! What a callee or a loop fills is whole elements.
//!
//! **Claim.** Of every fill that is reported: there are a length and an offset with which it is no multiple of
//! an element.
//!
//! **Strength.** Of callees that the producer says fill an array, and of loops that store an element each time
//! round, from one address to another one. That these are in the array is judged elsewhere. The length is tried
//! as a few numbers, and so is the offset.
//!
//! **Math.** Let `f(n)` be the number of bytes that are filled if every leaf of it is `n`. With `s` the size of
//! an element, a fill is reported if `f(n) mod s ≠ 0` for one of these numbers.

use super::suspect::Suspect;
use crate::analysis::facts::Facts;
use crate::analysis::nullness::eval::{Bits, eval};
use crate::evidence::findings::Findings;
use crate::evidence::steps::step;
use crate::finding::error::GcError;
use crate::finding::object::{OutOfObject, Outside};
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::{Node, constant};
use crate::ir::gc_info::accessed_kind;
use crate::ir::linear::Linear;
use cranelift_codegen::ir::{
    Function, GcField, GcHeapType, Inst, InstructionData, Value, ValueDef,
};

/// What numbers are tried as.
const NUMBERS: [u64; 4] = [1, 3, 5, 2];

/// A callee fills memory of an array.
pub(super) fn fill(facts: &Facts, node: Node, inst: Inst, findings: &mut Findings) {
    let func = facts.func;
    let info = &func.dfg.gc_info;
    let Some(kind) = accessed_kind(func, inst).filter(|kind| kind.heap == GcHeapType::Array) else {
        return;
    };
    let element = kind.concrete.and_then(|index| info.fields(index)?.get(1));
    let (Some(element), Some(&length)) = (element, func.dfg.inst_args(inst).last()) else {
        return;
    };
    findings.counts.positions += 1;
    match part_of_element(facts, length, None, element.size) {
        Some(filled) => {
            let address = func.dfg.inst_args(inst);
            let address = address.get(1).copied().unwrap_or(length);
            let error = GcError::OutOfObject(OutOfObject {
                inst,
                value: address,
                outside: Outside::PartOfElement {
                    filled,
                    size: element.size,
                },
            });
            let step = Step {
                role: Role::Use,
                block: facts.cfg.block(node),
                inst: Some(inst),
            };
            findings.reject(error, || Some(vec![step]));
        }
        None => findings.counts.positions_proved += 1,
    }
}

/// A loop fills an array: from one address to another one.
pub(super) fn filling_loop(
    facts: &Facts,
    suspect: &Suspect,
    element: GcField,
    findings: &mut Findings,
) {
    let func = facts.func;
    let Some((start, end)) = bounds_of_loop(facts, suspect, element.size) else {
        return;
    };
    findings.counts.positions += 1;
    match part_of_element(facts, end, Some(start), element.size) {
        Some(filled) => {
            let error = GcError::OutOfObject(OutOfObject {
                inst: suspect.inst,
                value: suspect.value,
                outside: Outside::PartOfElement {
                    filled,
                    size: element.size,
                },
            });
            let step = step(func, Role::Use, suspect.inst);
            findings.reject(error, || step.map(|step| vec![step]));
        }
        None => findings.counts.positions_proved += 1,
    }
}

/// Where a loop that stores elements one after the other starts, and with which address it ends.
fn bounds_of_loop(facts: &Facts, suspect: &Suspect, size: u32) -> Option<(Value, Value)> {
    let (func, cfg) = (facts.func, &facts.cfg);
    let resolve = |value| facts.body.resolve(func, value);
    let address = resolve(suspect.access.addr);
    let ValueDef::Param(block, number) = func.dfg.value_def(address) else {
        return None;
    };
    let node = cfg.node(block)?;
    let (mut start, mut next) = (None, None);
    for edge in cfg.preds(node) {
        let from = cfg.block(edge.from);
        let arg = crate::analysis::kind::dominating::argument(func, from, edge, number)?;
        let arg = resolve(arg);
        match cfg.dominates(node, edge.from) {
            true => next = Some((arg, edge)),
            false if start.is_none() => start = Some(arg),
            false => return None,
        }
    }
    let ((next, back), start) = (next?, start?);
    let added = added_to(func, &resolve, next, address)?;
    if constant(func, added)? != u64::from(size) {
        return None;
    }
    // The loop ends where the next address is the last one.
    let last = func.layout.last_inst(cfg.block(back.from))?;
    let InstructionData::Brif { arg, .. } = func.dfg.insts[last] else {
        return None;
    };
    let ValueDef::Result(compare, _) = func.dfg.value_def(resolve(arg)) else {
        return None;
    };
    let InstructionData::IntCompare { args, .. } = func.dfg.insts[compare] else {
        return None;
    };
    let [a, b] = args.map(resolve);
    match (a == next, b == next) {
        (true, false) => Some((start, b)),
        (false, true) => Some((start, a)),
        _ => None,
    }
}

/// What is added to `base` to make `value`.
fn added_to(
    func: &Function,
    resolve: &dyn Fn(Value) -> Value,
    value: Value,
    base: Value,
) -> Option<Value> {
    let Linear::Sum(args) = Linear::of_value(func, resolve(value)) else {
        return None;
    };
    let [a, b] = args.map(resolve);
    match (a == base, b == base) {
        (true, _) => Some(b),
        (_, true) => Some(a),
        _ => None,
    }
}

/// A number of bytes that `end` may be after `start`, or that it may be, and that is no multiple of `size`.
fn part_of_element(facts: &Facts, end: Value, start: Option<Value>, size: u32) -> Option<u64> {
    let func = facts.func;
    let resolve = |value| facts.body.resolve(func, value);
    let filled = match start {
        Some(start) => added_to(func, &resolve, end, start)?,
        None => end,
    };
    for number in NUMBERS {
        // NB: All that it is made of is the same number; a length is, and so is an offset.
        let known = |value: Value| -> Option<Bits> {
            let value = resolve(value);
            let is_leaf = constant(func, value).is_none()
                && match func.dfg.value_def(value) {
                    ValueDef::Result(inst, _) => {
                        let opcode = func.dfg.insts[inst].opcode();
                        opcode.is_call() || opcode.can_load()
                    }
                    ValueDef::Param(..) | ValueDef::Union(..) => true,
                };
            is_leaf.then_some(Bits::Const {
                n: number,
                of_reference: false,
            })
        };
        match eval(func, &known, filled) {
            Bits::Const { n, .. } if size > 1 && n % u64::from(size) != 0 => return Some(n),
            Bits::Const { .. } => {}
            Bits::Unknown | Bits::Varying | Bits::Unsure => return None,
        }
    }
    None
}
