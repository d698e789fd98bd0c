//! Finding the path that shows an error.

use crate::analysis::demand::ArgsOf;
use crate::analysis::keepalive;
use crate::analysis::provenance::Class;
use crate::analysis::slots::{Hold, Loc};
use crate::check::{Checker, StaleUse};
use crate::evidence::steps::point_step;
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::Node;
use crate::ir::instruction::{Passed, access, passed_on};
use crate::ir::path::{Forbidden, Point, Search};
use crate::ir::safepoint::may_collect;
use cranelift_codegen::ir::{Inst, Value, ValueDef};

/// The evidence for an entry that is wrong by itself.
pub(crate) fn entry(checker: &Checker<'_>, inst: Inst) -> Option<Vec<Step>> {
    Some(vec![step(checker, role_of(checker, inst), inst)?])
}

/// A path to `inst` on which nothing is stored to `loc`.
pub(crate) fn unset(checker: &Checker<'_>, inst: Inst, loc: Loc) -> Option<Vec<Step>> {
    let stores = |at| checker.slots.writes_to(at, loc);
    let forbidden = Forbidden {
        inst: &stores,
        block: None,
    };
    let path = Search::new(checker.func, &checker.cfg, Point::ENTRY, forbidden).path_to(inst)?;
    let mut steps = vec![through(checker, path[0])];
    push_path(checker, &mut steps, &path, role_of(checker, inst), inst);
    Some(steps)
}

/// A path from a store to `loc`, for `culprit` if one is named, to `inst`, without another store.
pub(crate) fn last_store(
    checker: &Checker<'_>,
    inst: Inst,
    loc: Loc,
    culprit: Option<Value>,
) -> Option<Vec<Step>> {
    let (store, path) = store_before(checker, loc, inst, culprit)?;
    let mut steps = vec![step(checker, Role::Clobber, store)?];
    push_path(checker, &mut steps, &path, role_of(checker, inst), inst);
    Some(steps)
}

/// A safepoint that does not have `loc` in its map, on a path from a store to `loc` to `inst`.
pub(crate) fn unmapped(checker: &Checker<'_>, inst: Inst, loc: Loc) -> Option<(Inst, Vec<Step>)> {
    let stores = |at| checker.slots.writes_to(at, loc);
    let forbidden = Forbidden {
        inst: &stores,
        block: None,
    };
    let mut safepoints = checker.safepoints.all.iter().enumerate();
    safepoints.find_map(|(index, safepoint)| {
        if is_mapped(checker, index, loc) || safepoint.inst == inst {
            return None;
        }
        let point = Point::at(checker.func, &checker.cfg, safepoint.inst)?;
        let to_use = Search::new(checker.func, &checker.cfg, point, forbidden).path_to(inst)?;
        let (store, to_safepoint) = store_before(checker, loc, safepoint.inst, None)?;
        let mut steps = vec![step(checker, Role::Spill, store)?];
        push_path(
            checker,
            &mut steps,
            &to_safepoint,
            Role::Safepoint,
            safepoint.inst,
        );
        push_path(checker, &mut steps, &to_use, role_of(checker, inst), inst);
        Some((safepoint.inst, steps))
    })
}

/// Does the safepoint at `index` keep what is at `loc`?
fn is_mapped(checker: &Checker<'_>, index: usize, loc: Loc) -> bool {
    checker.slots.roots_of(index).any(|root| root.loc == loc)
}

/// A store to `loc`, for `culprit` if one is named, that `inst` sees, with a path from it.
fn store_before(
    checker: &Checker<'_>,
    loc: Loc,
    inst: Inst,
    culprit: Option<Value>,
) -> Option<(Inst, Vec<Node>)> {
    let stores = |at| checker.slots.writes_to(at, loc);
    let forbidden = Forbidden {
        inst: &stores,
        block: None,
    };
    let mut candidates = checker.slots.stores().iter();
    candidates.find_map(|&(store, to, origin)| {
        if to != loc || culprit.is_some_and(|culprit| origin != Some(culprit)) {
            return None;
        }
        let point = Point::at(checker.func, &checker.cfg, store)?;
        let path = Search::new(checker.func, &checker.cfg, point, forbidden).path_to(inst)?;
        Some((store, path))
    })
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
pub(crate) fn stale_origin(checker: &Checker<'_>, stale: StaleUse) -> Option<StaleOrigin> {
    let mut value = stale.value;
    let mut deriving = None;
    let mut handed_on = Vec::new();
    while let ValueDef::Result(inst, _) = checker.func.dfg.value_def(value) {
        let passed = passed_on(checker.func, inst);
        if matches!(passed, Passed::Nothing) || checker.is_cut_to_size(inst) {
            break;
        }
        if matches!(passed, Passed::Derived(_)) {
            deriving = Some(inst);
        }
        handed_on.push(value);
        let mut operands = passed
            .operands()
            .map(|operand| checker.func.dfg.resolve_aliases(operand));
        value = operands.find(|&operand| checker.is_stale(operand, stale.now))?;
    }
    let mut origin = StaleOrigin {
        inst: stale.inst,
        base: value,
        derived: None,
        after: stale.after,
        handed_on,
    };
    if let Some(deriving) = deriving {
        let there = checker
            .safepoints
            .before(checker.func, &checker.cfg, deriving)?;
        if checker.age(value).is_fresh_at(there) {
            origin.derived = Some(stale.value);
        } else {
            origin.inst = deriving;
            origin.after = false;
        }
    }
    Some(origin)
}

/// A reference that `value`, which is derived from some, is derived from.
pub(crate) fn reference_of(checker: &Checker<'_>, value: Value) -> Value {
    let args = ArgsOf::new(checker.func, &checker.cfg);
    let mut reference = value;
    keepalive::ancestors(checker, &args, value, |ancestor, _| {
        let found = checker.values.class(ancestor) == Class::Reference;
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
pub(crate) fn is_origin_root(checker: &Checker<'_>, origin: &StaleOrigin, index: usize) -> bool {
    let mut values = origin.handed_on.iter().chain([&origin.base]);
    values.any(|&value| is_root(checker, index, value))
}

/// Find a safepoint between the definition of a stale reference and its use: one whose stack map
/// does not have it, as `is_root` says, if there is one, or else the last.
pub(crate) fn crossing(
    checker: &Checker<'_>,
    origin: &StaleOrigin,
    is_root: impl Fn(usize) -> bool,
) -> Option<Crossing> {
    let func = checker.func;
    let (definition, block) = definition(checker, origin.base)?;
    let redefines = |at| definition.inst == Some(at);
    let forbidden = Forbidden {
        inst: &redefines,
        block,
    };
    let from_definition = Search::new(func, &checker.cfg, definition, forbidden);
    let all = &checker.safepoints.all;
    let unrooted = (0..all.len()).filter(|&index| !is_root(index));
    let rooted = (0..all.len()).rev().filter(|&index| is_root(index));
    let can_reach_use = nodes_before(checker, origin.inst, definition.node);
    unrooted.chain(rooted).find_map(|index| {
        let safepoint = all[index];
        // A call that defines the value makes a fresh one each time.
        let defines = definition.inst == Some(safepoint.inst);
        if defines || !can_reach_use[safepoint.node as usize] {
            return None;
        }
        let to_safepoint = from_definition.path_to(safepoint.inst)?;
        let point = Point::at(func, &checker.cfg, safepoint.inst)?;
        let search = Search::new(func, &checker.cfg, point, forbidden);
        let to_use = search.path_to(origin.inst).or_else(|| {
            // The arguments of a block call are passed after the safepoint that it may be.
            (origin.after && safepoint.inst == origin.inst).then(|| vec![safepoint.node])
        })?;
        let mut steps = vec![point_step(&checker.cfg, definition, Role::Definition)];
        push_path(
            checker,
            &mut steps,
            &to_safepoint,
            Role::Safepoint,
            safepoint.inst,
        );
        push_path(checker, &mut steps, &to_use, Role::Use, origin.inst);
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
fn nodes_before(checker: &Checker<'_>, inst: Inst, definition: Node) -> Vec<bool> {
    let mut before = vec![false; checker.cfg.len()];
    let mut pending: Vec<Node> = checker
        .cfg
        .node_of_inst(checker.func, inst)
        .into_iter()
        .collect();
    for &node in &pending {
        before[node as usize] = true;
    }
    while let Some(node) = pending.pop() {
        if node == definition {
            continue;
        }
        for edge in checker.cfg.preds(node) {
            if !core::mem::replace(&mut before[edge.from as usize], true) {
                pending.push(edge.from);
            }
        }
    }
    before
}

/// Where `value` is defined, and the block that defines it anew when it is entered.
fn definition(checker: &Checker<'_>, value: Value) -> Option<(Point, Option<Node>)> {
    let point = Point::of_value(checker.func, &checker.cfg, value)?;
    Some((point, point.inst.is_none().then_some(point.node)))
}

/// Does the stack map of the safepoint at `index` name a slot that holds `value`?
fn is_root(checker: &Checker<'_>, index: usize, value: Value) -> bool {
    let mut reloads = checker.slots.reloads.iter();
    let reloaded = reloads
        .find(|reload| reload.result == value)
        .and_then(|reload| match reload.hold {
            _ if reload.expected.is_some() => reload.expected,
            Hold::Is { origin, .. } => Some(origin),
            Hold::Unset | Hold::Conflict(..) | Hold::Partial | Hold::MaybeUnset => None,
        });
    checker.slots.roots_of(index).any(|root| match root.hold {
        Hold::Is { origin, data } => origin == value || data == value || reloaded == Some(origin),
        Hold::Conflict(a, b) => a == value || b == value,
        Hold::Unset | Hold::Partial | Hold::MaybeUnset => false,
    })
}

/// What the instruction at the end of a witness does.
fn role_of(checker: &Checker<'_>, inst: Inst) -> Role {
    if may_collect(checker.func, inst) {
        Role::Safepoint
    } else if access(checker.func, inst).is_some_and(|access| access.result.is_some()) {
        Role::Reload
    } else {
        Role::Use
    }
}

fn step(checker: &Checker<'_>, role: Role, inst: Inst) -> Option<Step> {
    Some(Step {
        role,
        block: checker.func.layout.inst_block(inst)?,
        inst: Some(inst),
    })
}

fn through(checker: &Checker<'_>, node: Node) -> Step {
    Step {
        role: Role::Through,
        block: checker.cfg.block(node),
        inst: None,
    }
}

fn push_path(checker: &Checker<'_>, steps: &mut Vec<Step>, path: &[Node], role: Role, inst: Inst) {
    crate::evidence::steps::push_path(checker.func, &checker.cfg, steps, path, role, inst);
}
