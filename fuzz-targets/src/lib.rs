//! What fuzzing asserts, as functions of bytes that panic where a claim does not hold.
//!
//! The targets of `fuzz/` are one call each; the smoke tests here feed the same functions for a second, so
//! that they work wherever the tests are run.
//!
//! * [`clif_facts()`]: a function that can be read is judged twice alike, and is written as it
//!   is read;
//! * [`facts_text()`]: the same of a fact alone;
//! * [`stack_maps()`]: a function that lost an entry of a stack map is not verified;
//! * [`wasm_front()`]: whatever compiles is not rejected.

mod clif;
mod maps;
mod wasm;

#[cfg(test)]
mod smoke;

pub use clif::{clif_facts, facts_text};
pub use maps::stack_maps;
pub use wasm::wasm_front;

use cranelift_gc_verifier::Report;

/// A panic of the verifier is an inconclusive verdict elsewhere; here it is a finding.
fn assert_no_panic(report: &Report, what: &dyn std::fmt::Display) {
    let internal = report
        .inconclusive
        .iter()
        .find(|i| i.reason() == "internal");
    assert!(internal.is_none(), "{internal:?}\n{what}");
}
