//! What programs do, whoever looks at their rewrites.
//!
//! A refused rewrite must change nothing but speed, so a program does the same with the verifier off,
//! with it enforcing, and under a guard that refuses at random ([`seam_tests::guard::Chaos`]).

mod host;
mod judge;
mod setup;

pub use host::{Outcome, code, run_module};
pub use judge::{Judge, Seen};
pub use setup::{Looker, Setup};

use anyhow::{Context, Result};
use wasmtime_wast::{Async, SpectestConfig, WastContext};

/// Encode a module in the text format.
pub fn encode(text: &str) -> Result<Vec<u8>> {
    let buffer = wast::parser::ParseBuffer::new(text)?;
    let mut wat = wast::parser::parse::<wast::Wat>(&buffer)?;
    Ok(wat.encode()?)
}

/// Run a script of the spec tests, with the process's verifier. What fails, if anything does.
pub fn run_script(setup: &Setup, name: &str, script: &str) -> Result<()> {
    let engine = setup.engine()?;
    let mut context = WastContext::new(&engine, Async::No, |_| {});
    // NB: What an invalid module is refused with is not what is compared.
    context.ignore_error_messages(true);
    let spectest = SpectestConfig {
        use_shared_memory: false,
        suppress_prints: true,
    };
    context.register_spectest(&spectest)?;
    let run = context.run_wast(name, script.as_bytes());
    let run = run.map_err(anyhow::Error::from);
    run.with_context(|| format!("{name} with {setup}"))
}
