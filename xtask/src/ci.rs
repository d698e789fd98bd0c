//! `cargo xtask ci` and `cargo xtask test`.

use crate::base::cargo::{self, succeed};
use crate::base::project::Project;
use crate::book;
use crate::measure::{identity, replay, units};
use crate::patches::check::{self, Compiled};
use crate::tidy;
use crate::upstream::bootstrap::{self, LocalWork, Report};
use crate::upstream::pins;
use anyhow::{Context, Result};
use std::ffi::{OsStr, OsString};
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

/// The same, with fewer tests: those of the filetests, the seam and the command line.
const STEPS_OF_OTHERS_IN_SHORT: &[Step] = &[
    STEPS_OF_OTHERS[0],
    STEPS_OF_OTHERS[1],
    ("test", test_what_depends_on_the_base),
    STEPS_OF_OTHERS[3],
];

/// Runs all steps; stops at the first that fails.
///
/// Of the base that was asked for; if none was, of the default base, and in short of the others.
///
/// NB: All tests of all bases take longer than an hour on two cores.
pub fn run(project: &Project) -> Result<()> {
    let start = Instant::now();
    match project.base() {
        Some(_) => run_steps(project, STEPS_OF_OTHERS)?,
        None => {
            run_steps(project, STEPS)?;
            // NB: The default one is the first.
            for base in pins::all_bases(project)?.into_iter().skip(1) {
                run_steps(&project.on(&base), STEPS_OF_OTHERS_IN_SHORT)?;
            }
        }
    }
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

fn test_what_depends_on_the_base(project: &Project) -> Result<()> {
    let mut tests = vec!["cli".to_string(), "filetests".to_string()];
    for entry in fs_err::read_dir(project.root().join("tests/seam/tests"))? {
        let path = entry?.path();
        let name = path.file_name().and_then(OsStr::to_str);
        tests.extend(name.and_then(|name| Some(name.strip_suffix(".rs")?.to_string())));
    }
    tests.sort_unstable();
    let args = tests
        .into_iter()
        .flat_map(|name| ["--test".into(), name.into()]);
    test_workspace(project, &args.collect::<Vec<_>>())
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
