//! Our own control-flow graph, dominators and iterated dominance frontiers.
//!
//! **Claim.** Blocks are numbered in reverse post-order of the part of the function that can
//! be reached from the entry; an edge that a constant condition excludes does not count. For each
//! block: its edges, its immediate dominator, and, for a set of blocks, the joins at which
//! definitions made there first meet.
//!
//! **Strength.** Exact for the graph so defined. It is recomputed here because the passes
//! whose work is verified compute, and change, the one that the pipeline carries.
//!
//! **Math.** Dominators: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm" (2001).
//! Frontiers: Sreedhar, Gao, "A Linear Time Algorithm for Placing φ-Nodes" (POPL 1995).

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, BlockCall, Function, Inst, InstructionData, Value, ValueDef};
use smallvec::SmallVec;
use std::collections::BinaryHeap;

/// A block's number in reverse post-order.
pub(crate) type Node = u32;

/// The number of a block that cannot be reached.
const UNREACHABLE: Node = Node::MAX;

/// An edge, by the block that it leaves and the position among that block's destinations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edge {
    pub(crate) from: Node,
    pub(crate) to: Node,
    /// The index into the terminator's `branch_destination`.
    pub(crate) dest: u32,
}

/// The reachable part of a function.
pub(crate) struct Cfg {
    blocks: Vec<Block>,
    node_of: SecondaryMap<Block, Node>,
    edges: Vec<Edge>,
    /// The edges out of each node, as indices into `edges`.
    succs: Vec<SmallVec<[u32; 2]>>,
    /// The edges into each node, as indices into `edges`.
    preds: Vec<SmallVec<[u32; 2]>>,
    idom: Vec<Node>,
    level: Vec<u32>,
    /// For each node, the first and the last position of its subtree in a walk over dominators.
    subtree: Vec<(u32, u32)>,
    dom_children: Vec<SmallVec<[Node; 2]>>,
}

impl Cfg {
    /// Compute the graph of `func`.
    pub(crate) fn new(func: &Function) -> Self {
        let mut node_of = SecondaryMap::with_default(UNREACHABLE);
        node_of.resize(func.dfg.num_blocks());
        let mut cfg = Cfg {
            blocks: reverse_post_order(func),
            node_of,
            edges: Vec::new(),
            succs: Vec::new(),
            preds: Vec::new(),
            idom: Vec::new(),
            level: Vec::new(),
            subtree: Vec::new(),
            dom_children: Vec::new(),
        };
        for (node, &block) in cfg.blocks.iter().enumerate() {
            cfg.node_of[block] = node as Node;
        }
        cfg.compute_edges(func);
        cfg.compute_dominators();
        cfg
    }

    fn compute_edges(&mut self, func: &Function) {
        let len = self.blocks.len();
        self.succs.resize_with(len, SmallVec::new);
        self.preds.resize_with(len, SmallVec::new);
        for from in 0..len as Node {
            for_each_successor(func, self.block(from), |dest, block| {
                let to = self.node_of[block];
                let edge = self.edges.len() as u32;
                self.edges.push(Edge { from, to, dest });
                self.succs[from as usize].push(edge);
                self.preds[to as usize].push(edge);
            });
        }
    }

    fn compute_dominators(&mut self) {
        let len = self.blocks.len();
        self.idom = vec![UNREACHABLE; len];
        if len == 0 {
            return;
        }
        self.idom[0] = 0;
        let mut changed = true;
        while changed {
            changed = false;
            for node in 1..len as Node {
                let mut idom = UNREACHABLE;
                for edge in &self.preds[node as usize] {
                    let pred = self.edges[*edge as usize].from;
                    if self.idom[pred as usize] == UNREACHABLE {
                        continue;
                    }
                    idom = if idom == UNREACHABLE {
                        pred
                    } else {
                        self.intersect(idom, pred)
                    };
                }
                if self.idom[node as usize] != idom {
                    self.idom[node as usize] = idom;
                    changed = true;
                }
            }
        }
        self.level = vec![0; len];
        self.dom_children.resize_with(len, SmallVec::new);
        for node in 1..len {
            let idom = self.idom[node];
            self.level[node] = self.level[idom as usize] + 1;
            self.dom_children[idom as usize].push(node as Node);
        }
        self.number_subtrees();
    }

    fn number_subtrees(&mut self) {
        let len = self.blocks.len();
        let mut sizes = vec![1_u32; len];
        for node in (1..len).rev() {
            sizes[self.idom[node] as usize] += sizes[node];
        }
        // NB: A dominator comes first, and its number with it.
        self.subtree = vec![(0, 0); len];
        let mut next = vec![0; len];
        for node in 0..len {
            let idom = self.idom[node] as usize;
            let first = if node == 0 { 0 } else { next[idom] };
            next[idom] = first + sizes[node];
            self.subtree[node] = (first, first + sizes[node] - 1);
            next[node] = first + 1;
        }
    }

    /// Does `a` dominate `b`?
    pub(crate) fn dominates(&self, a: Node, b: Node) -> bool {
        let (first, last) = self.subtree[a as usize];
        (first..=last).contains(&self.subtree[b as usize].0)
    }

    fn intersect(&self, mut a: Node, mut b: Node) -> Node {
        while a != b {
            while a > b {
                a = self.idom[a as usize];
            }
            while b > a {
                b = self.idom[b as usize];
            }
        }
        a
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
        Some(self.node_of[block]).filter(|&node| node != UNREACHABLE)
    }

    /// The node of the block that `inst` is in, if it can be reached.
    pub(crate) fn node_of_inst(&self, func: &Function, inst: Inst) -> Option<Node> {
        func.layout
            .inst_block(inst)
            .and_then(|block| self.node(block))
    }

    /// The edges out of `node`.
    pub(crate) fn succs(&self, node: Node) -> impl Iterator<Item = Edge> + '_ {
        let edges = self.succs[node as usize].iter();
        edges.map(|&edge| self.edges[edge as usize])
    }

    /// The edges into `node`.
    pub(crate) fn preds(&self, node: Node) -> impl Iterator<Item = Edge> + '_ {
        let edges = self.preds[node as usize].iter();
        edges.map(|&edge| self.edges[edge as usize])
    }

    /// The immediate dominator of `node`; the entry has none.
    pub(crate) fn idom(&self, node: Node) -> Option<Node> {
        (node != 0).then(|| self.idom[node as usize])
    }

    /// The iterated dominance frontier of `defs`, as a mark for each node.
    pub(crate) fn iterated_frontier(&self, defs: &[Node]) -> Vec<bool> {
        let len = self.len();
        let mut in_frontier = vec![false; len];
        let mut walked = vec![false; len];
        let mut queue: BinaryHeap<(u32, Node)> = defs
            .iter()
            .map(|&def| (self.level[def as usize], def))
            .collect();
        let mut stack = Vec::new();
        // Roots come deepest first, so that a subtree walked for one root need not be walked again
        // for a root above it: what it could add has been added.
        while let Some((root_level, root)) = queue.pop() {
            if core::mem::replace(&mut walked[root as usize], true) {
                continue;
            }
            stack.push(root);
            while let Some(node) = stack.pop() {
                for edge in self.succs(node) {
                    let to = edge.to as usize;
                    if self.idom[to] != node
                        && self.level[to] <= root_level
                        && !core::mem::replace(&mut in_frontier[to], true)
                    {
                        queue.push((self.level[to], edge.to));
                    }
                }
                for &child in &self.dom_children[node as usize] {
                    if !core::mem::replace(&mut walked[child as usize], true) {
                        stack.push(child);
                    }
                }
            }
        }
        in_frontier
    }
}

/// The blocks that can be reached, in reverse post-order.
fn reverse_post_order(func: &Function) -> Vec<Block> {
    let Some(entry) = func.layout.entry_block() else {
        return Vec::new();
    };
    let mut seen = SecondaryMap::<Block, bool>::new();
    seen.resize(func.dfg.num_blocks());
    let mut post_order = Vec::new();
    // Own stack: the depth of a function's graph is its author's choice.
    let mut stack = vec![(entry, successors(func, entry))];
    seen[entry] = true;
    while let Some((block, pending)) = stack.last_mut() {
        match pending.pop() {
            Some(succ) => {
                if !core::mem::replace(&mut seen[succ], true) {
                    stack.push((succ, successors(func, succ)));
                }
            }
            None => {
                post_order.push(*block);
                stack.pop();
            }
        }
    }
    post_order.reverse();
    post_order
}

fn successors(func: &Function, block: Block) -> SmallVec<[Block; 2]> {
    let mut succs = SmallVec::new();
    for_each_successor(func, block, |_, succ| succs.push(succ));
    succs
}

/// Call `f` with each destination of `block`'s terminator that a constant condition does not
/// exclude: its index among all destinations, and its block.
fn for_each_successor(func: &Function, block: Block, mut f: impl FnMut(u32, Block)) {
    let Some(inst) = func.layout.last_inst(block) else {
        return;
    };
    let dests = destinations(func, inst);
    let taken = constant_destination(func, inst, dests.len());
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
            let cond = constant(func, arg)?;
            Some(if cond != 0 { 0 } else { 1 })
        }
        InstructionData::BranchTable { arg, .. } => {
            // The default destination comes first.
            let index = usize::try_from(constant(func, arg)?).ok()?;
            Some(if index < len - 1 { index + 1 } else { 0 })
        }
        _ => None,
    }
}

/// The value of `value` if it is an integer constant, zero-extended from its type.
pub(crate) fn constant(func: &Function, value: Value) -> Option<u64> {
    let value = func.dfg.resolve_aliases(value);
    let ValueDef::Result(inst, _) = func.dfg.value_def(value) else {
        return None;
    };
    match func.dfg.insts[inst] {
        InstructionData::UnaryImm {
            opcode: cranelift_codegen::ir::Opcode::Iconst,
            imm,
        } => {
            let bits = func.dfg.value_type(value).bits();
            let mask = if bits >= 64 {
                u64::MAX
            } else {
                (1 << bits) - 1
            };
            Some(imm.bits() as u64 & mask)
        }
        _ => None,
    }
}
