//! The walk of docs/triage.md prints what it says. `CLIF_GC_BLESS=1` rewrites it.

mod common;

use common::run_in;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

#[test]
fn the_walk_prints_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/triage.md");
    let page = fs::read_to_string(&path).expect("the page is there");
    let directory = TempDir::new().expect("there is room for temporary files");
    let (walked, commands) = walk(&page, directory.path());
    assert!(commands >= 6, "only {commands} commands");
    if std::env::var_os("CLIF_GC_BLESS").is_some() {
        fs::write(&path, walked).expect("the page can be written");
        return;
    }
    for (number, (expected, actual)) in (1..).zip(page.lines().zip(walked.lines())) {
        assert_eq!(expected, actual, "docs/triage.md:{number}");
    }
    assert_eq!(page, walked);
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
