//! Witnesses, checked again before they are shown: what all of them have in common.
//!
//! **Claim.** Steps that [`path`] accepts are a path of the function: each can come right after the one before
//! it.
//!
//! **Strength.** This reads the function and its graph alone: none of the analyses that led to the error. What
//! a witness shows besides is asked by the `recheck` beside each check.
//!
//! **Math.** Two steps follow each other if they are in one block in the order of the code, or if an edge leads
//! from the block of the first to that of the second, which is entered there.

use crate::finding::witness::{Role, Step};
use crate::ir::cfg::Cfg;
use crate::ir::instruction::{access, passed_on};
use crate::ir::linear::slot_address;
use crate::ir::safepoint::may_collect;
use cranelift_codegen::ir::{Block, Function, Inst, StackSlot, Value, ValueDef};

/// What is wrong with a witness.
pub(crate) type Flaw = &'static str;

/// What a `recheck` says of an error of another check.
pub(crate) const NOT_OURS: Flaw = "the error is of another check";

/// Are `steps` a path of `func`?
pub(crate) fn path(func: &Function, cfg: &Cfg, steps: &[Step]) -> Result<(), Flaw> {
    if steps.is_empty() {
        return Err("there is none");
    }
    for step in steps {
        if cfg.node(step.block).is_none() {
            return Err("it leaves the reachable code");
        }
        if step
            .inst
            .is_some_and(|inst| func.layout.inst_block(inst) != Some(step.block))
        {
            return Err("an instruction is not in its block");
        }
        if step.role == Role::Safepoint && !step.inst.is_some_and(|inst| may_collect(func, inst)) {
            return Err("a safepoint is none");
        }
    }
    for pair in steps.windows(2) {
        follows(func, cfg, &pair[0], &pair[1])?;
    }
    Ok(())
}

/// Does it end at `inst`?
pub(crate) fn ends_at(steps: &[Step], inst: Inst) -> Result<(), Flaw> {
    (steps.last().and_then(|last| last.inst) == Some(inst))
        .then_some(())
        .ok_or("it does not end at the guilty instruction")
}

/// Does it start at the entry?
pub(crate) fn starts_at_entry(func: &Function, steps: &[Step]) -> Result<(), Flaw> {
    (steps.first().map(|first| first.block) == func.layout.entry_block())
        .then_some(())
        .ok_or("it does not start at the entry")
}

/// Does it start at the definition of `value`, pass `safepoint`, and not execute the definition again?
pub(crate) fn crosses(
    func: &Function,
    steps: &[Step],
    value: Value,
    safepoint: Inst,
) -> Result<(), Flaw> {
    defines(func, steps, value)?;
    is_not_repeated(steps)?;
    passes(steps, safepoint)
}

/// Does it start at a store to bytes of a reference at `offset` in `slot`?
pub(crate) fn stores_to(
    func: &Function,
    steps: &[Step],
    slot: StackSlot,
    offset: u32,
) -> Result<(), Flaw> {
    const LARGEST: i64 = 8;
    let store = steps.first().and_then(|first| access(func, first.inst?));
    let place = store
        .filter(|store| store.data.is_some())
        .and_then(|store| Some((slot_address(func, store.addr)?, store)));
    let is_there = place.is_some_and(|((at, start), store)| {
        let start = start + i64::from(store.offset);
        let offset = i64::from(offset);
        at == slot && start < offset + LARGEST && offset < start + i64::from(store.size)
    });
    is_there
        .then_some(())
        .ok_or("it does not start at a store to the slot")
}

/// Can `next` come right after `step`?
fn follows(func: &Function, cfg: &Cfg, step: &Step, next: &Step) -> Result<(), Flaw> {
    let is_edge = |from: Block, to: Block| {
        let (from, to) = (cfg.node(from), cfg.node(to));
        from.zip(to)
            .is_some_and(|(from, to)| cfg.succs(from).any(|edge| edge.to == to))
    };
    match (step.inst, next.inst) {
        (_, None) if is_edge(step.block, next.block) => Ok(()),
        (_, None) => Err("two blocks are not joined by an edge"),
        (None, Some(_)) if step.block == next.block => Ok(()),
        (Some(a), Some(b)) if step.block == next.block => {
            // A block call's arguments are passed by the safepoint that it may be.
            let in_order = a == b || func.layout.pp_cmp(a, b).is_lt();
            in_order
                .then_some(())
                .ok_or("two instructions are out of order")
        }
        (_, Some(_)) => Err("an instruction is in a block that is not entered"),
    }
}

/// Does it start at the definition of `value`?
pub(crate) fn defines(func: &Function, steps: &[Step], value: Value) -> Result<(), Flaw> {
    let first = steps.first().ok_or("there is none")?;
    let defined = match func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => first.inst == Some(inst),
        ValueDef::Param(block, _) => first.inst.is_none() && first.block == block,
        ValueDef::Union(..) => false,
    };
    defined
        .then_some(())
        .ok_or("it does not start at the definition")
}

/// Does it start at the definition of `value`, or of something that it is made of?
pub(crate) fn defines_part(func: &Function, steps: &[Step], value: Value) -> Result<(), Flaw> {
    let mut pending = vec![value];
    // NB: Addresses are made of a few values; what is deeper is no witness.
    for _ in 0..64 {
        let Some(value) = pending.pop() else {
            break;
        };
        let value = func.dfg.resolve_aliases(value);
        if defines(func, steps, value).is_ok() {
            return Ok(());
        }
        if let ValueDef::Result(inst, _) = func.dfg.value_def(value) {
            pending.extend(passed_on(func, inst).operands());
        }
    }
    Err("it does not start at the definition of a part")
}

/// Is the definition at the start not executed again?
pub(crate) fn is_not_repeated(steps: &[Step]) -> Result<(), Flaw> {
    let first = steps[0];
    let again = steps[1..].iter().any(|step| match first.inst {
        Some(_) => step.inst == first.inst,
        None => step.inst.is_none() && step.block == first.block,
    });
    (!again)
        .then_some(())
        .ok_or("the value is defined again on the way")
}

/// Does it pass `safepoint`?
pub(crate) fn passes(steps: &[Step], safepoint: Inst) -> Result<(), Flaw> {
    let passes = steps
        .iter()
        .any(|step| step.role == Role::Safepoint && step.inst == Some(safepoint));
    passes.then_some(()).ok_or("it does not pass the safepoint")
}
