//! The programs that make inputs and judge them.

use super::outcome::Outcome;
use super::source::Source;
use crate::base::cargo::succeed;
use crate::base::project::Project;
use crate::launch;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// `clif-gc`, its example `inputs`, and where they work.
#[derive(Debug)]
pub struct Inputs {
    clif_gc: PathBuf,
    inputs: PathBuf,
    root: PathBuf,
    scratch: PathBuf,
}

/// Modules and functions are judged in all of these, for x86_64 and aarch64 unless a `.clif` file has
/// targets of its own.
const CONFIGURATIONS: [&str; 3] = ["--collector=all", "--opt-level=none", "--opt-level=speed"];

impl Inputs {
    /// Builds the programs, and clears the directory for inputs.
    pub fn build(project: &Project) -> Result<Self> {
        let scratch = project.scratch("false-alarms");
        if scratch.exists() {
            fs_err::remove_dir_all(&scratch)?;
        }
        fs_err::create_dir_all(&scratch)?;
        Ok(Self {
            clif_gc: launch::build(project, &["--bin", "clif-gc"], "clif-gc")?,
            inputs: launch::build(project, &["--example", "inputs"], "inputs")?,
            root: project.root().to_path_buf(),
            scratch,
        })
    }

    /// Has inputs written into a new directory of that name.
    pub fn write(&self, name: &str, kind: &str, numbers: &[u64]) -> Result<PathBuf> {
        let directory = self.scratch.join(name);
        let mut command = Command::new(&self.inputs);
        command.arg(kind).arg(&directory);
        command.args(numbers.iter().map(u64::to_string));
        succeed(&mut command)?;
        Ok(directory)
    }

    /// Has the functions of these modules written as CLIF into a new directory of that name.
    pub fn emit(&self, name: &str, modules: &[PathBuf]) -> Result<PathBuf> {
        let directory = self.scratch.join(name);
        let status = Command::new(&self.clif_gc)
            .args(["verify", "--quiet", "--embedding=strict", "--emit-clif"])
            .arg(&directory)
            .args(modules)
            .stdout(Stdio::null())
            .status()
            .context("cannot start clif-gc")?;
        ensure!(status.success(), "clif-gc could not emit CLIF ({status})");
        Ok(directory)
    }

    /// Has a source judged: each large file by itself, so that memory holds one report at a time.
    pub fn verify(&self, source: &Source, timeout: u64) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let batches: Vec<&[PathBuf]> = match source.one_by_one {
            true => source.paths.chunks(1).collect(),
            false => vec![&source.paths],
        };
        for batch in batches {
            if let [path] = batch {
                eprintln!("false-alarms: {}: {}", source.name, self.shown(path));
            }
            outcome.add(self.judge(source, batch, timeout)?);
        }
        Ok(outcome)
    }

    /// One run of clif-gc. Its exit code is not asked for: the report tells more.
    fn judge(&self, source: &Source, paths: &[PathBuf], timeout: u64) -> Result<Outcome> {
        let mut command = Command::new(&self.clif_gc);
        command.args(["verify", "--quiet", "--format=json"]);
        if !source.as_they_say {
            command.args(CONFIGURATIONS);
        }
        if source.all_rewrites {
            command.arg("--all-rewrites");
        }
        command.arg(format!("--timeout={timeout}"));
        let output = command
            .args(paths.iter().map(|path| self.shown(path)))
            .current_dir(&self.root)
            .stderr(Stdio::null())
            .output()
            .context("cannot start clif-gc")?;
        let what = || {
            format!(
                "clif-gc made no report of {} ({})",
                source.name, output.status
            )
        };
        Outcome::read(&output.stdout).with_context(what)
    }

    /// Below the project's directory, a path is relative: no report should tell where that is.
    fn shown(&self, path: &Path) -> String {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        path.display().to_string()
    }
}
