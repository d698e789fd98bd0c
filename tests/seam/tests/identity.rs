//! A guard that accepts everything changes no byte.

use seam_tests::generate;
use seam_tests::guard::{Chaos, Recorder};
use seam_tests::pipeline::{TARGETS, compile, isa};
use seam_tests::program::Program;
use std::sync::Arc;

#[test]
fn an_accepting_guard_changes_no_byte() {
    for target in TARGETS {
        let (none, check) = (isa(target, "none"), isa(target, "check"));
        let mut asked = 0;
        for seed in 3000..3060 {
            for func in Program::parse(&generate::program(seed)).functions() {
                let recorder = Recorder::default();
                let plain = compile(func, &*none, None);
                let watched = compile(func, &*check, Some(Arc::new(recorder.clone())));
                assert!(plain == watched, "seed {seed}, {target}:\n{func}");
                asked += recorder.take_rewrites().len();
            }
        }
        assert!(asked > 10_000, "{asked}");
    }
}

/// The test above can tell: refusals do change the code.
#[test]
fn a_refusing_guard_changes_bytes() {
    let (none, enforce) = (isa("x86_64", "none"), isa("x86_64", "enforce"));
    let program = Program::parse(&generate::program(3000));
    let plain = compile(program.main(), &*none, None);
    let refused = compile(
        program.main(),
        &*enforce,
        Some(Arc::new(Chaos::new(0, 100))),
    );
    assert_ne!(plain.code, refused.code);
}
