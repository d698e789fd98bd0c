//! Finds out what goes wrong with a file: what the verifier finds, how the compiler dies, or what the code
//! does that it should not.

use super::ask::{self, Limits};
use super::failure::{Failure, is_expected};
use super::outcome::{Class, Outcome, Output};
use super::protocol::{Answer, Looker, Request, Run, Wish};
use super::request::Input;
use crate::cli::FailureArgs;
use crate::configuration::{Collector, OptLevel};

/// A file that fails, and how.
#[derive(Clone)]
pub struct Case {
    /// The file.
    pub input: Input,
    /// How it is compiled.
    pub wish: Wish,
    /// How it is run.
    pub how: Run,
    /// What goes wrong.
    pub failure: Failure,
    /// What is asked of each child process.
    pub limits: Limits,
    /// Are all rewrites judged?
    pub all_rewrites: bool,
}

/// Why there is no failure to look into.
pub enum Nothing {
    /// Nothing goes wrong, as far as these were tried.
    Fine(Vec<String>),
    /// It cannot be compiled, or not be run.
    Unusable(Box<Answer>),
}

impl Case {
    /// What goes wrong with `input`.
    ///
    /// # Errors
    ///
    /// If nothing does, or if that cannot be told.
    pub fn find(
        input: &Input,
        wish: Wish,
        args: &FailureArgs,
        limits: &Limits,
    ) -> Result<Case, Nothing> {
        let case = |failure| Case {
            input: input.clone(),
            wish: wish.clone(),
            how: args.run.run(),
            failure,
            limits: limits.clone(),
            all_rewrites: args.all_rewrites,
        };
        if let Some(command) = &args.command {
            return Ok(case(Failure::Command {
                command: command.clone(),
            }));
        }
        let mut tried = Vec::new();
        if !args.run.is_asked() && args.expect.is_none() {
            let answer = checked(input, &wish, args, limits);
            if let Some(failure) = Failure::of_findings(&answer, args.code.as_deref()) {
                return Ok(case(failure));
            }
            match answer.outcome.class() {
                Class::Crash => {
                    // NB: The verifier has nothing to do with it, unless it goes away without.
                    let outcome = answer.outcome;
                    return Ok(case(Failure::Crash { outcome }));
                }
                Class::Unknown => return Err(Nothing::Unusable(Box::new(answer))),
                Class::Fine | Class::Finding | Class::Error => {}
            }
            tried.push("the verifier finds nothing".to_string());
        }
        let failure = by_running(input, &wish, args, limits, &mut tried);
        match failure {
            Ok(Some(failure)) => Ok(case(failure)),
            Ok(None) => Err(Nothing::Fine(tried)),
            Err(answer) => Err(Nothing::Unusable(answer)),
        }
    }

    /// The request that shows the failure.
    pub fn request(&self) -> Request {
        let mut request = self.input.request(self.wish.clone());
        request.tell.all_rewrites = self.all_rewrites;
        self.failure.request(request, &self.how)
    }
}

/// Compile it with the verifier looking on.
fn checked(input: &Input, wish: &Wish, args: &FailureArgs, limits: &Limits) -> Answer {
    let mut request = Request {
        looker: Looker::Check,
        ..input.request(wish.clone())
    };
    request.tell.all_rewrites = args.all_rewrites;
    ask::once(&request, limits)
}

/// Run it, and compare.
fn by_running(
    input: &Input,
    wish: &Wish,
    args: &FailureArgs,
    limits: &Limits,
    tried: &mut Vec<String>,
) -> Result<Option<Failure>, Box<Answer>> {
    let run = |wish: Wish| {
        let request = Request {
            run: Some(args.run.run()),
            ..input.request(wish)
        };
        ask::once(&request, limits)
    };
    let answer = run(wish.clone());
    let found = answer.outcome.clone();
    if matches!(found, Outcome::Invalid { .. } | Outcome::Lost { .. }) {
        return Err(Box::new(answer));
    }
    let failed = |expected: Outcome, because: &str| {
        Ok(Some(Failure::Run {
            found: found.clone(),
            expected,
            because: because.to_string(),
        }))
    };
    if let Some(values) = &args.expect {
        let expected = Outcome::Returned {
            values: values.clone(),
            output: Output::default(),
        };
        return match is_expected(&found, &expected) {
            false => failed(expected, "--expect says"),
            true => {
                tried.push(format!("it does what --expect says: {}", found.short()));
                Ok(None)
            }
        };
    }
    let mut others = vec![(
        Wish {
            opt_level: Some(OptLevel::None),
            ..wish.clone()
        },
        "at --opt-level none",
    )];
    let collector = wish.collector.unwrap_or(Collector::Copying);
    for (other, because) in [
        (Collector::Null, "with --collector null"),
        (Collector::Copying, "with --collector copying"),
        (Collector::Drc, "with --collector drc"),
    ] {
        if collector != other {
            let wish = Wish {
                collector: Some(other),
                ..wish.clone()
            };
            others.push((wish, because));
        }
    }
    for (other, because) in others {
        let expected = run(other).outcome;
        let is_known = !matches!(expected.class(), Class::Unknown | Class::Crash);
        if is_known && !expected.is_like(&found) {
            return failed(expected, because);
        }
    }
    if let Class::Crash = found.class() {
        return Ok(Some(Failure::Crash { outcome: found }));
    }
    tried.push(format!(
        "it does the same at --opt-level none and with each collector: {}",
        found.short()
    ));
    Ok(None)
}
