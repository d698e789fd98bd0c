//! `clif-gc verify`.

use crate::cli::{VerifyArgs, VerifyFormat};
use crate::discover::{Input, discover};
use crate::exit::Exit;
use crate::job::Job;
use crate::outcome::{Entry, FileOutcome};
use crate::pool;
use crate::progress::Progress;
use crate::render::{self, Summary, github, json, sarif};
use crate::supervise;
use crate::text::plural;
use crate::totals::Tally;
use crate::triage::cleanup;
use crate::worker::emit;
use std::num::NonZeroUsize;
use std::path::Path;
use std::thread::available_parallelism;
use std::time::Duration;

/// Judge the files that the arguments name, and print what was found.
pub fn run(args: &VerifyArgs) -> Exit {
    if let Some(dir) = &args.emit_clif
        && let Err(error) = emit::prepare(dir)
    {
        render::to_stderr(&format!("error: {error:#}\n"));
        return Exit::Unusable;
    }
    let inputs: Vec<(usize, Input)> = discover(&args.paths)
        .into_iter()
        .enumerate()
        .filter(|(position, _)| args.shard.is_none_or(|shard| shard.has(*position)))
        .collect();
    let jobs = args
        .jobs
        .or_else(|| available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    let job = job(args, jobs, inputs.len());
    let timeout = Duration::from_secs(args.timeout);
    cleanup::ask_first();
    let progress = Progress::new(inputs.len(), args.quiet);
    let mut printer = Printer::new(args);
    pool::in_order(
        &inputs,
        jobs,
        |(_, input)| {
            if cleanup::is_interrupted() {
                return supervise::not_begun(input.name());
            }
            progress.working_on(input.name());
            let tell = |stage| progress.working_on(stage);
            let outcome = judge(input, args.emit_clif.as_deref(), &job, timeout, &tell);
            progress.file_done();
            outcome
        },
        |(position, _), outcome| progress.suspend(|| printer.file(*position, outcome)),
    );
    progress.finish();
    printer.finish()
}

/// What each child process is to do. The threads that are not busy with files of their own help
/// with functions.
fn job(args: &VerifyArgs, jobs: usize, files: usize) -> Job {
    Job {
        name: String::new(),
        targets: unique(args.compile.target.iter().map(|target| target.name.clone())),
        collectors: unique(
            args.compile
                .collector
                .iter()
                .flat_map(|c| c.collectors())
                .copied(),
        ),
        opt_levels: unique(args.compile.opt_level.iter().copied()),
        embeddings: unique(args.compile.embedding.iter().copied()),
        inlining: args.inlining,
        mode: args.mode,
        without_checks: args.without_check.iter().map(|c| c.to_string()).collect(),
        allowed: args.allowed().iter().map(|c| c.to_string()).collect(),
        functions: args.function.clone(),
        all_rewrites: args.all_rewrites,
        rewrites: args.rewrites,
        rejected_only: args.rejected_only,
        threads: (jobs / files.clamp(1, jobs)).max(1),
        stack_size: usize::try_from(args.stack_size << 10).unwrap_or(usize::MAX),
        memory_limit: args.memory_limit << 20,
        first_unit: 0,
    }
}

fn unique<T: PartialEq>(items: impl Iterator<Item = T>) -> Vec<T> {
    let mut unique = Vec::new();
    for item in items {
        if !unique.contains(&item) {
            unique.push(item);
        }
    }
    unique
}

fn judge(
    input: &Input,
    emit: Option<&Path>,
    job: &Job,
    timeout: Duration,
    tell: &dyn Fn(String),
) -> FileOutcome {
    let name = input.name();
    match &input.error {
        Some(error) => FileOutcome::failed(name, error.clone()),
        None => {
            let job = Job {
                name,
                ..job.clone()
            };
            supervise::judge(&input.path, emit, &job, timeout, tell)
        }
    }
}

/// Prints what was found as it comes in, in order.
struct Printer<'a> {
    args: &'a VerifyArgs,
    tally: Tally,
    /// What output as one object needs in the end.
    entries: Vec<Entry>,
    /// How many files were not begun when a signal came.
    untouched: u64,
}

impl<'a> Printer<'a> {
    fn new(args: &'a VerifyArgs) -> Self {
        Printer {
            args,
            tally: Tally::default(),
            entries: Vec::new(),
            untouched: 0,
        }
    }

    fn file(&mut self, position: usize, outcome: FileOutcome) {
        for mut entry in outcome.entries {
            entry.input = position;
            self.tally.add(&entry);
            match entry.is_untouched() {
                true => self.untouched += 1,
                false => render::to_stderr(&render::diagnostics(&entry)),
            }
            match self.args.format {
                VerifyFormat::Text => {
                    render::to_stdout(&render::findings(&entry));
                    if !self.args.quiet {
                        render::to_stdout(&render::allowed(&entry));
                        render::to_stdout(&render::refused(&entry));
                    }
                    render::to_stdout(&render::undecided(&entry));
                }
                VerifyFormat::Github => render::to_stdout(&github::annotations(&entry)),
                VerifyFormat::Json | VerifyFormat::Sarif => self.entries.push(entry),
            }
        }
    }

    /// Was there no function that was asked for?
    fn found_nobody(&self) -> bool {
        let totals = &self.tally.totals;
        // NB: The others may be in another shard.
        let is_all = self.args.shard.is_none();
        is_all && !self.args.function.is_empty() && totals.functions == 0 && totals.errors == 0
    }

    fn finish(self) -> Exit {
        let args = self.args;
        let exit = match self.found_nobody() {
            true => Exit::Unusable,
            false => self
                .tally
                .exit(args.min_subjects, args.min_judged, args.undecided()),
        };
        let summary = Summary {
            tally: &self.tally,
            mode: args.mode,
            min_subjects: args.min_subjects,
            min_judged: args.min_judged,
            shard: args.shard,
            exit,
        };
        match args.format {
            VerifyFormat::Text if args.quiet && exit == Exit::Verified => {}
            VerifyFormat::Text => render::to_stdout(&summary.text()),
            VerifyFormat::Github => render::to_stdout(&format!("{}\n", summary.line())),
            VerifyFormat::Json => render::to_stdout(&json::document(&summary, &self.entries)),
            VerifyFormat::Sarif => render::to_stdout(&sarif::document(&summary, &self.entries)),
        }
        if self.found_nobody() {
            render::to_stderr(&format!(
                "error: no function is called {}\n",
                args.function.join(" or ")
            ));
        }
        if cleanup::is_interrupted() {
            let files = plural(self.untouched, "file");
            render::to_stderr(&format!(
                "interrupted: {files} not begun; this is what was found\n"
            ));
        }
        if self.tally.lacks_subjects(args.min_subjects) {
            render::to_stderr(&summary.too_few_subjects());
        }
        if self.tally.lacks_judged(args.min_judged) {
            render::to_stderr(&summary.too_little_judged());
        }
        exit
    }
}
