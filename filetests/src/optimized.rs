//! What comes out of the optimizer with the verifier enforcing, and what it did not let happen.

use crate::reports::Reports;
use anyhow::{Result, anyhow, bail};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CodegenError, Context};
use cranelift_gc_verifier::{Code, FunctionReport, Options, Verdict, Violation};

/// What came of a function.
pub(crate) struct Optimized {
    /// The function, and what was refused and undone, a line each.
    pub(crate) lines: Vec<String>,
    /// What was reported of it.
    pub(crate) report: FunctionReport,
}

impl Optimized {
    /// Tell of the function that came out, if one did, and of what was reported.
    pub(crate) fn new(func: Option<&Function>, report: FunctionReport) -> Self {
        let mut lines = Vec::new();
        if let Some(func) = func {
            lines.extend(func.to_string().lines().map(str::to_owned));
        }
        let refused = report.refusals.iter();
        lines.extend(refused.map(|violation| told("refused", violation)));
        for undone in &report.undone {
            let what = format!("undone {}", undone.pass);
            lines.extend(undone.violations.iter().map(|wrong| told(&what, wrong)));
        }
        let stopped = report.report.violations.iter();
        lines.extend(stopped.map(|violation| told("stopped", violation)));
        Optimized { lines, report }
    }

    /// Is something wrong with what came out?
    pub(crate) fn verdict(&self) -> Verdict {
        self.report.report.verdict()
    }

    /// The checks for which a rewrite was refused, or a pass undone.
    pub(crate) fn prevented(&self) -> Vec<Code> {
        let undone = self.report.undone.iter();
        let undone = undone.flat_map(|undone| &undone.violations);
        let all = self.report.refusals.iter().chain(undone);
        all.map(|violation| violation.error.code()).collect()
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
    let reports = Reports::default();
    let mut context = Context::for_function(func.clone());
    context.set_gc_verifier(Some(reports.verifier(options)));
    let came_out = match context.optimize(isa, &mut ControlPlane::default()) {
        Ok(()) => Some(context.func.clone()),
        Err(CodegenError::GcVerifier(_)) => None,
        Err(error) => bail!("cannot optimize it for {}: {error}", isa.name()),
    };
    // The report is made when the guard goes.
    drop(context);
    let report = reports.take();
    let report = report.ok_or_else(|| anyhow!("nothing was reported of it for {}", isa.name()))?;
    Ok(Optimized::new(came_out.as_ref(), report))
}

fn told(what: &str, violation: &Violation) -> String {
    let code = violation.error.code();
    format!("{what}: {code} {}: {}", code.name(), violation.error)
}
