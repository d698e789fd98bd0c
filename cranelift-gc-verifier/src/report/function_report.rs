//! What was found while one function was compiled, and where that goes.

use crate::finding::report::{Report, Violation};
use crate::report::input::Input;
use crate::report::listing::Line;
use cranelift_codegen::gc_verifier::{Pass, Rewrite};
use cranelift_codegen::ir::{Function, UserFuncName};

/// A rewrite that did not happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The pass that asked for it.
    pub pass: Pass,
    /// What would have been wrong.
    pub violation: Violation,
}

/// What was found while one function was compiled.
#[derive(Clone, Debug)]
pub struct FunctionReport {
    /// The function.
    pub function: UserFuncName,
    /// The point of the pipeline that `report` is about: the first at which the function is
    /// rejected, else the first at which it is inconclusive, else the last.
    pub layer: Pass,
    /// What was found there. The counts are those of the first point at which the function was
    /// looked at, and those of records are of its emission.
    pub report: Report,
    /// Rewrites that the optimizer asked for.
    pub rewrites: u64,
    /// Rewrites that were refused.
    pub refused: u64,
    /// With the setting at `enforce`, why they were. The function came out right, because they did
    /// not happen: they are no part of the verdict.
    pub refusals: Vec<Refusal>,
    /// The function when the first of them was refused.
    pub refused_in: Vec<Line>,
    /// With the setting at `enforce`, the passes that were undone, and why.
    pub undone: Vec<Undone>,
    /// The function at that point, if it was not verified.
    pub listing: Vec<Line>,
    /// The function as it was handed over, if [`Options::keep_text`](crate::Options) asks for it.
    pub input: Option<Input>,
}

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

/// Where the findings go.
pub trait Sink: Send + Sync {
    /// The compilation of a function has ended.
    ///
    /// Functions without anything of interest, references or safepoints with stack maps, are not
    /// reported. Functions are compiled on any thread and in any order.
    fn function(&self, report: FunctionReport);

    /// Is it told of every rewrite that is judged ([`Sink::judged`])?
    fn hears_rewrites(&self) -> bool {
        false
    }

    /// A rewrite was judged, and is about to be done or refused.
    fn judged(&self, func: &Function, judged: Judged<'_>) {
        let _ = (func, judged);
    }
}

/// A rewrite that was judged.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// The rewrite.
    pub rewrite: Rewrite,
    /// Do references take part in it, or what is made of them?
    pub about_references: bool,
    /// What is wrong with it.
    pub violation: Option<&'a Violation>,
}
