//! Rewrites expectations to what is found.

use crate::directive::{Directive, directive};
use std::collections::BTreeMap;

/// `source` with other `; error:` and `;; record:` comments: by line, counted from 1, those of `found`.
pub(crate) fn bless(source: &str, found: &BTreeMap<usize, Vec<Found>>) -> String {
    let mut blessed = String::with_capacity(source.len());
    for (number, line) in (1..).zip(source.lines()) {
        let found = found.get(&number).map_or(&[][..], Vec::as_slice);
        if let Some(line) = bless_line(line, found) {
            blessed.push_str(&line);
            blessed.push('\n');
        }
    }
    blessed
}

/// What is found in a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Error(String),
    Record(String),
}

impl Found {
    fn directive(&self) -> String {
        match self {
            Found::Error(text) => format!(" error: {text}"),
            Found::Record(text) => format!(" record: {text}"),
        }
    }
}

/// `None` if nothing is left of the line.
fn bless_line(line: &str, found: &[Found]) -> Option<String> {
    let (code, comment) = match line.split_once(';') {
        Some((code, comment)) => (code, Some(comment)),
        None => (line, None),
    };
    let parts = comment.iter().flat_map(|comment| comment.split(';'));
    let (stale, kept): (Vec<&str>, Vec<&str>) = parts.partition(|part| {
        let directive = directive(part);
        matches!(directive, Some(Directive::Error(_) | Directive::Record(_)))
    });
    if stale.is_empty() && found.is_empty() {
        return Some(line.to_owned());
    }
    let mut blessed = code.trim_end().to_owned();
    let indent = if blessed.is_empty() { code } else { " " };
    // NB: A comment of two semicolons is no part of the output that other commands expect.
    let has_records = found.iter().any(|found| matches!(found, Found::Record(_)));
    let is_plain = kept.first().is_none_or(|part| !part.is_empty());
    let second = (has_records && is_plain).then(String::new);
    let parts = kept.into_iter().map(str::to_owned);
    let comment = second.into_iter().chain(parts);
    let comment: Vec<String> = comment.chain(found.iter().map(Found::directive)).collect();
    if comment.iter().any(|part| !part.is_empty()) {
        blessed.push_str(indent);
        for part in comment {
            blessed.push(';');
            blessed.push_str(part.trim_end());
        }
    }
    let is_left = !blessed.is_empty();
    is_left.then_some(blessed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_adds_and_removes() {
        let source = "\
; A file.
    v1 = load.i32 v0 ! reload v3 ; prose; error: old
    ; error: old, too

    return v1 ; error: old
    ; Prose.
    call fn0()
    call fn1() ;; record: old
    call fn2() ;; record: stale
";
        let errors = BTreeMap::from([
            (2, vec![Found::Error("new".to_owned())]),
            (
                7,
                ["one", "two"]
                    .map(|text| Found::Error(text.to_owned()))
                    .to_vec(),
            ),
            (8, vec![Found::Record("0x8".to_owned())]),
        ]);
        assert_eq!(
            bless(source, &errors),
            "\
; A file.
    v1 = load.i32 v0 ! reload v3 ; prose; error: new

    return v1
    ; Prose.
    call fn0() ; error: one; error: two
    call fn1() ;; record: 0x8
    call fn2()
"
        );
    }
}
