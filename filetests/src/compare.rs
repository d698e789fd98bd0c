//! What was expected, against what was found.

use crate::directive::Expected;
use cranelift_codegen::ir::Inst;
use cranelift_gc_verifier::{GcError, Report};

/// What is reported of an error, as an expectation has it.
pub(crate) fn text(error: &GcError) -> String {
    let code = error.code();
    format!("{code} {}: {error}", code.name())
}

/// Every difference between the records that are expected and those that were `found`, a line each.
pub(crate) fn records(expected: &Expected, found: Vec<(Option<Inst>, String)>) -> Vec<String> {
    let mut differences = Vec::new();
    let mut found = found;
    for &(inst, expected) in &expected.records {
        let is_it = |(at, text): &(Option<Inst>, String)| *at == Some(inst) && text == expected;
        match found.iter().position(is_it) {
            Some(index) => {
                found.remove(index);
            }
            None => differences.push(format!("{inst} lacks the record `{expected}`")),
        }
    }
    let unexpected = found.iter().map(|(inst, text)| match inst {
        Some(inst) => format!("unexpected record of {inst}, `{text}`"),
        None => format!("unexpected record `{text}`"),
    });
    differences.extend(unexpected);
    differences
}

/// Every difference between `expected` and `report`, a line each; none if the test passes.
pub(crate) fn differences(expected: &Expected, report: &Report) -> Vec<String> {
    let mut differences = Vec::new();
    let mut found: Vec<(Inst, String)> = report
        .violations
        .iter()
        .map(|violation| (violation.error.inst(), text(&violation.error)))
        .collect();
    for &(inst, expected) in &expected.errors {
        let is_it = |(at, text): &(Inst, String)| *at == inst && text.contains(expected);
        match found.iter().position(is_it) {
            Some(index) => {
                found.remove(index);
            }
            None => differences.push(format!("{inst} lacks the error `{expected}`")),
        }
    }
    for (_, text) in found {
        differences.push(format!("unexpected error `{text}`"));
    }

    let mut reasons: Vec<String> = report
        .inconclusive
        .iter()
        .map(|reason| format!("{}: {reason}", reason.reason()))
        .collect();
    for expected in &expected.inconclusive {
        match reasons.iter().position(|reason| reason.contains(expected)) {
            Some(index) => {
                reasons.remove(index);
            }
            None => differences.push(format!("it is not inconclusive for `{expected}`")),
        }
    }
    for reason in reasons {
        differences.push(format!("unexpectedly inconclusive, `{reason}`"));
    }
    differences
}
