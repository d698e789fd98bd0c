//! `cargo xtask cost`: what the verifier costs, in instructions that callgrind counts.
//!
//! Unlike times, the counts are nearly the same in each run, and whatever else the machine does. A
//! count is that of a process that compiles one module once, on one thread.

use crate::base::cargo;
use crate::base::cargo::succeed;
use crate::base::project::Project;
use crate::upstream::bootstrap::{self, LocalWork, Report};
use crate::upstream::pins::Pins;
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is asked for.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Modules [default: two with GC and one without, of ../shared/corpus]
    #[arg(value_name = "FILE")]
    paths: Vec<PathBuf>,
    /// Modes to compare with `none`; repeatable
    #[arg(long, value_name = "MODE", default_values_t = MODES.map(str::to_string))]
    mode: Vec<String>,
    /// Also compare with the crates as they were published, which takes a build of its own
    #[arg(long)]
    unpatched: bool,
    /// Also write the table to this file
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
}

const MODES: [&str; 4] = ["check", "enforce", "all-rewrites", "cranelift-verifier"];

/// The program that compiles a module.
const PROBE: &str = "benches/probe/main.rs";
/// The manifest with the features that Wasmtime is built with.
const FEATURES: &str = "tests/features/Cargo.toml";
const UNPATCHED: &str = "cost-unpatched";

/// What the other modes are compared with.
const BASE: &str = "none";

const CORPUS: &str = "../shared/corpus";
const OF_CORPUS: [&str; 3] = [
    "gc/moonbit-core-hashmap-selftest.wasm",
    "gc/p2w-gen-exc.wasm",
    "nongc/web-tree-sitter-0.27.1.wasm",
];

/// Counts, and prints the table.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    bootstrap::run(project, LocalWork::Keep, Report::Changes)?;
    let paths = paths(project, &args.paths)?;
    let probe = build(project)?;
    let unpatched = args.unpatched.then(|| build_unpatched(project));
    let unpatched = unpatched.transpose()?;
    let mut text = format!("| module | {BASE} (instructions) |");
    if args.unpatched {
        text.push_str(" unpatched |");
    }
    for mode in &args.mode {
        let _ = write!(text, " {mode} |");
    }
    let columns = args.mode.len() + usize::from(args.unpatched);
    let _ = write!(text, "\n|---|--:|{}\n", "--:|".repeat(columns));
    for path in &paths {
        let base = count(&probe, BASE, path)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let mut row = format!("| {name} | {base} |");
        let others = args.mode.iter().map(|mode| (&probe, mode.as_str()));
        for (probe, mode) in unpatched.iter().map(|probe| (probe, BASE)).chain(others) {
            let ratio = count(probe, mode, path)? as f64 / base as f64;
            let _ = write!(row, " {ratio:.4} |");
        }
        eprintln!("cost: {row}");
        text.push_str(&row);
        text.push('\n');
    }
    print!("{text}");
    if let Some(path) = &args.markdown {
        fs_err::write(path, &text)?;
    }
    Ok(())
}

fn build(project: &Project) -> Result<PathBuf> {
    let args = [
        "build",
        "--profile=bench",
        "--package=gc-benches",
        "--bin=cost-probe",
    ];
    succeed(&mut cargo::build_command(
        project,
        &project.workspace(),
        &args,
    ))?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    let target = target.unwrap_or_else(|| project.workspace().join("target"));
    Ok(target.join("release/cost-probe"))
}

/// Builds the probe in a workspace of its own, against the crates as they were published, with the
/// project's features of Wasmtime and its versions of everything.
fn build_unpatched(project: &Project) -> Result<PathBuf> {
    let scratch = project.scratch("cost");
    let root = project.root();
    let list = fs_err::read_to_string(root.join(FEATURES))?;
    let list: toml::Table = toml::from_str(&list)?;
    let features = &list["dependencies"]["wasmtime"]["features"];
    let pins = Pins::load(&project.pins())?;
    let pin = pins.crates.iter().find(|pin| pin.name == "wasmtime");
    let version = &pin
        .context("xtask/pins.toml does not pin wasmtime")?
        .version;
    let probe = root.join(PROBE);
    let manifest = format!(
        "[workspace]\n\
         [package]\nname = \"{UNPATCHED}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [features]\nverifier = []\n\
         [[bin]]\nname = \"{UNPATCHED}\"\npath = {probe:?}\n\
         [dependencies]\n\
         wasmtime = {{ version = \"={version}\", default-features = false, features = {features} }}\n"
    );
    let target = scratch.join("target");
    cargo::build_generated(project, &scratch.join("unpatched"), &manifest, &target)?;
    Ok(target.join("release").join(UNPATCHED))
}

fn paths(project: &Project, asked: &[PathBuf]) -> Result<Vec<PathBuf>> {
    if !asked.is_empty() {
        return Ok(asked.to_vec());
    }
    let corpus = project.root().join(CORPUS);
    if corpus.is_dir() {
        return Ok(OF_CORPUS.map(|name| corpus.join(name)).into());
    }
    bail!("there is no {CORPUS}: name modules");
}

/// How many instructions compiling the module takes.
fn count(probe: &Path, mode: &str, module: &Path) -> Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(probe)
        .arg(mode)
        .arg(module)
        .output()
        .context("cannot start valgrind")?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{mode}, {}: {stderr}",
        module.display()
    );
    collected(&stderr).with_context(|| format!("callgrind counted nothing: {stderr}"))
}

/// The number behind `Collected :`.
fn collected(stderr: &str) -> Option<u64> {
    let line = stderr
        .lines()
        .find_map(|line| line.split_once("Collected :"));
    line?.1.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::collected;

    #[test]
    fn the_count_is_read() {
        assert_eq!(
            collected("==1== \n==1== Collected : 1234567\n"),
            Some(1_234_567)
        );
        assert_eq!(collected("==1== Collected : \n"), None);
        assert_eq!(collected("nothing"), None);
    }
}
