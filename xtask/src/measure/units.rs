//! Whether what `cargo clif-gc` builds is what `cargo xtask test` builds, so that nothing is built twice.
//!
//! Cargo says what it would build, and with which features (`--unit-graph`), without building anything.

use crate::base::cargo;
use crate::base::project::Project;
use crate::launch;
use crate::upstream::bootstrap::{self, LocalWork, Report};
use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Demands it.
pub fn run(project: &Project) -> Result<()> {
    bootstrap::run(project, LocalWork::Keep, Report::Changes)?;
    let tests = graph(project, &["test", "--release", "--workspace"])?;
    let program = graph(
        project,
        &[&launch::BUILD[..], &["--bin", "clif-gc"]].concat(),
    )?;
    let twice = twice(&tests, &program);
    if !twice.is_empty() {
        bail!(
            "{} packages have other features in tests than in clif-gc, and are built twice:\n{}",
            twice.len(),
            twice.join("\n")
        );
    }
    let is_there = program
        .keys()
        .any(|unit| unit.contains("wasmtime-internal-cranelift"));
    ensure!(is_there, "clif-gc does not seem to depend on Wasmtime");
    eprintln!("units: {} packages are built once", program.len());
    Ok(())
}

/// The features that a package is built with; more than one set of them if it is built for several.
type Units = BTreeMap<String, BTreeSet<Vec<String>>>;

#[derive(Debug, Deserialize)]
struct Graph {
    units: Vec<Unit>,
}

#[derive(Debug, Deserialize)]
struct Unit {
    pkg_id: String,
    mode: String,
    target: Target,
    features: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Target {
    kind: Vec<String>,
}

fn graph(project: &Project, args: &[&str]) -> Result<Units> {
    let mut command = cargo::build_command(project, &project.workspace(), args);
    command.args(["--locked", "--unit-graph", "-Zunstable-options"]);
    // The option is one of unstable cargo; what it prints decides nothing that is built.
    command.env("RUSTC_BOOTSTRAP", "1");
    let output = command.output().context("cannot start cargo")?;
    ensure!(
        output.status.success(),
        "cargo does not tell what it would build:\n{}",
        String::from_utf8_lossy(&output.stderr).trim_end()
    );
    let graph = serde_json::from_slice(&output.stdout);
    Ok(units(
        graph.context("cargo's graph of units is not understood")?,
    ))
}

fn units(graph: Graph) -> Units {
    let mut units = Units::new();
    let built = graph.units.into_iter().filter(|unit| unit.mode == "build");
    for unit in built {
        let kind = unit.target.kind.join(" ");
        let features = units
            .entry(format!("{} ({kind})", unit.pkg_id))
            .or_default();
        features.insert(unit.features);
    }
    units
}

/// What the program needs with features that the tests do not need it with.
fn twice(tests: &Units, program: &Units) -> Vec<String> {
    let mut twice = Vec::new();
    for (unit, features) in program {
        let Some(of_tests) = tests.get(unit) else {
            // The example, and what is built for it alone.
            continue;
        };
        let others = features.difference(of_tests);
        twice.extend(others.map(|others| format!("  {unit}: {}", others.join(" "))));
    }
    twice
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(features: &[&str]) -> Units {
        let features: Vec<_> = features.iter().map(|name| format!("\"{name}\"")).collect();
        let text = format!(
            "{{\"units\": [{{\"pkg_id\": \"a\", \"mode\": \"build\", \"features\": [{}], \
             \"target\": {{\"kind\": [\"lib\"]}}}}]}}",
            features.join(",")
        );
        units(serde_json::from_str(&text).unwrap())
    }

    #[test]
    fn other_features_are_told() {
        assert_eq!(twice(&graph(&["x", "y"]), &graph(&["x", "y"])), [""; 0]);
        assert_eq!(twice(&graph(&["x", "y"]), &graph(&["x"])), ["  a (lib): x"]);
    }
}
