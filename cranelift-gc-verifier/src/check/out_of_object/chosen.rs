//! Accesses by one of two addresses.
//!
//! **Claim.** An access of which [`is_within`] says so is inside of its object, whichever address is chosen.
//!
//! **Strength.** That of [`bounds`](super::bounds) for each address, with what decides between them. Of choices among choices, so many are
//! looked at as [`MAX_DEPTH`] says.
//!
//! **Math.** `a = c ? x : y`, and for both arms, or where nothing is known of `c` for each of `x` and `y`, the access is inside.

use super::suspect::{Suspect, What};
use crate::analysis::facts::Facts;
use crate::ir::choice::{Chosen, Condition, chosen};
use crate::ir::instruction::Access;
use crate::ir::linear::Linear;
use cranelift_codegen::ir::{Value, ValueDef};
use smallvec::SmallVec;

/// How many choices are looked through, one after another, and how many numbers that are added to them.
const MAX_DEPTH: usize = 4;

/// An access by `addr`, which is no sum of a reference and something else.
pub(super) fn unclear(facts: &Facts, addr: Value) -> What {
    match of_address(facts, addr) {
        Some((chosen, _)) => What::Chosen(chosen),
        None => What::Unclear,
    }
}

/// The two addresses of which `addr` is one, and what is added to that.
fn of_address(facts: &Facts, addr: Value) -> Option<(Chosen, i64)> {
    let func = facts.func;
    let (mut value, mut added) = (addr, 0_i64);
    for _ in 0..MAX_DEPTH {
        value = facts.body.resolve(func, value);
        if let Some((rest, n)) = Linear::of_value(func, value).plus_number(func) {
            (value, added) = (rest, added.checked_add(n)?);
            continue;
        }
        let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
            return None;
        };
        return Some((chosen(func, &func.dfg.insts[inst])?, added));
    }
    None
}

/// What is found of the access by one of the addresses.
pub(super) enum Arm {
    /// It is inside of its object.
    Inside,
    /// The address is one of two again.
    Chosen(Chosen),
    Unknown,
}

/// Judges an access by one address, under the conditions under which that is chosen.
type Judge<'j> = dyn FnMut(&Access, &[Condition]) -> Arm + 'j;

/// Is the access of `suspect` inside of its object, whichever address is chosen?
pub(super) fn is_within(
    facts: &Facts,
    suspect: &Suspect,
    chosen: Chosen,
    judge: &mut Judge<'_>,
) -> bool {
    let given = &mut SmallVec::new();
    are_within(facts, &suspect.access, chosen, MAX_DEPTH, (judge, given))
}

fn are_within(
    facts: &Facts,
    of: &Access,
    chosen: Chosen,
    depth: usize,
    (judge, given): (&mut Judge<'_>, &mut SmallVec<[Condition; MAX_DEPTH]>),
) -> bool {
    let added = of_address(facts, of.addr).map(|(_, added)| added);
    let offset = added.and_then(|added| added.checked_add(of.offset.into()));
    let offset = offset.and_then(|offset| i32::try_from(offset).ok());
    let (Some(offset), Some(depth)) = (offset, depth.checked_sub(1)) else {
        return false;
    };
    [true, false].into_iter().zip(chosen.arms).all(|(is, arm)| {
        // NB: What is chosen by size is chosen under a condition that nobody computed.
        let condition = chosen.condition.map(|condition| (condition, is));
        given.extend(condition);
        let access = Access {
            addr: facts.body.resolve(facts.func, arm),
            offset,
            ..*of
        };
        let is_inside = match judge(&access, given) {
            Arm::Inside => true,
            Arm::Chosen(chosen) => are_within(facts, &access, chosen, depth, (judge, given)),
            Arm::Unknown => false,
        };
        if condition.is_some() {
            given.pop();
        }
        is_inside
    })
}
