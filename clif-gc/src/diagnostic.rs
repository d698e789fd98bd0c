//! Why an input could not be judged.

use crate::configuration::Configuration;
use crate::snippet::Snippet;
use serde::{Deserialize, Serialize};
use std::fmt;

/// One reason why an input, or a part of it, could not be judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// What kind of reason.
    pub kind: Kind,
    /// What is wrong, in one line.
    pub message: String,
    /// Where in the text.
    pub snippet: Option<Snippet>,
    /// Where in the binary, in bytes.
    pub offset: Option<u64>,
    /// Where the compiler was, if that was asked for.
    pub backtrace: Option<String>,
    /// In which function.
    pub function: Option<String>,
    /// What else there is to say, each in one line.
    pub notes: Vec<String>,
    /// In which configurations; in none, if nothing was compiled.
    pub configurations: Vec<Configuration>,
}

impl Diagnostic {
    /// A diagnostic without a place.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Diagnostic {
            kind,
            message: message.into(),
            snippet: None,
            offset: None,
            function: None,
            backtrace: None,
            notes: Vec::new(),
            configurations: Vec::new(),
        }
    }

    /// This diagnostic, at that place in the text.
    pub fn at(self, snippet: Snippet) -> Self {
        Diagnostic {
            snippet: Some(snippet),
            ..self
        }
    }

    /// This diagnostic, at that offset in the binary.
    pub fn at_offset(self, offset: u64) -> Self {
        Diagnostic {
            offset: Some(offset),
            ..self
        }
    }

    /// This diagnostic, with one more note.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Are the two the same but for the configurations?
    pub fn same_cause(&self, other: &Diagnostic) -> bool {
        let Diagnostic {
            kind,
            message,
            snippet,
            offset,
            function,
            notes,
            // NB: It has addresses, which differ from process to process.
            backtrace: _,
            configurations: _,
        } = self;
        *kind == other.kind
            && *message == other.message
            && *snippet == other.snippet
            && *offset == other.offset
            && *function == other.function
            && *notes == other.notes
    }
}

/// A result, or why there is none.
pub type Result<T> = std::result::Result<T, Box<Diagnostic>>;

/// The kinds of reasons, a closed vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The file cannot be read, or is no file.
    Unreadable,
    /// What was asked for cannot be written.
    Unwritable,
    /// It is no kind of file that can be judged.
    NotAModule,
    /// The text does not parse.
    Syntax,
    /// The module or function is not valid.
    Invalid,
    /// The compiler refused it.
    Compile,
    /// The compiler panicked.
    Panic,
    /// The compiler was killed by a signal, or ended without an answer.
    Crash,
    /// The compiler needed more memory than it may have.
    OutOfMemory,
    /// The compiler overflowed its stack.
    StackOverflow,
    /// The compiler did not end in time.
    Timeout,
    /// A signal ended the work on it.
    Interrupted,
}

impl Kind {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Unreadable => "unreadable",
            Kind::Unwritable => "unwritable",
            Kind::NotAModule => "not-a-module",
            Kind::Syntax => "syntax",
            Kind::Invalid => "invalid",
            Kind::Compile => "compile",
            Kind::Panic => "panic",
            Kind::Crash => "crash",
            Kind::OutOfMemory => "out-of-memory",
            Kind::StackOverflow => "stack-overflow",
            Kind::Timeout => "timeout",
            Kind::Interrupted => "interrupted",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
