//! How a module is compiled.

use gc_benches::configure::config;
use std::sync::OnceLock;
use wasmtime::{Collector, Config, Engine, GcVerifier, OptLevel};

/// A way to compile a module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) collector: Collector,
    opt_level: OptLevel,
    /// The target, if it is not the host.
    target: Option<&'static str>,
    /// Whether the heap of objects moves when it grows, and epochs interrupt.
    strict: bool,
}

const COLLECTORS: [Collector; 3] = [
    Collector::Copying,
    Collector::DeferredReferenceCounting,
    Collector::Null,
];
const TARGETS: [Option<&str>; 3] = [
    None,
    Some("x86_64-unknown-linux-gnu"),
    Some("aarch64-unknown-linux-gnu"),
];

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
        Setup {
            collector: COLLECTORS[choose(3)],
            opt_level: match choose(4) {
                0 => OptLevel::None,
                _ => OptLevel::Speed,
            },
            target: TARGETS[1 + choose(2)],
            strict: choose(2) == 0,
        }
    }

    /// The same for this machine.
    pub(crate) fn for_host(self) -> Self {
        Setup {
            target: None,
            ..self
        }
    }

    /// An engine that compiles so, and that counts what is executed if `fuel`.
    pub(crate) fn engine(self, mode: GcVerifier, fuel: bool) -> &'static Engine {
        static ENGINES: [OnceLock<Engine>; 216] = [const { OnceLock::new() }; 216];
        let mode_index = match mode {
            GcVerifier::None => 0,
            GcVerifier::Check => 1,
            GcVerifier::Enforce => 2,
            _ => unreachable!("there are three modes"),
        };
        let at = |list: &[bool]| list.iter().position(|it| *it).expect("it is one of them");
        let collector = at(&COLLECTORS.map(|c| same(c, self.collector)));
        let target = at(&TARGETS.map(|target| target == self.target));
        let flags = [matches!(self.opt_level, OptLevel::None), self.strict, fuel];
        let index = flags
            .iter()
            .fold((mode_index * 3 + collector) * 3 + target, |index, flag| {
                index * 2 + usize::from(*flag)
            });
        ENGINES[index].get_or_init(|| {
            let config = self.config(mode, fuel);
            Engine::new(&config).expect("the configuration is fine")
        })
    }

    fn config(self, mode: GcVerifier, fuel: bool) -> Config {
        let mut config = config();
        config
            .collector(self.collector)
            .cranelift_opt_level(self.opt_level)
            .cranelift_nan_canonicalization(true)
            .cranelift_gc_verifier(mode)
            .consume_fuel(fuel)
            .max_wasm_stack(256 << 10);
        if self.strict {
            config.gc_heap_may_move(true).gc_heap_reservation(0);
            // Fuel has the safepoints that epochs have.
            config.epoch_interruption(!fuel);
        }
        if let Some(target) = self.target {
            config.target(target).expect("the target is compiled in");
        }
        config
    }
}

fn same(one: Collector, other: Collector) -> bool {
    std::mem::discriminant(&one) == std::mem::discriminant(&other)
}
