//! Stack maps of inlined safepoints, from the inliner to the emitted records.

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::inline::{Inline, InlineCommand};
use cranelift_codegen::ir::{ExternalName, FuncRef, Function, Inst, Opcode, Value};
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{Configurable, Flags, builder};
use cranelift_gc_verifier::{FunctionReport, Options, Sink, Verdict, Verifier};
use std::borrow::Cow;
use std::sync::{Arc, Mutex};

const CALLEE: &str = "function %callee(i32) -> i32 {
        ss0 = explicit_slot 4, align = 4
        fn0 = %collect()
    block0(v0: i32):
        v1 = stack_addr.i64 ss0
        store notrap v0, v1
        call fn0(), stack_map=[i32 @ ss0+0]
        call fn0(), stack_map=[i32 @ ss0+0]
        v2 = load.i32 notrap v1
        return v2
    }";

const CALLER: &str = "function %caller(i32, i32) -> i32 {
        ss0 = explicit_slot 4, align = 4
        fn0 = %callee(i32) -> i32
    block0(v0: i32, v1: i32):
        v2 = stack_addr.i64 ss0
        store notrap v0, v2
        v3 = call fn0(v1), stack_map=[i32 @ ss0+0]
        v4 = load.i32 notrap v2
        v5 = icmp eq v3, v4
        v6 = uextend.i32 v5
        return v6
    }";

fn parse(text: &str) -> Function {
    let functions = cranelift_reader::parse_functions(text).expect("is CLIF");
    functions.into_iter().next().expect("there is one")
}

fn isa() -> OwnedTargetIsa {
    let mut flags = builder();
    flags.set("gc_verifier", "enforce").expect("is a setting");
    let builder = isa::lookup(target_lexicon::Triple::host()).expect("is a target");
    builder.finish(Flags::new(flags)).expect("is a target")
}

struct Callee(Function);

impl Inline for Callee {
    fn inline(
        &mut self,
        caller: &Function,
        _call: Inst,
        _opcode: Opcode,
        callee: FuncRef,
        _arguments: &[Value],
    ) -> InlineCommand<'_> {
        let called = &caller.dfg.ext_funcs[callee].name;
        match matches!(called, ExternalName::TestCase(name) if name.to_string() == "%callee") {
            false => InlineCommand::KeepCall,
            true => InlineCommand::Inline {
                callee: Cow::Borrowed(&self.0),
                visit_callee: true,
            },
        }
    }
}

#[derive(Default)]
struct Collect(Mutex<Vec<FunctionReport>>);

impl Sink for Collect {
    fn function(&self, report: FunctionReport) {
        self.0.lock().expect("no thread panics").push(report);
    }
}

#[test]
fn inlined_safepoints_have_records_with_the_entries_of_both() {
    let sink = Arc::new(Collect::default());
    let isa = isa();
    let mut context = Context::for_function(parse(CALLER));
    let verifier = Verifier::new(Options::default(), sink.clone());
    context.set_gc_verifier(Some(Arc::new(verifier)));
    context.start_gc_verifier(&*isa).expect("one is given");
    let inlined = context.inline(Callee(parse(CALLEE)));
    assert!(inlined.expect("nothing is lost"));
    let compiled = context.compile(&*isa, &mut ControlPlane::default());
    compiled
        .map(drop)
        .map_err(|error| error.inner)
        .expect("nothing is lost");
    let reports = sink.0.lock().expect("no thread panics");
    let [report] = &reports[..] else {
        panic!("{reports:?}");
    };
    assert_eq!(report.report.verdict(), Verdict::Verified);
    assert_eq!(report.report.counts.records, 2);
    assert_eq!(report.report.counts.record_entries, 4);
}
