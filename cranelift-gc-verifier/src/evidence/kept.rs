//! Whether something keeps an object alive from a definition to a use.
//!
//! **Claim.** Where [`on_all_ways`] says yes, every safepoint on every way from the definition to the use is one that
//! keeps the object, so that there is nothing to show.
//!
//! **Strength.** Where it says no, there may be such a safepoint on a way that leads from the definition over it to
//! the use. Somebody else looks for one.
//!
//! **Math.** A walk from the use backwards to the definition, which dominates it. The safepoints of a block have
//! numbers in a row, so that a block is passed by two searches in the list of those that keep the object.

use crate::analysis::facts::Facts;
use crate::analysis::keepalive::Nearest;
use crate::analysis::slots::Hold;
use crate::ir::cfg::Node;
use crate::ir::path::Point;
use crate::ir::steps::{self, Analysis};
use core::ops::Range;
use cranelift_codegen::ir::{Inst, Value};
use smallvec::SmallVec;

/// What keeps an object alive.
pub(crate) enum Keeper<'a> {
    /// A root that is one of these values: the safepoints at which each is one, in order.
    Values(SmallVec<[&'a [u32]; 4]>),
    /// A root that the pointer may be derived from, or that is made of that.
    Family(Nearest),
}

impl<'a> Keeper<'a> {
    /// A root of one of `values`.
    pub(crate) fn of(facts: &'a Facts<'_>, values: impl Iterator<Item = Value>) -> Self {
        let mut lists = SmallVec::<[&[u32]; 4]>::new();
        for value in values {
            lists.push(facts.slots.rooted_at(value));
            // NB: A slot may still hold what a reload of it is.
            let origin = facts
                .slots
                .reload_of(value)
                .and_then(|reload| match reload.hold {
                    _ if reload.expected.is_some() => reload.expected,
                    Hold::Is { origin, .. } => Some(origin),
                    Hold::Unset | Hold::Conflict(..) | Hold::Partial | Hold::MaybeUnset => None,
                });
            lists.extend(origin.map(|origin| facts.slots.rooted_at(origin)));
        }
        lists.retain(|list| !list.is_empty());
        Keeper::Values(lists)
    }

    /// Do all of these safepoints keep it?
    fn keeps_at(&self, facts: &Facts<'_>, safepoints: Range<usize>) -> bool {
        let Range { start, end } = safepoints;
        if start >= end {
            return true;
        }
        match self {
            Keeper::Values(lists) => {
                let is_in =
                    |list: &[u32], index: usize| list.binary_search(&(index as u32)).is_ok();
                lists.iter().any(|list| {
                    let at = |index: usize| list.partition_point(|&at| (at as usize) < index);
                    at(end) - at(start) == end - start
                }) || (start..end).all(|index| {
                    steps::count(Analysis::Evidence, 1);
                    lists.iter().any(|list| is_in(list, index))
                })
            }
            Keeper::Family(nearest) => (start..end).all(|index| nearest.is_kept_by(facts, index)),
        }
    }
}

/// Do all safepoints keep it that are passed after `definition` and before `inst`, or, with `after`, before what follows
/// that?
///
/// `key` is the same for questions with the same definition and keeper.
pub(crate) fn on_all_ways(
    facts: &Facts<'_>,
    keeper: &Keeper<'_>,
    key: Value,
    definition: Point,
    (inst, after): (Inst, bool),
) -> bool {
    let Facts { func, cfg, .. } = facts;
    let safepoints = &facts.safepoints;
    let Some(node) = cfg.node_of_inst(func, inst) else {
        return false;
    };
    let index_of = |node, inst| safepoints.first_from(func, node, inst);
    let is_at = |index: usize, inst| safepoints.all.get(index).is_some_and(|at| at.inst == inst);
    let behind = |node, inst| {
        let index = index_of(node, inst);
        index + usize::from(is_at(index, inst))
    };
    let end = match after {
        true => behind(node, inst),
        false => index_of(node, inst),
    };
    let start = |node: Node| match definition.inst {
        Some(inst) if node == definition.node => behind(node, inst),
        _ => safepoints.first_in(node),
    };
    let is_before = |inst| {
        definition
            .inst
            .is_none_or(|first| func.layout.pp_cmp(first, inst).is_lt())
    };
    if node == definition.node && is_before(inst) {
        return keeper.keeps_at(facts, start(node)..end);
    }
    if !cfg.dominates(definition.node, node)
        || !keeper.keeps_at(facts, safepoints.first_in(node)..end)
    {
        return false;
    }
    // NB: That all ways to the end of a block are known to be fine holds for the next use, too.
    let mut known = facts.kept_before.borrow_mut();
    let mut visited = SmallVec::<[Node; 8]>::new();
    let mut pending = SmallVec::<[Node; 8]>::from_slice(&[node]);
    while let Some(node) = pending.pop() {
        for edge in cfg.preds(node) {
            let from = edge.from;
            steps::count(Analysis::Evidence, 1);
            if !known.insert((key, from)) {
                continue;
            }
            visited.push(from);
            if !keeper.keeps_at(facts, start(from)..safepoints.first_in(from + 1)) {
                for from in visited {
                    known.remove(&(key, from));
                }
                return false;
            }
            if from != definition.node {
                pending.push(from);
            }
        }
    }
    true
}
