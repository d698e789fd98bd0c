//! A child process that answers requests: compiles a file, and runs it if that is asked for.
//!
//! Functions are compiled one after the other, so that the numbers of rewrites mean something.

use super::names::ModuleNames;
use super::observer::Observed;
use super::source::{Module, Source};
use super::watch::{Namer, Seen, Task, Watch};
use super::{Tools, Work, clif, limits, panics, run as runner, wasm};
use crate::cli::ProbeArgs;
use crate::configuration::{Inlining, Mode};
use crate::diagnostic::{Diagnostic, Kind, Result};
use crate::job::{Job, UnitOutcome};
use crate::record::{FunctionId, FunctionRecord};
use crate::triage::bisect::limit_from_environment;
use crate::triage::outcome::Outcome;
use crate::triage::protocol::{Answer, Looker, Plan, Request, Wish};
use cranelift_codegen::ir::UserFuncName;
use cranelift_gc_verifier::{Checks, Code, Options, VerifyInput};
use serde::{Deserialize, Serialize};
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;

/// What the child says, a line each.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Said {
    /// The code was made; now it runs.
    Running,
    /// The answer to the request.
    Answer(Box<Answer>),
}

/// Be the child process.
pub fn run(args: &ProbeArgs) -> ExitCode {
    limits::apply_to_probe(args.memory, args.stack);
    panics::record();
    let watch = match Watch::install() {
        Ok(watch) => watch,
        Err(error) => {
            eprintln!("clif-gc: {error}");
            return ExitCode::from(2);
        }
    };
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .stack_size(usize::try_from(args.stack).unwrap_or(usize::MAX))
        .build_global();
    if let Err(error) = pool {
        eprintln!("clif-gc: no threads: {error}");
        return ExitCode::from(2);
    }
    // NB: What runs in the pool has its large stacks.
    let mut code = ExitCode::SUCCESS;
    rayon::scope(|_| {
        for line in io::stdin().lock().lines() {
            let Ok(request) = line.map_err(drop).and_then(|line| {
                serde_json::from_str::<Request>(&line)
                    .map_err(|error| eprintln!("clif-gc: no request: {error}"))
            }) else {
                code = ExitCode::from(2);
                break;
            };
            let answer = answer(&watch, &request);
            say(&Said::Answer(Box::new(answer)));
        }
    });
    code
}

/// Say something to the parent. Without one, there is nothing left to do.
pub fn say(said: &Said) {
    let mut line = serde_json::to_vec(said).expect("answers have string keys only");
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(&line).and_then(|()| stdout.flush());
    if written.is_err() {
        std::process::exit(2);
    }
}

fn answer(watch: &Watch, request: &Request) -> Answer {
    watch.begin(Task {
        looker: request.looker,
        options: options(request),
        plan: planned(request),
        tell: request.tell.clone(),
    });
    let answer = match &request.run {
        None if let Some(bless) = request.filetest => {
            panics::catch(|| Ok(filetest(request, bless)))
        }
        None => compiled(watch, request),
        Some(how) => panics::catch(|| runner::run(watch, request, how)),
    };
    let answer = answer.unwrap_or_else(|error| Answer::of(outcome_of(&error)));
    let Seen {
        asked,
        compiled,
        rewrites,
        passes,
        emissions,
    } = watch.end();
    Answer {
        asked,
        compiled,
        rewrites,
        passes,
        emissions,
        ..answer
    }
}

/// The plan, within what a command that is bisected is told.
fn planned(request: &Request) -> Plan {
    let limits = [request.plan.limit, limit_from_environment()];
    Plan {
        limit: limits.into_iter().flatten().min(),
        ..request.plan.clone()
    }
}

/// Run the file as a filetest.
fn filetest(request: &Request, bless: bool) -> Answer {
    let options = gc_filetests::RunOptions {
        checks: options(request).checks,
        bless,
    };
    let path = Path::new(&request.path);
    let outcome = match gc_filetests::run_file(path, &options) {
        Ok(outcome) => match outcome.failures() {
            failures if failures.is_empty() => Outcome::Compiled,
            failures => Outcome::AssertionFailed {
                message: failures.join("\n"),
            },
        },
        Err(error) => Outcome::Invalid {
            message: format!("{:#}", without_path(&error)),
        },
    };
    Answer::of(outcome)
}

/// The path is said by who asks.
fn without_path(error: &anyhow::Error) -> anyhow::Error {
    let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
    match causes.is_empty() {
        true => anyhow::anyhow!("{error:#}"),
        false => anyhow::anyhow!("{}", causes.join(": ")),
    }
}

fn options(request: &Request) -> Options {
    let checks = request
        .without_checks
        .iter()
        .filter_map(|code| Code::parse(code))
        .fold(Checks::all(), Checks::without);
    Options {
        checks,
        all_rewrites: request.tell.all_rewrites,
        verify_input: VerifyInput::Always,
        ..Options::default()
    }
}

/// The job of compiling it in one way.
pub fn job(request: &Request) -> Job {
    let Wish {
        target,
        collector,
        opt_level,
        embedding,
        without_gc: _,
    } = request.wish.clone();
    Job {
        name: request.name.clone(),
        targets: target.into_iter().collect(),
        collectors: collector.into_iter().collect(),
        opt_levels: opt_level.into_iter().collect(),
        embeddings: embedding.into_iter().collect(),
        inlining: Inlining::Embedding,
        mode: mode(request.looker),
        without_checks: request.without_checks.clone(),
        allowed: Vec::new(),
        functions: Vec::new(),
        all_rewrites: request.tell.all_rewrites,
        rewrites: false,
        rejected_only: false,
        threads: 1,
        stack_size: 0,
        memory_limit: 0,
        first_unit: 0,
    }
}

/// The setting. Where nobody looks on, the watch lets everything happen.
fn mode(looker: Looker) -> Mode {
    match looker {
        Looker::Off | Looker::Check => Mode::Check,
        Looker::Enforce => Mode::Enforce,
    }
}

/// Compile everything in the file.
fn compiled(watch: &Watch, request: &Request) -> Result<Answer> {
    let source = panics::catch(|| Source::read(Path::new(&request.path)))?;
    let tools = Tools {
        sink: watch.sink(),
        job: job(request),
        emit: None,
        observed: Observed::new(false),
    };
    let answer = match source {
        Source::Modules(modules) => {
            let names: Vec<ModuleNames> = modules.iter().map(module_names).collect();
            let name = |entry: usize| -> Namer {
                let names = names[entry].clone();
                Box::new(move |name| names.compiled(name).1)
            };
            each_unit(watch, wasm::Modules::new(modules, tools), name)
        }
        Source::Clif(text) => {
            let name = |_| -> Namer { Box::new(clif_name) };
            each_unit(watch, clif::Functions::parse(&text, tools)?, name)
        }
    };
    Ok(Answer {
        outcome: outcome(request.looker, &answer.functions, &answer.errors),
        ..answer
    })
}

/// The names of a module's functions.
pub fn module_names(module: &Module) -> ModuleNames {
    match &module.bytes {
        Ok(bytes) => ModuleNames::read(bytes),
        Err(_) => ModuleNames::default(),
    }
}

/// What a function of a CLIF file is called.
pub fn clif_name(name: &UserFuncName) -> FunctionId {
    FunctionId {
        function: name.to_string(),
        name: None,
        index: None,
        line: None,
    }
}

/// Do the units of one configuration, the first.
fn each_unit(watch: &Watch, mut work: impl Work, name: impl Fn(usize) -> Namer) -> Answer {
    let plan = work.plan();
    let configuration = plan.units.first().map(|unit| unit.configuration.clone());
    let mut answer = Answer::of(Outcome::Compiled);
    for (index, unit) in plan.units.iter().enumerate() {
        if Some(&unit.configuration) != configuration.as_ref() {
            continue;
        }
        watch.name(name(unit.entry));
        let UnitOutcome { functions, errors } = work.unit(index);
        answer.functions.extend(functions);
        answer.errors.extend(errors);
    }
    answer.configuration = configuration;
    answer
}

/// What became of a compilation.
pub fn outcome(looker: Looker, functions: &[FunctionRecord], errors: &[Diagnostic]) -> Outcome {
    let mut codes: Vec<String> = functions
        .iter()
        .flat_map(|function| &function.violations)
        .map(|violation| format!("{} {}", violation.code, violation.name))
        .collect();
    codes.sort();
    codes.dedup();
    let is_refusal = |error: &&Diagnostic| error.kind == Kind::Compile;
    let is_stopped = looker == Looker::Enforce && !codes.is_empty();
    match errors
        .iter()
        .find(|error| !is_stopped || !is_refusal(error))
    {
        Some(error) => outcome_of(error),
        None if is_stopped => Outcome::Stopped { codes },
        None if !codes.is_empty() => Outcome::Findings { codes },
        None => Outcome::Compiled,
    }
}

/// What a diagnostic tells of.
pub fn outcome_of(error: &Diagnostic) -> Outcome {
    let message = error.message.clone();
    let running = false;
    match error.kind {
        Kind::Unreadable | Kind::Unwritable | Kind::NotAModule | Kind::Syntax | Kind::Invalid => {
            Outcome::Invalid { message }
        }
        Kind::Compile => Outcome::CompileError { message },
        Kind::Panic => Outcome::Panic {
            message: message
                .split_once(" panicked: ")
                .map_or(message.as_str(), |(_, what)| what)
                .to_string(),
            place: error
                .notes
                .iter()
                .find_map(|note| note.strip_prefix("at "))
                .unwrap_or("an unknown place")
                .to_string(),
        },
        Kind::Crash | Kind::Interrupted => Outcome::Lost { message },
        Kind::OutOfMemory => Outcome::OutOfMemory { running },
        Kind::StackOverflow => Outcome::StackOverflow { running },
        Kind::Timeout => Outcome::Timeout { running },
    }
}
