//! Steps of witnesses, made of points and paths.

use crate::finding::witness::{Role, Step};
use crate::ir::cfg::{Cfg, Node};
use crate::ir::instruction::access;
use crate::ir::path::Point;
use crate::ir::safepoint::may_collect;
use cranelift_codegen::ir::{Function, Inst};

/// `point` as a step of a witness.
pub(crate) fn point_step(cfg: &Cfg, point: Point, role: Role) -> Step {
    Step {
        role,
        block: cfg.block(point.node),
        inst: point.inst,
    }
}

/// Append the blocks of `path` after its first, which the steps are in already, and `inst`.
pub(crate) fn push_path(
    func: &Function,
    cfg: &Cfg,
    steps: &mut Vec<Step>,
    path: &[Node],
    role: Role,
    inst: Inst,
) {
    steps.extend(path[1..].iter().map(|&node| Step {
        role: Role::Through,
        block: cfg.block(node),
        inst: None,
    }));
    steps.extend(func.layout.inst_block(inst).map(|block| Step {
        role,
        block,
        inst: Some(inst),
    }));
}

/// The step to `inst`, if it is in the layout.
pub(crate) fn step(func: &Function, role: Role, inst: Inst) -> Option<Step> {
    Some(Step {
        role,
        block: func.layout.inst_block(inst)?,
        inst: Some(inst),
    })
}

/// The step into the block of `node`.
pub(crate) fn through(cfg: &Cfg, node: Node) -> Step {
    Step {
        role: Role::Through,
        block: cfg.block(node),
        inst: None,
    }
}

/// What the instruction at the end of a witness does.
pub(crate) fn role_of(func: &Function, inst: Inst) -> Role {
    if may_collect(func, inst) {
        Role::Safepoint
    } else if access(func, inst).is_some_and(|access| access.result.is_some()) {
        Role::Reload
    } else {
        Role::Use
    }
}
