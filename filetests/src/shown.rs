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
use std::sync::{Arc, Mutex};

/// Optimize `func` for `isa`, and return what the pipeline showed after each of its passes.
pub(crate) fn shown(func: &Function, isa: &dyn TargetIsa) -> Result<Vec<(Pass, Function)>> {
    if isa.flags().gc_verifier() != settings::GcVerifier::Check {
        bail!("another pass than `input` needs the line `set gc_verifier=check`");
    }
    let shown = Arc::new(Mutex::new(Vec::new()));
    let mut ctx = Context::for_function(func.clone());
    ctx.set_gc_verifier(Some(Arc::new(Recorder(shown.clone()))));
    ctx.optimize(isa, &mut ControlPlane::default())
        .map_err(|error| anyhow!("cannot optimize it for {}: {error}", isa.name()))?;
    let mut shown = shown.lock().expect("no thread panics with the lock");
    Ok(core::mem::take(&mut *shown))
}

/// Keeps a copy of everything that it is shown.
struct Recorder(Arc<Mutex<Vec<(Pass, Function)>>>);

impl GcVerifier for Recorder {
    fn start(
        &self,
        _func: &Function,
        _isa: &dyn TargetIsa,
        _mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        Some(Box::new(Recorder(self.0.clone())))
    }
}

impl FunctionGuard for Recorder {
    fn rewrite(&mut self, _func: &Function, _rewrite: Rewrite) -> Answer {
        Answer::Accept
    }

    fn pass_end(
        &mut self,
        func: &Function,
        pass: Pass,
        _cfg: &ControlFlowGraph,
        _domtree: &DominatorTree,
    ) -> Result<(), GcVerifierErrors> {
        let mut shown = self.0.lock().expect("no thread panics with the lock");
        shown.push((pass, func.clone()));
        Ok(())
    }
}
