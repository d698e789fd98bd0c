//! `cargo xtask fuzz`: builds the targets of `fuzz/` with libFuzzer, runs one after the other, and prints a table.
//!
//! Inputs that reach something new are kept in `fuzz/corpus/`, and what a target dies of is in `fuzz/artifacts/`. A
//! target that dies makes the command fail.

mod outcome;
mod tools;

use crate::base::project::Project;
use crate::measure::false_alarms::grouped;
use crate::upstream::bootstrap::{self, LocalWork, Report};
use anyhow::{Context, Result, bail, ensure};
use outcome::Outcome;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Targets [default: all]
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
    /// Run each for so many minutes
    #[arg(long, value_name = "N", default_value_t = 1.0)]
    minutes: f64,
    /// What to build with: `none` is the fastest, and there is no unsafe code here
    #[arg(long, value_name = "SANITIZER", default_value = "none")]
    sanitizer: String,
    /// Kill a target that takes more memory
    #[arg(long, value_name = "MIB", default_value_t = 4096)]
    memory: u32,
    /// Also write the table to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

/// A directory of inputs, beside the corpus, for each target that begins with some.
const SEEDS: [(&str, &str); 2] = [
    ("clif_facts", "filetests/gc-verify"),
    ("wasm_front", "filetests/wasm"),
];

/// A dictionary, for each target that reads text.
const DICTIONARIES: [(&str, &str); 2] = [
    ("clif_facts", "fuzz/clif.dict"),
    ("facts_text", "fuzz/clif.dict"),
];

/// Targets whose inputs are choices: one of eight bytes hardly chooses anything.
const CHOICES: [&str; 3] = ["clif_built", "smith_gc", "stack_maps"];

/// An input that takes longer is a finding, too.
const TIMEOUT_SECONDS: u32 = 120;

/// Fuzzes, and prints the table.
pub fn run(project: &Project, args: &Args) -> Result<ExitCode> {
    tools::check(project)?;
    let targets = targets(project, &args.targets)?;
    bootstrap::run(project, LocalWork::Keep, Report::Changes)?;
    let built = tools::build(project, &args.sanitizer)?;
    let mut rows = Vec::new();
    for target in &targets {
        eprintln!("fuzz: {target}");
        let outcome = fuzz(project, &built, target, args)?;
        eprintln!("fuzz: {}", row(target, &outcome));
        rows.push((target, outcome));
    }
    let mut text = String::from(HEAD);
    for (target, outcome) in &rows {
        let _ = writeln!(text, "{}", row(target, outcome));
    }
    print!("{text}");
    if let Some(path) = &args.markdown {
        fs_err::write(path, &text)?;
    }
    let died = rows.iter().any(|(_, outcome)| outcome.died);
    Ok(if died {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

const HEAD: &str = "\
| target | executions | a second | edges | features | corpus | crashes |
|---|--:|--:|--:|--:|--:|--:|
";

fn row(target: &str, outcome: &Outcome) -> String {
    let Outcome {
        executions,
        per_second,
        edges,
        features,
        corpus,
        died,
    } = *outcome;
    let cells = [executions, per_second, edges, features, corpus];
    let cells = cells.map(grouped).join(" | ");
    format!("| {target} | {cells} | {} |", u8::from(died))
}

/// The targets that are asked for, all of which must exist.
fn targets(project: &Project, asked: &[String]) -> Result<Vec<String>> {
    let mut all = Vec::new();
    for entry in fs_err::read_dir(project.root().join("fuzz/fuzz_targets"))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem().and_then(|name| name.to_str())
        {
            all.push(name.to_string());
        }
    }
    all.sort();
    ensure!(!all.is_empty(), "there are no fuzz targets");
    if asked.is_empty() {
        return Ok(all);
    }
    for name in asked {
        if !all.contains(name) {
            bail!("there is no target `{name}`; there are {}", all.join(", "));
        }
    }
    Ok(asked.to_vec())
}

/// Runs one target.
fn fuzz(project: &Project, built: &Path, target: &str, args: &Args) -> Result<Outcome> {
    let root = project.root();
    let corpus = root.join("fuzz/corpus").join(target);
    let artifacts = root.join("fuzz/artifacts").join(target);
    fs_err::create_dir_all(&corpus)?;
    fs_err::create_dir_all(&artifacts)?;
    let seconds = (args.minutes * 60.0).ceil().max(1.0) as u64;
    let mut command = Command::new(built.join(target));
    command
        .current_dir(root)
        .arg(&corpus)
        .args(of(target, &SEEDS).map(|seeds| root.join(seeds)))
        .args(of(target, &DICTIONARIES).map(|path| format!("-dict={path}")))
        .arg(format!("-artifact_prefix={}/", artifacts.display()))
        .arg(format!("-max_total_time={seconds}"))
        .arg(format!("-rss_limit_mb={}", args.memory))
        .arg(format!("-timeout={TIMEOUT_SECONDS}"))
        .args(["-print_final_stats=1", "-max_len=65536"])
        // NB: Entropic scheduling counts, for each input, how often each feature that is rare yet was seen, in lists that
        // it keeps sorted by inserting. A compiler has so many features that this took a third of all time.
        .arg("-entropic=0")
        // NB: By default inputs grow only after many executions found nothing new, which a slow target never sees.
        .args(CHOICES.contains(&target).then_some("-len_control=0"))
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let output = command
        .output()
        .with_context(|| format!("cannot start {target}"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    let path = artifacts.join("log.txt");
    fs_err::write(&path, log.as_bytes())?;
    let outcome = Outcome::read(&log, !output.status.success());
    if outcome.died {
        eprintln!("fuzz: {target} died: see {}", path.display());
    } else {
        ensure!(outcome.executions > 0, "{target} executed nothing:\n{log}");
    }
    Ok(outcome)
}

fn of<'a>(target: &str, list: &[(&str, &'a str)]) -> Option<&'a str> {
    list.iter()
        .find_map(|(name, it)| (*name == target).then_some(*it))
}
