//! Paths through the function, as evidence.
//!
//! **Claim.** A path from one point to another on which no forbidden instruction is executed and
//! no forbidden block is entered, if there is one; among those, one with the fewest blocks.
//!
//! **Strength.** Exact on the reachable graph.
//!
//! **Math.** A breadth-first search from the start, in the order of the edges: the path is the same each time.

use crate::ir::cfg::{Cfg, Node};
use cranelift_codegen::ir::{Function, Inst, Value, ValueDef};
use std::collections::VecDeque;

/// A point of the function: just after `inst`, or without one, the start of the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) node: Node,
    pub(crate) inst: Option<Inst>,
}

impl Point {
    /// The point of `inst`, if it can be reached.
    pub(crate) fn at(func: &Function, cfg: &Cfg, inst: Inst) -> Option<Point> {
        let node = cfg.node_of_inst(func, inst)?;
        Some(Point {
            node,
            inst: Some(inst),
        })
    }

    /// The definition of `value`, which must not be an alias, if it can be reached.
    pub(crate) fn of_value(func: &Function, cfg: &Cfg, value: Value) -> Option<Point> {
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, _) => Point::at(func, cfg, inst),
            ValueDef::Param(block, _) => Some(Point {
                node: cfg.node(block)?,
                inst: None,
            }),
            ValueDef::Union(..) => None,
        }
    }

    /// Is it on every way to `other`?
    pub(crate) fn dominates(self, func: &Function, cfg: &Cfg, other: Point) -> bool {
        if self.node != other.node {
            return cfg.dominates(self.node, other.node);
        }
        match (self.inst, other.inst) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(before), Some(at)) => func.layout.pp_cmp(before, at).is_lt(),
        }
    }

    /// The entry.
    pub(crate) const ENTRY: Point = Point {
        node: 0,
        inst: None,
    };
}

/// What a path must not do. It starts after its first point, and what it leads to may itself be
/// a forbidden instruction.
#[derive(Clone, Copy)]
pub(crate) struct Forbidden<'a> {
    /// Execute such an instruction.
    pub(crate) inst: &'a dyn Fn(Inst) -> bool,
    /// Enter this block.
    pub(crate) block: Option<Node>,
}

/// A forward search from one point, over everything that can be executed after it.
pub(crate) struct Search<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    from: Point,
    forbidden: Forbidden<'a>,
    /// For each block whose start can be reached, the block before it on the way.
    came_from: Vec<Option<Node>>,
}

impl<'a> Search<'a> {
    /// Search from `from`.
    pub(crate) fn new(
        func: &'a Function,
        cfg: &'a Cfg,
        from: Point,
        forbidden: Forbidden<'a>,
    ) -> Self {
        let mut search = Search {
            func,
            cfg,
            from,
            forbidden,
            came_from: vec![None; cfg.len()],
        };
        let mut queue = VecDeque::new();
        if search.first_forbidden(search.after(from)).is_none() {
            queue.push_back(from.node);
        }
        while let Some(node) = queue.pop_front() {
            for edge in cfg.succs(node) {
                let to = edge.to as usize;
                if search.came_from[to].is_none() && forbidden.block != Some(edge.to) {
                    search.came_from[to] = Some(node);
                    if search.first_forbidden(search.start(edge.to)).is_none() {
                        queue.push_back(edge.to);
                    }
                }
            }
        }
        search
    }

    fn start(&self, node: Node) -> Option<Inst> {
        self.func.layout.first_inst(self.cfg.block(node))
    }

    fn after(&self, point: Point) -> Option<Inst> {
        match point.inst {
            Some(inst) => self.func.layout.next_inst(inst),
            None => self.start(point.node),
        }
    }

    /// The first forbidden instruction of the block from `inst` on.
    fn first_forbidden(&self, mut inst: Option<Inst>) -> Option<Inst> {
        while let Some(candidate) = inst {
            if (self.forbidden.inst)(candidate) {
                return Some(candidate);
            }
            inst = self.func.layout.next_inst(candidate);
        }
        None
    }

    /// The blocks of a path to `to`, from the block of the start to the block of `to`, both
    /// included.
    ///
    /// The instruction at `to` itself may be a forbidden one.
    pub(crate) fn path_to(&self, to: Inst) -> Option<Vec<Node>> {
        let node = self.cfg.node_of_inst(self.func, to)?;
        if node == self.from.node && self.is_before(self.from.inst, to) {
            let stopped = self.first_forbidden(self.after(self.from));
            if stopped.is_none_or(|stop| !self.is_before(Some(stop), to)) {
                return Some(vec![node]);
            }
        }
        self.came_from[node as usize]?;
        let stopped = self.first_forbidden(self.start(node));
        if stopped.is_some_and(|stop| self.is_before(Some(stop), to)) {
            return None;
        }
        let mut path = vec![node];
        let mut at = node;
        loop {
            at = self.came_from[at as usize].expect("it was reached from somewhere");
            path.push(at);
            if at == self.from.node {
                path.reverse();
                return Some(path);
            }
        }
    }

    /// Is `a`, or the start of the block, before `b` of the same block?
    fn is_before(&self, a: Option<Inst>, b: Inst) -> bool {
        a.is_none_or(|a| self.func.layout.pp_cmp(a, b).is_lt())
    }
}
