//! What became of one compilation or run, in a closed vocabulary.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What became of one compilation or run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Outcome {
    /// It compiles, and nothing was found. It was not run.
    Compiled,
    /// It compiles, and was not run; the verifier found these, by code.
    Findings {
        /// The codes, each once, in order.
        codes: Vec<String>,
    },
    /// With `enforce`, the verifier stopped the compilation.
    Stopped {
        /// The codes, each once, in order.
        codes: Vec<String>,
    },
    /// It ran to its end.
    Returned {
        /// What it returned, or nothing.
        values: String,
        /// What it printed.
        output: Output,
    },
    /// A WASI program ended itself with a code other than 0.
    Exited {
        /// The code.
        code: i32,
        /// What it printed.
        output: Output,
    },
    /// It ended in a trap.
    Trapped {
        /// Which.
        trap: String,
        /// What it printed.
        output: Output,
    },
    /// It ended with an exception that nobody caught, or another error that is no trap.
    Failed {
        /// Which.
        message: String,
        /// What it printed.
        output: Output,
    },
    /// An assertion of a `.wast` script does not hold.
    AssertionFailed {
        /// Which, and why.
        message: String,
    },
    /// It used up its fuel.
    OutOfFuel,
    /// The input is none that can be compiled so.
    Invalid {
        /// Why.
        message: String,
    },
    /// The compiler refuses it.
    CompileError {
        /// Why.
        message: String,
    },
    /// The compiler, or the runtime, panicked.
    Panic {
        /// The message.
        message: String,
        /// Where, as `file:line:column`.
        place: String,
    },
    /// A signal killed the process.
    Signal {
        /// Its name.
        name: String,
        /// Did it happen while code ran, rather than while it was compiled?
        running: bool,
    },
    /// The compiler overflowed its stack.
    StackOverflow {
        /// Did it happen while code ran, rather than while it was compiled?
        running: bool,
    },
    /// It needed more memory than it may have.
    OutOfMemory {
        /// Did it happen while code ran, rather than while it was compiled?
        running: bool,
    },
    /// It did not end in time.
    Timeout {
        /// Did it happen while code ran, rather than while it was compiled?
        running: bool,
    },
    /// The process ended without an answer.
    Lost {
        /// What is known.
        message: String,
    },
}

/// What a program printed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// How many bytes.
    pub bytes: u64,
    /// Their 64-bit FNV-1a hash, in hexadecimal.
    pub digest: String,
    /// The beginning, as text.
    pub head: String,
}

/// The word for an outcome; two outcomes of different classes are never the same failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Nothing is wrong, as far as one can see.
    Fine,
    /// The verifier found something.
    Finding,
    /// It ended in a trap, an exception or another error of its own.
    Error,
    /// The compiler or the runtime failed.
    Crash,
    /// Nothing can be said.
    Unknown,
}

impl Outcome {
    /// Which class it is of.
    pub fn class(&self) -> Class {
        match self {
            Outcome::Compiled | Outcome::Returned { .. } => Class::Fine,
            Outcome::Findings { .. } | Outcome::Stopped { .. } => Class::Finding,
            Outcome::Exited { .. }
            | Outcome::Trapped { .. }
            | Outcome::Failed { .. }
            | Outcome::AssertionFailed { .. } => Class::Error,
            Outcome::CompileError { .. }
            | Outcome::Panic { .. }
            | Outcome::Signal { .. }
            | Outcome::StackOverflow { .. }
            | Outcome::OutOfMemory { .. } => Class::Crash,
            Outcome::OutOfFuel
            | Outcome::Invalid { .. }
            | Outcome::Timeout { .. }
            | Outcome::Lost { .. } => Class::Unknown,
        }
    }

    /// Is it the same, for all that a user can tell? Messages may differ where addresses or names do.
    pub fn is_like(&self, other: &Outcome) -> bool {
        match (self, other) {
            (Outcome::Panic { place: a, .. }, Outcome::Panic { place: b, .. }) => a == b,
            (Outcome::CompileError { message: a }, Outcome::CompileError { message: b }) => {
                without_numbers(a) == without_numbers(b)
            }
            (a, b) => a == b,
        }
    }

    /// In a few words, for a table.
    pub fn short(&self) -> String {
        match self {
            Outcome::Compiled => "compiles".to_string(),
            Outcome::Findings { codes } => codes.join(" "),
            Outcome::Stopped { codes } => format!("stopped: {}", codes.join(" ")),
            Outcome::Returned { values, output } => match (values.as_str(), output.bytes) {
                ("", 0) => "returns".to_string(),
                ("", _) => output.to_string(),
                (values, 0) => values.to_string(),
                (values, _) => format!("{values}, {output}"),
            },
            Outcome::Exited { code, output } => with_output(format!("exit code {code}"), output),
            Outcome::Trapped { trap, output } => with_output(format!("trap: {trap}"), output),
            Outcome::Failed { message, output } => {
                with_output(format!("error: {}", first_line(message)), output)
            }
            Outcome::AssertionFailed { message } => {
                format!("assertion fails: {}", first_line(message))
            }
            Outcome::OutOfFuel => "out of fuel".to_string(),
            Outcome::Invalid { message } => format!("invalid: {}", first_line(message)),
            Outcome::CompileError { message } => {
                format!("compile error: {}", first_line(message))
            }
            Outcome::Panic { message, place } => {
                format!("panic at {place}: {}", first_line(message))
            }
            Outcome::Signal { name, running } => format!("{name} {}", while_doing(*running)),
            Outcome::StackOverflow { running } => {
                format!("stack overflow {}", while_doing(*running))
            }
            Outcome::OutOfMemory { running } => format!("out of memory {}", while_doing(*running)),
            Outcome::Timeout { running } => format!("timeout {}", while_doing(*running)),
            Outcome::Lost { message } => format!("lost: {}", first_line(message)),
        }
    }
}

fn while_doing(running: bool) -> &'static str {
    match running {
        true => "in the code",
        false => "in the compiler",
    }
}

fn with_output(text: String, output: &Output) -> String {
    match output.bytes {
        0 => text,
        _ => format!("{text}, after {output}"),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn without_numbers(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_digit()).collect()
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Output {
            bytes,
            digest,
            head,
        } = self;
        let is_all = head.len() as u64 == *bytes;
        let is_short = *bytes <= 24 && is_all && head.chars().all(|c| !c.is_control());
        match is_short {
            true => write!(f, "prints {head:?}"),
            false => {
                let digest = digest.get(..8).unwrap_or(digest);
                write!(f, "prints {} ({digest})", crate::text::size(*bytes))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panic(message: &str, place: &str) -> Outcome {
        Outcome::Panic {
            message: message.to_string(),
            place: place.to_string(),
        }
    }

    #[test]
    fn panics_are_alike_by_their_place() {
        assert!(panic("v1 is bad", "a.rs:1:2").is_like(&panic("v2 is bad", "a.rs:1:2")));
        assert!(!panic("v1 is bad", "a.rs:1:2").is_like(&panic("v1 is bad", "b.rs:1:2")));
        let error = |message: &str| Outcome::CompileError {
            message: message.to_string(),
        };
        assert!(error("function 3 is too large").is_like(&error("function 12 is too large")));
    }

    #[test]
    fn output_is_shown_as_it_is_or_by_its_size() {
        let output = |head: &str, bytes| Output {
            bytes,
            digest: "0123456789abcdef".to_string(),
            head: head.to_string(),
        };
        assert_eq!(output("43", 2).to_string(), "prints \"43\"");
        assert_eq!(
            output("43", 2 << 30).to_string(),
            "prints 2.0 GiB (01234567)"
        );
    }
}
