//! Counts the steps of each analysis on functions that are hard to analyse: they grow hardly faster than the
//! functions do.

use cranelift_codegen::ir::Function;
use cranelift_gc_verifier::{
    Analysis, FunctionReport, Options, Report, Sink, Steps, Verdict, counted, install,
};
use gc_benches::compile::Isas;
use gc_benches::hard::Hard;
use gc_benches::mode::Mode;
use gc_benches::shape::Shape;
use std::cell::RefCell;
use std::sync::{Arc, OnceLock};

/// The larger function has so many times the instructions of the smaller one.
const FACTOR: usize = 8;

/// The size of the smaller one of other functions than the hard ones.
const SIZE: usize = 2_000;

/// How many steps are too few to tell how they grow: the larger function has more instructions.
const NOISE: u64 = 40_000;

thread_local! {
    /// What was found in the functions that this thread compiled.
    static FOUND: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// Keeps what is not verified.
struct Keep;

impl Sink for Keep {
    fn function(&self, report: FunctionReport) {
        if report.report.verdict() != Verdict::Verified || !report.refusals.is_empty() {
            let Report {
                violations,
                inconclusive,
                ..
            } = &report.report;
            let text = format!(
                "{:?}, {inconclusive:?}, refused: {:?}",
                violations.first(),
                report.refusals.first()
            );
            FOUND.with(|found| found.borrow_mut().push(text));
        }
    }
}

/// The steps of compiling `func`, which has to be verified.
fn steps(what: &str, func: &Function) -> Steps {
    static ISAS: OnceLock<Isas> = OnceLock::new();
    let isas = ISAS.get_or_init(|| {
        install(Options::default(), Arc::new(Keep)).expect("nothing else is installed");
        Isas::new().expect("there is x86_64")
    });
    let ((), steps) = counted(|| isas.compile(Mode::Check, func));
    let found = FOUND.with(RefCell::take);
    assert_eq!(found, [""; 0], "{what}");
    steps
}

/// What grows faster than `n log n`, if anything.
fn too_fast(what: &str, size: usize, function: impl Fn(usize) -> (Function, usize)) -> Vec<String> {
    let [(small, n), (large, m)] = [size, FACTOR * size].map(|size| {
        let (func, count) = function(size);
        (steps(what, &func), count as f64)
    });
    println!(
        "{what}: {} to {} steps, {n} to {m} instructions",
        small.sum(),
        large.sum()
    );
    let allowed = m * m.ln() / (n * n.ln()) * 1.25;
    let grows = Analysis::ALL.into_iter().filter_map(|analysis| {
        let (small, large) = (small.of(analysis), large.of(analysis));
        let ratio = large as f64 / small.max(1) as f64;
        (large > NOISE && ratio > allowed).then(|| {
            let name = analysis.name();
            let times = m / n;
            format!(
                "{what}: {name}: {small} to {large} steps, {ratio:.1} times for {times:.1} times the instructions"
            )
        })
    });
    grows.collect()
}

#[test]
fn steps_grow_hardly_faster_than_functions() {
    let mut found = Vec::new();
    for hard in Hard::ALL {
        let function = |size| hard.function(size).expect("it is CLIF");
        found.extend(too_fast(&format!("{hard:?}"), hard.least_size(), function));
    }
    for shape in Shape::ALL {
        let function = |size| shape.function(size).expect("it is CLIF");
        found.extend(too_fast(shape.name(), SIZE, function));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
