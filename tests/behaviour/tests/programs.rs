//! The project's programs, run: they compute what they say without a verifier, with the verifier enforcing,
//! and under a guard that refuses rewrites at random. Facts and a verifier that refuses nothing change no byte of code.

use gc_behaviour::{Judge, Looker, Setup, code, encode, run_module};
use gc_configurations::{COLLECTORS, Configuration};
use gc_filetests::{expected_result, find_files};
use std::path::Path;
use wasmtime::OptLevel;

#[test]
fn programs_compute_the_same_off_enforced_and_under_chaos() {
    let judge = Judge::install().expect("no other is installed");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../filetests");
    let mut files = Vec::new();
    for dir in ["wasm", "replay"] {
        files.extend(find_files(&root.join(dir), "wat").expect("the programs are there"));
    }
    assert!(files.len() >= 48, "{} programs", files.len());
    let (mut runs, mut bytes) = (0, 0);
    for (index, file) in files.iter().enumerate() {
        let text = std::fs::read_to_string(file).expect("the program can be read");
        let expected = expected_result(&text).expect("the program says what it computes");
        let wasm = encode(&text).expect("the program can be encoded");
        for collector in COLLECTORS {
            let [off, enforced] = [Looker::Off, Looker::Enforce].map(|looker| {
                judge.turn_to(looker, 0);
                let setup = Setup {
                    configuration: Configuration::of(collector, OptLevel::Speed),
                    looker,
                };
                code(&setup, &wasm).expect("the program compiles")
            });
            assert!(off == enforced, "{} {collector:?}", file.display());
            bytes += off.len();
            let ways = [
                (OptLevel::Speed, Looker::Off),
                (OptLevel::None, Looker::Enforce),
                (OptLevel::Speed, Looker::Enforce),
                (OptLevel::Speed, Looker::Chaos(20)),
                (OptLevel::Speed, Looker::Chaos(100)),
            ];
            for (opt_level, looker) in ways {
                judge.turn_to(looker, index as u64);
                let setup = Setup {
                    configuration: Configuration::of(collector, opt_level),
                    looker,
                };
                let outcome = run_module(&setup, &wasm);
                let outcome =
                    outcome.unwrap_or_else(|e| panic!("{} {setup}: {e:#}", file.display()));
                assert_eq!(
                    outcome.end,
                    expected.to_string(),
                    "{} {setup}",
                    file.display()
                );
                runs += 1;
            }
        }
    }
    let seen = judge.seen();
    println!("{runs} runs, {bytes} bytes of the same code, {seen:?}");
    assert!(bytes > 700_000);
    assert_eq!(seen.rejected, [""; 0]);
    assert_eq!(seen.refused, 0);
    assert!(seen.functions > 1_500 && seen.safepoints > 5_000);
    assert!(seen.refused_by_chaos > 20_000 && seen.refused_by_chaos < seen.asked_of_chaos);
}
