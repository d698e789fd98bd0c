//! Our own control-flow graph.
//!
//! **Claim.** Blocks are numbered in reverse post-order of the part of the function that can
//! be reached from the entry; an edge that a constant condition excludes does not count. A block ends
//! at the first instruction that always traps: what is behind it is not reached, and no edge leaves the
//! block. For each block: its instructions, its edges, and its immediate dominator (see `dominators`).
//!
//! **Strength.** Exact for the graph so defined. It is recomputed here because the passes
//! whose work is verified compute, and change, the one that the pipeline carries.
//!
//! **Math.** A graph `(N, E)` with the entry 0: `N` is what is reached from 0, and its numbers are those of a reverse post-order.

mod dominators;

pub(crate) use crate::ir::constant::constant;
use crate::ir::constant::{always_traps, evaluate, may_always_trap};
use cranelift_codegen::ir::{Block, BlockArg, BlockCall, Function, Inst, InstructionData, Value};
use smallvec::{SmallVec, smallvec};

/// A block's number in reverse post-order.
pub(crate) type Node = u32;

/// The number of a block that cannot be reached.
const UNREACHABLE: Node = Node::MAX;

/// The destination of an edge that was taken out.
const GONE: u32 = u32::MAX;

/// An edge, by the block that it leaves and the position among that block's destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: Node,
    pub(crate) to: Node,
    /// The index into the terminator's `branch_destination`.
    pub(crate) dest: u32,
}

/// The reachable part of a function.
///
/// All of it stands in a few flat arrays: what belongs to a node is a range, or a list that is linked
/// through the nodes.
#[derive(Default)]
pub(crate) struct Cfg {
    blocks: Vec<Block>,
    ends: Ends,
    /// By block.
    node_of: Vec<Node>,
    /// In the order of the nodes that they leave.
    edges: Vec<Edge>,
    /// For each node, where its edges begin in `edges`; and where the last ones end.
    succs: Vec<u32>,
    /// The edges into each node, as indices into `edges`, node after node.
    preds: Vec<u32>,
    /// For each node, where those into it begin in `preds`; and where the last ones end.
    pred_starts: Vec<u32>,
    idom: Vec<Node>,
    level: Vec<u32>,
    /// For each node, the first and the last position of its subtree in a walk over dominators.
    subtree: Vec<(u32, u32)>,
    /// For each node, the first of those that it dominates immediately, and the next one that its own
    /// immediate dominator does.
    dom_child: Vec<(Node, Node)>,
}

impl Cfg {
    /// Compute the graph of `func`.
    pub(crate) fn new(func: &Function) -> Self {
        Cfg::with(func, Ends::new(func))
    }

    /// The same of a function of which no instruction always traps.
    pub(crate) fn whole(func: &Function) -> Self {
        Cfg::with(func, Ends::default())
    }

    fn with(func: &Function, ends: Ends) -> Self {
        let mut cfg = Cfg {
            ends,
            ..Cfg::default()
        };
        let walk = Walk::new(func, &cfg.ends);
        cfg.node_of = walk.node_of;
        cfg.blocks = walk.post_order;
        cfg.blocks.reverse();
        for (node, &block) in cfg.blocks.iter().enumerate() {
            cfg.node_of[block.as_u32() as usize] = node as Node;
        }
        cfg.compute_edges(&walk.dests, &walk.ranges);
        cfg.compute_dominators();
        cfg
    }

    /// Is this the graph of `func` as it stands?
    ///
    /// NB: Blocks that cannot be reached do not matter, and which can be is told by the edges.
    pub(crate) fn is_graph_of(&self, func: &Function) -> bool {
        self.ends == Ends::new(func) && self.has_all_edges(func)
    }

    /// Is this the graph of `func` as it stands, if no instruction of that always traps?
    pub(crate) fn is_whole_graph_of(&self, func: &Function) -> bool {
        self.ends.0.is_empty() && self.has_all_edges(func)
    }

    fn has_all_edges(&self, func: &Function) -> bool {
        let is_same = |node: Node| self.has_edges(func, node);
        func.layout.entry_block() == self.blocks.first().copied() && self.nodes().all(is_same)
    }

    /// Take out the edges that `block` has no more in `func`. Returns whether there were any, or nothing if
    /// it has edges that it had not.
    ///
    /// NB: Dominators and frontiers stay what they were, and so does where blocks end: one that ends early by
    /// now had more ways before, and one that ends early no more has more of them now.
    pub(crate) fn narrow(&mut self, func: &Function, block: Block) -> Option<bool> {
        if let Some(end) = self.ends.of(block) {
            let is_there = func.layout.inst_block(end) == Some(block) && always_traps(func, end);
            return is_there.then_some(false);
        }
        let Some(node) = self.node(block).filter(|&node| !self.has_edges(func, node)) else {
            return Some(false);
        };
        let range = self.succs[node as usize] as usize..self.succs[node as usize + 1] as usize;
        let mut dests: SmallVec<[u32; 4]> = smallvec![GONE; range.len()];
        let mut is_less = true;
        for_each_successor(func, &self.ends, block, |dest, succ| {
            let mut edges = self.edges[range.clone()].iter().zip(&mut dests);
            let old = edges.find(|(edge, now)| {
                **now == GONE && edge.dest != GONE && Some(edge.to) == self.node(succ)
            });
            match old {
                Some((_, now)) => *now = dest,
                None => is_less = false,
            }
        });
        if !is_less {
            return None;
        }
        let edges = self.edges[range].iter_mut().zip(dests);
        edges.for_each(|(edge, dest)| edge.dest = dest);
        Some(true)
    }

    fn has_edges(&self, func: &Function, node: Node) -> bool {
        let mut edges = self.succs(node);
        let mut same = true;
        for_each_successor(func, &self.ends, self.block(node), |dest, block| {
            same &= edges
                .next()
                .is_some_and(|edge| edge.dest == dest && self.node(block) == Some(edge.to));
        });
        same && edges.next().is_none()
    }

    /// `dests` are the destinations of the blocks, and `ranges` those of each block, by its number.
    fn compute_edges(&mut self, dests: &[(u32, Block)], ranges: &[(u32, u32)]) {
        let len = self.blocks.len();
        self.edges.reserve(dests.len());
        self.succs.reserve(len + 1);
        self.pred_starts.resize(len + 2, 0);
        for (from, &block) in self.blocks.iter().enumerate() {
            self.succs.push(self.edges.len() as u32);
            let (start, end) = ranges[block.as_u32() as usize];
            for &(dest, block) in &dests[start as usize..end as usize] {
                let from = from as Node;
                let to = self.node_of[block.as_u32() as usize];
                self.edges.push(Edge { from, to, dest });
                self.pred_starts[to as usize + 2] += 1;
            }
        }
        self.succs.push(self.edges.len() as u32);
        // Each start, shifted by one, moves on to the next one's while the edges are filled in.
        for node in 2..self.pred_starts.len() {
            self.pred_starts[node] += self.pred_starts[node - 1];
        }
        self.preds.resize(self.edges.len(), 0);
        for (index, edge) in self.edges.iter().enumerate() {
            let at = &mut self.pred_starts[edge.to as usize + 1];
            self.preds[*at as usize] = index as u32;
            *at += 1;
        }
        self.pred_starts.pop();
    }

    /// Does `a` dominate `b`?
    pub(crate) fn dominates(&self, a: Node, b: Node) -> bool {
        let (first, last) = self.subtree[a as usize];
        (first..=last).contains(&self.subtree[b as usize].0)
    }

    /// The number of reachable blocks.
    pub(crate) fn len(&self) -> usize {
        self.blocks.len()
    }

    /// The nodes in reverse post-order.
    pub(crate) fn nodes(&self) -> core::ops::Range<Node> {
        0..self.blocks.len() as Node
    }

    /// The block of `node`.
    pub(crate) fn block(&self, node: Node) -> Block {
        self.blocks[node as usize]
    }

    /// The node of `block`, if it can be reached.
    pub(crate) fn node(&self, block: Block) -> Option<Node> {
        let node = self.node_of.get(block.as_u32() as usize).copied();
        node.filter(|&node| node != UNREACHABLE)
    }

    /// The node of the block that `inst` is in, if it can be reached.
    pub(crate) fn node_of_inst(&self, func: &Function, inst: Inst) -> Option<Node> {
        let block = func.layout.inst_block(inst)?;
        let end = self.ends.of(block);
        let is_behind = end.is_some_and(|end| func.layout.pp_cmp(end, inst).is_lt());
        self.node(block).filter(|_| !is_behind)
    }

    /// The instructions of `node` that can be reached, in order.
    pub(crate) fn insts<'a>(&self, func: &'a Function, node: Node) -> Insts<'a> {
        let block = self.block(node);
        Insts {
            func,
            next: func.layout.first_inst(block),
            end: self.ends.of(block),
        }
    }

    /// The instruction that always traps, and with which `node` ends.
    pub(crate) fn end(&self, node: Node) -> Option<Inst> {
        self.ends.of(self.block(node))
    }

    /// Does a block end early at `inst`?
    pub(crate) fn is_end(&self, func: &Function, inst: Inst) -> bool {
        let block = func.layout.inst_block(inst);
        block.is_some_and(|block| self.ends.of(block) == Some(inst))
    }

    /// The edges out of `node`.
    pub(crate) fn succs(&self, node: Node) -> impl Iterator<Item = Edge> + '_ {
        let (start, end) = (self.succs[node as usize], self.succs[node as usize + 1]);
        let edges = self.edges[start as usize..end as usize].iter().copied();
        edges.filter(|edge| edge.dest != GONE)
    }

    /// The edges into `node`.
    pub(crate) fn preds(&self, node: Node) -> impl Iterator<Item = Edge> + '_ {
        let edges = self.pred_edges(node).iter();
        let edges = edges.map(|&edge| self.edges[edge as usize]);
        edges.filter(|edge| edge.dest != GONE)
    }

    fn pred_edges(&self, node: Node) -> &[u32] {
        let starts = &self.pred_starts[node as usize..node as usize + 2];
        &self.preds[starts[0] as usize..starts[1] as usize]
    }

    /// Do several edges lead into `node`?
    pub(crate) fn is_join(&self, node: Node) -> bool {
        self.pred_edges(node).len() > 1
    }

    /// The nodes that `node` dominates immediately.
    pub(crate) fn dominated(&self, node: Node) -> impl Iterator<Item = Node> + '_ {
        let is_there = |&node: &Node| node != UNREACHABLE;
        let first = Some(self.dom_child[node as usize].0).filter(is_there);
        core::iter::successors(first, move |&child| {
            Some(self.dom_child[child as usize].1).filter(is_there)
        })
    }

    /// The immediate dominator of `node`; the entry has none.
    pub(crate) fn idom(&self, node: Node) -> Option<Node> {
        (node != 0).then(|| self.idom[node as usize])
    }
}

/// The instructions of a node that can be reached.
pub(crate) struct Insts<'a> {
    func: &'a Function,
    next: Option<Inst>,
    end: Option<Inst>,
}

impl Iterator for Insts<'_> {
    type Item = Inst;

    fn next(&mut self) -> Option<Inst> {
        let inst = self.next?;
        self.next = match self.end == Some(inst) {
            true => None,
            false => self.func.layout.next_inst(inst),
        };
        Some(inst)
    }
}

/// The blocks that end early, sorted, each with the first of its instructions that always traps.
///
/// NB: Few functions have any.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ends(Vec<(Block, Inst)>);

impl Ends {
    fn new(func: &Function) -> Self {
        let mut ends = Vec::new();
        // NB: All that were ever made stand side by side, and most are of other opcodes.
        for index in 0..func.dfg.num_insts() as u32 {
            let inst = Inst::from_u32(index);
            let may_be = may_always_trap(&func.dfg.insts[inst]);
            if may_be
                && always_traps(func, inst)
                && let Some(block) = func.layout.inst_block(inst)
            {
                ends.push((block, inst));
            }
        }
        ends.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| func.layout.pp_cmp(a.1, b.1)));
        ends.dedup_by_key(|&mut (block, _)| block);
        Ends(ends)
    }

    #[inline]
    fn of(&self, block: Block) -> Option<Inst> {
        match self.0.is_empty() {
            true => None,
            false => self.find(block),
        }
    }

    #[cold]
    fn find(&self, block: Block) -> Option<Inst> {
        let at = self.0.binary_search_by_key(&block, |&(block, _)| block);
        at.ok().map(|at| self.0[at].1)
    }
}

/// A walk over the blocks that can be reached.
struct Walk {
    post_order: Vec<Block>,
    /// The destinations of all of them, each with its index among those of its branch.
    dests: Vec<(u32, Block)>,
    /// By block, where its destinations begin and end.
    ranges: Vec<(u32, u32)>,
    /// By block: `SEEN` until numbers are given.
    node_of: Vec<Node>,
}

/// The number of a block that can be reached, before it has one.
const SEEN: Node = UNREACHABLE - 1;

impl Walk {
    fn new(func: &Function, ends: &Ends) -> Self {
        let len = func.dfg.num_blocks();
        let mut walk = Walk {
            post_order: Vec::with_capacity(len),
            dests: Vec::with_capacity(2 * len),
            ranges: vec![(0, 0); len],
            node_of: vec![UNREACHABLE; len],
        };
        // Own stack, of blocks with the end of their destinations that are to be visited: the depth of
        // a function's graph is its author's choice.
        let mut stack = Vec::with_capacity(len);
        if let Some(entry) = func.layout.entry_block() {
            walk.enter(func, ends, entry, &mut stack);
        }
        while let Some((block, pending)) = stack.last_mut() {
            let start = walk.ranges[block.as_u32() as usize].0;
            if *pending == start {
                walk.post_order.push(*block);
                stack.pop();
                continue;
            }
            *pending -= 1;
            let succ = walk.dests[*pending as usize].1;
            if walk.node_of[succ.as_u32() as usize] == UNREACHABLE {
                walk.enter(func, ends, succ, &mut stack);
            }
        }
        walk
    }

    fn enter(&mut self, func: &Function, ends: &Ends, block: Block, stack: &mut Vec<(Block, u32)>) {
        let start = self.dests.len() as u32;
        for_each_successor(func, ends, block, |dest, succ| {
            self.dests.push((dest, succ));
        });
        let end = self.dests.len() as u32;
        self.ranges[block.as_u32() as usize] = (start, end);
        self.node_of[block.as_u32() as usize] = SEEN;
        stack.push((block, end));
    }
}

/// Call `f` with each destination of `block`'s terminator that a constant condition does not
/// exclude: its index among all destinations, and its block. There are none where the block ends before.
fn for_each_successor(func: &Function, ends: &Ends, block: Block, mut f: impl FnMut(u32, Block)) {
    let Some(inst) = func.layout.last_inst(block) else {
        return;
    };
    if ends.of(block).is_some() {
        return;
    }
    let dests = destinations(func, inst);
    // NB: One that is alone is not chosen by anything.
    let taken = match dests.len() {
        0 | 1 => None,
        len => constant_destination(func, inst, len),
    };
    for (index, dest) in dests.iter().enumerate() {
        if taken.is_none_or(|taken| taken == index) {
            f(index as u32, dest.block(&func.dfg.value_lists));
        }
    }
}

/// The destinations of `inst`.
pub(crate) fn destinations(func: &Function, inst: Inst) -> &[BlockCall] {
    func.dfg.insts[inst].branch_destination(&func.dfg.jump_tables, &func.dfg.exception_tables)
}

/// The index of the destination that a branch on a constant takes.
fn constant_destination(func: &Function, inst: Inst, len: usize) -> Option<usize> {
    match func.dfg.insts[inst] {
        InstructionData::Brif { arg, .. } => {
            let cond = evaluate(func, arg)?;
            Some(if cond != 0 { 0 } else { 1 })
        }
        InstructionData::BranchTable { arg, .. } => {
            // The default destination comes first.
            let index = usize::try_from(evaluate(func, arg)?).ok()?;
            Some(if index < len - 1 { index + 1 } else { 0 })
        }
        _ => None,
    }
}

/// Call `f` with the target, the argument and the parameter, for every value that a reachable edge
/// out of `node` passes. Arguments and parameters are not aliases.
pub(crate) fn for_each_block_arg(
    func: &Function,
    cfg: &Cfg,
    node: Node,
    mut f: impl FnMut(Node, Value, Value),
) {
    let Some(inst) = func.layout.last_inst(cfg.block(node)) else {
        return;
    };
    let dests = destinations(func, inst);
    for edge in cfg.succs(node) {
        let args = dests[edge.dest as usize].args(&func.dfg.value_lists);
        let params = func.dfg.block_params(cfg.block(edge.to));
        for (arg, &param) in args.zip(params) {
            // The results of a call are no one's value yet.
            if let BlockArg::Value(arg) = arg {
                f(edge.to, func.dfg.resolve_aliases(arg), param);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parse;

    const FUNCTION: &str = "function %f(i32) -> i32 {
    block0(v0: i32):
        brif v0, block1, block2
    block1:
        jump block3(v0)
    block2:
        br_table v0, block3(v0), [block1, block3(v0)]
    block3(v1: i32):
        return v1
    }";

    #[test]
    fn a_graph_is_that_of_a_function_with_the_same_edges() {
        let graph = Cfg::new(&parse(FUNCTION));
        assert_eq!(graph.len(), 4);
        assert!(graph.is_graph_of(&parse(FUNCTION)));
        let same = FUNCTION.replace("jump block3(v0)", "v2 = iadd v0, v0\n jump block3(v2)");
        assert!(graph.is_graph_of(&parse(&same)));
        let changes = [
            ("brif v0, block1, block2", "jump block2"),
            ("brif v0, block1, block2", "jump block1"),
            ("brif v0, block1, block2", "brif v0, block2, block1"),
            ("[block1, block3(v0)]", "[block1]"),
            ("[block1, block3(v0)]", "[block1, block1]"),
            ("jump block3(v0)", "return v0"),
        ];
        for (from, to) in changes {
            assert!(FUNCTION.contains(from), "{from}");
            let changed = parse(&FUNCTION.replacen(from, to, 1));
            assert!(!graph.is_graph_of(&changed), "{from} to {to}");
        }
    }

    #[test]
    fn a_graph_loses_edges_and_gets_none() {
        let changes = [
            ("brif v0, block1, block2", "jump block2", Some(true), 5),
            (
                "brif v0, block1, block2",
                "brif v0, block2, block1",
                Some(true),
                6,
            ),
            (
                "brif v0, block1, block2",
                "brif v0, block2, block2",
                None,
                6,
            ),
            ("brif v0, block1, block2", "return v0", Some(true), 4),
            (
                "brif v0, block1, block2",
                "brif v0, block1, block2",
                Some(false),
                6,
            ),
        ];
        for (from, to, expected, edges) in changes {
            let mut graph = Cfg::new(&parse(FUNCTION));
            let changed = parse(&FUNCTION.replacen(from, to, 1));
            let entry = changed.layout.entry_block().expect("there is one");
            assert_eq!(graph.narrow(&changed, entry), expected, "{to}");
            let left: usize = graph.nodes().map(|node| graph.preds(node).count()).sum();
            let mut out: Vec<Edge> = graph.succs(0).collect();
            out.sort_by_key(|edge| edge.dest);
            let found: Vec<Block> = out.iter().map(|edge| graph.block(edge.to)).collect();
            if expected.is_some() {
                assert!(
                    found.iter().copied().eq(changed.block_successors(entry)),
                    "{to}"
                );
            }
            assert_eq!(left, edges, "{to}");
        }
    }

    #[test]
    fn edges_lead_there_and_back() {
        let graph = Cfg::new(&parse(FUNCTION));
        for node in graph.nodes() {
            for edge in graph.succs(node) {
                assert_eq!(edge.from, node);
                assert!(graph.preds(edge.to).any(|back| back == edge));
            }
        }
        let count: usize = graph.nodes().map(|node| graph.preds(node).count()).sum();
        assert_eq!(count, 6);
    }

    #[test]
    fn a_block_ends_where_it_always_traps() {
        let text = "function %f(i32) -> i32 {
        block0(v0: i32):
            v1 = iconst.i32 0
            brif v0, block1, block2
        block1:
            trapz v1, user1
            v2 = iadd v0, v1
            trapz v1, user2
            jump block3
        block2:
            trapnz v1, user1
            jump block4
        block3:
            return v0
        block4:
            return v1
        }";
        let func = parse(text);
        let graph = Cfg::new(&func);
        let blocks: Vec<Block> = func.layout.blocks().collect();
        assert_eq!(graph.len(), 4);
        assert_eq!(graph.node(blocks[3]), None);
        let node = graph.node(blocks[1]).expect("it is reached");
        assert_eq!(graph.succs(node).count(), 0);
        let insts: Vec<Inst> = func.layout.block_insts(blocks[1]).collect();
        assert!(graph.insts(&func, node).eq(insts[..1].iter().copied()));
        assert_eq!(graph.end(node), Some(insts[0]));
        assert_eq!(graph.node_of_inst(&func, insts[0]), Some(node));
        assert_eq!(graph.node_of_inst(&func, insts[1]), None);
        // It is another graph where the block does not end any more.
        let same = text.replace("v2 = iadd v0, v1", "v2 = isub v0, v1");
        assert!(graph.is_graph_of(&parse(&same)));
        let others = [
            ("trapz v1, user1", "trapz v0, user1"),
            ("trapnz v1", "trapz v1"),
        ];
        for (from, to) in others {
            assert!(!graph.is_graph_of(&parse(&text.replace(from, to))), "{to}");
        }
        let mut graph = Cfg::new(&func);
        assert_eq!(graph.narrow(&func, blocks[1]), Some(false));
        let passed = parse(&text.replace("trapz v1, user1", "trapz v0, user1"));
        assert_eq!(graph.narrow(&passed, blocks[1]), None);
    }
}
