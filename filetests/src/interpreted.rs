//! What functions compute once they are optimized.

use crate::reports::Reports;
use anyhow::{Context as _, Result, anyhow, bail};
use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::data_value::DataValue;
use cranelift_codegen::ir::Function;
use cranelift_codegen::isa::TargetIsa;
use cranelift_gc_verifier::Options;
use cranelift_interpreter::environment::FunctionStore;
use cranelift_interpreter::interpreter::{Interpreter, InterpreterState};
use cranelift_interpreter::step::ControlFlow;
use cranelift_reader::{Details, RunCommand, TestFile, parse_run_command};

/// More than any test needs.
const FUEL: u64 = 200_000;

/// The `; run:` commands of a function.
pub(crate) fn commands(func: &Function, details: &Details<'_>) -> Result<Vec<RunCommand>> {
    let comments = details.comments.iter();
    let commands = comments.map(|comment| {
        parse_run_command(comment.text, &func.signature)
            .with_context(|| format!("in the comment `{}`", comment.text))
    });
    Ok(commands
        .collect::<Result<Vec<_>>>()?
        .into_iter()
        .flatten()
        .collect())
}

/// What does not come out of `commands` as it should, a line each, and how many rewrites were judged.
///
/// Every function of the file is optimized for `isa` with the verifier that the settings ask for.
pub(crate) fn differences(
    file: &TestFile<'_>,
    isa: &dyn TargetIsa,
    options: Options,
    commands: &[RunCommand],
) -> Result<(Vec<String>, u64)> {
    let mut functions = Vec::new();
    let mut rewrites = 0;
    for (func, _) in &file.functions {
        let (optimized, judged) = optimize(func, isa, options)?;
        functions.push(optimized);
        rewrites += judged;
    }
    let wrong = commands.iter().filter_map(|command| {
        command
            .run(|name, arguments| run(&functions, name, arguments))
            .err()
    });
    Ok((wrong.collect(), rewrites))
}

fn optimize(func: &Function, isa: &dyn TargetIsa, options: Options) -> Result<(Function, u64)> {
    let reports = Reports::default();
    let mut context = Context::for_function(func.clone());
    context.set_gc_verifier(Some(reports.verifier(options)));
    context
        .optimize(isa, &mut ControlPlane::default())
        .map_err(|error| anyhow!("cannot optimize {}: {error}", func.name))?;
    let optimized = context.func.clone();
    // The report is made when the guard goes.
    drop(context);
    let rewrites = reports.take().pop().map_or(0, |report| report.rewrites);
    if optimized.layout.entry_block().is_none() {
        bail!("nothing is left of {}", func.name);
    }
    Ok((optimized, rewrites))
}

fn run(
    functions: &[Function],
    name: &str,
    arguments: &[DataValue],
) -> Result<Vec<DataValue>, String> {
    let mut store = FunctionStore::default();
    for func in functions {
        store.add(func.name.to_string(), func);
    }
    let state = InterpreterState::default().with_function_store(store);
    let mut interpreter = Interpreter::new(state).with_fuel(Some(FUEL));
    match interpreter.call_by_name(&format!("%{name}"), arguments) {
        Ok(ControlFlow::Return(values)) => Ok(values.to_vec()),
        Ok(other) => Err(format!("%{name} does not return: {other:?}")),
        Err(error) => Err(format!("%{name} cannot be run: {error}")),
    }
}
