//! What a build of `clif-gc` says about the corpus.

use super::corpus::{self, Corpus};
use super::marks;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

/// How the programs are run.
pub struct Runner<'a> {
    /// The project's directory.
    pub root: &'a Path,
    /// The inputs.
    pub corpus: &'a Corpus,
    /// Whether rewrites are judged that are about no reference.
    pub all_rewrites: bool,
    /// Targets besides those of the inputs.
    pub targets: &'a [String],
    /// How many files at once.
    pub jobs: Option<usize>,
}

impl Runner<'_> {
    /// What `verify` says.
    ///
    /// # Errors
    ///
    /// If the program fails, or says what is not understood.
    pub fn verify(&self, program: &Path, marks: Option<&Path>) -> Result<Value> {
        let mut command = Command::new(program);
        command.args(["verify", "--format", "json", "--rewrites"]);
        if self.all_rewrites {
            command.arg("--all-rewrites");
        }
        for target in self.targets {
            command.args(["--target", target]);
        }
        if let Some(jobs) = self.jobs {
            command.args(["--jobs", &jobs.to_string()]);
        }
        if let Some(marks) = marks {
            command.env(marks::VARIABLE, marks);
        }
        command.arg("--").args(&self.corpus.paths);
        let output = self.output(&mut command)?;
        let value: Value = json(&output, program)?;
        ensure!(
            value["files"].is_array(),
            "{} tells no files",
            program.display()
        );
        Ok(value)
    }

    /// Whether each filetest passes.
    pub fn filetests(&self, program: &Path) -> Result<BTreeMap<String, bool>> {
        if !self
            .corpus
            .paths
            .iter()
            .any(|path| path == corpus::FILETESTS)
        {
            return Ok(BTreeMap::new());
        }
        let mut command = Command::new(program);
        command.args(["test", "--format", "json", corpus::FILETESTS]);
        let value = json(&self.output(&mut command)?, program)?;
        let tests = value["tests"].as_array().context("no filetest was run")?;
        let pass = |test: &Value| {
            let path = test["path"].as_str().unwrap_or_default().to_string();
            (path, test["passed"] == true)
        };
        Ok(tests.iter().map(pass).collect())
    }

    /// What `compare` says of two results.
    pub fn compare(&self, program: &Path, old: &Path, new: &Path) -> Result<Value> {
        let mut command = Command::new(program);
        command
            .args(["compare", "--format", "json"])
            .arg(old)
            .arg(new);
        json(&self.output(&mut command)?, program)
    }

    /// The shortest time, in seconds, in which each program compiles the project's modules, tried in turn.
    pub fn times(&self, programs: [&PathBuf; 2], rounds: usize) -> Result<[f64; 2]> {
        let mut best = [f64::INFINITY; 2];
        for _ in 0..rounds {
            for (program, best) in programs.iter().zip(&mut best) {
                let mut command = Command::new(program);
                command.args(["verify", "--quiet", "--jobs", "1", corpus::TIMED]);
                let start = Instant::now();
                self.output(&mut command)?;
                *best = best.min(start.elapsed().as_secs_f64());
            }
        }
        Ok(best)
    }

    fn output(&self, command: &mut Command) -> Result<Output> {
        let name = command.get_program().to_os_string();
        command
            .current_dir(self.root)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot run {}", name.display()))
    }
}

fn json(output: &Output, program: &Path) -> Result<Value> {
    serde_json::from_slice(&output.stdout).with_context(|| {
        format!(
            "{} failed ({})\n{}",
            program.display(),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        )
    })
}
