//! `clif-gc trace`: every rewrite that the optimizer asks about, numbered, with the answer.

use super::ask;
use super::diff::{Diff, diffs};
use super::protocol::{
    Answer, Looker, Reason, Request, RewriteAnswer, RewriteRecord, Side, Tell, Which, Wish,
};
use super::render::{Head, document, outcome_line};
use super::request;
use crate::cli::{Format, TraceArgs};
use crate::configuration::Mode;
use crate::exit::Exit;
use crate::render::style::{ERROR, FRAME, GOOD, STRONG, WARNING, paint};
use crate::render::{to_stderr, to_stdout};
use crate::text::{plural, printable};
use serde::Serialize;
use std::fmt::Write;

/// Tell of the rewrites, once for each configuration.
pub fn run(args: &TraceArgs) -> Exit {
    let input = match request::input(&args.file) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let limits = args.limits.limits();
    let mut exit = Exit::Verified;
    let mut traces = Vec::new();
    for wish in args.compile.wishes() {
        let answer = ask::once(&request(args, &input, wish), &limits);
        let trace = Trace::new(args, answer);
        exit = exit.or(trace.exit());
        match args.output.format {
            Format::Text => to_stdout(&trace.text(args)),
            Format::Json => {}
        }
        if let Some(told) = trace.failure(&input.name) {
            to_stderr(&told);
        }
        traces.push(trace);
    }
    if args.output.format == Format::Json {
        to_stdout(&document(
            Head::new("trace", &input.name, exit),
            &Document { traces },
        ));
    }
    exit
}

fn request(args: &TraceArgs, input: &request::Input, wish: Wish) -> Request {
    let rewrites = match args.number {
        Some(number) => Which::One(number),
        // NB: What a hunk of a difference comes from may be any rewrite.
        None if args.all_rewrites || args.diff => Which::All,
        None => Which::References,
    };
    Request {
        looker: match args.mode {
            Mode::Check => Looker::Check,
            Mode::Enforce => Looker::Enforce,
        },
        tell: Tell {
            rewrites,
            function: args.function.clone(),
            functions: Vec::new(),
            rule: args.rule.clone(),
            all_rewrites: args.all_rewrites,
            passes: args.diff,
        },
        ..input.request(wish)
    }
}

#[derive(Serialize)]
struct Document {
    traces: Vec<Trace>,
}

/// What is told of one compilation.
#[derive(Serialize)]
struct Trace {
    configuration: Option<crate::configuration::Configuration>,
    outcome: super::outcome::Outcome,
    asked: u64,
    functions: u64,
    rewrites: Vec<RewriteRecord>,
    diffs: Vec<Diff>,
    #[serde(skip)]
    errors: Vec<crate::diagnostic::Diagnostic>,
}

impl Trace {
    fn new(args: &TraceArgs, answer: Answer) -> Trace {
        let Answer {
            configuration,
            outcome,
            errors,
            asked,
            compiled,
            rewrites,
            passes,
            ..
        } = answer;
        let diffs = diffs(&passes, &rewrites);
        let is_wanted = |rewrite: &RewriteRecord| {
            let is_about = rewrite.references || rewrite.verdict.code.is_some();
            args.all_rewrites || args.number.is_some() || is_about
        };
        Trace {
            configuration,
            outcome,
            asked,
            functions: compiled,
            rewrites: rewrites.into_iter().filter(is_wanted).collect(),
            diffs,
            errors,
        }
    }

    fn exit(&self) -> Exit {
        request::exit_of(&self.outcome)
    }

    fn failure(&self, name: &str) -> Option<String> {
        let is_failure = self.exit() == Exit::Unusable;
        is_failure.then(|| {
            outcome_line(
                name,
                self.configuration.as_ref(),
                &self.outcome,
                &self.errors,
            )
        })
    }

    fn text(&self, args: &TraceArgs) -> String {
        let mut out = String::new();
        if let Some(configuration) = &self.configuration {
            // NB: Writing to a string cannot fail.
            let _ = writeln!(out, "{}\n", paint(STRONG, configuration));
        }
        match args.diff {
            true => self.text_of_diffs(&mut out),
            false => self.text_of_rewrites(&mut out),
        }
        let shown = self.rewrites.len() as u64;
        let wrong = self.rewrites.iter();
        let wrong = wrong
            .filter(|rewrite| rewrite.verdict.code.is_some())
            .count() as u64;
        let _ = writeln!(
            out,
            "{} of {} in {}, {wrong} wrong: {}",
            plural(shown, "rewrite"),
            crate::text::thousands(self.asked),
            plural(self.functions, "function"),
            self.outcome.short()
        );
        out
    }

    fn text_of_rewrites(&self, out: &mut String) {
        let mut last = None;
        for rewrite in &self.rewrites {
            if last != Some(&rewrite.function) {
                if last.is_some() {
                    out.push('\n');
                }
                let _ = writeln!(out, "{}", function_name(rewrite));
                last = Some(&rewrite.function);
            }
            *out += &one(rewrite);
        }
        if last.is_some() {
            out.push('\n');
        }
    }

    fn text_of_diffs(&self, out: &mut String) {
        for diff in &self.diffs {
            *out += &diff.text(&self.rewrites);
        }
    }
}

/// The function of a rewrite, as a heading.
pub fn function_name(rewrite: &RewriteRecord) -> String {
    let id = &rewrite.function;
    let name = match &id.name {
        Some(name) => format!("{} \"{}\"", id.function, printable(name)),
        None => printable(&id.function).into_owned(),
    };
    paint(FRAME, name)
}

/// A rewrite, in a few lines.
pub fn one(rewrite: &RewriteRecord) -> String {
    let RewriteRecord {
        number,
        event,
        pass,
        rule,
        entity,
        before,
        after,
        note,
        verdict,
        ..
    } = rewrite;
    let mut out = String::new();
    let number = paint(STRONG, format_args!("{number:>6}"));
    let rule = rule
        .as_ref()
        .map_or(String::new(), |rule| format!(", {rule}"));
    let _ = writeln!(
        out,
        "{number} {event} {entity} ({pass}{rule}): {}",
        verdict_text(rewrite)
    );
    side(&mut out, "  ", before);
    match after {
        // NB: What moves stays what it is.
        Some(after) if after.text == before.text && note.is_some() => {}
        Some(after) => side(&mut out, "=>", after),
        None => out.push_str("         => nothing\n"),
    }
    if let Some(note) = note {
        let _ = writeln!(out, "            {note}");
    }
    if let (Some(code), Some(message)) = (&verdict.code, &verdict.message) {
        let title = paint(ERROR, code);
        let _ = writeln!(out, "         {title}: {message}");
    }
    out
}

fn side(out: &mut String, sign: &str, side: &Side) {
    let fact = side
        .fact
        .as_ref()
        .map_or(String::new(), |fact| format!("  ! {fact}"));
    let _ = writeln!(out, "         {sign} {}{fact}", side.text);
}

fn verdict_text(rewrite: &RewriteRecord) -> String {
    let verdict = &rewrite.verdict;
    match (verdict.answer, verdict.reason) {
        (RewriteAnswer::Accepted, Reason::Wrong) => {
            paint(ERROR, "wrong, and done all the same (--mode check)")
        }
        (RewriteAnswer::Refused, Reason::Wrong) => paint(WARNING, "refused"),
        (RewriteAnswer::Accepted, reason) => {
            format!("{}, {}", paint(GOOD, "accepted"), reason.phrase())
        }
        (RewriteAnswer::Refused, reason) => {
            format!("{}, {}", paint(WARNING, "refused"), reason.phrase())
        }
    }
}
