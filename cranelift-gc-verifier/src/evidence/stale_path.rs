//! The path from the definition of a stale reference over a safepoint to its use.
//!
//! **Claim.** What is returned is such a path, and the safepoint is one on it.
//!
//! **Strength.** A safepoint whose stack map lacks the reference is preferred; without one, it is the last.
//! Whether the branches of the path agree is asked elsewhere ([`shown`](super::shown)).
//!
//! **Math.** Two shortest paths, from the definition to the safepoint and from there to the use, neither of
//! which executes the definition again.

use crate::analysis::facts::Facts;
use crate::analysis::keepalive;
use crate::analysis::provenance::Class;
use crate::analysis::slots::Hold;
use crate::analysis::version::Version;
use crate::evidence::steps::{point_step, push_path};
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::Node;
use crate::ir::instruction::{Passed, passed_on};
use crate::ir::path::{Forbidden, Point, Search};
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::ir::{Inst, Value, ValueDef};
use smallvec::SmallVec;

/// A use of a value that is not fresh.
#[derive(Clone, Copy)]
pub(crate) struct StaleUse {
    pub(crate) inst: Inst,
    pub(crate) value: Value,
    pub(crate) now: Version,
    /// Is it used after `inst`, as the argument of a block call of it?
    pub(crate) after: bool,
}

/// What is stale in a value that is, and where it is consumed.
pub(crate) struct StaleOrigin {
    /// The instruction that consumes it.
    pub(crate) inst: Inst,
    /// The reference that is stale.
    pub(crate) base: Value,
    /// The pointer that was derived from it while it was fresh, if it is one that is consumed.
    pub(crate) derived: Option<Value>,
    /// Is it consumed after `inst`, as the argument of a block call of it?
    after: bool,
    /// The values between the reference and its use that it was handed on as.
    handed_on: Vec<Value>,
}

/// Find the stale reference that the stale value of `stale` is made of.
///
/// `is_kept` tells whether a value is alive at an instruction all the same. Of several values, one that is not is
/// preferred.
pub(crate) fn stale_origin(
    facts: &Facts<'_>,
    stale: StaleUse,
    is_kept: impl Fn(Value, Inst) -> bool,
) -> Option<StaleOrigin> {
    let mut value = stale.value;
    let mut deriving = None;
    let mut handed_on = Vec::new();
    while let ValueDef::Result(inst, _) = facts.func.dfg.value_def(value) {
        if let Some(stored) = stored_for(facts, value, stale.now) {
            if facts.values.class(value) != facts.values.class(stored) {
                deriving = Some(inst);
            }
            handed_on.push(value);
            value = stored;
            continue;
        }
        let passed = passed_on(facts.func, inst);
        let is_origin = match passed {
            Passed::Nothing | Passed::Opaque(_) => true,
            Passed::Same(_) | Passed::Derived(_) => facts.is_cut_to_size(inst),
        };
        if is_origin {
            break;
        }
        if matches!(passed, Passed::Derived(_)) {
            deriving = Some(inst);
        }
        handed_on.push(value);
        let operands = passed
            .operands()
            .into_iter()
            .map(|operand| facts.body.resolve(facts.func, operand))
            .filter(|&operand| facts.is_stale(operand, stale.now));
        let operands: SmallVec<[Value; 2]> = operands.collect();
        let lost = operands
            .iter()
            .find(|&&operand| !is_kept(operand, stale.inst));
        value = *lost.or(operands.first())?;
    }
    let mut origin = StaleOrigin {
        inst: stale.inst,
        base: value,
        derived: None,
        after: stale.after,
        handed_on,
    };
    if let Some(deriving) = deriving {
        let there = facts.safepoints.before(facts.func, &facts.cfg, deriving)?;
        if facts.age(value).is_fresh_at(there) || is_kept(value, deriving) {
            origin.derived = Some(stale.value);
        } else {
            origin.inst = deriving;
            origin.after = false;
        }
    }
    Some(origin)
}

/// The same for a value of which `base` was found to be the reference, or a part of the sum.
pub(crate) fn computed_of(
    facts: &Facts<'_>,
    stale: StaleUse,
    (base, is_derived): (Value, bool),
    is_kept: impl Fn(Value, Inst) -> bool,
) -> Option<StaleOrigin> {
    let of_base = StaleUse {
        value: base,
        ..stale
    };
    let mut origin = stale_origin(facts, of_base, is_kept)?;
    origin.handed_on.push(stale.value);
    if is_derived {
        origin.derived = Some(stale.value);
    }
    Some(origin)
}

/// The stale value that was stored to a slot, if `value` is loaded from there as it was.
fn stored_for(facts: &Facts<'_>, value: Value, now: Version) -> Option<Value> {
    let found = facts.values.reshaped.get(value)?;
    let stored = found.whole().filter(|_| found.renewed.is_none())?;
    facts.is_stale(stored, now).then_some(stored)
}

/// A reference that `value`, which is derived from some, is derived from.
pub(crate) fn reference_of(facts: &Facts<'_>, value: Value) -> Value {
    let mut reference = value;
    keepalive::ancestors(facts, value, |ancestor, _| {
        let found = facts.values.class(ancestor) == Class::Reference;
        if found {
            reference = ancestor;
        }
        !found
    });
    reference
}

/// A safepoint on a path from a definition to a use.
pub(crate) struct Crossing {
    pub(crate) safepoint: Inst,
    /// Does its stack map name a slot that holds the reference?
    pub(crate) is_root: bool,
    pub(crate) steps: Vec<Step>,
}

/// Does the stack map of the safepoint at `index` have the reference of `origin`?
pub(crate) fn is_origin_root(facts: &Facts<'_>, origin: &StaleOrigin, index: usize) -> bool {
    let mut values = origin.handed_on.iter().chain([&origin.base]);
    values.any(|&value| is_root(facts, index, value))
}

/// Find a safepoint between the definition of a stale reference and its use: one whose stack map
/// does not have it, as `is_root` says, if there is one, or else the last.
pub(crate) fn crossing(
    facts: &Facts<'_>,
    origin: &StaleOrigin,
    is_root: impl Fn(usize) -> bool,
) -> Option<Crossing> {
    let func = facts.func;
    let (definition, block) = definition(facts, origin.base)?;
    let redefines = |at| definition.inst == Some(at);
    let forbidden = Forbidden {
        inst: &redefines,
        block,
    };
    let from_definition = Search::new(func, &facts.cfg, definition, forbidden);
    let all = &facts.safepoints.all;
    let can_reach_use = nodes_before(facts, origin.inst, definition.node);
    let is_before = |&index: &usize| can_reach_use[all[index].node as usize];
    let unrooted = (0..all.len())
        .filter(is_before)
        .filter(|&index| !is_root(index));
    let rooted = (0..all.len())
        .rev()
        .filter(is_before)
        .filter(|&index| is_root(index));
    steps::count(Analysis::Evidence, all.len() + 2 * facts.cfg.len());
    unrooted.chain(rooted).find_map(|index| {
        if steps::is_spent() {
            return None;
        }
        steps::count(Analysis::Evidence, facts.cfg.len());
        let safepoint = all[index];
        // A call that defines the value makes a fresh one each time.
        let defines = definition.inst == Some(safepoint.inst);
        if defines {
            return None;
        }
        let to_safepoint = from_definition.path_to(safepoint.inst)?;
        let point = Point::at(func, &facts.cfg, safepoint.inst)?;
        let search = Search::new(func, &facts.cfg, point, forbidden);
        let to_use = search.path_to(origin.inst).or_else(|| {
            // The arguments of a block call are passed after the safepoint that it may be.
            (origin.after && safepoint.inst == origin.inst).then(|| vec![safepoint.node])
        })?;
        let mut steps = vec![point_step(&facts.cfg, definition, Role::Definition)];
        push_path(
            facts.func,
            &facts.cfg,
            &mut steps,
            &to_safepoint,
            Role::Safepoint,
            safepoint.inst,
        );
        push_path(
            facts.func,
            &facts.cfg,
            &mut steps,
            &to_use,
            Role::Use,
            origin.inst,
        );
        Some(Crossing {
            safepoint: safepoint.inst,
            is_root: is_root(index),
            steps,
        })
    })
}

/// The blocks from which the block of `inst` can be reached without entering `definition` anew.
///
/// A cheap filter: a safepoint elsewhere need not be searched from.
fn nodes_before(facts: &Facts<'_>, inst: Inst, definition: Node) -> Vec<bool> {
    let mut before = vec![false; facts.cfg.len()];
    let mut pending: Vec<Node> = facts
        .cfg
        .node_of_inst(facts.func, inst)
        .into_iter()
        .collect();
    for &node in &pending {
        before[node as usize] = true;
    }
    while let Some(node) = pending.pop() {
        if node == definition {
            continue;
        }
        for edge in facts.cfg.preds(node) {
            if !core::mem::replace(&mut before[edge.from as usize], true) {
                pending.push(edge.from);
            }
        }
    }
    before
}

/// Where `value` is defined, and the block that defines it anew when it is entered.
fn definition(facts: &Facts<'_>, value: Value) -> Option<(Point, Option<Node>)> {
    let point = Point::of_value(facts.func, &facts.cfg, value)?;
    Some((point, point.inst.is_none().then_some(point.node)))
}

/// Does the stack map of the safepoint at `index` name a slot that holds `value`?
fn is_root(facts: &Facts<'_>, index: usize, value: Value) -> bool {
    let reloaded = facts
        .slots
        .reload_of(value)
        .and_then(|reload| match reload.hold {
            _ if reload.expected.is_some() => reload.expected,
            Hold::Is { origin, .. } => Some(origin),
            Hold::Unset | Hold::Conflict(..) | Hold::Partial | Hold::MaybeUnset => None,
        });
    facts.slots.roots_of(index).any(|root| match root.hold {
        Hold::Is { origin, data } => origin == value || data == value || reloaded == Some(origin),
        Hold::Conflict(a, b) => a == value || b == value,
        Hold::Unset | Hold::Partial | Hold::MaybeUnset => false,
    })
}
