//! Puts the ISLE rules of the optimizer into the program, so that it can show the rule that it names, the examples of
//! each check, and the versions of what it is built on.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=CLIF_GC_CRANELIFT");
    let cranelift = std::env::var_os("CLIF_GC_CRANELIFT").map(PathBuf::from);
    let cranelift = cranelift.unwrap_or_else(|| {
        let here = std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it");
        Path::new(&here).join("../upstream/cranelift/codegen")
    });
    tell_version("CRANELIFT", &cranelift);
    tell_version("WASMTIME", &cranelift.join("../../crates/wasmtime"));
    include("isle.rs", &cranelift.join("src/opts"), "isle", "src/opts/");
    include("examples.rs", Path::new("src/explain"), "clif", "");
}

/// Write a list of the files in `directory` with this extension to `list`: of each its name, after `prefix`, and its text.
fn include(list: &str, directory: &Path, extension: &str, prefix: &str) {
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| std::path::absolute(entry.ok()?.path()).ok())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    let mut source = String::from("&[\n");
    for file in files {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        println!("cargo::rerun-if-changed={}", file.display());
        writeln!(
            source,
            "    ({:?}, include_str!({:?})),",
            format!("{prefix}{name}"),
            file.to_string_lossy()
        )
        .expect("writing to a string does not fail");
    }
    source.push_str("]\n");
    let out = std::env::var_os("OUT_DIR").expect("cargo sets it");
    std::fs::write(Path::new(&out).join(list), source).expect("the file can be written");
}

/// Hand the version of the crate in this directory to the compiler.
fn tell_version(name: &str, directory: &Path) {
    let manifest = directory.join("Cargo.toml");
    println!("cargo::rerun-if-changed={}", manifest.display());
    let text = std::fs::read_to_string(manifest).unwrap_or_default();
    let mut versions = text.lines().filter_map(|line| {
        let version = line.strip_prefix("version = \"")?;
        version.strip_suffix('"')
    });
    let version = versions.next().unwrap_or("of an unknown version");
    println!("cargo::rustc-env=CLIF_GC_{name}_VERSION={version}");
}
