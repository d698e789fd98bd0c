//! `cargo xtask replay`: puts old bugs back, one at a time, and tells who notices.
//!
//! The faults are patches of their own (`patches/faults`), on top of the shipped series, in a tree
//! of their own (`upstream-faults/`); a name in the environment switches one on. For each the table
//! says on how many functions of the inputs the verifier rejects what comes out, with which code
//! and after which pass. A fault that changes no input's code fails: the corpus does not reach it.

mod corpus;
pub mod culprits;
mod list;
pub mod mutants;
mod observe;
mod probe;
mod row;
mod score;
mod session;
mod table;
mod tree;

use crate::base::project::Project;
use anyhow::Result;
use corpus::Corpus;
use list::Fault;
use observe::Observation;
pub use probe::SOURCE as PROBE;
use row::Row;
use session::{Baseline, Session};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Faults to replay [default: all of patches/faults/faults.toml]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Also ask Cranelift's own verifier, and run the programs that a fault reaches
    #[arg(long)]
    others: bool,
    /// Also write the table to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Replay so many faults at once [default: the number of processors]
    #[arg(long, short, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Export the commits in upstream-faults/ to patches/faults/, and do nothing else
    #[arg(long, conflicts_with_all = ["names", "others", "markdown", "jobs"])]
    refresh: bool,
    /// Make upstream-faults/, and do nothing else
    #[arg(long, conflicts_with_all = ["names", "others", "markdown", "jobs"])]
    bootstrap: bool,
}

/// Replays, and prints the table.
pub fn run(project: &Project, args: &Args) -> Result<ExitCode> {
    if args.refresh {
        tree::refresh(project)?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.bootstrap {
        tree::bootstrap(project)?;
        return Ok(ExitCode::SUCCESS);
    }
    let faults = list::load(project)?;
    let faults = list::select(faults, &args.names)?;
    let seen = observe(project, faults, &[], false, args.jobs, args.others)?;
    let table = table::Table::new(&seen);
    print!("{table}");
    if let Some(path) = &args.markdown {
        fs_err::write(path, table.to_string())?;
    }
    Ok(report(&table.failures()))
}

/// Tells what was not as it must be.
fn report(failures: &[String]) -> ExitCode {
    for failure in failures {
        eprintln!("replay: {failure}");
    }
    match failures.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// Everything that was seen.
struct Seen {
    corpus: Corpus,
    faults: Vec<Fault>,
    baseline: Baseline,
    /// Of each fault.
    observations: Vec<Observation>,
}

impl Seen {
    fn rows(&self) -> Vec<Row> {
        let seen = self.faults.iter().zip(&self.observations);
        seen.map(|(fault, seen)| Row::new(fault, self.baseline.of(seen.range), seen))
            .collect()
    }

    /// What was compiled, in a sentence.
    fn head(&self) -> String {
        let units = &self.baseline.references.units;
        let functions: u64 = units.values().map(|unit| unit.functions).sum();
        let safepoints: u64 = units.values().map(|unit| unit.safepoints).sum();
        let inconclusive: u64 = units.values().map(|unit| unit.inconclusive).sum();
        format!(
            "Without a fault: {} inputs compiled in {} ways, {functions} functions with \
             {safepoints} safepoints, {inconclusive} inconclusive.",
            self.corpus.inputs.len(),
            units.len(),
        )
    }
}

/// Builds the probe, and observes these faults.
fn observe(
    project: &Project,
    faults: Vec<Fault>,
    inputs: &[String],
    is_on_demand: bool,
    jobs: Option<NonZeroUsize>,
    others: bool,
) -> Result<Seen> {
    let tree = tree::bootstrap(project)?;
    let corpus = corpus::find(project)?.select(inputs)?;
    let probe = probe::build(project, &tree)?;
    let session = Session {
        runner: observe::Runner {
            probe: &probe,
            root: project.root(),
            corpus: &corpus,
            is_on_demand,
        },
        others,
        jobs,
    };
    let (baseline, observations) = session.observe(&faults)?;
    Ok(Seen {
        corpus,
        faults,
        baseline,
        observations,
    })
}
