//! What `--mode enforce` prevented: refused rewrites and undone passes.

use super::finding::{body, configurations, gutter, place};
use super::group::{Group, group, violation_key};
use super::style::{FRAME, STRONG, WARNING, paint};
use super::width;
use crate::outcome::Entry;
use crate::record::{FunctionRecord, ViolationRecord};
use crate::text::thousands;
use std::collections::BTreeMap;
use std::fmt::Write;

/// How many are shown of one function; of the others, the number.
const MAX_OF_FUNCTION: usize = 5;

/// The same in some configurations: the pass, if it was undone as a whole, and what was wrong.
type Prevented<'a> = Group<'a, (Option<&'a str>, &'a ViolationRecord)>;

/// The refused rewrites and undone passes in an entry.
pub fn refused(entry: &Entry) -> String {
    let mut out = String::new();
    let mut shown: BTreeMap<&str, usize> = BTreeMap::new();
    let all: Vec<Prevented<'_>> = group(entry, prevented, |(pass, violation)| {
        (pass.map(str::to_string), violation_key(violation))
    });
    for prevented in &all {
        let function = prevented.id.function.as_str();
        let shown = shown.entry(function).or_default();
        *shown += 1;
        if *shown <= MAX_OF_FUNCTION {
            out += &one(prevented, entry);
        }
    }
    for (function, shown) in shown {
        if let Some(more @ 1..) = shown.checked_sub(MAX_OF_FUNCTION) {
            let title = paint(WARNING, "refused");
            let more = thousands(more as u64);
            // NB: Writing to a string cannot fail.
            let _ = writeln!(out, "{title}: and {more} more in {function}\n");
        }
    }
    out
}

fn prevented(function: &FunctionRecord) -> impl Iterator<Item = (Option<&str>, &ViolationRecord)> {
    let refused = function.refusals.iter().map(|refusal| (None, refusal));
    let undone = function.undone.iter().flat_map(|undone| {
        let violations = undone.violations.iter();
        violations.map(|violation| (Some(undone.pass.as_str()), violation))
    });
    refused.chain(undone)
}

fn one(prevented: &Prevented<'_>, entry: &Entry) -> String {
    let Prevented {
        id,
        item: (pass, violation),
        configurations: these,
        is_renumbered: _,
    } = prevented;
    let ViolationRecord {
        code,
        name,
        message,
        inst,
        wasm_offset,
        ..
    } = violation;
    let (word, what) = match pass {
        None => ("refused", "the rewrite did not happen".to_string()),
        Some(pass) => ("undone", format!("pass {pass} was undone")),
    };
    let title = paint(WARNING, format_args!("{word}[{code} {name}]"));
    let message = paint(STRONG, format_args!(": {message}"));
    let arrow = paint(FRAME, "-->");
    let margin = " ".repeat(gutter(violation));
    let offset = wasm_offset.map_or(String::new(), |offset| format!(", Wasm offset {offset:#x}"));
    let place = place(id, violation.line, entry);
    let these = configurations(these, &entry.configurations);
    let body = body(violation, width::of_stdout());
    format!(
        "{title}{message}\n{margin}{arrow} {place}, {inst}{offset}: {what}\n{margin}    {these}\n{body}\n"
    )
}
