//! Dominators, and iterated dominance frontiers.
//!
//! **Claim.** For each block its immediate dominator, and, for a set of blocks, the joins at which definitions made there first meet.
//!
//! **Strength.** Exact for the graph. A graph on which the first algorithm takes too long gets the second one.
//!
//! **Math.** Dominators: Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm" (2001); and SEMI-NCA, Georgiadis, "Linear-Time
//! Algorithms for Dominators and Related Problems" (2005). Frontiers: Sreedhar, Gao, "A Linear Time Algorithm for Placing φ-Nodes" (POPL
//! 1995).

use super::{Cfg, Node, UNREACHABLE};
use crate::ir::steps::{self, Analysis};

/// So many dominators may be passed for each block and edge before they are found in another way.
const INTERSECTIONS: u64 = 16;

impl Cfg {
    /// Find the immediate dominator of each node, and what follows from it.
    pub(super) fn compute_dominators(&mut self) {
        let len = self.blocks.len();
        self.idom.resize(len, UNREACHABLE);
        if len == 0 {
            return;
        }
        self.idom[0] = 0;
        // NB: A chain of blocks from each of which one block is entered takes quadratic time, as loops in loops may.
        let mut left = INTERSECTIONS * (len + self.edges.len()) as u64;
        let mut changed = true;
        while changed {
            if left == 0 {
                self.find_dominators();
                break;
            }
            changed = false;
            // Without an edge that goes back, every predecessor is visited first.
            let mut goes_back = false;
            for node in 1..len as Node {
                let mut idom = UNREACHABLE;
                for &edge in self.pred_edges(node) {
                    let pred = self.edges[edge as usize].from;
                    goes_back |= pred >= node;
                    if self.idom[pred as usize] == UNREACHABLE {
                        continue;
                    }
                    idom = if idom == UNREACHABLE {
                        pred
                    } else {
                        self.intersect(idom, pred, &mut left)
                    };
                }
                if left == 0 {
                    changed = true;
                    break;
                }
                if self.idom[node as usize] != idom {
                    self.idom[node as usize] = idom;
                    changed = true;
                }
            }
            changed &= goes_back || left == 0;
        }
        let taken = INTERSECTIONS * (len + self.edges.len()) as u64 - left;
        steps::count(Analysis::Graph, len + self.edges.len() + taken as usize);
        self.level.resize(len, 0);
        self.dom_child.resize(len, (UNREACHABLE, UNREACHABLE));
        for node in 1..len {
            let idom = self.idom[node] as usize;
            self.level[node] = self.level[idom] + 1;
            self.dom_child[node].1 = self.dom_child[idom].0;
            self.dom_child[idom].0 = node as Node;
        }
        self.number_subtrees();
    }

    fn number_subtrees(&mut self) {
        let len = self.blocks.len();
        // First, what is second is the size of the subtree.
        self.subtree.resize(len, (0, 1));
        for node in (1..len).rev() {
            self.subtree[self.idom[node] as usize].1 += self.subtree[node].1;
        }
        // NB: A dominator comes first, and its number with it.
        let mut next = vec![0; len];
        for node in 0..len {
            let idom = self.idom[node] as usize;
            let size = self.subtree[node].1;
            let first = if node == 0 { 0 } else { next[idom] };
            next[idom] = first + size;
            self.subtree[node] = (first, first + size - 1);
            next[node] = first + 1;
        }
    }

    /// Takes a step of those that are `left` for each dominator that is passed, and stops when there are none.
    fn intersect(&self, mut a: Node, mut b: Node, left: &mut u64) -> Node {
        while a != b && *left != 0 {
            *left -= 1;
            match a > b {
                true => a = self.idom[a as usize],
                false => b = self.idom[b as usize],
            }
        }
        a
    }

    /// The same dominators in nearly linear time, where the other way takes too long.
    ///
    /// This is the algorithm SEMI-NCA. Numbers are those of a walk in depth-first order.
    #[cold]
    fn find_dominators(&mut self) {
        let Depths {
            order,
            number,
            parent,
        } = Depths::new(self);
        let len = order.len();
        let mut forest = Forest {
            parent: parent.clone(),
            label: (0..len as u32).collect(),
            semi: (0..len as u32).collect(),
            stack: Vec::new(),
        };
        for at in (1..len).rev() {
            let mut semi = parent[at];
            for &edge in self.pred_edges(order[at]) {
                let pred = number[self.edges[edge as usize].from as usize];
                let least = forest.least(pred, at as u32 + 1);
                semi = semi.min(forest.semi[least as usize]);
            }
            forest.semi[at] = semi;
        }
        let mut idom = parent;
        for at in 1..len {
            let mut candidate = idom[at];
            while candidate > forest.semi[at] {
                candidate = idom[candidate as usize];
            }
            idom[at] = candidate;
            self.idom[order[at] as usize] = order[candidate as usize];
        }
    }

    /// The iterated dominance frontier of `defs`, as a mark for each node.
    pub(crate) fn iterated_frontier(&self, defs: &[Node]) -> Vec<bool> {
        let mut in_frontier = vec![false; self.len()];
        if defs.is_empty() {
            return in_frontier;
        }
        let mut walked = vec![false; self.len()];
        let mut roots = Roots::new(self, defs);
        let mut stack = Vec::new();
        // Roots come deepest first, so that a subtree walked for one root need not be walked again
        // for a root above it: what it could add has been added.
        while let Some(root) = roots.pop() {
            if core::mem::replace(&mut walked[root as usize], true) {
                continue;
            }
            let root_level = self.level[root as usize];
            stack.push(root);
            while let Some(node) = stack.pop() {
                for edge in self.succs(node) {
                    let to = edge.to as usize;
                    if self.idom[to] != node
                        && self.level[to] <= root_level
                        && !core::mem::replace(&mut in_frontier[to], true)
                    {
                        roots.push(edge.to, self.level[to]);
                    }
                }
                for child in self.dominated(node) {
                    if !core::mem::replace(&mut walked[child as usize], true) {
                        stack.push(child);
                    }
                }
            }
        }
        in_frontier
    }
}

/// A walk over all nodes in depth-first order.
struct Depths {
    order: Vec<Node>,
    /// By node, its place in the order.
    number: Vec<u32>,
    /// By place, that of the node from which it was entered.
    parent: Vec<u32>,
}

impl Depths {
    fn new(cfg: &Cfg) -> Self {
        let mut depths = Depths {
            order: Vec::with_capacity(cfg.len()),
            number: vec![UNREACHABLE; cfg.len()],
            parent: Vec::with_capacity(cfg.len()),
        };
        let mut pending = vec![(0, 0)];
        while let Some((node, parent)) = pending.pop() {
            if depths.number[node as usize] != UNREACHABLE {
                continue;
            }
            let number = depths.order.len() as u32;
            depths.number[node as usize] = number;
            depths.order.push(node);
            depths.parent.push(parent);
            pending.extend(cfg.succs(node).map(|edge| (edge.to, number)));
        }
        depths
    }
}

/// The trees of what was visited, from the last one on.
struct Forest {
    /// Towards the root of its tree, by way of shorter paths with each question.
    parent: Vec<u32>,
    /// The one with the least `semi` on the path that was cut off.
    label: Vec<u32>,
    semi: Vec<u32>,
    stack: Vec<u32>,
}

impl Forest {
    /// The one with the least `semi` from `at` up to the root of its tree, of those that are numbered from `first` on.
    fn least(&mut self, at: u32, first: u32) -> u32 {
        if at < first {
            return self.label[at as usize];
        }
        let mut top = at;
        while self.parent[top as usize] >= first {
            self.stack.push(top);
            top = self.parent[top as usize];
        }
        // What is below gets the parent, and the least, of what is above.
        while let Some(below) = self.stack.pop() {
            let above = self.parent[below as usize];
            self.parent[below as usize] = self.parent[above as usize];
            let (of_above, own) = (self.label[above as usize], self.label[below as usize]);
            if self.semi[of_above as usize] < self.semi[own as usize] {
                self.label[below as usize] = of_above;
            }
        }
        self.label[at as usize]
    }
}

/// Nodes from whose subtrees edges are followed, by level; the deepest come first.
struct Roots {
    /// For each level, the one that was added last.
    last: Vec<Node>,
    /// For each node that was added, the one of the same level that was added before it.
    before: Vec<Node>,
    was_added: Vec<bool>,
    level: usize,
}

impl Roots {
    fn new(cfg: &Cfg, defs: &[Node]) -> Self {
        let levels = defs.iter().map(|&def| cfg.level[def as usize] as usize);
        let deepest = levels.max().unwrap_or(0);
        let mut roots = Roots {
            last: vec![UNREACHABLE; deepest + 1],
            before: vec![UNREACHABLE; cfg.len()],
            was_added: vec![false; cfg.len()],
            level: deepest,
        };
        for &def in defs {
            roots.push(def, cfg.level[def as usize]);
        }
        roots
    }

    /// Add `node`, unless it was added. No level is deeper than that of what was popped last.
    fn push(&mut self, node: Node, level: u32) {
        if !core::mem::replace(&mut self.was_added[node as usize], true) {
            let last = &mut self.last[level as usize];
            self.before[node as usize] = core::mem::replace(last, node);
        }
    }

    fn pop(&mut self) -> Option<Node> {
        loop {
            let node = self.last[self.level];
            if node != UNREACHABLE {
                self.last[self.level] = self.before[node as usize];
                return Some(node);
            }
            self.level = self.level.checked_sub(1)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Rng, parse};
    use cranelift_codegen::ir::Function;

    /// A function whose blocks end in random branches.
    fn random_graph(rng: &mut Rng) -> Function {
        let blocks = 2 + rng.below(30);
        let mut text = String::from("function %f(i32) {\nblock0(v0: i32):\n    jump block1\n");
        for block in 1..blocks {
            let [a, b] = [(); 2].map(|()| 1 + rng.below(blocks - 1));
            text += &match rng.below(5) {
                0 => format!("block{block}:\n    return\n"),
                1 => format!("block{block}:\n    jump block{a}\n"),
                _ => format!("block{block}:\n    brif v0, block{a}, block{b}\n"),
            };
        }
        parse(&(text + "}\n"))
    }

    #[test]
    fn dominators_are_the_same_either_way() {
        let mut rng = Rng::new(3);
        let mut dominators = 0;
        for _ in 0..500 {
            let func = random_graph(&mut rng);
            let graph = Cfg::new(&func);
            let mut again = Cfg::new(&func);
            again.idom.fill(UNREACHABLE);
            again.idom[0] = 0;
            again.find_dominators();
            assert_eq!(graph.idom, again.idom, "{func}");
            dominators += graph.idom.iter().filter(|&&idom| idom != 0).count();
        }
        assert!(dominators > 500, "{dominators}");
    }

    #[test]
    fn a_block_that_is_entered_from_everywhere_is_no_trouble() {
        let mut text = String::from("function %f(i32) {\nblock0(v0: i32):\n    jump block1\n");
        let count = 2_000;
        for block in 1..count {
            text += &format!(
                "block{block}:\n    brif v0, block{}, block{count}\n",
                block + 1
            );
        }
        text += &format!("block{count}:\n    return\n}}\n");
        let graph = Cfg::new(&parse(&text));
        let last = graph
            .nodes()
            .find(|&node| graph.succs(node).count() == 0)
            .expect("it returns");
        assert_eq!(graph.idom(last), Some(1));
    }
}
