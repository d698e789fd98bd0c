//! Conditions that no reference has a say in.
//!
//! **Claim.** What is said of a condition here holds whatever the reference that is followed is, and
//! whatever the parameters of blocks are.
//!
//! **Strength.** It is said of those that are made of constants, of what is loaded, and of what callees
//! return alone. They are evaluated once for all references of a function, and for all words that these
//! are tried as, instead of each time that a branch is come to.

use super::branch::Way;
use super::eval::{Bits, Truth, eval, is_load, truth};
use super::roots::Roots;
use crate::body::Body;
use crate::cfg::{Cfg, Edge, Node};
use cranelift_codegen::ir::{Function, InstructionData, Value, ValueDef};
use std::cell::Cell;

/// What is settled in a function, as it is asked for.
pub(crate) struct Settled<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    body: &'a Body,
    /// By value.
    values: Vec<Cell<State>>,
    /// By node.
    branches: Vec<Cell<Branch>>,
    /// The node that each value is a parameter of, and `NONE`.
    param_nodes: Vec<Node>,
}

const NONE: Node = Node::MAX;

/// What is known of a value.
#[derive(Clone, Copy)]
enum State {
    Unasked,
    /// It depends on a reference or on a parameter, or may.
    Depends,
    /// It depends on neither, and is this, if that was asked for.
    Settled(Option<Bits>),
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

impl<'a> Settled<'a> {
    /// Nothing has been asked for yet of `func`, whose `references` are to be followed.
    pub(crate) fn new(
        func: &'a Function,
        cfg: &'a Cfg,
        body: &'a Body,
        roots: &Roots,
        references: impl Iterator<Item = Value>,
    ) -> Self {
        let values = vec![Cell::new(State::Unasked); func.dfg.num_values()];
        for value in references.chain(roots.reloads()) {
            values[value.as_u32() as usize].set(State::Depends);
        }
        let mut param_nodes = vec![NONE; func.dfg.num_values()];
        for node in cfg.nodes() {
            for &param in func.dfg.block_params(cfg.block(node)) {
                param_nodes[param.as_u32() as usize] = node;
            }
        }
        Settled {
            func,
            cfg,
            body,
            values,
            branches: vec![Cell::new(Branch::Unasked); cfg.len()],
            param_nodes,
        }
    }

    /// What `value` is an alias of, or itself.
    pub(crate) fn resolve(&self, value: Value) -> Value {
        self.body.resolve(self.func, value)
    }

    /// The node that `value` is a parameter of, if it is one.
    pub(crate) fn param_node(&self, value: Value) -> Option<Node> {
        let node = self.param_nodes[value.as_u32() as usize];
        (node != NONE).then_some(node)
    }

    /// The bits of `value`, which must not be an alias, if they are settled.
    pub(crate) fn bits(&self, value: Value) -> Option<Bits> {
        let state = &self.values[value.as_u32() as usize];
        if let State::Settled(Some(bits)) = state.get() {
            return Some(bits);
        }
        if !self.is_settled(value, MAX_DEPTH) {
            return None;
        }
        let bits = eval(self.func, &|_: Value| None, value);
        state.set(State::Settled(Some(bits)));
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
        let state = &self.values[value.as_u32() as usize];
        match state.get() {
            State::Settled(_) => return true,
            State::Depends => return false,
            State::Unasked => {}
        }
        let func = self.func;
        let is_settled = match (func.dfg.value_def(value), depth.checked_sub(1)) {
            (ValueDef::Result(inst, _), _) if is_load(func, inst) => true,
            (ValueDef::Result(inst, _), Some(depth)) => {
                let mut args = func.dfg.inst_args(inst).iter();
                args.all(|&arg| self.is_settled(self.resolve(arg), depth))
            }
            (ValueDef::Result(..) | ValueDef::Param(..) | ValueDef::Union(..), _) => false,
        };
        state.set(match is_settled {
            true => State::Settled(None),
            false => State::Depends,
        });
        is_settled
    }
}
