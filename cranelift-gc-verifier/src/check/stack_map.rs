//! What the entries of stack maps name (GCV03, GCV05).
//!
//! **Claim.** Of every entry that is reported, the location cannot hold a reference at the safepoint, or holds
//! none on some path, or one that went stale before.
//!
//! **Strength.** That of [`slots`](crate::analysis::slots). What is stored is taken for a reference unless its
//! type, its making or its value says otherwise.
//!
//! **Math.** For each safepoint and each location that its stack map names, what the lattice of contents says
//! just before the safepoint.

use crate::analysis::facts::Facts;
use crate::analysis::provenance::Class;
use crate::analysis::slots::entry;
use crate::analysis::slots::{Hold, Location, Root};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS, starts_at_entry, stores_to};
use crate::evidence::slot_path;
use crate::finding::error::{GcError, Held, NonReference};
use crate::finding::witness::Step;
use crate::ir::cfg::constant;
use cranelift_codegen::ir::{Function, Inst, Type, Value, types};

/// Check all stack maps.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    check_entries(facts, findings);
    check_roots(facts, findings);
}

fn check_entries(facts: &Facts, findings: &mut Findings) {
    for bad in &facts.slots.bad_entries {
        let Location { slot, offset, .. } = bad.location;
        let error = GcError::NonReferenceRoot {
            inst: bad.inst,
            slot,
            offset,
            value: None,
            why: bad.why,
        };
        findings.reject(error, || slot_path::entry(facts, bad.inst));
    }
}

fn check_roots(facts: &Facts, findings: &mut Findings) {
    // NB: Most maps see what others see; what it is need be found out once.
    let mut is_fine = vec![None; facts.slots.contents()];
    for (index, safepoint) in facts.safepoints.all.iter().enumerate() {
        for root in facts.slots.roots_of(index) {
            let is_fine = &mut is_fine[root.content as usize];
            let is_fine = *is_fine.get_or_insert_with(|| is_reference(facts, &root));
            if root.is_stale || !is_fine {
                check_root(facts, findings, safepoint.inst, &root);
            }
        }
    }
}

/// Is what `root` names a reference on every path, as far as can be told?
fn is_reference(facts: &Facts, root: &Root) -> bool {
    let ty = facts.slots.locations[root.loc as usize].ty;
    match root.hold {
        Hold::Is { data, .. } => why_no_reference(facts, data, ty).is_none(),
        Hold::Conflict(a, b) => [a, b]
            .iter()
            .all(|&value| why_no_reference(facts, value, ty).is_none()),
        Hold::Unset | Hold::Partial | Hold::MaybeUnset => false,
    }
}

fn check_root(facts: &Facts, findings: &mut Findings, inst: Inst, root: &Root) {
    let Location {
        slot, offset, ty, ..
    } = facts.slots.locations[root.loc as usize];
    let uninitialized = |held| GcError::UninitializedRoot {
        inst,
        slot,
        offset,
        held,
    };
    let non_reference = |value, why| GcError::NonReferenceRoot {
        inst,
        slot,
        offset,
        value,
        why,
    };
    match root.hold {
        Hold::Unset => findings.reject_unset(facts, uninitialized(Held::Unset), root.loc),
        Hold::MaybeUnset => findings.reject_unset(facts, uninitialized(Held::MaybeUnset), root.loc),
        Hold::Partial => {
            let error = non_reference(None, NonReference::Partial);
            findings.reject_last_store(facts, error, root.loc);
        }
        Hold::Is { origin, data } => {
            if let Some(why) = why_no_reference(facts, data, ty) {
                let error = non_reference(Some(data), why);
                findings.reject_last_store(facts, error, root.loc);
            } else if root.is_stale {
                findings.reject_unmapped(facts, inst, origin, root.loc);
            }
        }
        // Which of them it is does not matter to the collector; what they are does.
        Hold::Conflict(a, b) => {
            let culprit = [a, b]
                .into_iter()
                .find_map(|value| Some((value, why_no_reference(facts, value, ty)?)));
            if let Some((value, why)) = culprit {
                findings.reject_clobber(facts, non_reference(Some(value), why), root.loc, value);
            }
        }
    }
}

/// Why `data` cannot be a reference of type `ty`, if so.
fn why_no_reference(facts: &Facts, data: Value, ty: Type) -> Option<NonReference> {
    let stored = facts.func.dfg.value_type(data);
    if stored != ty {
        return Some(NonReference::StoredType(stored));
    }
    if facts.values.class(data) == Class::Derived {
        return Some(NonReference::Derived);
    }
    // NB: Nothing that is known to be a reference is a constant.
    if facts.values.class(data) == Class::Reference {
        return None;
    }
    // Null is 0, and i31s are odd, of the references that are indices into a heap.
    let n = constant(facts.func, data)?;
    (ty == types::I32 && n != 0 && n % 2 == 0).then_some(NonReference::Constant(n as i64))
}

/// Does the path show what the location holds?
pub(super) fn recheck(func: &Function, error: &GcError, steps: &[Step]) -> Result<(), Flaw> {
    match *error {
        GcError::UninitializedRoot { .. } => starts_at_entry(func, steps),
        GcError::NonReferenceRoot {
            inst,
            slot,
            offset,
            why:
                why @ (NonReference::EntryType(_)
                | NonReference::OutOfBounds { .. }
                | NonReference::Overlaps),
            ..
        } => {
            let entries = func.dfg.user_stack_map_entries(inst).unwrap_or_default();
            let mut judged = entries.iter().enumerate().filter_map(|(index, entry)| {
                let is_it = (entry.slot, entry.offset) == (slot, offset);
                is_it.then(|| {
                    entry::judge(func, entry, &entry::Before::of(entry, &entries[..index]))
                })?
            });
            judged
                .any(|judged| judged == why)
                .then_some(())
                .ok_or("the entry is as it should be")
        }
        GcError::NonReferenceRoot { slot, offset, .. } => stores_to(func, steps, slot, offset),
        _ => Err(NOT_OURS),
    }
}
