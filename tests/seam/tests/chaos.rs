//! Refusals change no result.
//!
//! Each program is interpreted as it was written and as it was optimized under a guard that
//! refuses at random; what it returns, or the trap that it ends with, must be the same. The
//! optimized function must pass Cranelift's verifier, and it must compile for every target, with
//! the register allocator's checker on.
//!
//! A guard that is never asked would pass, too. So each test ends with a count of what was
//! refused, by kind.

use cranelift_codegen::data_value::DataValue;
use cranelift_codegen::ir::Function;
use seam_tests::generate;
use seam_tests::guard::{Chaos, Tally};
use seam_tests::kind::Kind;
use seam_tests::pipeline::{TARGETS, compile, inline_and_optimize, isa, optimize};
use seam_tests::program::{Outcome, Program};
use std::sync::Arc;

/// How many of a hundred rewrites are refused.
const PERCENTS: [u32; 4] = [0, 10, 50, 100];

/// Arguments of the main function: the pointer, which it does not use, and three numbers.
fn arguments() -> impl Iterator<Item = [DataValue; 4]> {
    let numbers = [
        (0, 0, 0),
        (1, -1, 77),
        (5, 3, -1),
        (i32::MIN, i32::MAX, i64::MIN),
        (0x0123_4567, 255, 1 << 40),
    ];
    numbers.into_iter().map(|(a, b, c)| {
        [
            DataValue::I64(0),
            DataValue::I32(a),
            DataValue::I32(b),
            DataValue::I64(c),
        ]
    })
}

fn outcomes(program: &Program) -> Vec<Option<Outcome>> {
    arguments().map(|args| program.run(&args)).collect()
}

/// The programs that were written by hand, with their names.
fn programs() -> Vec<(String, String)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/programs");
    let entries = std::fs::read_dir(directory).expect("the programs are there");
    let mut programs: Vec<_> = entries
        .map(|entry| {
            let path = entry.expect("the programs can be listed").path();
            let text = std::fs::read_to_string(&path).expect("the program can be read");
            (path.display().to_string(), text)
        })
        .collect();
    programs.sort();
    programs
}

/// Optimized as `optimize` does it, the program does what it did.
fn check_one(
    name: &str,
    text: &str,
    chaos: Chaos,
    optimize: impl Fn(&Function, &[Function], Arc<Chaos>) -> Function,
) -> (Tally, usize) {
    let program = Program::parse(text);
    let expected = outcomes(&program);
    let finished = expected.iter().flatten().count();

    let chaos = Arc::new(chaos);
    let optimized = program.map(|func| optimize(func, program.functions(), Arc::clone(&chaos)));
    assert_eq!(
        outcomes(&optimized),
        expected,
        "{name}, {chaos:?}:\n{}",
        optimized.main()
    );
    (chaos.tally(), finished)
}

/// [`check_one`] for the generated programs of `seeds`.
fn check(
    seeds: std::ops::Range<u64>,
    percent: u32,
    optimize: impl Fn(&Function, &[Function], Arc<Chaos>) -> Function,
) -> Tally {
    let mut tally = Tally::default();
    let mut finished = 0;
    for seed in seeds {
        let (asked, ended) = check_one(
            &format!("seed {seed}"),
            &generate::program(seed),
            Chaos::new(seed, percent),
            &optimize,
        );
        tally.add(&asked);
        finished += ended;
    }
    assert!(finished > 0, "no program came to an end");
    tally
}

/// Of every kind in `kinds`, `percent` of a hundred were refused.
fn assert_refused(tally: &Tally, kinds: &[Kind], percent: u32) {
    for kind in kinds {
        let count = tally.of(*kind);
        assert!(count.asked >= 20, "{kind}: {count:?} in {tally:?}");
        let expected = count.asked * percent as usize / 100;
        assert!(
            count.refused.abs_diff(expected) <= count.asked / 4,
            "{kind}: {count:?}, {percent} % are to be refused"
        );
    }
}

/// What the generated programs make the optimizer ask.
fn kinds_without_inlining() -> Vec<Kind> {
    let kinds = Kind::ALL.iter().copied();
    let kinds = kinds.filter(|kind| *kind != Kind::Inline && !Kind::UNUSED.contains(kind));
    kinds.collect()
}

#[test]
fn optimized_programs_do_what_they_did() {
    let isa = isa("x86_64", "enforce");
    for percent in PERCENTS {
        let tally = check(0..150, percent, |func, _, chaos| {
            optimize(func, &*isa, Some(chaos))
        });
        assert_refused(&tally, &kinds_without_inlining(), percent);
    }
}

/// Written for what generated programs come across too seldom; with many seeds, since each asks
/// for little.
#[test]
fn programs_written_by_hand_do_what_they_did() {
    let isa = isa("x86_64", "enforce");
    for (name, text) in programs() {
        let mut tally = Tally::default();
        for seed in 0..100 {
            let (asked, finished) = check_one(
                &name,
                &text,
                Chaos::new(seed, [10, 30, 50, 80][seed as usize % 4]),
                |func, _, chaos| optimize(func, &*isa, Some(chaos)),
            );
            assert_eq!(finished, arguments().count(), "{name}");
            tally.add(&asked);
        }
        assert!(tally.total().refused >= 100, "{name}: {tally:?}");
    }
}

#[test]
fn inlined_programs_do_what_they_did() {
    let isa = isa("x86_64", "enforce");
    for percent in PERCENTS {
        let tally = check(1000..1060, percent, |func, callees, chaos| {
            inline_and_optimize(func, callees, &*isa, Some(chaos))
        });
        let kinds = [
            Kind::Inline,
            Kind::ForwardLoad,
            Kind::DeadStore,
            Kind::Simplify,
        ];
        assert_refused(&tally, &kinds, percent);
    }
}

#[test]
fn optimized_programs_compile_for_every_target() {
    for target in TARGETS {
        let isa = isa(target, "enforce");
        for percent in PERCENTS {
            let mut tally = Tally::default();
            for seed in 2000..2020 {
                let chaos = Arc::new(Chaos::new(seed, percent));
                for func in Program::parse(&generate::program(seed)).functions() {
                    let emitted = compile(func, &*isa, Some(chaos.clone()));
                    assert!(!emitted.code.is_empty());
                }
                tally.add(&chaos.tally());
            }
            assert_refused(&tally, &[Kind::Simplify, Kind::Hoist, Kind::Remat], percent);
        }
    }
}
