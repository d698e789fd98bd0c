//! `cargo xtask mutants`: how many of the seeded faults are noticed.
//!
//! The score is the number of faults that are caught, of those that can break an invariant of
//! references. Every other fault says why it breaks none, or what it would take to catch it. A fault that
//! changes no input's code fails, as in a replay: the corpus does not reach it.

use super::score::Score;
use super::{list, observe};
use crate::base::project::Project;
use anyhow::Result;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Faults to seed [default: all of patches/faults/faults.toml, each once]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Compile this input alone, or these [default: all]
    #[arg(long = "input", value_name = "FILE")]
    inputs: Vec<String>,
    /// Verify inputs on demand, as embedders may: the table must be the same, but for the passes after which something is found
    #[arg(long)]
    on_demand: bool,
    /// Also write the tables to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Seed so many faults at once [default: the number of processors]
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// Seeds the faults, and prints the tables.
pub fn run(project: &Project, args: &Args) -> Result<ExitCode> {
    let mut faults = list::select(list::load(project)?, &args.names)?;
    if args.names.is_empty() {
        faults.retain(|fault| fault.same_as.is_none());
    }
    let seen = observe(
        project,
        faults,
        &args.inputs,
        args.on_demand,
        args.jobs,
        false,
    )?;
    let score = Score::new(&seen);
    print!("{score}");
    if let Some(path) = &args.markdown {
        fs_err::write(path, score.to_string())?;
    }
    Ok(super::report(&score.failures()))
}
