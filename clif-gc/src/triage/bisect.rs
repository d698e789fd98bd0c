//! `clif-gc bisect`: the first rewrite without which the failure goes away.
//!
//! In the manner of LLVM's `-opt-bisect-limit`: the optimizer may do its first N rewrites, and is refused
//! all others. Where N fails and N − 1 does not, N is the culprit.
//!
//! **Strength.** As long as the rewrites up to N are let happen, they are the same in every compilation
//! (`worker::watch`), so that both sides of the boundary were tried, and differ in one rewrite and in what
//! follows of it.

use super::ask;
use super::cleanup;
use super::failure::Failure;
use super::isle;
use super::layer::{Layer, layer};
use super::protocol::{Answer, Likeness, Looker, Plan, Request, RewriteRecord, Tell, Which};
use super::render::{Head, document, outcome_line};
use super::reproduce::{Case, Nothing};
use super::request;
use super::trace;
use crate::cli::{BisectArgs, Format};
use crate::exit::Exit;
use crate::progress::Steps;
use crate::render::style::{ERROR, GOOD, STRONG, WARNING, paint};
use crate::render::{to_stderr, to_stdout};
use crate::text::{plural, printable, thousands};
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Find the culprit, and print it.
pub fn run(args: &BisectArgs) -> Exit {
    cleanup::watch_signals();
    let input = match request::input(&args.file) {
        Ok(input) => input,
        Err(exit) => return exit,
    };
    let steps = Steps::new("bisecting");
    let mut exit = Exit::Verified;
    let mut results = Vec::new();
    for wish in args.compile.wishes() {
        let case = Case::find(&input, wish, &args.failure, &args.limits.limits());
        let result = match case {
            Ok(case) => Bisection::of(case, &steps).found(),
            Err(Nothing::Fine(tried)) => Found::nothing(tried),
            Err(Nothing::Unusable(answer)) => {
                let Answer {
                    configuration,
                    outcome,
                    errors,
                    ..
                } = *answer;
                steps.suspend(|| {
                    to_stderr(&outcome_line(
                        &input.name,
                        configuration.as_ref(),
                        &outcome,
                        &errors,
                    ));
                });
                exit = exit.or(Exit::Unusable);
                continue;
            }
        };
        exit = exit.or(result.exit());
        if args.output.format == Format::Text {
            steps.suspend(|| to_stdout(&result.text()));
        }
        results.push(result);
    }
    steps.finish();
    if args.output.format == Format::Json {
        to_stdout(&document(
            Head::new("bisect", &input.name, exit),
            &Document {
                bisections: results,
            },
        ));
    }
    exit
}

#[derive(Serialize)]
struct Document {
    bisections: Vec<Found>,
}

/// What was found.
#[derive(Serialize)]
pub struct Found {
    configuration: Option<crate::configuration::Configuration>,
    /// What goes wrong; nothing, if nothing does.
    pub failure: Option<Failure>,
    /// The failure, as a phrase.
    description: String,
    /// How many rewrites the optimizer asks about.
    rewrites: u64,
    /// How many compilations it took.
    steps: u64,
    /// The culprit.
    pub culprit: Option<RewriteRecord>,
    /// The lines of its rule.
    rule: Vec<String>,
    /// Does the failure go away when the culprit alone is refused?
    goes_away_alone: Option<bool>,
    /// Does the failure stay when the culprit alone is done?
    stays_alone: Option<bool>,
    /// How many functions must be optimized for it to stay.
    functions_needed: Option<u64>,
    /// The layer that is left, if no rewrite is to blame.
    pub layer: Option<Layer>,
    notes: Vec<String>,
}

impl Found {
    fn nothing(notes: Vec<String>) -> Found {
        Found {
            configuration: None,
            failure: None,
            description: "nothing goes wrong".to_string(),
            rewrites: 0,
            steps: 0,
            culprit: None,
            rule: Vec::new(),
            goes_away_alone: None,
            stays_alone: None,
            functions_needed: None,
            layer: None,
            notes,
        }
    }

    fn exit(&self) -> Exit {
        match (&self.failure, &self.culprit, &self.layer) {
            (None, ..) => Exit::Inconclusive,
            (Some(_), None, None) => Exit::Inconclusive,
            (Some(_), ..) => Exit::Rejected,
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        // NB: Writing to a string cannot fail.
        if let Some(configuration) = &self.configuration {
            let _ = writeln!(out, "{}", paint(STRONG, configuration));
        }
        let title = match self.failure {
            Some(_) => paint(ERROR, "fails"),
            None => paint(GOOD, "fine"),
        };
        let _ = writeln!(out, "{title}: {}", printable(&self.description));
        if let Some(culprit) = &self.culprit {
            let _ = writeln!(
                out,
                "{}: rewrite {} of {}, found in {}\n",
                paint(WARNING, "culprit"),
                thousands(culprit.number),
                thousands(self.rewrites),
                plural(self.steps, "compilation"),
            );
            let _ = writeln!(out, "{}", trace::function_name(culprit));
            out += &trace::one(culprit);
            for line in &self.rule {
                let _ = writeln!(out, "         | {line}");
            }
            out.push('\n');
        }
        if let Some(layer) = &self.layer {
            let _ = writeln!(
                out,
                "{}: {}: with all {} refused, the failure stays; found in {}",
                paint(WARNING, "culprit"),
                layer.name.as_str(),
                plural(self.rewrites, "rewrite"),
                plural(self.steps, "compilation"),
            );
            for evidence in &layer.evidence {
                let _ = writeln!(out, "  - {evidence}");
            }
        }
        let alone = match (self.goes_away_alone, self.stays_alone) {
            (None, _) => None,
            (Some(true), Some(true)) => {
                Some("refused alone, the failure goes away; done alone, it stays")
            }
            (Some(true), _) => Some(
                "refused alone, the failure goes away; done alone, it goes away, too: it takes others",
            ),
            (Some(false), Some(true)) => Some(
                "done alone, the failure stays; refused alone, it stays, too: other rewrites do the same",
            ),
            (Some(false), _) => {
                Some("refused alone, the failure stays: later rewrites take its place")
            }
        };
        if let Some(alone) = alone {
            let _ = writeln!(out, "{}: {alone}", paint(STRONG, "confirmed"));
        }
        if let Some(needed) = self.functions_needed {
            let _ = writeln!(
                out,
                "{}: the failure stays when {} alone {} optimized",
                paint(STRONG, "minimal"),
                plural(needed, "function"),
                if needed == 1 { "is" } else { "are" },
            );
        }
        for note in &self.notes {
            let _ = writeln!(out, "{}: {}", paint(STRONG, "note"), printable(note));
        }
        out
    }
}

/// A search that is under way.
struct Bisection<'a> {
    case: Case,
    steps: &'a Steps,
    tried: u64,
}

impl<'a> Bisection<'a> {
    fn of(case: Case, steps: &'a Steps) -> Self {
        Bisection {
            case,
            steps,
            tried: 0,
        }
    }

    /// Does it fail under this plan? `None` if that cannot be told.
    fn fails(&mut self, plan: Plan) -> Option<bool> {
        self.tried += 1;
        self.steps.tell(&format!("step {}", self.tried));
        if let Failure::Command { command } = &self.case.failure {
            return command_fails(command, &self.case, &plan);
        }
        let answer = self.ask(plan, Which::Count);
        self.case.failure.is_in(&answer, false)
    }

    fn ask(&self, plan: Plan, rewrites: Which) -> Answer {
        let request = self.case.request();
        let tell = Tell {
            rewrites,
            ..request.tell.clone()
        };
        let request = Request {
            plan,
            tell,
            ..request
        };
        ask::once(&request, &self.case.limits)
    }

    fn found(mut self) -> Found {
        let whole = match &self.case.failure {
            // NB: The user's command tells nothing of rewrites.
            Failure::Command { .. } => {
                let mut request = self.case.input.request(self.case.wish.clone());
                request.tell.rewrites = Which::Count;
                ask::once(&request, &self.case.limits)
            }
            _ => self.ask(Plan::default(), Which::Count),
        };
        let total = whole.asked;
        let mut found = Found {
            configuration: whole.configuration.clone(),
            description: self.case.failure.to_string(),
            failure: Some(self.case.failure.clone()),
            rewrites: total,
            notes: whole.notes.clone(),
            ..Found::nothing(Vec::new())
        };
        if self.fails(Plan::default()) != Some(true) {
            found
                .notes
                .push("it does not fail again the same way; is it deterministic?".to_string());
            found.steps = self.tried;
            return found;
        }
        match self.fails(Plan::up_to(0)) {
            Some(false) => self.culprit(&mut found, total),
            Some(true) => found.layer = Some(layer(&self.case)),
            None => found
                .notes
                .push("with all rewrites refused, it cannot be told whether it fails".to_string()),
        }
        found.steps = self.tried;
        found
    }

    fn culprit(&mut self, found: &mut Found, total: u64) {
        let (mut good, mut bad) = (0, total.max(1));
        let mut unknown = 0;
        while bad - good > 1 {
            let middle = good + (bad - good) / 2;
            match self.fails(Plan::up_to(middle)) {
                Some(true) => bad = middle,
                Some(false) => good = middle,
                // NB: What cannot be told is no failure.
                None => {
                    unknown += 1;
                    good = middle;
                }
            }
        }
        if unknown > 0 {
            found
                .notes
                .push(format!("{} could not be judged", plural(unknown, "step")));
        }
        let Some(culprit) = self.record(bad) else {
            found
                .notes
                .push(format!("rewrite {bad} could not be told of"));
            return;
        };
        let refused = Plan {
            refused: BTreeSet::from([bad]),
            ..Plan::default()
        };
        found.goes_away_alone = self.fails(refused).map(|fails| !fails);
        let alone = Plan {
            only: Some(Likeness {
                function: culprit.compilation,
                event: culprit.event.clone(),
                rule: culprit.rule.clone(),
                entity: culprit.entity.clone(),
            }),
            ..Plan::default()
        };
        found.stays_alone = self.fails(alone);
        found.functions_needed = self.functions(culprit.compilation, bad);
        found.rule = culprit
            .rule
            .as_deref()
            .and_then(isle::rule)
            .unwrap_or_default()
            .into_iter()
            .map(|(number, line)| format!("{number:>5} {line}"))
            .collect();
        found.culprit = Some(culprit);
    }

    /// The rewrite with this number, and what the verifier says of it.
    fn record(&self, number: u64) -> Option<RewriteRecord> {
        let mut request = self.case.input.request(self.case.wish.clone());
        request.looker = Looker::Check;
        request.plan = Plan::up_to(number);
        request.tell.rewrites = Which::One(number);
        request.tell.all_rewrites = true;
        if let Failure::Run { .. } = self.case.failure {
            // NB: What is run may be compiled for other features of this machine.
            request.run = self.case.request().run;
        }
        ask::once(&request, &self.case.limits).rewrites.pop()
    }

    /// How few functions have to be optimized for it to fail.
    fn functions(&mut self, guilty: u64, number: u64) -> Option<u64> {
        const MAX_STEPS: u64 = 60;
        let mut plan = |functions: BTreeSet<u64>| {
            self.fails(Plan {
                functions: Some(functions),
                ..Plan::default()
            })
        };
        if plan(BTreeSet::from([guilty])) == Some(true) {
            return Some(1);
        }
        let compiled = self.ask(Plan::up_to(number), Which::Count).compiled;
        let mut needed: BTreeSet<u64> = (0..compiled).collect();
        let begin = self.tried;
        let mut size = (needed.len() / 2).max(1);
        while self.tried - begin < MAX_STEPS {
            let mut shrank = false;
            for start in (0..needed.len()).step_by(size) {
                let without: BTreeSet<u64> = needed
                    .iter()
                    .enumerate()
                    .filter(|(index, _)| !(start..start + size).contains(index))
                    .map(|(_, &function)| function)
                    .collect();
                if without.is_empty() || self.tried - begin >= MAX_STEPS {
                    continue;
                }
                let plan = Plan {
                    functions: Some(without.clone()),
                    ..Plan::default()
                };
                if self.fails(plan) == Some(true) {
                    needed = without;
                    shrank = true;
                    break;
                }
            }
            if !shrank {
                if size == 1 {
                    break;
                }
                size = (size / 2).max(1);
            }
        }
        Some(needed.len() as u64)
    }
}

/// The variable that tells a command how many rewrites may be done.
pub const LIMIT_VARIABLE: &str = "CLIF_GC_REWRITE_LIMIT";

/// Does the user's command fail? As for `git bisect run`, 0 is well, 125 cannot be told, and any other code
/// up to 127 fails.
fn command_fails(command: &str, case: &Case, plan: &Plan) -> Option<bool> {
    let words = shlex_split(command);
    let (program, arguments) = words.split_first()?;
    let file = case.input.path.to_string_lossy();
    let mut process = Command::new(program);
    process
        .args(arguments.iter().map(|word| word.replace("{}", &file)))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    if let Some(limit) = plan.limit {
        process.env(LIMIT_VARIABLE, limit.to_string());
    }
    if !plan.refused.is_empty() || plan.functions.is_some() || plan.only.is_some() {
        // NB: A command is told of a limit, and of nothing else.
        return None;
    }
    let mut ward = cleanup::spawn(&mut process).ok()?;
    let deadline = Instant::now() + case.limits.time;
    let status = loop {
        match ward.child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            _ => return None,
        }
    };
    match status.code() {
        Some(0) => Some(false),
        Some(125) | None => None,
        Some(code) => (code < 128).then_some(true),
    }
}

/// The words of a command, with quotes as a shell has them.
fn shlex_split(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = command.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(q), c) if c == q => quote = None,
            (Some('"') | None, '\\') => {
                word.get_or_insert_default().extend(chars.next());
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

/// What a child process is to heed, if it is run by a command that is bisected.
pub fn limit_from_environment() -> Option<u64> {
    std::env::var(LIMIT_VARIABLE).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_split_as_a_shell_does() {
        assert_eq!(
            shlex_split("a  'b c' \"d \\\" e\" f\\ g ''"),
            ["a", "b c", "d \" e", "f g", ""]
        );
        assert!(shlex_split("  ").is_empty());
    }
}
