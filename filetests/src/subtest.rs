//! One command by itself, for runners that know other commands as well.

use crate::command::Command;
use crate::outcome::FileOutcome;
use crate::run::{RunOptions, run_commands};
use anyhow::{Result, bail};
use cranelift_reader::{TestCommand, TestFile};

/// A `test gc-verify` or `test gc-optimize` command.
#[derive(Clone, Debug)]
pub struct TestGcVerify(Command);

impl TestGcVerify {
    /// Understand a parsed command.
    ///
    /// # Errors
    ///
    /// Fails if it is another command, or has an option that is not known.
    pub fn new(parsed: &TestCommand) -> Result<Self> {
        let command = Command::new(parsed)?;
        if let Command::Compile(_) | Command::Run = command {
            bail!("`{parsed}` is the other runner's own");
        }
        Ok(TestGcVerify(command))
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

#[cfg(test)]
mod tests {
    use super::*;
    use cranelift_reader::{ParseOptions, parse_test};

    const FILE: &str = "\
test cat
test gc-verify

function %f(i32) -> i32 {
    sig0 = ()
    fn0 = %collect sig0
    ss0 = explicit_slot 4, align = 4
block0(v0: i32):
    v1 = stack_addr.i64 ss0
    store notrap v0, v1
    call fn0(), stack_map=[i32 @ ss0+0]
    return v0 ; error: GCV02
}
";

    fn outcome(text: &str) -> FileOutcome {
        let file = parse_test(text, ParseOptions::default()).expect("it parses");
        let command = TestGcVerify::new(&file.commands[1]).expect("it is one");
        let options = RunOptions::default();
        command.run(&file, &options).expect("it is a test")
    }

    #[test]
    fn it_runs_beside_other_commands() {
        let found = outcome(FILE);
        assert!(found.passed(), "{:?}", found.failures());
        assert_eq!(found.functions.len(), 1);
        assert_eq!(found.counts.safepoints, 1);
    }

    #[test]
    fn an_error_that_is_not_there_fails_it() {
        let found = outcome(&FILE.replace("GCV02", "GCV01"));
        assert_eq!(found.failures().len(), 2, "{:?}", found.failures());
    }

    #[test]
    fn another_command_is_none() {
        for text in ["cat", "compile precise-output", "run"] {
            assert!(TestGcVerify::new(&TestCommand::new(text)).is_err());
        }
    }

    #[test]
    fn it_is_not_blessed() {
        let file = parse_test(FILE, ParseOptions::default()).expect("it parses");
        let command = TestGcVerify::new(&file.commands[1]).expect("it is one");
        let options = RunOptions {
            bless: true,
            ..RunOptions::default()
        };
        assert!(command.run(&file, &options).is_err());
    }
}
