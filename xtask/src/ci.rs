//! `cargo xtask ci` and `cargo xtask test`.

use crate::base::cargo::{self, succeed};
use crate::base::project::Project;
use crate::book;
use crate::measure::{identity, replay, units};
use crate::patches::check::{self, Compiled};
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
    ("book", book::check),
    ("units", units::run),
    ("doc", doc),
    ("test", |project| test(project, &[])),
    ("patches check", |project| {
        check::run(project, Compiled::All, false, false)
    }),
    ("identity", |project| identity::run(project, &[])),
];

/// On another base: what may come out differently there. The rest of it is a command.
const STEPS_OF_OTHERS: &[Step] = &[
    ("bootstrap", |project| {
        bootstrap::run(project, LocalWork::Keep, Report::All)
    }),
    ("clippy", clippy_of_workspace),
    ("test", |project| test_workspace(project, &[])),
    ("patches check", |project| {
        check::run(project, Compiled::Differing, false, false)
    }),
];

/// Runs all steps, of the base that was asked for, if one was; stops at the first that fails.
///
/// NB: What is done of all bases takes longer than an hour on two cores.
pub fn run(project: &Project) -> Result<()> {
    let start = Instant::now();
    let steps = match project.base() {
        None => STEPS,
        Some(_) => STEPS_OF_OTHERS,
    };
    run_steps(project, steps)?;
    eprintln!("==> ci: ok, {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn run_steps(project: &Project, steps: &[Step]) -> Result<()> {
    let base = project.base_argument();
    for (name, step) in steps {
        eprintln!("==> {name}{base}");
        let start = Instant::now();
        step(project).with_context(|| format!("ci failed in step `{name}{base}`"))?;
        let seconds = start.elapsed().as_secs_f64();
        eprintln!("==> {name}{base}: ok, {seconds:.1} s");
    }
    Ok(())
}

/// Runs the tests: of the workspace, in the one profile that everything is built in, and of
/// xtask unless arguments say which tests are meant.
pub fn test(project: &Project, args: &[OsString]) -> Result<()> {
    test_workspace(project, args)?;
    if args.is_empty() {
        succeed(&mut in_xtask(project, &["test"]))?;
    }
    Ok(())
}

fn test_workspace(project: &Project, args: &[OsString]) -> Result<()> {
    bootstrap::run(project, LocalWork::Keep, Report::Changes)?;
    let selects_package = args.iter().any(|arg| {
        let arg = arg.to_string_lossy();
        arg.starts_with("-p") || arg == "--package" || arg.starts_with("--package=")
    });
    let mut command = in_root(project, &["test", "--release"]);
    if !selects_package {
        command.arg("--workspace");
    }
    succeed(command.args(args))
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

const LINT: [&str; 5] = ["--workspace", "--all-targets", "--", "-D", "warnings"];

fn clippy(project: &Project) -> Result<()> {
    clippy_of_workspace(project)?;
    succeed(in_xtask(project, &["clippy", "--locked"]).args(LINT))
}

fn clippy_of_workspace(project: &Project) -> Result<()> {
    succeed(in_root(project, &["clippy", "--locked", "--release"]).args(LINT))
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
