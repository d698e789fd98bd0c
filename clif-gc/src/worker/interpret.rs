//! Runs functions of CLIF: they are optimized, and what came of them is interpreted.

use super::probe::{Said, clif_name, outcome, say};
use super::watch::Watch;
use super::{Tools, clif, panics};
use crate::diagnostic::{Diagnostic, Kind, Result};
use crate::record::FunctionRecord;
use crate::triage::outcome::{Outcome, Output};
use crate::triage::protocol::{Answer, Request, Run};
use cranelift_codegen::data_value::DataValue;
use cranelift_codegen::ir::{Function, Type, types};
use cranelift_interpreter::environment::FunctionStore;
use cranelift_interpreter::interpreter::{Interpreter, InterpreterError, InterpreterState};
use cranelift_interpreter::step::ControlFlow;
use cranelift_reader::{ParseOptions, RunCommand, parse_run_command, parse_test};

/// How many steps a function may take, unless more are asked for.
const FUEL: u64 = 50_000_000;

/// One call.
struct Call {
    /// The function, without its sigil.
    name: String,
    arguments: Vec<DataValue>,
}

/// Optimize the functions of the file, and interpret them.
pub fn run(watch: &Watch, request: &Request, how: &Run, text: &str) -> Result<Answer> {
    let tools = Tools {
        sink: watch.sink(),
        job: super::probe::job(request),
        emit: None,
        observed: super::observer::Observed::new(false),
    };
    let calls = calls(text, how)?;
    watch.name(Box::new(clif_name));
    let (optimized, configuration) = clif::optimized(text, tools)?;
    let functions: Vec<FunctionRecord> = watch
        .sink()
        .take()
        .iter()
        .map(|report| super::sink::record(report, clif_name(&report.function)))
        .collect();
    let mut answer = Answer {
        configuration: Some(configuration),
        ..Answer::of(Outcome::Compiled)
    };
    answer.outcome = match optimized {
        Err(error) => outcome(request.looker, &functions, &[*error]),
        Ok(optimized) => {
            say(&Said::Running);
            answer.notes.push("optimized, and interpreted".to_string());
            panics::catch(|| Ok(interpret(&optimized, &calls, how)))?
        }
    };
    answer.functions = functions;
    Ok(answer)
}

/// What is to be called: what is asked for, else what `; run:` comments call, else the functions that take
/// nothing.
fn calls(text: &str, how: &Run) -> Result<Vec<Call>> {
    let file = parse_test(text, ParseOptions::default())
        .map_err(|error| Box::new(super::clif_error::diagnostic(text, &error)))?;
    if let Some(name) = &how.invoke {
        let name = name.trim_start_matches('%');
        let is_it = |func: &&Function| func.name.to_string().trim_start_matches('%') == name;
        let func = file.functions.iter().map(|(func, _)| func).find(is_it);
        let func = func.ok_or_else(|| wrong(format!("there is no function %{name}")))?;
        let params = &func.signature.params;
        if params.len() != how.arguments.len() {
            return Err(wrong(format!("%{name} takes {} arguments", params.len())));
        }
        let arguments = params.iter().zip(&how.arguments);
        return Ok(vec![Call {
            name: name.to_string(),
            arguments: arguments
                .map(|(param, text)| argument(param.value_type, text))
                .collect::<Result<_>>()?,
        }]);
    }
    let mut calls = Vec::new();
    for (func, details) in &file.functions {
        for comment in &details.comments {
            let Ok(Some(command)) = parse_run_command(comment.text, &func.signature) else {
                continue;
            };
            let invocation = match command {
                RunCommand::Print(invocation) | RunCommand::Run(invocation, ..) => invocation,
            };
            calls.push(Call {
                name: invocation.func,
                arguments: invocation.args,
            });
        }
    }
    if calls.is_empty() {
        let functions = file.functions.iter().map(|(func, _)| func);
        let of_nothing = functions.filter(|func| func.signature.params.is_empty());
        calls.extend(of_nothing.map(|func| Call {
            name: func.name.to_string().trim_start_matches('%').to_string(),
            arguments: Vec::new(),
        }));
    }
    match calls.is_empty() {
        true => Err(wrong(
            "nothing to call: no function takes nothing, and no comment says `; run:`".to_string(),
        )),
        false => Ok(calls),
    }
}

fn wrong(message: String) -> Box<Diagnostic> {
    Box::new(Diagnostic::new(Kind::Invalid, message))
}

fn argument(ty: Type, text: &str) -> Result<DataValue> {
    let bad = || wrong(format!("the argument `{text}` is no {ty}"));
    let int = || text.parse::<i128>().map_err(|_| bad());
    Ok(match ty {
        types::F32 => DataValue::F32(text.parse::<f32>().map_err(|_| bad())?.into()),
        types::F64 => DataValue::F64(text.parse::<f64>().map_err(|_| bad())?.into()),
        ty if ty.is_int() => DataValue::from_integer(int()?, ty).map_err(|_| bad())?,
        _ => return Err(bad()),
    })
}

fn interpret(functions: &[Function], calls: &[Call], how: &Run) -> Outcome {
    let mut shown = Vec::new();
    for Call { name, arguments } in calls {
        let mut store = FunctionStore::default();
        for func in functions {
            store.add(func.name.to_string(), func);
        }
        let state = InterpreterState::default().with_function_store(store);
        let mut interpreter = Interpreter::new(state).with_fuel(Some(how.fuel.unwrap_or(FUEL)));
        let shown_arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let call = format!("%{name}({})", shown_arguments.join(", "));
        let result = match interpreter.call_by_name(&format!("%{name}"), arguments) {
            Ok(ControlFlow::Return(values)) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                values.join(", ")
            }
            Ok(ControlFlow::Trap(trap)) => format!("trap: {trap}"),
            Err(InterpreterError::FuelExhausted) => return Outcome::OutOfFuel,
            Ok(other) => format!("{other:?}"),
            Err(error) => {
                return Outcome::Failed {
                    message: format!("{call} cannot be interpreted: {error}"),
                    output: Output::default(),
                };
            }
        };
        match calls.len() {
            1 => shown.push(result),
            _ => shown.push(format!("{call} = {result}")),
        }
    }
    match &shown[..] {
        [only] if only.starts_with("trap: ") => Outcome::Trapped {
            trap: only.trim_start_matches("trap: ").to_string(),
            output: Output::default(),
        },
        shown => Outcome::Returned {
            values: shown.join("; "),
            output: Output::default(),
        },
    }
}
