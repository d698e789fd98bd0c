//! Conditions that depend on no reference, and those that one reference alone decides.
//!
//! **Claim.** What is said of a condition here holds whatever the block parameters are. Where no reference is
//! named, it holds whatever the reference that is followed is.
//!
//! **Strength.** Only conditions that are made of constants, loads, results of calls, and at most one
//! reference. They are evaluated once for all references of a function, and once for each word that a reference
//! is tried as, instead of at each visit of a branch.
//!
//! **Math.** The dependence of a value is in the order nothing < one reference or parameter < anything. That of
//! a result is the join of those of its operands; loads and calls depend on nothing.

use super::branch::Way;
use super::eval::{Bits, Truth, eval, is_load, truth};
use super::reload_roots::Roots;
use super::words::ConditionCache;
use crate::ir::cfg::{Cfg, Edge, Node};
use crate::ir::view::Body;
use cranelift_codegen::ir::{Function, InstructionData, Value, ValueDef};
use std::cell::Cell;

/// What is settled in a function, as it is asked for.
pub(crate) struct Invariants<'a> {
    pub(crate) func: &'a Function,
    cfg: &'a Cfg,
    body: &'a Body,
    pub(crate) roots: &'a Roots,
    /// By value.
    values: Vec<Cell<State>>,
    /// What one reference decides.
    pub(crate) conditions: ConditionCache,
    /// By node.
    branches: Vec<Cell<Branch>>,
}

/// What is known of a value.
#[derive(Clone, Copy)]
enum State {
    Unasked,
    /// It depends on references or on parameters, or may.
    Depends,
    /// It depends on this reference, or this parameter, alone.
    On(Value),
    /// It depends on neither, and is this, if that was asked for.
    Done(Option<Bits>),
}

/// What a value depends on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dependence {
    Nothing,
    /// This reference, or this parameter, alone.
    One(Value),
    Anything,
}

impl Dependence {
    fn and(self, other: Dependence) -> Dependence {
        match (self, other) {
            (Dependence::Nothing, other) | (other, Dependence::Nothing) => other,
            _ if self == other => self,
            _ => Dependence::Anything,
        }
    }
}

/// What is known of the branch at the end of a node.
#[derive(Clone, Copy)]
enum Branch {
    Unasked,
    /// Where it goes depends on what is followed, or may.
    Depends,
    /// It can go to any of its destinations.
    Open,
    /// It is a `brif` on a condition that is this.
    If(Truth),
}

/// Conditions are small; of deeper ones nothing is said.
const MAX_DEPTH: u32 = 32;

impl<'a> Invariants<'a> {
    /// Nothing has been asked for yet of `func`, whose `references` are to be followed.
    pub(crate) fn new(
        func: &'a Function,
        cfg: &'a Cfg,
        body: &'a Body,
        roots: &'a Roots,
        references: impl Iterator<Item = Value>,
    ) -> Self {
        let values = vec![Cell::new(State::Unasked); func.dfg.num_values()];
        for value in references.chain(roots.reloads()) {
            values[value.as_u32() as usize].set(State::On(roots.of(value)));
        }
        Invariants {
            func,
            cfg,
            body,
            roots,
            values,
            conditions: ConditionCache::new(func.dfg.num_values()),
            branches: vec![Cell::new(Branch::Unasked); cfg.len()],
        }
    }

    /// What `value` is an alias of, or itself.
    pub(crate) fn resolve(&self, value: Value) -> Value {
        self.body.resolve(self.func, value)
    }

    /// The node that `value` is a parameter of, if it is one.
    pub(crate) fn param_node(&self, value: Value) -> Option<Node> {
        match self.func.dfg.value_def(value) {
            ValueDef::Param(block, _) => self.cfg.node(block),
            ValueDef::Result(..) | ValueDef::Union(..) => None,
        }
    }

    /// The bits of `value`, which must not be an alias, if they are invariants.
    pub(crate) fn bits(&self, value: Value) -> Option<Bits> {
        let state = &self.values[value.as_u32() as usize];
        if let State::Done(Some(bits)) = state.get() {
            return Some(bits);
        }
        if !self.is_settled(value, MAX_DEPTH) {
            return None;
        }
        let bits = eval(self.func, &|_: Value| None, value);
        state.set(State::Done(Some(bits)));
        Some(bits)
    }

    /// Does control take `edge`, if that is settled?
    pub(crate) fn way_along(&self, edge: Edge) -> Option<Way> {
        let branch = &self.branches[edge.from as usize];
        if let Branch::Unasked = branch.get() {
            branch.set(self.branch(edge.from));
        }
        match branch.get() {
            Branch::Unasked | Branch::Depends => None,
            Branch::Open => Some(Way::Open),
            Branch::If(truth) => Some(Way::of(truth, edge.dest == 0)),
        }
    }

    fn branch(&self, node: Node) -> Branch {
        let func = self.func;
        let Some(inst) = func.layout.last_inst(self.cfg.block(node)) else {
            return Branch::Depends;
        };
        match func.dfg.insts[inst] {
            InstructionData::Brif { arg, .. } => {
                let arg = self.resolve(arg);
                match self.is_settled(arg, MAX_DEPTH) {
                    true => Branch::If(truth(func, &|_: Value| None, arg)),
                    false => Branch::Depends,
                }
            }
            InstructionData::BranchTable { .. } => Branch::Depends,
            _ => Branch::Open,
        }
    }

    /// Does `value`, which must not be an alias, depend on neither references nor parameters?
    fn is_settled(&self, value: Value, depth: u32) -> bool {
        self.dependence(value, depth) == Dependence::Nothing
    }

    /// What `value`, which must not be an alias, depends on.
    pub(crate) fn depends_on(&self, value: Value) -> Dependence {
        self.dependence(value, MAX_DEPTH)
    }

    fn dependence(&self, value: Value, depth: u32) -> Dependence {
        let state = &self.values[value.as_u32() as usize];
        match state.get() {
            State::Done(_) => return Dependence::Nothing,
            State::On(value) => return Dependence::One(value),
            State::Depends => return Dependence::Anything,
            State::Unasked => {}
        }
        let func = self.func;
        let dependence = match (func.dfg.value_def(value), depth.checked_sub(1)) {
            (ValueDef::Result(inst, _), _) if is_load(func, inst) => Dependence::Nothing,
            (ValueDef::Result(inst, _), Some(depth)) => {
                let mut dependence = Dependence::Nothing;
                for &arg in func.dfg.inst_args(inst) {
                    dependence = dependence.and(self.dependence(self.resolve(arg), depth));
                    if dependence == Dependence::Anything {
                        break;
                    }
                }
                dependence
            }
            (ValueDef::Param(..), _) => Dependence::One(value),
            (ValueDef::Result(..) | ValueDef::Union(..), _) => Dependence::Anything,
        };
        state.set(match dependence {
            Dependence::Nothing => State::Done(None),
            Dependence::One(value) => State::On(value),
            Dependence::Anything => State::Depends,
        });
        dependence
    }
}
