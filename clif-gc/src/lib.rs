//! The command line of the GC verifier: parse, drive, render.
//!
//! * `cli` says what can be asked.
//! * `discover` turns the arguments into a list of files.
//! * `supervise` judges one file in child processes, because what is compiled is hostile and the
//!   compiler panics, overflows its stack or does not end on some of it; `worker` is the child
//!   and `job` what the two say to each other.
//! * `triage` is everything between a crash and its patch; `worker::probe` is the child of that.
//! * `record` is what is known in the end, `render` shows it as text, JSON, SARIF or annotations, and `report`
//!   as a page.
//! * `compare` and `merge` take what `verify` printed as JSON.
//!
//! Nothing here judges a GC reference: that is `cranelift-gc-verifier`.

mod child;
mod cli;
mod compare;
mod configuration;
mod diagnostic;
mod discover;
mod excerpt;
mod exit;
mod explain;
mod filetest;
mod job;
mod kind;
mod listing;
mod manual;
mod merge;
mod outcome;
mod pool;
mod progress;
mod record;
mod render;
mod report;
mod snippet;
mod supervise;
mod target;
mod text;
mod totals;
mod triage;
mod verify;
mod version;
mod worker;

use crate::exit::Exit;
use clap::Parser;
use std::process::ExitCode;

/// Run the command that the process's arguments ask for.
pub fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            // NB: Help and the version are answers, too.
            render::tell(answer.print());
            return match answer.use_stderr() || render::is_unwritten() {
                true => Exit::Unusable.into(),
                false => Exit::Verified.into(),
            };
        }
    };
    cli.color.write_global();
    let exit = match &cli.command {
        cli::Command::Verify(args) => verify::run(args).into(),
        cli::Command::Trace(args) => triage::trace::run(args).into(),
        cli::Command::Diagnose(args) => triage::diagnose::run(args).into(),
        cli::Command::Bisect(args) => triage::bisect::run(args).into(),
        cli::Command::Reduce(args) => triage::reduce::run(args).into(),
        cli::Command::Promote(args) => triage::promote::run(args).into(),
        cli::Command::Test(args) => filetest::run(args).into(),
        cli::Command::Report(args) => report::run(args).into(),
        cli::Command::Compare(args) => compare::run(args).into(),
        cli::Command::Merge(args) => merge::run(args).into(),
        cli::Command::Explain(args) => explain::run(args).into(),
        cli::Command::Completions(args) => manual::completions(args).into(),
        cli::Command::Man(args) => manual::pages(args).into(),
        cli::Command::Worker(args) => worker::run(args),
        cli::Command::Probe(args) => worker::probe::run(args),
    };
    triage::cleanup::end();
    match render::is_unwritten() {
        true => Exit::Unusable.into(),
        false => exit,
    }
}
