//! A program's configuration, and who looks on.

use anyhow::Result;
use gc_configurations::Configuration;
use std::fmt;
use wasmtime::{Engine, GcVerifier};

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
    /// What is compiled for.
    pub configuration: Configuration,
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
        let mut config = self.configuration.config();
        config.cranelift_gc_verifier(match self.looker {
            Looker::Off => GcVerifier::None,
            Looker::Enforce | Looker::Chaos(_) => GcVerifier::Enforce,
        });
        // NB: A program that recurses without end does so on the host's stack, and a test's is small.
        config.max_wasm_stack(256 << 10);
        Ok(Engine::new(&config)?)
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.configuration, self.looker)
    }
}
