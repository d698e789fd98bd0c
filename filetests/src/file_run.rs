//! Runs the commands of one file, function by function, and gathers what comes of it.

use crate::bless::{Found, bless};
use crate::command::{By, Command, Form, Optimize, Verify};
use crate::compare;
use crate::directive::{Directive, Expected, directives};
use crate::interpreted;
use crate::optimized::optimized;
use crate::outcome::{FileOutcome, FunctionOutcome};
use crate::output;
use crate::records::records;
use crate::run::RunOptions;
use crate::seeded::seeded;
use crate::shown::{Compiled, Shown, compiled, shown};
use crate::vcode::vcode;
use anyhow::{Result, anyhow, bail};
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::{OwnedTargetIsa, TargetIsa};
use cranelift_codegen::settings::{self, FlagsOrIsa};
use cranelift_gc_verifier::{
    History, Options, Report, Verdict, VerifyInput, Violation, is_watched, verify_rewritten,
};
use cranelift_reader::{Details, TestFile};
use std::collections::BTreeMap;

/// A file that is being run.
pub(crate) struct FileRun<'a> {
    options: &'a RunOptions,
    file: &'a TestFile<'a>,
    outcome: FileOutcome,
    /// The errors and records that were found, by line.
    found: BTreeMap<usize, Vec<Found>>,
    /// What was put out of the functions, by their number.
    outputs: BTreeMap<usize, Vec<String>>,
    /// How many rewrites an optimizer asked for.
    rewrites: u64,
}

impl<'a> FileRun<'a> {
    pub(crate) fn new(options: &'a RunOptions, file: &'a TestFile<'a>) -> Self {
        FileRun {
            options,
            file,
            outcome: FileOutcome::default(),
            found: BTreeMap::new(),
            outputs: BTreeMap::new(),
            rewrites: 0,
        }
    }

    /// Run a command on one function, which has a number among those of the file.
    pub(crate) fn function(
        &mut self,
        command: &Command,
        isas: &[OwnedTargetIsa],
        (number, func): (usize, &Function),
        details: &Details,
    ) -> Result<()> {
        well_formed(func, &*isas[0])?;
        match command {
            Command::Verify(command) => self.verify(command, isas, func, details),
            Command::Optimize(command) => isas
                .iter()
                .try_for_each(|isa| self.optimize(command, &**isa, (number, func), details)),
            Command::Compile(form) => isas
                .iter()
                .try_for_each(|isa| self.compile(*form, &**isa, (number, func), details)),
            Command::Run => isas
                .iter()
                .try_for_each(|isa| self.interpret(&**isa, func, details)),
        }
    }

    fn verify(
        &mut self,
        command: &Verify,
        isas: &[OwnedTargetIsa],
        func: &Function,
        details: &Details,
    ) -> Result<()> {
        let expected = Expected::read(func, details)?;
        if !command.optimizes() {
            // NB: Before any pass, no target has a say.
            let what = func.name.to_string();
            let history = expected.history();
            let made_up = expected.judge_rewrites(func, self.options(command));
            self.judge(command, what, (func, &history), made_up, details, &expected);
            return Ok(());
        }
        if command.emits() {
            for isa in isas {
                self.emission(func, &**isa, details, &expected)?;
            }
            return Ok(());
        }
        if expected.fault.is_some() {
            bail!("a fault needs `pass=emission`");
        }
        for isa in isas {
            let shown = shown(func, &**isa, self.options(command))?;
            for &pass in &command.passes {
                let Some(shown) = shown.iter().find(|shown| shown.pass == pass) else {
                    bail!("{pass} does not run with these settings");
                };
                let what = format!("{} after {pass} for {}", func.name, isa.name());
                let Shown { func, history, .. } = shown;
                let wrong = shown.violations.clone();
                self.judge(command, what, (func, history), wrong, details, &expected);
            }
        }
        Ok(())
    }

    /// Optimize it with the verifier enforcing.
    fn optimize(
        &mut self,
        command: &Optimize,
        isa: &dyn TargetIsa,
        (number, func): (usize, &Function),
        details: &Details,
    ) -> Result<()> {
        let mut checks = self.options.checks;
        for &code in &command.without {
            checks = checks.without(code);
        }
        let options = Options {
            collector: Some(command.collector),
            checks,
            all_rewrites: true,
            keep_text: false,
            verify_input: VerifyInput::Always,
        };
        if isa.flags().gc_verifier() != settings::GcVerifier::Enforce {
            bail!("`test gc-optimize` needs the line `set gc_verifier=enforce`");
        }
        let optimized = match command.by {
            By::Optimizer => {
                let callees = command.inlines.then_some(self.file);
                optimized(func, isa, options, callees)?
            }
            By::Seeded => {
                let rewrites = Expected::read(func, details)?.rewrites;
                seeded(func, isa, options, &rewrites)?
            }
        };
        let what = format!("{} as optimized for {}", func.name, isa.name());
        let verdict = optimized.report.verdict();
        let mut differences = self.output(command.form, &optimized.lines, number, details)?;
        if verdict != Verdict::Verified && !optimized.is_stopped() {
            differences.push(format!("what came out of the optimizer is {verdict}"));
        }
        self.outcome.counts += optimized.report.counts;
        self.rewrites += optimized.rewrites;
        self.outcome.functions.push(FunctionOutcome {
            what,
            report: optimized.report,
            prevented: optimized.prevented,
            differences,
        });
        Ok(())
    }

    /// Compile it to machine code.
    fn compile(
        &mut self,
        form: Form,
        isa: &dyn TargetIsa,
        (number, func): (usize, &Function),
        details: &Details,
    ) -> Result<()> {
        let options = Options {
            checks: self.options.checks,
            verify_input: VerifyInput::Always,
            ..Options::default()
        };
        let (lines, report) = vcode(func, isa, options)?;
        let what = format!("{} as compiled for {}", func.name, isa.name());
        let mut differences = self.output(form, &lines, number, details)?;
        if report.verdict() != Verdict::Verified {
            differences.push(format!("it is {}: {report:?}", report.verdict()));
        }
        self.outcome.counts += report.counts;
        self.outcome.functions.push(FunctionOutcome {
            what,
            report,
            prevented: Vec::new(),
            differences,
        });
        Ok(())
    }

    /// Optimize it, and compute what comments ask for.
    fn interpret(&mut self, isa: &dyn TargetIsa, func: &Function, details: &Details) -> Result<()> {
        let commands = interpreted::commands(func, details)?;
        let options = Options {
            checks: self.options.checks,
            all_rewrites: true,
            verify_input: VerifyInput::Always,
            ..Options::default()
        };
        let (differences, rewrites) = interpreted::differences(self.file, isa, options, &commands)?;
        if !commands.is_empty() {
            self.rewrites += rewrites;
        }
        self.outcome.functions.push(FunctionOutcome {
            what: format!(
                "{} as run after it was optimized for {}",
                func.name,
                isa.name()
            ),
            report: Report::default(),
            prevented: Vec::new(),
            differences,
        });
        Ok(())
    }

    /// What differs in the output; if it is to be blessed, what cannot be written down.
    fn output(
        &mut self,
        form: Form,
        lines: &[String],
        number: usize,
        details: &Details,
    ) -> Result<Vec<String>> {
        if !self.options.bless || form == Form::Checked {
            return output::differences(form, lines, &self.file.preamble_comments, details);
        }
        let other = self.outputs.insert(number, lines.to_vec());
        let differs = other.is_some_and(|other| other != lines);
        let lost = differs.then(|| "its output is not the same for all targets".to_owned());
        Ok(lost.into_iter().collect())
    }

    fn options(&self, command: &Verify) -> Options {
        Options {
            collector: Some(command.collector),
            checks: self.options.checks,
            all_rewrites: true,
            keep_text: false,
            verify_input: VerifyInput::Always,
        }
    }

    fn judge(
        &mut self,
        command: &Verify,
        what: String,
        (func, history): (&Function, &History),
        wrong: Vec<Violation>,
        details: &Details,
        expected: &Expected,
    ) {
        let options = self.options(command);
        let mut report = verify_rewritten(func, &options, history);
        // NB: What the compiler does not show to the verifier is not verified here, either.
        if !command.optimizes() && expected.guarded.is_empty() && !is_watched(func) {
            report.violations.clear();
            report.inconclusive.clear();
        }
        report.violations.extend(wrong);
        self.found(what, report, details, expected);
    }

    /// Follow the stack maps to the emitted records.
    fn emission(
        &mut self,
        func: &Function,
        isa: &dyn TargetIsa,
        details: &Details,
        expected: &Expected,
    ) -> Result<()> {
        let options = Options {
            checks: self.options.checks,
            verify_input: VerifyInput::Always,
            ..Options::default()
        };
        let mut compiled = compiled(func, isa)?;
        if let Some(fault) = expected.fault
            && !compiled.corrupt(fault)
        {
            bail!("there is no place for {fault:?}");
        }
        let what = format!("{} as emitted for {}", func.name, isa.name());
        self.found(what, compiled.verify(&options), details, expected);
        self.records(&compiled, details, expected);
        Ok(())
    }

    /// Does a command give the machine code, so that the addresses of records are what they are?
    fn pins_code(&self) -> bool {
        let mut commands = self.file.commands.iter();
        commands.any(|command| command.command == "compile")
    }

    /// Compare the records that are emitted, where the machine code is given too.
    fn records(&mut self, compiled: &Compiled, details: &Details, expected: &Expected) {
        let found = records(compiled);
        let mut differences = Vec::new();
        if !self.pins_code() {
            if !expected.records.is_empty() {
                differences.push("a record is expected without `test compile`".to_owned());
            }
        } else if self.options.bless {
            for (inst, text) in found {
                let place = inst.and_then(|inst| details.map.location(inst.into()));
                match place {
                    None => differences.push(format!("the file has no place for {text}")),
                    Some(place) => self.note(place.line_number, Found::Record(text)),
                }
            }
        } else {
            differences = compare::records(expected, found);
        }
        if let Some(outcome) = self.outcome.functions.last_mut() {
            outcome.differences.extend(differences);
        }
    }

    fn note(&mut self, line: usize, found: Found) {
        let here = self.found.entry(line).or_default();
        if !here.contains(&found) {
            here.push(found);
        }
    }

    fn found(&mut self, what: String, report: Report, details: &Details, expected: &Expected) {
        self.outcome.counts += report.counts;
        let differences = if self.options.bless {
            self.note_errors(&report, details)
        } else {
            compare::differences(expected, &report)
        };
        self.outcome.functions.push(FunctionOutcome {
            what,
            report,
            prevented: Vec::new(),
            differences,
        });
    }

    /// Returns what cannot be written down.
    fn note_errors(&mut self, report: &Report, details: &Details) -> Vec<String> {
        let mut lost = Vec::new();
        for violation in &report.violations {
            let text = compare::text(&violation.error);
            match details.map.location(violation.error.inst().into()) {
                None => lost.push(format!("the file has no place for the error `{text}`")),
                Some(place) => self.note(place.line_number, Found::Error(text)),
            }
        }
        lost
    }

    /// Everything was run.
    pub(crate) fn end(mut self, text: &str) -> Result<FileOutcome> {
        let comments = self.file.preamble_comments.iter();
        let mut directives = comments.flat_map(|comment| directives(comment.text));
        let no_subjects = directives.any(|directive| directive == Directive::NoSubjects);
        let counts = self.outcome.counts;
        let subjects = counts.safepoints + counts.records + counts.positions + self.rewrites;
        // NB: A file of dereferences alone shows something, with the directive and without it.
        let mistake = match no_subjects {
            true => (subjects != 0).then_some("it says `no-subjects`, and there are some in it"),
            false => (subjects + counts.dereferences == 0).then_some(
                "there is no safepoint in it, no dereference, no typed position and no rewrite, so that it shows nothing",
            ),
        };
        self.outcome.mistakes.extend(mistake.map(str::to_owned));
        if self.options.bless {
            let blessed = output::bless(&bless(text, &self.found), &self.outputs);
            self.outcome.blessed = (blessed != text).then_some(blessed);
        }
        Ok(self.outcome)
    }
}

/// Cranelift's own verifier comes first: of malformed CLIF nothing can be said.
fn well_formed(func: &Function, isa: &dyn TargetIsa) -> Result<()> {
    let flags = FlagsOrIsa::from(isa);
    cranelift_codegen::verify_function(func, flags).map_err(|errors| {
        let pretty = cranelift_codegen::print_errors::pretty_verifier_error(func, None, errors);
        anyhow!("the function is not valid CLIF:\n{pretty}")
    })
}
