//! The command `test gc-verify` and its options.

use anyhow::{Result, bail};
use cranelift_gc_verifier::{GcCollector, Pass};
use cranelift_reader::{TestCommand, TestOption};

/// One `test gc-verify` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// The collector that is assumed.
    pub(crate) collector: GcCollector,
    /// The points of the pipeline at which the function is verified.
    pub(crate) passes: Vec<Pass>,
}

impl Command {
    /// Understand a parsed command.
    pub(crate) fn new(parsed: &TestCommand) -> Result<Self> {
        if parsed.command != "gc-verify" {
            bail!("unknown command `test {}`", parsed.command);
        }
        let mut command = Command {
            collector: GcCollector::Moving,
            passes: vec![Pass::Input],
        };
        for option in &parsed.options {
            match *option {
                TestOption::Value("collector", name) => command.collector = collector(name)?,
                TestOption::Value("pass", name) => command.passes = passes(name)?,
                TestOption::Flag(_) | TestOption::Value(..) => {
                    bail!("unknown option `{option}` of `test gc-verify`")
                }
            }
        }
        Ok(command)
    }

    /// Does a function have to be compiled to machine code for it?
    pub(crate) fn emits(&self) -> bool {
        self.passes == [Pass::Emission]
    }

    /// Does a function have to be optimized for it?
    pub(crate) fn optimizes(&self) -> bool {
        self.passes != [Pass::Input]
    }
}

fn collector(name: &str) -> Result<GcCollector> {
    Ok(match name {
        "copying" => GcCollector::Moving,
        "drc" => GcCollector::NonMoving,
        "null" => GcCollector::Null,
        _ => bail!("unknown collector `{name}`: there are copying, drc and null"),
    })
}

fn passes(name: &str) -> Result<Vec<Pass>> {
    Ok(match name {
        "input" => vec![Pass::Input],
        "constant-phis" => vec![Pass::ConstantPhis],
        "egraph" => vec![Pass::Egraph],
        "all" => vec![Pass::Input, Pass::ConstantPhis, Pass::Egraph],
        "emission" => vec![Pass::Emission],
        _ => {
            bail!("unknown pass `{name}`: there are input, constant-phis, egraph, all and emission")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults() {
        let command = Command::new(&TestCommand::new("gc-verify")).expect("is a command");
        assert_eq!(command.collector, GcCollector::Moving);
        assert!(!command.optimizes());
    }

    #[test]
    fn options() {
        let parsed = TestCommand::new("gc-verify collector=drc pass=all");
        let command = Command::new(&parsed).expect("is a command");
        assert_eq!(command.collector, GcCollector::NonMoving);
        assert_eq!(command.passes.len(), 3);
        assert!(command.optimizes());
    }

    #[test]
    fn mistakes() {
        for text in [
            "verifier",
            "gc-verify drc",
            "gc-verify collector=boehm",
            "gc-verify pass=lower",
            "gc-verify passes=all",
        ] {
            assert!(Command::new(&TestCommand::new(text)).is_err(), "{text}");
        }
    }
}
