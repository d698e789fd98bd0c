//! `cargo clif-gc`: bootstrap, build, then become clif-gc.

use crate::base::cargo;
use crate::base::project::Project;
use crate::upstream::bootstrap::{self, LocalWork, Report};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

const PACKAGE: &str = "clif-gc";

/// How programs are built; what is selected besides them is the example that unites features.
pub const BUILD: [&str; 5] = [
    "build",
    "--release",
    "--workspace",
    "--example",
    "unite-features",
];

/// Builds clif-gc and runs it with the arguments, in the user's directory. Its standard output
/// is its own, its exit code ours.
pub fn run(project: &Project, args: &[OsString]) -> Result<ExitCode> {
    bootstrap::run(project, LocalWork::Keep, Report::Changes)?;
    let binary = build(project, &["--bin", PACKAGE], PACKAGE)?;
    let mut command = Command::new(&binary);
    command.args(args);
    become_(command).with_context(|| format!("cannot run {}", binary.display()))
}

/// What cargo says about a finished binary, among much else.
#[derive(Debug, Deserialize)]
struct Message {
    executable: Option<PathBuf>,
    target: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
}

/// Builds a program of the workspace, and asks cargo where it is: only cargo knows the target
/// directory.
pub fn build(project: &Project, target: &[&str], name: &str) -> Result<PathBuf> {
    let dir = project.workspace();
    ensure!(
        dir.join("Cargo.toml").exists(),
        "there is no Cargo.toml in {}",
        dir.display()
    );
    // NB: Cargo unites the features of the packages that are selected, and along with an example also those
    // of dev-dependencies: so the program has the features that it has in tests, and Wasmtime is built once.
    let mut child = cargo::build_command(project, &dir, &BUILD)
        .args(target)
        .arg("--message-format=json-render-diagnostics")
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start cargo")?;
    let mut binary = None;
    let stdout = child.stdout.take().expect("standard output is piped");
    for line in BufReader::new(stdout).lines() {
        let line = line.context("cannot read cargo's messages")?;
        // Most of the messages have other fields; they are of no interest.
        if let Ok(Message {
            executable: Some(path),
            target: Some(target),
        }) = serde_json::from_str(&line)
            && target.name == name
        {
            binary = Some(path);
        }
    }
    if !child.wait()?.success() {
        bail!("{name} could not be built (see cargo's message above)");
    }
    binary.with_context(|| format!("cargo built no {name}"))
}

/// Replaces this process, so that signals and exit codes need no passing on.
#[cfg(unix)]
fn become_(mut command: Command) -> Result<ExitCode> {
    use std::os::unix::process::CommandExt as _;
    Err(command.exec().into())
}

#[cfg(not(unix))]
fn become_(mut command: Command) -> Result<ExitCode> {
    let status = command.status()?;
    // Exit codes above 255 say how the process died; none of them is a verdict.
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(2)))
}
