//! Witnesses, checked again before they are shown.
//!
//! This reads the function alone: none of the analyses that led to the error.

use crate::finding::error::GcError;
use crate::finding::witness::{Role, Step, Witness};
use crate::ir::cfg::Cfg;
use crate::ir::instruction::passed_on;
use crate::ir::safepoint::may_collect;
use cranelift_codegen::ir::{Block, Function, Inst, Value, ValueDef};

/// Is `witness` a path of `func` that shows what `error` says?
pub(crate) fn witness(
    func: &Function,
    cfg: &Cfg,
    error: &GcError,
    witness: &Witness,
) -> Result<(), &'static str> {
    let steps = &witness.steps;
    let (Some(first), Some(last)) = (steps.first(), steps.last()) else {
        return Err("there is none");
    };
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
    // A dead store is contradicted by what comes after it.
    if let GcError::UnsoundForwarding { inst, other, .. } = *error {
        let ends = [(first.inst, last.inst), (last.inst, first.inst)];
        let begins_or_ends = ends.iter().any(|(end, _)| *end == Some(inst));
        let shows = steps.iter().any(|step| step.inst == Some(other));
        return match begins_or_ends && shows {
            true => Ok(()),
            false => Err("it does not join the two instructions"),
        };
    }
    if last.inst != Some(error.inst()) {
        return Err("it does not end at the guilty instruction");
    }
    match *error {
        GcError::StaleReference {
            value, safepoint, ..
        } => {
            defines(func, first, value)?;
            is_not_repeated(steps)?;
            passes(steps, safepoint)
        }
        GcError::StaleDerivedPointer {
            base,
            value,
            safepoint,
            ..
        } => {
            // A derived pointer may arrive as a block parameter, and more be added to it.
            defines(func, first, base).or_else(|_| defines_part(func, first, value))?;
            is_not_repeated(steps)?;
            passes(steps, safepoint)
        }
        GcError::MembershipChanged { new, safepoint, .. } => {
            defines(func, first, new)?;
            is_not_repeated(steps)?;
            passes(steps, safepoint)
        }
        GcError::MissingRoot { safepoint, .. } => passes(steps, safepoint),
        GcError::UnguardedDereference {
            inst, value, word, ..
        }
        | GcError::GuardRemoved {
            inst, value, word, ..
        } => {
            defines(func, first, value)?;
            crate::check::dereference::recheck(func, cfg, value, word, inst, steps)
        }
        GcError::StaleHeapBase {
            value, safepoint, ..
        }
        | GcError::StaleState {
            value, safepoint, ..
        } => {
            defines(func, first, value)?;
            is_not_repeated(steps)?;
            passes(steps, safepoint)
        }
        GcError::MovableLoad { inst, .. } => {
            crate::check::collector_state::is_movable_load(func, inst)
                .then_some(())
                .ok_or("the load cannot be moved")
        }
        GcError::TrapLost { inst, value } => crate::check::lost_trap::is_lost(func, inst, value)
            .then_some(())
            .ok_or("the address is used"),
        GcError::UninitializedObject { inst, value } => {
            defines(func, first, value)?;
            passes(steps, inst)
        }
        GcError::FieldMoved {
            subtype,
            supertype,
            field,
            ..
        } => crate::check::layout::recheck(func, subtype, supertype, field)
            .then_some(())
            .ok_or("the field is where it is in the supertype"),
        GcError::UnstoredWord { value, .. } => {
            defines(func, first, value)?;
            is_not_repeated(steps)
        }
        GcError::UninitializedRoot { .. } if Some(first.block) != func.layout.entry_block() => {
            Err("it does not start at the entry")
        }
        GcError::UninitializedRoot { .. }
        | GcError::ClobberedRoot { .. }
        | GcError::NonReferenceRoot { .. }
        | GcError::UnsoundForwarding { .. }
        | GcError::RepresentationChanged { .. }
        | GcError::UnequalRewrite { .. }
        | GcError::LostStackMap { .. } => Ok(()),
    }
}

/// Can `next` come right after `step`?
fn follows(func: &Function, cfg: &Cfg, step: &Step, next: &Step) -> Result<(), &'static str> {
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

fn defines(func: &Function, first: &Step, value: Value) -> Result<(), &'static str> {
    let defined = match func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => first.inst == Some(inst),
        ValueDef::Param(block, _) => first.inst.is_none() && first.block == block,
        ValueDef::Union(..) => false,
    };
    defined
        .then_some(())
        .ok_or("it does not start at the definition")
}

/// Is `value`, or something that it is made of, defined there?
fn defines_part(func: &Function, first: &Step, value: Value) -> Result<(), &'static str> {
    let mut pending = vec![value];
    // NB: Addresses are made of a few values; what is deeper is no witness.
    for _ in 0..64 {
        let Some(value) = pending.pop() else {
            break;
        };
        let value = func.dfg.resolve_aliases(value);
        if defines(func, first, value).is_ok() {
            return Ok(());
        }
        if let ValueDef::Result(inst, _) = func.dfg.value_def(value) {
            pending.extend(passed_on(func, inst).operands());
        }
    }
    Err("it does not start at the definition of a part")
}

/// Is the definition at the start not executed again?
fn is_not_repeated(steps: &[Step]) -> Result<(), &'static str> {
    let first = steps[0];
    let again = steps[1..].iter().any(|step| match first.inst {
        Some(_) => step.inst == first.inst,
        None => step.inst.is_none() && step.block == first.block,
    });
    (!again)
        .then_some(())
        .ok_or("the value is defined again on the way")
}

fn passes(steps: &[Step], safepoint: Inst) -> Result<(), &'static str> {
    let passes = steps
        .iter()
        .any(|step| step.role == Role::Safepoint && step.inst == Some(safepoint));
    passes.then_some(()).ok_or("it does not pass the safepoint")
}
