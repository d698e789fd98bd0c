//! Passes that are undone.
//!
//! **Claim.** After a pass was undone, the guard knows what it knew when that pass began, and the
//! report tells that it was undone and why.
//!
//! **Strength.** Exact: what is known is copied when a pass has ended and was accepted, and a pass
//! that is undone began there. What was counted stays counted: the questions were asked.

use crate::analysis::history::History;
use crate::analysis::provenance::Class;
use crate::finding::report::{Line, Report, Violation};
use cranelift_codegen::gc_verifier::Pass;

/// A pass that was undone with the setting at `enforce`: it left a broken function behind, so
/// that compilation went on with what the pass was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The pass.
    pub pass: Pass,
    /// What it broke. The function came out right, because the pass did not happen: this is no part
    /// of the verdict.
    pub violations: Vec<Violation>,
    /// The function as the pass left it behind.
    pub listing: Vec<Line>,
}

/// What is known of a function between two passes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Known {
    pub(crate) chosen: Option<(Pass, Report)>,
    pub(crate) listing: Vec<Line>,
    pub(crate) history: History,
    pub(crate) classes: Vec<Class>,
    pub(crate) fingerprint: Option<u64>,
}
