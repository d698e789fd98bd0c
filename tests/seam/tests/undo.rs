//! With `enforce`, a pass that leaves a broken function behind is undone.
//!
//! The first tests are of the seam, with guards that find fault without a reason. The others are of
//! the verifier, with loads of a heap base that their producer wrongly declares to be movable:
//! the optimizer then hoists what is derived from it over a call, or computes it again behind one.

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::data_value::DataValue;
use cranelift_codegen::gc_verifier::{GcVerifier, Pass};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CodegenError, Context};
use cranelift_gc_verifier::{Checks, Code, FunctionReport, Options, Verdict};
use seam_tests::broken::Broken;
use seam_tests::generate;
use seam_tests::pipeline::{
    Emitted, InlineByName, TARGETS, compile, context, inline_and_optimize, isa, isa_with, optimize,
};
use seam_tests::program::{ISSUE_14323, Outcome, Program};
use seam_tests::reports::Reports;
use std::sync::Arc;

/// What comes out without the e-graph pass.
fn without_egraph(func: &Function, target: &str) -> Function {
    optimize(func, &*isa_with(target, &[("opt_level", "none")]), None)
}

fn returned(program: &Program, func: &Function) -> Option<Outcome> {
    program.map(|_| func.clone()).run(&[])
}

fn number(n: i32) -> Option<Outcome> {
    Some(Outcome::Returned(vec![DataValue::I32(n)]))
}

#[test]
fn an_egraph_pass_that_is_broken_is_undone() {
    let program = Program::parse(ISSUE_14323);
    let func = program.main();
    for target in TARGETS {
        // What the pass does, to show that it is undone.
        let isa = isa(target, "enforce");
        let accepted = optimize(func, &*isa, Some(Arc::new(Broken::new(&[]))));
        assert_eq!(returned(&program, &accepted), number(2));

        let broken = Broken::new(&[Pass::Egraph]);
        let verifier: Arc<dyn GcVerifier> = Arc::new(broken.clone());
        let undone = optimize(func, &*isa, Some(verifier.clone()));
        let expected = without_egraph(func, target);
        assert_eq!(returned(&program, &undone), number(43));
        assert_eq!(undone.to_string(), expected.to_string());
        assert_eq!(
            broken.restored(),
            [(Pass::Egraph, expected.to_string())],
            "once, and with what the pass was given"
        );
        assert_eq!(
            compile(func, &*isa, Some(verifier)),
            bytes_without_egraph(func, target)
        );
    }
}

fn bytes_without_egraph(func: &Function, target: &str) -> Emitted {
    compile(func, &*isa_with(target, &[("opt_level", "none")]), None)
}

#[test]
fn a_removal_of_constant_phis_that_is_broken_is_undone() {
    let program = Program::parse(
        "function %f(i32) -> i32 {
        block0(v0: i32):
            jump block1(v0)
        block1(v1: i32):
            return v1
        }",
    );
    let func = program.main();
    let isa = isa_with(
        "x86_64",
        &[("gc_verifier", "enforce"), ("opt_level", "none")],
    );
    let accepted = optimize(func, &*isa, Some(Arc::new(Broken::new(&[]))));
    assert!(!accepted.to_string().contains("block1(v1: i32)"));

    let broken = Broken::new(&[Pass::ConstantPhis]);
    let undone = optimize(func, &*isa, Some(Arc::new(broken.clone())));
    assert_eq!(undone.to_string(), func.to_string());
    let passes: Vec<Pass> = broken
        .restored()
        .into_iter()
        .map(|(pass, _)| pass)
        .collect();
    assert_eq!(passes, [Pass::ConstantPhis]);
}

#[test]
fn inlining_that_is_broken_is_undone() {
    let program = Program::parse(
        "function %g() -> i32 {
        block0:
            v0 = iconst.i32 7
            return v0
        }
        function %f() -> i32 {
            fn0 = %g() -> i32
        block0:
            v0 = call fn0()
            return v0
        }",
    );
    let broken = Broken::new(&[Pass::Inline]);
    let isa = isa("x86_64", "enforce");
    let mut context = context(program.main(), Some(Arc::new(broken.clone())));
    context.start_gc_verifier(&*isa).expect("it is there");
    let inlined = context
        .inline(InlineByName(program.functions()))
        .expect("it is undone");
    assert!(!inlined);
    assert_eq!(context.func.to_string(), program.main().to_string());
    assert_eq!(broken.restored().len(), 1);
    context
        .compile(&*isa, &mut ControlPlane::default())
        .map_err(|error| error.inner)
        .expect("the guard goes on to watch");
    assert_eq!(broken.restored().len(), 1);
}

/// All that can be undone at once.
#[test]
fn several_passes_are_undone() {
    let program = Program::parse(ISSUE_14323);
    let broken = Broken::new(&[Pass::ConstantPhis, Pass::Egraph]);
    let func = optimize(
        program.main(),
        &*isa("x86_64", "enforce"),
        Some(Arc::new(broken.clone())),
    );
    assert_eq!(returned(&program, &func), number(43));
    let passes: Vec<Pass> = broken
        .restored()
        .into_iter()
        .map(|(pass, _)| pass)
        .collect();
    assert_eq!(passes, [Pass::ConstantPhis, Pass::Egraph]);
}

/// Whatever passes are undone, a program does what it did.
#[test]
fn undoing_passes_changes_no_result() {
    let isa = isa("x86_64", "enforce");
    let arguments = [
        DataValue::I64(0),
        DataValue::I32(5),
        DataValue::I32(-3),
        DataValue::I64(77),
    ];
    let (mut undone, mut finished) = (0, 0);
    for seed in 0..20 {
        let program = Program::parse(&generate::program(seed));
        let expected = program.run(&arguments);
        finished += usize::from(expected.is_some());
        for passes in [
            &[Pass::Egraph][..],
            &[Pass::ConstantPhis],
            &[Pass::Inline],
            &[Pass::Inline, Pass::ConstantPhis, Pass::Egraph],
        ] {
            let broken = Broken::new(passes);
            let optimized = program.map(|func| {
                let guard: Arc<dyn GcVerifier> = Arc::new(broken.clone());
                inline_and_optimize(func, program.functions(), &*isa, Some(guard))
            });
            assert_eq!(
                optimized.run(&arguments),
                expected,
                "seed {seed}: {passes:?}"
            );
            for func in optimized.functions() {
                compile(func, &*isa, Some(Arc::new(Broken::new(&[]))));
            }
            undone += broken.restored().len();
        }
    }
    assert!(undone >= 100 && finished >= 10, "{undone} {finished}");
}

/// There is nothing to go back to before the input; and `check` keeps nothing.
#[test]
fn what_cannot_be_undone_fails() {
    let program = Program::parse(ISSUE_14323);
    for (mode, pass) in [("enforce", Pass::Input), ("check", Pass::Egraph)] {
        let broken = Broken::new(&[pass]);
        let mut context = context(program.main(), Some(Arc::new(broken.clone())));
        let error = context
            .optimize(&*isa("x86_64", mode), &mut ControlPlane::default())
            .expect_err("it fails");
        assert!(matches!(error, CodegenError::GcVerifier(_)));
        assert_eq!(broken.restored(), []);
    }
}

/// The verifier, blind to wrong declarations of loads.
fn options() -> Options {
    Options {
        checks: Checks::all().without(Code::Gcv07),
        ..Options::default()
    }
}

/// Compile under the verifier: the function before lowering, the code, and what was reported.
fn verified(func: &Function, isa: &dyn TargetIsa) -> (Function, Vec<u8>, FunctionReport) {
    let reports = Reports::default();
    let mut context: Context = context(func, Some(reports.verifier(options())));
    let code = context
        .compile(isa, &mut ControlPlane::default())
        .unwrap_or_else(|error| panic!("{:?}\n{func}", error.inner))
        .code_buffer()
        .to_vec();
    (context.func, code, reports.take_one())
}

/// The function, if the pass was undone because of a stale derived pointer.
fn assert_undone(text: &str) {
    let program = Program::parse(text);
    let func = program.main();
    for target in TARGETS {
        // With `check` it happens, and is seen.
        let (wrong, _, report) = verified(func, &*isa(target, "check"));
        assert_eq!(report.layer, Pass::Egraph);
        assert!(report.report.codes().contains(&Code::Gcv06), "{report:?}");
        assert_eq!(report.undone, []);

        let (right, code, report) = verified(func, &*isa(target, "enforce"));
        let expected = without_egraph(func, target);
        assert_ne!(wrong.to_string(), expected.to_string());
        assert_eq!(right.to_string(), expected.to_string());
        assert_eq!(code, bytes_without_egraph(func, target).code);
        assert_eq!(report.report.verdict(), Verdict::Verified, "{report:?}");
        assert_eq!(report.undone.len(), 1);
        let undone = &report.undone[0];
        assert_eq!(undone.pass, Pass::Egraph);
        assert!(!undone.violations.is_empty() && !undone.listing.is_empty());
        for violation in &undone.violations {
            assert_eq!(violation.error.code(), Code::Gcv06);
            assert!(!violation.witness.steps.is_empty());
        }
        // What was emitted in the end was looked at.
        assert!(report.report.counts.records > 0, "{report:?}");
    }
}

/// The function, if the pass does as much, and nothing is wrong with it.
fn assert_accepted(text: &str) {
    let program = Program::parse(text);
    let func = program.main();
    for target in TARGETS {
        let (right, _, report) = verified(func, &*isa(target, "enforce"));
        let expected = optimize(func, &*isa_with(target, &[]), None);
        assert_eq!(right.to_string(), expected.to_string());
        assert_ne!(right.to_string(), without_egraph(func, target).to_string());
        assert_eq!(report.report.verdict(), Verdict::Verified, "{report:?}");
        assert_eq!(report.undone, []);
        assert_eq!(report.refused, 0);
    }
}

/// A loop that reads a field of a reference and then calls. The callee may collect, or not.
fn hoist(callee: &str) -> String {
    format!(
        "function %hoist(i64, i32) -> i32 {{
            region0 = 67108896 \"gc_heap.base\" ! gc_mutable
            ss0 = explicit_slot 4, align = 4
            fn0 = %collect() {callee}
        block0(v0: i64, v1 ! gcref(struct, nonnull): i32):
            v2 = stack_addr.i64 ss0
            store notrap v1, v2
            jump block1

        block1:
            v3 = load.i32 notrap v2
            v4 = uextend.i64 v3
            v5 = load.i64 notrap aligned readonly can_move region0 v0+32
            v6 = iconst.i64 16
            v7 = iadd v5, v6
            v8 = iadd v7, v4
            v9 = load.i32 notrap v8
            call fn0(), stack_map=[i32 @ ss0+0]
            brif v9, block1, block2

        block2:
            v10 = load.i32 notrap v2
            return v10
        }}"
    )
}

#[test]
fn a_hoist_of_a_derived_pointer_over_a_call_is_undone() {
    assert_undone(&hoist(""));
}

#[test]
fn a_hoist_of_a_derived_pointer_over_a_call_that_cannot_collect_is_accepted() {
    assert_accepted(&hoist("! nogc"));
}

/// Two reads of a field of a reference with a call in between.
fn remat(callee: &str) -> String {
    format!(
        "function %remat(i64, i32) -> i32 {{
            region0 = 67108896 \"gc_heap.base\" ! gc_mutable
            ss0 = explicit_slot 4, align = 4
            fn0 = %collect() {callee}
        block0(v0: i64, v1 ! gcref(struct, nonnull): i32):
            v2 = stack_addr.i64 ss0
            store notrap v1, v2
            v3 = load.i64 notrap aligned readonly can_move region0 v0+32
            v4 = iconst.i64 16
            v5 = iadd v3, v4
            v6 = load.i32 notrap v5
            call fn0(), stack_map=[i32 @ ss0+0]
            brif v6, block1, block2

        block1:
            v7 = load.i64 notrap aligned readonly can_move region0 v0+32
            v8 = iadd v7, v4
            v9 = load.i32 notrap v8
            return v9

        block2:
            v10 = load.i32 notrap v2
            return v10
        }}"
    )
}

#[test]
fn a_remat_after_a_call_is_undone() {
    assert_undone(&remat(""));
}

#[test]
fn a_remat_after_a_call_that_cannot_collect_is_accepted() {
    assert_accepted(&remat("! nogc"));
}

/// Both are what they are called: the optimizer asks for a hoist, and for a rematerialization, of
/// what is derived from the base.
#[test]
fn the_optimizer_asks_for_a_hoist_and_for_a_remat() {
    use cranelift_codegen::gc_verifier::Rewrite;
    use seam_tests::guard::Recorder;
    let asked = |text: &str| {
        let recorder = Recorder::default();
        let program = Program::parse(text);
        let isa = isa("x86_64", "check");
        optimize(program.main(), &*isa, Some(Arc::new(recorder.clone())));
        recorder.take_rewrites()
    };
    let is_hoist = |rewrite: &&Rewrite| matches!(rewrite, Rewrite::Hoist { .. });
    let is_remat = |rewrite: &&Rewrite| matches!(rewrite, Rewrite::Remat { .. });
    assert!(asked(&hoist("")).iter().filter(is_hoist).count() >= 2);
    assert!(asked(&remat("")).iter().filter(is_remat).count() >= 1);
}

/// A fault that only shows after the e-graph pass, because that knows that the value is the reference, is one of the
/// input. To undo the pass would hide it.
#[test]
fn a_fault_of_the_input_is_not_hidden_by_undoing_the_pass_that_shows_it() {
    let text = |value: u32| {
        format!(
            "function %roundabout(i32) -> i32 {{
                fn0 = %collect()
            block0(v0 ! gcref(any, nullable): i32):
                v1 = bnot v0
                v2 = bnot v1
                v3 = iconst.i32 0
                call fn0()
                return v{value}
            }}"
        )
    };
    for target in TARGETS {
        for mode in ["check", "enforce"] {
            let compiled = |value| {
                let reports = Reports::default();
                let program = Program::parse(&text(value));
                let mut context =
                    context(program.main(), Some(reports.verifier(Options::default())));
                let result = context
                    .compile(&*isa(target, mode), &mut ControlPlane::default())
                    .map(drop)
                    .map_err(|error| error.inner);
                drop(context);
                (result, reports.take().pop())
            };
            let (result, report) = compiled(2);
            match mode {
                "check" => assert!(result.is_ok()),
                _ => assert!(matches!(result, Err(CodegenError::GcVerifier(_)))),
            }
            let report = report.expect("it has a reference");
            assert_eq!(report.layer, Pass::Input);
            assert_eq!(report.report.codes(), [Code::Gcv01]);
            assert_eq!(report.undone, []);
            assert!(compiled(3).0.is_ok());
        }
    }
}
