//! Steps of witnesses, made of points and paths.

use crate::finding::witness::{Role, Step, Witness};
use crate::ir::cfg::{Cfg, Node};
use crate::ir::instruction::access;
use crate::ir::path::Point;
use crate::ir::safepoint::may_collect;
use cranelift_codegen::ir::{Block, Function, Inst};
use std::collections::VecDeque;

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

/// A way from the entry to each block.
pub(crate) struct Leads {
    /// For each node, the one before it on the way.
    before: Vec<Option<Node>>,
}

impl Leads {
    /// Find them.
    pub(crate) fn new(cfg: &Cfg) -> Self {
        let mut before = vec![None; cfg.len()];
        let mut queue: VecDeque<Node> = cfg.nodes().take(1).collect();
        while let Some(node) = queue.pop_front() {
            for edge in cfg.succs(node) {
                let known = &mut before[edge.to as usize];
                if edge.to != 0 && known.is_none() {
                    *known = Some(node);
                    queue.push_back(edge.to);
                }
            }
        }
        Leads { before }
    }

    /// The blocks that are entered before the first step of `witness`.
    pub(crate) fn to(&self, cfg: &Cfg, witness: &Witness) -> Vec<Block> {
        let first = witness.steps.first().and_then(|step| cfg.node(step.block));
        let Some(first) = first else {
            return Vec::new();
        };
        let way = core::iter::successors(Some(first), |&node| self.before[node as usize]);
        let mut lead: Vec<Block> = way.skip(1).map(|node| cfg.block(node)).collect();
        lead.reverse();
        lead
    }
}
