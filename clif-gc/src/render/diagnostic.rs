//! What could not be judged, in the manner of rustc.

use super::style::{ERROR, FRAME, STRONG, paint};
use crate::diagnostic::Diagnostic;
use crate::outcome::Entry;
use crate::snippet::Snippet;
use crate::text::{printable, shorten};
use std::fmt::Write;

/// How long a message may be.
const MAX_MESSAGE: usize = 500;

/// What could not be judged of an entry.
pub fn diagnostics(entry: &Entry) -> String {
    entry.errors.iter().map(|error| one(entry, error)).collect()
}

fn one(entry: &Entry, error: &Diagnostic) -> String {
    let mut out = String::new();
    let width = error
        .snippet
        .as_ref()
        .map_or(1, |snippet| snippet.line.to_string().len());
    let margin = " ".repeat(width);
    let title = paint(ERROR, format_args!("error[{}]", error.kind));
    let message = printable(&error.message).into_owned();
    let message = paint(STRONG, format_args!(": {}", shorten(&message, MAX_MESSAGE)));
    let arrow = paint(FRAME, "-->");
    // NB: Writing to a string cannot fail.
    let _ = writeln!(out, "{title}{message}");
    let _ = writeln!(out, "{margin}{arrow} {}", place(entry, error));
    if let Some(snippet) = &error.snippet {
        out += &marked(snippet, width);
    }
    for note in &error.notes {
        let equals = paint(FRAME, "=");
        let note = printable(note).into_owned();
        let _ = writeln!(out, "{margin} {equals} {}", shorten(&note, MAX_MESSAGE));
    }
    if let Some(backtrace) = &error.backtrace {
        for line in backtrace.lines() {
            let _ = writeln!(out, "{margin}   {}", printable(line));
        }
    }
    out.push('\n');
    out
}

fn place(entry: &Entry, error: &Diagnostic) -> String {
    let mut place = printable(&entry.path).into_owned();
    if let Some(snippet) = &error.snippet {
        place = format!("{place}:{}:{}", snippet.line, snippet.column);
    }
    if let Some(offset) = error.offset {
        let _ = write!(place, ", at offset {offset:#x}");
    }
    if let Some(function) = &error.function {
        let _ = write!(place, ": function {}", shorten(&printable(function), 100));
    }
    if let Some(configurations) = in_configurations(&error.configurations, &entry.configurations) {
        let _ = write!(place, ", {configurations}");
    }
    place
}

/// In which configurations of which, unless it is in all.
fn in_configurations(
    these: &[crate::configuration::Configuration],
    all: &[crate::configuration::Configuration],
) -> Option<String> {
    let is_partial = !these.is_empty() && these.len() < all.len();
    is_partial.then(|| {
        let names: Vec<String> = these.iter().map(|c| c.to_string()).collect();
        names.join(", ")
    })
}

fn marked(snippet: &Snippet, width: usize) -> String {
    let bar = paint(FRAME, "|");
    let number = paint(FRAME, format_args!("{:>width$}", snippet.line));
    let margin = " ".repeat(width);
    let indent = " ".repeat(snippet.start);
    let carets = paint(ERROR, "^".repeat(snippet.width));
    format!(
        "{margin} {bar}\n{number} {bar} {}\n{margin} {bar} {indent}{carets}\n",
        snippet.text
    )
}
