//! What comes out of the optimizer with the verifier enforcing, and what it did not let happen.

use crate::reports::Reports;
use anyhow::{Result, anyhow, bail};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CodegenError, Context, settings};
use cranelift_gc_verifier::{FunctionReport, Options, Verdict, Violation};

/// What came of a function.
pub(crate) struct Optimized {
    /// The function, and what was refused and undone, a line each.
    pub(crate) lines: Vec<String>,
    /// What was reported of it.
    pub(crate) report: FunctionReport,
}

impl Optimized {
    /// Is something wrong with what came out?
    pub(crate) fn verdict(&self) -> Verdict {
        self.report.report.verdict()
    }

    /// Was it stopped?
    pub(crate) fn is_stopped(&self) -> bool {
        self.lines.iter().any(|line| line.starts_with("stopped: "))
    }
}

/// Optimize `func` for `isa` under the verifier.
pub(crate) fn optimized(
    func: &Function,
    isa: &dyn TargetIsa,
    options: Options,
) -> Result<Optimized> {
    if isa.flags().gc_verifier() != settings::GcVerifier::Enforce {
        bail!("`test gc-optimize` needs the line `set gc_verifier=enforce`");
    }
    let reports = Reports::default();
    let mut context = Context::for_function(func.clone());
    context.set_gc_verifier(Some(reports.verifier(options)));
    let mut lines = Vec::new();
    match context.optimize(isa, &mut ControlPlane::default()) {
        Ok(()) => lines.extend(context.func.to_string().lines().map(str::to_owned)),
        Err(CodegenError::GcVerifier(_)) => {}
        Err(error) => bail!("cannot optimize it for {}: {error}", isa.name()),
    }
    // The report is made when the guard goes.
    drop(context);
    let report = reports.take();
    let report = report.ok_or_else(|| anyhow!("nothing was reported of it for {}", isa.name()))?;
    let refused = report.refusals.iter();
    lines.extend(refused.map(|violation| told("refused", violation)));
    for undone in &report.undone {
        let what = format!("undone {}", undone.pass);
        lines.extend(undone.violations.iter().map(|wrong| told(&what, wrong)));
    }
    let stopped = report.report.violations.iter();
    lines.extend(stopped.map(|violation| told("stopped", violation)));
    Ok(Optimized { lines, report })
}

fn told(what: &str, violation: &Violation) -> String {
    let code = violation.error.code();
    format!("{what}: {code} {}: {}", code.name(), violation.error)
}
