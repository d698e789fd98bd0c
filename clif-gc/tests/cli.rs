//! What the program prints, as data.
//!
//! Each file in `tests/cli` with lines `RUN: ARGUMENTS` (where `%` is the file) has beside it what
//! those runs print, in `FILE.expected`. `CLIF_GC_BLESS=1` rewrites it.

mod common;

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn output_is_as_expected() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let bless = std::env::var_os("CLIF_GC_BLESS").is_some();
    let mut failures = Vec::new();
    for file in cases(&directory) {
        let actual = run_case(&directory, &file);
        let expected_path = directory.join(format!("{file}.expected"));
        let expected = fs::read_to_string(&expected_path).unwrap_or_default();
        if actual == expected {
            continue;
        }
        if bless {
            fs::write(&expected_path, actual).expect("the expectation can be written");
        } else {
            failures.push(format!("{file}:\n{}", difference(&expected, &actual)));
        }
    }
    assert!(
        failures.is_empty(),
        "{}\nCLIF_GC_BLESS=1 takes the new output for the expected one",
        failures.join("\n")
    );
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
