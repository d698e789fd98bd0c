//! `clif-gc test`: runs filetests.
//!
//! Each file is run in a child process, so that a compiler that dies fails one test.

use crate::cli::{Format, TestArgs};
use crate::configuration::{Collector, OptLevel};
use crate::discover::{Input, discover};
use crate::exit::Exit;
use crate::pool;
use crate::progress::Progress;
use crate::render::style::{ERROR, GOOD, STRONG, paint};
use crate::render::{to_stderr, to_stdout};
use crate::text::{plural, printable};
use crate::triage::ask::{self, Limits};
use crate::triage::outcome::{Class, Outcome};
use crate::triage::protocol::{Looker, Request, Run, Wish};
use crate::triage::render::{Head, document};
use crate::triage::request;
use serde::Serialize;
use std::num::NonZeroUsize;
use std::thread::available_parallelism;
use std::time::Duration;

/// What became of a file.
#[derive(Serialize)]
struct Test {
    path: String,
    passed: bool,
    /// It could not be run.
    unusable: bool,
    /// What differs from what is expected, a line each.
    failures: Vec<String>,
}

/// Run the files that the arguments name.
pub fn run(args: &TestArgs) -> Exit {
    let inputs: Vec<Input> = discover(&args.paths)
        .into_iter()
        .filter(|input| input.error.is_some() || is_test(input) || is_named(args, input))
        .collect();
    let jobs = args
        .jobs
        .or_else(|| available_parallelism().ok())
        .map_or(1, NonZeroUsize::get);
    let bless = std::env::var_os("CLIF_GC_BLESS").is_some_and(|value| value == "1");
    let progress = Progress::new(inputs.len(), args.quiet);
    let mut tests = Vec::new();
    pool::in_order(
        &inputs,
        jobs,
        |input| {
            progress.working_on(input.name());
            let test = one(args, input, bless);
            progress.file_done();
            test
        },
        |_, test| {
            if args.output.format == Format::Text && !test.passed {
                progress.suspend(|| to_stdout(&shown(&test)));
            }
            tests.push(test);
        },
    );
    progress.finish();
    let exit = match () {
        () if tests.iter().any(|test| !test.passed && !test.unusable) => Exit::Rejected,
        () if tests.is_empty() || tests.iter().any(|test| test.unusable) => Exit::Unusable,
        () => Exit::Verified,
    };
    if tests.is_empty() {
        to_stderr("error: there is no test here\n");
    }
    let passed = tests.iter().filter(|test| test.passed).count() as u64;
    match args.output.format {
        Format::Text if args.quiet && exit == Exit::Verified => {}
        Format::Text => to_stdout(&summary(passed, tests.len() as u64)),
        Format::Json => {
            let paths: Vec<String> = args
                .paths
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            to_stdout(&document(
                Head::new("test", &paths.join(" "), exit),
                &Document {
                    passed,
                    failed: tests.len() as u64 - passed,
                    blessed: bless,
                    tests,
                },
            ));
        }
    }
    exit
}

#[derive(Serialize)]
struct Document {
    passed: u64,
    failed: u64,
    blessed: bool,
    tests: Vec<Test>,
}

/// Of a directory, modules are no tests: they are what tests are made of.
fn is_test(input: &Input) -> bool {
    let extension = input.path.extension();
    extension.is_some_and(|extension| extension == "clif" || extension == "wast")
}

fn is_named(args: &TestArgs, input: &Input) -> bool {
    args.paths.contains(&input.path)
}

fn summary(passed: u64, all: u64) -> String {
    let verdict = match passed == all {
        true => paint(GOOD, "ok"),
        false => paint(ERROR, "FAILED"),
    };
    let failed = all - passed;
    format!(
        "{verdict}: {} passed, {failed} failed\n",
        plural(passed, "test")
    )
}

fn shown(test: &Test) -> String {
    let title = match test.unusable {
        true => paint(ERROR, "error"),
        false => paint(ERROR, "failed"),
    };
    let path = paint(STRONG, printable(&test.path));
    let mut out = format!("{title}: {path}\n");
    for failure in &test.failures {
        for line in failure.lines() {
            out += &format!("    {}\n", printable(line));
        }
    }
    out
}

/// How long one test may take.
const TIME: Duration = Duration::from_secs(120);

const LIMITS: Limits = Limits {
    time: TIME,
    memory: 4 << 30,
    stack: 128 << 20,
};

fn one(args: &TestArgs, input: &Input, bless: bool) -> Test {
    let path = input.name();
    let outcomes = match (&input.error, input.path.extension()) {
        (Some(error), _) => vec![(
            String::new(),
            Outcome::Invalid {
                message: error.message.clone(),
            },
        )],
        (None, Some(extension)) if extension == "wast" => script(input),
        (None, Some(extension)) if extension == "clif" => {
            let request = Request {
                filetest: Some(bless),
                without_checks: args.without_check.iter().map(|c| c.to_string()).collect(),
                ..request_of(input, Wish::default())
            };
            vec![(String::new(), ask::once(&request, &LIMITS).outcome)]
        }
        (None, _) => vec![(
            String::new(),
            Outcome::Invalid {
                message: "no filetest; expected .clif or .wast".to_string(),
            },
        )],
    };
    let failed: Vec<_> = outcomes
        .into_iter()
        .filter(|(_, outcome)| outcome.class() != Class::Fine)
        .collect();
    Test {
        path,
        passed: failed.is_empty(),
        unusable: failed
            .iter()
            .any(|(_, outcome)| matches!(outcome, Outcome::Invalid { .. })),
        failures: failed
            .into_iter()
            .map(|(how, outcome)| {
                let what = match outcome {
                    Outcome::AssertionFailed { message } | Outcome::Invalid { message } => message,
                    other => other.short(),
                };
                format!("{how}{what}")
            })
            .collect(),
    }
}

fn request_of(input: &Input, wish: Wish) -> Request {
    let input = request::Input {
        path: input.path.clone(),
        name: input.name(),
    };
    input.request(wish)
}

/// What does not hold of a script, a line each.
pub fn failures_of_script(input: &Input) -> Vec<String> {
    let failed = script(input).into_iter();
    let failed = failed.filter(|(_, outcome)| outcome.class() != Class::Fine);
    failed
        .map(|(how, outcome)| format!("{how}{}", outcome.short()))
        .collect()
}

/// Who looks on: a script may say that it holds only where the verifier enforces.
fn lookers(input: &Input) -> &'static [Looker] {
    let text = std::fs::read_to_string(&input.path).unwrap_or_default();
    let mut comments = text
        .lines()
        .take_while(|line| line.starts_with(";;") || line.is_empty());
    match comments.any(|line| line.trim() == ";;! verifier = \"enforce\"") {
        true => &[Looker::Enforce],
        false => &[Looker::Off, Looker::Enforce],
    }
}

/// A script does the same, whatever the collector and whoever looks on.
fn script(input: &Input) -> Vec<(String, Outcome)> {
    let mut outcomes = Vec::new();
    for collector in [Collector::Copying, Collector::Drc, Collector::Null] {
        for opt_level in [OptLevel::None, OptLevel::Speed] {
            for &looker in lookers(input) {
                let wish = Wish {
                    collector: Some(collector),
                    opt_level: Some(opt_level),
                    ..Wish::default()
                };
                let request = Request {
                    looker,
                    run: Some(Run {
                        store_limit: 1 << 30,
                        ..Run::default()
                    }),
                    ..request_of(input, wish)
                };
                let how = format!("{collector} {opt_level} {}: ", looker.as_str());
                outcomes.push((how, ask::once(&request, &LIMITS).outcome));
            }
        }
    }
    outcomes
}
