//! The pinned `.crate` files, from cargo's registry cache.
//!
//! What is there is used as it is: the cache may be read-only and the machine offline. What is
//! missing is left to `cargo fetch`, which knows the user's mirrors, proxies and credentials.

use crate::base::cargo;
use crate::base::hex::hex;
use crate::base::project::Project;
use crate::upstream::pins::{Pin, Pins};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A `.crate` file whose checksum is the pinned one.
#[derive(Debug)]
pub struct Archive<'a> {
    /// Which crate it is.
    pub pin: &'a Pin,
    /// The gzipped tar file.
    pub bytes: Vec<u8>,
}

/// Finds all pinned crates, downloading what is not there.
pub fn archives<'a>(project: &Project, pins: &'a Pins) -> Result<Vec<Archive<'a>>> {
    let home = cargo_home()?;
    let missing = missing(&home, pins)?;
    if !missing.is_empty() {
        fetch(project, &home, &missing)?;
    }
    let archives = pins.crates.iter().map(|pin| {
        find(&home, pin)?.with_context(|| {
            format!(
                "cargo fetched {}, but no {}.crate is in {}; \
                 crates from a vendored directory cannot be used",
                pin.name,
                pin.stem(),
                home.join("registry/cache").display()
            )
        })
    });
    archives.collect()
}

fn missing<'a>(home: &Path, pins: &'a Pins) -> Result<Vec<&'a Pin>> {
    let mut missing = Vec::new();
    for pin in &pins.crates {
        if find(home, pin)?.is_none() {
            missing.push(pin);
        }
    }
    Ok(missing)
}

fn cargo_home() -> Result<PathBuf> {
    if let Some(home) = std::env::var_os("CARGO_HOME").filter(|home| !home.is_empty()) {
        return std::path::absolute(home).context("CARGO_HOME is not a path");
    }
    let home = std::env::home_dir().context("neither CARGO_HOME nor a home directory is set")?;
    Ok(home.join(".cargo"))
}

/// The crate's file in the cache of any registry (a mirror has a directory of its own).
fn find<'a>(home: &Path, pin: &'a Pin) -> Result<Option<Archive<'a>>> {
    let cache = home.join("registry/cache");
    if !cache.is_dir() {
        return Ok(None);
    }
    let mut wrong = None;
    for registry in fs_err::read_dir(&cache)? {
        let path = registry?.path().join(format!("{}.crate", pin.stem()));
        if !path.is_file() {
            continue;
        }
        let bytes = fs_err::read(&path)?;
        let actual = hex(&Sha256::digest(&bytes));
        if actual == pin.sha256 {
            return Ok(Some(Archive { pin, bytes }));
        }
        wrong = Some((path, actual));
    }
    if let Some((path, actual)) = wrong {
        bail!(
            "checksum mismatch for {} {}\n  expected {} (xtask/pins.toml)\n  found    {actual} \
             ({})\nif the file is damaged, delete it and run this again",
            pin.name,
            pin.version,
            pin.sha256,
            path.display()
        );
    }
    Ok(None)
}

/// Has cargo download the missing crates, by way of a package that depends on them.
fn fetch(project: &Project, home: &Path, missing: &[&Pin]) -> Result<()> {
    let dir = project.scratch("xtask-fetch");
    if dir.exists() {
        fs_err::remove_dir_all(&dir)?;
    }
    fs_err::create_dir_all(dir.join("src"))?;
    fs_err::write(dir.join("src/lib.rs"), "")?;
    fs_err::write(dir.join("Cargo.toml"), manifest(missing))?;
    // With the project's versions of everything else, nothing is downloaded that its build
    // does not need.
    let lock = project.lock_file();
    if lock.exists() {
        fs_err::copy(lock, dir.join("Cargo.lock"))?;
    }

    eprintln!("bootstrap: fetching {}", list(missing));
    let mut command = cargo::command(&dir);
    command.arg("fetch");
    command.env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "allow");
    if let Some(host) = cargo::host() {
        command.args(["--target", &host]);
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| {
            format!(
                "{} not in {} and cargo could not be started to fetch them",
                list(missing),
                home.display()
            )
        })?;
    // Shown as it comes, since a download takes its time, and kept to be explained.
    let mut log = String::new();
    let stderr = child.stderr.take().expect("standard error is piped");
    for line in BufReader::new(stderr).lines() {
        let line = line.context("cannot read cargo's messages")?;
        eprintln!("{line}");
        writeln!(log, "{line}").expect("a string can be written to");
    }
    if !child.wait()?.success() {
        bail!(explain(&log, home, missing));
    }
    fs_err::remove_dir_all(&dir)?;
    Ok(())
}

fn manifest(pins: &[&Pin]) -> String {
    let mut text = String::from(
        "[workspace]\n[package]\nname = \"xtask-fetch\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [dependencies]\n",
    );
    for Pin { name, version, .. } in pins {
        writeln!(
            text,
            "{name} = {{ version = \"={version}\", default-features = false }}"
        )
        .expect("a string can be written to");
    }
    text
}

/// Says what a failed `cargo fetch` means here.
fn explain(log: &str, home: &Path, missing: &[&Pin]) -> String {
    let has = |needles: &[&str]| needles.iter().any(|needle| log.contains(needle));
    let absent = format!("{} not in {}", list(missing), home.display());
    // Offline, cargo reports unknown versions in the same words as for a pin that is wrong.
    if has(&["--offline", "offline mode", "net.offline"]) {
        return format!("{absent}, and cargo is offline; go online once, or copy the cache");
    }
    if has(&["Permission denied", "Read-only file system"]) {
        return format!("{absent}, and the directory cannot be written to");
    }
    let named = missing
        .iter()
        .find(|pin| log.contains(&format!("`{}`", pin.name)) || names(log, pin));
    if has(&[
        "failed to select a version for the requirement",
        "no matching package",
        "is yanked",
    ]) && let Some(pin) = named
    {
        return format!(
            "the pin `{} ={}` does not exist in the registry; correct it in xtask/pins.toml",
            pin.name, pin.version
        );
    }
    format!("{absent}, and the registry could not be reached (see cargo's message above)")
}

fn names(log: &str, pin: &Pin) -> bool {
    log.contains(&format!("`{} = ", pin.name))
}

fn list(pins: &[&Pin]) -> String {
    let stems: Vec<_> = pins.iter().map(|pin| pin.stem()).collect();
    stems.join(", ")
}

/// The cargo feature that everything in the series is behind.
pub const FEATURE: &str = "gc-verifier";

/// Whether the crate in `dir` has the feature of the series.
pub fn has_feature(dir: &Path) -> Result<bool> {
    let path = dir.join("Cargo.toml");
    let manifest: toml::Table = fs_err::read_to_string(&path)?
        .parse()
        .with_context(|| format!("{} is not a manifest", path.display()))?;
    let features = manifest.get("features").and_then(|value| value.as_table());
    Ok(features.is_some_and(|features| features.contains_key(FEATURE)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(log: &str) -> String {
        let pin = |name: &str| Pin {
            name: name.into(),
            version: "9.9.9".into(),
            path: name.into(),
            sha256: String::new(),
        };
        let (one, two) = (pin("one"), pin("two"));
        explain(log, Path::new("/home"), &[&one, &two])
    }

    #[test]
    fn failures_of_cargo_are_told_apart() {
        let select = "error: failed to select a version for the requirement `two = \"=9.9.9\"`\n\
                      candidate versions found which didn't match: 1.0.0";
        for (log, expected) in [
            (select.to_string(), "the pin `two =9.9.9` does not exist"),
            (
                format!("{select}\nAs a reminder, you're using offline mode (--offline)"),
                "cargo is offline",
            ),
            (
                "error: no matching package named `one` found".into(),
                "the pin `one =9.9.9` does not exist",
            ),
            (
                "error: download of config.json failed\nCould not resolve host".into(),
                "one-9.9.9, two-9.9.9 not in /home, and the registry could not be reached",
            ),
            (
                "error: failed to write: Read-only file system (os error 30)".into(),
                "cannot be written to",
            ),
        ] {
            let text = explained(&log);
            assert!(text.contains(expected), "{text}");
        }
    }
}
