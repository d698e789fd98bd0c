//! The program that compiles the inputs, built against the tree with faults.

use crate::cargo;
use crate::ci::succeed;
use crate::pins::Pins;
use crate::project::Project;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Its source.
pub const SOURCE: &str = "xtask/replay-probe/src/main.rs";

/// How it uses the pinned crates.
const DEPENDENCIES: &[(&str, &[&str])] = &[
    ("cranelift-codegen", &["arm64", "gc-verifier", "x86"]),
    ("cranelift-reader", &[]),
    (
        "wasmtime",
        &[
            "all-arch",
            "cranelift",
            "gc",
            "gc-copying",
            "gc-drc",
            "gc-null",
            "gc-verifier",
            "runtime",
            "std",
            "threads",
            "wat",
        ],
    ),
];

/// Builds it, in a workspace and a target directory of its own.
pub fn build(project: &Project, tree: &Path) -> Result<PathBuf> {
    let scratch = project.scratch("faults");
    let dir = scratch.join("probe");
    fs_err::create_dir_all(&dir)?;
    let pins = Pins::load(&project.pins())?;
    let text = manifest(project, &pins, tree)?;
    let path = dir.join("Cargo.toml");
    // Written again, it would look changed to cargo.
    if !path.exists() || fs_err::read_to_string(&path)? != text {
        fs_err::write(&path, text)?;
    }
    let lock = project.root().join("Cargo.lock");
    if lock.exists() {
        fs_err::copy(lock, dir.join("Cargo.lock"))?;
    }
    cargo::resolve(&dir)?;
    let target = scratch.join("target");
    eprintln!("replay: building the probe");
    succeed(
        cargo::command(&dir)
            .args(["build", "--release", "--offline", "--target-dir"])
            .arg(&target),
    )?;
    Ok(target.join("release/replay-probe"))
}

fn manifest(project: &Project, pins: &Pins, tree: &Path) -> Result<String> {
    let source = project.root().join(SOURCE);
    let verifier = project.root().join("cranelift-gc-verifier");
    let mut text = format!(
        "[workspace]\n\
         [package]\nname = \"replay-probe\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [[bin]]\nname = \"replay-probe\"\npath = {source:?}\n\
         # Assertions would trip over the faults first.\n\
         [profile.release]\nopt-level = 1\ndebug = false\ndebug-assertions = false\n\
         [dependencies]\n\
         cranelift-gc-verifier = {{ path = {verifier:?} }}\n"
    );
    for (name, features) in DEPENDENCIES {
        let pin = pins.crates.iter().find(|pin| pin.name == *name);
        let pin = pin.with_context(|| format!("xtask/pins.toml does not pin {name}"))?;
        let defaults = *name != "wasmtime";
        writeln!(
            text,
            "{name} = {{ version = \"={}\", default-features = {defaults}, \
             features = {features:?} }}",
            pin.version
        )?;
    }
    text.push_str("[patch.crates-io]\n");
    for pin in &pins.crates {
        let path = tree.join(&pin.path);
        writeln!(text, "{} = {{ path = {path:?} }}", pin.name)?;
    }
    Ok(text)
}
