//! How a module is compiled.

use gc_configurations::{AARCH64, COLLECTORS, Configuration, Embedding, X86_64};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use wasmtime::{Config, Engine, GcVerifier, OptLevel};

/// A way to compile a module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup(pub(crate) Configuration);

impl Setup {
    /// One of all of them: as good as random, and the same for the same bytes.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        // FNV-1a.
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut rest = (hash >> 16) as usize;
        let mut choose = |of: usize| {
            let choice = rest % of;
            rest /= of;
            choice
        };
        Setup(Configuration {
            collector: COLLECTORS[choose(3)],
            opt_level: match choose(4) {
                0 => OptLevel::None,
                _ => OptLevel::Speed,
            },
            target: Some([X86_64, AARCH64][choose(2)]),
            embedding: match choose(2) {
                0 => Embedding::Strict,
                _ => Embedding::Default,
            },
        })
    }

    /// The same for this machine.
    pub(crate) fn for_host(self) -> Self {
        Setup(Configuration {
            target: None,
            ..self.0
        })
    }

    /// An engine that compiles so, and that counts what is executed if `fuel`.
    pub(crate) fn engine(self, mode: GcVerifier, fuel: bool) -> Engine {
        static ENGINES: Mutex<BTreeMap<String, Engine>> = Mutex::new(BTreeMap::new());
        let name = format!("{} {mode:?} {fuel}", self.0);
        let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
        let engine = engines.entry(name).or_insert_with(|| {
            let config = self.config(mode, fuel);
            Engine::new(&config).expect("the configuration is fine")
        });
        engine.clone()
    }

    fn config(self, mode: GcVerifier, fuel: bool) -> Config {
        let mut config = self.0.config();
        config
            .parallel_compilation(false)
            .cranelift_nan_canonicalization(true)
            .cranelift_gc_verifier(mode)
            .consume_fuel(fuel)
            .max_wasm_stack(256 << 10);
        if fuel {
            // Fuel has the safepoints that epochs have.
            config.epoch_interruption(false);
        }
        config
    }
}
