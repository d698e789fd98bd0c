//! What reloads see (GCV01, GCV03, GCV04).
//!
//! **Claim.** Of every reload that is reported, the slot holds nothing on some path, or not what the spiller
//! stored there, or a reference that a safepoint without it in its stack map made stale.
//!
//! **Strength.** That of [`slots`](crate::analysis::slots). A reload that nothing uses is no error.
//!
//! **Math.** For each load from a location, what the lattice of contents says just before it.

use crate::analysis::facts::Facts;
use crate::analysis::provenance::Class;
use crate::analysis::slots::{Hold, Location, Reload};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS, stores_to};
use crate::finding::error::{GcError, Held};
use crate::finding::witness::Step;
use cranelift_codegen::ir::Function;

/// Check all reloads.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    for reload in &facts.slots.reloads {
        check_reload(facts, findings, reload);
    }
}

fn check_reload(facts: &Facts, findings: &mut Findings, reload: &Reload) {
    let Location { slot, offset, .. } = facts.slots.locations[reload.loc as usize];
    let &Reload {
        inst,
        result,
        loc,
        hold,
        is_stale,
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
    match hold {
        Hold::Unset if facts.is_used(result) => {
            findings.reject_unset(facts, uninitialized(Held::Unset), loc);
        }
        Hold::MaybeUnset if facts.is_used(result) => {
            findings.reject_unset(facts, uninitialized(Held::MaybeUnset), loc);
        }
        Hold::Partial if facts.is_used(result) => {
            findings.reject_last_store(facts, clobbered(Held::Partial), loc);
        }
        Hold::Conflict(a, b) if facts.is_used(result) => {
            let error = clobbered(Held::Conflict(a, b));
            // With the expected value known, the other one is to blame.
            let culprit = if expected == Some(b) { a } else { b };
            findings.reject_clobber(facts, error, loc, culprit);
        }
        Hold::Is { origin, .. } => {
            let other = expected.is_some_and(|expected| expected != origin);
            if other && facts.is_used(result) {
                findings.reject_clobber(facts, clobbered(Held::Value(origin)), loc, origin);
            } else if is_stale
                && facts.values.class(result) == Class::Reference
                && facts.is_relied_on(result)
            {
                findings.reject_unmapped(facts, inst, origin, loc);
            }
        }
        Hold::Unset | Hold::MaybeUnset | Hold::Partial | Hold::Conflict(..) => {}
    }
}

/// Does the path start at the store that the reload sees?
pub(super) fn recheck(func: &Function, error: &GcError, steps: &[Step]) -> Result<(), Flaw> {
    match *error {
        GcError::ClobberedRoot { slot, offset, .. } => stores_to(func, steps, slot, offset),
        _ => Err(NOT_OURS),
    }
}
