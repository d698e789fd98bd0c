//! Cargo, started from within cargo.

use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::path::Path;
use std::process::{Command, Stdio};

/// The cargo that runs this, in `dir`.
pub fn command(dir: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.current_dir(dir);
    // `cargo run` describes xtask's package in its environment; it is not the package that
    // the inner cargo works on, and build scripts can see it.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"]
            .iter()
            .any(|prefix| text.starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// Resolves the dependencies of the generated workspace in `dir` and has them downloaded, from
/// the cache alone if that is enough: cargo would ask the registry about every package that the
/// lock file does not know yet. After this `--offline` works.
pub fn resolve(dir: &Path) -> Result<()> {
    let fetch = |offline: bool| {
        let mut command = command(dir);
        command.args(["fetch", "--quiet"]);
        if let Some(host) = host() {
            command.args(["--target", &host]);
        }
        if offline {
            command.arg("--offline").stderr(Stdio::null());
        }
        let status = command.status().context("cannot start cargo")?;
        Ok::<_, anyhow::Error>(status.success())
    };
    ensure!(
        fetch(true)? || fetch(false)?,
        "the dependencies of {} could not be fetched (see cargo's message above)",
        dir.display()
    );
    Ok(())
}

/// The compiler's version text: whatever changes with it must be built anew.
pub fn rustc_version() -> Option<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| OsString::from("rustc"));
    let output = Command::new(rustc).arg("-vV").output().ok()?;
    String::from_utf8(output.stdout).ok()
}

/// The host's target triple.
pub fn host() -> Option<String> {
    let version = rustc_version()?;
    let line = version.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_string)
}
