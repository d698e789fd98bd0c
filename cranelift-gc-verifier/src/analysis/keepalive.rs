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

use crate::analysis::demand::ArgsOf;
use crate::analysis::facts::Facts;
use crate::analysis::provenance::Class;
use crate::analysis::slots::Hold;
use crate::analysis::version::Version;
use crate::ir::instruction::{Passed, passed_on};
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Value, ValueDef};

/// What a pointer can be derived from.
pub(crate) struct Family {
    args: ArgsOf,
    references: EntitySet<Value>,
}

impl Family {
    /// The family of `pointer`, if all of it is known and can die.
    pub(crate) fn of(facts: &Facts<'_>, pointer: Value) -> Option<Family> {
        let args = ArgsOf::new(facts.func, &facts.cfg);
        let mut references = EntitySet::new();
        let mut is_known = true;
        ancestors(facts, &args, pointer, |value, is_first| {
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
        (is_known && !references.is_empty()).then_some(Family { args, references })
    }

    /// Is a member of it, or what a member was handed on as, a root of the safepoint at `index`?
    pub(crate) fn is_kept_by(&self, facts: &Facts<'_>, index: usize) -> bool {
        let roots = facts.slots.roots_of(index);
        let mut held = roots.flat_map(|root| match root.hold {
            Hold::Is { origin, data } => [Some(origin), Some(data)],
            Hold::Conflict(a, b) => [Some(a), Some(b)],
            Hold::Unset | Hold::Partial | Hold::MaybeUnset => [None, None],
        });
        held.any(|value| value.is_some_and(|value| self.is_kin(facts, value)))
    }

    fn is_kin(&self, facts: &Facts<'_>, value: Value) -> bool {
        let mut is_kin = false;
        ancestors(facts, &self.args, value, |value, _| {
            is_kin |= self.references.contains(value);
            !is_kin
        });
        is_kin
    }
}

/// Call `visit` with `value`, with all that it is made of, and with whether that is made of nothing
/// else, until `visit` returns false.
pub(crate) fn ancestors(
    facts: &Facts<'_>,
    args: &ArgsOf,
    value: Value,
    mut visit: impl FnMut(Value, bool) -> bool,
) {
    let func = facts.func;
    let mut seen = EntitySet::new();
    let mut pending = vec![func.dfg.resolve_aliases(value)];
    while let Some(value) = pending.pop() {
        if !seen.insert(value) {
            continue;
        }
        let before = pending.len();
        match func.dfg.value_def(value) {
            ValueDef::Param(..) => pending.extend(args.of(value)),
            ValueDef::Result(inst, _) => {
                let passed = passed_on(func, inst);
                let operands = passed.operands().map(|v| func.dfg.resolve_aliases(v));
                pending.extend(operands.filter(|&v| facts.values.class(v) != Class::Plain));
                if matches!(passed, Passed::Nothing) {
                    pending.extend(reloaded(facts, value));
                }
            }
            ValueDef::Union(..) => {}
        }
        if !visit(value, pending.len() == before) {
            return;
        }
    }
}

/// What was spilled for the reload `value`.
fn reloaded(facts: &Facts<'_>, value: Value) -> impl Iterator<Item = Value> {
    let mut reloads = facts.slots.reloads.iter();
    let reload = reloads.find(|reload| reload.result == value);
    let origins = reload.map(|reload| {
        let held = reload.hold.origins();
        held.iter()
            .copied()
            .chain(reload.expected)
            .collect::<Vec<_>>()
    });
    origins.unwrap_or_default().into_iter()
}
