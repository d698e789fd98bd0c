//! A function as its VCode, with the stack maps.

use crate::reports::Reports;
use anyhow::{Result, anyhow};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_gc_verifier::{Options, Report};

/// Compile `func` for `isa` under the verifier, if the settings ask for it: the lines of VCode, with
/// a call's stack map in the line after it, and what was reported.
pub(crate) fn vcode(
    func: &Function,
    isa: &dyn TargetIsa,
    options: Options,
) -> Result<(Vec<String>, Report)> {
    let reports = Reports::default();
    let mut context = Context::for_function(func.clone());
    context.set_disasm(true);
    context.set_gc_verifier(Some(reports.verifier(options)));
    let code = context
        .compile(isa, &mut ControlPlane::default())
        .map_err(|error| anyhow!("cannot compile it for {}: {}", isa.name(), error.inner))?;
    let vcode = code.vcode.as_deref();
    let vcode = vcode.ok_or_else(|| anyhow!("there is no VCode for {}", isa.name()))?;
    let lines = core::iter::once("VCode:").chain(vcode.lines());
    let lines = lines.map(str::to_owned).collect();
    let records = code.buffer.user_stack_maps().len() as u64;
    // The report is made when the guard goes.
    drop(context);
    let mut report = reports
        .take()
        .pop()
        .map(|report| report.report)
        .unwrap_or_default();
    report.counts.records = records;
    Ok((lines, report))
}
