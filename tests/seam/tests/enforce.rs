//! wasmtime#14323, which upstream has: with `enforce` the function returns what it should.

use cranelift_codegen::data_value::DataValue;
use cranelift_codegen::ir::Function;
use cranelift_gc_verifier::{Code, FunctionReport, Options, Verdict};
use seam_tests::pipeline::{isa, optimize};
use seam_tests::program::{ISSUE_14323, Outcome, Program};
use seam_tests::reports::Reports;

/// Optimize the function with the setting at `mode`.
fn optimized(mode: &str) -> (Function, FunctionReport) {
    let reports = Reports::default();
    let program = Program::parse(ISSUE_14323);
    let verifier = reports.verifier(Options::default());
    let func = optimize(program.main(), &*isa("x86_64", mode), Some(verifier));
    (func, reports.take_one())
}

fn result(func: &Function) -> Option<Outcome> {
    let program = Program::parse(ISSUE_14323);
    program.map(|_| func.clone()).run(&[])
}

fn returned(n: i32) -> Option<Outcome> {
    Some(Outcome::Returned(vec![DataValue::I32(n)]))
}

#[test]
fn the_function_returns_43_when_nothing_optimizes_it() {
    let program = Program::parse(ISSUE_14323);
    assert_eq!(program.run(&[]), returned(43));
}

#[test]
fn check_reports_the_rewrite_and_leaves_the_code_as_it_is() {
    let (func, report) = optimized("check");
    assert_eq!(result(&func), returned(2));
    assert_eq!(report.report.codes(), [Code::Gcv08]);
    assert_eq!(report.refused, 0);
    assert!(report.refusals.is_empty());
}

#[test]
fn enforce_refuses_the_rewrite_and_the_function_comes_out_right() {
    let (func, report) = optimized("enforce");
    assert_eq!(result(&func), returned(43));
    assert_eq!(report.report.verdict(), Verdict::Verified);
    assert_eq!(report.refused, 1);
    let refusals: Vec<Code> = report
        .refusals
        .iter()
        .map(|r| r.violation.error.code())
        .collect();
    assert_eq!(refusals, [Code::Gcv08]);
}
