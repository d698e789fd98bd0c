//! Findings as log records.

use crate::finding::report::{Inconclusive, Verdict, Violation};
use crate::finding::rule::rule_name;
use crate::report::function_report::{FunctionReport, Sink, Undone};
use cranelift_codegen::ir::UserFuncName;

/// The target of the records.
pub const LOG_TARGET: &str = "gc_verifier";

/// Hands findings to the [`log`] crate, with the target [`LOG_TARGET`].
///
/// | level | what |
/// |---|---|
/// | error | a broken invariant |
/// | warn | a refused rewrite, an undone pass |
/// | info | a check that could not be made |
/// | debug | what was looked at in a function |
#[derive(Clone, Copy, Debug, Default)]
pub struct LogSink;

impl Sink for LogSink {
    fn function(&self, report: FunctionReport) {
        let function = &report.function;
        for violation in &report.report.violations {
            let after = report.layer;
            let what = describe(violation);
            log::error!(target: LOG_TARGET, "{function}: after {after}: {what}");
        }
        for refusal in &report.refusals {
            let what = describe(&refusal.violation);
            let pass = refusal.pass;
            log::warn!(target: LOG_TARGET, "{function}: refused in {pass}: {what}");
        }
        for undone in &report.undone {
            log_undone(function, undone);
        }
        for inconclusive in &report.report.inconclusive {
            log_inconclusive(function, inconclusive);
        }
        if report.report.verdict() == Verdict::Verified {
            let counts = report.report.counts;
            log::debug!(
                target: LOG_TARGET,
                "{function}: verified at {} safepoints on {} references; {} rewrites, {} refused",
                counts.safepoints,
                counts.references,
                report.rewrites,
                report.refused,
            );
        }
    }
}

fn log_undone(function: &UserFuncName, undone: &Undone) {
    let pass = undone.pass;
    for violation in &undone.violations {
        let what = describe(violation);
        log::warn!(target: LOG_TARGET, "{function}: pass {pass} was undone: {what}");
    }
}

fn log_inconclusive(function: &UserFuncName, inconclusive: &Inconclusive) {
    let reason = inconclusive.reason();
    log::info!(target: LOG_TARGET, "{function}: inconclusive[{reason}]: {inconclusive}");
}

/// The code and name of the check, the message, and the rule that is to blame, if one is known.
fn describe(violation: &Violation) -> String {
    let Violation { error, rule, .. } = violation;
    let code = error.code();
    let name = code.name();
    match rule {
        Some(rule) => format!("{code} {name}: {error} (rule {})", rule_name(rule)),
        None => format!("{code} {name}: {error}"),
    }
}
