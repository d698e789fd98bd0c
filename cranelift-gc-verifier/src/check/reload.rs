//! What reloads see (GCV01, GCV03, GCV04).
//!
//! **Claim.** Of every reload that is reported, the slot holds nothing on some path, or not what the spiller
//! stored there, or a reference that a safepoint without it in its stack map made stale.
//!
//! **Strength.** That of [`slots`](crate::analysis::slots). A reload that nothing uses is no error. Where the
//! producer does not say which value a slot stands for, it is a variable: any reference may be in it.
//!
//! **Math.** For each load from a location, what the lattice of contents says just before it.

use crate::analysis::facts::Facts;
use crate::analysis::provenance::Class;
use crate::analysis::slots::{Hold, Location, Reload};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS, stores_to};
use crate::finding::error::{GcError, Held};
use crate::finding::report::Inconclusive;
use crate::finding::witness::Step;
use cranelift_codegen::ir::{Function, Opcode, Value, ValueDef};

/// Check all reloads.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    for reload in &facts.slots.reloads {
        check_reload(facts, findings, reload);
    }
    check_dynamic(facts, findings);
    for &inst in &facts.slots.misplaced {
        let reason = Inconclusive::MisplacedNote { inst };
        findings.inconclusive.push(reason);
    }
}

/// References in slots whose size is only known at run time.
fn check_dynamic(facts: &Facts, findings: &mut Findings) {
    let func = facts.func;
    if func.dfg.dynamic_types.is_empty() && func.dynamic_stack_slots.is_empty() {
        return;
    }
    for made in facts.body.accesses() {
        let is_reference = |value: Option<Value>| {
            value.is_some_and(|value| facts.values.class(value) != Class::Plain)
        };
        let inst = made.inst;
        if (is_reference(made.access.data) || is_reference(made.access.result))
            && is_dynamic(func, made.access.addr)
        {
            // NB: One is enough to say so.
            findings
                .inconclusive
                .push(Inconclusive::DynamicSlot { inst });
            return;
        }
    }
}

/// Is `address` that of a dynamic slot, or computed from one?
fn is_dynamic(func: &Function, address: Value) -> bool {
    let mut pending = vec![address];
    // NB: What is computed in more steps is an escape of the slot, and as rare.
    for _ in 0..64 {
        let Some(value) = pending.pop() else {
            return false;
        };
        let Some(inst) = func.dfg.value_def(func.dfg.resolve_aliases(value)).inst() else {
            continue;
        };
        let opcode = func.dfg.insts[inst].opcode();
        if opcode == Opcode::DynamicStackAddr {
            return true;
        }
        if !opcode.is_call() && !opcode.can_load() {
            pending.extend(func.dfg.inst_args(inst));
        }
    }
    false
}

fn check_reload(facts: &Facts, findings: &mut Findings, reload: &Reload) {
    let Location { slot, offset, .. } = facts.slots.locations[reload.loc as usize];
    let &Reload {
        inst,
        result,
        loc,
        hold,
        expected,
        ..
    } = reload;
    let uninitialized = |held| GcError::UninitializedRoot {
        inst,
        slot,
        offset,
        held,
    };
    let clobbered = |held| GcError::ClobberedRoot {
        inst,
        value: result,
        slot,
        offset,
        expected,
        held,
    };
    // NB: Without a word of the producer, a slot is memory like any other where no reference comes from it.
    let matters = || {
        (expected.is_some() || facts.values.class(result) == Class::Reference)
            && facts.is_used(result)
    };
    match hold {
        Hold::Unset if facts.is_used(result) => {
            findings.reject_unset(facts, uninitialized(Held::Unset), loc);
        }
        Hold::MaybeUnset if facts.is_used(result) => {
            findings.reject_unset(facts, uninitialized(Held::MaybeUnset), loc);
        }
        Hold::Partial if matters() => {
            findings.reject_last_store(facts, clobbered(Held::Partial), loc);
        }
        // Without a word of the producer, the slot is a variable.
        Hold::Conflict(a, b) if expected.is_some() && matters() => {
            let error = clobbered(Held::Conflict(a, b));
            // With the expected value known, the other one is to blame.
            let culprit = if expected == Some(b) { a } else { b };
            findings.reject_clobber(facts, error, loc, culprit);
        }
        Hold::Is { origin, .. } if expected.is_some_and(|expected| expected != origin) => {
            if matters() {
                findings.reject_clobber(facts, clobbered(Held::Value(origin)), loc, origin);
            }
        }
        Hold::Is { origin, .. } => {
            if let Some(other) = contradiction(facts, reload)
                && matters()
            {
                return findings.reject_stored(facts, clobbered(Held::Value(other)), loc, other);
            }
            check_stale(facts, findings, reload, origin);
        }
        Hold::Conflict(origin, _) => check_stale(facts, findings, reload, origin),
        Hold::Unset | Hold::MaybeUnset | Hold::Partial => {}
    }
}

/// Report what `reload` sees, which was stored for `origin`, if it went stale.
fn check_stale(facts: &Facts, findings: &mut Findings, reload: &Reload, origin: Value) {
    if reload.is_stale
        && facts.values.class(reload.result) != Class::Plain
        && facts.is_relied_on(reload.result)
    {
        findings.reject_unmapped(facts, reload.inst, origin, reload.loc);
    }
}

/// A value that was stored, as the producer says, for the one that is expected, and that is certainly another.
fn contradiction(facts: &Facts, reload: &Reload) -> Option<Value> {
    let expected = reload.expected?;
    let mut stored = facts.slots.stored_in(reload.content()).into_iter();
    stored.find(|&value| is_another(facts, value, expected))
}

/// Are both values such as no pass takes for each other: what arrives at blocks, or comes from calls?
fn is_another(facts: &Facts, a: Value, b: Value) -> bool {
    let func = facts.func;
    let of_its_own = |value| match func.dfg.value_def(value) {
        ValueDef::Param(block, _) => facts.cfg.node(block).is_some(),
        ValueDef::Result(inst, _) => {
            func.dfg.insts[inst].opcode().is_call() && facts.cfg.node_of_inst(func, inst).is_some()
        }
        ValueDef::Union(..) => false,
    };
    let [a, b] = [a, b].map(|value| func.dfg.resolve_aliases(value));
    a != b && facts.history.find(a) != facts.history.find(b) && of_its_own(a) && of_its_own(b)
}

/// Does the path start at the store that the reload sees?
pub(super) fn recheck(func: &Function, error: &GcError, steps: &[Step]) -> Result<(), Flaw> {
    match *error {
        GcError::ClobberedRoot { slot, offset, .. } => stores_to(func, steps, slot, offset),
        _ => Err(NOT_OURS),
    }
}
