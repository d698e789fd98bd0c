//! Test command for the verifier of GC references.
//!
//! The `test gc-verify` test command looks for annotations on instructions like this:
//!
//! ```clif
//!     return v0 ; error: GCV02
//! ```
//!
//! This annotation means that the verifier is expected to report an error for the instruction whose
//! code, name and message contain the substring "GCV02". Every error must be expected, and every
//! annotation met.
//!
//! The `test gc-optimize` test command optimizes with the verifier enforcing, and tells what came out and
//! what was refused.
//!
//! The other annotations, and the options of the commands, are documented in the `gc-filetests` crate,
//! which does all of the work.

use crate::subtest::{Context, SubTest};
use anyhow::{Result, bail};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings::Flags;
use cranelift_gc_verifier::{FunctionReport, Options, Sink};
use cranelift_reader::{TestCommand, TestFile};
use gc_filetests::{RunOptions, TestGcVerify};
use std::borrow::Cow;
use std::sync::{Arc, Once};

struct GcVerify(TestGcVerify);

pub fn subtest(parsed: &TestCommand) -> Result<Box<dyn SubTest>> {
    assert!(matches!(parsed.command, "gc-verify" | "gc-optimize"));
    Ok(Box::new(GcVerify(TestGcVerify::new(parsed)?)))
}

impl SubTest for GcVerify {
    fn name(&self) -> &'static str {
        "gc-verify"
    }

    fn needs_verifier(&self) -> bool {
        // `TestGcVerify` runs it, for every target.
        false
    }

    fn run_target<'a>(
        &self,
        testfile: &TestFile,
        _file_update: &mut crate::runone::FileUpdate,
        _file_path: &'a str,
        _flags: &'a Flags,
        _isa: Option<&'a dyn TargetIsa>,
    ) -> Result<()> {
        // NB: Once for all targets of the file: without any, there are default ones.
        let outcome = self.0.run(testfile, &RunOptions::default())?;
        if !outcome.passed() {
            bail!("{}", outcome.failures().join("\n"));
        }
        Ok(())
    }

    fn run(&self, _func: Cow<Function>, _context: &Context) -> Result<()> {
        unreachable!("run_target does it all")
    }
}

/// Installs the verifier, so that `set gc_verifier=check` and `set gc_verifier=enforce` have an effect
/// with all test commands. What it finds with `check` is logged; with `enforce`, compilation fails.
pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        cranelift_gc_verifier::install(Options::default(), Arc::new(Log))
            .expect("nobody else installs one");
    });
}

struct Log;

impl Sink for Log {
    fn function(&self, report: FunctionReport) {
        let FunctionReport {
            function,
            layer,
            report,
            ..
        } = report;
        for violation in &report.violations {
            let error = &violation.error;
            log::error!("{function} after {layer}: {}: {error}", error.code());
        }
        for reason in &report.inconclusive {
            log::warn!("{function} after {layer}: inconclusive: {reason}");
        }
    }
}
