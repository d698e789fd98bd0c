//! The search for a path on which a claim holds.
//!
//! **Claim.** [`Outcome::Shown`] comes with a path that no branch condition contradicts, as far as is known,
//! and on which the claim holds. [`Outcome::Refuted`] means that there is none: every path was followed.
//! Otherwise the outcome is [`Outcome::Unknown`].
//!
//! **Strength.** A path enters a block [`VISITS`] times at most, or [`TURNS`] times where it can go only one
//! way. All paths together execute [`BUDGET`] instructions at most.
//!
//! **Math.** A depth-first search over the paths from the entry that can still reach the claim's instruction,
//! the nearest block first. The number of visits is deepened from one on.

use super::claim::{Claim, Held, Proof};
use super::context::Context;
use super::path_facts::PathFacts;
use super::state::{State, Step};
use super::terms::{Term, Terms};
use crate::ir::cfg::{Cfg, Edge, Node, destinations};
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::ir::Inst;
use std::collections::VecDeque;

/// How many instructions are executed for one claim.
const BUDGET: u32 = 50_000;
/// How often a path enters a block.
const VISITS: usize = 3;
/// The same where it goes only one way.
const TURNS: usize = 400;

/// See the module.
pub(crate) enum Outcome {
    Shown(Box<Proof>),
    Refuted,
    Unknown,
}

/// One path, as far as it was followed.
#[derive(Clone)]
struct Thread {
    state: State,
    node: Node,
    /// What is executed next. Without one, the block ends.
    next: Option<Inst>,
    /// How many of the last blocks were entered, if that has begun.
    ended: Option<usize>,
    /// The proof, as soon as what is left is to find a use of a reference that is stale.
    pending: Option<(Box<Proof>, Term)>,
}

/// The search.
pub(super) struct Search<'a> {
    context: &'a Context<'a>,
    cfg: &'a Cfg,
    claim: &'a Claim,
    terms: Terms,
    left: u32,
    /// The blocks that are entered, if they are given, as far as the claim.
    guide: Option<&'a [Node]>,
    /// The blocks that are entered last, as far as the claim, if they are given.
    end: Option<&'a [Node]>,
    /// How far it is from each node to that of the claim.
    distance: Vec<u32>,
    visits: usize,
    /// Was no path left out?
    is_complete: bool,
    is_vague: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        context: &'a Context<'a>,
        cfg: &'a Cfg,
        claim: &'a Claim,
        guide: Option<&'a [Node]>,
    ) -> Self {
        let mut search = Search {
            context,
            cfg,
            claim,
            terms: Terms::default(),
            left: BUDGET,
            guide,
            end: None,
            distance: vec![u32::MAX; cfg.len()],
            visits: 1,
            is_complete: true,
            is_vague: false,
        };
        search.measure();
        search
    }

    /// The search for a path that ends with these blocks.
    pub(super) fn ending(
        context: &'a Context<'a>,
        cfg: &'a Cfg,
        claim: &'a Claim,
        end: &'a [Node],
    ) -> Self {
        let mut search = Search::new(context, cfg, claim, None);
        search.end = Some(end);
        search.distance.fill(u32::MAX);
        search.measure();
        search
    }

    /// How far it is from each node to that of the claim, or to where the last blocks begin.
    fn measure(&mut self) {
        let goal = match self.end {
            Some(end) => end.first().copied(),
            None => self.cfg.node_of_inst(self.context.func, self.claim.inst),
        };
        let mut queue: VecDeque<Node> = goal.into_iter().collect();
        for &node in &queue {
            self.distance[node as usize] = 0;
        }
        while let Some(node) = queue.pop_front() {
            for edge in self.cfg.preds(node) {
                if self.distance[edge.from as usize] == u32::MAX {
                    self.distance[edge.from as usize] = self.distance[node as usize] + 1;
                    queue.push_back(edge.from);
                }
            }
        }
    }

    pub(super) fn run(mut self) -> Outcome {
        // NB: What is given to be followed is followed, however long it is.
        let length = self.guide.map_or(0, |guide| guide.len() as u32);
        let most = BUDGET.saturating_add(length.saturating_mul(100));
        self.left = most.min(
            self.context
                .left
                .get()
                .saturating_add(length.saturating_mul(100)),
        );
        let mut before = self.left;
        let first = if self.guide.is_some() { VISITS } else { 1 };
        for visits in first..=VISITS {
            self.visits = visits;
            self.is_complete = true;
            let found = self.sweep();
            self.context.spend(before - self.left);
            before = self.left;
            if let Some(proof) = found {
                return Outcome::Shown(proof);
            }
            if self.is_complete || self.left == 0 {
                break;
            }
        }
        match self.is_complete && !self.is_vague && self.guide.is_none() {
            true => Outcome::Refuted,
            false => Outcome::Unknown,
        }
    }

    /// Follow all paths that enter no block too often.
    fn sweep(&mut self) -> Option<Box<Proof>> {
        let func = self.context.func;
        if self.cfg.len() == 0 || self.distance[0] == u32::MAX {
            return None;
        }
        let mut state = State::new(0);
        let entry = self.cfg.block(0);
        for &param in func.dfg.block_params(entry) {
            state.define_anew(self.context, &mut self.terms, param);
        }
        let mut threads = vec![Thread {
            state,
            node: 0,
            next: func.layout.first_inst(entry),
            ended: None,
            pending: None,
        }];
        if self.end.is_some_and(|end| end[0] == 0) {
            let mut first = threads[0].clone();
            first.ended = Some(1);
            threads.push(first);
        }
        while let Some(thread) = threads.pop() {
            if let Some(proof) = self.follow(thread, &mut threads) {
                return Some(proof);
            }
            if self.left == 0 {
                self.is_complete = false;
                return None;
            }
        }
        None
    }

    /// Execute the rest of a block, and push what comes after it.
    fn follow(&mut self, mut thread: Thread, threads: &mut Vec<Thread>) -> Option<Box<Proof>> {
        let func = self.context.func;
        while let Some(inst) = thread.next {
            self.left = self.left.saturating_sub(1);
            steps::count(Analysis::Evidence, 1);
            if self.left == 0 {
                return None;
            }
            if let Some((proof, stale)) = &thread.pending
                && self
                    .claim
                    .relies_on(self.context, &mut self.terms, &thread.state, inst, *stale)
            {
                let state = &thread.state;
                let is_shown = !state.is_shown_unboxed(&mut self.terms, *stale)
                    && state.known.is_consistent(&mut self.terms);
                return is_shown.then(|| proof.clone());
            }
            let is_claimed =
                inst == self.claim.inst && thread.pending.is_none() && self.is_at_end(&thread);
            if is_claimed
                && !self.claim.after
                && let Some(proof) = self.judge(&mut thread, Some(inst), threads)
            {
                return Some(proof);
            }
            match thread.state.step(self.context, &mut self.terms, inst) {
                Step::Next => {}
                Step::Ends => return None,
                Step::Splits(condition) => {
                    let mut other = thread.clone();
                    if other.state.known.assume(&mut self.terms, condition, false) {
                        threads.push(other);
                    }
                    if thread.state.known.assume(&mut self.terms, condition, true) {
                        threads.push(thread);
                    }
                    return None;
                }
            }
            let next = func.layout.next_inst(inst);
            thread.next = next;
            if is_claimed
                && self.claim.after
                && let Some(proof) = self.judge(&mut thread, next, threads)
            {
                return Some(proof);
            }
        }
        self.leave(thread, threads);
        None
    }

    /// Is the state where the claim is made, and not where the same block was entered before?
    fn is_at_end(&self, thread: &Thread) -> bool {
        self.guide
            .is_none_or(|guide| thread.state.path.len() == guide.len())
            && self.end.is_none_or(|end| thread.ended == Some(end.len()))
    }

    /// Does the claim hold here? If it does where something is used later, another thread looks for that,
    /// from `next` on.
    fn judge(
        &mut self,
        thread: &mut Thread,
        next: Option<Inst>,
        threads: &mut Vec<Thread>,
    ) -> Option<Box<Proof>> {
        let (context, terms) = (self.context, &mut self.terms);
        match self.claim.holds(context, terms, &mut thread.state) {
            Held::Yes(proof) => {
                return thread.state.known.is_consistent(terms).then_some(proof);
            }
            Held::IfUsed(proof, stale) => threads.push(Thread {
                next,
                pending: Some((proof, stale)),
                ..thread.clone()
            }),
            Held::No => {}
            Held::Vague => self.is_vague = true,
        }
        None
    }

    fn leave(&mut self, mut thread: Thread, threads: &mut Vec<Thread>) {
        let func = self.context.func;
        let Some(last) = func.layout.last_inst(self.cfg.block(thread.node)) else {
            return;
        };
        let dests = destinations(func, last);
        let mut ways: Vec<(Edge, PathFacts)> = Vec::new();
        // NB: A path that is given may be long, and what is known on it much.
        let is_given = thread.pending.is_none() && (self.guide.is_some() || thread.ended.is_some());
        let edges = self.cfg.succs(thread.node);
        let edges: Vec<Edge> = edges
            .filter(|edge| !is_given || self.is_allowed(&thread, *edge))
            .collect();
        for &edge in &edges {
            let mut known = match edges.len() {
                1 => core::mem::take(&mut thread.state.known),
                _ => thread.state.known.clone(),
            };
            let (dest, len) = (edge.dest as usize, dests.len());
            let branch = (last, dest, len);
            if thread
                .state
                .can_go(self.context, &mut self.terms, &mut known, branch)
            {
                ways.push((edge, known));
            }
        }
        // NB: Where the path goes only one way, it may go there often: the loop has its number of turns.
        let is_forced = ways.len() == 1;
        ways.retain(|&(edge, _)| self.is_allowed(&thread, edge));
        // The nearest one is followed first.
        if thread.pending.is_none() {
            ways.sort_by_key(|(edge, _)| core::cmp::Reverse(self.distance[edge.to as usize]));
        }
        let len = ways.len();
        let mut thread = Some(thread);
        for (index, (edge, known)) in ways.into_iter().enumerate() {
            let current = thread.as_ref().expect("it is taken last");
            let visits = if is_forced { TURNS } else { self.visits };
            if self.is_tired_of(current, edge.to, visits) {
                self.is_complete = false;
                continue;
            }
            let mut next = match index + 1 == len {
                true => thread.take().expect("it is taken last"),
                false => current.clone(),
            };
            next.state.known = known;
            let block = self.cfg.block(edge.to);
            let args = dests[edge.dest as usize].args(&func.dfg.value_lists);
            let params = func.dfg.block_params(block).iter().copied();
            let passes: Vec<_> = args.zip(params).collect();
            next.state
                .enter(self.context, &mut self.terms, edge.to, &passes);
            next.node = edge.to;
            next.next = func.layout.first_inst(block);
            match (self.end, next.ended) {
                (Some(_), Some(ended)) => next.ended = Some(ended + 1),
                (Some(end), None) if end[0] == edge.to => {
                    let mut first = next.clone();
                    first.ended = Some(1);
                    threads.push(first);
                }
                _ => {}
            }
            threads.push(next);
        }
    }

    /// Was `node` entered so often that it is not entered again?
    fn is_tired_of(&self, thread: &Thread, node: Node, visits: usize) -> bool {
        if thread.ended.is_some() {
            return false;
        }
        let given = self.guide.map_or(0, <[Node]>::len);
        if thread.state.path.len() < given {
            return false;
        }
        let entered = thread.state.path[given..].iter();
        entered.filter(|&&entered| entered == node).count() >= visits
    }

    fn is_allowed(&self, thread: &Thread, edge: Edge) -> bool {
        if thread.pending.is_some() {
            return true;
        }
        if let (Some(end), Some(ended)) = (self.end, thread.ended) {
            return end.get(ended) == Some(&edge.to);
        }
        match self.guide {
            Some(guide) => guide.get(thread.state.path.len()) == Some(&edge.to),
            None => self.distance[edge.to as usize] != u32::MAX,
        }
    }
}
