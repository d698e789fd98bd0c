//! Verifies that Cranelift keeps GC references safe around safepoints.
//!
//! ```
//! use cranelift_gc_verifier::{Code, Options, Verdict, verify_function};
//!
//! let text = "function %stale(i32) -> i32 {
//!     ss0 = explicit_slot 4, align = 4
//!     sig0 = ()
//!     fn0 = %collect sig0
//! block0(v0: i32):
//!     v1 = stack_addr.i64 ss0
//!     store notrap v0, v1
//!     call fn0(), stack_map=[i32 @ ss0+0]
//!     return v0
//! }";
//! let functions = cranelift_reader::parse_functions(text)?;
//! let report = verify_function(&functions[0], &Options::default());
//! assert_eq!(report.verdict(), Verdict::Rejected);
//! let error = &report.violations[0].error;
//! assert_eq!(error.code(), Code::Gcv02);
//! // The reference was reloaded nowhere after the call, which may have moved its object.
//! assert_eq!(
//!     error.to_string(),
//!     "inst3 uses GC reference v0 after safepoint inst2 without a reload"
//! );
//! # Ok::<(), cranelift_reader::ParseError>(())
//! ```
//!
//! A compiler need not call that. It installs the verifier once a process ([`install`]), sets Cranelift's setting
//! `gc_verifier` to `check` or `enforce`, and every function is followed from the producer to the emitted stack
//! maps. What is found goes to a [`Sink`], such as [`LogSink`]; with `enforce`, unsafe rewrites are refused as
//! well. [`Options`] says what is verified.
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
    Contradiction, GcError, Given, Held, MemoryRewrite, Movable, NonReference, NotPreserved,
    Unjustified,
};
pub use finding::hazard::{Hazard, Hazards};
pub use finding::map_fault::{Area, MapFault};
pub use finding::object::{Barrier, MissingBarrier, OutOfObject, Outside};
pub use finding::options::{Options, VerifyInput};
pub use finding::report::{Counts, Inconclusive, Report, Unjudged, Verdict, Violation};
pub use finding::rule::rule_name;
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
