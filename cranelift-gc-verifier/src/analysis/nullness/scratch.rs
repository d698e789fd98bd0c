//! What the analyses of a function's references share: the reference that is followed, and memory.

use super::eval::Bits;
use super::invariant::Invariants;
use super::sites::Site;
use crate::ir::cfg::{Cfg, Node};
use crate::ir::path::Point;
use crate::ir::view::Traps;
use cranelift_codegen::ir::{Function, Inst, Value};

/// Memory for analyses of one function after another.
pub(crate) struct Scratch<'a> {
    pub(super) invariants: Invariants<'a>,
    /// The analysis that the marks of these belong to.
    pub(super) stamp: u32,
    pub(super) executable: Vec<u32>,
    /// The same as bits, to find the next one.
    pub(super) executed: Vec<u64>,
    pub(super) params: Vec<(u32, Bits)>,
    pub(super) region_stamp: u32,
    pub(super) in_region: Vec<u32>,
    /// How many more visits of blocks are made.
    pub(crate) budget: u64,
}

impl<'a> Scratch<'a> {
    pub(crate) fn new(func: &'a Function, cfg: &'a Cfg, invariants: Invariants<'a>) -> Self {
        Scratch {
            invariants,
            executed: vec![0; cfg.len().div_ceil(64)],
            stamp: 0,
            executable: vec![0; cfg.len()],
            params: vec![(0, Bits::Unknown); func.dfg.num_values()],
            region_stamp: 0,
            in_region: vec![0; cfg.len()],
            budget: 0,
        }
    }

    /// Is `value` a parameter that is given what is followed here?
    pub(crate) fn is_param(&self, subject: Subject, value: Value) -> bool {
        let node = self.invariants.param_node(value);
        node.is_some_and(|node| {
            node != subject.start.node && self.in_region[node as usize] == self.region_stamp
        })
    }

    /// What is settled in the function.
    pub(crate) fn invariants(&self) -> &Invariants<'a> {
        &self.invariants
    }

    /// `node` is executed. Returns whether that was not known.
    pub(super) fn execute(&mut self, node: Node) -> bool {
        self.executed[node as usize / 64] |= 1 << (node % 64);
        core::mem::replace(&mut self.executable[node as usize], self.stamp) != self.stamp
    }

    /// The first node from `node` on that is executed.
    pub(super) fn executed_from(&self, node: Node) -> Option<Node> {
        let mut index = node as usize / 64;
        let mut word = self.executed.get(index)? & (u64::MAX << (node % 64));
        while word == 0 {
            index += 1;
            word = *self.executed.get(index)?;
        }
        Some(index as Node * 64 + word.trailing_zeros())
    }

    /// Find the blocks that `start` dominates and from which one of `sites` is reached without entering
    /// `start` again.
    pub(crate) fn find_region(&mut self, cfg: &Cfg, start: Point, sites: &[Site]) {
        self.region_stamp += 1;
        let mut pending = Vec::new();
        let mut visit = |node: Node, pending: &mut Vec<Node>| {
            if !cfg.dominates(start.node, node) {
                return;
            }
            let mark = &mut self.in_region[node as usize];
            if core::mem::replace(mark, self.region_stamp) != self.region_stamp {
                self.budget = self.budget.saturating_sub(1);
                if node != start.node {
                    pending.push(node);
                }
            }
        };
        for site in sites {
            visit(site.node, &mut pending);
        }
        while let Some(node) = pending.pop() {
            for edge in cfg.preds(node) {
                visit(edge.from, &mut pending);
            }
        }
    }
}

/// The reference that is followed.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) func: &'a Function,
    pub(crate) cfg: &'a Cfg,
    /// What it is, where it is defined.
    pub(crate) reference: Value,
    /// Is a value the reference, or a reload of it?
    pub(crate) is: &'a dyn Fn(Value) -> bool,
    pub(crate) start: Point,
    /// The conditional traps of each node.
    pub(crate) traps: &'a Traps,
    /// It was chosen because this condition holds, or does not.
    pub(crate) chosen: Option<(Value, bool)>,
}

impl Subject<'_> {
    /// The traps of `node` that are passed after its start, in order.
    pub(crate) fn traps(&self, node: Node, start: Option<Inst>) -> &[Inst] {
        let traps = self.traps.of(node);
        let layout = &self.func.layout;
        let first = start.map_or(0, |start| {
            traps.partition_point(|&trap| layout.pp_cmp(trap, start).is_le())
        });
        &traps[first..]
    }

    /// Is it assumed that `value` is other than zero, or that it is zero?
    pub(crate) fn holds(&self, value: Value) -> Option<bool> {
        let (condition, holds) = self.chosen?;
        (condition == value).then_some(holds)
    }

    /// The word, or what `others` say.
    pub(crate) fn known(&self, word: u32, value: Value, others: Option<Bits>) -> Option<Bits> {
        if (self.is)(value) {
            return Some(Bits::Const {
                n: word.into(),
                of_reference: true,
            });
        }
        others
    }
}
