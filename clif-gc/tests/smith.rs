//! Generated modules, shaped so that much of them is about references: nothing is rejected.
//!
//! `CLIF_GC_SMITH=5000 cargo test --release -p clif-gc --test smith -- --nocapture` looks at more.
//! `CLIF_GC_SMITH_DIR=DIR` keeps the modules; a module's number is its seed.

mod common;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Instant;

use gc_fuzz::generator;
use serde_json::{Map, Value};
use tempfile::TempDir;

/// How many modules are looked at unless the environment says otherwise.
const MODULES: u64 = 60;
/// How many of them at once, so that a report stays small.
const BATCH: u64 = 250;

#[test]
fn generated_modules_are_verified() {
    let modules = match std::env::var("CLIF_GC_SMITH") {
        Ok(count) => count.parse().expect("CLIF_GC_SMITH is a number"),
        Err(_) => MODULES,
    };
    let scratch = TempDir::new().expect("a directory can be made");
    let directory = match std::env::var_os("CLIF_GC_SMITH_DIR") {
        Some(directory) => PathBuf::from(directory),
        None => scratch.path().to_owned(),
    };
    let start = Instant::now();
    let mut totals = Map::new();
    let mut complaints = Vec::new();
    for first in (0..modules).step_by(usize::try_from(BATCH).expect("it is small")) {
        let seeds = first..modules.min(first + BATCH);
        let report = verify(&directory.join(format!("{first:06}")), seeds.clone());
        assert_eq!(
            report["files"].as_array().map(Vec::len),
            Some((seeds.end - seeds.start) as usize)
        );
        for (name, count) in report["totals"].as_object().expect("there are totals") {
            // NB: What is not judged is told by reason besides.
            if let Some(count) = count.as_u64() {
                let total = totals.entry(name.clone()).or_insert(Value::from(0));
                *total = Value::from(number(total) + count);
            }
        }
        complain(&report, &mut complaints);
    }
    println!("{}, {:.0?}", Value::from(totals.clone()), start.elapsed());
    assert!(
        complaints.is_empty(),
        "{} functions and files, of which the first are\n{}",
        complaints.len(),
        complaints[..complaints.len().min(20)].join("\n")
    );
    // So that nothing is verified by being overlooked. It is what the first modules have, rounded
    // down by about a third.
    for (what, least) in FLOORS {
        let count = number(&totals[what]);
        assert!(count >= least * modules, "{count} {what}");
    }
}

/// For each module, over all configurations.
///
/// NB: A module with continuations is compiled for x86_64 only.
const FLOORS: [(&str, u64); 5] = [
    ("safepoints", 850),
    ("entries", 800),
    ("references", 2_000),
    ("dereferences", 1_300),
    ("records", 700),
];

/// Generate modules and verify them in every configuration; the report.
fn verify(directory: &Path, seeds: std::ops::Range<u64>) -> Value {
    std::fs::create_dir_all(directory).expect("a directory can be made");
    for seed in seeds {
        let path = directory.join(format!("{seed:06}.wasm"));
        std::fs::write(path, generator::module(seed)).expect("a module can be written");
    }
    let arguments = [
        "verify",
        "--format=json",
        "--collector=all",
        "--opt-level=none",
        "--opt-level=speed",
        ".",
    ];
    common::run_in(directory, &arguments).json()
}

/// What is not verified, one line for each function and each file with an error.
fn complain(report: &Value, complaints: &mut Vec<String>) {
    let list = |value: &Value| value.as_array().cloned().expect("it is a list");
    for file in list(&report["files"]) {
        let path = file["path"].as_str().expect("a file has a path");
        let mut lines = BTreeSet::new();
        for error in list(&file["errors"]) {
            lines.insert(format!("{path}: {}: {}", error["kind"], error["message"]));
        }
        for function in list(&file["functions"]) {
            let found = list(&function["violations"]);
            let unclear = list(&function["inconclusive"]);
            for finding in found.iter().chain(&unclear).take(1) {
                let (name, message) = (&function["name"], &finding["message"]);
                let code = [&finding["code"], &finding["reason"]];
                let code = code.iter().find_map(|code| code.as_str()).expect("one is");
                let configuration = &function["configuration"];
                let at = ["target", "collector", "opt_level", "embedding"]
                    .map(|part| configuration[part].as_str().expect("it is a word"));
                let at = at.join(" ");
                lines.insert(format!("{path}: {name} {at}: {code} {message}"));
            }
        }
        complaints.extend(lines);
    }
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("it is counted")
}
