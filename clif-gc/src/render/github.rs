//! Annotations of a GitHub workflow: lines that begin with `::error`, `::warning` or `::notice`.

use super::finding::{Finding, at_layer, found, found_allowed};
use super::undecided::undecided_checks;
use crate::outcome::Entry;
use crate::text::printable;
use std::fmt::Write;

/// The annotations of an entry.
pub fn annotations(entry: &Entry) -> String {
    let mut out = String::new();
    for error in &entry.errors {
        let snippet = error.snippet.as_ref();
        let mut place = Place::of(entry, snippet.map(|snippet| snippet.line));
        place.column = snippet.map(|snippet| snippet.column);
        let function = error.function.as_ref();
        let function = function.map_or(String::new(), |function| format!(" (function {function})"));
        let message = format!("{}{function}", error.message);
        out += &annotation("error", &place, error.kind.as_str(), &message);
    }
    for finding in found(entry) {
        out += &of_finding("error", entry, &finding);
    }
    for finding in found_allowed(entry) {
        out += &of_finding("notice", entry, &finding);
    }
    for check in undecided_checks(entry) {
        let place = Place::of(entry, check.item.line.or(check.id.line));
        let message = format!("{} (function {})", check.item.message, check.id);
        out += &annotation("warning", &place, &check.item.reason, &message);
    }
    out
}

fn of_finding(level: &str, entry: &Entry, finding: &Finding<'_>) -> String {
    let violation = finding.item;
    let place = Place::of(entry, violation.line.or(finding.id.line));
    let title = format!("{} {}", violation.code, violation.name);
    let mut message = format!(
        "{} (function {}, {}",
        violation.message,
        finding.id,
        at_layer(&violation.layer)
    );
    if let Some(offset) = violation.wasm_offset {
        // NB: Writing to a string cannot fail.
        let _ = write!(message, ", Wasm offset {offset:#x}");
    }
    message.push(')');
    annotation(level, &place, &title, &message)
}

/// What a place is in an annotation.
struct Place {
    path: String,
    line: Option<usize>,
    column: Option<usize>,
}

impl Place {
    fn of(entry: &Entry, line: Option<usize>) -> Place {
        Place {
            path: entry.file().to_string(),
            line: line.or(entry.line()),
            column: None,
        }
    }
}

fn annotation(level: &str, place: &Place, title: &str, message: &str) -> String {
    let Place { path, line, column } = place;
    let number = |name: &str, number: &Option<usize>| {
        number.map_or(String::new(), |number| format!(",{name}={number}"))
    };
    format!(
        "::{level} file={}{}{},title={}::{}\n",
        property(path),
        number("line", line),
        number("col", column),
        property(title),
        data(message)
    )
}

/// What a message must not have as it is.
fn data(text: &str) -> String {
    let text = text
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A");
    printable(&text).into_owned()
}

/// What the value of a property must not have as it is.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_meaning_is_escaped() {
        let place = Place {
            path: "a,b:c.clif".to_string(),
            line: Some(3),
            column: None,
        };
        assert_eq!(
            annotation("error", &place, "GCV02 stale", "100 %\nof: a, b"),
            "::error file=a%2Cb%3Ac.clif,line=3,title=GCV02 stale::100 %25%0Aof: a, b\n"
        );
    }
}
