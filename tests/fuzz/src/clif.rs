//! CLIF as text.

use crate::looked::Looked;
use crate::{assert_no_panic, compiled};
use cranelift_codegen::ir::Function;
use cranelift_codegen::settings::{self, Flags};
use cranelift_gc_verifier::{Options, Report, Verdict, verify_function};
use cranelift_reader::parse_functions;

/// Judges the functions in a text, twice, and writes and reads them. Returns what was judged: those
/// that Cranelift's own verifier accepts.
pub fn clif_facts(bytes: &[u8]) -> Looked {
    let mut looked = Looked::default();
    let Ok(text) = std::str::from_utf8(bytes) else {
        return looked;
    };
    let Ok(functions) = parse_functions(text) else {
        return looked;
    };
    let flags = Flags::new(settings::builder());
    let is_valid = |func: &&Function| cranelift_codegen::verify_function(func, &flags).is_ok();
    for func in functions.iter().filter(is_valid) {
        looked.add(&judge(func));
    }
    looked
}

/// Builds functions of the bytes ([`crate::built`]), judges them as [`clif_facts`] does, and compiles them, one
/// inlined into the other. They are sound, so nothing is rejected.
pub fn clif_built(bytes: &[u8]) -> Looked {
    let text = crate::built::pair(bytes);
    let functions = parse_functions(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let flags = Flags::new(settings::builder());
    let mut looked = Looked::default();
    for func in &functions {
        if let Err(errors) = cranelift_codegen::verify_function(func, &flags) {
            panic!("{errors}\n{text}");
        }
        let report = judge(func);
        let violations = &report.violations;
        assert_ne!(
            report.verdict(),
            Verdict::Rejected,
            "{violations:#?}\n{text}"
        );
        looked.add(&report);
    }
    let [callee, caller] = functions.as_slice() else {
        panic!("there are two functions\n{text}");
    };
    compiled::compile(caller, std::slice::from_ref(callee), &mut looked);
    looked
}

fn judge(func: &Function) -> Report {
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
    report
}

/// Reads a text as a fact, and judges a function that has it. Returns whether it is one.
pub fn facts_text(bytes: &[u8]) -> bool {
    let Ok(fact) = std::str::from_utf8(bytes) else {
        return false;
    };
    if fact.contains(['\n', '{', '}', ';']) {
        return false;
    }
    let text =
        format!("function %fact(i32) -> i32 {{\nblock0(v0 ! {fact}: i32):\n    return v0\n}}\n");
    clif_facts(text.as_bytes()).functions == 1
}
