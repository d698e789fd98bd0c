//! A function as it is at given points of the pipeline.

use crate::fault::Fault;
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
use cranelift_gc_verifier::{
    Emitted, History, Lowered, Machine, Options, Report, Rewrites, Verdict, Violation,
    verify_emission, verify_lowering,
};
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
        compiled: Arc::default(),
        options,
    })));
    ctx.optimize(isa, &mut ControlPlane::default())
        .map_err(|error| anyhow!("cannot optimize it for {}: {error}", isa.name()))?;
    let mut shown = shown.lock().expect("no thread panics with the lock");
    Ok(core::mem::take(&mut *shown))
}

/// What a compilation made of a function's safepoints.
#[derive(Clone, Debug)]
pub struct Compiled {
    /// The function, as it was lowered.
    pub func: Function,
    /// What lowering left as evidence.
    pub lowered: Lowered,
    /// What emission left.
    pub emitted: Emitted,
    /// The machine code.
    pub code: Vec<u8>,
    /// The machine that it is for.
    pub machine: Machine,
}

impl Compiled {
    /// Put a fault into the evidence; false if there is no place for it.
    pub fn corrupt(&mut self, fault: Fault) -> bool {
        fault.corrupt(&self.func, &mut self.lowered, &mut self.emitted)
    }

    /// What the verifier finds: in lowering, or else in emission.
    pub fn verify(&self, options: &Options) -> Report {
        let of_lowering = verify_lowering(&self.func, options, &self.lowered);
        let code = (self.machine, &self.code[..]);
        let mut report = verify_emission(&self.func, options, &self.lowered, &self.emitted, code);
        if of_lowering.verdict() != Verdict::Verified {
            report.violations = of_lowering.violations;
            report.inconclusive = of_lowering.inconclusive;
        }
        report
    }
}

/// Compile `func` for `isa`, and return what became of its safepoints.
///
/// # Errors
///
/// Fails if it cannot be compiled, or `isa` does not set `gc_verifier=check`.
pub fn compiled(func: &Function, isa: &dyn TargetIsa) -> Result<Compiled> {
    if isa.flags().gc_verifier() != settings::GcVerifier::Check {
        bail!("the pass `emission` needs the line `set gc_verifier=check`");
    }
    let compiled = Arc::default();
    let mut ctx = Context::for_function(func.clone());
    ctx.set_gc_verifier(Some(Arc::new(Recorders {
        shown: Arc::default(),
        compiled: Arc::clone(&compiled),
        options: Options::default(),
    })));
    ctx.compile(isa, &mut ControlPlane::default())
        .map_err(|error| anyhow!("cannot compile it for {}: {}", isa.name(), error.inner))?;
    let mut compiled = compiled.lock().expect("no thread panics with the lock");
    compiled
        .take()
        .ok_or_else(|| anyhow!("nothing was shown of its emission for {}", isa.name()))
}

/// Makes a [`Recorder`] of each function.
struct Recorders {
    shown: Arc<Mutex<Vec<Shown>>>,
    compiled: Arc<Mutex<Option<Compiled>>>,
    options: Options,
}

/// Keeps a copy of everything that it is shown, and judges the rewrites.
struct Recorder {
    shown: Arc<Mutex<Vec<Shown>>>,
    compiled: Arc<Mutex<Option<Compiled>>>,
    machine: Machine,
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
            compiled: self.compiled.clone(),
            machine: Machine::of_isa(isa.name()),
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

    fn emitted(
        &mut self,
        func: &Function,
        lowered: &Lowered,
        emitted: &Emitted,
        code: &[u8],
    ) -> Result<(), GcVerifierErrors> {
        let mut compiled = self
            .compiled
            .lock()
            .expect("no thread panics with the lock");
        *compiled = Some(Compiled {
            func: func.clone(),
            lowered: lowered.clone(),
            emitted: emitted.clone(),
            code: code.to_vec(),
            machine: self.machine,
        });
        Ok(())
    }
}
