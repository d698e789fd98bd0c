//! The programs of `filetests/wasm`, run: they compute what they say without a verifier, with the
//! verifier enforcing, and under a guard that refuses rewrites at random.

use cranelift_codegen::gc_verifier::{FunctionGuard, GcVerifier, set_gc_verifier};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use cranelift_gc_verifier::{FunctionReport, Options, Sink, Verdict, Verifier};
use gc_filetests::{expected_result, find_files};
use seam_tests::guard::Chaos;
use std::path::Path;
use std::sync::{Arc, Mutex};
use wasmtime::{
    Caller, Collector, Config, Engine, GcVerifier as Mode, Linker, Module, OptLevel, Store, Val,
};

const COLLECTORS: [Collector; 3] = [
    Collector::Copying,
    Collector::DeferredReferenceCounting,
    Collector::Null,
];

/// The process's verifier, which hands over to another one.
#[derive(Default)]
struct Switch(Mutex<Option<Arc<dyn GcVerifier>>>);

impl Switch {
    fn to(&self, verifier: Arc<dyn GcVerifier>) {
        *self.0.lock().expect("no test panics with it") = Some(verifier);
    }
}

impl GcVerifier for Switch {
    fn start(
        &self,
        func: &Function,
        isa: &dyn TargetIsa,
        mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        let current = self.0.lock().expect("no test panics with it").clone();
        current.and_then(|verifier| verifier.start(func, isa, mode))
    }
}

/// Counts what was verified, and expects that all of it is.
#[derive(Default)]
struct Count(Mutex<(u64, u64)>);

impl Sink for Count {
    fn function(&self, report: FunctionReport) {
        assert_eq!(
            report.report.verdict(),
            Verdict::Verified,
            "{}: {:?}",
            report.function,
            report.report
        );
        let (functions, safepoints) = &mut *self.0.lock().expect("no test panics with it");
        *functions += 1;
        *safepoints += report.report.counts.safepoints;
    }
}

/// Compile and run the program; its result.
fn run(wasm: &[u8], collector: Collector, opt_level: OptLevel, mode: Mode) -> i64 {
    let mut config = Config::new();
    config.collector(collector);
    config.cranelift_opt_level(opt_level);
    config.cranelift_gc_verifier(mode);
    config.wasm_gc(true);
    config.wasm_function_references(true);
    config.wasm_exceptions(true);
    config.wasm_tail_call(true);
    let engine = Engine::new(&config).expect("the configuration is valid");
    let module = Module::new(&engine, wasm).expect("the program compiles");
    let mut linker = Linker::new(&engine);
    let collect = |mut caller: Caller<'_, ()>| caller.gc(None);
    linker
        .func_wrap("", "gc", collect)
        .expect("there is one such import");
    let mut store = Store::new(&engine, ());
    let instance = linker
        .instantiate(&mut store, &module)
        .expect("the program instantiates");
    let main = instance
        .get_func(&mut store, "main")
        .expect("the program has a main");
    let mut results = [Val::I32(0)];
    main.call(&mut store, &[], &mut results)
        .expect("the program ends");
    match results[0] {
        Val::I32(n) => n.into(),
        Val::I64(n) => n,
        ref other => panic!("main returned {other:?}"),
    }
}

fn encode(text: &str) -> Vec<u8> {
    let buffer = wast::parser::ParseBuffer::new(text).expect("the program is text");
    let mut wat = wast::parser::parse::<wast::Wat>(&buffer).expect("the program is valid text");
    wat.encode().expect("the program can be encoded")
}

#[test]
fn programs_compute_the_same_off_enforced_and_under_chaos() {
    let switch = Arc::new(Switch::default());
    set_gc_verifier(switch.clone()).expect("no other is installed");
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("../filetests/wasm");
    let files = find_files(&dir, "wat").expect("the programs are there");
    assert!(files.len() >= 30, "{} programs", files.len());
    let count = Arc::new(Count::default());
    let (mut asked, mut refused) = (0, 0);
    for (index, file) in files.iter().enumerate() {
        let text = std::fs::read_to_string(file).expect("the program can be read");
        let expected = expected_result(&text).expect("the program says what it computes");
        let wasm = encode(&text);
        let check = |collector, opt_level, mode, what: &str| {
            let result = run(&wasm, collector, opt_level, mode);
            assert_eq!(result, expected, "{} {what} {collector:?}", file.display());
        };
        for collector in COLLECTORS {
            check(collector, OptLevel::Speed, Mode::None, "off");
            for opt_level in [OptLevel::None, OptLevel::Speed] {
                switch.to(Arc::new(Verifier::new(Options::default(), count.clone())));
                check(collector, opt_level, Mode::Enforce, "enforced");
            }
            for percent in [20, 100] {
                let chaos = Chaos::new(index as u64, percent);
                switch.to(Arc::new(chaos.clone()));
                check(collector, OptLevel::Speed, Mode::Enforce, "under chaos");
                for of_kind in chaos.tally().0.values() {
                    asked += of_kind.asked;
                    refused += of_kind.refused;
                }
            }
        }
    }
    let (functions, safepoints) = *count.0.lock().expect("no test panics with it");
    println!("{functions} functions, {safepoints} safepoints, {refused} of {asked} refused");
    assert!(functions > 1_000 && safepoints > 4_000);
    assert!(refused > 10_000 && refused < asked);
}
