//! A path on which a reference that is some thing arrives.
//!
//! **Claim.** A path that is found starts at the definition of the reference and ends at the position. No
//! condition on it that is known goes another way, and those that are not known agree with each other.
//!
//! **Strength.** A path visits a block once at most. A branch whose condition is not understood is not taken.
//! Where every path was tried, and each is certainly no such path, [`Found::None`] says so.
//!
//! **Math.** A depth-first search over simple paths in the blocks that the definition dominates and that lead
//! to the position. Each path carries the values of the block parameters that it passed, and the conditions
//! that these do not decide. Where it arrives, the conditions must [`agree`].

use super::agreement::{Agreement, Condition, Given, agree};
use super::dominating::argument;
use super::header::types_compared_by;
use super::subject::{Looks, Subject, Trial, While};
use super::thing::Things;
use crate::analysis::nullness::branch::{Way, way_along, way_past};
use crate::analysis::nullness::eval::{Bits, Truth, eval, truth};
use crate::ir::cfg::{Edge, Node, destinations};
use crate::ir::gc_info::accessed_kind;
use crate::ir::path::Point;
use cranelift_codegen::ir::{BlockArg, Inst, InstructionData, Opcode, Value, ValueDef};
use std::collections::{BTreeMap, BTreeSet};

/// How many blocks are tried.
const MAX_TRIES: u32 = 3000;

/// How many paths are tried that arrive.
const MAX_ARRIVALS: u32 = 12;

/// How many choices are followed, one after the other.
const MAX_CHOICES: u32 = 4;

/// The length of a path.
const MAX_LENGTH: usize = 120;

/// Where the path leads.
#[derive(Clone, Copy)]
pub(crate) struct Target<'a> {
    pub(crate) node: Node,
    pub(crate) inst: Inst,
    /// What arrives.
    pub(crate) value: Value,
    /// The edge that it takes in the end, if it does not end at the instruction.
    pub(crate) along: Option<Edge>,
    /// All that may be passed for what arrives, where that is known: a path is sought for each.
    pub(crate) origins: &'a [Value],
}

/// What arrives on a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Arrives {
    /// The reference.
    It,
    /// Another one, for which paths are sought, too.
    Another,
    Unknown,
}

/// How far a walk gets.
#[expect(
    clippy::large_enum_variant,
    reason = "it is matched at once, and a box would cost an allocation for each block"
)]
enum Passed<'a> {
    Through(Walk<'a>),
    /// It does not.
    Never,
    /// That is not understood.
    Unknown,
}

#[derive(Clone)]
struct Walk<'a> {
    subject: Subject<'a>,
    trial: Trial,
    node: Node,
    after: Option<Inst>,
    params: BTreeMap<Value, Bits>,
    given: BTreeMap<Value, Value>,
    conditions: Vec<Condition>,
    /// How many of these hold where the path starts.
    before: usize,
    visited: Vec<Node>,
    is_memory_unsure: bool,
}

/// What came of looking for a path.
pub(crate) enum Found {
    /// The blocks of one.
    Path(Vec<Node>),
    /// There is none: all were tried.
    None,
    /// It is not known whether there is one.
    Unknown,
}

/// Find a path to `target`.
pub(crate) fn find(
    subject: Subject,
    trial: Trial,
    target: Target,
    conditions: &[Condition],
) -> Found {
    let walk = Walk::new(subject, trial, conditions);
    let mut search = Search {
        target,
        leads: leads_to(subject, target.node),
        tries: MAX_TRIES,
        are_all: true,
    };
    match (walk.search(&mut search), search.are_all) {
        (Some(path), _) => Found::Path(path),
        (None, true) => Found::None,
        (None, false) => Found::Unknown,
    }
}

/// A search for paths.
struct Search<'a> {
    target: Target<'a>,
    leads: BTreeSet<Node>,
    tries: u32,
    /// Were all paths tried, and is it certain of each that it cannot be taken?
    are_all: bool,
}

/// Is this, which starts with the block of the definition, such a path?
pub(crate) fn recheck(
    subject: Subject,
    trial: Trial,
    target: Target,
    conditions: &[Condition],
    path: &[Node],
) -> Result<(), &'static str> {
    match Walk::new(subject, trial, conditions).follows(target, path) {
        true => Ok(()),
        false => Err("it does not arrive, or its branches contradict each other"),
    }
}

/// The nodes from which `target` is reached without defining the reference again.
///
/// NB: Where every way to the target defines the reference, a way from there leads through blocks only that it dominates. Otherwise
/// block parameters hold the reference where ways meet, and in any block behind that.
fn leads_to(subject: Subject, target: Node) -> BTreeSet<Node> {
    let cfg = subject.context.cfg;
    let start = subject.start.node;
    let is_dominated = cfg.dominates(start, target);
    let mut leads = BTreeSet::from([target]);
    let mut pending = vec![target];
    while let Some(node) = pending.pop() {
        if node == start {
            continue;
        }
        for edge in cfg.preds(node) {
            if (!is_dominated || cfg.dominates(start, edge.from)) && leads.insert(edge.from) {
                pending.push(edge.from);
            }
        }
    }
    leads
}

impl<'a> Walk<'a> {
    fn new(subject: Subject<'a>, trial: Trial, conditions: &[Condition]) -> Self {
        let Point { node, inst } = subject.start;
        let mut before = passed_before(subject);
        let count = before.len();
        before.extend_from_slice(conditions);
        Walk {
            before: count,
            subject,
            trial,
            node,
            after: inst,
            params: BTreeMap::new(),
            given: BTreeMap::new(),
            conditions: before,
            visited: vec![node],
            is_memory_unsure: false,
        }
    }

    fn with_known<T>(&self, f: impl FnOnce(&While) -> T) -> T {
        let params = |value: Value| self.params.get(&value).copied();
        f(&While {
            subject: self.subject,
            trial: self.trial,
            looks: &Looks::default(),
            params: &params,
            is_memory_unsure: self.is_memory_unsure,
        })
    }

    fn search(self, search: &mut Search) -> Option<Vec<Node>> {
        let target = search.target;
        if self.node == target.node {
            match self.clone().pass(Some(target.inst)) {
                Passed::Through(here) => {
                    match here.arrives(target) {
                        Agreement::Yes => return Some(self.visited),
                        Agreement::No => {}
                        Agreement::Unknown => search.are_all = false,
                    }
                    // NB: To see whether conditions agree takes longer than to walk.
                    search.tries = search.tries.saturating_sub(MAX_TRIES / MAX_ARRIVALS);
                }
                Passed::Never => {}
                Passed::Unknown => search.are_all = false,
            }
        }
        if self.visited.len() >= MAX_LENGTH {
            search.are_all = false;
            return None;
        }
        let passed = match self.pass(None) {
            Passed::Through(passed) => passed,
            Passed::Never => return None,
            Passed::Unknown => {
                search.are_all = false;
                return None;
            }
        };
        let cfg = passed.subject.context.cfg;
        for edge in cfg.succs(passed.node) {
            if !search.leads.contains(&edge.to) {
                continue;
            }
            // The start is where the reference is another one.
            if passed.visited.contains(&edge.to) {
                search.are_all &= edge.to == passed.subject.start.node;
                continue;
            }
            let Some(tries) = search.tries.checked_sub(1) else {
                search.are_all = false;
                return None;
            };
            search.tries = tries;
            match passed.take(edge) {
                Passed::Through(next) => {
                    if let Some(path) = next.search(search) {
                        return Some(path);
                    }
                }
                Passed::Never => {}
                Passed::Unknown => search.are_all = false,
            }
        }
        None
    }

    /// Does it arrive by these blocks? Two of them may be joined by several edges.
    fn follows(self, target: Target, path: &[Node]) -> bool {
        let Some((&next, rest)) = path.split_first() else {
            return match self.pass(Some(target.inst)) {
                Passed::Through(here) => here.arrives(target) == Agreement::Yes,
                Passed::Never | Passed::Unknown => false,
            };
        };
        let Passed::Through(passed) = self.pass(None) else {
            return false;
        };
        let cfg = passed.subject.context.cfg;
        let mut edges = cfg.succs(passed.node).filter(|edge| edge.to == next);
        edges.any(|edge| match passed.take(edge) {
            Passed::Through(walk) => walk.follows(target, rest),
            Passed::Never | Passed::Unknown => false,
        })
    }

    /// Walk past the traps before `until`, or all of the block's.
    fn pass(mut self, until: Option<Inst>) -> Passed<'a> {
        let context = self.subject.context;
        let func = context.func;
        let is_before = |a: Inst, b: Inst| func.layout.pp_cmp(a, b).is_lt();
        for item in context.body.items_of(self.node) {
            if self.after.is_some_and(|after| !is_before(after, item.inst)) {
                continue;
            }
            if until.is_some_and(|until| !is_before(item.inst, until)) {
                break;
            }
            if let InstructionData::CondTrap { opcode, arg, .. } = func.dfg.insts[item.inst] {
                match self.with_known(|known| way_past(func, known, item.inst)) {
                    Way::Open => {}
                    Way::Never => return Passed::Never,
                    Way::Unknown | Way::Unsure => return Passed::Unknown,
                }
                self.decide(arg, opcode == Opcode::Trapz);
            } else if self.stores_of_reference(item.inst) {
                self.is_memory_unsure = true;
            }
        }
        self.after = until.or(self.after);
        Passed::Through(self)
    }

    /// May `inst` store something that tells what the reference is?
    fn stores_of_reference(&self, inst: Inst) -> bool {
        let context = self.subject.context;
        let opcode = context.func.dfg.insts[inst].opcode();
        if !opcode.can_store() && !opcode.is_call() {
            return false;
        }
        // The reference itself tells nothing; a callee may look at it.
        if !opcode.is_call() {
            let args = context.func.dfg.inst_args(inst);
            let is_reference =
                args.first().map(|&arg| context.root(arg)) == Some(self.subject.reference);
            if is_reference {
                return false;
            }
        }
        if types_compared_by(context.func, inst).is_some() {
            return false;
        }
        self.with_known(|known| known.depends(inst, &mut 64))
    }

    /// Note what a condition is that is not known.
    fn decide(&mut self, condition: Value, is: bool) {
        let context = self.subject.context;
        let bits = self.with_known(|known| eval(context.func, known, condition));
        if !matches!(bits, Bits::Const { .. }) {
            self.conditions.push((condition, is));
        }
    }

    fn take(&self, edge: Edge) -> Passed<'a> {
        let context = self.subject.context;
        let (func, cfg) = (context.func, context.cfg);
        if edge.to == self.subject.start.node {
            return Passed::Never;
        }
        match self.with_known(|known| way_along(func, cfg, known, edge)) {
            Way::Open => {}
            Way::Never => return Passed::Never,
            Way::Unknown | Way::Unsure => return Passed::Unknown,
        }
        let mut next = self.clone();
        let Some(inst) = func.layout.last_inst(cfg.block(edge.from)) else {
            return Passed::Never;
        };
        match func.dfg.insts[inst] {
            InstructionData::Brif { arg, .. } => next.decide(arg, edge.dest == 0),
            InstructionData::BranchTable { arg, .. } => {
                let bits = self.with_known(|known| eval(func, known, arg));
                // NB: What a table is indexed with may have a say in other conditions.
                if bits != Bits::Varying && !matches!(bits, Bits::Const { .. }) {
                    return Passed::Unknown;
                }
            }
            _ => {}
        }
        let dest = destinations(func, inst)[edge.dest as usize];
        let params = func.dfg.block_params(cfg.block(edge.to));
        let mut passed = Vec::new();
        for (number, (arg, &param)) in dest.args(&func.dfg.value_lists).zip(params).enumerate() {
            let bits = match arg {
                BlockArg::Value(arg) => self.with_known(|known| eval(func, known, arg)),
                BlockArg::TryCallRet(_) | BlockArg::TryCallExn(_) => Bits::Varying,
            };
            passed.push((
                param,
                bits,
                argument(func, cfg.block(edge.from), edge, number),
            ));
        }
        for (param, bits, arg) in passed {
            next.params.insert(param, bits);
            if let Some(arg) = arg {
                next.given.insert(param, arg);
            }
        }
        next.visited.push(edge.to);
        next.node = edge.to;
        next.after = None;
        Passed::Through(next)
    }

    fn arrives(&self, target: Target) -> Agreement {
        if self.node != target.node {
            return Agreement::No;
        }
        let mut end = self.clone();
        match end.arriving(target.value, target.origins, MAX_CHOICES) {
            Arrives::It => {}
            Arrives::Another => return Agreement::No,
            Arrives::Unknown => return Agreement::Unknown,
        }
        if let Some(edge) = target.along {
            let context = self.subject.context;
            let (func, cfg) = (context.func, context.cfg);
            match self.with_known(|known| way_along(func, cfg, known, edge)) {
                Way::Open => {}
                Way::Never => return Agreement::No,
                Way::Unknown | Way::Unsure => return Agreement::Unknown,
            }
            if let InstructionData::Brif { arg, .. } = func.dfg.insts[target.inst] {
                end.decide(arg, edge.dest == 0);
            }
        }
        let taken_for = end.taken_for(target);
        let context = self.subject.context;
        let given = Given {
            subject: (self.subject.reference, self.trial),
            params: &end.given,
            taken_for: &taken_for,
        };
        agree(context, &end.conditions, end.before, &given)
    }

    /// What `value` is on this path. Notes the conditions under which the reference is chosen.
    fn arriving(&mut self, value: Value, origins: &[Value], choices: u32) -> Arrives {
        let context = self.subject.context;
        let func = context.func;
        let bits = self.with_known(|known| eval(func, known, value));
        let word = self.trial.word;
        if matches!(bits, Bits::Const { n, of_reference: true } if n == word) {
            return Arrives::It;
        }
        let value = context.root(value);
        if let Some(&arg) = self.given.get(&value)
            && choices > 0
        {
            return self.arriving(arg, origins, choices - 1);
        }
        let otherwise = match value != self.subject.reference && origins.contains(&value) {
            true => Arrives::Another,
            false => Arrives::Unknown,
        };
        let ValueDef::Result(inst, _) = func.dfg.value_def(value) else {
            return otherwise;
        };
        let InstructionData::Ternary {
            opcode: Opcode::Select | Opcode::SelectSpectreGuard,
            args: [condition, yes, no],
        } = func.dfg.insts[inst]
        else {
            return otherwise;
        };
        let Some(choices) = choices.checked_sub(1) else {
            return Arrives::Unknown;
        };
        let mut otherwise = Arrives::Another;
        for (arm, is) in [(yes, true), (no, false)] {
            let mut chosen = self.clone();
            match chosen.with_known(|known| truth(func, known, condition)) {
                Truth::Certain(found) if found != is => continue,
                Truth::Unsure => {
                    otherwise = Arrives::Unknown;
                    continue;
                }
                Truth::Certain(_) | Truth::Unknown | Truth::Either => {}
            }
            match chosen.arriving(arm, origins, choices) {
                Arrives::It => {
                    chosen.decide(condition, is);
                    *self = chosen;
                    return Arrives::It;
                }
                Arrives::Another => {}
                Arrives::Unknown => otherwise = Arrives::Unknown,
            }
        }
        otherwise
    }

    /// What other references are taken for on the way, by accesses of their objects.
    fn taken_for(&self, target: Target) -> BTreeMap<Value, Things> {
        let context = self.subject.context;
        let func = context.func;
        let info = &func.dfg.gc_info;
        let mut taken_for = BTreeMap::new();
        let Some(before) = passed_blocks(self.subject) else {
            return taken_for;
        };
        let nodes: BTreeSet<Node> = before
            .into_iter()
            .chain(self.visited.iter().copied())
            .collect();
        for node in nodes {
            for item in context.body.items_of(node) {
                if item.inst == target.inst {
                    break;
                }
                let (Some(kind), Some(access)) =
                    (accessed_kind(func, item.inst), context.body.access(item))
                else {
                    continue;
                };
                let address = super::address::Address::of(func, context.body, access.addr);
                if let Some(reference) = address.reference {
                    let fact = cranelift_codegen::ir::GcFact::reference(
                        kind,
                        cranelift_codegen::ir::GcNullability::NonNull,
                    );
                    let things = context.universe.of(info, fact);
                    let root = context.root(reference);
                    let known = taken_for.entry(root).or_insert(things);
                    *known = known.and(things);
                }
            }
        }
        taken_for
    }
}

/// The blocks that are passed for certain before the definition, from the last one on.
fn passed_blocks(subject: Subject) -> Option<Vec<Node>> {
    let cfg = subject.context.cfg;
    let mut blocks = Vec::new();
    let mut node = subject.start.node;
    while let Some(idom) = cfg.idom(node) {
        if idom == node || blocks.len() >= MAX_LENGTH {
            break;
        }
        blocks.push(idom);
        node = idom;
    }
    Some(blocks)
}

/// The conditions that are passed for certain before the definition.
fn passed_before(subject: Subject) -> Vec<Condition> {
    let context = subject.context;
    let (func, cfg) = (context.func, context.cfg);
    let mut conditions = Vec::new();
    let mut node = subject.start.node;
    let mut until = subject.start.inst;
    let mut is_first = true;
    for _ in 0..MAX_LENGTH {
        for &trap in context.body.traps.of(node) {
            let is_passed = match (is_first, until) {
                (false, _) => true,
                (true, Some(until)) => func.layout.pp_cmp(trap, until).is_lt(),
                (true, None) => false,
            };
            if let (true, InstructionData::CondTrap { opcode, arg, .. }) =
                (is_passed, func.dfg.insts[trap])
            {
                conditions.push((arg, opcode == Opcode::Trapz));
            }
        }
        (is_first, until) = (false, None);
        let mut edges = cfg.preds(node);
        let (first, second) = (edges.next(), edges.next());
        if let (Some(edge), None) = (first, second)
            && let Some(inst) = func.layout.last_inst(cfg.block(edge.from))
            && let InstructionData::Brif { arg, .. } = func.dfg.insts[inst]
        {
            conditions.push((arg, edge.dest == 0));
        }
        match cfg.idom(node) {
            Some(idom) if idom != node => node = idom,
            _ => break,
        }
    }
    // NB: Constant conditions say nothing.
    conditions.retain(|&(condition, _)| crate::ir::cfg::constant(func, condition).is_none());
    conditions
}
