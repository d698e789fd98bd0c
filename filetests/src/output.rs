//! What a command puts out for a function, against the comments that tell what is expected.

use crate::command::Form;
use anyhow::{Context as _, Result};
use cranelift_reader::{Comment, Details};
use filecheck::{CheckerBuilder, NO_VARIABLES};
use std::collections::BTreeMap;

/// What begins the part of the expectation that only a checkout of Wasmtime compares: there, the
/// disassembler is at hand.
const DISASSEMBLED: &str = "Disassembled:";

/// Every difference between `found` and what the comments expect; none if it is as expected.
///
/// # Errors
///
/// Fails if a comment is a broken filecheck directive.
pub(crate) fn differences(
    form: Form,
    found: &[String],
    preamble: &[Comment<'_>],
    details: &Details<'_>,
) -> Result<Vec<String>> {
    match form {
        Form::Precise => {
            let expected = expected(details);
            Ok(first_difference(&expected, found).into_iter().collect())
        }
        Form::Checked => checked(found, preamble, details),
    }
}

/// The lines that are expected: all comments of the function, but for those that begin with `;;`.
fn expected<'a>(details: &Details<'a>) -> Vec<&'a str> {
    let comments = details.comments.iter().map(|comment| comment.text);
    let comments = comments.filter(|text| !text.starts_with(";;"));
    let lines = comments.map(|text| {
        let line = text.strip_prefix("; ").or_else(|| text.strip_prefix(';'));
        line.unwrap_or(text)
    });
    let mut lines: Vec<&str> = lines.take_while(|line| *line != DISASSEMBLED).collect();
    while lines.last().is_some_and(|line| line.is_empty()) {
        lines.pop();
    }
    lines
}

fn first_difference(expected: &[&str], found: &[String]) -> Option<String> {
    let len = expected.len().max(found.len());
    (0..len).find_map(|index| {
        let (expected, found) = (expected.get(index), found.get(index));
        let number = index + 1;
        match (expected, found) {
            (Some(expected), Some(found)) if expected == found => None,
            (Some(expected), Some(found)) => Some(format!(
                "line {number} of its output is `{found}`, not `{expected}`"
            )),
            (Some(expected), None) => Some(format!("its output ends before `{expected}`")),
            (None, found) => found.map(|found| format!("its output goes on with `{found}`")),
        }
    })
}

fn checked(
    found: &[String],
    preamble: &[Comment<'_>],
    details: &Details<'_>,
) -> Result<Vec<String>> {
    let mut builder = CheckerBuilder::new();
    for comment in preamble.iter().chain(&details.comments) {
        builder
            .directive(comment.text)
            .with_context(|| format!("in the comment `{}`", comment.text))?;
    }
    let checker = builder.finish();
    if checker.is_empty() {
        return Ok(vec!["nothing is expected of its output".to_owned()]);
    }
    let text = found.join("\n");
    if checker.check(&text, NO_VARIABLES)? {
        return Ok(Vec::new());
    }
    let (_, explanation) = checker.explain(&text, NO_VARIABLES)?;
    Ok(vec![format!("filecheck failed:\n{checker}{explanation}")])
}

/// `source` with other expectations: those of its functions, which are numbered from 0.
///
/// What was disassembled stays as it was.
pub(crate) fn bless(source: &str, outputs: &BTreeMap<usize, Vec<String>>) -> String {
    let mut blessed = String::with_capacity(source.len());
    let mut lines = source.lines().peekable();
    let mut functions = 0;
    while let Some(line) = lines.next() {
        blessed.push_str(line);
        blessed.push('\n');
        functions += usize::from(line.starts_with("function "));
        let output = (line == "}").then(|| outputs.get(&(functions - 1)));
        let Some(Some(output)) = output else {
            continue;
        };
        let is_old =
            |line: &&str| line.is_empty() || (line.starts_with(';') && !line.starts_with(";;"));
        let mut old = Vec::new();
        while let Some(line) = lines.next_if(is_old) {
            old.push(line);
        }
        blessed.push('\n');
        for line in output {
            blessed.push_str(format!("; {line}").trim_end());
            blessed.push('\n');
        }
        let kept = old
            .iter()
            .skip_while(|line| **line != format!("; {DISASSEMBLED}"));
        let kept: Vec<&&str> = kept.filter(|line| !line.is_empty()).collect();
        if !kept.is_empty() {
            blessed.push_str(";\n");
        }
        for line in kept {
            blessed.push_str(line);
            blessed.push('\n');
        }
        if lines.peek().is_some() {
            blessed.push('\n');
        }
    }
    blessed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_replaced_and_what_was_disassembled_is_kept() {
        let source = "\
test compile precise-output

function %f() {
block0:
    return
}

; VCode:
;   old
;
; Disassembled:
;   ret

;; Prose.
function %g() {
block0:
    return
}
";
        let outputs = [(0, "new"), (1, "other")];
        let outputs = outputs.map(|(n, line)| (n, vec!["VCode:".to_owned(), format!("  {line}")]));
        let blessed = bless(source, &BTreeMap::from(outputs));
        assert_eq!(
            blessed,
            "\
test compile precise-output

function %f() {
block0:
    return
}

; VCode:
;   new
;
; Disassembled:
;   ret

;; Prose.
function %g() {
block0:
    return
}

; VCode:
;   other
"
        );
    }

    #[test]
    fn differences_are_named_by_their_line() {
        let found = ["a", "b"].map(str::to_owned);
        assert_eq!(first_difference(&["a", "b"], &found), None);
        let difference =
            |expected: &[&str]| first_difference(expected, &found).expect("they differ");
        assert!(difference(&["a", "c"]).contains("line 2"));
        assert!(difference(&["a"]).contains("goes on"));
        assert!(difference(&["a", "b", "c"]).contains("ends before"));
    }
}
