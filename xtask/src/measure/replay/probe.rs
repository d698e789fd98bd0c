//! The program that compiles the inputs, built against the tree with faults.

use crate::base::cargo;
use crate::base::project::Project;
use crate::upstream::pins::Pins;
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Its source.
pub const SOURCE: &str = "xtask/probes/replay/src/main.rs";

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
    let pins = Pins::load(&project.pins())?;
    let manifest = manifest(project, &pins, tree)?;
    let target = scratch.join("target");
    eprintln!("replay: building the probe");
    cargo::build_generated(project, &scratch.join("probe"), &manifest, &target)?;
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
