//! Compiles the inputs of `cargo xtask replay` with the verifier looking on, and says what it saw.
//!
//! `probe verify [--from N] [--cranelift | --all-rewrites] PATH…` prints one line for each unit, a way to compile
//! one input: `unit N NAME hash H`, or `unit N NAME error TEXT`; after it come the functions that
//! the verifier rejects: `rejected N FUNCTION LAYER CODES`, and the counts of the others. The
//! fields are separated by tabs. With `--cranelift`, Cranelift's own verifier looks on instead; with
//! `--all-rewrites`, each rewrite is judged, whether it is about references or not.
//!
//! `probe run COLLECTOR PATH` runs a program and prints its result.
//!
//! `cargo xtask replay` builds this against the tree with faults, and switches them on by the
//! environment. A fault may take the process down: the units before it are printed by then.

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable, Flags};
use cranelift_gc_verifier::{FunctionReport, GcCollector, Options, Sink, Verdict, VerifyInput};
use cranelift_reader::{ParseOptions, parse_test};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hasher};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use wasmtime::{
    Caller, Collector, Config, Engine, GcVerifier, Inlining, Linker, Module, Store, Val,
};

const X86_64: &str = "x86_64-unknown-linux-gnu";
const AARCH64: &str = "aarch64-unknown-linux-gnu";
/// What a CLIF input can ask to be compiled for instead, and how it does.
const OTHER_TARGETS: &[(&str, &str)] = &[
    ("target pulley64", "pulley64"),
    ("target riscv64", "riscv64gc-unknown-linux-gnu"),
    ("target s390x", "s390x-unknown-linux-gnu"),
];

/// How an embedder sets up Wasmtime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Embedding {
    /// As it comes.
    Default,
    /// The GC heap can move, and loops look at the epoch.
    Strict,
    /// Functions are inlined.
    Inlining,
}

/// One way to compile an input.
#[derive(Clone, Copy, Debug)]
struct Unit<'a> {
    path: &'a str,
    target: &'static str,
    collector: &'static str,
    embedding: Embedding,
}

impl Unit<'_> {
    fn name(&self) -> String {
        let arch = self.target.split('-').next().unwrap_or_default();
        let embedding = format!("{:?}", self.embedding).to_lowercase();
        format!("{} {arch} {} {embedding}", self.path, self.collector)
    }
}

/// The ways to compile the inputs, in an order that does not change.
fn units(paths: &[String]) -> Vec<Unit<'_>> {
    let mut units = Vec::new();
    for path in paths {
        let mut add = |target, collector, embedding| {
            units.push(Unit {
                path,
                target,
                collector,
                embedding,
            });
        };
        // What only these targets can tell.
        let others = other_targets(path);
        if !others.is_empty() {
            for target in others {
                for collector in ["copying", "drc", "null"] {
                    add(target, collector, Embedding::Default);
                }
            }
            continue;
        }
        for collector in ["copying", "drc", "null"] {
            add(X86_64, collector, Embedding::Default);
        }
        add(AARCH64, "copying", Embedding::Default);
        if path.ends_with(".clif") {
            continue;
        }
        for collector in ["copying", "drc", "null"] {
            add(X86_64, collector, Embedding::Strict);
        }
        for collector in ["copying", "drc"] {
            add(X86_64, collector, Embedding::Inlining);
        }
    }
    units
}

fn other_targets(path: &str) -> Vec<&'static str> {
    if !path.ends_with(".clif") {
        return Vec::new();
    }
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let asked = |line: &str| OTHER_TARGETS.iter().find(|(asked, _)| *asked == line);
    text.lines()
        .filter_map(asked)
        .map(|(_, target)| *target)
        .collect()
}

/// The reports that came in.
#[derive(Default)]
struct Collect(Mutex<Vec<FunctionReport>>);

impl Sink for Collect {
    fn function(&self, report: FunctionReport) {
        self.0.lock().expect("nobody panics with it").push(report);
    }
}

/// Who looks on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Watch {
    /// The GC verifier.
    Gc,
    /// Cranelift's own verifier.
    Cranelift,
}

fn main() -> ExitCode {
    let args: Vec<_> = std::env::args().skip(1).collect();
    match args.split_first() {
        Some((command, rest)) if command == "verify" => verify(rest),
        Some((command, [collector, path])) if command == "run" => run(collector, path),
        _ => {
            eprintln!(
                "usage: probe verify [--from N] [--on-demand] [--cranelift | --all-rewrites] PATH… | \
                 probe run COLLECTOR PATH"
            );
            ExitCode::from(2)
        }
    }
}

fn verify(mut args: &[String]) -> ExitCode {
    let mut from = 0;
    let mut watch = Watch::Gc;
    let mut options = Options::default();
    while let Some((option, rest)) = args.split_first() {
        args = match option.as_str() {
            "--cranelift" => {
                watch = Watch::Cranelift;
                rest
            }
            "--all-rewrites" => {
                options.all_rewrites = true;
                rest
            }
            "--on-demand" => {
                options.verify_input = VerifyInput::OnDemand;
                rest
            }
            "--from" => {
                from = rest[0].parse().expect("a number follows --from");
                &rest[1..]
            }
            _ => break,
        };
    }
    // The panics of a faulty compiler are results.
    std::panic::set_hook(Box::new(|_| {}));
    let sink = Arc::new(Collect::default());
    cranelift_gc_verifier::install(options, sink.clone()).expect("no other is installed");
    for (index, unit) in units(args).into_iter().enumerate().skip(from) {
        let compile = || compile(unit, watch);
        let result = match catch_unwind(AssertUnwindSafe(compile)) {
            Ok(Ok(hash)) => format!("hash\t{hash:016x}"),
            Ok(Err(error)) => format!("error\t{}", one_line(&error)),
            Err(panic) => format!("error\tpanic: {}", one_line(&panic_text(&*panic))),
        };
        let mut out = std::io::stdout().lock();
        let reports = std::mem::take(&mut *sink.0.lock().expect("nobody panics with it"));
        writeln!(out, "unit\t{index}\t{}\t{result}", unit.name()).expect("stdout is open");
        print_reports(&mut out, index, &reports);
        out.flush().expect("stdout is open");
    }
    ExitCode::SUCCESS
}

fn print_reports(out: &mut impl Write, unit: usize, reports: &[FunctionReport]) {
    let (mut safepoints, mut inconclusive) = (0, 0);
    let mut lines = BTreeSet::new();
    for report in reports {
        safepoints += report.report.counts.safepoints;
        match report.report.verdict() {
            Verdict::Verified => {}
            Verdict::Inconclusive => inconclusive += 1,
            Verdict::Rejected => {
                let codes: BTreeSet<_> = report.report.codes().into_iter().collect();
                let codes: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
                let (function, layer) = (&report.function, report.layer);
                lines.insert(format!("{function}\t{layer}\t{}", codes.join(",")));
            }
        }
    }
    let functions = reports.len();
    for line in lines {
        writeln!(out, "rejected\t{unit}\t{line}").expect("stdout is open");
    }
    writeln!(
        out,
        "counts\t{unit}\t{functions}\t{safepoints}\t{inconclusive}"
    )
    .expect("stdout is open");
}

fn one_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().replace('\t', " ")
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()))
        .unwrap_or_default()
}

fn compile(unit: Unit<'_>, watch: Watch) -> Result<u64, String> {
    let mut hasher = DefaultHasher::new();
    if unit.path.ends_with(".clif") {
        compile_clif(unit, watch, &mut hasher)?;
    } else {
        let engine = engine(unit, watch).map_err(|error| format!("{error:#}"))?;
        let wasm = std::fs::read(unit.path).map_err(|error| error.to_string())?;
        let code = engine.precompile_module(&wasm);
        hasher.write(&code.map_err(|error| format!("{error:#}"))?);
    }
    Ok(hasher.finish())
}

fn engine(unit: Unit<'_>, watch: Watch) -> wasmtime::Result<Engine> {
    let mut config = config(unit.collector, unit.embedding);
    config.target(unit.target)?;
    match watch {
        Watch::Gc => config.cranelift_gc_verifier(GcVerifier::Check),
        Watch::Cranelift => config.cranelift_debug_verifier(true),
    };
    Engine::new(&config)
}

fn config(collector: &str, embedding: Embedding) -> Config {
    let mut config = Config::new();
    config
        .wasm_exceptions(true)
        .wasm_function_references(true)
        .wasm_gc(true)
        .wasm_tail_call(true)
        .collector(match collector {
            "copying" => Collector::Copying,
            "drc" => Collector::DeferredReferenceCounting,
            _ => Collector::Null,
        });
    match embedding {
        Embedding::Default => {}
        Embedding::Strict => {
            config
                .gc_heap_may_move(true)
                .gc_heap_reservation(0)
                .epoch_interruption(true);
        }
        Embedding::Inlining => {
            config.compiler_inlining(Inlining::Yes);
        }
    }
    config
}

fn compile_clif(unit: Unit<'_>, watch: Watch, hasher: &mut DefaultHasher) -> Result<(), String> {
    let text = std::fs::read_to_string(unit.path).map_err(|error| error.to_string())?;
    let file = parse_test(&text, ParseOptions::default()).map_err(|error| error.to_string())?;
    let isa = isa(unit.target, watch)?;
    for (func, _) in file.functions {
        compile_function(func, unit.collector, &isa, hasher)?;
    }
    Ok(())
}

fn isa(target: &str, watch: Watch) -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    let mut set = |name, value| flags.set(name, value).map_err(|error| error.to_string());
    set("opt_level", "speed")?;
    set("preserve_frame_pointers", "true")?;
    set("enable_multi_ret_implicit_sret", "true")?;
    match watch {
        Watch::Gc => {
            set("gc_verifier", "check")?;
            set("enable_verifier", "false")?;
        }
        Watch::Cranelift => set("enable_verifier", "true")?,
    }
    let builder = cranelift_codegen::isa::lookup_by_name(target);
    let isa = builder.map_err(|error| error.to_string())?;
    isa.finish(Flags::new(flags))
        .map_err(|error| error.to_string())
}

fn compile_function(
    mut func: Function,
    collector: &str,
    isa: &OwnedTargetIsa,
    hasher: &mut DefaultHasher,
) -> Result<(), String> {
    let behaviour = match collector {
        "copying" => GcCollector::Moving,
        "drc" => GcCollector::NonMoving,
        _ => GcCollector::Null,
    };
    func.dfg.gc_info.collector.get_or_insert(behaviour);
    let mut context = Context::for_function(func);
    let code = context
        .compile(&**isa, &mut ControlPlane::default())
        .map_err(|error| error.inner.to_string())?;
    hasher.write(code.code_buffer());
    hasher.write(format!("{:?}", code.buffer.user_stack_maps()).as_bytes());
    Ok(())
}

fn run(collector: &str, path: &str) -> ExitCode {
    match execute(collector, path) {
        Ok(result) => {
            println!("result {result}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            println!("error {}", one_line(&format!("{:#}", error.root_cause())));
            ExitCode::FAILURE
        }
    }
}

fn execute(collector: &str, path: &str) -> wasmtime::Result<i64> {
    let engine = Engine::new(&config(collector, Embedding::Default))?;
    let module = Module::new(&engine, std::fs::read(path)?)?;
    let mut linker = Linker::new(&engine);
    linker.func_wrap("", "gc", |mut caller: Caller<'_, ()>| caller.gc(None))?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let main = instance.get_func(&mut store, "main");
    let main = main.ok_or_else(|| wasmtime::Error::msg("the program has no main"))?;
    let mut results = [Val::I32(0)];
    main.call(&mut store, &[], &mut results)?;
    Ok(match results[0] {
        Val::I32(n) => n.into(),
        Val::I64(n) => n,
        ref other => return Err(wasmtime::Error::msg(format!("main returned {other:?}"))),
    })
}
