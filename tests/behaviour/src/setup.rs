//! A way to compile a program.

use anyhow::Result;
use std::fmt;
use wasmtime::{Collector, Config, Engine, GcVerifier, OptLevel};

/// All collectors.
pub const COLLECTORS: [Collector; 3] = [
    Collector::Copying,
    Collector::DeferredReferenceCounting,
    Collector::Null,
];

/// Who looks at what the optimizer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looker {
    /// Nobody.
    Off,
    /// The verifier, which refuses what is wrong.
    Enforce,
    /// A guard that refuses so many of a hundred rewrites, at random.
    Chaos(u32),
}

impl fmt::Display for Looker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Looker::Off => f.write_str("off"),
            Looker::Enforce => f.write_str("enforce"),
            Looker::Chaos(percent) => write!(f, "chaos {percent} %"),
        }
    }
}

/// A way to compile a program.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// The collector.
    pub collector: Collector,
    /// How much is optimized.
    pub opt_level: OptLevel,
    /// Who looks on.
    pub looker: Looker,
}

impl Setup {
    /// An engine that compiles so.
    ///
    /// # Errors
    ///
    /// If Wasmtime refuses the configuration.
    pub fn engine(&self) -> Result<Engine> {
        let mut config = Config::new();
        config.collector(self.collector);
        config.cranelift_opt_level(self.opt_level);
        config.cranelift_gc_verifier(match self.looker {
            Looker::Off => GcVerifier::None,
            Looker::Enforce | Looker::Chaos(_) => GcVerifier::Enforce,
        });
        config.wasm_gc(true);
        config.wasm_function_references(true);
        config.wasm_exceptions(true);
        config.wasm_tail_call(true);
        config.wasm_wide_arithmetic(true);
        config.wasm_custom_page_sizes(true);
        // NB: A program that recurses without end does so on the host's stack, and a test's is small.
        config.max_wasm_stack(256 << 10);
        Ok(Engine::new(&config)?)
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let collector = collector_name(self.collector);
        let opt_level = match self.opt_level {
            OptLevel::None => "none",
            _ => "speed",
        };
        write!(f, "{collector} {opt_level} {}", self.looker)
    }
}

/// What the command line calls `collector`.
pub fn collector_name(collector: Collector) -> &'static str {
    match collector {
        Collector::Copying => "copying",
        Collector::DeferredReferenceCounting => "drc",
        Collector::Null => "null",
        _ => "auto",
    }
}
