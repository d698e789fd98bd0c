//! What the program prints, as data.
//!
//! Each file in `tests/cli` with lines `RUN: ARGUMENTS` (where `%` is the file) has beside it what
//! those runs print, in `FILE.expected`. Where another release of Wasmtime than the default one makes them
//! print something else, that is in `50/FILE.expected`. `CLIF_GC_BLESS=1` rewrites it.

mod common;

use gc_filetests::{DEFAULT_BASE, base};
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn output_is_as_expected() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let bless = std::env::var_os("CLIF_GC_BLESS").is_some();
    let mut failures = Vec::new();
    for file in cases(&directory) {
        let actual = run_case(&directory, &file);
        let path = expectation(&directory, &file, base());
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if bless {
            bless_case(&directory, &file, &actual);
        } else if actual != expected {
            failures.push(format!("{file}:\n{}", difference(&expected, &actual)));
        }
    }
    assert!(
        failures.is_empty(),
        "{}\nCLIF_GC_BLESS=1 takes the new output for the expected one",
        failures.join("\n")
    );
}

/// An expectation of another base is there for a case, and because it is another one.
#[test]
fn expectations_of_another_base_differ() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let cases = cases(&directory);
    for entry in fs::read_dir(directory.join("50")).expect("the directory is there") {
        let path = entry.expect("the directory can be read").path();
        let name = path.file_name().expect("it has a name").to_string_lossy();
        let case = cases
            .iter()
            .find(|case| name == format!("{case}.expected"))
            .unwrap_or_else(|| panic!("50/{name} belongs to no case"));
        let read = |base| {
            let path = expectation(&directory, case, base);
            fs::read_to_string(path).expect("it can be read")
        };
        assert_ne!(read(50), read(DEFAULT_BASE), "50/{name} can go");
    }
}

/// Where it is written what a case prints on a base.
fn expectation(directory: &Path, file: &str, base: u32) -> PathBuf {
    let name = format!("{file}.expected");
    let own = directory.join(base.to_string()).join(&name);
    match own.exists() {
        true => own,
        false => directory.join(name),
    }
}

/// Take what a case prints for what is expected. Another base than the default has a file of its own only where
/// it prints something else.
fn bless_case(directory: &Path, file: &str, actual: &str) {
    let common = directory.join(format!("{file}.expected"));
    if base() == DEFAULT_BASE {
        return fs::write(common, actual).expect("the expectation can be written");
    }
    let own = directory
        .join(base().to_string())
        .join(format!("{file}.expected"));
    if fs::read_to_string(common).is_ok_and(|common| common == actual) {
        if own.exists() {
            fs::remove_file(own).expect("the expectation can be removed");
        }
        return;
    }
    let parent = own.parent().expect("it is in a directory");
    fs::create_dir_all(parent).expect("the directory can be made");
    fs::write(own, actual).expect("the expectation can be written");
}

fn cases(directory: &Path) -> Vec<String> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory)
        .expect("the directory is there")
        .map(|entry| entry.expect("the directory can be read").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension != "expected")
        })
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let name = |path: PathBuf| {
        path.file_name()
            .map(|name| name.to_string_lossy().into_owned())
    };
    files.into_iter().filter_map(name).collect()
}

fn run_case(directory: &Path, file: &str) -> String {
    let bytes = fs::read(directory.join(file)).expect("the case can be read");
    let text = String::from_utf8_lossy(&bytes);
    let runs: Vec<&str> = text
        .lines()
        .filter_map(|line| line.split_once("RUN: "))
        .map(|(_, arguments)| arguments.trim())
        .collect();
    assert!(!runs.is_empty(), "{file} has no RUN line");
    runs.into_iter()
        .map(|arguments| show(directory, file, arguments))
        .collect()
}

fn show(directory: &Path, file: &str, arguments: &str) -> String {
    let words: Vec<&str> = arguments
        .split_whitespace()
        .map(|word| if word == "%" { file } else { word })
        .collect();
    let common::Run {
        exit,
        stdout,
        stderr,
    } = common::run_in(directory, &words);
    let exit = exit.expect("no signal ended it");
    let mut shown = format!("$ clif-gc {}\nexit code {exit}\n", words.join(" "));
    for (name, text) in [("stdout", stdout), ("stderr", stderr)] {
        if !text.is_empty() {
            shown += &format!("--- {name}\n{text}");
        }
    }
    shown + "\n"
}

fn difference(expected: &str, actual: &str) -> String {
    let common = expected
        .lines()
        .zip(actual.lines())
        .take_while(|(a, b)| a == b)
        .count();
    let rest = |text: &str| -> String {
        let lines = text.lines().skip(common).take(12);
        lines.map(|line| format!("    {line}\n")).collect()
    };
    format!(
        "  from line {} on, expected\n{}  but got\n{}",
        common + 1,
        rest(expected),
        rest(actual)
    )
}
