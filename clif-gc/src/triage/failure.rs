//! What goes wrong, such that it can be recognized.

use super::outcome::Outcome;
use super::protocol::{Answer, Looker, Request, Run};
use crate::record::{FunctionRecord, ViolationRecord};
use serde::Serialize;
use std::fmt;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Failure {
    /// The verifier finds this.
    Finding {
        /// The code.
        code: String,
        /// Its name.
        name: String,
        /// The point of the pipeline.
        layer: String,
        /// The function; one of CLIF that was made of a module's has another name.
        function: String,
        /// What is wrong, without the numbers of values, instructions and the like.
        #[serde(skip)]
        shape: String,
    },
    /// It does not compile: the compiler refuses, panics, or dies.
    Crash {
        /// How.
        outcome: Outcome,
    },
    /// It does something else than it should.
    Run {
        /// What it does.
        found: Outcome,
        /// What it should do.
        expected: Outcome,
        /// How that is known.
        because: String,
    },
    /// A command of the user's fails.
    Command {
        /// It.
        command: String,
    },
}

impl Failure {
    /// The first finding of an answer, as a failure.
    pub fn of_findings(answer: &Answer, code: Option<&str>) -> Option<Failure> {
        let is_meant = |violation: &ViolationRecord| code.is_none_or(|code| violation.code == code);
        let mut findings = answer.functions.iter().flat_map(|function| {
            let violations = function.violations.iter().filter(|v| is_meant(v));
            violations.map(move |violation| (function, violation))
        });
        let (function, violation) = findings.next()?;
        Some(Failure::Finding {
            code: violation.code.clone(),
            name: violation.name.clone(),
            layer: violation.layer.clone(),
            function: function.id.function.clone(),
            shape: shape(&violation.message),
        })
    }

    /// Is `violation` this failure, in `function` or, without one, in any function?
    ///
    /// NB: One code is for several mistakes. What is left out of a case may bring another one of them.
    pub fn matches_finding(
        &self,
        function: Option<&FunctionRecord>,
        violation: &ViolationRecord,
    ) -> bool {
        match self {
            Failure::Finding {
                code,
                name: _,
                layer,
                function: name,
                shape: what,
            } => {
                violation.code == *code
                    && violation.layer == *layer
                    && shape(&violation.message) == *what
                    && function.is_none_or(|function| function.id.function == *name)
            }
            Failure::Crash { .. } | Failure::Run { .. } | Failure::Command { .. } => false,
        }
    }

    /// Is it in this answer? `None` if the answer does not tell.
    pub fn is_in(&self, answer: &Answer, in_any_function: bool) -> Option<bool> {
        match self {
            Failure::Finding { .. } => match &answer.outcome {
                Outcome::Timeout { .. } | Outcome::Lost { .. } => None,
                _ => {
                    let mut functions = answer.functions.iter();
                    Some(functions.any(|function| {
                        let of_function = (!in_any_function).then_some(function);
                        let mut violations = function.violations.iter();
                        violations.any(|violation| self.matches_finding(of_function, violation))
                    }))
                }
            },
            Failure::Crash { outcome } => Some(answer.outcome.is_like(outcome)),
            Failure::Run {
                expected, found, ..
            } => match &answer.outcome {
                outcome if outcome.is_like(found) => Some(true),
                outcome if is_expected(outcome, expected) => Some(false),
                Outcome::Invalid { .. } | Outcome::Lost { .. } | Outcome::CompileError { .. } => {
                    None
                }
                // NB: Between the two, it may do a third thing, which is wrong all the same.
                _ => Some(true),
            },
            Failure::Command { .. } => None,
        }
    }

    /// The request that shows it.
    pub fn request(&self, request: Request, how: &Run) -> Request {
        match self {
            Failure::Finding { .. } => Request {
                looker: Looker::Check,
                ..request
            },
            Failure::Crash { .. } | Failure::Command { .. } => request,
            Failure::Run { .. } => Request {
                run: Some(how.clone()),
                ..request
            },
        }
    }
}

/// Is it what was expected, of which the output may not be known?
pub fn is_expected(outcome: &Outcome, expected: &Outcome) -> bool {
    match (outcome, expected) {
        (
            Outcome::Returned { values, .. },
            Outcome::Returned {
                values: wanted,
                output,
            },
        ) if output.digest.is_empty() => values == wanted || outcome.short() == *wanted,
        (outcome, expected) => outcome.is_like(expected),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Finding {
                code,
                name,
                layer,
                function,
                shape: _,
            } => write!(f, "{code} {name} in {function}, {}", layer_phrase(layer)),
            Failure::Crash { outcome } => f.write_str(&outcome.short()),
            Failure::Run {
                found,
                expected,
                because,
            } => write!(
                f,
                "{}, and not {} as {because}",
                found.short(),
                expected.short()
            ),
            Failure::Command { command } => write!(f, "`{command}` fails"),
        }
    }
}

/// What a finding says, without numbers, which differ in a smaller case, and without the values that show it.
fn shape(message: &str) -> String {
    let what = message.split(" when ").next().unwrap_or_default();
    let mut shape = String::new();
    let mut rest = what.chars().peekable();
    while let Some(c) = rest.next() {
        if !c.is_ascii_digit() {
            shape.push(c);
            continue;
        }
        // In hexadecimal, too.
        let is_hex = c == '0' && rest.next_if_eq(&'x').is_some();
        let is_digit = |c: &char| c.is_ascii_digit() || is_hex && c.is_ascii_hexdigit();
        while rest.next_if(is_digit).is_some() {}
        // A sign is one of the number.
        if shape.ends_with(" -") {
            shape.pop();
        }
        shape.push('#');
    }
    shape
}

/// A point of the pipeline, as a phrase.
pub fn layer_phrase(layer: &str) -> String {
    match layer {
        "input" => "as the producer made it".to_string(),
        "egraph" => "after the e-graph pass".to_string(),
        "inline" => "after inlining".to_string(),
        "constant-phis" => "after constant-phi removal".to_string(),
        layer => format!("after {layer}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_has_a_shape_whatever_its_numbers() {
        let same = [
            [
                "inst13 uses GC reference v9 after safepoint inst4 without a reload",
                "inst2 uses GC reference v0 after safepoint inst1 without a reload",
            ],
            [
                "v4 is replaced by v0, which is -1 and not 0 when v0 is 1, v2 is 0xff",
                "v9 is replaced by v1, which is 0xfe and not 3 when v1 is 1",
            ],
        ];
        for [a, b] in same {
            assert_eq!(shape(a), shape(b));
        }
        let null = "inst1 dereferences GC reference v1, which can be null";
        let i31 = "inst1 dereferences GC reference v1, which can be an i31, such as 0x1";
        assert_ne!(shape(null), shape(i31));
        assert_eq!(
            shape(i31),
            "inst# dereferences GC reference v#, which can be an i#, such as #"
        );
    }
}
