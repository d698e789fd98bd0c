//! What keeps the object of a derived pointer alive, under a collector that traces without moving.
//!
//! **Claim.** Where no safepoint on the way is passed without a root of it, the object is alive; where
//! [`Family::is_kept_by`] says no, none of the references that the pointer can be derived from, nor
//! anything that they were handed on as, is in the stack map.
//!
//! **Strength.** A pointer whose making is not understood, or that may come from a reference that
//! stays alive for good, is said to be kept. So is one of whose possible bases only one is rooted.
//!
//! **Math.** The family of a pointer is what it is made of, backwards through pure instructions, block
//! parameters and reloads. A root keeps it if their families have a reference in common.

use crate::analysis::facts::Facts;
use crate::analysis::provenance::Class;
use crate::analysis::slots::Hold;
use crate::analysis::version::Version;
use crate::ir::instruction::{Passed, passed_on};
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::FxHashSet;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Value, ValueDef};
use smallvec::SmallVec;

/// What a pointer can be derived from.
pub(crate) struct Family {
    references: EntitySet<Value>,
}

impl Family {
    /// The family of `pointer`, if all of it is known and can die.
    pub(crate) fn of(facts: &Facts<'_>, pointer: Value) -> Option<Family> {
        let mut references = EntitySet::new();
        let mut is_known = true;
        ancestors(facts, pointer, |value, is_first| {
            match facts.values.class(value) {
                Class::Reference => {
                    is_known &= facts.age(value) != Version::AGELESS;
                    references.insert(value);
                }
                Class::Derived => is_known &= !is_first,
                Class::Plain => {}
            }
            true
        });
        (is_known && !references.is_empty()).then_some(Family { references })
    }

    /// Is a member of it, or what a member was handed on as, a root of the safepoint at `index`?
    pub(crate) fn is_kept_by(&self, facts: &Facts<'_>, index: usize) -> bool {
        let mut held = held_at(facts, index);
        held.any(|value| is_made_of(facts, value, |value| self.references.contains(value)))
    }
}

/// The references that a pointer is derived from without any other in between.
///
/// What keeps one of these keeps the whole family, and most pointers are kept so. There are few of them, where the
/// family may go back to the beginning of the function.
pub(crate) struct Nearest {
    references: SmallVec<[Value; 4]>,
}

impl Nearest {
    /// Those of `pointer`, if it is made of nothing else.
    pub(crate) fn of(facts: &Facts<'_>, pointer: Value) -> Option<Nearest> {
        let mut references = SmallVec::new();
        let mut seen = FxHashSet::default();
        let mut pending = vec![facts.func.dfg.resolve_aliases(pointer)];
        while let Some(value) = pending.pop() {
            if !seen.insert(value) {
                continue;
            }
            match facts.values.class(value) {
                Class::Reference => {
                    references.push(value);
                    continue;
                }
                Class::Plain => continue,
                Class::Derived => {}
            }
            let before = pending.len();
            parents(facts, value, &mut pending);
            if pending.len() == before {
                return None;
            }
        }
        (!references.is_empty()).then_some(Nearest { references })
    }

    /// Is one of them, or what it was handed on as, a root of the safepoint at `index`?
    pub(crate) fn is_kept_by(&self, facts: &Facts<'_>, index: usize) -> bool {
        let mut held = held_at(facts, index);
        held.any(|value| {
            // NB: What is far from them is not looked for here.
            let mut left = MAX_NEAR;
            is_made_of(facts, value, |value| {
                left = left.saturating_sub(1);
                left == 0 || self.references.contains(&value)
            }) && left > 0
        })
    }
}

/// How many values are looked at for one that may be made of a reference that is near.
const MAX_NEAR: u32 = 32;

/// What is in the slots that the stack map of the safepoint at `index` names.
fn held_at(facts: &Facts<'_>, index: usize) -> impl Iterator<Item = Value> {
    let roots = facts.slots.roots_of(index);
    let held = roots.flat_map(|root| match root.hold {
        Hold::Is { origin, data } => [Some(origin), Some(data)],
        Hold::Conflict(a, b) => [Some(a), Some(b)],
        Hold::Unset | Hold::Partial | Hold::MaybeUnset => [None, None],
    });
    held.flatten()
}

/// Is one of the values that `value` is made of, or itself, one that is wanted?
fn is_made_of(facts: &Facts<'_>, value: Value, mut is_wanted: impl FnMut(Value) -> bool) -> bool {
    let mut is_one = false;
    ancestors(facts, value, |value, _| {
        is_one |= is_wanted(value);
        !is_one
    });
    is_one
}

/// Call `visit` with `value`, with all that it is made of, and with whether that is made of nothing
/// else, until `visit` returns false.
pub(crate) fn ancestors(
    facts: &Facts<'_>,
    value: Value,
    mut visit: impl FnMut(Value, bool) -> bool,
) {
    let mut seen = FxHashSet::default();
    let mut pending = vec![facts.func.dfg.resolve_aliases(value)];
    while let Some(value) = pending.pop() {
        if !seen.insert(value) {
            continue;
        }
        steps::count(Analysis::Keepalive, 1);
        let before = pending.len();
        parents(facts, value, &mut pending);
        if !visit(value, pending.len() == before) {
            return;
        }
    }
}

/// Add what `value` is made of: what is passed for a block parameter, what an instruction hands on, and what was
/// spilled for a reload.
fn parents(facts: &Facts<'_>, value: Value, parents: &mut Vec<Value>) {
    let func = facts.func;
    match func.dfg.value_def(value) {
        ValueDef::Param(..) => parents.extend(facts.args().of(value)),
        ValueDef::Result(inst, _) => {
            let passed = passed_on(func, inst);
            let operands = passed.operands().map(|v| func.dfg.resolve_aliases(v));
            parents.extend(operands.filter(|&v| facts.values.class(v) != Class::Plain));
            if let (Passed::Nothing, Some(reload)) = (passed, facts.slots.reload_of(value)) {
                parents.extend(reload.hold.origins());
                parents.extend(reload.expected);
            }
        }
        ValueDef::Union(..) => {}
    }
}
