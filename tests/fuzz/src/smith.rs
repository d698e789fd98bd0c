//! Generated modules, compiled and run.

mod run;

pub use run::Ran;

use crate::generator;
use crate::looked::Looked;
use crate::setup::Setup;
use crate::{wasm, watch};
use run::run;
use seam_tests::guard::Chaos;
use std::sync::Arc;
use wasmtime::{GcVerifier, Module};

/// What was looked at, and what the module did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Smith {
    /// What the verifier looked at.
    pub looked: Looked,
    /// Rewrites that were refused at random.
    pub refused: usize,
    /// What the module did, twice.
    pub ran: Ran,
}

/// Makes a module of the bytes, compiles it in a way that they choose, and runs it.
///
/// * Nothing is rejected, no pass is undone, and where nothing is refused, the code is the same as without the
///   verifier.
/// * When rewrites are refused at random, the module does the same.
///
/// Returns what was looked at, or `None` where the bytes make no module.
pub fn smith_gc(bytes: &[u8]) -> Option<Smith> {
    let module = generator::module_of(bytes)?;
    let setup = Setup::of(bytes);
    let looked = enforced(setup, &module);
    let (refused, ran) = chaos(setup.for_host(), &module, bytes.len() as u64);
    Some(Smith {
        looked,
        refused,
        ran,
    })
}

fn enforced(setup: Setup, module: &[u8]) -> Looked {
    let engine = setup.engine(GcVerifier::None, false);
    let plain = engine.precompile_module(module);
    let engine = setup.engine(GcVerifier::Enforce, false);
    let (enforced, reports) = wasm::verified(&engine, module);
    let looked = wasm::judged(&reports);
    for report in &reports {
        let what = crate::described(report);
        assert!(report.undone.is_empty(), "{what}");
    }
    match (plain, enforced) {
        // NB: The setting is in the artifact, beside the code.
        (Ok(plain), Ok(enforced)) => {
            let unequal = run::text(&plain) != run::text(&enforced);
            assert!(looked.refused > 0 || !unequal, "the verifier changed code");
        }
        (Err(_), Err(_)) => {}
        (plain, enforced) => panic!("{:?}, but enforced {:?}", plain.err(), enforced.err()),
    }
    looked
}

/// Runs `module` as it is and with some rewrites refused, and compares what it does.
fn chaos(setup: Setup, module: &[u8], seed: u64) -> (usize, Ran) {
    let plain = setup.engine(GcVerifier::None, true);
    let watched = setup.engine(GcVerifier::Enforce, true);
    let percent = [20, 50, 100][(seed % 3) as usize];
    let guard = Chaos::new(seed, percent);
    let refused_at_random = watch::under(Arc::new(guard.clone()), || Module::new(&watched, module));
    let refused = guard.tally().total().refused;
    let (Ok(plain), Ok(chaotic)) = (Module::new(&plain, module), refused_at_random) else {
        return (refused, Ran::default());
    };
    (refused, run(&plain, &chaotic))
}
