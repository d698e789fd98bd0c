//! wasmtime#14323, which upstream has: with `enforce` the function returns what it should.

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::data_value::DataValue;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_gc_verifier::{Code, FunctionReport, Options, Sink, Verdict, Verifier};
use seam_tests::program::{Outcome, Program};
use std::sync::{Arc, Mutex};

const ISSUE_14323: &str = "
function %issue_14323() -> i32 {
    ss0 = explicit_slot 4
    region0 = 0 \"r0\"
block0:
    v9 = stack_addr.i64 ss0
    v8 = iconst.i32 1
    v2 = iconst.i32 42
    store notrap v8, v9
    v1 = load.i32 notrap region0 v9
    store notrap region0 v2, v9
    v3 = load.i32 notrap v9
    v4 = iadd v3, v1
    return v4
}";

#[derive(Default)]
struct Reports(Mutex<Vec<FunctionReport>>);

impl Sink for Reports {
    fn function(&self, report: FunctionReport) {
        self.0
            .lock()
            .expect("no thread panics with it")
            .push(report);
    }
}

/// Optimize the function with the setting at `mode`.
fn optimized(mode: &str) -> (Function, FunctionReport) {
    let mut flags = settings::builder();
    for (name, value) in [("opt_level", "speed"), ("gc_verifier", mode)] {
        flags.set(name, value).expect("it is a setting");
    }
    let isa = isa::lookup_by_name("x86_64")
        .expect("it is a target")
        .finish(settings::Flags::new(flags))
        .expect("the settings agree");
    let reports = Arc::new(Reports::default());
    let program = Program::parse(ISSUE_14323);
    let mut ctx = Context::for_function(program.main().clone());
    let verifier = Verifier::new(Options::default(), reports.clone());
    ctx.set_gc_verifier(Some(Arc::new(verifier)));
    ctx.optimize(&*isa, &mut ControlPlane::default())
        .expect("nothing is wrong with what comes out");
    let func = ctx.func.clone();
    drop(ctx);
    let mut reports = reports.0.lock().expect("no thread panics with it");
    assert_eq!(reports.len(), 1);
    (func, reports.remove(0))
}

fn result(func: &Function) -> Option<Outcome> {
    let program = Program::parse(ISSUE_14323);
    program.map(|_| func.clone()).run(&[])
}

fn returned(n: i32) -> Option<Outcome> {
    Some(Outcome::Returned(vec![DataValue::I32(n)]))
}

#[test]
fn the_function_returns_43_when_nothing_optimizes_it() {
    let program = Program::parse(ISSUE_14323);
    assert_eq!(program.run(&[]), returned(43));
}

#[test]
fn check_reports_the_rewrite_and_leaves_the_code_as_it_is() {
    let (func, report) = optimized("check");
    assert_eq!(result(&func), returned(2));
    assert_eq!(report.report.codes(), [Code::Gcv08]);
    assert_eq!(report.refused, 0);
    assert!(report.refusals.is_empty());
}

#[test]
fn enforce_refuses_the_rewrite_and_the_function_comes_out_right() {
    let (func, report) = optimized("enforce");
    assert_eq!(result(&func), returned(43));
    assert_eq!(report.report.verdict(), Verdict::Verified);
    assert_eq!(report.refused, 1);
    let refusals: Vec<Code> = report.refusals.iter().map(|v| v.error.code()).collect();
    assert_eq!(refusals, [Code::Gcv08]);
}
