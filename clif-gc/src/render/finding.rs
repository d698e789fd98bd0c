//! Violations, in the manner of rustc.

use super::style::{ERROR, FRAME, STRONG, paint};
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
struct Finding<'a> {
    id: &'a FunctionId,
    violation: &'a ViolationRecord,
    configurations: Vec<&'a Configuration>,
}

/// The violations in an entry. Those that are the same in several configurations are shown once.
pub fn findings(entry: &Entry) -> String {
    let mut out = String::new();
    let mut shown: HashMap<&str, usize> = HashMap::new();
    for finding in group(entry) {
        let shown = shown.entry(&finding.id.function).or_default();
        *shown += 1;
        out += &heading(&finding, entry);
        if *shown <= MAX_IN_FULL {
            out += &body(finding.violation);
        }
        out.push('\n');
    }
    out
}

fn group(entry: &Entry) -> Vec<Finding<'_>> {
    let mut findings: Vec<Finding> = Vec::new();
    let mut index: HashMap<(&str, &ViolationRecord), usize> = HashMap::new();
    for (configuration, function) in &entry.functions {
        for violation in &function.violations {
            let at = *index
                .entry((&function.id.function, violation))
                .or_insert(findings.len());
            match findings.get_mut(at) {
                Some(finding) => finding.configurations.push(configuration),
                None => findings.push(Finding {
                    id: &function.id,
                    violation,
                    configurations: vec![configuration],
                }),
            }
        }
    }
    findings
}

fn heading(finding: &Finding<'_>, entry: &Entry) -> String {
    let ViolationRecord {
        code,
        name,
        message,
        layer,
        wasm_offset,
        wasm_operator,
        ..
    } = finding.violation;
    let title = paint(ERROR, format_args!("error[{code} {name}]"));
    let message = paint(STRONG, format_args!(": {message}"));
    let arrow = paint(FRAME, "-->");
    let margin = " ".repeat(gutter(finding.violation));
    let operator = wasm_operator.as_deref();
    let operator = operator.map_or(String::new(), |operator| format!(" ({operator})"));
    let offset = wasm_offset.map_or(String::new(), |offset| {
        format!(", Wasm offset {offset:#x}{operator}")
    });
    let place = place(finding.id, entry);
    let configurations = configurations(&finding.configurations, &entry.configurations);
    format!(
        "{title}{message}\n{margin}{arrow} {place}{offset}, {}\n{margin}    {configurations}\n",
        at_layer(layer)
    )
}

/// The file and the function, with the line if that means anything.
pub fn place(id: &FunctionId, entry: &Entry) -> String {
    let path = printable(&entry.path);
    let line = id.line.map_or(String::new(), |line| format!(":{line}"));
    format!("{path}{line}: function {}", function_name(id))
}

/// The function's own name first, if it has one.
fn function_name(id: &FunctionId) -> String {
    match &id.name {
        Some(name) => format!("\"{}\" ({})", shorten(&printable(name), 100), id.function),
        None => printable(&id.function).into_owned(),
    }
}

fn at_layer(layer: &str) -> String {
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
pub(super) fn body(violation: &ViolationRecord) -> String {
    let width = gutter(violation);
    let bar = paint(FRAME, "|");
    let margin = " ".repeat(width);
    let mut out = String::new();
    if !violation.excerpt.0.is_empty() {
        let _ = writeln!(out, "{margin} {bar}");
        for item in &violation.excerpt.0 {
            out += &excerpt_item(item, width);
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

fn excerpt_item(item: &Item, width: usize) -> String {
    match item {
        Item::Elided => format!("{}\n", paint(FRAME, format_args!("{:>width$}", "..."))),
        Item::Line { inst, text, marks } => {
            let bar = paint(FRAME, "|");
            let inst = inst.as_deref().unwrap_or_default();
            let inst = paint(FRAME, format_args!("{inst:>width$}"));
            let mut out = format!("{inst} {bar} {text}\n");
            for mark in marks {
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
