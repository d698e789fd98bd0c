//! What comes out of the optimizer with the verifier enforcing, and what it did not let happen.

use crate::inline_by_name::InlineByName;
use crate::reports::Reports;
use anyhow::{Result, bail};
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CodegenError, CodegenResult, Context};
use cranelift_gc_verifier::{Code, FunctionReport, Options, Refusal, Report, Violation};
use cranelift_reader::TestFile;

/// What came of a function.
pub(crate) struct Optimized {
    /// The function, and what was refused and undone, a line each.
    pub(crate) lines: Vec<String>,
    /// What was found in what came out; nothing, if the function was of no interest.
    pub(crate) report: Report,
    /// The checks for which a rewrite was refused, or a pass undone.
    pub(crate) prevented: Vec<Code>,
    /// How many rewrites were asked for.
    pub(crate) rewrites: u64,
}

impl Optimized {
    /// Tell of the function that came out, if one did, and of what was reported, if anything was.
    pub(crate) fn new(func: Option<&Function>, report: Option<FunctionReport>) -> Self {
        let text = func.map(Function::to_string).unwrap_or_default();
        let mut optimized = Optimized {
            lines: text.lines().map(str::to_owned).collect(),
            report: Report::default(),
            prevented: Vec::new(),
            rewrites: 0,
        };
        if let Some(report) = report {
            optimized.tell(report);
        }
        optimized
    }

    fn tell(&mut self, report: FunctionReport) {
        for Refusal { violation, .. } in &report.refusals {
            self.prevent("refused", violation);
        }
        for undone in &report.undone {
            let what = format!("undone {}", undone.pass);
            for violation in &undone.violations {
                self.prevent(&what, violation);
            }
        }
        let stopped = report.report.violations.iter();
        let stopped = stopped.map(|violation| told("stopped", violation));
        self.lines.extend(stopped);
        self.report = report.report;
        self.rewrites = report.rewrites;
    }

    fn prevent(&mut self, what: &str, violation: &Violation) {
        self.lines.push(told(what, violation));
        self.prevented.push(violation.error.code());
    }

    /// Was it stopped?
    pub(crate) fn is_stopped(&self) -> bool {
        self.lines.iter().any(|line| line.starts_with("stopped: "))
    }
}

/// Optimize `func` for `isa` under the verifier; before, inline calls of the functions of `callees`.
pub(crate) fn optimized(
    func: &Function,
    isa: &dyn TargetIsa,
    options: Options,
    callees: Option<&TestFile<'_>>,
) -> Result<Optimized> {
    let reports = Reports::default();
    let mut context = Context::for_function(func.clone());
    context.set_gc_verifier(Some(reports.verifier(options)));
    let came_out = match optimize(&mut context, isa, callees) {
        Ok(()) => Some(context.func.clone()),
        Err(CodegenError::GcVerifier(_)) => None,
        Err(error) => bail!("cannot optimize it for {}: {error}", isa.name()),
    };
    // The report is made when the guard goes.
    drop(context);
    Ok(Optimized::new(came_out.as_ref(), reports.take().pop()))
}

fn optimize(
    context: &mut Context,
    isa: &dyn TargetIsa,
    callees: Option<&TestFile<'_>>,
) -> CodegenResult<()> {
    if let Some(callees) = callees {
        context.start_gc_verifier(isa)?;
        // NB: A call of itself stays one.
        let functions = callees.functions.iter().map(|(func, _)| func);
        let others = functions.filter(|func| func.name != context.func.name);
        let others: Vec<Function> = others.cloned().collect();
        context.inline(InlineByName(&others))?;
    }
    context.optimize(isa, &mut ControlPlane::default())
}

fn told(what: &str, violation: &Violation) -> String {
    let code = violation.error.code();
    format!("{what}: {code} {}: {}", code.name(), violation.error)
}
