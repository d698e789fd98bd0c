//! The examples of the catalogue are what it says they are.

mod common;

use common::run_in;
use cranelift_gc_verifier::{About, Code};
use std::path::{Path, PathBuf};

/// The codes whose examples show what they show when they are compiled: all others.
fn codes() -> impl Iterator<Item = &'static str> {
    let others = |code: &&str| !MADE_UP.contains(code) && !CODES_OF_FAULTS.contains(code);
    Code::ALL.into_iter().map(Code::as_str).filter(others)
}

/// Those whose examples ask about a rewrite that Cranelift does not make. The tests of the filetests
/// run them.
const MADE_UP: [&str; 3] = ["GCV13", "GCV14", "GCV15"];

/// What one function, as it stands, can show: what a pass removed from it takes two.
fn shown() -> impl Iterator<Item = &'static str> {
    codes().filter(|&code| code != "GCV16")
}

/// Checks of what the compiler does: no CLIF breaks them if it is right. That the examples are
/// rejected with the fault that they name is tested with the filetests.
const CODES_OF_FAULTS: [&str; 1] = ["GCV09"];

fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/explain"))
}

#[test]
fn every_code_has_an_entry() {
    let run = run_in(examples(), &["explain"]).expect_exit(0);
    let listed: Vec<&str> = run
        .stdout
        .lines()
        .filter(|line| line.starts_with("GCV"))
        .map(|line| &line[..5])
        .collect();
    assert_eq!(listed, Code::ALL.map(Code::as_str));
}

/// The codes that are found in an example.
#[track_caller]
fn found(file: &str, options: &[&str]) -> Vec<String> {
    let mut arguments = vec!["verify", file, "--format", "json"];
    arguments.extend(options);
    let json = run_in(examples(), &arguments).json();
    assert_ne!(json["totals"]["safepoints"], 0, "{file}");
    assert_eq!(json["totals"]["errors"], 0, "{file}");
    let functions = json["files"][0]["functions"]
        .as_array()
        .expect("there are functions");
    let violations = functions.iter().flat_map(|function| {
        let violations = function["violations"]
            .as_array()
            .expect("they are an array");
        violations
            .iter()
            .map(|violation| violation["code"].as_str().expect("codes are text"))
    });
    let mut codes: Vec<String> = violations.map(str::to_string).collect();
    codes.dedup();
    codes
}

#[test]
fn rejected_examples_are_rejected_for_that_reason_only() {
    for code in shown() {
        let file = format!("{}-rejected.clif", code.to_lowercase());
        assert_eq!(found(&file, &[]), [code], "{file}");
    }
}

#[test]
fn accepted_examples_are_accepted_and_have_something_to_check() {
    for code in codes() {
        let file = format!("{}-accepted.clif", code.to_lowercase());
        run_in(examples(), &["verify", &file, "--min-subjects", "1"]).expect_exit(0);
    }
}

#[test]
fn examples_of_faults_are_accepted_as_they_are() {
    for code in CODES_OF_FAULTS {
        for which in ["rejected", "accepted"] {
            let file = format!("{}-{which}.clif", code.to_lowercase());
            let json = run_in(examples(), &["verify", &file, "--format", "json"])
                .expect_exit(0)
                .json();
            assert_ne!(json["totals"]["records"], 0, "{file}");
        }
    }
}

/// It is this check that rejects the example, and no other one in its place.
#[test]
fn rejected_examples_are_accepted_without_the_check() {
    for code in shown() {
        let file = format!("{}-rejected.clif", code.to_lowercase());
        // Rewrites need the optimizer.
        let level = if code == "GCV08" { "speed" } else { "none" };
        let options = ["--without-check", code, "--opt-level", level];
        assert!(found(&file, &options).is_empty(), "{file}");
    }
}

/// The table of all checks, with links to their pages.
fn table() -> String {
    let rows = Code::ALL.into_iter().map(|code| {
        let (name, invariant) = (code.name(), code.invariant());
        format!("| [{code}]({}) | {name} | {invariant} |\n", page_of(code))
    });
    let head = "| code | name | what must hold |\n|---|---|---|\n";
    head.to_string() + &rows.collect::<String>()
}

/// The chapters of the checks.
fn chapters() -> String {
    let lines = Code::ALL.into_iter().map(|code| {
        let (name, page) = (code.name(), page_of(code));
        format!("  - [{code} {name}]({page})\n")
    });
    lines.collect()
}

/// The page of a check, from `docs/`.
fn page_of(code: Code) -> String {
    format!("checks/{}.md", code.to_string().to_lowercase())
}

/// What `clif-gc explain` says of a check, as a page.
fn page(code: Code) -> String {
    let &About {
        name,
        invariant,
        meaning,
        bugs,
        ..
    } = code.about();
    let file = code.to_string().to_lowercase();
    let example = |which| {
        let path = examples().join(format!("{file}-{which}.clif"));
        let text = std::fs::read_to_string(path).expect("there is an example");
        format!("```clif\n{}\n```\n", text.trim_end())
    };
    let bugs = bugs
        .iter()
        .map(|(issues, what)| format!("* {}: {what}\n", linked(issues)));
    let bugs: String = bugs.collect();
    let bugs = match bugs.is_empty() {
        true => bugs,
        false => format!("\n## Bugs of this kind in Wasmtime and Cranelift\n\n{bugs}"),
    };
    format!(
        "# {code} {name}\n\n\
         <!-- Made by clif-gc/tests/explain.rs of what `clif-gc explain {code}` says. -->\n\n\
         **What must hold:** {invariant}.\n\n{meaning}\n\n\
         ## Rejected\n\n{}\n## Accepted\n\n{}{bugs}",
        example("rejected"),
        example("accepted"),
    )
}

/// Issues and advisories with their addresses.
fn linked(issues: &str) -> String {
    let wasmtime = "https://github.com/bytecodealliance/wasmtime";
    let link = |issue: &str| {
        let number = issue
            .split(' ')
            .next()
            .and_then(|word| word.strip_prefix('#'));
        match number {
            Some(number) => format!("[{issue}]({wasmtime}/issues/{number})"),
            None if issue.starts_with("GHSA-") => {
                format!("[{issue}]({wasmtime}/security/advisories/{issue})")
            }
            None => issue.to_string(),
        }
    };
    issues.split(", ").map(link).collect::<Vec<_>>().join(", ")
}

/// Puts `made` between the marks called `name` in the document, if `CLIF_GC_BLESS` is set, and fails if
/// something else is there.
#[track_caller]
fn document_has(path: &str, name: &str, made: &str) {
    let path = document(path);
    let text = std::fs::read_to_string(&path).expect("the document is there");
    let (start, end) = (
        format!("<!-- {name} -->\n"),
        format!("<!-- end of {name} -->"),
    );
    let (before, rest) = text.split_once(&start).expect("it has the first mark");
    let (found, after) = rest.split_once(&end).expect("it has the second mark");
    let expected = format!("\n{made}\n");
    if is_blessing() {
        let text = format!("{before}{start}{expected}{end}{after}");
        std::fs::write(&path, text).expect("the document can be written");
        return;
    }
    assert_eq!(found, expected, "CLIF_GC_BLESS=1 makes it anew");
}

/// Writes the document, if `CLIF_GC_BLESS` is set, and fails if something else is there.
#[track_caller]
fn document_is(path: &str, made: &str) {
    let path = document(path);
    if is_blessing() {
        std::fs::write(&path, made).expect("the document can be written");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    let path = path.display();
    assert_eq!(found, made, "{path}: CLIF_GC_BLESS=1 makes it anew");
}

fn document(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn is_blessing() -> bool {
    std::env::var_os("CLIF_GC_BLESS").is_some()
}

#[test]
fn the_documents_say_what_the_codes_say() {
    document_has("docs/checks.md", "checks", &table());
    document_has("docs/SUMMARY.md", "checks", &chapters());
    for code in Code::ALL {
        document_is(&format!("docs/{}", page_of(code)), &page(code));
    }
}

#[test]
fn there_are_no_pages_of_other_codes() {
    let pages = std::fs::read_dir(document("docs/checks")).expect("it is there");
    let pages = pages.map(|page| {
        let name = page.expect("it can be listed").file_name();
        format!("checks/{}", name.to_string_lossy())
    });
    let mut pages: Vec<String> = pages.collect();
    pages.sort();
    let mut expected = Code::ALL.map(page_of).to_vec();
    expected.sort();
    assert_eq!(pages, expected);
}

#[test]
fn issues_have_addresses() {
    let wasmtime = "https://github.com/bytecodealliance/wasmtime";
    assert_eq!(
        linked("#13381 (a), GHSA-2hw9, synthetic"),
        format!(
            "[#13381 (a)]({wasmtime}/issues/13381), \
             [GHSA-2hw9]({wasmtime}/security/advisories/GHSA-2hw9), synthetic"
        )
    );
}
