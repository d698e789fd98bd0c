//! `cargo xtask false-alarms`: everything at hand goes through the verifier, and nothing may be
//! rejected.
//!
//! A module is compiled for both targets, three collectors, two optimization levels and two embeddings;
//! the counts are sums over them. Fails on a violation, on a file that cannot be judged, on a source
//! in which nothing was looked at, and below a floor of subjects. A file that took too long
//! is no pass either: the exit code is 3 then.

mod inputs;
mod outcome;
mod source;
mod table;

pub use table::grouped;

use crate::base::project::Project;
use crate::upstream::bootstrap::{self, LocalWork, Report};
use anyhow::Result;
use outcome::Outcome;
use std::path::PathBuf;
use std::process::ExitCode;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A directory of modules, or of directories of them; repeatable [default: ../shared/corpus
    /// if it exists]
    #[arg(long, value_name = "DIR")]
    corpus: Vec<PathBuf>,
    /// Look at so many generated modules
    #[arg(long, value_name = "N", default_value_t = 60)]
    smith: u64,
    /// The number of the first generated module
    #[arg(long, value_name = "S", default_value_t = 0)]
    seed: u64,
    /// Fail unless at least this many safepoints were looked at
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    min_subjects: u64,
    /// Give up on a file after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
    /// Only the sources whose names contain this; repeatable
    #[arg(long, value_name = "TEXT")]
    only: Vec<String>,
    /// Also write the tables to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// Looks at everything, and prints the tables.
pub fn run(project: &Project, args: &Args) -> Result<ExitCode> {
    bootstrap::run(project, LocalWork::Keep, Report::Changes)?;
    let inputs = inputs::Inputs::build(project)?;
    let sources = source::find(project, &inputs, args)?;
    let mut outcomes = Vec::new();
    for source in &sources {
        let outcome = inputs.verify(source, args.timeout)?;
        eprintln!("false-alarms: {}: {}", source.name, outcome.summary());
        outcomes.push((source.name.clone(), outcome));
    }
    let text = table::render(&outcomes);
    print!("{text}");
    if let Some(path) = &args.markdown {
        fs_err::write(path, &text)?;
    }
    let failures = failures(&outcomes, args.min_subjects);
    for failure in &failures {
        eprintln!("false-alarms: {failure}");
    }
    Ok(match () {
        () if !failures.is_empty() => ExitCode::FAILURE,
        () if outcomes.iter().any(|(_, outcome)| outcome.timeouts() > 0) => ExitCode::from(3),
        () => ExitCode::SUCCESS,
    })
}

/// Why this is no pass.
fn failures(outcomes: &[(String, Outcome)], floor: u64) -> Vec<String> {
    let mut failures = Vec::new();
    for (name, outcome) in outcomes {
        failures.extend(outcome.complaints.iter().cloned());
        if outcome.totals.functions == 0 {
            failures.push(format!("{name}: no function was looked at"));
        }
    }
    let safepoints: u64 = outcomes.iter().map(|(_, o)| o.totals.safepoints).sum();
    if safepoints < floor {
        failures.push(format!("{safepoints} safepoints, fewer than {floor}"));
    }
    failures
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_little_is_no_pass() {
        let mut outcome = Outcome::default();
        let failures = |outcome: &Outcome| failures(&[("x".into(), outcome.clone())], 10);
        assert_eq!(failures(&outcome).len(), 2);
        outcome.totals.functions = 1;
        outcome.totals.safepoints = 9;
        assert_eq!(failures(&outcome), ["9 safepoints, fewer than 10"]);
        outcome.totals.safepoints = 10;
        assert!(failures(&outcome).is_empty());
        outcome.complaints.push("a violation".into());
        assert_eq!(failures(&outcome), ["a violation"]);
    }
}
