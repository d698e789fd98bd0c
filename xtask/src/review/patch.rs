//! The patch under review: which files it changes, and which of them can be judged.

use crate::base::git;
use crate::upstream::pins::Pins;
use anyhow::{Context, Result, ensure};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What a patch does to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// The file, in Wasmtime's paths; where it is renamed, the new name.
    pub path: String,
    /// The file that it was, unless it is new.
    pub old_path: Option<String>,
    /// Where it comes from: a patch file or a range of commits.
    pub source: String,
    /// The part of the patch.
    pub text: String,
    /// The whole file with the patch, if it is known and a test.
    pub whole: Option<String>,
}

/// What the names of tests end with that can be compiled.
pub const TESTS: [&str; 3] = [".clif", ".wat", ".wast"];

/// A file of a patch that is not judged.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotJudged {
    /// The file.
    pub path: String,
    /// Why it is not.
    pub reason: &'static str,
}

const ELSEWHERE: &str = "not in a crate that the verifier is built on";
const MANIFEST: &str = "publishing rewrites manifests";
const NOT_PUBLISHED: &str = "not in the published crate";

/// Reads what was named: files with diffs or mails, directories of such files, and, of a checkout, ranges of
/// commits.
///
/// # Errors
///
/// If one cannot be read or has no diff.
pub fn read(named: &[String], checkout: Option<&Path>) -> Result<Vec<Section>> {
    let mut all = Vec::new();
    for name in named {
        let path = Path::new(name);
        if let (Some(checkout), false, Some((from, to))) =
            (checkout, path.exists(), name.split_once(".."))
        {
            all.extend(range(name, checkout, from, to)?);
            continue;
        }
        for (source, text) in texts(name)? {
            let sections = split(&source, &text);
            ensure!(!sections.is_empty(), "{source} has no diff");
            all.extend(sections);
        }
    }
    Ok(all)
}

/// The change between two commits of a checkout, in which tests are known as a whole.
fn range(name: &str, checkout: &Path, from: &str, to: &str) -> Result<Vec<Section>> {
    let to = match to {
        "" => "HEAD",
        to => to,
    };
    let args = [
        "diff",
        "--binary",
        "--full-index",
        "--no-color",
        from,
        to,
        "--",
    ];
    let mut sections = split(name, &git::in_project(checkout, args)?);
    ensure!(!sections.is_empty(), "{name} changes nothing");
    for section in &mut sections {
        if TESTS.iter().any(|end| section.path.ends_with(end)) {
            // NB: A test that is removed is not there.
            let whole = git::in_project(checkout, ["show", &format!("{to}:{}", section.path)]);
            section.whole = whole.ok();
        }
    }
    Ok(sections)
}

fn texts(name: &str) -> Result<Vec<(String, String)>> {
    let path = Path::new(name);
    let mut files = vec![path.to_path_buf()];
    if path.is_dir() {
        files = patches_in(path)?;
        ensure!(!files.is_empty(), "{name} has no .patch or .diff file");
    }
    let mut texts = Vec::new();
    for file in files {
        let bytes = fs_err::read(&file)?;
        let text = String::from_utf8(bytes);
        let text = text.with_context(|| format!("{} is not UTF-8", file.display()))?;
        texts.push((file.display().to_string(), text));
    }
    Ok(texts)
}

/// The patches of a directory, in the order of their names, as `git format-patch` numbers them.
fn patches_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs_err::read_dir(dir)? {
        let path = entry?.path();
        let extension = path.extension().unwrap_or_default();
        if path.is_file() && (extension == "patch" || extension == "diff") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// The parts of a text that are about one file each. What is around them, such as mails, is left out.
fn split(source: &str, text: &str) -> Vec<Section> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut sections = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let is_start = lines[at].starts_with("diff --git ")
            || (lines[at].starts_with("--- ")
                && lines
                    .get(at + 1)
                    .is_some_and(|line| line.starts_with("+++ "))
                && lines
                    .get(at + 2)
                    .is_some_and(|line| line.starts_with("@@ ")));
        match is_start {
            true => {
                let end = end_of(&lines, at);
                sections.extend(section(source, &lines[at..end]));
                at = end;
            }
            false => at += 1,
        }
    }
    sections
}

/// Where the section ends that begins at that line.
fn end_of(lines: &[&str], start: usize) -> usize {
    let mut at = start + 1;
    // What comes before the first hunk.
    while lines
        .get(at)
        .is_some_and(|line| is_header(line) && !line.starts_with("diff --git "))
    {
        at += 1;
    }
    if lines
        .get(at)
        .is_some_and(|line| line.starts_with("GIT binary patch"))
    {
        let ends = |line: &&str| line.starts_with("diff --git ") || line.starts_with("-- ");
        let rest = &lines[at..];
        return at + rest.iter().position(ends).unwrap_or(rest.len());
    }
    while let Some((mut old, mut new)) = lines.get(at).and_then(|line| counts(line)) {
        at += 1;
        while old + new > 0 && at < lines.len() {
            match lines[at].as_bytes().first() {
                Some(b'+') => new -= 1.min(new),
                Some(b'-') => old -= 1.min(old),
                Some(b'\\') => {}
                _ => {
                    old -= 1.min(old);
                    new -= 1.min(new);
                }
            }
            at += 1;
        }
        if lines.get(at).is_some_and(|line| line.starts_with('\\')) {
            at += 1;
        }
    }
    at
}

fn is_header(line: &str) -> bool {
    const WORDS: [&str; 14] = [
        "diff --git ",
        "index ",
        "old mode ",
        "new mode ",
        "deleted file ",
        "new file ",
        "copy from ",
        "copy to ",
        "rename from ",
        "rename to ",
        "similarity ",
        "dissimilarity ",
        "--- ",
        "+++ ",
    ];
    WORDS.iter().any(|word| line.starts_with(word))
}

/// How many lines a hunk has of the old and of the new file.
fn counts(line: &str) -> Option<(usize, usize)> {
    let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let count = |range: &str| match range.split_once(',') {
        Some((_, count)) => count.parse().ok(),
        None => Some(1),
    };
    Some((count(old)?, count(new)?))
}

fn section(source: &str, lines: &[&str]) -> Option<Section> {
    let named = |start: &str| {
        let mut header = lines.iter().take_while(|line| is_header(line));
        let line = header.find_map(|line| line.strip_prefix(start))?;
        // NB: Other tools put a tab and the time after the name.
        let name = line.trim_end().split('\t').next()?;
        (name != "/dev/null").then(|| name.to_string())
    };
    let without = |name: String, prefix: &str| {
        let short = name.strip_prefix(prefix);
        short.map(str::to_string).unwrap_or(name)
    };
    let old = named("rename from ")
        .or_else(|| named("copy from "))
        .or_else(|| named("--- ").map(|name| without(name, "a/")));
    let new = named("rename to ")
        .or_else(|| named("copy to "))
        .or_else(|| named("+++ ").map(|name| without(name, "b/")));
    // A file without a hunk, such as an empty one or one whose mode changes.
    let bare = || {
        let (_, name) = lines.first()?.trim_end().split_once(" b/")?;
        Some(name.to_string())
    };
    let path = new.or_else(|| old.clone()).or_else(bare)?;
    Some(Section {
        path,
        old_path: old,
        source: source.into(),
        text: lines.concat(),
        whole: None,
    })
}

impl Section {
    /// Why it cannot be judged, if it cannot.
    ///
    /// `is_there` tells whether the tree under review has a file.
    pub fn not_judged(&self, pins: &Pins, is_there: impl Fn(&str) -> bool) -> Option<NotJudged> {
        let paths = || {
            [Some(&self.path), self.old_path.as_ref()]
                .into_iter()
                .flatten()
        };
        let is_ours = |path: &String| {
            let mut crates = pins.crates.iter();
            crates.any(|pin| {
                path.strip_prefix(pin.path.as_str())
                    .is_some_and(|rest| rest.starts_with('/'))
            })
        };
        let reason = match () {
            () if !paths().all(is_ours) => ELSEWHERE,
            () if self.path.ends_with("/Cargo.toml") => MANIFEST,
            () if self.old_path.as_ref().is_some_and(|old| !is_there(old)) => NOT_PUBLISHED,
            () => return None,
        };
        Some(NotJudged {
            path: self.path.clone(),
            reason,
        })
    }

    /// The lines that it adds, in order, with those around them left out.
    pub fn added(&self) -> String {
        let lines = self.text.split_inclusive('\n');
        let body = lines.skip_while(|line| !line.starts_with("@@ "));
        body.filter_map(|line| line.strip_prefix('+')).collect()
    }

    /// Whether the file is new.
    pub fn is_new(&self) -> bool {
        self.old_path.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = "\
From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001
Subject: [PATCH] x

---
 a | 2 +-

diff --git a/cranelift/codegen/src/a.rs b/cranelift/codegen/src/a.rs
index 1..2 100644
--- a/cranelift/codegen/src/a.rs
+++ b/cranelift/codegen/src/a.rs
@@ -1,2 +1,2 @@ fn f
--- gone
+++ come
 a
@@ -9 +9,2 @@
 a
+b
\\ No newline at end of file
diff --git a/cranelift/filetests/x.clif b/cranelift/filetests/x.clif
new file mode 100644
index 0..1
--- /dev/null
+++ b/cranelift/filetests/x.clif
@@ -0,0 +1,2 @@
+test optimize
+function
--\u{20}
2.40
";

    #[test]
    fn a_mail_is_split_by_file() {
        let sections = split("m", MAIL);
        assert_eq!(sections.len(), 2);
        assert_eq!(sections[0].path, "cranelift/codegen/src/a.rs");
        assert!(sections[0].text.ends_with("end of file\n"), "{sections:?}");
        assert_eq!(sections[0].added(), "++ come\nb\n");
        assert!(!sections[0].is_new());
        assert!(sections[1].is_new());
        assert_eq!(sections[1].added(), "test optimize\nfunction\n");
    }

    #[test]
    fn the_tests_of_a_range_are_known_as_a_whole() {
        let dir = tempfile::tempdir().unwrap();
        let git = |args: &[&str]| {
            let author = [
                ("GIT_AUTHOR_NAME", "a"),
                ("GIT_AUTHOR_EMAIL", "a@b"),
                ("GIT_COMMITTER_NAME", "a"),
                ("GIT_COMMITTER_EMAIL", "a@b"),
            ];
            git::in_project_as(dir.path(), &author, args).unwrap();
        };
        git(&["init", "--quiet"]);
        for text in ["; one\n", "; one\n; two\n"] {
            fs_err::write(dir.path().join("a.clif"), text).unwrap();
            fs_err::write(dir.path().join("a.rs"), text).unwrap();
            git(&["add", "--all"]);
            git(&["commit", "--quiet", "-m", "m"]);
        }
        let sections = read(&["HEAD~1..".into()], Some(dir.path())).unwrap();
        let whole: Vec<_> = sections.iter().map(|s| s.whole.as_deref()).collect();
        assert_eq!(whole, [Some("; one\n; two\n"), None]);
        assert!(read(&["HEAD..HEAD".into()], Some(dir.path())).is_err());
    }

    #[test]
    fn a_diff_without_git_is_read() {
        let text = "--- a/x.rs\t2026-01-01\n+++ b/x.rs\t2026-01-02\n@@ -1 +1 @@\n-a\n+b\n";
        let sections = split("d", text);
        assert_eq!(sections.len(), 1);
        assert_eq!(sections[0].path, "x.rs");
        assert_eq!(sections[0].text, text);
    }

    #[test]
    fn renames_and_modes_have_names() {
        let text = "diff --git a/x b/y\nsimilarity index 100%\nrename from x\nrename to y\n\
                    diff --git a/z b/z\nold mode 100644\nnew mode 100755\n";
        let sections = split("d", text);
        let names: Vec<_> = sections.iter().map(|s| s.path.as_str()).collect();
        assert_eq!(names, ["y", "z"]);
        assert_eq!(sections[0].old_path.as_deref(), Some("x"));
    }

    #[test]
    fn what_is_not_ours_is_told_with_the_reason() {
        let pins = Pins::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("pins.toml")).unwrap();
        let section = |path: &str, old: bool| Section {
            path: path.into(),
            old_path: old.then(|| path.to_string()),
            source: String::new(),
            text: String::new(),
            whole: None,
        };
        let reason = |section: Section| {
            let is_there = |path: &str| path.ends_with("lib.rs");
            section.not_judged(&pins, is_there).map(|n| n.reason)
        };
        assert_eq!(reason(section("cranelift/codegen/src/lib.rs", true)), None);
        assert_eq!(reason(section("cranelift/codegen/src/n.rs", false)), None);
        assert_eq!(reason(section("winch/src/lib.rs", true)), Some(ELSEWHERE));
        assert_eq!(
            reason(section("cranelift/codegenx/lib.rs", true)),
            Some(ELSEWHERE)
        );
        let manifest = section("crates/cranelift/Cargo.toml", true);
        assert_eq!(reason(manifest), Some(MANIFEST));
        let absent = section("cranelift/codegen/benches/b.rs", true);
        assert_eq!(reason(absent), Some(NOT_PUBLISHED));
    }
}
