//! `clif-gc reduce`: a smaller input with the same failure.
//!
//! **Claim.** What is left fails in the same way: with the same code after the same pass, or with the same
//! outcome. It is the same on every run, however many candidates are asked about at once.

mod clif;
mod pool;
mod sweep;
mod wasm;

use super::ask;
use super::cleanup;
use super::emitted;
use super::failure::{Failure, is_expected};
use super::protocol::{Answer, Plan, Request};
use super::render::{Head, document, outcome_line};
use super::reproduce::{Case, Nothing};
use super::request::{self, Format as FileFormat, Input};
use crate::cli::{Format, ReduceArgs};
use crate::exit::Exit;
use crate::progress::Steps;
use crate::render::style::{GOOD, STRONG, WARNING, paint};
use crate::render::{to_stderr, to_stdout};
use crate::target::Target;
use crate::text::{plural, printable, size};
use cranelift_codegen::isa::{self, OwnedTargetIsa};
use cranelift_codegen::settings::{self, Configurable, Flags};
use pool::{Pool, Question};
use serde::Serialize;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::thread::available_parallelism;
use sweep::{State, sweep};

/// Passes are repeated this often at most.
const MAX_ROUNDS: usize = 8;

/// What came of a reduction.
#[derive(Serialize)]
struct Reduced {
    failure: Failure,
    description: String,
    bytes_before: u64,
    candidates: u64,
    results: Vec<Result>,
    notes: Vec<String>,
}

/// A file that was written.
#[derive(Serialize)]
struct Result {
    path: String,
    bytes: u64,
    /// How many instructions of CLIF it has.
    instructions: Option<usize>,
    #[serde(skip)]
    text: Option<String>,
}

/// Reduce the file, and tell what is left.
pub fn run(args: &ReduceArgs) -> Exit {
    cleanup::watch_signals();
    let input = match request::input(&args.file) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    if args.failure.command.is_some() {
        to_stderr("error: `reduce` runs no commands\n");
        return Exit::Unusable;
    }
    if input.format() == FileFormat::Script {
        to_stderr("error: a script is not reduced; take the module out of it\n");
        return Exit::Unusable;
    }
    let Some(wish) = args.compile.wishes().into_iter().next() else {
        return Exit::Unusable;
    };
    let case = match Case::find(&input, wish, &args.failure, &args.limits.limits()) {
        Ok(case) => case,
        Err(Nothing::Fine(tried)) => {
            let tried = tried.join("; ");
            to_stderr(&format!("error: there is nothing to reduce: {tried}\n"));
            return Exit::Inconclusive;
        }
        Err(Nothing::Unusable(answer)) => {
            let Answer {
                configuration,
                outcome,
                errors,
                ..
            } = *answer;
            to_stderr(&outcome_line(
                &input.name,
                configuration.as_ref(),
                &outcome,
                &errors,
            ));
            return Exit::Unusable;
        }
    };
    let steps = Steps::new("reducing");
    let reduced = Reduction::new(args, case, &steps).and_then(Reduction::reduced);
    steps.finish();
    let exit = match &reduced {
        Ok(reduced) if reduced.results.is_empty() => Exit::Inconclusive,
        Ok(_) => Exit::Verified,
        Err(error) => {
            to_stderr(&format!("error: {}\n", printable(error)));
            Exit::Unusable
        }
    };
    if let Ok(reduced) = &reduced {
        match args.output.format {
            Format::Text => to_stdout(&reduced.text()),
            Format::Json => {
                to_stdout(&document(Head::new("reduce", &input.name, exit), reduced));
            }
        }
    }
    exit
}

impl Reduced {
    fn text(&self) -> String {
        let mut out = String::new();
        // NB: Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{}: {}",
            paint(STRONG, "kept"),
            printable(&self.description)
        );
        for Result {
            path,
            bytes,
            instructions,
            text,
        } in &self.results
        {
            let instructions = instructions.map_or(String::new(), |count| {
                format!(", {}", plural(count as u64, "instruction"))
            });
            let percent = *bytes as f64 * 100.0 / self.bytes_before.max(1) as f64;
            let _ = writeln!(
                out,
                "{}: {} of {} ({percent:.1} %){instructions}: {}",
                paint(GOOD, "reduced"),
                size(*bytes),
                size(self.bytes_before),
                printable(path)
            );
            if let Some(text) = text.as_ref().filter(|text| text.lines().count() <= 60) {
                let _ = writeln!(out, "\n{}\n", text.trim_end());
            }
        }
        let _ = writeln!(out, "{} tried", plural(self.candidates, "candidate"));
        for note in &self.notes {
            let _ = writeln!(out, "{}: {}", paint(WARNING, "note"), printable(note));
        }
        out
    }
}

struct Reduction<'a> {
    args: &'a ReduceArgs,
    case: Case,
    steps: &'a Steps,
    jobs: usize,
    scratch: PathBuf,
    candidates: u64,
    notes: Vec<String>,
}

type Maybe<T> = std::result::Result<T, String>;

impl<'a> Reduction<'a> {
    fn new(args: &'a ReduceArgs, case: Case, steps: &'a Steps) -> Maybe<Self> {
        let jobs = args
            .jobs
            .or_else(|| available_parallelism().ok())
            .map_or(1, NonZeroUsize::get);
        let scratch = cleanup::scratch()
            .map_err(|error| format!("cannot make a temporary directory: {error}"))?;
        Ok(Reduction {
            args,
            case,
            steps,
            jobs,
            scratch,
            candidates: 0,
            notes: Vec::new(),
        })
    }

    fn reduced(mut self) -> Maybe<Reduced> {
        let bytes = std::fs::read(&self.case.input.path).map_err(|error| error.to_string())?;
        let mut results = Vec::new();
        match self.case.input.format() {
            FileFormat::Clif => {
                let text = String::from_utf8(bytes.clone()).map_err(|error| error.to_string())?;
                results.push(self.clif(&text, &self.output("clif"))?);
            }
            FileFormat::Module | FileFormat::Script => {
                let wasm = crate::worker::binary(&self.case.input.path)?;
                let module = self.wasm(wasm)?;
                let clif = match self.args.no_clif {
                    true => None,
                    false => self.clif_of(Path::new(&module.path))?,
                };
                results.push(module);
                results.extend(clif);
            }
        }
        cleanup::set_last_words(None);
        Ok(Reduced {
            description: self.case.failure.to_string(),
            failure: self.case.failure,
            bytes_before: bytes.len() as u64,
            candidates: self.candidates,
            results,
            notes: self.notes,
        })
    }

    /// Where the result goes.
    fn output(&self, extension: &str) -> PathBuf {
        match &self.args.output_file {
            Some(path) if self.args.no_clif => path.clone(),
            Some(path) => path.with_extension(extension),
            None => {
                let stem = self.case.input.path.file_stem().unwrap_or_default();
                let mut name = stem.to_os_string();
                name.push(".reduced.");
                name.push(extension);
                PathBuf::from(name)
            }
        }
    }

    fn pool(&self, extension: &'static str) -> Pool {
        let question = Question {
            request: self.case.request(),
            failure: self.case.failure.clone(),
            reference: self.reference(),
        };
        Pool::new(
            self.jobs,
            &question,
            (self.scratch.clone(), extension),
            &self.case.limits,
        )
    }

    /// The request that does what is expected: the same without any rewrite, if that helps.
    fn reference(&self) -> Option<Request> {
        let Failure::Run { expected, .. } = &self.case.failure else {
            return None;
        };
        let request = Request {
            plan: Plan::up_to(0),
            ..self.case.request()
        };
        let answer = ask::once(&request, &self.case.limits);
        is_expected(&answer.outcome, expected).then_some(request)
    }

    /// Keep the best so far.
    fn keep(&self, path: &Path, bytes: &[u8]) -> Maybe<()> {
        cleanup::write_whole(path, bytes)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
        cleanup::set_last_words(Some(format!(
            "the best so far, {}, is in {}; the same command goes on from there",
            size(bytes.len() as u64),
            path.display()
        )));
        Ok(())
    }

    /// The state to begin with: what an earlier run left, if it fails in the same way and is smaller.
    fn begin<S: State>(
        &mut self,
        pool: &Pool,
        start: S,
        read: impl Fn(&[u8]) -> Option<S>,
        path: &Path,
    ) -> Maybe<S> {
        self.candidates += 1;
        if pool.first(&[start.bytes()]).is_none() {
            return Err("it does not fail in the same way when it is written anew".to_string());
        }
        let earlier = std::fs::read(path).ok().and_then(|bytes| read(&bytes));
        let earlier = earlier.filter(|state| state.bytes().len() < start.bytes().len());
        let Some(earlier) = earlier else {
            return Ok(start);
        };
        self.candidates += 1;
        match pool.first(&[earlier.bytes()]) {
            Some(_) => {
                self.notes.push(format!("went on from {}", path.display()));
                Ok(earlier)
            }
            None => Ok(start),
        }
    }

    /// Do the passes until none helps.
    fn passes<S: State>(
        &mut self,
        state: &mut S,
        passes: &[S::Pass],
        pool: &Pool,
        path: &Path,
    ) -> Maybe<()> {
        let mut failed = Ok(());
        for _ in 0..MAX_ROUNDS {
            let mut is_changed = false;
            for &pass in passes {
                let mut tried = 0;
                is_changed |= sweep(state, pass, pool, &mut tried, &mut |best| {
                    let bytes = best.bytes();
                    self.steps.tell(&size(bytes.len() as u64));
                    if failed.is_ok() {
                        failed = self.keep(path, &bytes);
                    }
                });
                self.candidates += tried;
            }
            if !is_changed {
                break;
            }
        }
        failed
    }

    fn wasm(&mut self, bytes: Vec<u8>) -> Maybe<Result> {
        let path = self.output("wasm");
        let pool = self.pool("wasm");
        let kept: Vec<String> = match (&self.case.failure, &self.case.how.invoke) {
            (Failure::Run { .. }, Some(name)) => vec![name.clone()],
            (Failure::Run { .. }, None) => vec!["_start".to_string(), "main".to_string()],
            _ => Vec::new(),
        };
        let read = {
            let kept = kept.clone();
            move |bytes: &[u8]| Some(wasm::Wasm::new(bytes.to_vec(), kept.clone()))
        };
        let start = wasm::Wasm::new(bytes, kept.clone());
        let mut state = self.begin(&pool, start, read, &path)?;
        self.passes(&mut state, &wasm::PASSES, &pool, &path)?;
        let mut bytes = state.bytes();
        self.shrink(&mut bytes, &pool, &path);
        let mut state = wasm::Wasm::new(bytes, kept);
        self.passes(&mut state, &wasm::PASSES, &pool, &path)?;
        let bytes = state.bytes();
        self.keep(&path, &bytes)?;
        Ok(Result {
            path: path.display().to_string(),
            bytes: bytes.len() as u64,
            instructions: None,
            text: None,
        })
    }

    /// Let `wasm-shrink` do what it can.
    fn shrink(&mut self, bytes: &mut Vec<u8>, pool: &Pool, path: &Path) {
        let mut tried = 0;
        let mut best = bytes.clone();
        let shrunk = {
            let (keep, steps) = (&*self, self.steps);
            wasm_shrink::WasmShrink::default()
                .attempts(self.args.attempts)
                .run(bytes.clone(), |candidate: &[u8]| {
                    tried += 1;
                    let fails = pool.first(&[candidate.to_vec()]).is_some();
                    if fails && candidate.len() < best.len() {
                        best = candidate.to_vec();
                        steps.tell(&size(best.len() as u64));
                        // NB: If it cannot be written, the end will tell.
                        let _ = keep.keep(path, &best);
                    }
                    anyhow::Ok(fails)
                })
        };
        self.candidates += tried;
        match shrunk {
            Ok(info) if info.output.len() < bytes.len() => *bytes = info.output,
            Ok(_) => {}
            Err(error) => {
                self.notes.push(format!("wasm-shrink: {error:#}"));
                *bytes = best;
            }
        }
    }

    /// The function that fails, as CLIF, if it fails without its module.
    fn clif_of(&mut self, module: &Path) -> Maybe<Option<Result>> {
        if !matches!(self.case.failure, Failure::Finding { .. }) {
            return Ok(None);
        }
        let (found, tried) = emitted::function(&self.case, module, &self.scratch)?;
        self.candidates += tried;
        let Some((path, text)) = found else {
            self.notes
                .push("no function alone fails in the same way: the module is needed".to_string());
            return Ok(None);
        };
        // NB: A file of CLIF tells itself how it is compiled.
        self.case.wish = super::protocol::Wish::default();
        self.case.input = Input {
            path,
            name: self.case.input.name.clone(),
        };
        self.clif(&text, &module.with_extension("clif")).map(Some)
    }

    fn clif(&mut self, text: &str, path: &Path) -> Maybe<Result> {
        let isa = any_isa()?;
        let pool = self.pool("clif");
        let calls = match (&self.case.failure, &self.case.how.invoke) {
            (Failure::Run { .. }, None) => clif::Calls::Kept,
            _ => clif::Calls::Dropped,
        };
        let start = clif::Functions::parse(text, isa.clone(), calls)?;
        let read = |bytes: &[u8]| {
            let text = std::str::from_utf8(bytes).ok()?;
            clif::Functions::parse(text, isa.clone(), calls).ok()
        };
        let mut state = self.begin(&pool, start, read, path)?;
        self.passes(&mut state, &clif::PASSES, &pool, path)?;
        let without_calls = state.without_calls();
        if calls == clif::Calls::Kept && pool.first(&[without_calls.bytes()]).is_some() {
            state = without_calls;
        }
        let text = state.text();
        self.keep(path, text.as_bytes())?;
        Ok(Result {
            path: path.display().to_string(),
            bytes: text.len() as u64,
            instructions: Some(clif::instructions(&text)),
            text: Some(text),
        })
    }
}

/// A target whose verifier tells what is well-formed.
fn any_isa() -> Maybe<OwnedTargetIsa> {
    let mut flags = settings::builder();
    for (name, value) in [
        ("preserve_frame_pointers", "true"),
        ("enable_multi_ret_implicit_sret", "true"),
    ] {
        flags.set(name, value).map_err(|error| error.to_string())?;
    }
    let target = Target::parse(Target::DEFAULT[0])?;
    isa::lookup(target.triple)
        .map_err(|error| error.to_string())?
        .finish(Flags::new(flags))
        .map_err(|error| error.to_string())
}
