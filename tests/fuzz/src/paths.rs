//! Small functions, judged by the verifier and executed path by path.

mod oracle;
mod program;

pub use oracle::Truth;

use cranelift_codegen::ir::GcCollector;
use cranelift_gc_verifier::{Checks, Code, Options, Verdict, verify_function};
use cranelift_reader::parse_functions;
use oracle::truth;
use program::Program;

/// What the verifier and the execution of all paths say of one function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// What happens when it is executed.
    pub truth: Truth,
    /// What the verifier says.
    pub verdict: Verdict,
}

/// The checks that are about roots and ages; the others ask for guards and stores that these functions do
/// without.
fn checks() -> Checks {
    let others = [
        Code::Gcv07,
        Code::Gcv08,
        Code::Gcv09,
        Code::Gcv10,
        Code::Gcv11,
        Code::Gcv12,
        Code::Gcv13,
        Code::Gcv14,
        Code::Gcv15,
        Code::Gcv16,
        Code::Gcv17,
    ];
    others.into_iter().fold(Checks::default(), Checks::without)
}

/// Builds a function of the bytes, executes it with all inputs under `collector`, and compares what
/// happened with the verdict: where something goes wrong on a path, the function is not verified, and where nothing
/// does, it is not rejected.
pub fn paths(bytes: &[u8], collector: GcCollector) -> Agreement {
    let program = Program::new(bytes);
    let text = program.text();
    let functions = parse_functions(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let options = Options {
        collector: Some(collector),
        checks: checks(),
        ..Options::default()
    };
    let report = verify_function(&functions[0], &options);
    crate::assert_no_panic(&report, &text);
    let found = truth(&program, collector);
    let verdict = report.verdict();
    let agrees = match (&found, verdict) {
        (Truth::Undecided, _) | (_, Verdict::Inconclusive) => true,
        (Truth::Wrong(_), verdict) => verdict == Verdict::Rejected,
        (Truth::Right, verdict) => verdict == Verdict::Verified,
    };
    assert!(
        agrees,
        "under {collector:?}, it is {found:?}, but the verifier says {report:#?}\n{text}"
    );
    Agreement {
        truth: found,
        verdict,
    }
}
