//! `cargo xtask ci` and `cargo xtask test`.

use crate::base::cargo::{self, succeed};
use crate::base::project::Project;
use crate::measure::{identity, replay, units};
use crate::patches::check;
use crate::tidy;
use crate::upstream::bootstrap::{self, LocalWork, Report};
use anyhow::{Context, Result};
use std::ffi::OsString;
use std::process::Command;
use std::time::Instant;

/// A step's name and what it does.
type Step = (&'static str, fn(&Project) -> Result<()>);

/// In the order of their cost, so that most failures come early.
const STEPS: &[Step] = &[
    ("bootstrap", |project| {
        bootstrap::run(project, LocalWork::Keep, Report::All)
    }),
    ("tidy", tidy::run),
    ("fmt", fmt),
    ("clippy", clippy),
    ("units", units::run),
    ("doc", doc),
    ("test", |project| test(project, &[])),
    ("patches check", |project| check::run(project, false, false)),
    ("identity", |project| identity::run(project, &[])),
];

/// On another base: what may come out differently there. The rest of it is a command.
const STEPS_OF_OTHERS: &[Step] = &[
    ("bootstrap", |project| {
        bootstrap::run(project, LocalWork::Keep, Report::All)
    }),
    ("clippy", |project| clippy_of(project, PACKAGES_OF_OTHERS)),
    ("test", |project| {
        test(project, &selection(PACKAGES_OF_OTHERS))
    }),
    ("patches check", |project| check::run(project, false, false)),
];

/// The filetests, the tests of the seam, and those of the command line.
const PACKAGES_OF_OTHERS: &[&str] = &["gc-filetests", "seam-tests", "clif-gc"];

fn selection(packages: &[&str]) -> Vec<OsString> {
    let packages = packages.iter();
    packages
        .map(|package| format!("--package={package}").into())
        .collect()
}

/// Runs all steps; stops at the first that fails.
pub fn run(project: &Project) -> Result<()> {
    let start = Instant::now();
    let steps = match project.base() {
        None => STEPS,
        Some(_) => STEPS_OF_OTHERS,
    };
    for (name, step) in steps {
        eprintln!("==> {name}");
        let start = Instant::now();
        step(project).with_context(|| format!("ci failed in step `{name}`"))?;
        eprintln!("==> {name}: ok, {:.1} s", start.elapsed().as_secs_f64());
    }
    eprintln!("==> ci: ok, {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

/// Runs the tests: of the workspace, in the one profile that everything is built in, and of
/// xtask unless arguments say which tests are meant.
pub fn test(project: &Project, args: &[OsString]) -> Result<()> {
    bootstrap::run(project, LocalWork::Keep, Report::Changes)?;
    let selects_package = args.iter().any(|arg| {
        let arg = arg.to_string_lossy();
        arg.starts_with("-p") || arg == "--package" || arg.starts_with("--package=")
    });
    let mut command = in_root(project, &["test", "--release"]);
    if !selects_package {
        command.arg("--workspace");
    }
    succeed(command.args(args))?;
    if args.is_empty() {
        succeed(&mut in_xtask(project, &["test"]))?;
    }
    Ok(())
}

fn fmt(project: &Project) -> Result<()> {
    succeed(&mut in_root(project, &["fmt", "--check"]))?;
    succeed(&mut in_xtask(project, &["fmt", "--check"]))?;
    // The probes belong to no workspace that is there.
    succeed(
        Command::new("rustfmt")
            .args(["--check", "--edition", "2024"])
            .args([identity::PROBE, replay::PROBE].map(|probe| project.root().join(probe))),
    )
}

fn clippy_of(project: &Project, packages: &[&str]) -> Result<()> {
    let mut command = in_root(project, &["clippy", "--locked", "--release"]);
    command.args(selection(packages));
    succeed(command.args(["--all-targets", "--", "-D", "warnings"]))
}

fn clippy(project: &Project) -> Result<()> {
    let lint = ["--workspace", "--all-targets", "--", "-D", "warnings"];
    succeed(in_root(project, &["clippy", "--locked", "--release"]).args(lint))?;
    succeed(in_xtask(project, &["clippy", "--locked"]).args(lint))
}

fn doc(project: &Project) -> Result<()> {
    let mut root = in_root(project, &["doc", "--release", "--workspace", "--no-deps"]);
    succeed(root.env("RUSTDOCFLAGS", "-D warnings"))?;
    let mut xtask = in_xtask(project, &["doc", "--no-deps", "--document-private-items"]);
    succeed(xtask.env("RUSTDOCFLAGS", "-D warnings"))
}

/// Cargo on the patched workspace.
fn in_root(project: &Project, args: &[&str]) -> Command {
    cargo::build_command(project, &project.workspace(), args)
}

/// Cargo on xtask's own workspace.
fn in_xtask(project: &Project, args: &[&str]) -> Command {
    let mut command = cargo::command(&project.root().join("xtask"));
    command.args(args);
    command
}
