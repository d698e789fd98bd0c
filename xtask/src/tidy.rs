//! `cargo xtask tidy`: what no compiler checks, over the files that git tracks or would.

mod floors;
mod headers;

use crate::base::git;
use crate::base::project::Project;
use crate::series::Series;
use crate::tidy::headers::Header;
use anyhow::{Result, bail};
use pulldown_cmark::{Event, Options, Parser, Tag};
use std::path::{Component, Path, PathBuf};

/// Larger files belong outside the repository.
const FILE_MAX: u64 = 1 << 20;

/// A source file that is longer should be two; only a warning.
const LINES_MAX: usize = 900;

/// What must not be in sources. In pieces, so that this file does not contain it.
const UNFINISHED: &[&str] = &[
    concat!("to", "do!("),
    concat!("unimpl", "emented!("),
    concat!("#[ig", "nore"),
];

/// Where this machine keeps things; nothing of it exists elsewhere.
const MACHINE_PATHS: &[&str] = &[
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/tmp/", "bash_jobs"),
];

/// Registry hosts. The name of the registry itself is fine.
const HOSTS: &[&str] = &[
    concat!("index.", "crates.io"),
    concat!("static.", "crates.io"),
    concat!("index.", "crates-io"),
];

/// Checks all files that git does not ignore.
pub fn run(project: &Project) -> Result<()> {
    // New files as well: they are about to be committed.
    let list = git::in_project(
        project.root(),
        [
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ],
    )?;
    let files: Vec<_> = list.split('\0').filter(|file| !file.is_empty()).collect();
    if files.is_empty() {
        bail!("tidy: git lists no file: nothing was checked");
    }
    let mut findings = Findings::default();
    for file in &files {
        check(project.root(), file, &mut findings)?;
    }
    let subjects: Result<Vec<_>> = Series::load(project)?
        .patches()
        .map(|patch| patch.subject())
        .collect();
    let letter = fs_err::read_to_string(project.patches().join("COVER.md"))?;
    findings.problems.extend(unlisted(&subjects?, &letter));
    let sources = sources(project.root(), &files)?;
    let survey = floors::Survey::of(&sources);
    findings.problems.extend(survey.problems());
    let (stated, wrong) = headers(&sources);
    findings.problems.extend(wrong);
    for warning in &findings.warnings {
        eprintln!("warning: {warning}");
    }
    if !findings.problems.is_empty() {
        bail!(
            "tidy: {} problems\n{}",
            findings.problems.len(),
            findings.problems.join("\n")
        );
    }
    eprintln!("tidy: the verifier: {survey}; {stated} headers state claim, strength and math");
    eprintln!("tidy: {} files are in order", files.len());
    Ok(())
}

/// Where the verifier's sources are.
const VERIFIER: &str = "cranelift-gc-verifier/src/";

/// The sources of the verifier, by their paths in it.
fn sources(root: &Path, files: &[&str]) -> Result<Vec<(String, String)>> {
    let mut sources = Vec::new();
    for file in files.iter().filter(|file| file.ends_with(".rs")) {
        let Some(path) = file.strip_prefix(VERIFIER) else {
            continue;
        };
        match fs_err::read_to_string(root.join(file)) {
            Ok(text) => sources.push((path.to_string(), text)),
            // Deleted, and the deletion not yet staged.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    if sources.is_empty() {
        bail!("tidy: {VERIFIER} has no sources: no floors were counted");
    }
    Ok(sources)
}

/// How many headers state all that they should, and what is wrong with others.
fn headers(sources: &[(String, String)]) -> (usize, Vec<String>) {
    let (mut stated, mut wrong) = (0, Vec::new());
    for (path, text) in sources {
        match headers::read(text) {
            Header::Plain => {}
            Header::Stated => stated += 1,
            Header::Wrong(why) => wrong.push(format!("{VERIFIER}{path}: its header {why}")),
        }
    }
    (stated, wrong)
}

#[derive(Debug, Default)]
struct Findings {
    problems: Vec<String>,
    warnings: Vec<String>,
}

fn check(root: &Path, file: &str, findings: &mut Findings) -> Result<()> {
    let problems = &mut findings.problems;
    if file.starts_with("upstream/") || file.split('/').rev().skip(1).any(|dir| dir == "target") {
        problems.push(format!("{file}: is generated and must not be tracked"));
        return Ok(());
    }
    let path = root.join(file);
    let metadata = match fs_err::symlink_metadata(&path) {
        // Deleted, and the deletion not yet staged.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        metadata => metadata?,
    };
    if !metadata.is_file() {
        return Ok(());
    }
    if metadata.len() > FILE_MAX {
        let size = metadata.len();
        problems.push(format!("{file}: {size} bytes, more than {FILE_MAX}"));
    }
    let bytes = fs_err::read(&path)?;
    let Ok(text) = std::str::from_utf8(&bytes) else {
        // Not text: what follows is about text.
        return Ok(());
    };
    let is_rust = file.ends_with(".rs");
    if !file.ends_with("Cargo.lock") {
        for (number, line) in text.lines().enumerate() {
            let unfinished = UNFINISHED.iter().filter(|_| is_rust);
            let patterns = unfinished.chain(MACHINE_PATHS).chain(HOSTS);
            for pattern in patterns.filter(|pattern| line.contains(**pattern)) {
                problems.push(format!("{file}:{}: contains `{pattern}`", number + 1));
            }
        }
    }
    if is_rust && text.lines().count() > LINES_MAX {
        let lines = text.lines().count();
        let warning = format!("{file}: {lines} lines, more than {LINES_MAX}");
        findings.warnings.push(warning);
    }
    if file.ends_with(".md") {
        for (number, link) in links(text) {
            if !resolves(root, file, &link) {
                findings
                    .problems
                    .push(format!("{file}:{number}: link to `{link}` leads nowhere"));
            }
        }
    }
    Ok(())
}

/// What the cover letter's table of patches should list and does not, in the order of the series.
fn unlisted(subjects: &[String], letter: &str) -> Vec<String> {
    let mut rest = letter;
    let mut problems = Vec::new();
    for subject in subjects {
        match rest.split_once(&format!("\n| `{subject}` |")) {
            Some((_, after)) => rest = after,
            None => problems.push(format!(
                "patches/COVER.md: does not list `{subject}` where the series has it"
            )),
        }
    }
    problems
}

/// What the links and images of a document lead to, with their lines.
fn links(text: &str) -> Vec<(usize, String)> {
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter();
    let links = events.filter_map(|(event, range)| match event {
        Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
            let line = text[..range.start].matches('\n').count() + 1;
            Some((line, dest_url.to_string()))
        }
        _ => None,
    });
    links.collect()
}

fn resolves(root: &Path, file: &str, link: &str) -> bool {
    let target = link.split('#').next().unwrap_or_default();
    if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
        return true;
    }
    let mut path: PathBuf = match target.strip_prefix('/') {
        Some(target) => target.into(),
        None => Path::new(file).with_file_name(target),
    };
    // A link that leaves the project is broken for everybody else.
    let mut depth = 0;
    for component in path.components() {
        depth += match component {
            Component::ParentDir => -1,
            Component::Normal(_) => 1,
            _ => 0,
        };
        if depth < 0 {
            return false;
        }
    }
    path = root.join(path);
    path.exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(files: &[(&str, &str)]) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        let mut findings = Findings::default();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs_err::create_dir_all(path.parent().unwrap()).unwrap();
            fs_err::write(path, text).unwrap();
        }
        for (name, _) in files {
            check(dir.path(), name, &mut findings).unwrap();
        }
        findings.problems
    }

    #[test]
    fn clean_files_have_no_problems() {
        let readme = "[a](src/a.rs) [b](https://example.org/x) [c](#c) `[d](nowhere)`\n\
                      ```\n[e](nowhere)\n```\n\n    [f](nowhere)\n\n<!-- [g](nowhere) -->\n";
        let manifest = "[patch.crates-io]\n# from crates.io\n";
        assert_eq!(
            problems(&[
                ("README.md", readme),
                ("src/a.rs", "fn main() {}\n"),
                ("Cargo.toml", manifest),
                ("docs/target.md", "[up](../README.md#x)"),
            ]),
            [""; 0]
        );
    }

    #[test]
    fn each_problem_is_found() {
        let big = "a".repeat(FILE_MAX as usize + 1);
        let ignored = format!("{}]\nfn t() {{ {}) }}\n", UNFINISHED[2], UNFINISHED[0]);
        let files = [
            (
                "README.md",
                "[a](b.md)\n[up](../../etc/passwd)\n\n| [c][d] |\n|---|\n\n[d]: c.md\n",
            ),
            ("upstream/a", ""),
            ("fuzz/target/a", ""),
            ("big.txt", big.as_str()),
            ("a.rs", ignored.as_str()),
            ("path.toml", MACHINE_PATHS[0]),
            ("host.toml", HOSTS[0]),
        ];
        let found = problems(&files).join("\n");
        for expected in [
            "README.md:1: link to `b.md` leads nowhere",
            "README.md:2: link to `../../etc/passwd`",
            "README.md:4: link to `c.md` leads nowhere",
            "upstream/a: is generated",
            "fuzz/target/a: is generated",
            "big.txt: 1048577 bytes",
            "a.rs:1: contains",
            "a.rs:2: contains",
            "path.toml:1: contains",
            "host.toml:1: contains",
        ] {
            assert!(found.contains(expected), "{expected} not in:\n{found}");
        }
        assert_eq!(found.lines().count(), 10, "{found}");
    }

    #[test]
    fn a_cover_letter_lists_the_series_in_order() {
        let subjects = ["a: Do this", "b: Do that", "c: Do more"].map(String::from);
        let letter = |lines: [&str; 3]| lines.map(|line| format!("\n| `{line}` | why |")).concat();
        let all = letter(["a: Do this", "b: Do that", "c: Do more"]);
        assert_eq!(unlisted(&subjects, &all), [""; 0]);
        let missing = letter(["a: Do this", "", "c: Do more"]);
        assert_eq!(unlisted(&subjects, &missing).len(), 1);
        let exchanged = letter(["a: Do this", "c: Do more", "b: Do that"]);
        assert!(unlisted(&subjects, &exchanged)[0].contains("`c: Do more`"));
    }

    #[test]
    fn a_machine_path_in_a_lock_file_is_not_looked_for() {
        assert_eq!(problems(&[("Cargo.lock", HOSTS[0])]), [""; 0]);
    }
}
