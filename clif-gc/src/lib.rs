//! The command line of the GC verifier: parse, drive, render.
//!
//! * `cli` says what can be asked.
//! * `discover` turns the arguments into a list of files.
//! * `supervise` judges one file in child processes, because what is compiled is hostile and the
//!   compiler panics, overflows its stack or does not end on some of it; `worker` is the child
//!   and `job` what the two say to each other.
//! * `record` is what is known in the end, `render` shows it as text or JSON.
//!
//! Nothing here judges a GC reference: that is `cranelift-gc-verifier`.

mod cli;
mod configuration;
mod diagnostic;
mod discover;
mod excerpt;
mod exit;
mod explain;
mod job;
mod listing;
mod outcome;
mod pool;
mod progress;
mod record;
mod render;
mod snippet;
mod supervise;
mod target;
mod text;
mod totals;
mod verify;
mod worker;

use clap::Parser;
use std::process::ExitCode;

/// Run the command that the process's arguments ask for.
pub fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    cli.color.write_global();
    match &cli.command {
        cli::Command::Verify(args) => verify::run(args).into(),
        cli::Command::Explain(args) => explain::run(args).into(),
        cli::Command::Worker(args) => worker::run(args),
    }
}
