//! `verify --emit-clif`: functions that are judged alone as they are in their modules.

mod common;

use common::{Run, STALE, run_in};
use gc_filetests::{RunOptions, find_files, run_file};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Every configuration that is asked for.
const CONFIGURATIONS: &[&str] = &[
    "--target",
    "x86_64",
    "--target",
    "aarch64",
    "--collector",
    "all",
    "--opt-level",
    "none",
    "--opt-level",
    "speed",
];

fn verify(directory: &Path, arguments: &[&str]) -> Run {
    let all: Vec<&str> = [&["verify", "--format", "json"], arguments].concat();
    run_in(directory, &all)
}

/// The functions that were looked at: what they are compiled for, the verdict and the subjects.
fn judged(run: &Run) -> Vec<String> {
    let json = run.json();
    let files = json["files"].as_array().expect("there are files").iter();
    let functions = files.flat_map(|file| {
        assert_eq!(file["errors"], Value::Array(Vec::new()), "{}", file["path"]);
        file["functions"].as_array().expect("it is a list").clone()
    });
    let mut judged: Vec<String> = functions
        .filter(|function| !function["layer"].is_null())
        .map(|function| {
            let codes: Vec<&Value> = function["violations"]
                .as_array()
                .expect("it is a list")
                .iter()
                .map(|violation| &violation["code"])
                .collect();
            // NB: CLIF says itself what the embedding asked for.
            let configuration = &function["configuration"];
            let configuration =
                ["target", "collector", "opt_level"].map(|name| configuration[name].to_string());
            let parts = ["verdict", "safepoints", "entries"];
            let names = parts.iter().chain(&["references", "dereferences"]);
            let parts: Vec<String> = names.map(|name| function[name].to_string()).collect();
            // NB: The lines are those of each file.
            let undecided: Vec<&Value> = function["inconclusive"]
                .as_array()
                .expect("it is a list")
                .iter()
                .map(|undecided| &undecided["message"])
                .collect();
            format!("{configuration:?} {parts:?} {undecided:?} {codes:?}")
        })
        .collect();
    judged.sort();
    judged
}

fn total(run: &Run, name: &str) -> u64 {
    run.json()["totals"][name].as_u64().expect("it is a number")
}

fn filetests() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../filetests")
}

fn emitted(directory: &Path) -> Vec<PathBuf> {
    let files = find_files(&directory.join("out"), "clif").expect("the directory was made");
    assert!(!files.is_empty());
    files
}

/// The lines without expectations.
fn code(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| line.split(" ; error:").next().unwrap_or(line).trim_end())
        .filter(|line| !line.is_empty() && !line.starts_with("    ; inconclusive:"))
        .collect()
}

/// Each file is a filetest that passes, and its function is printed as it was read.
fn assert_filetests(directory: &Path) {
    for path in emitted(directory) {
        let text = fs::read_to_string(&path).expect("it can be read");
        let functions = cranelift_reader::parse_functions(&text).expect("it was parsed already");
        let start = text.find("function ").expect("there is a function in it");
        assert_eq!(code(&functions[0].to_string()), code(&text[start..]));
        let outcome = run_file(&path, &RunOptions::default());
        let outcome = outcome.unwrap_or_else(|error| panic!("{error:#}"));
        assert!(
            outcome.passed(),
            "{}: {:?}",
            path.display(),
            outcome.failures()
        );
    }
}

#[test]
fn functions_of_modules_are_judged_alone_as_in_their_modules() {
    let directory = TempDir::new().expect("there is room for a directory");
    let programs = filetests().join("wasm");
    let names = [
        "list-reverse",
        "exceptions-live",
        "casts",
        "shared-slot",
        "tables",
    ];
    let paths: Vec<String> = names
        .iter()
        .map(|name| programs.join(format!("{name}.wat")).display().to_string())
        .collect();
    let mut arguments = vec!["--emit-clif", "out"];
    arguments.extend(CONFIGURATIONS);
    arguments.extend(paths.iter().map(String::as_str));
    let in_modules = verify(directory.path(), &arguments).expect_exit(0);
    let alone = verify(directory.path(), &["out"]).expect_exit(0);
    assert_eq!(judged(&in_modules), judged(&alone));
    assert_eq!(judged(&alone).len(), emitted(directory.path()).len());
    for subject in ["safepoints", "entries", "references", "dereferences"] {
        assert_eq!(
            total(&in_modules, subject),
            total(&alone, subject),
            "{subject}"
        );
        assert!(total(&alone, subject) > 100, "{subject}");
    }
    assert_filetests(directory.path());
}

/// The lines of what `function` of a module becomes under the reference-counting collector.
fn lines_of(body: &str, function: &str) -> Vec<String> {
    let directory = TempDir::new().expect("there is room for a directory");
    fs::write(directory.path().join("a.wat"), body).expect("it can be written");
    let arguments = ["--emit-clif", "out", "--target", "x86_64"];
    let drc = ["--collector", "drc", "--embedding", "default", "a.wat"];
    verify(directory.path(), &[&arguments[..], &drc[..]].concat()).expect_exit(0);
    let files = emitted(directory.path()).into_iter();
    let mut texts = files.map(|path| fs::read_to_string(path).expect("it can be read"));
    let text = texts.find(|text| text.contains(&format!("({function})")));
    let text = text.expect("the function was emitted");
    text.lines().map(str::to_owned).collect()
}

/// What a barrier overwrites, and what is caught, are no operands of Wasm; they have facts all the same.
#[test]
fn references_that_are_no_operands_have_facts() {
    let set = "(module
        (type $s (struct (field (mut (ref null $s)))))
        (func $set (param (ref $s) (ref null $s))
            (struct.set $s 0 (local.get 0) (local.get 1))))";
    let lines = lines_of(set, "set");
    let is_old = |line: &&String| line.contains("! gcref(") && line.contains("= load.i32");
    assert_eq!(lines.iter().filter(is_old).count(), 1, "{lines:#?}");

    let catch = "(module
        (import \"\" \"f\" (func $f))
        (func $caught (block $h (try_table (catch_all $h) (call $f)))))";
    let lines = lines_of(catch, "caught");
    let is_caught =
        |line: &&String| line.contains("! gcref(exn, nonnull)") && line.contains("= ireduce");
    assert_eq!(lines.iter().filter(is_caught).count(), 1, "{lines:#?}");
}

/// Do some functions of the file name a collector, and others not?
fn names_its_collector_in_part(path: &str) -> bool {
    let text = fs::read_to_string(path).expect("it can be read");
    let functions = text.lines().filter(|line| line.starts_with("function "));
    let named = text.matches("gc_collector = ").count();
    named != 0 && named != functions.count()
}

#[test]
fn functions_of_clif_files_are_judged_as_before() {
    let directory = TempDir::new().expect("there is room for a directory");
    let files = find_files(&filetests().join("gc-verify"), "clif").expect("it is there");
    // NB: Those that ask about rewrites of their own hold code that a target need not take, and what
    // has no references is looked at by its rewrites only. What names its collector is emitted for
    // that one, whichever it is compiled for here.
    let is_judged = |path: &String| {
        let others = [
            "/rewrite-",
            "/enforced/",
            "/results/",
            "/issue-14323",
            "/issue-10353",
            // Only some targets compile dynamic slots, and none a pair of 32-bit words.
            "/dynamic-slot",
            "/stale-by-path",
            "/two-in-one-store",
            // A pair of 64-bit words that a target has no registers for.
            "/facts-that-cannot-hold",
            "/odd-stack-maps",
        ];
        let is_other = others.iter().any(|name| path.contains(name));
        !is_other && !names_its_collector_in_part(path)
    };
    let files = files.iter().map(|path| path.display().to_string());
    let files: Vec<String> = files.filter(is_judged).collect();
    let mut arguments = vec!["--emit-clif", "out", "--collector", "all"];
    arguments.extend(["--target", "x86_64", "--target", "aarch64"]);
    arguments.extend(files.iter().map(String::as_str));
    let before = verify(directory.path(), &arguments).expect_exit(1);
    let after = verify(directory.path(), &["out"]).expect_exit(1);
    assert_eq!(judged(&before), judged(&after));
    assert!(total(&after, "violations") > 100);
    assert_filetests(directory.path());
}

#[test]
fn the_same_is_written_each_time() {
    let directory = TempDir::new().expect("there is room for a directory");
    let program = filetests().join("wasm/closures.wat").display().to_string();
    let write = || {
        verify(directory.path(), &["--emit-clif", "out", &program]).expect_exit(0);
        let read = |path: PathBuf| (path.clone(), fs::read(path).expect("it can be read"));
        emitted(directory.path())
            .into_iter()
            .map(read)
            .collect::<Vec<_>>()
    };
    assert!(write() == write());
}

#[test]
fn names_are_safe_and_files_say_what_they_are() {
    let directory = TempDir::new().expect("there is room for a directory");
    let name = "a b;\nc.clif";
    fs::write(directory.path().join(name), STALE).expect("it can be written");
    fs::write(directory.path().join("a_b_c.clif"), STALE).expect("it can be written");
    verify(
        directory.path(),
        &["--emit-clif", "out", ".", "--target", "x86_64"],
    )
    .expect_exit(1);
    let files = emitted(directory.path());
    assert_eq!(files.len(), 2, "{files:?}");
    let mut lines = BTreeSet::new();
    for path in &files {
        let name = path.file_name().expect("it is a file").to_string_lossy();
        let is_safe = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        assert!(
            name.chars().all(is_safe) && !name.starts_with('.'),
            "{name}"
        );
        let text = fs::read_to_string(path).expect("it can be read");
        assert!(text.contains("test gc-verify collector=copying\nset opt_level=speed\n"));
        assert!(text.contains("target x86_64"), "{text}");
        assert!(text.contains("    gc_collector = moving\n"), "{text}");
        assert!(
            text.contains("return v0 ; error: GCV02 stale-reference\n"),
            "{text}"
        );
        lines.extend(text.lines().next().map(str::to_owned));
    }
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_filetests(directory.path());
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error() {
    let directory = TempDir::new().expect("there is room for a directory");
    let path = directory.path();
    fs::write(path.join("stale.clif"), STALE).expect("it can be written");
    let run = run_in(path, &["verify", "--emit-clif", "stale.clif", "stale.clif"]).expect_exit(2);
    assert_eq!(run.stdout, "");
    run.says("error: cannot write to stale.clif: ");
    run_in(
        path,
        &["verify", "--emit-clif", "stale.clif/out", "stale.clif"],
    )
    .expect_exit(2)
    .says("error: cannot write to stale.clif/out: ");
}
