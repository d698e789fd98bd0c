//! Passes that are undone.
//!
//! **Claim.** After a pass was undone, the guard knows what it knew when that pass began, and the report tells
//! that it was undone and why.
//!
//! **Strength.** Exact: what is known is copied when a pass has ended and was accepted, and a pass that is
//! undone began there. What was counted stays counted: the questions were asked.
//!
//! **Math.** Let `k` be what is known, and `a` a copy of it. After a pass that was accepted, `a := k`; after
//! one that was undone, `k := a`.

use crate::analysis::history::History;
use crate::analysis::provenance::Class;
use crate::finding::report::Report;
use crate::pipeline::blame::Equalities;
use crate::report::listing::Line;
use cranelift_codegen::gc_verifier::Pass;

/// What is known of a function between two passes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accepted {
    pub(crate) chosen: Option<(Pass, Report)>,
    pub(crate) listing: Vec<Line>,
    pub(crate) history: History,
    pub(crate) classes: Vec<Class>,
    pub(crate) fingerprint: Option<u64>,
    pub(crate) equalities: Equalities,
}
