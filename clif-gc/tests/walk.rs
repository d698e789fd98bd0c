//! The commands of docs/triage.md, docs/first-steps.md and README print what these say. `CLIF_GC_BLESS=1` rewrites
//! them.

mod common;

use common::run_in;
use gc_filetests::{DEFAULT_BASE, base};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

#[test]
fn the_walk_prints_what_it_says() {
    let directory = TempDir::new().expect("there is room for temporary files");
    document_is("docs/triage.md", 6, |page| walk(page, directory.path()));
}

#[test]
fn a_first_reader_sees_what_is_printed() {
    // NB: On another base, the counts are others.
    if base() == DEFAULT_BASE {
        document_is("README.md", 2, verified);
        document_is("docs/first-steps.md", 2, verified);
    }
}

/// The document is what `walked` makes of it, by at least so many commands.
#[track_caller]
fn document_is(name: &str, least: usize, walked: impl FnOnce(&str) -> (String, usize)) {
    let path = root().join(name);
    let page = fs::read_to_string(&path).expect("the page is there");
    let (walked, commands) = walked(&page);
    assert!(commands >= least, "{name}: only {commands} commands");
    if std::env::var_os("CLIF_GC_BLESS").is_some() {
        fs::write(&path, walked).expect("the page can be written");
        return;
    }
    for (number, (expected, actual)) in (1..).zip(page.lines().zip(walked.lines())) {
        assert_eq!(expected, actual, "{name}:{number}");
    }
    assert_eq!(page, walked);
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The page with what the verifications print whose output it shows, and how many there are.
fn verified(page: &str) -> (String, usize) {
    let mut out = String::new();
    let mut commands = 0;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        out += line;
        out.push('\n');
        if line != "```console" {
            continue;
        }
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        let command = match block[..] {
            [first, second, ..] if !second.starts_with('$') => {
                first.strip_prefix("$ cargo clif-gc verify ")
            }
            _ => None,
        };
        match command {
            Some(file) => {
                let run = run_in(root(), &["verify", file]);
                out += &format!("{}\n{}", block[0], run.stdout);
                commands += 1;
            }
            None => {
                for line in block {
                    out += line;
                    out.push('\n');
                }
            }
        }
        out += "```\n";
    }
    (out, commands)
}

/// The page with what its commands print, and how many there are. Files that it shows are written.
fn walk(page: &str, directory: &Path) -> (String, usize) {
    let mut out = String::new();
    let mut commands = 0;
    let mut lines = page.lines();
    let mut file = None;
    while let Some(line) = lines.next() {
        out += line;
        out.push('\n');
        if let Some(name) = line
            .strip_prefix('`')
            .and_then(|rest| rest.strip_suffix("`:"))
        {
            file = Some(name.to_string());
        }
        if line == "```clif" {
            let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let body = body.join("\n") + "\n";
            let name = file.take().expect("a file has a name");
            fs::write(directory.join(name), &body).expect("the file can be written");
            out += &body;
            out += "```\n";
        }
        if line == "```console" {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            for command in block
                .iter()
                .filter_map(|line| line.strip_prefix("$ clif-gc "))
            {
                let words: Vec<&str> = command.split_whitespace().collect();
                let run = run_in(directory, &words);
                assert_eq!(run.stderr, "", "{command}");
                out += &format!("$ clif-gc {command}\n{}", run.stdout);
                commands += 1;
            }
            out += "```\n";
        }
    }
    (out, commands)
}
