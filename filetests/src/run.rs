//! Runs one file.

use crate::command::Command;
use crate::file_run::FileRun;
use crate::outcome::FileOutcome;
use anyhow::{Context as _, Result, anyhow, bail};
use cranelift_codegen::isa::{OwnedTargetIsa, lookup_by_name};
use cranelift_codegen::settings::Flags;
use cranelift_gc_verifier::Checks;
use cranelift_reader::{IsaSpec, ParseOptions, TestFile, parse_test};
use std::path::Path;

/// The targets of a file that names none.
const TARGETS: [&str; 2] = ["x86_64", "aarch64"];

/// How to run files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunOptions {
    /// The checks to make.
    pub checks: Checks,
    /// Rewrite the `; error:` and `;; record:` comments, and the output that is given line by line,
    /// to what is found, rather than compare them.
    pub bless: bool,
}

/// Run the file at `path`.
///
/// # Errors
///
/// Fails if the file cannot be read, or is no test: a file that merely does not pass is an outcome.
pub fn run_file(path: &Path, options: &RunOptions) -> Result<FileOutcome> {
    let name = || path.display().to_string();
    let text = std::fs::read_to_string(path).with_context(name)?;
    let outcome = run_text(&text, options).with_context(name)?;
    if let Some(blessed) = &outcome.blessed {
        std::fs::write(path, blessed).with_context(name)?;
    }
    Ok(outcome)
}

/// Run the file whose contents are `text`.
///
/// # Errors
///
/// Fails if it is no test.
pub fn run_text(text: &str, options: &RunOptions) -> Result<FileOutcome> {
    let file = parse_test(text, ParseOptions::default())?;
    let commands = file
        .commands
        .iter()
        .map(Command::new)
        .collect::<Result<Vec<_>>>()?;
    if commands.is_empty() {
        bail!("there is no `test` command in it");
    }
    if commands
        .iter()
        .filter(|command| command.is_precise())
        .count()
        > 1
    {
        bail!("two commands have `precise-output`, and there is one place for it");
    }
    run_commands(text, &file, &commands, options)
}

/// Run some commands on the functions of a file, whose contents are `text` if it may be blessed.
pub(crate) fn run_commands(
    text: &str,
    file: &TestFile,
    commands: &[Command],
    options: &RunOptions,
) -> Result<FileOutcome> {
    if file.functions.is_empty() {
        bail!("there is no function in it");
    }
    let isas = isas(&file.isa_spec)?;
    let mut run = FileRun::new(options, file);
    for command in commands {
        for (number, (func, details)) in file.functions.iter().enumerate() {
            run.function(command, &isas, (number, func), details)
                .with_context(|| func.name.to_string())?;
        }
    }
    run.end(text)
}

/// The targets that the file names, or the default ones with its settings.
fn isas(spec: &IsaSpec) -> Result<Vec<OwnedTargetIsa>> {
    match spec {
        IsaSpec::Some(isas) => Ok(isas.clone()),
        IsaSpec::None(flags) => TARGETS.iter().map(|name| isa(name, flags)).collect(),
    }
}

fn isa(name: &str, flags: &Flags) -> Result<OwnedTargetIsa> {
    let builder = lookup_by_name(name).map_err(|error| anyhow!("{name}: {error}"))?;
    let isa = builder.finish(flags.clone());
    isa.map_err(|error| anyhow!("{name}: {error}"))
}
