//! Objects that a collection could see half made.
//!
//! **Claim.** Every safepoint that is reported is executed after the allocation of an object, and before
//! its initialization is complete.
//!
//! **Strength.** Where the initialization ends is the producer's word: it names the calls that come
//! before. That a call comes after the allocation is read off the function: the reference to the object
//! dominates it.
//!
//! That its words are stored before it is handed on is another claim, in [`words`].
//!
//! **Math.** GCV17 at the call `c` that is named for the object `o`, if `c` may collect and the definition of
//! `o` strictly dominates `c`.

pub(crate) mod words;

use crate::cfg::Cfg;
use crate::error::GcError;
use crate::path::{Forbidden, Point, Search};
use crate::rewritten::Finding;
use crate::safepoint::{Safepoints, may_move};
use crate::witness::{Role, Step, push_path};
use cranelift_codegen::ir::{Function, GcCollector, Inst, Value, ValueDef};

/// Check all safepoints of `func`.
pub(crate) fn check(
    func: &Function,
    cfg: &Cfg,
    safepoints: &Safepoints,
    collector: GcCollector,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for safepoint in &safepoints.all {
        // NB: A collector that does not move objects looks into those that it frees, and the new one
        // is alive. Code that it does not know may do anything with it.
        if collector == GcCollector::NonMoving && !may_move(func, safepoint.inst) {
            continue;
        }
        let Some(object) = func.dfg.gc_info.initializing(safepoint.inst) else {
            continue;
        };
        let object = func.dfg.resolve_aliases(object);
        findings.extend(unfinished(func, cfg, safepoint.inst, object));
    }
    findings
}

fn unfinished(func: &Function, cfg: &Cfg, inst: Inst, object: Value) -> Option<Finding> {
    let node = cfg.node_of_inst(func, inst)?;
    let definition = defined_at(func, cfg, object)?;
    let at = Point {
        node,
        inst: Some(inst),
    };
    if !dominates(func, cfg, definition, at) {
        return None;
    }
    let forbidden = Forbidden {
        inst: &|_| false,
        block: None,
    };
    let path = Search::new(func, cfg, definition, forbidden).path_to(inst)?;
    let mut steps = vec![Step {
        role: Role::Definition,
        block: cfg.block(definition.node),
        inst: definition.inst,
    }];
    push_path(func, cfg, &mut steps, &path, Role::Safepoint, inst);
    let error = GcError::UninitializedObject {
        inst,
        value: object,
    };
    Some((error, steps))
}

/// Where `value`, which must not be an alias, is defined.
fn defined_at(func: &Function, cfg: &Cfg, value: Value) -> Option<Point> {
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => Point::at(func, cfg, inst),
        ValueDef::Param(block, _) => Some(Point {
            node: cfg.node(block)?,
            inst: None,
        }),
        ValueDef::Union(..) => None,
    }
}

/// Is `before` on every way to `at`?
fn dominates(func: &Function, cfg: &Cfg, before: Point, at: Point) -> bool {
    if before.node != at.node {
        return cfg.dominates(before.node, at.node);
    }
    match (before.inst, at.inst) {
        (None, _) => true,
        (Some(_), None) => false,
        (Some(before), Some(at)) => func.layout.pp_cmp(before, at).is_lt(),
    }
}
