//! Wasm as bytes.

use crate::looked::Looked;
use crate::setup::Setup;
use crate::watch;
use cranelift_gc_verifier::{FunctionReport, Options, Verdict};
use seam_tests::reports::Reports;
use wasmtime::{Engine, GcVerifier};

/// Compiles a module, in a way that its bytes choose. Whatever the compiler accepts is correct as long as the
/// compiler is, so that a rejection is a false alarm or a bug of the compiler: a finding either way. Returns what
/// was looked at.
pub fn wasm_front(bytes: &[u8]) -> Looked {
    let engine = Setup::of(bytes).engine(GcVerifier::Check, false);
    // An error is an answer, too.
    let (_, reports) = verified(&engine, bytes);
    judged(&reports)
}

/// The module of this text, or `None` if it is none in the text format.
pub fn encode(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?;
    let is_text = text.trim_start().starts_with(['(', ';']);
    is_text.then(|| gc_benches::module::encode(text).ok())?
}

/// What `bytes` become by `engine`, and what the verifier reports.
pub(crate) fn verified(
    engine: &Engine,
    bytes: &[u8],
) -> (wasmtime::Result<Vec<u8>>, Vec<FunctionReport>) {
    let reports = Reports::default();
    let verifier = reports.verifier(Options::default());
    let code = watch::under(verifier, || engine.precompile_module(bytes));
    (code, reports.take())
}

/// Asserts that nothing is rejected, and counts.
pub(crate) fn judged(reports: &[FunctionReport]) -> Looked {
    let mut looked = Looked::default();
    for report in reports {
        let what = crate::described(report);
        assert_ne!(report.report.verdict(), Verdict::Rejected, "{what}");
        crate::assert_no_panic(&report.report, &what);
        looked.add(&report.report);
        looked.compiled += 1;
        looked.rewrites += report.rewrites;
        looked.refused += report.refused;
    }
    looked
}
