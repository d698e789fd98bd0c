//! Guards under which a pass is as good as broken.

use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::gc_verifier::{
    Answer, FunctionGuard, GcVerifier, GcVerifierError, GcVerifierErrors, Pass, Rewrite,
};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use std::sync::{Arc, Mutex, PoisonError};

/// Accepts every rewrite, and finds an error when one of these passes has ended.
#[derive(Clone, Debug)]
pub struct Broken {
    passes: Vec<Pass>,
    restored: Arc<Mutex<Vec<(Pass, String)>>>,
}

impl Broken {
    /// These passes are broken.
    pub fn new(passes: &[Pass]) -> Self {
        Self {
            passes: passes.to_vec(),
            restored: Arc::default(),
        }
    }

    /// What was restored: which pass was undone, and the function that was taken up again.
    pub fn restored(&self) -> Vec<(Pass, String)> {
        let restored = self.restored.lock();
        restored.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl GcVerifier for Broken {
    fn start(
        &self,
        _func: &Function,
        _isa: &dyn TargetIsa,
        _mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        Some(Box::new(self.clone()))
    }
}

impl FunctionGuard for Broken {
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
        if !self.passes.contains(&pass) {
            return Ok(());
        }
        Err(GcVerifierErrors(vec![GcVerifierError {
            code: "GCV02",
            pass,
            inst: None,
            value: None,
            message: format!("{} is at fault", func.name),
        }]))
    }

    fn restored(&mut self, func: &Function, pass: Pass) {
        let restored = self.restored.lock();
        restored
            .unwrap_or_else(PoisonError::into_inner)
            .push((pass, func.to_string()));
    }
}
