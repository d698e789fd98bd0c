//! Runs every file of `gc-verify/`, and for every check, that some file fails without it.

use cranelift_gc_verifier::{Checks, Code};
use gc_filetests::{RunOptions, find_files, run_file};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn main() {
    let args = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("gc-verify");
    let files = find_files(&root, "clif").expect("the directory is part of the crate");
    assert!(!files.is_empty(), "there is no file in {}", root.display());
    // The examples of the catalogue that make up rewrites.
    let examples = root.join("../../clif-gc/src/explain");
    let examples = ["gcv13", "gcv14", "gcv15"]
        .into_iter()
        .flat_map(|code| ["rejected", "accepted"].map(|twin| format!("{code}-{twin}.clif")))
        .map(|name| examples.join(name));
    let files: Vec<PathBuf> = files.into_iter().chain(examples).collect();
    let files = Arc::new(files);
    let bless = std::env::var_os("CLIF_GC_BLESS").is_some_and(|value| value == "1");
    let mut trials: Vec<Trial> = files
        .iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap_or(path);
            let path = path.clone();
            Trial::test(name.display().to_string(), move || run(&path, bless))
        })
        .collect();
    // NB: Not while the files change.
    if !bless {
        for code in Code::ALL {
            let files = files.clone();
            let name = format!("without {} {}", code, code.name());
            trials.push(Trial::test(name, move || fails_without(&files, code)));
        }
    }
    libtest_mimic::run(&args, trials).exit();
}

fn run(path: &Path, bless: bool) -> Result<(), Failed> {
    let options = RunOptions {
        checks: Checks::all(),
        bless,
    };
    let outcome = run_file(path, &options).map_err(|error| format!("{error:#}"))?;
    match outcome.passed() {
        true => Ok(()),
        false => Err(outcome.failures().join("\n").into()),
    }
}

/// Switching a check off makes at least one file red.
fn fails_without(files: &[PathBuf], code: Code) -> Result<(), Failed> {
    let options = RunOptions {
        checks: Checks::all().without(code),
        bless: false,
    };
    for path in files {
        let outcome = run_file(path, &options).map_err(|error| format!("{error:#}"))?;
        let misses_it =
            |line: &String| line.contains("lacks the error") && line.contains(code.as_str());
        if outcome.failures().iter().any(misses_it) {
            return Ok(());
        }
    }
    Err(format!("no file expects an error of {code}").into())
}
