//! The verifier of GC references, for `-C cranelift-gc-verifier=check` and `=enforce`.

use cranelift_gc_verifier::{Counts, FunctionReport, Options, Sink};
use std::sync::Arc;

/// Installs it. What it rejects goes to standard error, and what else it finds to the log, a line a
/// function: `WASMTIME_LOG=gc_verifier=debug`.
pub fn install() {
    cranelift_gc_verifier::install(Options::default(), Arc::new(Log))
        .expect("nobody else installs one");
}

struct Log;

impl Sink for Log {
    fn function(&self, function: FunctionReport) {
        let name = &function.function;
        let layer = function.layer;
        for violation in &function.report.violations {
            let error = &violation.error;
            eprintln!(
                "gc verifier: {name} after {layer}: {}: {error}",
                error.code()
            );
        }
        let Counts {
            safepoints,
            references,
            dereferences,
            records,
            ..
        } = function.report.counts;
        tracing::debug!(
            target: "gc_verifier",
            "{name}: {}: safepoints={safepoints} references={references} \
             dereferences={dereferences} records={records} rewrites={} refused={}",
            function.report.verdict(),
            function.rewrites,
            function.refused,
        );
        for reason in &function.report.inconclusive {
            tracing::warn!(target: "gc_verifier", "{name} after {layer}: inconclusive: {reason}");
        }
    }
}
