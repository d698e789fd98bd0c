//! CLIF as text.

use crate::assert_no_panic;
use cranelift_codegen::ir::Function;
use cranelift_codegen::settings::{self, Flags};
use cranelift_gc_verifier::{Options, verify_function};
use cranelift_reader::parse_functions;

/// Judges the functions in a text, twice, and writes and reads them. Returns how many were judged:
/// those that Cranelift's own verifier accepts.
pub fn clif_facts(bytes: &[u8]) -> usize {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return 0;
    };
    let Ok(functions) = parse_functions(text) else {
        return 0;
    };
    let flags = Flags::new(settings::builder());
    let is_valid = |func: &&Function| cranelift_codegen::verify_function(func, &flags).is_ok();
    let mut judged = 0;
    for func in functions.iter().filter(is_valid) {
        judge(func);
        judged += 1;
    }
    judged
}

fn judge(func: &Function) {
    let options = Options::default();
    let report = verify_function(func, &options);
    assert_no_panic(&report, func);
    let again = verify_function(func, &options);
    assert_eq!(format!("{report:?}"), format!("{again:?}"), "{func}");
    let written = func.to_string();
    let read = parse_functions(&written).unwrap_or_else(|error| panic!("{error}\n{written}"));
    assert_eq!(read.len(), 1, "{written}");
    assert_eq!(read[0].to_string(), written);
    let report_of_read = verify_function(&read[0], &options);
    assert_eq!(report_of_read.verdict(), report.verdict(), "{written}");
    assert_eq!(report_of_read.counts, report.counts, "{written}");
}

/// Reads a text as a fact. Returns whether it is one.
pub fn facts_text(bytes: &[u8]) -> bool {
    let Ok(fact) = std::str::from_utf8(bytes) else {
        return false;
    };
    if fact.contains(['\n', '{', '}', ';']) {
        return false;
    }
    let text =
        format!("function %fact(i32) -> i32 {{\nblock0(v0 ! {fact}: i32):\n    return v0\n}}\n");
    clif_facts(text.as_bytes()) == 1
}
