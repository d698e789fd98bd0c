//! Objects that a collection could see half made.
//!
//! **Claim.** Every safepoint that is reported is executed after the allocation of an object, and before its
//! initialization is complete.
//!
//! **Strength.** The producer says where the initialization ends: it names the calls that come before. That a
//! call comes after the allocation is read off the function: the reference to the object dominates it. That the
//! words of an object are stored before it is handed on is another claim, in
//! [`unstored_word`](super::unstored_word).
//!
//! **Math.** GCV17 at the call `c` that is named for the object `o`, if `c` may collect and the definition of
//! `o` strictly dominates `c`.

use crate::analysis::facts::Facts;
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS, defines, passes};
use crate::evidence::steps::{point_step, push_path};
use crate::finding::error::GcError;
use crate::finding::witness::Finding;
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::Cfg;
use crate::ir::path::{Forbidden, Point, Search};
use crate::ir::safepoint::{may_collect, may_move};
use cranelift_codegen::ir::{Function, GcCollector, Inst, Value};

/// Check all safepoints.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let Facts { func, cfg, .. } = facts;
    for safepoint in &facts.safepoints.all {
        if !looks_into(func, safepoint.inst, facts.collector) {
            continue;
        }
        let Some(object) = func.dfg.gc_info.initializing(safepoint.inst) else {
            continue;
        };
        let object = func.dfg.resolve_aliases(object);
        findings.extend(unfinished(func, cfg, safepoint.inst, object));
    }
}

/// May someone look into a live object while `inst` is executed?
pub(crate) fn looks_into(func: &Function, inst: Inst, collector: GcCollector) -> bool {
    match collector {
        GcCollector::Moving => may_collect(func, inst),
        // NB: A collector that does not move objects looks into those that it frees, and the new one
        // is alive. Code that it does not know may do anything with it.
        GcCollector::NonMoving => may_move(func, inst),
        GcCollector::Null => false,
    }
}

fn unfinished(func: &Function, cfg: &Cfg, inst: Inst, object: Value) -> Option<Finding> {
    let definition = Point::of_value(func, cfg, object)?;
    if !definition.dominates(func, cfg, Point::at(func, cfg, inst)?) {
        return None;
    }
    let forbidden = Forbidden {
        inst: &|_| false,
        block: None,
    };
    let steps = way(func, cfg, definition, forbidden, (inst, Role::Safepoint))?;
    let error = GcError::UninitializedObject {
        inst,
        value: object,
    };
    Some((error, steps))
}

/// A path from the definition of an object to `inst`, in its role.
pub(crate) fn way(
    func: &Function,
    cfg: &Cfg,
    definition: Point,
    forbidden: Forbidden,
    (inst, role): (Inst, Role),
) -> Option<Vec<Step>> {
    let path = Search::new(func, cfg, definition, forbidden).path_to(inst)?;
    let mut steps = vec![point_step(cfg, definition, Role::Definition)];
    push_path(func, cfg, &mut steps, &path, role, inst);
    Some(steps)
}

/// Does the path lead from the allocation to the safepoint?
pub(super) fn recheck(func: &Function, error: &GcError, steps: &[Step]) -> Result<(), Flaw> {
    match *error {
        GcError::UninitializedObject { inst, value } => {
            defines(func, steps, value)?;
            passes(steps, inst)
        }
        _ => Err(NOT_OURS),
    }
}
