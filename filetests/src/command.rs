//! The commands and their options.

use anyhow::{Context as _, Result, bail};
use cranelift_gc_verifier::{Code, GcCollector, Pass};
use cranelift_reader::{TestCommand, TestOption};

/// One `test` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    /// `test gc-verify`.
    Verify(Verify),
    /// `test gc-optimize`.
    Optimize(Optimize),
    /// `test compile`.
    Compile(Form),
    /// `test run`.
    Run,
}

/// One `test gc-verify` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verify {
    /// The collector that is assumed.
    pub(crate) collector: GcCollector,
    /// The points of the pipeline at which the function is verified.
    pub(crate) passes: Vec<Pass>,
}

/// One `test gc-optimize` line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Optimize {
    /// The collector that is assumed.
    pub(crate) collector: GcCollector,
    /// Checks that are not made, so that what they would stop goes on to the optimizer.
    pub(crate) without: Vec<Code>,
    /// What optimizes.
    pub(crate) by: By,
    /// Are calls of the functions of the file inlined before?
    pub(crate) inlines: bool,
    /// How its output is given.
    pub(crate) form: Form,
}

/// What optimizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Cranelift's optimizer.
    Optimizer,
    /// A pass that does what `; rewrite:` comments ask for, right or wrong.
    Seeded,
}

/// How the comments of a function give the output that is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Line by line, behind the function.
    Precise,
    /// By filecheck directives.
    Checked,
}

impl Command {
    /// Understand a parsed command.
    pub(crate) fn new(parsed: &TestCommand) -> Result<Self> {
        Ok(match parsed.command {
            "gc-verify" => Command::Verify(Verify::new(parsed)?),
            "gc-optimize" => Command::Optimize(Optimize::new(parsed)?),
            "compile" => Command::Compile(compile(parsed)?),
            "run" => match parsed.options.first() {
                Some(option) => return unknown(parsed, option),
                None => Command::Run,
            },
            other => bail!("unknown command `test {other}`"),
        })
    }
}

impl Command {
    /// Is its output given line by line?
    pub(crate) fn is_precise(&self) -> bool {
        match self {
            Command::Verify(_) | Command::Run => false,
            Command::Optimize(Optimize { form, .. }) | Command::Compile(form) => {
                *form == Form::Precise
            }
        }
    }
}

impl Verify {
    fn new(parsed: &TestCommand) -> Result<Self> {
        let mut command = Verify {
            collector: GcCollector::Moving,
            passes: vec![Pass::Input],
        };
        for option in &parsed.options {
            match *option {
                TestOption::Value("collector", name) => command.collector = collector(name)?,
                TestOption::Value("pass", name) => command.passes = passes(name)?,
                TestOption::Flag(_) | TestOption::Value(..) => return unknown(parsed, option),
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

impl Optimize {
    fn new(parsed: &TestCommand) -> Result<Self> {
        let mut command = Optimize {
            collector: GcCollector::Moving,
            without: Vec::new(),
            by: By::Optimizer,
            inlines: false,
            form: Form::Checked,
        };
        for option in &parsed.options {
            match *option {
                TestOption::Value("collector", name) => command.collector = collector(name)?,
                TestOption::Value("without", name) => command.without.push(code(name)?),
                TestOption::Value("pass", "seeded") => command.by = By::Seeded,
                TestOption::Flag("inline") => command.inlines = true,
                TestOption::Flag("precise-output") => command.form = Form::Precise,
                TestOption::Flag(_) | TestOption::Value(..) => return unknown(parsed, option),
            }
        }
        if command.inlines && command.by == By::Seeded {
            bail!("a seeded pass does not inline");
        }
        Ok(command)
    }
}

fn compile(parsed: &TestCommand) -> Result<Form> {
    let mut form = Form::Checked;
    for option in &parsed.options {
        match *option {
            TestOption::Flag("precise-output") => form = Form::Precise,
            TestOption::Flag(_) | TestOption::Value(..) => return unknown(parsed, option),
        }
    }
    Ok(form)
}

fn unknown<T>(parsed: &TestCommand, option: &TestOption) -> Result<T> {
    bail!("unknown option `{option}` of `test {}`", parsed.command)
}

fn code(name: &str) -> Result<Code> {
    let code = Code::ALL.into_iter().find(|code| code.as_str() == name);
    code.with_context(|| format!("unknown check `{name}`"))
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

    fn verify(text: &str) -> Verify {
        match Command::new(&TestCommand::new(text)).expect("is a command") {
            Command::Verify(command) => command,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn defaults() {
        let command = verify("gc-verify");
        assert_eq!(command.collector, GcCollector::Moving);
        assert!(!command.optimizes());
    }

    #[test]
    fn options() {
        let command = verify("gc-verify collector=drc pass=all");
        assert_eq!(command.collector, GcCollector::NonMoving);
        assert_eq!(command.passes.len(), 3);
        assert!(command.optimizes());
    }

    #[test]
    fn options_of_other_commands() {
        let parsed =
            TestCommand::new("gc-optimize precise-output pass=seeded without=GCV07 collector=null");
        let expected = Optimize {
            collector: GcCollector::Null,
            without: vec![Code::Gcv07],
            by: By::Seeded,
            inlines: false,
            form: Form::Precise,
        };
        let found = Command::new(&parsed).expect("is a command");
        assert_eq!(found, Command::Optimize(expected));
        for (text, form) in [
            ("compile precise-output", Form::Precise),
            ("compile", Form::Checked),
        ] {
            let found = Command::new(&TestCommand::new(text)).expect("is a command");
            assert_eq!(found, Command::Compile(form));
        }
    }

    #[test]
    fn mistakes() {
        for text in [
            "verifier",
            "gc-verify drc",
            "gc-verify collector=boehm",
            "gc-verify pass=lower",
            "gc-verify passes=all",
            "gc-verify precise-output",
            "gc-optimize without=GCV99",
            "gc-optimize pass=egraph",
            "gc-optimize pass=seeded inline",
            "compile expect-fail",
            "run twice",
        ] {
            assert!(Command::new(&TestCommand::new(text)).is_err(), "{text}");
        }
    }
}
