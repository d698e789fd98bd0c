//! Project automation: `cargo xtask …`.
//!
//! The first task makes upstream/, and every task that builds the project does that first, so
//! that a fresh clone needs one command.

mod base;
mod book;
mod ci;
mod launch;
mod measure;
mod patches;
mod review;
mod series;
mod tidy;
mod upstream;

use crate::base::alias;
use crate::base::project::Project;
use crate::measure::{cost, false_alarms, fuzz, identity, replay, units};
use crate::patches::check::{self, Compiled};
use crate::patches::{apply, embedders, rebase, refresh, status, vendor};
use crate::upstream::bootstrap::{LocalWork, Report};
use crate::upstream::{bootstrap, pins};
use anyhow::Result;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

/// Project automation.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    /// The project's directory, for tests.
    #[arg(long, hide = true, value_name = "DIR")]
    root: Option<PathBuf>,
    /// The release of Wasmtime to work on: 48 or 50
    #[arg(long, global = true, value_name = "BASE")]
    base: Option<String>,
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make upstream/ from the pinned crates and the patch series
    Bootstrap {
        /// Replace upstream/ even if that discards commits or changes in it
        #[arg(long)]
        force: bool,
    },
    /// Work on the patch series
    #[command(subcommand)]
    Patches(Patches),
    /// Run the tests of the workspace; without arguments also those of xtask
    #[command(disable_help_flag = true)]
    Test {
        /// Arguments of `cargo test`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Run everything that has to hold before a change is merged
    Ci,
    /// Make a directory of the patched crates and the verifier, for another project
    Vendor(vendor::Args),
    /// Build the projects in tests/embedders/ as a user does, and run them
    Embedders,
    /// Check that clif-gc is built with the features of the tests, so that nothing is built twice
    Units,
    /// Check what no compiler checks: file sizes, forgotten macros, machine paths, links
    Tidy,
    /// Build the documents as a book in target/book, and follow its links
    Book,
    /// Compare the code that patched and unpatched crates generate, byte by byte
    Identity {
        /// Modules (.wasm, .wat) or directories of them [default: filetests/wasm]
        #[arg(value_name = "PATH")]
        paths: Vec<PathBuf>,
    },
    /// Put old bugs back, one at a time, and tell who notices
    Replay(replay::Args),
    /// Look at everything at hand on the unmodified compiler: nothing may be rejected
    FalseAlarms(false_alarms::Args),
    /// Count the instructions that the verifier costs, with callgrind
    Cost(cost::Args),
    /// Build the fuzz targets with libFuzzer, run each for a while, and print a table
    Fuzz(fuzz::Args),
    /// Seed faults, one at a time, and tell how many are noticed
    Mutants(replay::mutants::Args),
    /// Bisect seeded faults, and tell whether what is named is to blame
    Culprits(replay::culprits::Args),
    /// Tell what a patch of the compiler changes, and whether it was exercised
    Review(review::Args),
    /// Build clif-gc and run it (`cargo clif-gc`)
    #[command(disable_help_flag = true)]
    ClifGc {
        /// Arguments of clif-gc
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
}

#[derive(Debug, Subcommand)]
enum Patches {
    /// Export the commits in upstream/ to patches/
    Refresh,
    /// Apply the patches in order; check their form, and that the tree compiles after each
    Check {
        /// Compile the Wasmtime crates too, and Cranelift for all targets
        #[arg(long)]
        full: bool,
        /// Compile also what is known to compile from an earlier run
        #[arg(long)]
        again: bool,
        /// Compile only after the patches that the base has of its own, and after the last one
        #[arg(long)]
        differing: bool,
    },
    /// Tell which patch each base has, and the state of the trees
    Status,
    /// Take the series to another release of Wasmtime
    Rebase(rebase::Args),
    /// Put the series, the verifier and its filetests into a checkout of Wasmtime
    Apply(apply::Args),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    // These have exit codes of their own: 1 is a verdict there, 2 is "could not be run".
    let failure = match cli.task {
        Task::ClifGc { .. } | Task::Review(_) => 2,
        _ => 1,
    };
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            // Not by Debug: with RUST_BACKTRACE set, a backtrace would bury the message.
            eprintln!("error: {error}");
            for cause in error.chain().skip(1) {
                eprintln!("  caused by: {cause}");
            }
            ExitCode::from(failure)
        }
    }
}

fn run(cli: Cli) -> Result<ExitCode> {
    let is_ours = cli.root.is_none();
    let project = pins::on_base(Project::locate(cli.root)?, cli.base.as_deref())?;
    if is_ours {
        // NB: Without it everything works in the root directory.
        let _ = alias::write(&project);
    }
    match cli.task {
        Task::Bootstrap { force } => {
            let local = if force {
                LocalWork::Discard
            } else {
                LocalWork::Keep
            };
            bootstrap::run(&project, local, Report::All)?;
        }
        Task::Patches(Patches::Refresh) => refresh::run(&project)?,
        Task::Patches(Patches::Check {
            full,
            again,
            differing,
        }) => {
            let compiled = match differing {
                true => Compiled::Differing,
                false => Compiled::All,
            };
            check::run(&project, compiled, full, again)?;
        }
        Task::Patches(Patches::Status) => status::run(&project)?,
        Task::Patches(Patches::Rebase(args)) => rebase::run(&project, &args)?,
        Task::Patches(Patches::Apply(args)) => apply::run(&project, &args)?,
        Task::Test { args } => ci::test(&project, &args)?,
        Task::Ci => ci::run(&project)?,
        Task::Vendor(args) => vendor::run(&project, &args)?,
        Task::Embedders => embedders::run(&project)?,
        Task::Units => units::run(&project)?,
        Task::Tidy => tidy::run(&project)?,
        Task::Book => book::run(&project)?,
        Task::Identity { paths } => identity::run(&project, &paths)?,
        Task::Replay(args) => return replay::run(&project, &args),
        Task::Cost(args) => cost::run(&project, &args)?,
        Task::FalseAlarms(args) => return false_alarms::run(&project, &args),
        Task::Fuzz(args) => return fuzz::run(&project, &args),
        Task::Culprits(args) => return replay::culprits::run(&project, &args),
        Task::Mutants(args) => return replay::mutants::run(&project, &args),
        Task::Review(args) => return review::run(&project, &args),
        Task::ClifGc { args } => return launch::run(&project, &args),
    }
    Ok(ExitCode::SUCCESS)
}
