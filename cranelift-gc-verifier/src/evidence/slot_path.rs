//! The path that shows what is wrong with the contents of a stack slot.
//!
//! **Claim.** What is returned is a path to the instruction on which nothing but what is named is stored to the
//! location.
//!
//! **Strength.** Exact on the reachable graph. Whether the branches of the path agree is asked elsewhere
//! ([`shown`](super::shown)).
//!
//! **Math.** A shortest path from the entry, or from a store to the location, to the instruction, in the graph
//! without the other stores to it.

use crate::analysis::facts::Facts;
use crate::analysis::slots::Loc;
use crate::evidence::steps::{push_path, role_of, step, through};
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::Node;
use crate::ir::instruction::access;
use crate::ir::path::{Forbidden, Point, Search};
use cranelift_codegen::ir::{Inst, Value};

/// The evidence for an entry that is wrong by itself.
pub(crate) fn entry(facts: &Facts<'_>, inst: Inst) -> Option<Vec<Step>> {
    Some(vec![step(facts.func, role_of(facts.func, inst), inst)?])
}

/// A path to `inst` on which nothing is stored to `loc`.
pub(crate) fn unset(facts: &Facts<'_>, inst: Inst, loc: Loc) -> Option<Vec<Step>> {
    let stores = |at| facts.slots.writes_to(at, loc);
    let forbidden = Forbidden {
        inst: &stores,
        block: None,
    };
    let path = Search::new(facts.func, &facts.cfg, Point::ENTRY, forbidden).path_to(inst)?;
    let mut steps = vec![through(&facts.cfg, path[0])];
    push_path(
        facts.func,
        &facts.cfg,
        &mut steps,
        &path,
        role_of(facts.func, inst),
        inst,
    );
    Some(steps)
}

/// A path from a store to `loc`, for `culprit` if one is named, to `inst`, without another store.
pub(crate) fn last_store(
    facts: &Facts<'_>,
    inst: Inst,
    loc: Loc,
    culprit: Option<Value>,
) -> Option<Vec<Step>> {
    let (store, path) = store_before(facts, loc, inst, culprit)?;
    let mut steps = vec![step(facts.func, Role::Clobber, store)?];
    push_path(
        facts.func,
        &facts.cfg,
        &mut steps,
        &path,
        role_of(facts.func, inst),
        inst,
    );
    Some(steps)
}

/// A path from a store of `data` to `loc` to `inst`, without another store.
pub(crate) fn store_of(facts: &Facts<'_>, inst: Inst, loc: Loc, data: Value) -> Option<Vec<Step>> {
    let func = facts.func;
    let stores = |at| facts.slots.writes_to(at, loc);
    let forbidden = Forbidden {
        inst: &stores,
        block: None,
    };
    let of_data = |store: Inst| {
        let stored = access(func, store).and_then(|access| access.data);
        stored.is_some_and(|stored| func.dfg.resolve_aliases(stored) == data)
    };
    let mut candidates = facts.slots.stores().iter();
    candidates.find_map(|&(store, to, _)| {
        if to != loc || !of_data(store) {
            return None;
        }
        let point = Point::at(func, &facts.cfg, store)?;
        let path = Search::new(func, &facts.cfg, point, forbidden).path_to(inst)?;
        let mut steps = vec![step(func, Role::Clobber, store)?];
        push_path(
            func,
            &facts.cfg,
            &mut steps,
            &path,
            role_of(func, inst),
            inst,
        );
        Some(steps)
    })
}

/// A safepoint that does not have `loc` in its map, on a path from a store to `loc` to `inst`.
pub(crate) fn unmapped(facts: &Facts<'_>, inst: Inst, loc: Loc) -> Option<(Inst, Vec<Step>)> {
    let stores = |at| facts.slots.writes_to(at, loc);
    let forbidden = Forbidden {
        inst: &stores,
        block: None,
    };
    let mut safepoints = facts.safepoints.all.iter().enumerate();
    safepoints.find_map(|(index, safepoint)| {
        if is_mapped(facts, index, loc) || safepoint.inst == inst {
            return None;
        }
        let point = Point::at(facts.func, &facts.cfg, safepoint.inst)?;
        let to_use = Search::new(facts.func, &facts.cfg, point, forbidden).path_to(inst)?;
        let (store, to_safepoint) = store_before(facts, loc, safepoint.inst, None)?;
        let mut steps = vec![step(facts.func, Role::Spill, store)?];
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
            role_of(facts.func, inst),
            inst,
        );
        Some((safepoint.inst, steps))
    })
}

/// Does the safepoint at `index` keep what is at `loc`?
fn is_mapped(facts: &Facts<'_>, index: usize, loc: Loc) -> bool {
    facts.slots.roots_of(index).any(|root| root.loc == loc)
}

/// A store to `loc`, for `culprit` if one is named, that `inst` sees, with a path from it.
fn store_before(
    facts: &Facts<'_>,
    loc: Loc,
    inst: Inst,
    culprit: Option<Value>,
) -> Option<(Inst, Vec<Node>)> {
    let stores = |at| facts.slots.writes_to(at, loc);
    let forbidden = Forbidden {
        inst: &stores,
        block: None,
    };
    let mut candidates = facts.slots.stores().iter();
    candidates.find_map(|&(store, to, origin)| {
        if to != loc || culprit.is_some_and(|culprit| origin != Some(culprit)) {
            return None;
        }
        let point = Point::at(facts.func, &facts.cfg, store)?;
        let path = Search::new(facts.func, &facts.cfg, point, forbidden).path_to(inst)?;
        Some((store, path))
    })
}
