//! What is found of typed positions.

use crate::analysis::kind::address::Address;
use crate::finding::error::GcError;
use crate::finding::report::Inconclusive;
use crate::finding::typed::Typed;
use crate::finding::witness::Step;
use crate::ir::cfg::{Edge, Node};
use cranelift_codegen::ir::{GcFact, GcKind, Inst, Value};

/// Something arrives.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) inst: Inst,
    pub(super) node: Node,
    /// What arrives.
    pub(super) value: Value,
    /// What is relied upon.
    pub(super) promise: GcFact,
    pub(super) what: Typed,
    /// The edge that passes it, if it is passed to a block.
    pub(super) along: Option<Edge>,
    /// The condition under which it arrives, and what that is then.
    pub(super) condition: Option<(Value, bool)>,
    /// Does it arrive only if it is chosen, or handed on, by its address?
    pub(super) is_one_of_several: bool,
}

/// What is found.
#[derive(Default)]
pub(crate) struct Found {
    /// Positions at which the type of what arrives is enough.
    pub(crate) typed: u64,
    /// Positions at which something else proves what arrives.
    pub(crate) proved: u64,
    /// Positions at which nothing is known of what arrives.
    pub(crate) unjudged: u64,
    /// Results of tail calls that are to be judged.
    pub(super) handed_on: Vec<HandedOn>,
    /// Stores to objects, each of this kind: some are to headers.
    pub(super) headers: Vec<(Inst, Node, GcKind, Address)>,
    pub(crate) errors: Vec<(GcError, Vec<Step>)>,
    pub(crate) inconclusive: Vec<Inconclusive>,
}

/// A tail call hands on what its callee returns, of which the type is not enough.
pub(super) struct HandedOn {
    pub(super) inst: Inst,
    pub(super) node: Node,
    /// Of the result.
    pub(super) index: u32,
    pub(super) given: GcFact,
    pub(super) promise: GcFact,
}
