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
use crate::analysis::origin::Origin;
use crate::analysis::provenance::Class;
use crate::analysis::slots::entry;
use crate::analysis::slots::{Hold, Location, Root, is_put_together};
use crate::analysis::sources::{self, Sources, is_zero, why_no_reference_by_making};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS, starts_at_entry, stores_to};
use crate::evidence::slot_path;
use crate::finding::error::{GcError, Held, NonReference};
use crate::finding::report::Inconclusive;
use crate::finding::witness::Step;
use crate::ir::constant::number;
use cranelift_codegen::ir::{Function, Inst, Type, Value, types};
use smallvec::SmallVec;

/// What can be a copy of what, for two questions.
#[derive(Default)]
struct Searches {
    /// Is it a reference?
    references: Sources,
    /// Was it stored?
    unset: Sources,
}

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
    let mut sources = Searches::default();
    for (index, safepoint) in facts.safepoints.all.iter().enumerate() {
        for root in facts.slots.roots_of(index) {
            let is_fine = &mut is_fine[root.content as usize];
            let is_fine = *is_fine.get_or_insert_with(|| is_reference(facts, &mut sources, &root));
            if root.is_stale || !is_fine {
                check_root(facts, findings, &mut sources, safepoint.inst, &root);
            }
        }
    }
}

/// Is what `root` names a reference on every path, as far as can be told?
fn is_reference(facts: &Facts, sources: &mut Searches, root: &Root) -> bool {
    let ty = facts.slots.locations[root.loc as usize].ty;
    match root.hold {
        Hold::Is { .. } | Hold::Conflict(..) => {
            culprit(facts, sources, root, ty).is_none()
                && unclear(facts, root, ty).is_none()
                && !may_be_unset(facts, sources, root)
        }
        Hold::Unset | Hold::Partial | Hold::MaybeUnset => false,
    }
}

/// A value that was stored in what `root` names and that is no reference of type `ty`, with the reason.
fn culprit(
    facts: &Facts,
    sources: &mut Searches,
    root: &Root,
    ty: Type,
) -> Option<(Value, NonReference)> {
    let stored = match root.hold {
        Hold::Is { data, .. } => SmallVec::from_slice(&[data]),
        // Which of them it is does not matter to the collector; what they are does.
        _ => facts.slots.stored_in(root.content),
    };
    let mut stored = stored.into_iter();
    stored.find_map(|value| Some((value, why_no_reference(facts, sources, value, ty)?)))
}

/// Was what is stored in `root` loaded from a slot to which nothing was stored on some way there?
///
/// Of what is followed as a reload, that is said of the reload.
fn may_be_unset(facts: &Facts, sources: &mut Searches, root: &Root) -> bool {
    let body = &facts.body;
    if facts.values.reshaped.is_empty() {
        return false;
    }
    let stored: SmallVec<[Value; 2]> = match root.hold {
        Hold::Is { data, .. } => SmallVec::from_slice(&[data]),
        Hold::Conflict(..) => facts.slots.stored_in(root.content),
        Hold::Partial => {
            let stores = facts.slots.clobbers(root.loc);
            let data = stores.filter_map(|inst| body.access_at(body.slot_access(inst)?).data);
            data.collect()
        }
        Hold::Unset | Hold::MaybeUnset => return false,
    };
    let judge = |value: Value| {
        let reshaped = &facts.values.reshaped;
        reshaped
            .may_be_unset(facts.func, &facts.cfg, body, value)
            .then_some(())
    };
    let nothing = |_| SmallVec::new();
    stored.into_iter().any(|value| {
        let found = sources
            .unset
            .find(facts.func, &facts.cfg, value, nothing, judge);
        found.is_some()
    })
}

/// What was stored in what `root` names, and is computed of references in a way that is not understood.
fn unclear(facts: &Facts, root: &Root, ty: Type) -> Option<Value> {
    let stored = match root.hold {
        Hold::Is { data, .. } => SmallVec::from_slice(&[data]),
        Hold::Conflict(..) => facts.slots.stored_in(root.content),
        Hold::Unset | Hold::Partial | Hold::MaybeUnset => SmallVec::new(),
    };
    let mut stored = stored.into_iter();
    stored.find(|&value| is_unclear(facts, value, ty))
}

/// Is it not understood whether `data`, in a slot of type `ty`, is a reference?
fn is_unclear(facts: &Facts, data: Value, ty: Type) -> bool {
    facts.func.dfg.value_type(data) == ty
        && facts.values.class(data) == Class::Opaque
        && !matches!(
            facts.origin(data, |_| true),
            Some(Origin::Is(_) | Origin::Derived(_))
        )
}

fn check_root(
    facts: &Facts,
    findings: &mut Findings,
    sources: &mut Searches,
    inst: Inst,
    root: &Root,
) {
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
    if let Some(value) = unclear(facts, root, ty) {
        let unclear = Inconclusive::OpaqueRoot { inst, value };
        return findings.inconclusive.push(unclear);
    }
    if root.hold == Hold::Partial
        && let Some(value) = opaque_store(facts, root)
    {
        let unclear = Inconclusive::OpaqueRoot { inst, value };
        return findings.inconclusive.push(unclear);
    }
    if may_be_unset(facts, sources, root) {
        let steps = || slot_path::entry(facts, inst);
        return findings.reject(uninitialized(Held::MaybeUnset), steps);
    }
    match root.hold {
        Hold::Unset => findings.reject_unset(facts, uninitialized(Held::Unset), root.loc),
        Hold::MaybeUnset => findings.reject_unset(facts, uninitialized(Held::MaybeUnset), root.loc),
        Hold::Partial => {
            let error = non_reference(None, NonReference::Partial);
            findings.reject_last_store(facts, error, root.loc);
        }
        Hold::Is { origin, .. } | Hold::Conflict(origin, _) => {
            if let Some((value, why)) = culprit(facts, sources, root, ty) {
                findings.reject_stored(facts, non_reference(Some(value), why), root.loc, value);
            } else if root.is_stale {
                findings.reject_unmapped(facts, inst, origin, root.loc);
            }
        }
    }
}

/// What is stored in `root` and around it, if all that is stored like that is made of references in a way that is not followed.
fn opaque_store(facts: &Facts, root: &Root) -> Option<Value> {
    let Location { offset, ty, .. } = facts.slots.locations[root.loc as usize];
    let (start, end) = (i64::from(offset), i64::from(offset) + i64::from(ty.bytes()));
    let mut found = None;
    for inst in facts.slots.clobbers(root.loc) {
        let at = facts.body.slot_access(inst)?;
        let access = facts.body.access_at(at);
        let data = access.data?;
        let covers = at.offset <= start && end <= at.offset + i64::from(access.size);
        let is_wider = i64::from(access.size) > end - start;
        if !covers || !is_wider || facts.values.class(data) <= Class::Payload {
            return None;
        }
        // NB: What is put together in these ways is followed, and is what it seems to be.
        let made = facts.func.dfg.value_def(data).inst()?;
        if facts.func.dfg.insts[made].opcode().can_load() || is_put_together(facts.func, made) {
            return None;
        }
        found = Some(data);
    }
    found
}

/// Is `data`, which is computed of references, one of them?
fn is_reference_again(facts: &Facts, data: Value) -> bool {
    match facts.origin(data, |_| true) {
        Some(Origin::Is(of)) => facts.values.class(of) == Class::Reference,
        Some(Origin::Nothing | Origin::Derived(_) | Origin::Opaque(_)) | None => false,
    }
}

/// Why `data` cannot be a reference of type `ty`, if so.
fn why_no_reference(
    facts: &Facts,
    sources: &mut Searches,
    data: Value,
    ty: Type,
) -> Option<NonReference> {
    let stored = facts.func.dfg.value_type(data);
    // NB: The bits of a reference may be those of a float for a while.
    let is_recast = stored.bits() == ty.bits() && facts.values.class(data) == Class::Reference;
    if stored != ty && !is_recast {
        return (!is_zero(facts.func, data)).then_some(NonReference::StoredType(stored));
    }
    let stored = |value| {
        match facts.slots.reload_of(value) {
            Some(reload) => facts.slots.stored_in(reload.content()),
            // NB: The slot that it was in may be one that no stack map names.
            None => {
                let (func, reshaped) = (facts.func, &facts.values.reshaped);
                let found = reshaped.find(func, &facts.cfg, &facts.body, value);
                found.and_then(|found| found.whole()).into_iter().collect()
            }
        }
    };
    let judge = |value| why_not_itself(facts, value, ty);
    sources
        .references
        .find(facts.func, &facts.cfg, data, stored, judge)
}

/// The same of what `value` is made of, if it is not another value as it is.
fn why_not_itself(facts: &Facts, value: Value, ty: Type) -> Option<NonReference> {
    match facts.values.class(value) {
        Class::Derived if !is_reference_again(facts, value) => {
            return Some(NonReference::Derived);
        }
        Class::Opaque if matches!(facts.origin(value, |_| true), Some(Origin::Derived(_))) => {
            return Some(NonReference::Derived);
        }
        Class::Plain | Class::Payload | Class::Reference | Class::Derived | Class::Opaque => {}
    }
    let is_recast = || {
        let class = facts.values.class(value);
        let mut recast = facts.body.recast.iter();
        class == Class::Reference && recast.any(|&(of, _)| of == value)
    };
    if let Some(why) = why_no_reference_by_making(facts.func, value)
        && !is_recast()
    {
        return Some(why);
    }
    if facts.is_number(value) {
        return Some(NonReference::Scalar);
    }
    if is_computed(facts, value) {
        return Some(NonReference::Derived);
    }
    if ty == types::I32
        && sources::even_number(facts.func, value, &|of| facts.is_number(of)).is_some()
    {
        return Some(NonReference::Scalar);
    }
    // Null is 0, and i31s are odd, of the references that are indices into a heap.
    let n = number(facts.func, value)?;
    let is_none = n != 0 && (n % 2 == 0 || ty != types::I32);
    is_none.then_some(NonReference::Constant(n as i64))
}

/// Is `value` computed, and not handed on, from something that is a reference or made of one?
fn is_computed(facts: &Facts, value: Value) -> bool {
    let func = facts.func;
    let made = func.dfg.value_def(value).inst();
    let Some(inst) = made.filter(|_| facts.values.class(value) <= Class::Payload) else {
        return false;
    };
    let opcode = func.dfg.insts[inst].opcode();
    if opcode.is_call() || opcode.can_load() || func.dfg.gc_info.fact(value).is_some() {
        return false;
    }
    let args = func.dfg.inst_args(inst).iter();
    let mut args = args.map(|&arg| func.dfg.resolve_aliases(arg));
    // NB: An i31 may be made of the payload of another one.
    args.any(|arg| facts.values.class(arg) > Class::Payload)
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
