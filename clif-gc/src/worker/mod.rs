//! The child process: compiles one file, with the verifier looking on, and says what it saw.

mod clif;
mod clif_error;
pub mod emit;
mod expression;
mod host;
mod interpret;
mod isolate;
mod limits;
pub mod lines;
mod names;
mod observer;
mod operators;
mod panics;
pub mod probe;
mod run;
mod sink;
mod source;
mod subject;
mod wasm;
mod watch;

use crate::cli::WorkerArgs;
use crate::configuration::Mode;
use crate::diagnostic::{Diagnostic, Kind, Result};
use crate::job::{Job, Message, Plan, UnitOutcome};
use crate::triage::bisect::limit_from_environment;
use crate::triage::protocol::{self, Looker, Tell};
use cranelift_codegen::gc_verifier::{SetGcVerifierError, set_gc_verifier};
use cranelift_gc_verifier::{Checks, Code, Options, Verifier, VerifyInput};
use emit::Emit;
use observer::{Observed, Observer};
use sink::Collect;
use source::Source;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use watch::{Task, Watch};

pub use names::is_meant;

/// Something with units of work in it.
trait Work {
    /// What there is to do.
    fn plan(&self) -> Plan;

    /// Do one unit of the plan.
    fn unit(&mut self, index: usize) -> UnitOutcome;
}

/// What all units need.
struct Tools {
    job: Job,
    sink: Arc<Collect>,
    /// Where functions are written, if they are.
    emit: Option<Emit>,
    observed: Arc<Observed>,
}

/// Be the child process.
pub fn run(args: &WorkerArgs) -> ExitCode {
    let job: Job = match serde_json::from_reader(io::stdin()) {
        Ok(job) => job,
        Err(error) => {
            eprintln!("clif-gc: no job: {error}");
            return ExitCode::from(2);
        }
    };
    // NB: The numbers of rewrites mean something only where functions are compiled one after the other.
    let job = Job {
        threads: limit_from_environment().map_or(job.threads, |_| 1),
        ..job
    };
    limits::apply(&job);
    panics::record();
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(job.threads)
        .stack_size(job.stack_size)
        .build_global();
    if let Err(error) = pool {
        eprintln!("clif-gc: no threads: {error}");
        return ExitCode::from(2);
    }
    // NB: What runs in the pool has its large stacks.
    rayon::scope(|_| work(args, job));
    ExitCode::SUCCESS
}

fn work(args: &WorkerArgs, job: Job) {
    let first_unit = job.first_unit;
    match prepare(args, job) {
        Ok(mut work) => {
            let plan = work.plan();
            let units = plan.units.len();
            say(&Message::Plan(plan));
            for index in first_unit..units {
                say(&Message::Begin(index));
                say(&Message::End(work.unit(index)));
            }
        }
        Err(diagnostic) => say(&Message::Failed(diagnostic)),
    }
}

fn prepare(args: &WorkerArgs, job: Job) -> Result<Box<dyn Work>> {
    let observed = Observed::new(job.rewrites);
    let tools = Tools {
        sink: install(&job, args.emit_clif.is_some(), &observed)?,
        emit: args
            .emit_clif
            .clone()
            .map(|dir| Emit::new(dir, job.rejected_only)),
        job,
        observed,
    };
    let source = panics::catch(|| Source::read(&args.path))?;
    Ok(match source {
        Source::Modules(modules) => Box::new(wasm::Modules::new(modules, tools)),
        Source::Clif(text) => Box::new(clif::Functions::parse(&text, tools)?),
    })
}

/// The only module of the file at `path`, as a binary.
///
/// # Errors
///
/// If there is none, or more than one.
pub fn binary(path: &std::path::Path) -> std::result::Result<Vec<u8>, String> {
    match Source::read(path).map_err(|error| error.message)? {
        Source::Modules(mut modules) => match (modules.pop(), modules.pop()) {
            (Some(only), None) => only.bytes.map_err(|error| error.message),
            _ => Err("more than one module".to_string()),
        },
        Source::Clif(_) => Err("no module".to_string()),
    }
}

/// The types of what an export of the only module of the file returns.
///
/// # Errors
///
/// If there is no such function.
pub fn results(path: &std::path::Path, export: &str) -> std::result::Result<Vec<String>, String> {
    let bytes = binary(path)?;
    let module = wasmtime::Module::new(&wasmtime::Engine::default(), &bytes);
    let module = module.map_err(|error| format!("{error:#}"))?;
    let ty = module.get_export(export);
    let func = ty.as_ref().and_then(|ty| ty.func());
    let func = func.ok_or_else(|| format!("it exports no function \"{export}\""))?;
    Ok(func.results().map(|ty| ty.to_string()).collect())
}

fn install(job: &Job, keep_text: bool, observed: &Arc<Observed>) -> Result<Arc<Collect>> {
    let checks = job
        .without_checks
        .iter()
        .filter_map(|code| Code::parse(code))
        .fold(Checks::all(), Checks::without);
    let sink = Arc::new(Collect::default());
    let options = Options {
        checks,
        all_rewrites: job.all_rewrites,
        keep_text,
        verify_input: VerifyInput::Always,
        ..Options::default()
    };
    let failed =
        |error: SetGcVerifierError| Box::new(Diagnostic::new(Kind::Crash, error.to_string()));
    // A command that is bisected is told how many rewrites are let happen.
    if let Some(limit) = limit_from_environment() {
        let watch = Watch::install().map_err(failed)?;
        watch.begin(Task {
            looker: match job.mode {
                Mode::Check => Looker::Check,
                Mode::Enforce => Looker::Enforce,
            },
            options,
            plan: protocol::Plan::up_to(limit),
            tell: Tell::default(),
        });
        return Ok(watch.sink());
    }
    let verifier = Verifier::new(options, sink.clone());
    set_gc_verifier(Arc::new(Observer::new(verifier, observed.clone()))).map_err(failed)?;
    Ok(sink)
}

/// Say something to the parent. Without one, there is nothing left to do.
fn say(message: &Message) {
    let mut line = serde_json::to_vec(message).expect("messages have string keys only");
    line.push(b'\n');
    let mut stdout = io::stdout().lock();
    if stdout
        .write_all(&line)
        .and_then(|()| stdout.flush())
        .is_err()
    {
        std::process::exit(2);
    }
}

/// The sizes of the functions of a file: the bytes of the body in a module, the lines in CLIF.
pub fn sizes(path: &std::path::Path) -> std::collections::BTreeMap<String, u64> {
    match Source::read(path) {
        Ok(Source::Modules(modules)) => {
            let bytes = modules
                .first()
                .and_then(|module| module.bytes.as_ref().ok());
            bytes.map(|bytes| names::sizes(bytes)).unwrap_or_default()
        }
        Ok(Source::Clif(text)) => lines::sizes(&text),
        Err(_) => std::collections::BTreeMap::new(),
    }
}
