//! The implementation of Cranelift's facade.
//!
//! It is shown the function as the producer made it and after each pass, and asked before each
//! rewrite. So far it accepts every rewrite: what a rewrite breaks is found when its pass ends.

use crate::fingerprint::fingerprint;
use crate::history::History;
use crate::input::{Compiled, Input};
use crate::report::{FunctionReport, Report, Verdict};
use crate::{Options, listing, verify_rewritten};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::gc_verifier::{
    Answer, FunctionGuard, GcVerifier, GcVerifierError, GcVerifierErrors, Pass, Rewrite,
    SetGcVerifierError, set_gc_verifier,
};
use cranelift_codegen::ir::{Function, UserFuncName};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use std::sync::Arc;

/// Where the findings go.
pub trait Sink: Send + Sync {
    /// The compilation of a function has ended.
    ///
    /// Functions without anything of interest, references or safepoints with stack maps, are not
    /// reported. Functions are compiled on any thread and in any order.
    fn function(&self, report: FunctionReport);
}

/// A verifier that Cranelift can be given.
pub struct Verifier {
    options: Options,
    sink: Arc<dyn Sink>,
}

impl Verifier {
    /// Verify with `options` and report to `sink`.
    pub fn new(options: Options, sink: Arc<dyn Sink>) -> Self {
        Verifier { options, sink }
    }
}

/// Install a verifier for this process; the setting `gc_verifier` then decides whether a
/// compilation uses it.
///
/// # Errors
///
/// Fails if a verifier is installed already.
pub fn install(options: Options, sink: Arc<dyn Sink>) -> Result<(), SetGcVerifierError> {
    set_gc_verifier(Arc::new(Verifier::new(options, sink)))
}

impl GcVerifier for Verifier {
    fn start(
        &self,
        func: &Function,
        isa: &dyn TargetIsa,
        mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        is_of_interest(func).then(|| {
            Box::new(Guard {
                options: self.options,
                sink: self.sink.clone(),
                mode,
                function: func.name.clone(),
                chosen: None,
                first_counts: None,
                listing: Vec::new(),
                target: self.options.keep_text.then(|| Compiled::new(isa)),
                input: None,
                fingerprint: None,
                rewrites: 0,
                refused: 0,
                history: History::default(),
            }) as Box<dyn FunctionGuard>
        })
    }
}

/// Can anything be said about `func`: does it have references, or safepoints with stack maps?
pub fn is_of_interest(func: &Function) -> bool {
    let has_stack_map = || {
        let blocks = func.layout.blocks();
        let mut insts = blocks.flat_map(|block| func.layout.block_insts(block));
        insts.any(|inst| {
            func.dfg.insts[inst].opcode().is_safepoint()
                && func.dfg.user_stack_map_entries(inst).is_some()
        })
    };
    !func.dfg.gc_info.is_empty() || has_stack_map()
}

/// Watches one function.
struct Guard {
    options: Options,
    sink: Arc<dyn Sink>,
    mode: settings::GcVerifier,
    function: UserFuncName,
    /// The report to hand on, so far.
    chosen: Option<(Pass, Report)>,
    /// What was looked at in the function as it was handed over.
    first_counts: Option<crate::Counts>,
    listing: Vec<crate::Line>,
    /// What the function is compiled for, if it is to be kept.
    target: Option<Compiled>,
    input: Option<Input>,
    /// That of the function that was verified last.
    fingerprint: Option<u64>,
    rewrites: u64,
    refused: u64,
    history: History,
}

impl FunctionGuard for Guard {
    fn rewrite(&mut self, func: &Function, rewrite: Rewrite) -> Answer {
        self.rewrites += 1;
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
        let is_rejected = |chosen: &Option<(Pass, Report)>| match chosen {
            Some((_, report)) => report.verdict() == Verdict::Rejected,
            None => false,
        };
        // What is broken stays broken; the first point at which it is is the telling one.
        if !is_rejected(&self.chosen) && self.is_changed(func, pass) {
            let report = verify_rewritten(func, &self.options, &self.history);
            self.first_counts.get_or_insert(report.counts);
            if let (Pass::Input, Some(target)) = (pass, &self.target) {
                self.input = Some(Input::new(func, &report, target));
            }
            self.choose(func, pass, report);
        }
        match &self.chosen {
            Some((pass, report))
                if self.mode == settings::GcVerifier::Enforce
                    && report.verdict() == Verdict::Rejected =>
            {
                Err(errors(*pass, report))
            }
            _ => Ok(()),
        }
    }
}

impl Guard {
    /// Is `func` another function than the one that was verified last?
    fn is_changed(&mut self, func: &Function, pass: Pass) -> bool {
        match pass {
            // This one leaves nothing as it was.
            Pass::Egraph => return true,
            Pass::Input | Pass::Inline | Pass::ConstantPhis => {}
        }
        let fingerprint = fingerprint(func);
        self.fingerprint.replace(fingerprint) != Some(fingerprint)
    }

    /// Keep `report` if it tells more than the one that is kept.
    fn choose(&mut self, func: &Function, pass: Pass, report: Report) {
        let tells_more = self.chosen.as_ref().is_none_or(|(_, kept)| {
            report.verdict() > kept.verdict() || kept.verdict() == Verdict::Verified
        });
        if tells_more {
            if report.verdict() != Verdict::Verified {
                self.listing = listing(func);
            }
            self.chosen = Some((pass, report));
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some((layer, mut report)) = self.chosen.take() else {
            return;
        };
        report.counts = self.first_counts.unwrap_or(report.counts);
        self.sink.function(FunctionReport {
            function: self.function.clone(),
            layer,
            report,
            rewrites: self.rewrites,
            refused: self.refused,
            listing: core::mem::take(&mut self.listing),
            input: self.input.take(),
        });
    }
}

/// The errors of `report`, as Cranelift hands them on.
fn errors(pass: Pass, report: &Report) -> GcVerifierErrors {
    let errors = report.violations.iter().map(|violation| GcVerifierError {
        code: violation.error.code().as_str(),
        pass,
        inst: Some(violation.error.inst()),
        value: violation.error.value(),
        message: violation.error.to_string(),
    });
    GcVerifierErrors(errors.collect())
}
