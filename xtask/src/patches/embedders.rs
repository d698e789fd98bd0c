//! `cargo xtask embedders`: builds the projects in tests/embedders/ as a user does, and runs them.
//!
//! They are copied beside a directory that `cargo xtask vendor` made, and take everything patched from there.
//! A project in which one of the patches was forgotten must not be built; what cargo says has to name it.

use super::vendor;
use crate::base::cargo;
use crate::base::project::Project;
use crate::upstream::pins::Pins;
use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A project, and what it prints.
struct Embedder {
    name: &'static str,
    prints: &'static [&'static str],
}

const EMBEDDERS: [Embedder; 2] = [
    Embedder {
        name: "jit",
        prints: &["refused in egraph: GCV08", "43"],
    },
    Embedder {
        name: "wasmtime",
        prints: &["functions verified", "5050"],
    },
];

/// The patch without which cargo finds nothing amiss: nobody asks its crate for a feature. The compiler does.
const WITHOUT_FEATURE: &str = "cranelift-isle";

/// The versions that the manifests name.
const VERSIONS: [&str; 2] = ["0.135.8", "48.0.8"];

/// Vendors the crates, and builds and runs each project.
///
/// # Errors
///
/// If one is not built, or prints something else, or if one that lacks a patch is resolved all the same.
pub fn run(project: &Project) -> Result<()> {
    let dir = project.scratch("embedders");
    vendor::make(project, &dir.join("vendored"))?;
    let versions = versions(project)?;
    for embedder in &EMBEDDERS {
        let place = copy(project, embedder, &dir, &versions)?;
        let manifest = fs_err::read_to_string(place.join("Cargo.toml"))?;
        for (name, forgetful) in forgetful(&manifest) {
            let said = resolve(project, &dir, embedder, &forgetful)?;
            if name == WITHOUT_FEATURE {
                continue;
            }
            let said = said.with_context(|| {
                format!("{} is resolved without the patch of {name}", embedder.name)
            })?;
            ensure!(
                said.contains(&name),
                "without the patch of {name}, cargo does not name it:\n{said}"
            );
            eprintln!("embedders: {} without {name} is refused", embedder.name);
        }
        cargo::resolve(&place)?;
        let args = ["run", "--offline", "--quiet"];
        let mut command = cargo::build_command(project, &place, &args);
        command.arg("--target-dir").arg(dir.join("target"));
        let output = command.stderr(Stdio::inherit()).output()?;
        let printed = String::from_utf8_lossy(&output.stdout);
        print!("{printed}");
        let is_right = printed.lines().count() == embedder.prints.len()
            && (printed.lines().zip(embedder.prints)).all(|(line, end)| line.ends_with(end));
        ensure!(
            output.status.success() && is_right,
            "{} printed something else than {:?}",
            embedder.name,
            embedder.prints
        );
    }
    Ok(())
}

/// Those of Cranelift and of Wasmtime on this base.
fn versions(project: &Project) -> Result<[String; 2]> {
    let pins = Pins::load(&project.pins())?;
    let version = |name: &str| {
        let mut pins = pins.crates.iter();
        let pin = pins.find(|pin| pin.name == name);
        let pin = pin.with_context(|| format!("{name} is not pinned"))?;
        Ok::<_, anyhow::Error>(pin.version.clone())
    };
    Ok([version("cranelift-codegen")?, version("wasmtime")?])
}

/// Copies a project, for the versions of this base.
fn copy(
    project: &Project,
    embedder: &Embedder,
    dir: &Path,
    versions: &[String; 2],
) -> Result<PathBuf> {
    let from = project.root().join("tests/embedders").join(embedder.name);
    let to = dir.join(embedder.name);
    let mut manifest = fs_err::read_to_string(from.join("Cargo.toml"))?;
    for (old, new) in VERSIONS.iter().zip(versions) {
        manifest = manifest.replace(old, new);
    }
    write(project, &from, &to, &manifest)?;
    Ok(to)
}

/// Writes a project with the program of the one in `from`, and with this manifest.
fn write(project: &Project, from: &Path, to: &Path, manifest: &str) -> Result<()> {
    fs_err::create_dir_all(to.join("src"))?;
    fs_err::copy(from.join("src/main.rs"), to.join("src/main.rs"))?;
    fs_err::write(to.join("Cargo.toml"), manifest)?;
    // The versions that the project is tested with; a user's lock file has others.
    fs_err::copy(project.lock_file(), to.join("Cargo.lock"))?;
    Ok(())
}

/// For each patch, its name and the manifest without it.
fn forgetful(manifest: &str) -> Vec<(String, String)> {
    let mut is_patch = false;
    let mut all = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_patch = line == "[patch.crates-io]";
        } else if let (true, Some((name, _))) = (is_patch, line.split_once(" = ")) {
            all.push((name.to_string(), manifest.replace(&format!("{line}\n"), "")));
        }
    }
    all
}

/// What cargo says of a project with this manifest; `None` if it finds nothing amiss.
fn resolve(
    project: &Project,
    dir: &Path,
    embedder: &Embedder,
    manifest: &str,
) -> Result<Option<String>> {
    let place = dir.join("forgetful");
    write(project, &dir.join(embedder.name), &place, manifest)?;
    let args = ["metadata", "--offline", "--format-version", "1"];
    let output = cargo::command(&place)
        .args(args)
        .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "allow")
        .output()
        .context("cannot start cargo")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Ok((!output.status.success()).then_some(said))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_patch_is_forgotten_once() {
        let manifest = "[dependencies]\nx = \"1\"\n[patch.crates-io]\na = { path = \"a\" }\nb = { path = \"b\" }\n";
        let all = forgetful(manifest);
        let names: Vec<&str> = all.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(all[0].1.contains("b = {") && !all[0].1.contains("a = {"));
    }
}
