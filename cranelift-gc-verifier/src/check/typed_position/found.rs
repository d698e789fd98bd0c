//! What is found of typed positions.

use crate::finding::error::GcError;
use crate::finding::report::Inconclusive;
use crate::finding::witness::Step;
use crate::ir::cfg::Node;
use cranelift_codegen::ir::{GcFact, Inst};

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
