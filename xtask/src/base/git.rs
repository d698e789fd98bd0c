//! Git, isolated from the user's configuration and from the enclosing repository.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Author of the base commit and committer of all commits that bootstrap makes. Fixed, as is
/// [`DATE`], so that the same pins and patches give the same commits on every machine.
const NAME: &str = "cargo xtask bootstrap";
const EMAIL: &str = "bootstrap@xtask.invalid";
const DATE: &str = "1700000000 +0000";

/// Settings that would change what git reads, writes or prints.
const SETTINGS: &[&str] = &[
    "core.autocrlf=false",
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=true",
    "commit.gpgSign=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "diff.suppressBlankEmpty=false",
    "diff.noprefix=false",
    "diff.mnemonicPrefix=false",
    "advice.mergeConflict=false",
    // The directory is ours, whoever owns it in a container.
    "safe.directory=*",
];

/// The git repository in a directory.
#[derive(Debug)]
pub struct Git {
    dir: PathBuf,
}

impl Git {
    /// The repository in `dir` itself, never one further up.
    pub fn at(dir: &Path) -> Self {
        Self { dir: dir.into() }
    }

    /// Makes an empty repository in `dir`, which exists.
    pub fn init(dir: &Path) -> Result<Self> {
        let git = Self::at(dir);
        git.run(["init", "--quiet", "--template=", "--initial-branch=main"])?;
        Ok(git)
    }

    /// The directory of the work tree.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Whether there is a repository.
    pub fn exists(&self) -> bool {
        self.dir.join(".git").is_dir()
    }

    fn command(&self) -> Command {
        let mut command = isolated();
        command
            .current_dir(&self.dir)
            .env("GIT_DIR", self.dir.join(".git"))
            .env("GIT_WORK_TREE", &self.dir);
        command
    }

    /// Takes over how conflicts were resolved in another repository (`git rerere`).
    pub fn take_resolutions(&self, other: &Git) -> Result<()> {
        let name = ".git/rr-cache";
        if other.dir.join(name).exists() {
            copy(&other.dir.join(name), &self.dir.join(name))?;
        }
        Ok(())
    }

    /// Lets commits that a person makes here be by the author of `commit`, so that a series has one.
    pub fn commit_as_author_of(&self, commit: &str) -> Result<()> {
        for (setting, field) in [("user.name", "%an"), ("user.email", "%ae")] {
            let value = self.run(["log", "-1", &format!("--format={field}"), commit])?;
            self.run(["config", "--local", setting, value.trim()])?;
        }
        Ok(())
    }

    /// Runs git and returns what it did, success or not.
    pub fn output<I, S>(&self, args: I) -> Result<Output>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        output(self.command().args(args))
    }

    /// Runs git and returns its standard output; failure is an error with git's message.
    pub fn run<I, S>(&self, args: I) -> Result<String>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = self.command();
        stdout(command.args(args))
    }

    /// The commit that is checked out.
    pub fn head(&self) -> Result<String> {
        self.rev_parse("HEAD")
    }

    /// The tree of a commit: equal for equal contents.
    pub fn tree(&self, commit: &str) -> Result<String> {
        self.rev_parse(&format!("{commit}^{{tree}}"))
    }

    fn rev_parse(&self, name: &str) -> Result<String> {
        let id = self.run(["rev-parse", "--verify", "--quiet", name]);
        let id = id.with_context(|| format!("{} has no {name}", self.dir.display()))?;
        Ok(id.trim_end().into())
    }

    /// Commits after `base` up to `head`, oldest first.
    pub fn commits(&self, base: &str, head: &str) -> Result<Vec<String>> {
        let list = self.run(["rev-list", "--reverse", &format!("{base}..{head}")])?;
        Ok(list.lines().map(str::to_string).collect())
    }

    /// Uncommitted changes, in `git status --short` form.
    pub fn uncommitted(&self) -> Result<String> {
        self.run(["status", "--porcelain", "--untracked-files=normal"])
    }

    /// Number of commits that only other branches, tags or the stash reach.
    pub fn commits_elsewhere(&self) -> Result<usize> {
        let list = self.run(["rev-list", "--all", "--not", "HEAD"])?;
        Ok(list.lines().count())
    }

    /// Whether a rebase, am, merge, cherry-pick or revert is under way.
    pub fn operation_under_way(&self) -> bool {
        [
            "rebase-apply",
            "rebase-merge",
            "MERGE_HEAD",
            "CHERRY_PICK_HEAD",
            "REVERT_HEAD",
        ]
        .iter()
        .any(|name| self.dir.join(".git").join(name).exists())
    }
}

/// Copies a directory; what is there already stays.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &to)?;
        } else if !to.exists() {
            fs_err::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Runs git in `dir` with the user's view of the repository around it, for the questions that
/// are about the project and not about upstream/.
pub fn in_project<const N: usize>(dir: &Path, args: [&str; N]) -> Result<String> {
    stdout(isolated().current_dir(dir).args(args))
}

/// [`in_project`] with variables of git's own, such as who the author of a commit is.
pub fn in_project_as(dir: &Path, variables: &[(&str, &str)], args: &[&str]) -> Result<String> {
    let mut command = isolated();
    command.envs(variables.iter().copied());
    stdout(command.current_dir(dir).args(args))
}

/// What identifies the change that a patch makes: neither its message nor its place in the files.
pub fn patch_id(patch: &str) -> Result<String> {
    let mut command = isolated();
    let mut child = command
        .args(["patch-id", "--stable"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("git could not be started")?;
    let mut input = child.stdin.take().expect("standard input is piped");
    input.write_all(patch.as_bytes())?;
    drop(input);
    let output = child.wait_with_output()?;
    let text = String::from_utf8(output.stdout).context("git's output is not UTF-8")?;
    let id = text.split(' ').next().filter(|id| !id.is_empty());
    Ok(id.context("the patch changes nothing")?.to_string())
}

fn isolated() -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    command
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .env("GIT_ATTR_NOSYSTEM", "1")
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_AUTHOR_NAME", NAME)
        .env("GIT_AUTHOR_EMAIL", EMAIL)
        .env("GIT_AUTHOR_DATE", DATE)
        .env("GIT_COMMITTER_NAME", NAME)
        .env("GIT_COMMITTER_EMAIL", EMAIL)
        .env("GIT_COMMITTER_DATE", DATE)
        // Messages are parsed.
        .env("LC_ALL", "C");
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command
}

fn stdout(command: &mut Command) -> Result<String> {
    let output = output(command)?;
    if !output.status.success() {
        let args: Vec<_> = command
            .get_args()
            .skip(2 * SETTINGS.len())
            .map(|arg| arg.to_string_lossy())
            .collect();
        bail!(
            "`git {}` failed ({})\n{}",
            args.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout).context("git's output is not UTF-8")
}

fn output(command: &mut Command) -> Result<Output> {
    command.output().map_err(|error| match error.kind() {
        // A missing work directory gives the same error kind.
        ErrorKind::NotFound if command.get_current_dir().is_none_or(Path::is_dir) => {
            anyhow::anyhow!("git is not installed, or not on PATH; install it and run this again")
        }
        _ => anyhow::Error::new(error).context("git could not be started"),
    })
}
