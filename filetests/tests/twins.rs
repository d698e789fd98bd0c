//! Every check has its rejected case, and beside it an accepted twin.
//!
//! In the files, functions called `%…_err` are those that are rejected, and `%…_ok` those that are not.

use cranelift_gc_verifier::{Code, Verdict};
use gc_filetests::{FileOutcome, FunctionOutcome, RunOptions, find_files, run_file};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

fn outcomes() -> Vec<(PathBuf, FileOutcome)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("gc-verify");
    let files = find_files(&root, "clif").expect("the directory is part of the crate");
    let outcome = |path: &PathBuf| run_file(path, &RunOptions::default()).expect("is a test");
    let outcomes = files.iter().map(|path| {
        let name = path.strip_prefix(&root).expect("it is below the root");
        (name.to_owned(), outcome(path))
    });
    outcomes.collect()
}

/// The function's name, without the rest of what was done with it.
fn name(function: &FunctionOutcome) -> &str {
    let (name, _) = function
        .what
        .split_once(' ')
        .unwrap_or((&function.what, ""));
    name
}

/// What was wrong with it, or would have been without the guard.
fn codes(function: &FunctionOutcome) -> Vec<Code> {
    let mut codes = function.report.codes();
    codes.extend(&function.prevented);
    codes
}

#[test]
fn every_check_has_a_rejected_case_and_an_accepted_twin() {
    let mut pairs: BTreeMap<Code, BTreeSet<PathBuf>> = BTreeMap::new();
    for (path, outcome) in outcomes() {
        let functions = &outcome.functions;
        let has_twin = functions
            .iter()
            .any(|function| name(function).ends_with("_ok") && codes(function).is_empty());
        let rejected = functions.iter().filter(|f| name(f).ends_with("_err"));
        for code in rejected.flat_map(codes) {
            if has_twin {
                pairs.entry(code).or_default().insert(path.clone());
            }
        }
    }
    for code in Code::ALL {
        let files = pairs.get(&code).map_or(0, BTreeSet::len);
        println!("{code} {}: {files} files", code.name());
        assert!(files > 0, "{code} has no pair");
    }
}

/// `cargo test --release --workspace --test twins -- --nocapture` prints the table.
#[test]
fn verdicts_by_theme() {
    let mut themes: BTreeMap<String, BTreeMap<(PathBuf, String), Verdict>> = BTreeMap::new();
    for (path, outcome) in outcomes() {
        let theme = path.parent().expect("a theme is a directory").display();
        let verdicts = themes.entry(theme.to_string()).or_default();
        for function in &outcome.functions {
            let verdict = match codes(function).is_empty() {
                true => function.report.verdict(),
                false => Verdict::Rejected,
            };
            // NB: The worst of what several commands and passes say of it.
            let worst = verdicts.entry((path.clone(), name(function).to_owned()));
            let worst = worst.or_insert(Verdict::Verified);
            *worst = match (*worst, verdict) {
                (Verdict::Rejected, _) | (_, Verdict::Rejected) => Verdict::Rejected,
                (Verdict::Inconclusive, _) => Verdict::Inconclusive,
                (_, other) => other,
            };
        }
    }
    let row = |name: &str, counts: [usize; 4]| {
        let [functions, rejected, inconclusive, verified] = counts;
        println!("{name:<16}{functions:>10}{rejected:>10}{inconclusive:>14}{verified:>10}");
    };
    println!("theme            functions  rejected  inconclusive  verified");
    let mut all = [0; 4];
    for (theme, verdicts) in &themes {
        let of = |verdict| verdicts.values().filter(|&&of| of == verdict).count();
        let counts = [
            verdicts.len(),
            of(Verdict::Rejected),
            of(Verdict::Inconclusive),
            of(Verdict::Verified),
        ];
        row(theme, counts);
        all = std::array::from_fn(|index| all[index] + counts[index]);
    }
    row("", all);
    let [functions, rejected, inconclusive, verified] = all;
    assert_eq!(functions, rejected + inconclusive + verified);
    assert!(rejected > 700 && verified > 700, "{all:?}");
    assert!(inconclusive * 20 < functions, "{all:?}");
}

/// `open/` has wrong functions that no check finds yet, and right ones that are rejected. One that is mended belongs to
/// `gc-verify/`.
#[test]
fn what_is_open_is_not_mended_yet() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("open");
    let files = find_files(&root, "clif").expect("the directory is part of the crate");
    let is_mended = |path: &&PathBuf| {
        let outcome = run_file(path, &RunOptions::default()).expect("is a test");
        let mut functions = outcome.functions.iter();
        functions.all(|function| codes(function).is_empty() != name(function).ends_with("_err"))
    };
    let mended: Vec<&PathBuf> = files.iter().filter(is_mended).collect();
    println!("{} files are open", files.len());
    assert!(mended.is_empty(), "mended: {mended:?}");
}

#[test]
fn functions_are_called_what_they_are() {
    let mut wrong = Vec::new();
    for (path, outcome) in outcomes() {
        let mut rejected: BTreeMap<&str, bool> = BTreeMap::new();
        for function in &outcome.functions {
            // By one command, and after one pass, is enough.
            let is_rejected = rejected.entry(name(function)).or_default();
            *is_rejected |= !codes(function).is_empty();
        }
        for (name, is_rejected) in rejected {
            if is_rejected != name.ends_with("_err") {
                wrong.push(format!(
                    "{} {name}: rejected is {is_rejected}",
                    path.display()
                ));
            }
        }
    }
    assert_eq!(wrong, [""; 0]);
}
