//! cargo-fuzz and the nightly compiler that it needs.

use crate::base::cargo;
use crate::base::cargo::succeed;
use crate::base::project::Project;
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// The version of cargo-fuzz that this was made with.
const CARGO_FUZZ: &str = "0.13.2";

/// Says what is missing.
pub fn check(project: &Project) -> Result<()> {
    let works = |args: &[&str]| {
        let mut command = nightly(project);
        command
            .args(args)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.status().is_ok_and(|status| status.success())
    };
    ensure!(
        works(&["--version"]),
        "fuzzing needs a nightly compiler: `rustup toolchain install nightly --profile minimal`"
    );
    ensure!(
        works(&["fuzz", "--version"]),
        "fuzzing needs cargo-fuzz: `cargo install cargo-fuzz --version {CARGO_FUZZ} --locked`"
    );
    Ok(())
}

/// Builds all targets; the directory that they are in.
pub fn build(project: &Project, sanitizer: &str) -> Result<PathBuf> {
    let host = cargo::host().context("the compiler does not say what its host is")?;
    let mut command = nightly(project);
    command.args(["fuzz", "build", "--sanitizer", sanitizer, "--target", &host]);
    succeed(&mut command)?;
    let target = project.root().join("fuzz/target");
    Ok(target.join(host).join("release"))
}

/// The nightly cargo, in the project's directory.
fn nightly(project: &Project) -> Command {
    let mut command = Command::new("rustup");
    command.args(["run", "nightly", "cargo"]);
    command.current_dir(project.root());
    // They name the compiler that runs this, and where its output goes.
    for name in [
        "CARGO",
        "RUSTC",
        "RUSTDOC",
        "RUSTUP_TOOLCHAIN",
        "CARGO_TARGET_DIR",
    ] {
        command.env_remove(name);
    }
    command
}
