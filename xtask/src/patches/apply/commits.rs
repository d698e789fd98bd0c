//! `--commits`: each patch becomes a commit of the checkout, and the verifier with its filetests another.
//!
//! The commits are made with an index of their own. The branch and the work tree move once, at the end, so
//! that a run that fails or is killed leaves the checkout as it was.

use super::changes::Changes;
use super::layout::Layout;
use super::{merge, place};
use crate::base::failpoint::failpoint;
use crate::base::git::{self, Git};
use crate::base::project::Project;
use crate::upstream::stamp::Stamp;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The last commit: what no patch adds.
const VERIFIER: &str = "cranelift: Add the GC verifier and its filetests

The series before gives Cranelift a facade for a verifier of GC references.
This is the verifier, as a crate of its own, the runner of its filetests, and
the filetests. `gc_verifier` can be set in all filetests, with `--set` in
clif-util and with `-C cranelift-gc-verifier` in wasmtime.
";

/// Makes the commits.
pub fn run(
    project: &Project,
    checkout: &Path,
    layout: &Layout,
    upstream: &Git,
    stamp: &Stamp,
) -> Result<()> {
    let mut changes = Changes::of(checkout);
    let mut branch = Branch::at_head(project, checkout)?;
    let old = branch.commit.clone();
    let patches = upstream.commits(&stamp.base, &stamp.head)?;
    let mut parent = stamp.base.as_str();
    let mut author = Author::of(upstream, &stamp.head)?;
    for patch in &patches {
        let message = upstream.run(["log", "-1", "--format=%B", patch])?;
        let subject = message.lines().next().unwrap_or_default();
        merge::series(project, upstream, (parent, patch), &mut changes)
            .with_context(|| format!("`{subject}` does not apply"))?;
        author = Author::of(upstream, patch)?;
        branch.commit(&changes, message.trim_end(), &author)?;
        parent = patch;
    }
    place::all(project, layout, &mut changes)?;
    branch.commit(&changes, VERIFIER.trim_end(), &author)?;
    branch.check_out()?;
    eprintln!(
        "apply: made {} commits; `git reset --keep {old}` takes them out",
        patches.len() + 1
    );
    Ok(())
}

/// Who wrote a commit, and when.
struct Author {
    name: String,
    email: String,
    date: String,
}

impl Author {
    fn of(git: &Git, commit: &str) -> Result<Self> {
        let field = |format: &str| -> Result<String> {
            let text = git.run(["log", "-1", &format!("--format={format}"), commit])?;
            Ok(text.trim_end().to_string())
        };
        Ok(Self {
            name: field("%an")?,
            email: field("%ae")?,
            date: field("%aI")?,
        })
    }
}

/// Commits on top of the checkout's, which are not checked out yet.
struct Branch<'a> {
    checkout: &'a Path,
    scratch: PathBuf,
    index: String,
    commit: String,
    /// What the commits so far wrote.
    written: BTreeMap<String, Vec<u8>>,
}

impl<'a> Branch<'a> {
    fn at_head(project: &Project, checkout: &'a Path) -> Result<Self> {
        let scratch = project.scratch("patches-apply");
        fs_err::create_dir_all(&scratch)?;
        let index = scratch.join("index");
        if index.exists() {
            fs_err::remove_file(&index)?;
        }
        let index = index.to_str().context("a path is not UTF-8")?.to_string();
        let head = git::in_project(checkout, ["rev-parse", "--verify", "HEAD"])?;
        let branch = Self {
            checkout,
            scratch,
            index,
            commit: head.trim_end().into(),
            written: BTreeMap::new(),
        };
        branch.git(&[], &["read-tree", "HEAD"])?;
        Ok(branch)
    }

    /// Git with the index of these commits.
    fn git(&self, variables: &[(&str, &str)], args: &[&str]) -> Result<String> {
        let index = [("GIT_INDEX_FILE", self.index.as_str())];
        let output = git::in_project_as(self.checkout, &[&index, variables].concat(), args)?;
        Ok(output.trim_end().to_string())
    }

    /// Commits what was changed since the last commit.
    fn commit(&mut self, changes: &Changes, message: &str, author: &Author) -> Result<()> {
        for (path, text) in changes.so_far() {
            if self.written.get(path).is_some_and(|old| old == text) {
                continue;
            }
            self.add(path, text)?;
            self.written.insert(path.into(), text.into());
        }
        let subject = message.lines().next().unwrap_or_default();
        let tree = self.git(&[], &["write-tree"])?;
        let old = self.git(&[], &["rev-parse", &format!("{}^{{tree}}", self.commit)])?;
        ensure!(tree != old, "`{subject}` changes nothing in the tree");
        let variables = [
            ("GIT_AUTHOR_NAME", author.name.as_str()),
            ("GIT_AUTHOR_EMAIL", &author.email),
            ("GIT_AUTHOR_DATE", &author.date),
            ("GIT_COMMITTER_DATE", &author.date),
        ];
        let args = ["commit-tree", &tree, "-p", &self.commit, "-m", message];
        self.commit = self.git(&variables, &args)?;
        Ok(())
    }

    /// Puts a file into the index.
    fn add(&self, path: &str, text: &[u8]) -> Result<()> {
        let file = self.scratch.join("content");
        fs_err::write(&file, text)?;
        let file = file.to_str().context("a path is not UTF-8")?;
        let object = self.git(&[], &["hash-object", "-w", "--no-filters", file])?;
        let old = self.git(&[], &["ls-files", "--stage", "--", path])?;
        let mode = old.split(' ').next().filter(|mode| !mode.is_empty());
        let entry = format!("{},{object},{path}", mode.unwrap_or("100644"));
        self.git(&[], &["update-index", "--add", "--cacheinfo", &entry])?;
        Ok(())
    }

    /// Moves the branch of the checkout, and its work tree.
    fn check_out(self) -> Result<()> {
        failpoint("committed");
        git::in_project(
            self.checkout,
            ["merge", "--quiet", "--ff-only", &self.commit],
        )?;
        Ok(())
    }
}
