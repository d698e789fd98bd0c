//! One `test gc-verify` command by itself, for runners that know other commands as well.

use crate::command::Command;
use crate::run::{FileOutcome, RunOptions, run_commands};
use anyhow::{Result, bail};
use cranelift_reader::{TestCommand, TestFile};

/// A `test gc-verify` command.
#[derive(Clone, Debug)]
pub struct TestGcVerify(Command);

impl TestGcVerify {
    /// Understand a parsed command.
    ///
    /// # Errors
    ///
    /// Fails if it is another command, or has an option that is not known.
    pub fn new(parsed: &TestCommand) -> Result<Self> {
        Ok(TestGcVerify(Command::new(parsed)?))
    }

    /// Run it on every function of a file, for all targets. Nothing is blessed.
    ///
    /// # Errors
    ///
    /// Fails if the file is no test: one that merely does not pass is an outcome.
    pub fn run(&self, file: &TestFile, options: &RunOptions) -> Result<FileOutcome> {
        if options.bless {
            bail!("a single command cannot be blessed");
        }
        run_commands("", file, core::slice::from_ref(&self.0), options)
    }
}
