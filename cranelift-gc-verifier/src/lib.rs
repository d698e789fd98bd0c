//! Verifies that Cranelift keeps GC references safe around safepoints.
#![warn(missing_docs)]

mod analysis;
mod check;
mod evidence;
mod finding;
mod ir;
mod machine;
mod pipeline;
mod report;
mod rewrite;
#[cfg(test)]
mod testing;

pub use analysis::history::History;
pub use cranelift_codegen::gc_verifier::{
    Emitted, EmittedCall, EmittedFrame, EmittedRecord, Lowered, LoweredCall, MapEntry, Pass,
};
pub use cranelift_codegen::ir::GcCollector;
pub use finding::code::{Checks, Code};
pub use finding::error::{Deed, GcError, Given, Held, Movable, NonReference, NotKept, Unjustified};
pub use finding::hazard::{Hazard, Hazards};
pub use finding::map_fault::{Area, MapFault};
pub use finding::report::{
    Counts, FunctionReport, Inconclusive, Line, Refusal, Report, Verdict, Violation,
};
pub use finding::witness::{Role, Step, Witness};
pub use machine::call_ends::Machine;
pub use pipeline::accepted::Undone;
pub use pipeline::watch::{Sink, Verifier, install, is_of_interest};
pub use report::input::{Compiled, Input};
pub use report::listing::listing;
pub use report::log_sink::{LOG_TARGET, LogSink};
pub use rewrite::judge::Rewrites;

use analysis::graph;
use check::dereference::Proofs;
use cranelift_codegen::ir::Function;
use machine::{emission, lowering};
use rewrite::judge;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What to verify, and under which assumptions.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The collector of functions that do not declare one; without it, a moving one.
    pub collector: Option<GcCollector>,
    /// The checks to make.
    pub checks: Checks,
    /// Watch every function, and compare the two sides of every rewrite, whether references take
    /// part or not.
    pub all_rewrites: bool,
    /// Whether reports hold the function as it was handed over ([`FunctionReport::input`]).
    pub keep_text: bool,
}

impl Options {
    /// What decides verdicts besides the function and the setting: these options, and the version.
    ///
    /// It is the same in every process. Options that do not decide verdicts are no part of it.
    fn cache_key(&self) -> u64 {
        let Options {
            collector,
            checks,
            all_rewrites,
            keep_text: _,
        } = self;
        let collector = match collector {
            None => 0,
            Some(GcCollector::Moving) => 1,
            Some(GcCollector::NonMoving) => 2,
            Some(GcCollector::Null) => 3,
        };
        let options = u64::from(checks.bits()) << 3 | collector << 1 | u64::from(*all_rewrites);
        // FNV-1a, so that no hasher's seed or version is a part of it.
        let version = env!("CARGO_PKG_VERSION").bytes();
        let bytes = version.chain(options.to_le_bytes());
        bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

/// Verify one function as it stands.
pub fn verify_function(func: &Function, options: &Options) -> Report {
    verify_rewritten(func, options, &History::default())
}

/// Verify one function as it stands after the rewrites of `history`.
pub fn verify_rewritten(func: &Function, options: &Options, history: &History) -> Report {
    verify_layer(func, options, history, None).0
}

/// Verify one function as it stands after the rewrites of `history`, and tell what its values are and
/// which dereferences are guarded. `graph` may be its graph.
fn verify_layer(
    func: &Function,
    options: &Options,
    history: &History,
    graph: Option<graph::Graph>,
) -> (Report, judge::Known, Proofs) {
    guarded(
        || check::check(func, options, history, graph),
        |report| (report, judge::Known::default(), Proofs::default()),
    )
}

/// Verify that lowering kept the stack maps of `func`, from what it made of them.
pub fn verify_lowering(func: &Function, options: &Options, lowered: &Lowered) -> Report {
    guarded(
        || lowering::compare(func, options, lowered),
        |report| report,
    )
}

/// Verify that emission kept the stack maps that lowering made, from what it recorded and from the
/// machine code.
pub fn verify_emission(
    func: &Function,
    options: &Options,
    lowered: &Lowered,
    emitted: &Emitted,
    code: (Machine, &[u8]),
) -> Report {
    guarded(
        || emission::compare(func, options, lowered, emitted, code),
        |report| report,
    )
}

/// A panic here must not take down a compiler that would do without the verifier. What is
/// verified is only read, so that nothing broken is left behind. `failed` makes a result of the
/// report that tells of the panic.
fn guarded<T>(verify: impl FnOnce() -> T, failed: impl FnOnce(Report) -> T) -> T {
    let result = catch_unwind(AssertUnwindSafe(verify));
    result.unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        let report = Report {
            inconclusive: vec![Inconclusive::Internal {
                what: what.unwrap_or("panic").to_string(),
            }],
            ..Report::default()
        };
        failed(report)
    })
}
