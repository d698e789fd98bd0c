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
pub use finding::about::About;
pub use finding::code::{Checks, Code};
pub use finding::error::{
    Contradiction, Deed, GcError, Given, Held, Movable, NonReference, NotKept, Unjustified,
};
pub use finding::hazard::{Hazard, Hazards};
pub use finding::map_fault::{Area, MapFault};
pub use finding::object::{Barrier, MissingBarrier, OutOfObject, Outside};
pub use finding::options::Options;
pub use finding::report::{Counts, Inconclusive, Report, Unjudged, Verdict, Violation};
pub use finding::typed::{Thing, TypeBroken, Typed};
pub use finding::witness::{Role, Step, Witness};
pub use ir::steps::{Analysis, Steps};
pub use machine::call_ends::Machine;
pub use pipeline::interest::{is_of_interest, is_watched};
pub use pipeline::verify::{
    counted, verify_emission, verify_function, verify_lowering, verify_rewritten,
};
pub use pipeline::watch::{Verifier, install};
pub use report::function_report::{FunctionReport, Judged, Refusal, Sink, Undone};
pub use report::input::{Compiled, Input};
pub use report::listing::{Line, listing};
pub use report::log_sink::{LOG_TARGET, LogSink};
pub use rewrite::judge::Rewrites;
