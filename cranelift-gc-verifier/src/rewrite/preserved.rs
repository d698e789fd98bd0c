//! Whether a rewrite keeps what a value is to the collector (GCV13, GCV14).
//!
//! **Claim.** What is refused changes the CLIF type of a value, makes a traced reference a constant
//! that no reference can be, or revives a reference from before a safepoint that may collect and
//! move.
//!
//! **Strength.** Relative to the references that are known (see [`What`]). Freshness is asked of
//! what replaces an instruction at its place: a forwarded load, a merged skeleton instruction. A pure
//! value has no place; it is as fresh as what it is made of, which no rewrite of it changes.
//!
//! **Math.** A reference that is defined at version `d` (see [`safepoint`](crate::analysis::version)) and
//! takes the place of one that is made at version `n` is fresh there exactly when `d = n`.

use super::classes::{Classes, What};
use super::context::{Context, Refusal};
use super::signature::Signatures;
use crate::analysis::version::{Safepoints, Version};
use crate::evidence::recheck::{Flaw, crosses, ends_at};
use crate::evidence::steps::point_step;
use crate::finding::error::{GcError, NotPreserved};
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::constant;
use crate::ir::path::{Forbidden, Point, Search};
use cranelift_codegen::ir::{Function, Inst, Value, ValueDef, types};

/// Does `new` have the representation of `orig`, which `inst` makes?
pub(crate) fn representation(
    func: &Function,
    classes: &Classes,
    inst: Inst,
    orig: Value,
    new: Value,
) -> Option<GcError> {
    let changed = |why| {
        Some(GcError::RepresentationChanged {
            inst,
            orig,
            new,
            why,
        })
    };
    let (was, is) = (func.dfg.value_type(orig), func.dfg.value_type(new));
    if was != is {
        return changed(NotPreserved::Type(was, is));
    }
    if is != types::I32 || classes.what(func, orig) != What::Reference {
        return None;
    }
    match constant(func, new) {
        Some(n) if n != 0 && n % 2 == 0 => changed(NotPreserved::Constant(n as u32)),
        _ => None,
    }
}

/// Is `new` as fresh as the result `orig` that `inst` makes?
pub(crate) fn freshness(
    context: Context<'_>,
    safepoints: &Safepoints,
    signatures: &Signatures,
    classes: &Classes,
    (inst, orig): (Inst, Value),
    new: Value,
) -> Option<Refusal> {
    let Context { func, cfg, .. } = context;
    let is_moved = |value| classes.what(func, value) != What::Plain;
    if !is_moved(orig) || !is_moved(new) {
        return None;
    }
    let now = safepoints.before(func, cfg, inst)?;
    let new = signatures.root(func, new);
    let (point, fresh) = match func.dfg.value_def(new) {
        ValueDef::Param(block, _) => {
            let node = cfg.node(block)?;
            (Point { node, inst: None }, safepoints.at_start(node))
        }
        ValueDef::Result(def, _) => {
            let point = Point::at(func, cfg, def)?;
            let version = match safepoints.index_of(func, cfg, def) {
                Some(index) => Safepoints::version_after(index),
                None => safepoints.before(func, cfg, def)?,
            };
            (point, version)
        }
        ValueDef::Union(..) => return None,
    };
    if fresh.is_fresh_at(now) || fresh == Version::AGELESS {
        return None;
    }
    let forbidden = Forbidden {
        inst: &|at| Some(at) == point.inst,
        block: point.inst.is_none().then_some(point.node),
    };
    let from_definition = Search::new(func, cfg, point, forbidden);
    safepoints.all.iter().find_map(|safepoint| {
        if point.inst == Some(safepoint.inst) {
            return None;
        }
        let to_safepoint = from_definition.path_to(safepoint.inst)?;
        let at = Point::at(func, cfg, safepoint.inst)?;
        let to_use = Search::new(func, cfg, at, forbidden).path_to(inst)?;
        let through = |path: &[crate::ir::cfg::Node]| {
            let steps = path[1..].iter().map(|&node| Step {
                role: Role::Through,
                block: cfg.block(node),
                inst: None,
            });
            steps.collect::<Vec<_>>()
        };
        let step = |role, inst| {
            Some(Step {
                role,
                block: func.layout.inst_block(inst)?,
                inst: Some(inst),
            })
        };
        let mut steps = vec![point_step(cfg, point, Role::Definition)];
        steps.extend(through(&to_safepoint));
        steps.push(step(Role::Safepoint, safepoint.inst)?);
        steps.extend(through(&to_use));
        steps.push(step(Role::Use, inst)?);
        let error = GcError::MembershipChanged {
            inst,
            orig,
            new,
            safepoint: safepoint.inst,
        };
        Some((error, steps.into()))
    })
}

/// Does the path lead from the definition over the safepoint to the rewritten instruction?
pub(super) fn recheck(func: &Function, error: &GcError, steps: &[Step]) -> Result<(), Flaw> {
    let GcError::MembershipChanged {
        inst,
        new,
        safepoint,
        ..
    } = *error
    else {
        return Err("the error is of another judge");
    };
    ends_at(steps, inst)?;
    crosses(func, steps, new, safepoint)
}
