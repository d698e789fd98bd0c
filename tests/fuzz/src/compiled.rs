//! Sound functions, compiled under the verifier.

use crate::looked::Looked;
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_gc_verifier::{Checks, Options, Verdict, VerifyInput};
use seam_tests::pipeline::{InlineByName, TARGETS, isa_with};
use seam_tests::reports::Reports;
use std::sync::OnceLock;

/// Compiles a sound function for each target, with calls of `callees` inlined, and the verifier looking at all
/// rewrites. Nothing that becomes of it is
/// rejected, no rewrite is refused, no pass is undone, and the code is what it is without the verifier.
pub fn compile(func: &Function, callees: &[Function], looked: &mut Looked) {
    for target in targets() {
        let none = emit(func, callees, &target.none, None);
        let reports = Reports::default();
        let verified = emit(func, callees, &target.enforce, Some(&reports));
        for report in reports.take() {
            let what = format!("{}\n{func}", crate::described(&report));
            assert_ne!(report.report.verdict(), Verdict::Rejected, "{what}");
            assert!(report.undone.is_empty(), "{what}");
            assert_eq!(report.refused, 0, "{what}");
            crate::assert_no_panic(&report.report, &what);
            looked.compiled += 1;
            looked.rewrites += report.rewrites;
        }
        assert_eq!(none, verified, "{func}");
    }
}

struct Target {
    none: OwnedTargetIsa,
    enforce: OwnedTargetIsa,
}

fn targets() -> &'static [Target] {
    static TARGET: OnceLock<Vec<Target>> = OnceLock::new();
    TARGET.get_or_init(|| {
        let isa = |name, setting| {
            let settings = [
                ("gc_verifier", setting),
                ("regalloc_checker", "false"),
                // Tail calls need them.
                ("preserve_frame_pointers", "true"),
            ];
            isa_with(name, &settings)
        };
        let target = |name| Target {
            none: isa(name, "none"),
            enforce: isa(name, "enforce"),
        };
        TARGETS.into_iter().map(target).collect()
    })
}

const OPTIONS: Options = Options {
    collector: None,
    checks: Checks::all(),
    all_rewrites: true,
    keep_text: false,
    verify_input: VerifyInput::OnDemand,
};

fn emit(
    func: &Function,
    callees: &[Function],
    isa: &OwnedTargetIsa,
    reports: Option<&Reports>,
) -> Vec<u8> {
    let isa = &**isa;
    let mut context = Context::for_function(func.clone());
    context.set_gc_verifier(reports.map(|reports| reports.verifier(OPTIONS)));
    let inlined = context
        .start_gc_verifier(isa)
        .and_then(|()| context.inline(InlineByName(callees)));
    inlined.unwrap_or_else(|error| panic!("{error}\n{func}"));
    let code = context
        .compile(isa, &mut ControlPlane::default())
        .unwrap_or_else(|error| panic!("{:?}\n{func}", error.inner));
    code.code_buffer().to_vec()
}
