//! Cargo, started from within cargo.

use crate::base::project::Project;
use anyhow::{Context, Result, ensure};
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::process::{Command, Stdio};

/// The profile of a program that is built against trees that change. It is built again for each of them: what a
/// change does not touch is to be kept, and what comes of it does not depend on optimization. An assertion would
/// hide what the verifier says.
pub const BUILT_OFTEN: &str = "\
[profile.release]
opt-level = 1
debug = false
debug-assertions = false
incremental = true
codegen-units = 256
[profile.release.build-override]
opt-level = 1
";

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

/// The subcommand `args[0]` of cargo in `dir`, which is compiled on the base of the project.
///
/// Another base than the default may ask for a newer compiler than there is. What it uses of the
/// language is what decides.
pub fn build_command(project: &Project, dir: &Path, args: &[&str]) -> Command {
    let mut command = command(dir);
    command.args(args);
    if project.base().is_some() {
        command.arg("--ignore-rust-version");
        command.env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "allow");
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
        // The lock file that the directory was given is the project's: whatever it says is meant.
        command.env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "allow");
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

/// Builds the generated workspace in `dir`, which `manifest` describes, with the project's versions of
/// everything, into the target directory `target`.
pub fn build_generated(project: &Project, dir: &Path, manifest: &str, target: &Path) -> Result<()> {
    fs_err::create_dir_all(dir)?;
    let path = dir.join("Cargo.toml");
    // Written again, it would look changed to cargo.
    if !path.exists() || fs_err::read_to_string(&path)? != manifest {
        fs_err::write(&path, manifest)?;
    }
    let lock = project.lock_file();
    if lock.exists() {
        fs_err::copy(lock, dir.join("Cargo.lock"))?;
    }
    resolve(dir)?;
    let args = ["build", "--release", "--offline"];
    let mut command = build_command(project, dir, &args);
    succeed(command.arg("--target-dir").arg(target))
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

/// Runs a command that must succeed; its output is the user's.
pub fn succeed(command: &mut Command) -> Result<()> {
    let dir = command.get_current_dir().map(Path::to_path_buf);
    let status = command.status();
    let words: Vec<_> = std::iter::once(OsStr::new(name(command)))
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let line = words.join(" ");
    let status = status.with_context(|| format!("cannot start `{line}`"))?;
    let place = dir.map_or(String::new(), |dir| format!(" in {}", dir.display()));
    ensure!(status.success(), "`{line}`{place} failed ({status})");
    Ok(())
}

/// The program's name without its path.
fn name(command: &Command) -> &str {
    Path::new(command.get_program())
        .file_stem()
        .and_then(OsStr::to_str)
        .unwrap_or("?")
}
