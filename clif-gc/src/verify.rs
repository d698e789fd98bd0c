//! `clif-gc verify`.

use crate::cli::{Format, VerifyArgs};
use crate::discover::{Input, discover};
use crate::exit::Exit;
use crate::job::Job;
use crate::outcome::{Entry, FileOutcome};
use crate::pool;
use crate::progress::Progress;
use crate::render::{self, Summary, json};
use crate::supervise;
use crate::totals::Tally;
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
    let inputs = discover(&args.paths);
    let jobs = args
        .jobs
        .or_else(|| available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    let job = job(args, jobs, inputs.len());
    let timeout = Duration::from_secs(args.timeout);
    let progress = Progress::new(inputs.len(), args.quiet);
    let mut printer = Printer::new(args);
    pool::in_order(
        &inputs,
        jobs,
        |input| {
            progress.working_on(input.name());
            let outcome = judge(input, args.emit_clif.as_deref(), &job, timeout);
            progress.file_done();
            outcome
        },
        |_, outcome| progress.suspend(|| printer.file(outcome)),
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
        all_rewrites: args.all_rewrites,
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

fn judge(input: &Input, emit: Option<&Path>, job: &Job, timeout: Duration) -> FileOutcome {
    let name = input.name();
    match &input.error {
        Some(error) => FileOutcome::failed(name, error.clone()),
        None => {
            let job = Job {
                name,
                ..job.clone()
            };
            supervise::judge(&input.path, emit, &job, timeout)
        }
    }
}

/// Prints what was found as it comes in, in order.
struct Printer<'a> {
    args: &'a VerifyArgs,
    tally: Tally,
    /// What JSON output needs in the end.
    entries: Vec<Entry>,
}

impl<'a> Printer<'a> {
    fn new(args: &'a VerifyArgs) -> Self {
        Printer {
            args,
            tally: Tally::default(),
            entries: Vec::new(),
        }
    }

    fn file(&mut self, outcome: FileOutcome) {
        for entry in outcome.entries {
            self.tally.add(&entry);
            render::to_stderr(&render::diagnostics(&entry));
            match self.args.output.format {
                Format::Text => {
                    render::to_stdout(&render::findings(&entry));
                    if !self.args.quiet {
                        render::to_stdout(&render::refused(&entry));
                    }
                    render::to_stdout(&render::undecided(&entry));
                }
                Format::Json => self.entries.push(entry),
            }
        }
    }

    fn finish(self) -> Exit {
        let args = self.args;
        let exit = self.tally.exit(args.min_subjects, args.min_judged);
        let summary = Summary {
            tally: &self.tally,
            mode: args.mode,
            min_subjects: args.min_subjects,
            min_judged: args.min_judged,
            exit,
        };
        match args.output.format {
            Format::Text if args.quiet && exit == Exit::Verified => {}
            Format::Text => render::to_stdout(&summary.text()),
            Format::Json => render::to_stdout(&json::document(&summary, &self.entries)),
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
