//! What fuzzing asserts, as functions of bytes that panic where a claim does not hold.
//!
//! The targets of `fuzz/` are one call each; the smoke tests here feed the same functions for a second, so
//! that they work wherever the tests are run, and assert what was looked at.
//!
//! * [`clif_facts()`]: a function that can be read is judged twice alike, and is written as it
//!   is read;
//! * [`clif_built()`]: a function that is built to be sound is not rejected, whatever becomes of it;
//! * [`facts_text()`]: a fact is written as it is read;
//! * [`stack_maps()`]: a sound function one of whose stack maps was changed is rejected;
//! * [`paths()`]: what goes wrong on some path of a small function is what the verifier says;
//! * [`wasm_front()`]: whatever compiles is not rejected;
//! * [`smith_gc()`]: neither are generated modules, the verifier changes no code, and rewrites that are refused
//!   at random change nothing that a module does.

pub mod built;
pub mod generator;

mod clif;
mod compiled;
mod looked;
mod maps;
mod paths;
mod setup;
mod smith;
mod wasm;
mod watch;

#[cfg(test)]
mod smoke;

pub use clif::{clif_built, clif_facts, facts_text};
pub use cranelift_codegen::ir::GcCollector;
pub use looked::Looked;
pub use maps::{Mutated, Mutation, stack_maps};
pub use paths::{Agreement, Truth, paths};
pub use smith::{Ran, Smith, smith_gc};
pub use wasm::{encode, wasm_front};

use cranelift_gc_verifier::{FunctionReport, Line, Report, Violation};
use std::fmt::Write as _;

/// A panic of the verifier is an inconclusive verdict elsewhere; here it is a finding.
fn assert_no_panic(report: &Report, what: &dyn std::fmt::Display) {
    let internal = report
        .inconclusive
        .iter()
        .find(|i| i.reason() == "internal");
    assert!(internal.is_none(), "{internal:?}\n{what}");
}

/// What was found, with the functions that it was found in.
fn described(report: &FunctionReport) -> String {
    let mut text = format!("{} at {}\n", report.function, report.layer);
    describe(&mut text, &report.report.violations, &report.listing);
    let refused: Vec<Violation> = report
        .refusals
        .iter()
        .map(|r| r.violation.clone())
        .collect();
    if !refused.is_empty() {
        let _ = writeln!(text, "refused:");
        describe(&mut text, &refused, &report.refused_in);
    }
    for undone in &report.undone {
        let _ = writeln!(text, "undone: {}", undone.pass);
        describe(&mut text, &undone.violations, &undone.listing);
    }
    text
}

fn describe(text: &mut String, violations: &[Violation], listing: &[Line]) {
    for violation in violations {
        let _ = writeln!(
            text,
            "{} ({:?}): {:?}",
            violation.error, violation.rule, violation.witness
        );
    }
    for line in listing {
        let inst = line.inst.map(|inst| inst.to_string()).unwrap_or_default();
        let _ = writeln!(text, "{inst:>8} {}", line.text);
    }
}
