//! Paths on which a reference that is a given word is dereferenced.
//!
//! **Claim.** No guard on the path excludes the word: evaluated along it, no condition that is known
//! goes another way.
//!
//! **Strength.** A path visits a block once at most. Of conditions that do not depend on the
//! reference, each is taken to go the way of the path by itself.
//!
//! **Math.** A breadth-first search over paths, of which each carries the constants of the parameters that it
//! passed.

use super::branch::{Way, for_each_param, way_along, way_past};
use super::eval::Bits;
use super::flow::Flow;
use super::scratch::Subject;
use super::sites::Site;
use crate::ir::cfg::{Edge, Node};
use crate::ir::path::Point;
use cranelift_codegen::ir::{Inst, Value};
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
        }
    }

    fn known(&self, value: Value) -> Option<Bits> {
        let param = self.params.get(&value).copied();
        self.subject.known(self.word, value, param)
    }

    /// Does control get to `until`, or to the end of the block?
    fn passes(&self, until: Option<Inst>) -> Result<(), &'static str> {
        let func = self.subject.func;
        let known = |value: Value| self.known(value);
        for &trap in self.subject.traps(self.node, self.after) {
            if until.is_some_and(|until| func.layout.pp_cmp(until, trap).is_lt()) {
                break;
            }
            if way_past(func, &known, trap) != Way::Open {
                return Err("a trap on it may exclude the reference");
            }
        }
        Ok(())
    }

    /// Does control take `edge`?
    fn check(&self, edge: Edge) -> Result<(), &'static str> {
        let Subject { func, cfg, .. } = self.subject;
        let known = |value: Value| self.known(value);
        if way_along(func, cfg, &known, edge) != Way::Open {
            return Err("a branch on it may exclude the reference");
        }
        if self.visited.contains(&edge.to) {
            return Err("it visits a block twice");
        }
        Ok(())
    }

    /// Walk to the block that `edge` enters.
    fn take(&mut self, edge: Edge) {
        let Subject { func, cfg, .. } = self.subject;
        let mut given = Vec::new();
        let known = |value: Value| self.known(value);
        for_each_param(func, cfg, &known, edge, |param, bits| {
            given.push((param, bits));
        });
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
    pub(crate) fn arrive(&self, inst: Inst) -> Result<(), &'static str> {
        let Subject { func, cfg, .. } = self.subject;
        if cfg.node_of_inst(func, inst) != Some(self.node) {
            return Err("it does not end at the guilty instruction");
        }
        let is_after = |start| func.layout.pp_cmp(start, inst).is_lt();
        if !self.after.is_none_or(is_after) {
            return Err("two instructions are out of order");
        }
        self.passes(Some(inst))
    }
}

/// How many blocks are tried for a path that is not the shortest.
const MAX_TRIES: u32 = 2000;

/// The length of such a path.
const MAX_LENGTH: usize = 200;

/// The blocks of a path from the definition to `site`, if one is found.
pub(crate) fn path(flow: &Flow, subject: Subject, word: u32, site: &Site) -> Option<Vec<Node>> {
    let came_from = search(flow, subject);
    let shortest = shortest(&came_from, subject.start.node, site.node)?;
    let mut replay = Replay::new(subject, word);
    let mut walk = shortest[1..].iter();
    if walk.try_for_each(|&node| replay.enter(node)).is_ok() && replay.arrive(site.inst).is_ok() {
        return Some(shortest);
    }
    let mut tries = MAX_TRIES;
    any(flow, Replay::new(subject, word), site, &mut tries)
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
fn any(flow: &Flow, replay: Replay, site: &Site, tries: &mut u32) -> Option<Vec<Node>> {
    if replay.node == site.node && replay.arrive(site.inst).is_ok() {
        return Some(replay.visited);
    }
    if replay.visited.len() >= MAX_LENGTH || replay.passes(None).is_err() {
        return None;
    }
    let cfg = replay.subject.cfg;
    for edge in cfg.succs(replay.node).filter(|&edge| flow.takes(edge)) {
        *tries = tries.checked_sub(1)?;
        if replay.check(edge).is_ok() {
            let mut next = replay.clone();
            next.take(edge);
            if let Some(path) = any(flow, next, site, tries) {
                return Some(path);
            }
        }
    }
    None
}
