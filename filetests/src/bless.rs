//! Rewrites expectations to what is found.

use crate::directive::{Directive, directive};
use std::collections::BTreeMap;

/// `source` with other `; error:` comments: by line, counted from 1, those of `errors`.
pub(crate) fn bless(source: &str, errors: &BTreeMap<usize, Vec<String>>) -> String {
    let mut blessed = String::with_capacity(source.len());
    for (number, line) in (1..).zip(source.lines()) {
        let errors = errors.get(&number).map_or(&[][..], Vec::as_slice);
        if let Some(line) = bless_line(line, errors) {
            blessed.push_str(&line);
            blessed.push('\n');
        }
    }
    blessed
}

/// `None` if nothing is left of the line.
fn bless_line(line: &str, errors: &[String]) -> Option<String> {
    let (code, comment) = match line.split_once(';') {
        Some((code, comment)) => (code, Some(comment)),
        None => (line, None),
    };
    let parts = comment.iter().flat_map(|comment| comment.split(';'));
    let (stale, kept): (Vec<&str>, Vec<&str>) =
        parts.partition(|part| matches!(directive(part), Some(Directive::Error(_))));
    if stale.is_empty() && errors.is_empty() {
        return Some(line.to_owned());
    }
    let mut blessed = code.trim_end().to_owned();
    let indent = if blessed.is_empty() { code } else { " " };
    let errors = errors.iter().map(|error| format!(" error: {error}"));
    let parts = kept.into_iter().map(str::to_owned).chain(errors);
    let comment: Vec<String> = parts.collect();
    if !comment.is_empty() {
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
";
        let errors = BTreeMap::from([
            (2, vec!["new".to_owned()]),
            (7, vec!["one".to_owned(), "two".to_owned()]),
        ]);
        assert_eq!(
            bless(source, &errors),
            "\
; A file.
    v1 = load.i32 v0 ! reload v3 ; prose; error: new

    return v1
    ; Prose.
    call fn0() ; error: one; error: two
"
        );
    }
}
