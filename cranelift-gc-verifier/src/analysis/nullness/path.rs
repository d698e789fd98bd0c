//! Paths on which a reference that is a given word is dereferenced.
//!
//! **Claim.** No guard on the path excludes the word: evaluated along it, no condition that is known
//! goes another way.
//!
//! **Strength.** A path visits a block once at most. Of conditions that do not depend on the
//! reference, each goes one way on it; those that exclude each other otherwise are not seen to do so.
//!
//! **Math.** A breadth-first search over paths, of which each carries the constants of the parameters that it
//! passed.

use super::branch::{Way, for_each_param, way_along, way_past};
use super::eval::{Assumptions, Bits, Truth, truth};
use super::flow::Flow;
use super::scratch::Subject;
use super::sites::Site;
use crate::ir::cfg::{Edge, Node};
use crate::ir::path::Point;
use cranelift_codegen::ir::{Inst, InstructionData, Opcode, Value};
use std::collections::{BTreeMap, VecDeque};

/// A path that is being walked.
#[derive(Clone)]
pub(crate) struct Replay<'a> {
    subject: Subject<'a>,
    word: u32,
    node: Node,
    /// Just after this instruction of the block.
    after: Option<Inst>,
    params: BTreeMap<Value, Bits>,
    visited: Vec<Node>,
    /// Which conditions held on the way, and which did not.
    held: BTreeMap<Value, bool>,
    /// Was some way not taken for another reason than that it cannot be taken?
    is_unclear: bool,
}

/// What is known on a path.
struct OnPath<'a, 'r> {
    replay: &'r Replay<'a>,
}

impl Assumptions for OnPath<'_, '_> {
    fn bits(&self, value: Value) -> Option<Bits> {
        self.replay.known(value)
    }

    fn holds(&self, value: Value) -> Option<bool> {
        let held = self.replay.held.get(&value).copied();
        self.replay.subject.holds(value).or(held)
    }
}

impl<'a> Replay<'a> {
    /// Stand at the definition of the reference.
    pub(crate) fn new(subject: Subject<'a>, word: u32) -> Self {
        let Point { node, inst } = subject.start;
        Replay {
            subject,
            word,
            node,
            after: inst,
            params: BTreeMap::new(),
            visited: vec![node],
            held: BTreeMap::new(),
            is_unclear: false,
        }
    }

    fn known(&self, value: Value) -> Option<Bits> {
        let param = self.params.get(&value).copied();
        self.subject.known(self.word, value, param)
    }

    /// Does control get to `until`, or to the end of the block?
    fn passes(&mut self, until: Option<Inst>) -> Result<(), &'static str> {
        let func = self.subject.func;
        let subject = self.subject;
        for &trap in subject.traps(self.node, self.after) {
            if until.is_some_and(|until| func.layout.pp_cmp(until, trap).is_lt()) {
                break;
            }
            let way = way_past(func, &OnPath { replay: self }, trap);
            if way != Way::Open {
                self.is_unclear |= way != Way::Never;
                return Err("a trap on it may exclude the reference");
            }
            if let InstructionData::CondTrap { opcode, arg, .. } = func.dfg.insts[trap] {
                self.hold(arg, opcode == Opcode::Trapz);
            }
        }
        Ok(())
    }

    /// From now on, `condition` held, or did not.
    ///
    /// NB: No block is visited twice, so that it is not computed anew.
    fn hold(&mut self, condition: Value, holds: bool) {
        let condition = self.subject.func.dfg.resolve_aliases(condition);
        self.held.insert(condition, holds);
    }

    /// Does control take `edge`?
    fn check(&mut self, edge: Edge) -> Result<(), &'static str> {
        let Subject { func, cfg, .. } = self.subject;
        let way = way_along(func, cfg, &OnPath { replay: self }, edge);
        if way != Way::Open {
            self.is_unclear |= way != Way::Never;
            return Err("a branch on it may exclude the reference");
        }
        if self.visited.contains(&edge.to) {
            self.is_unclear = true;
            return Err("it visits a block twice");
        }
        Ok(())
    }

    /// Walk to the block that `edge` enters.
    fn take(&mut self, edge: Edge) {
        let Subject { func, cfg, .. } = self.subject;
        let mut given = Vec::new();
        for_each_param(func, cfg, &OnPath { replay: self }, edge, |param, bits| {
            given.push((param, bits));
        });
        let last = func.layout.last_inst(cfg.block(edge.from));
        if let Some(InstructionData::Brif { arg, .. }) = last.map(|inst| func.dfg.insts[inst]) {
            self.hold(arg, edge.dest == 0);
        }
        self.params.extend(given);
        self.visited.push(edge.to);
        self.node = edge.to;
        self.after = None;
    }

    /// Walk to the next block of a path that is given by its blocks.
    pub(crate) fn enter(&mut self, to: Node) -> Result<(), &'static str> {
        self.passes(None)?;
        let cfg = self.subject.cfg;
        let mut result = Err("two blocks are not joined by an edge");
        for edge in cfg.succs(self.node).filter(|edge| edge.to == to) {
            result = self.check(edge);
            if result.is_ok() {
                self.take(edge);
                break;
            }
        }
        result
    }

    /// Arrive at `inst`.
    pub(crate) fn arrive(&mut self, inst: Inst) -> Result<(), &'static str> {
        let Subject { func, cfg, .. } = self.subject;
        if cfg.node_of_inst(func, inst) != Some(self.node) {
            return Err("it does not end at the guilty instruction");
        }
        let is_after = |start| func.layout.pp_cmp(start, inst).is_lt();
        if !self.after.is_none_or(is_after) {
            return Err("two instructions are out of order");
        }
        self.passes(Some(inst))?;
        // NB: The path may have found out that the reference is not chosen.
        let subject = self.subject;
        let is_chosen = subject.chosen.is_none_or(|(condition, holds)| {
            let known = |value: Value| self.known(value);
            let held = self.held.get(&condition);
            let computed = truth(subject.func, &known, condition);
            held.is_none_or(|&held| held == holds)
                && matches!(computed, Truth::Either | Truth::Certain(_))
                && computed != Truth::Certain(!holds)
        });
        self.is_unclear |= !is_chosen;
        is_chosen.then_some(()).ok_or("another reference is chosen")
    }
}

/// How many blocks are tried for a path that is not the shortest.
const MAX_TRIES: u32 = 2000;

/// The length of such a path.
const MAX_LENGTH: usize = 200;

/// What a search for a path finds.
pub(crate) enum Found {
    /// The blocks of one.
    Path(Vec<Node>),
    /// There is none: each way was tried, and cannot be taken.
    None,
    /// None was found.
    Unclear,
}

/// Look for a path from the definition to `site`.
pub(crate) fn path(flow: &Flow, subject: Subject, word: u32, site: &Site) -> Found {
    let came_from = search(flow, subject);
    let Some(shortest) = shortest(&came_from, subject.start.node, site.node) else {
        return Found::Unclear;
    };
    let mut replay = Replay::new(subject, word);
    let mut walk = shortest[1..].iter();
    if walk.try_for_each(|&node| replay.enter(node)).is_ok() && replay.arrive(site.at).is_ok() {
        return Found::Path(shortest);
    }
    let mut tries = Tries {
        left: MAX_TRIES,
        is_unclear: false,
    };
    match any(flow, Replay::new(subject, word), site, &mut tries) {
        Some(path) => Found::Path(path),
        None if tries.is_unclear => Found::Unclear,
        None => Found::None,
    }
}

/// What is left of the tries for one site.
struct Tries {
    left: u32,
    /// Was some way not tried to its end?
    is_unclear: bool,
}

/// For each block that is reached, the one before it on a shortest way.
fn search(flow: &Flow, subject: Subject) -> BTreeMap<Node, Node> {
    let mut came_from = BTreeMap::new();
    let mut queue = VecDeque::from([subject.start.node]);
    while let Some(node) = queue.pop_front() {
        for edge in subject.cfg.succs(node).filter(|&edge| flow.takes(edge)) {
            if let std::collections::btree_map::Entry::Vacant(entry) = came_from.entry(edge.to) {
                entry.insert(node);
                queue.push_back(edge.to);
            }
        }
    }
    came_from
}

fn shortest(came_from: &BTreeMap<Node, Node>, from: Node, to: Node) -> Option<Vec<Node>> {
    let mut path = vec![to];
    while path.last() != Some(&from) {
        path.push(*came_from.get(path.last()?)?);
    }
    path.reverse();
    Some(path)
}

/// Any path that holds, by trying.
fn any(flow: &Flow, mut replay: Replay, site: &Site, tries: &mut Tries) -> Option<Vec<Node>> {
    if replay.node == site.node {
        let mut arrived = replay.clone();
        if arrived.arrive(site.at).is_ok() {
            return Some(replay.visited);
        }
        tries.is_unclear |= arrived.is_unclear;
    }
    if replay.visited.len() >= MAX_LENGTH {
        tries.is_unclear = true;
        return None;
    }
    let passes = replay.passes(None).is_ok();
    tries.is_unclear |= replay.is_unclear;
    if !passes {
        return None;
    }
    let cfg = replay.subject.cfg;
    for edge in cfg.succs(replay.node).filter(|&edge| flow.takes(edge)) {
        let Some(left) = tries.left.checked_sub(1) else {
            tries.is_unclear = true;
            return None;
        };
        tries.left = left;
        let can_be_taken = replay.check(edge).is_ok();
        tries.is_unclear |= replay.is_unclear;
        if can_be_taken {
            let mut next = replay.clone();
            next.take(edge);
            if let Some(path) = any(flow, next, site, tries) {
                return Some(path);
            }
        }
    }
    None
}
