//! `cargo xtask replay`: puts old bugs back, one at a time, and tells who notices.
//!
//! The faults are patches of their own (`patches/faults`), on top of the shipped series, in a tree
//! of their own (`upstream-faults/`); a name in the environment switches one on. For each the table
//! says on how many functions of the inputs the verifier rejects what comes out, with which code
//! and after which pass. A fault that changes no input's code fails: the corpus does not reach it.

mod corpus;
mod list;
mod observe;
mod probe;
mod table;
mod tree;

use crate::project::Project;
use anyhow::{Result, ensure};
use list::Fault;
use observe::Observation;
pub use probe::SOURCE as PROBE;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

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
    #[arg(long, exclusive = true)]
    refresh: bool,
    /// Make upstream-faults/, and do nothing else
    #[arg(long, exclusive = true)]
    bootstrap: bool,
}

/// Replays, and prints the table.
pub fn run(project: &Project, args: &Args) -> Result<ExitCode> {
    if args.refresh {
        tree::refresh(project)?;
        return Ok(ExitCode::SUCCESS);
    }
    let faults = list::load(project)?;
    let faults = list::select(faults, &args.names)?;
    let tree = tree::bootstrap(project)?;
    if args.bootstrap {
        return Ok(ExitCode::SUCCESS);
    }
    let corpus = corpus::find(project)?;
    let probe = probe::build(project, &tree)?;
    eprintln!("replay: without a fault, on {} inputs", corpus.inputs.len());
    let runner = observe::Runner {
        probe: &probe,
        root: project.root(),
        corpus: &corpus,
    };
    let sound = runner.observe("", None, args.others)?;
    sound.assert_sound()?;
    let observations = replay(&runner, &faults, &sound, args)?;
    let table = table::Table::new(&corpus, &sound, &faults, &observations);
    print!("{table}");
    if let Some(path) = &args.markdown {
        fs_err::write(path, table.to_string())?;
    }
    let failures = table.failures();
    for failure in &failures {
        eprintln!("replay: {failure}");
    }
    Ok(match failures.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Observes each fault, several at once, in the order in which they are listed.
fn replay(
    runner: &observe::Runner<'_>,
    faults: &[Fault],
    sound: &Observation,
    args: &Args,
) -> Result<Vec<Observation>> {
    let jobs = match args.jobs {
        Some(jobs) => jobs.get(),
        None => std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
    };
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(faults.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(fault) = faults.get(index) else {
                        break;
                    };
                    eprintln!("replay: {} of {}: {}", index + 1, faults.len(), fault.name);
                    let result = runner.observe(&fault.name, Some(sound), args.others);
                    let mut results = results.lock().expect("nobody panics with it");
                    results.push((index, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("nobody panics with it");
    results.sort_by_key(|(index, _)| *index);
    ensure!(results.len() == faults.len(), "a fault was not observed");
    results.into_iter().map(|(_, result)| result).collect()
}
