//! Keeps a panic of the verifier from the compiler.
//!
//! **Claim.** No call of the facade panics because of the verifier. A function of which one did is
//! inconclusive, unless it is rejected.
//!
//! **Strength.** Relative to [`guarded`], through which every call goes. A sink that panics is its owner's.
//!
//! **Math.** The answer to each call is `guarded(call)`, or one that asks for no change if that panics.

use crate::finding::report::Inconclusive;
use crate::pipeline::verify::guarded;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::gc_verifier::{
    Answer, Emitted, FunctionGuard, GcVerifierErrors, Lowered, Pass, Rewrite,
};
use cranelift_codegen::ir::Function;

/// Who can go on after a panic.
pub(crate) trait Recover {
    /// A call did not return. Whatever it was about to change is to be given up.
    fn recover(&mut self, why: Inconclusive);
}

/// Calls `W` for the facade.
pub(crate) struct Boundary<W>(pub(crate) W);

impl<W: FunctionGuard + Recover> Boundary<W> {
    fn call<T>(&mut self, name: &str, otherwise: T, call: impl FnOnce(&mut W) -> T) -> T {
        let result = guarded(name, || call(&mut self.0));
        result.unwrap_or_else(|why| {
            self.0.recover(why);
            otherwise
        })
    }
}

impl<W: FunctionGuard + Recover> FunctionGuard for Boundary<W> {
    fn rewrite(&mut self, func: &Function, rewrite: Rewrite) -> Answer {
        self.call("rewrite", Answer::Accept, |inner| {
            inner.rewrite(func, rewrite)
        })
    }

    fn pass_end(
        &mut self,
        func: &Function,
        pass: Pass,
        cfg: &ControlFlowGraph,
        domtree: &DominatorTree,
    ) -> Result<(), GcVerifierErrors> {
        self.call("pass_end", Ok(()), |inner| {
            inner.pass_end(func, pass, cfg, domtree)
        })
    }

    fn reads_graphs(&self) -> bool {
        self.0.reads_graphs()
    }

    fn restored(&mut self, func: &Function, pass: Pass) {
        self.call("restored", (), |inner| inner.restored(func, pass));
    }

    fn lowered(&mut self, func: &Function, lowered: &Lowered) -> Result<(), GcVerifierErrors> {
        self.call("lowered", Ok(()), |inner| inner.lowered(func, lowered))
    }

    fn emitted(
        &mut self,
        func: &Function,
        lowered: &Lowered,
        emitted: &Emitted,
        code: &[u8],
    ) -> Result<(), GcVerifierErrors> {
        self.call("emitted", Ok(()), |inner| {
            inner.emitted(func, lowered, emitted, code)
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::finding::options::Options;
    use crate::finding::report::{Inconclusive, Verdict};
    use crate::pipeline::watch::Verifier;
    use crate::report::function_report::{FunctionReport, Sink};
    use crate::testing::{parse, with_panic_in};
    use cranelift_codegen::dominator_tree::DominatorTree;
    use cranelift_codegen::entity::PrimaryMap;
    use cranelift_codegen::flowgraph::ControlFlowGraph;
    use cranelift_codegen::gc_verifier::{
        Answer, Emitted, EmittedFrame, FunctionGuard, GcVerifier, Lowered, Pass, Rewrite,
    };
    use cranelift_codegen::ir::Function;
    use cranelift_codegen::{isa, settings};
    use std::sync::{Arc, Mutex};

    #[derive(Default)]
    struct Kept(Mutex<Vec<FunctionReport>>);

    impl Sink for Kept {
        fn function(&self, report: FunctionReport) {
            self.0.lock().expect("nobody panics").push(report);
        }
    }

    /// Make every call of the facade once.
    fn call_all(guard: &mut dyn FunctionGuard, func: &Function) {
        let (cfg, domtree) = (ControlFlowGraph::new(), DominatorTree::new());
        let value = func
            .dfg
            .block_params(func.layout.entry_block().expect("there is one"))[0];
        assert!(guard.pass_end(func, Pass::Input, &cfg, &domtree).is_ok());
        let rewrite = Rewrite::Gvn {
            orig: value,
            kept: value,
        };
        assert!(matches!(guard.rewrite(func, rewrite), Answer::Accept));
        guard.restored(func, Pass::Egraph);
        let lowered = Lowered {
            calls: Vec::new(),
            slots: PrimaryMap::new(),
        };
        assert!(guard.lowered(func, &lowered).is_ok());
        let emitted = Emitted {
            calls: Vec::new(),
            call_sites: Vec::new(),
            records: Vec::new(),
            frame: EmittedFrame {
                outgoing_args_size: 0,
                slots_size: 0,
                spills_size: 0,
                storage_size: 0,
                clobber_size: 0,
            },
        };
        assert!(guard.emitted(func, &lowered, &emitted, &[]).is_ok());
    }

    fn reports(panic_in: Option<&'static str>) -> Vec<FunctionReport> {
        let func =
            parse("function %f(i32) {\nblock0(v0 ! gcref(any, nullable): i32):\n  return\n}");
        let isa = isa::lookup(target_lexicon::HOST).expect("it is built in");
        let isa = isa.finish(settings::Flags::new(settings::builder()));
        let isa = isa.expect("the defaults are fine");
        let kept = Arc::new(Kept::default());
        with_panic_in(panic_in, || {
            let verifier = Verifier::new(Options::default(), kept.clone());
            let guard = verifier.start(&func, &*isa, settings::GcVerifier::Enforce);
            call_all(&mut *guard.expect("it has a reference"), &func);
        });
        core::mem::take(&mut *kept.0.lock().expect("nobody panics"))
    }

    #[test]
    fn a_panic_in_any_call_makes_the_function_inconclusive() {
        let calls = [
            "start",
            "pass_end",
            "rewrite",
            "restored",
            "lowered",
            "emitted",
            "verification",
            "lowering",
            "emission",
        ];
        for call in calls {
            let reports = reports(Some(call));
            let [report] = &reports[..] else {
                panic!("{call}: {} reports", reports.len());
            };
            assert_eq!(report.report.verdict(), Verdict::Inconclusive, "{call}");
            let expected = Inconclusive::Internal {
                what: format!("{call}: on demand"),
            };
            assert!(report.report.inconclusive.contains(&expected), "{call}");
        }
    }

    #[test]
    fn without_a_panic_the_function_is_verified() {
        let verdicts = reports(None)
            .into_iter()
            .map(|report| report.report.verdict());
        assert!(verdicts.eq([Verdict::Verified]));
    }
}
