//! The guard's life in a context, and the setting.

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::gc_verifier::{GcVerifier, Pass};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::{CodegenError, Context};
use seam_tests::guard::{Event, Recorder};
use seam_tests::pipeline::{InlineByName, context, isa, isa_with};
use seam_tests::program::Program;
use std::error::Error as _;
use std::sync::Arc;

fn function(name: &str) -> Function {
    Program::parse(&format!(
        "function %{name}(i32) -> i32 {{
            block0(v0: i32):
                return v0
        }}"
    ))
    .main()
    .clone()
}

fn watched(func: &Function, recorder: &Recorder) -> Context {
    let verifier: Arc<dyn GcVerifier> = Arc::new(recorder.clone());
    context(func, Some(verifier))
}

fn compile(context: &mut Context, isa: &dyn TargetIsa) -> Result<(), CodegenError> {
    match context.compile(isa, &mut ControlPlane::default()) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.inner),
    }
}

/// A compilation of the function `name`, as a guard sees it.
fn compilation(name: &str) -> Vec<Event> {
    vec![
        Event::Start(format!("%{name}")),
        Event::PassEnd(Pass::Input),
        Event::PassEnd(Pass::ConstantPhis),
        Event::PassEnd(Pass::Egraph),
    ]
}

#[test]
fn a_guard_sees_each_pass_once() {
    let recorder = Recorder::default();
    let mut context = watched(&function("f"), &recorder);
    compile(&mut context, &*isa("x86_64", "check")).unwrap();
    assert_eq!(recorder.take(), compilation("f"));
}

#[test]
fn without_optimization_there_is_no_egraph_pass() {
    let recorder = Recorder::default();
    let mut context = watched(&function("f"), &recorder);
    let isa = isa_with("x86_64", &[("gc_verifier", "check"), ("opt_level", "none")]);
    compile(&mut context, &*isa).unwrap();
    assert_eq!(recorder.take(), compilation("f")[..3]);
}

#[test]
fn optimizing_alone_is_a_compilation() {
    let recorder = Recorder::default();
    let isa = isa("x86_64", "check");
    let mut context = watched(&function("f"), &recorder);
    context
        .optimize(&*isa, &mut ControlPlane::default())
        .unwrap();
    assert_eq!(recorder.take(), compilation("f"));
    compile(&mut context, &*isa).unwrap();
    assert_eq!(recorder.take(), compilation("f"));
}

#[test]
fn the_setting_none_starts_no_guard() {
    let recorder = Recorder::default();
    let isa = isa("x86_64", "none");
    let mut context = watched(&function("f"), &recorder);
    context.start_gc_verifier(&*isa).unwrap();
    compile(&mut context, &*isa).unwrap();
    assert_eq!(recorder.take(), []);
}

#[test]
fn the_default_setting_is_none() {
    let recorder = Recorder::default();
    let mut context = watched(&function("f"), &recorder);
    compile(&mut context, &*isa_with("x86_64", &[])).unwrap();
    assert_eq!(recorder.take(), []);
}

/// As the unit test of Cranelift's settings has it.
#[test]
fn the_setting_is_printed_first() {
    let flags = isa_with("x86_64", &[]).flags().to_string();
    assert!(
        flags.starts_with("[shared]\ngc_verifier = \"none\"\n"),
        "{flags}"
    );
}

/// NB: No test of this process may install a verifier for the process.
#[test]
fn a_setting_without_a_verifier_is_an_error() {
    for mode in ["check", "enforce"] {
        let error = compile(&mut context(&function("f"), None), &*isa("x86_64", mode)).unwrap_err();
        let CodegenError::Unsupported(message) = &error else {
            panic!("{error:?}");
        };
        assert!(
            message.contains(&format!("gc_verifier={mode}")),
            "{message}"
        );
        assert!(message.contains("set_gc_verifier"), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
    compile(&mut context(&function("f"), None), &*isa("x86_64", "none")).unwrap();
}

#[test]
fn an_uninteresting_function_costs_nothing_more() {
    let recorder = Recorder::uninterested();
    let isa = isa("x86_64", "check");
    let mut context = watched(&function("f"), &recorder);
    context.start_gc_verifier(&*isa).unwrap();
    compile(&mut context, &*isa).unwrap();
    assert_eq!(recorder.take(), [Event::Start("%f".into())]);
}

#[test]
fn starting_twice_is_starting_once() {
    let recorder = Recorder::default();
    let isa = isa("x86_64", "check");
    let mut context = watched(&function("f"), &recorder);
    context.start_gc_verifier(&*isa).unwrap();
    context.start_gc_verifier(&*isa).unwrap();
    compile(&mut context, &*isa).unwrap();
    assert_eq!(recorder.take(), compilation("f"));
}

#[test]
fn a_started_guard_sees_inlining() {
    let program = Program::parse(
        "function %g() {
            block0:
                return
        }
        function %f() {
            fn0 = %g()
            block0:
                call fn0()
                return
        }",
    );
    let recorder = Recorder::default();
    let isa = isa("x86_64", "check");
    let mut context = watched(program.main(), &recorder);
    context.start_gc_verifier(&*isa).unwrap();
    assert!(context.inline(InlineByName(program.functions())).unwrap());
    compile(&mut context, &*isa).unwrap();
    let passes: Vec<_> = recorder
        .take()
        .into_iter()
        .filter(|event| !matches!(event, Event::Rewrite(_)))
        .collect();
    let mut expected = compilation("f");
    expected.insert(2, Event::PassEnd(Pass::Inline));
    assert_eq!(passes, expected);
}

#[test]
fn without_a_guard_inlining_goes_on_unseen() {
    let program = Program::parse(
        "function %g() {
            block0:
                return
        }
        function %f() {
            fn0 = %g()
            block0:
                call fn0()
                return
        }",
    );
    let recorder = Recorder::default();
    let mut context = watched(program.main(), &recorder);
    assert!(context.inline(InlineByName(program.functions())).unwrap());
    assert_eq!(recorder.take(), []);
    compile(&mut context, &*isa("x86_64", "check")).unwrap();
    assert_eq!(recorder.take(), compilation("f"));
}

/// What its callees bring along may be of interest where the function was not.
#[test]
fn a_function_is_looked_at_again_after_inlining() {
    let program = Program::parse(
        "function %g() {
            block0:
                return
        }
        function %f() {
            fn0 = %g()
            block0:
                call fn0()
                return
        }",
    );
    let recorder = Recorder::uninterested();
    let isa = isa("x86_64", "check");
    let mut context = watched(program.main(), &recorder);
    context.start_gc_verifier(&*isa).unwrap();
    assert!(!context.inline(InlineByName(&[])).unwrap());
    context.start_gc_verifier(&*isa).unwrap();
    assert_eq!(recorder.take(), [Event::Start("%f".into())]);

    assert!(context.inline(InlineByName(program.functions())).unwrap());
    compile(&mut context, &*isa).unwrap();
    assert_eq!(recorder.take(), [Event::Start("%f".into())]);
}

/// Contexts are reused by way of `clear`, and by an assignment to `func`, also after an
/// unfinished compilation and where the functions have the same name.
#[test]
fn another_function_gets_another_guard() {
    let recorder = Recorder::default();
    let isa = isa("x86_64", "check");
    let mut context = watched(&function("f"), &recorder);
    compile(&mut context, &*isa).unwrap();
    assert_eq!(recorder.take(), compilation("f"));

    context.func = function("f");
    compile(&mut context, &*isa).unwrap();
    assert_eq!(recorder.take(), compilation("f"));

    context.func = function("g");
    context.start_gc_verifier(&*isa).unwrap();
    context.func = function("g");
    compile(&mut context, &*isa).unwrap();
    let mut expected = vec![Event::Start("%g".into())];
    expected.extend(compilation("g"));
    assert_eq!(recorder.take(), expected);

    context.start_gc_verifier(&*isa).unwrap();
    context.func = context.func.clone();
    compile(&mut context, &*isa).unwrap();
    assert_eq!(recorder.take(), expected);

    context.start_gc_verifier(&*isa).unwrap();
    context.clear();
    context.func = function("h");
    compile(&mut context, &*isa).unwrap();
    let mut expected = vec![Event::Start("%g".into())];
    expected.extend(compilation("h"));
    assert_eq!(recorder.take(), expected);
}

#[test]
fn a_guard_moves_with_its_function() {
    let recorder = Recorder::default();
    let isa = isa("x86_64", "check");
    let mut context = watched(&function("f"), &recorder);
    context.start_gc_verifier(&*isa).unwrap();
    let func = std::mem::replace(&mut context.func, Function::new());
    context.func = func;
    compile(&mut context, &*isa).unwrap();
    assert_eq!(recorder.take(), compilation("f"));
}

#[test]
fn the_setting_none_ends_a_started_guard() {
    let recorder = Recorder::default();
    let mut context = watched(&function("f"), &recorder);
    context.start_gc_verifier(&*isa("x86_64", "check")).unwrap();
    compile(&mut context, &*isa("x86_64", "none")).unwrap();
    assert_eq!(recorder.take(), [Event::Start("%f".into())]);
}

/// With `enforce`, those of a pass undo it: see `tests/undo.rs`.
#[test]
fn errors_fail_the_compilation() {
    for (mode, pass) in [
        ("enforce", Pass::Input),
        ("check", Pass::ConstantPhis),
        ("check", Pass::Egraph),
    ] {
        let recorder = Recorder::failing_after(pass);
        let isa = isa("x86_64", mode);
        let mut context = watched(&function("f"), &recorder);
        let error = compile(&mut context, &*isa).unwrap_err();
        assert!(matches!(error, CodegenError::GcVerifier(_)));
        assert_eq!(
            error.to_string(),
            format!(
                "GC verifier errors:\n\
                 GCV01 after {pass}: %f is at fault\n\
                 GCV02 after {pass}: %f is at fault"
            )
        );
        assert!(error.source().is_some());

        // Who tries again gets the error again, and not the rest of the compilation.
        recorder.take();
        compile(&mut context, &*isa).unwrap_err();
        assert_eq!(recorder.take().first(), Some(&Event::Start("%f".into())));
    }
}

#[test]
fn errors_in_the_input_fail_inlining() {
    let recorder = Recorder::failing_after(Pass::Input);
    let isa = isa("x86_64", "enforce");
    let mut context = watched(&function("f"), &recorder);
    context.start_gc_verifier(&*isa).unwrap();
    let error = context.inline(InlineByName(&[])).unwrap_err();
    assert!(matches!(error, CodegenError::GcVerifier(_)));
    let error = compile(&mut context, &*isa).unwrap_err();
    assert!(matches!(error, CodegenError::GcVerifier(_)));
}

/// A context may cross threads, and be looked at from several, as Wasmtime has it.
#[test]
fn a_context_is_send_and_sync() {
    fn assert_send_and_sync<T: Send + Sync>(_: &T) {}
    assert_send_and_sync(&watched(&function("f"), &Recorder::default()));
}
