//! Violations, in the manner of rustc.

use super::group::{Group, group, violation_key};
use super::style::{ERROR, FRAME, STRONG, WARNING, paint};
use super::width;
use crate::configuration::Configuration;
use crate::excerpt::{Item, Mark};
use crate::outcome::Entry;
use crate::record::{FunctionId, StepRecord, ViolationRecord};
use crate::text::{printable, shorten};
use anstyle::Style;
use cranelift_gc_verifier::Code;
use std::collections::HashMap;
use std::fmt::Write;

/// How many violations of a function are shown in full; of the others, the first line.
const MAX_IN_FULL: usize = 5;

/// The same violation in some configurations.
pub type Finding<'a> = Group<'a, &'a ViolationRecord>;

/// The violations in an entry. Those that are the same in several configurations are one.
pub fn found(entry: &Entry) -> Vec<Finding<'_>> {
    group(
        entry,
        |function| function.violations.iter(),
        |v| violation_key(v),
    )
}

/// The violations in an entry that were allowed.
pub fn found_allowed(entry: &Entry) -> Vec<Finding<'_>> {
    group(
        entry,
        |function| function.allowed.iter(),
        |v| violation_key(v),
    )
}

/// The violations in an entry, each shown once.
pub fn findings(entry: &Entry) -> String {
    let mut out = String::new();
    let mut shown: HashMap<&str, usize> = HashMap::new();
    let room = width::of_stdout();
    for finding in found(entry) {
        let shown = shown.entry(&finding.id.function).or_default();
        *shown += 1;
        out += &heading(&finding, entry, &paint(ERROR, title("error", finding.item)));
        if *shown <= MAX_IN_FULL {
            out += &body(finding.item, room);
        }
        out.push('\n');
    }
    out
}

/// The violations in an entry that were allowed, in short.
pub fn allowed(entry: &Entry) -> String {
    let mut out = String::new();
    for finding in found_allowed(entry) {
        out += &heading(
            &finding,
            entry,
            &paint(WARNING, title("allowed", finding.item)),
        );
        out.push('\n');
    }
    out
}

fn title(word: &str, violation: &ViolationRecord) -> String {
    format!("{word}[{} {}]", violation.code, violation.name)
}

fn heading(finding: &Finding<'_>, entry: &Entry, title: &str) -> String {
    let ViolationRecord {
        message,
        layer,
        line,
        wasm_offset,
        wasm_operator,
        ..
    } = finding.item;
    let message = paint(STRONG, format_args!(": {message}"));
    let arrow = paint(FRAME, "-->");
    let margin = " ".repeat(gutter(finding.item));
    let operator = wasm_operator.as_deref();
    let operator = operator.map_or(String::new(), |operator| format!(" ({operator})"));
    let offset = wasm_offset.map_or(String::new(), |offset| {
        format!(", Wasm offset {offset:#x}{operator}")
    });
    let place = place(finding.id, *line, entry);
    let mut configurations = configurations(&finding.configurations, &entry.configurations);
    if let (true, Some(first)) = (finding.is_renumbered, finding.configurations.first()) {
        configurations = format!("{configurations}; numbered as in {first}");
    }
    format!(
        "{title}{message}\n{margin}{arrow} {place}{offset}, {}\n{margin}    {configurations}\n",
        at_layer(layer)
    )
}

/// The file and the function, with the line of the instruction, or of the function, if that means anything.
pub fn place(id: &FunctionId, line: Option<usize>, entry: &Entry) -> String {
    let path = printable(&entry.path);
    let line = line
        .or(id.line)
        .map_or(String::new(), |line| format!(":{line}"));
    format!("{path}{line}: function {}", function_name(id))
}

/// The function's own name first, if it has one.
fn function_name(id: &FunctionId) -> String {
    match &id.name {
        Some(name) => format!("\"{}\" ({})", shorten(&printable(name), 100), id.function),
        None => printable(&id.function).into_owned(),
    }
}

pub fn at_layer(layer: &str) -> String {
    match layer {
        "input" => "as the producer made it".to_string(),
        "inline" => "after inlining".to_string(),
        "constant-phis" => "after constant-phi removal".to_string(),
        "egraph" => "after the e-graph pass".to_string(),
        layer => format!("after {layer}"),
    }
}

pub fn configurations(these: &[&Configuration], all: &[Configuration]) -> String {
    let names = || {
        let names: Vec<String> = these.iter().map(|c| c.to_string()).collect();
        names.join(", ")
    };
    match (these.len(), all.len()) {
        (_, 1) => names(),
        (2.., 2) => "in both configurations".to_string(),
        (n, all) if n >= all => format!("in all {all} configurations"),
        (n, all) => format!("in {n} of {all} configurations: {}", names()),
    }
}

/// How wide the column with the instructions is.
pub(super) fn gutter(violation: &ViolationRecord) -> usize {
    let insts = violation.excerpt.0.iter().filter_map(|item| match item {
        Item::Line { inst, .. } => inst.as_deref(),
        Item::Elided => None,
    });
    insts.map(str::len).max().unwrap_or(0) + 1
}

/// What surrounds it, the witness, and notes.
pub(super) fn body(violation: &ViolationRecord, room: Option<usize>) -> String {
    let width = gutter(violation);
    let room = room.map(|room| room.saturating_sub(width + 3));
    let bar = paint(FRAME, "|");
    let margin = " ".repeat(width);
    let mut out = String::new();
    if !violation.excerpt.0.is_empty() {
        let _ = writeln!(out, "{margin} {bar}");
        for item in &violation.excerpt.0 {
            out += &excerpt_item(item, width, room);
        }
        let _ = writeln!(out, "{margin} {bar}");
    }
    out += &witness(&violation.witness, width);
    if let Some(rule) = &violation.rule {
        out += &note(width, "rule", rule);
    }
    if let Some(code) = Code::parse(&violation.code) {
        out += &note(width, "invariant", code.invariant());
    }
    out += &note(
        width,
        "help",
        &format!("clif-gc explain {}", violation.code),
    );
    out
}

fn note(width: usize, what: &str, text: &str) -> String {
    let margin = " ".repeat(width);
    let equals = paint(FRAME, "=");
    let what = paint(STRONG, what);
    format!("{margin} {equals} {what}: {text}\n")
}

fn excerpt_item(item: &Item, width: usize, room: Option<usize>) -> String {
    match item {
        Item::Elided => format!("{}\n", paint(FRAME, format_args!("{:>width$}", "..."))),
        Item::Line { inst, text, marks } => {
            let bar = paint(FRAME, "|");
            let inst = inst.as_deref().unwrap_or_default();
            let inst = paint(FRAME, format_args!("{inst:>width$}"));
            let (text, marks) = match room {
                Some(room) => width::fit(text, marks, room),
                None => (text.clone(), marks.clone()),
            };
            let mut out = format!("{inst} {bar} {text}\n");
            for mark in &marks {
                out += &underline(mark, width);
            }
            out
        }
    }
}

fn underline(mark: &Mark, width: usize) -> String {
    let (style, sign): (Style, &str) = match mark.primary {
        true => (ERROR, "^"),
        false => (FRAME, "-"),
    };
    let bar = paint(FRAME, "|");
    let margin = " ".repeat(width);
    let indent = " ".repeat(mark.start);
    let label = paint(
        style,
        format_args!("{} {}", sign.repeat(mark.width), mark.label),
    );
    format!("{margin} {bar} {indent}{label}\n")
}

/// The path, one line a step; blocks that are merely passed take a line together.
fn witness(steps: &[StepRecord], width: usize) -> String {
    let mut lines: Vec<(String, String)> = Vec::new();
    for step in steps {
        let StepRecord {
            role,
            block,
            inst,
            text: _,
            line: _,
        } = step;
        match (role.as_str(), inst, lines.last_mut()) {
            ("through", _, Some((last, path))) if last == "through" => {
                let _ = write!(path, ", {block}");
            }
            (_, Some(inst), _) => lines.push((role.clone(), format!("{inst} in {block}"))),
            ("definition", None, _) => lines.push((role.clone(), format!("parameter of {block}"))),
            (_, None, _) => lines.push((role.clone(), block.clone())),
        }
    }
    let margin = " ".repeat(width);
    let equals = paint(FRAME, "=");
    let title = paint(STRONG, "witness");
    let mut out = String::new();
    for (i, (role, path)) in lines.iter().enumerate() {
        let path = shorten(path, 100);
        let _ = match i {
            0 => writeln!(out, "{margin} {equals} {title}: {role:<10} {path}"),
            _ => writeln!(out, "{margin}            {role:<10} {path}"),
        };
    }
    out
}
