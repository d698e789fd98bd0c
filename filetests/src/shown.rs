//! A function as it is at given points of the pipeline.

use anyhow::{Result, anyhow, bail};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::gc_verifier::{
    Answer, FunctionGuard, GcVerifier, GcVerifierErrors, Pass, Rewrite,
};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use cranelift_gc_verifier::{History, Options, Rewrites, Violation};
use std::sync::{Arc, Mutex};

/// What a pass left behind.
pub(crate) struct Shown {
    pub(crate) pass: Pass,
    pub(crate) func: Function,
    /// The rewrites that led there.
    pub(crate) history: History,
    /// The rewrites of that pass that are wrong.
    pub(crate) violations: Vec<Violation>,
}

/// Optimize `func` for `isa`, and return what the pipeline showed after each of its passes.
pub(crate) fn shown(func: &Function, isa: &dyn TargetIsa, options: Options) -> Result<Vec<Shown>> {
    if isa.flags().gc_verifier() != settings::GcVerifier::Check {
        bail!("another pass than `input` needs the line `set gc_verifier=check`");
    }
    let shown = Arc::new(Mutex::new(Vec::new()));
    let mut ctx = Context::for_function(func.clone());
    ctx.set_gc_verifier(Some(Arc::new(Recorders {
        shown: shown.clone(),
        options,
    })));
    ctx.optimize(isa, &mut ControlPlane::default())
        .map_err(|error| anyhow!("cannot optimize it for {}: {error}", isa.name()))?;
    let mut shown = shown.lock().expect("no thread panics with the lock");
    Ok(core::mem::take(&mut *shown))
}

/// Makes a [`Recorder`] of each function.
struct Recorders {
    shown: Arc<Mutex<Vec<Shown>>>,
    options: Options,
}

/// Keeps a copy of everything that it is shown, and judges the rewrites.
struct Recorder {
    shown: Arc<Mutex<Vec<Shown>>>,
    history: History,
    rewrites: Rewrites,
    violations: Vec<Violation>,
}

impl GcVerifier for Recorders {
    fn start(
        &self,
        _func: &Function,
        isa: &dyn TargetIsa,
        _mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        Some(Box::new(Recorder {
            shown: self.shown.clone(),
            history: History::default(),
            rewrites: Rewrites::new(self.options, isa.endianness()),
            violations: Vec::new(),
        }))
    }
}

impl FunctionGuard for Recorder {
    fn rewrite(&mut self, func: &Function, rewrite: Rewrite) -> Answer {
        self.violations.extend(self.rewrites.judge(func, rewrite));
        self.history.rewrite(func, rewrite);
        Answer::Accept
    }

    fn pass_end(
        &mut self,
        func: &Function,
        pass: Pass,
        _cfg: &ControlFlowGraph,
        _domtree: &DominatorTree,
    ) -> Result<(), GcVerifierErrors> {
        let mut shown = self.shown.lock().expect("no thread panics with the lock");
        shown.push(Shown {
            pass,
            func: func.clone(),
            history: self.history.clone(),
            violations: core::mem::take(&mut self.violations),
        });
        Ok(())
    }
}
