//! `upstream-review/`: a clone of upstream/ in which a patch under review is put on top.
//!
//! One tree serves both builds. Only files that differ are written, so that cargo builds only what the patch
//! touches.

use super::patch::{NotJudged, Section};
use crate::base::git::{self, Git};
use crate::base::project::Project;
use crate::series::patch::Patch;
use crate::upstream::bootstrap::{self, LocalWork, Report};
use crate::upstream::pins::Pins;
use crate::upstream::stamp::Stamp;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// What says that the tree was made here, and may be changed.
const MARK: &str = ".git/xtask-review";

/// The tree.
#[derive(Debug)]
pub struct Tree {
    git: Git,
    /// The commit of the pinned sources.
    base: String,
    /// The commit of the last patch of the series.
    head: String,
}

/// What became of a patch.
#[derive(Debug)]
pub enum Applied {
    /// It is in the tree.
    Yes(Parts),
    /// It does not apply: why, and where.
    No(String),
}

/// The parts of a patch that is in the tree.
#[derive(Debug, Default)]
pub struct Parts {
    /// The files that it changes, with their text before and after; `None` where a file is not there.
    pub files: Vec<File>,
    /// The files that cannot be judged.
    pub not_judged: Vec<NotJudged>,
}

/// A file that a patch changes.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path, with `/`.
    pub path: String,
    /// What it was.
    pub old: String,
    /// What it is.
    pub new: String,
    /// The lines of what it is that are others, or beside which some are gone.
    pub lines: Vec<Range<usize>>,
}

impl Tree {
    /// The tree as upstream/ is, without a patch.
    ///
    /// # Errors
    ///
    /// If upstream/ cannot be made, or if the tree was made by something else.
    pub fn bootstrap(project: &Project) -> Result<Tree> {
        bootstrap::run(project, LocalWork::Keep, Report::Changes)?;
        let upstream = Git::at(&project.upstream());
        let uncommitted = upstream.uncommitted()?;
        if !uncommitted.is_empty() {
            eprint!("warning: uncommitted changes in upstream/ are left out:\n{uncommitted}");
        }
        let stamp = Stamp::read(&upstream)?.context("upstream/ has no stamp")?;
        let head = upstream.head()?;
        let dir = Self::directory(project);
        let git = Git::at(&dir);
        let from = upstream.dir().to_string_lossy();
        if git.exists() {
            ensure!(
                dir.join(MARK).exists(),
                "{} was not made by this command: delete it",
                dir.display()
            );
            git.run(["fetch", "--quiet", &from, "HEAD"])?;
        } else {
            let to = dir.to_string_lossy();
            git::in_project(
                project.root(),
                ["clone", "--quiet", "--no-checkout", &from, &to],
            )?;
            git.run(["remote", "remove", "origin"])?;
            fs_err::create_dir_all(dir.join(".git/info"))?;
            fs_err::write(dir.join(".git/info/exclude"), "target/\nCargo.lock\n")?;
            fs_err::write(dir.join(MARK), "")?;
        }
        let tree = Tree {
            git,
            base: stamp.base,
            head,
        };
        tree.reset()?;
        Ok(tree)
    }

    fn directory(project: &Project) -> PathBuf {
        project
            .root()
            .join(format!("{}-review", project.upstream_name()))
    }

    /// Where it is.
    pub fn dir(&self) -> &Path {
        self.git.dir()
    }

    /// The commit without a patch.
    pub fn head(&self) -> &str {
        &self.head
    }

    /// Takes every patch out.
    pub fn reset(&self) -> Result<()> {
        self.check_out(&self.head)
    }

    fn check_out(&self, commit: &str) -> Result<()> {
        // What a cherry-pick with conflicts left behind goes with it.
        self.git.run(["reset", "--quiet", "--hard"])?;
        self.git.run(["clean", "-dfq"])?;
        self.git
            .run(["checkout", "--quiet", "--force", "--detach", commit])?;
        Ok(())
    }

    /// Puts a patch in.
    ///
    /// It is tried on top of our series first. If that fails, it is tried on the published sources, and
    /// merged with the series.
    ///
    /// # Errors
    ///
    /// If git fails otherwise.
    pub fn apply(&self, sections: &[Section], pins: &Pins) -> Result<Applied> {
        let not_judged = match self.apply_all(sections, pins)? {
            Ok(not_judged) => not_judged,
            Err(reason) => {
                self.check_out(&self.base)?;
                match self.apply_all(sections, pins)? {
                    Ok(not_judged) => {
                        self.commit()?;
                        let patched = self.git.head()?;
                        self.check_out(&self.head)?;
                        if let Some(conflict) = self.merge(&patched)? {
                            self.reset()?;
                            return Ok(Applied::No(conflict));
                        }
                        not_judged
                    }
                    Err(_) => {
                        self.reset()?;
                        return Ok(Applied::No(reason));
                    }
                }
            }
        };
        Ok(Applied::Yes(Parts {
            files: self.changed()?,
            not_judged,
        }))
    }

    /// Applies what can be judged, and returns what cannot; or where it fails.
    fn apply_all(
        &self,
        sections: &[Section],
        pins: &Pins,
    ) -> Result<Result<Vec<NotJudged>, String>> {
        let mut not_judged = BTreeSet::new();
        let file = self.dir().join(".git/under-review.patch");
        for section in sections {
            let is_there = |path: &str| self.dir().join(path).is_file();
            if let Some(other) = section.not_judged(pins, is_there) {
                not_judged.insert(other);
                continue;
            }
            fs_err::write(&file, &section.text)?;
            let path = file.to_string_lossy();
            let args = ["apply", "--index", "--whitespace=nowarn", &path];
            let output = self.git.output(args)?;
            if !output.status.success() {
                let stderr = String::from_utf8_lossy(&output.stderr);
                return Ok(Err(explain(section, &stderr)));
            }
        }
        Ok(Ok(not_judged.into_iter().collect()))
    }

    fn commit(&self) -> Result<()> {
        let args = [
            "commit",
            "--quiet",
            "--no-verify",
            "--allow-empty",
            "-m",
            "review",
        ];
        self.git.run(args).map(drop)
    }

    /// Merges the change of a commit into the files that are checked out; returns the conflicts.
    fn merge(&self, commit: &str) -> Result<Option<String>> {
        let args = ["cherry-pick", "--no-commit", "--allow-empty", commit];
        let output = self.git.output(args)?;
        if output.status.success() {
            return Ok(None);
        }
        let files = self.git.run(["diff", "--name-only", "--diff-filter=U"])?;
        ensure!(
            !files.is_empty(),
            "git cherry-pick failed: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let files: Vec<_> = files.lines().collect();
        Ok(Some(format!(
            "it applies to the published sources, but conflicts with the patch series in {}",
            files.join(", ")
        )))
    }

    /// The files that differ from the commit without a patch.
    fn changed(&self) -> Result<Vec<File>> {
        let args = ["diff", "--name-only", "--no-renames", "-z", &self.head];
        let names = self.git.run(args)?;
        let mut files = Vec::new();
        for path in names.split('\0').filter(|name| !name.is_empty()) {
            let old = self
                .git
                .output(["show", &format!("{}:{path}", self.head)])?;
            let old = match old.status.success() {
                true => String::from_utf8_lossy(&old.stdout).into_owned(),
                false => String::new(),
            };
            let new = match fs_err::read(self.dir().join(path)) {
                Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
                Err(error) => return Err(error.into()),
            };
            let args = [
                "diff",
                "--unified=0",
                "--no-renames",
                &self.head,
                "--",
                path,
            ];
            let lines = changed_lines(&self.git.run(args)?);
            files.push(File {
                path: path.into(),
                old,
                new,
                lines,
            });
        }
        Ok(files)
    }
}

/// The lines of the new file that a diff without context is about.
fn changed_lines(diff: &str) -> Vec<Range<usize>> {
    let ranges = diff.lines().filter_map(|line| {
        let (_, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
        let (new, _) = rest.split_once(" @@")?;
        let (start, count) = new.split_once(',').unwrap_or((new, "1"));
        let (start, count): (usize, usize) = (start.parse().ok()?, count.parse().ok()?);
        // NB: Lines that are gone were after this one.
        Some(start..start + count.max(1))
    });
    ranges.collect()
}

/// Names the hunks that fail, then gives git's own words.
fn explain(section: &Section, stderr: &str) -> String {
    let patch = Patch {
        name: section.source.clone(),
        // What a patch without git's own lines lacks.
        text: format!("diff --git a/{0} b/{0}\n{1}", section.path, section.text),
    };
    let hunks = patch.hunks();
    let failed = stderr.lines().filter_map(|line| {
        let place = line.strip_prefix("error: patch failed: ")?;
        let (_, line) = place.rsplit_once(':')?;
        let line: usize = line.parse().ok()?;
        let hunk = hunks.iter().find(|hunk| hunk.line == line)?;
        Some(format!("\n  {hunk}"))
    });
    let failed: String = failed.collect();
    let mut text = format!("{}: {}{failed}", section.source, section.path);
    text.push_str("\ngit says:");
    for line in stderr.lines().filter(|line| !line.starts_with("hint: ")) {
        text.push_str("\n  ");
        text.push_str(line);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changed_lines_are_those_of_the_new_file() {
        let diff = "--- a/x\n+++ b/x\n@@ -1,2 +1,0 @@ x\n-a\n-b\n@@ -9 +7,2 @@\n-c\n+d\n+e\n";
        assert_eq!(changed_lines(diff), [1..2, 7..9]);
    }

    #[test]
    fn a_failure_names_the_hunk() {
        let section = Section {
            path: "a/x".into(),
            old_path: Some("a/x".into()),
            source: "p.patch".into(),
            text: "--- a/a/x\n+++ b/a/x\n@@ -7 +7 @@ fn f\n-a\n+b\n".into(),
            whole: None,
        };
        let stderr = "error: patch failed: a/x:7\nhint: no\nerror: a/x: patch does not apply\n";
        let text = explain(&section, stderr);
        assert!(
            text.starts_with("p.patch: a/x\n  a/x: hunk 1 of 1 (@@ -7 +7 @@ fn f)"),
            "{text}"
        );
        assert!(!text.contains("hint"));
    }
}
