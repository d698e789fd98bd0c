//! Whether a store may be removed because another one writes over it (GCV08).
//!
//! **Claim.** What is refused is wrong on the path that is its witness: something on it certainly
//! reads the memory in question.
//!
//! **Strength.** That of [`forwarding`](super::forwarding).
//!
//! **Math.** Walk forwards from the store, each block once. A path is justified where a store covers
//! all of its bytes. It is a conflict if it first comes to a load of some of them, a safepoint whose
//! stack map names the slot, or, unless the memory is a slot, a call, a return, a trap or an access that can.

use super::context::{Context, Met, Refusal, alone, is_mapped, is_plain_store};
use super::signature::Signatures;
use crate::analysis::address::place::{Leaves, Place, Relation};
use crate::evidence::steps::step;
use crate::finding::error::{GcError, MemoryRewrite, Unjustified};
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::Node;
use crate::ir::instruction::access;
use crate::ir::safepoint::may_collect;
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{GcCollector, Inst};

/// May `dead` be removed because `overwriter` writes over it before anything reads it?
pub(crate) fn dead_store(
    context: Context<'_>,
    signatures: &mut Signatures,
    dead: Inst,
    overwriter: Inst,
) -> Option<Refusal> {
    let refused = |other, why| GcError::UnsoundForwarding {
        rewrite: MemoryRewrite::DeadStore,
        inst: dead,
        value: None,
        other,
        why,
    };
    if !is_plain_store(context.func, dead) {
        let error = refused(dead, Unjustified::Atomic);
        return Some((error, alone(context.func, dead)?));
    }
    Dead::new(context, signatures, dead, overwriter)?.judge(refused)
}

/// For each block that was entered, the one before it on the way.
type CameFrom = FxHashMap<Node, Node>;

/// The question whether a store is dead.
struct Dead<'a, 's> {
    context: Context<'a>,
    signatures: &'s mut Signatures,
    dead: Inst,
    overwriter: Inst,
    place: Place,
    leaves: Leaves,
}

impl<'a, 's> Dead<'a, 's> {
    fn new(
        context: Context<'a>,
        signatures: &'s mut Signatures,
        dead: Inst,
        overwriter: Inst,
    ) -> Option<Self> {
        let func = context.func;
        let access = access(func, dead)?;
        let mut leaves = Leaves::default();
        if !leaves.add(func, &signatures.sums, access.addr) {
            return None;
        }
        Some(Dead {
            place: Place::of(func, &mut signatures.sums, &access),
            context,
            signatures,
            dead,
            overwriter,
            leaves,
        })
    }

    fn judge(mut self, refused: impl Fn(Inst, Unjustified) -> GcError) -> Option<Refusal> {
        let Context { func, cfg, .. } = self.context;
        let start = cfg.node_of_inst(func, self.dead)?;
        let mut came_from = CameFrom::default();
        let mut pending = Vec::new();
        let mut at = (start, func.layout.next_inst(self.dead));
        loop {
            if let Some(conflict) = self.walk_block(at.0, at.1, &mut pending, &mut came_from) {
                let (other, why, role) = conflict?;
                let steps = self.steps(other, role, at, &came_from)?;
                return Some((refused(other, why), steps.into()));
            }
            let node = pending.pop()?;
            at = (node, func.layout.first_inst(cfg.block(node)));
        }
    }

    #[allow(clippy::type_complexity, reason = "it has one caller")]
    fn walk_block(
        &mut self,
        node: Node,
        mut inst: Option<Inst>,
        pending: &mut Vec<Node>,
        came_from: &mut CameFrom,
    ) -> Option<Option<(Inst, Unjustified, Role)>> {
        let Context { func, cfg, .. } = self.context;
        while let Some(at) = inst {
            steps::count(Analysis::Forwarding, 1);
            if steps::is_spent() {
                return Some(None);
            }
            match self.meet(at) {
                // NB: What is behind the end is not reached.
                Met::Go if cfg.end(node) == Some(at) => return None,
                Met::Go => inst = func.layout.next_inst(at),
                Met::Stop => return None,
                Met::Conflict(other, why, role) => return Some(Some((other, why, role))),
            }
        }
        for edge in cfg.succs(node) {
            let to = edge.to;
            if !self.leaves.blocks.contains(&cfg.block(to)) && !came_from.contains_key(&to) {
                came_from.insert(to, node);
                pending.push(to);
            }
        }
        None
    }

    fn meet(&mut self, inst: Inst) -> Met {
        let func = self.context.func;
        let opcode = func.dfg.insts[inst].opcode();
        if let Some(conflict) = self.observes(inst) {
            return conflict;
        }
        if self.leaves.insts.contains(&inst) {
            return Met::Stop;
        }
        let Some(other) = access(func, inst) else {
            return match opcode.can_store() || opcode.can_load() {
                true => Met::Stop,
                false => Met::Go,
            };
        };
        let place = Place::of(func, &mut self.signatures.sums, &other);
        let overlaps = matches!(place.relation(&self.place), Relation::Overlaps(_));
        let is_observed = other.flags.trap_code().is_some() && self.place.slot().is_none();
        if other.result.is_some() {
            return match overlaps {
                true => Met::Conflict(inst, Unjustified::Read, Role::Reload),
                false if is_observed => Met::Conflict(inst, Unjustified::Observed, Role::Use),
                false => Met::Go,
            };
        }
        if inst == self.overwriter {
            return match place.relation(&self.place) {
                Relation::Unknown => Met::Stop,
                _ if place.covers(&self.place) => Met::Stop,
                _ => Met::Conflict(inst, Unjustified::Uncovered, Role::Clobber),
            };
        }
        match place.covers(&self.place) {
            true => Met::Stop,
            false if is_observed => Met::Conflict(inst, Unjustified::Observed, Role::Use),
            false => Met::Go,
        }
    }

    /// Does `inst` show the memory to someone else?
    fn observes(&self, inst: Inst) -> Option<Met> {
        let func = self.context.func;
        let opcode = func.dfg.insts[inst].opcode();
        let conflict = |why, role| Some(Met::Conflict(inst, why, role));
        if let Some(slot) = self.place.slot() {
            let is_read = self.context.collector != GcCollector::Null
                && may_collect(func, inst)
                && is_mapped(func, inst, slot, &self.place);
            return match is_read {
                true => conflict(Unjustified::Safepoint, Role::Safepoint),
                // The slot's address may have escaped, or not.
                false if opcode.is_call() => Some(Met::Stop),
                false => None,
            };
        }
        if opcode.is_call() {
            conflict(Unjustified::Call, Role::Use)
        } else if opcode.is_return() || opcode.can_trap() {
            conflict(Unjustified::Observed, Role::Use)
        } else {
            None
        }
    }

    fn steps(
        &self,
        other: Inst,
        role: Role,
        (node, from): (Node, Option<Inst>),
        came_from: &CameFrom,
    ) -> Option<Vec<Step>> {
        let Context { func, cfg, .. } = self.context;
        let mut path = Vec::new();
        // Is it further on in the block where the walk began?
        let is_first = from == func.layout.next_inst(self.dead);
        if !is_first {
            let start = cfg.node_of_inst(func, self.dead)?;
            let mut at = node;
            loop {
                path.push(at);
                at = *came_from.get(&at)?;
                if at == start {
                    break;
                }
            }
        }
        let mut steps = vec![step(func, Role::Spill, self.dead)?];
        steps.extend(path.iter().rev().map(|&node| Step {
            role: Role::Through,
            block: cfg.block(node),
            inst: None,
        }));
        steps.push(step(func, role, other)?);
        Some(steps)
    }
}
