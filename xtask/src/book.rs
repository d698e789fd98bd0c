//! `cargo xtask book`: the documents as a book.
//!
//! A program of its own builds it, with mdBook's library and a lock file of its own: no mdBook has to be installed, and
//! xtask need not be compiled with it.

use crate::base::cargo::{self, succeed};
use crate::base::project::Project;
use anyhow::Result;
use std::process::Command;

/// Builds the book in `target/book`, and follows its links.
pub fn run(project: &Project) -> Result<()> {
    let mut build = in_book(project, &["run", "--locked", "--"]);
    succeed(build.arg(project.root()))
}

/// Likewise, and checks the program that does that.
pub fn check(project: &Project) -> Result<()> {
    succeed(&mut in_book(project, &["fmt", "--check"]))?;
    let lint = [
        "clippy",
        "--locked",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ];
    succeed(&mut in_book(project, &lint))?;
    succeed(&mut in_book(project, &["test", "--locked"]))?;
    run(project)
}

/// Cargo on the book's own workspace.
fn in_book(project: &Project, args: &[&str]) -> Command {
    let mut command = cargo::command(&project.root().join("book"));
    command.args(args);
    command
}
