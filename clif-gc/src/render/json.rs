//! JSON output: see docs/json-schema.md.

use super::Summary;
use crate::configuration::{Configuration, Mode};
use crate::diagnostic::Diagnostic;
use crate::outcome::Entry;
use crate::record::{
    CodeRecord, FunctionRecord, InconclusiveRecord, RuleCount, StepRecord, UndoneRecord,
    Verdict as FunctionVerdict, ViolationRecord, by_reason,
};
use crate::totals::Totals;
use crate::version;
use serde::Serialize;
use std::collections::BTreeMap;

/// Changes when a consumer has to.
const SCHEMA_VERSION: u32 = 1;

/// Everything, as one object.
pub fn document(summary: &Summary<'_>, entries: &[Entry]) -> String {
    let document = Document {
        schema_version: SCHEMA_VERSION,
        tool: Tool {
            name: env!("CARGO_PKG_NAME"),
            version: env!("CARGO_PKG_VERSION"),
            cranelift: version::CRANELIFT,
            wasmtime: version::WASMTIME,
        },
        mode: summary.mode,
        exit_code: summary.exit.code(),
        checked_nothing: summary.checked_nothing(),
        shard: summary.shard.map(|shard| Part {
            index: shard.index,
            count: shard.count,
        }),
        configurations: &summary.tally.configurations,
        files: entries.iter().map(file).collect(),
        totals: &summary.tally.totals,
    };
    let mut json = serde_json::to_string_pretty(&document).expect("all keys are strings");
    json.push('\n');
    json
}

#[derive(Serialize)]
struct Document<'a> {
    schema_version: u32,
    tool: Tool,
    mode: Mode,
    exit_code: u8,
    checked_nothing: bool,
    shard: Option<Part>,
    configurations: &'a [Configuration],
    files: Vec<File<'a>>,
    totals: &'a Totals,
}

#[derive(Serialize)]
struct Part {
    index: usize,
    count: usize,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
    cranelift: &'static str,
    wasmtime: &'static str,
}

#[derive(Serialize)]
struct File<'a> {
    path: &'a str,
    input: usize,
    verdict: FileVerdict,
    errors: Vec<Error<'a>>,
    functions: Vec<Function<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum FileVerdict {
    Verified,
    Inconclusive,
    Failed,
    Rejected,
}

#[derive(Serialize)]
struct Error<'a> {
    kind: &'static str,
    message: &'a str,
    line: Option<usize>,
    column: Option<usize>,
    offset: Option<u64>,
    function: Option<&'a str>,
    notes: &'a [String],
    backtrace: Option<&'a str>,
    configurations: &'a [Configuration],
}

#[derive(Serialize)]
struct Function<'a> {
    function: &'a str,
    name: Option<&'a str>,
    index: Option<u32>,
    line: Option<usize>,
    configuration: &'a Configuration,
    verdict: FunctionVerdict,
    layer: Option<&'a str>,
    safepoints: u64,
    entries: u64,
    references: u64,
    dereferences: u64,
    typed: u64,
    guarded: u64,
    unjudged: u64,
    unjudged_by: BTreeMap<&'static str, u64>,
    positions: u64,
    positions_typed: u64,
    positions_proved: u64,
    positions_unjudged: u64,
    records: u64,
    record_entries: u64,
    rewrites: u64,
    refused: u64,
    rules: Option<&'a BTreeMap<String, RuleCount>>,
    code: Option<&'a CodeRecord>,
    violations: Vec<Violation<'a>>,
    allowed: Vec<Violation<'a>>,
    refusals: Vec<Violation<'a>>,
    undone: Vec<Undone<'a>>,
    inconclusive: &'a [InconclusiveRecord],
}

#[derive(Serialize)]
struct Undone<'a> {
    pass: &'a str,
    violations: Vec<Violation<'a>>,
}

#[derive(Serialize)]
struct Violation<'a> {
    code: &'a str,
    name: &'a str,
    layer: &'a str,
    function: &'a str,
    inst: &'a str,
    value: Option<&'a str>,
    rule: Option<&'a str>,
    line: Option<usize>,
    wasm_offset: Option<u64>,
    wasm_operator: Option<&'a str>,
    message: &'a str,
    witness: &'a [StepRecord],
}

fn file(entry: &Entry) -> File<'_> {
    let verdict = match entry.judged() {
        FunctionVerdict::Rejected => FileVerdict::Rejected,
        _ if !entry.errors.is_empty() => FileVerdict::Failed,
        FunctionVerdict::Inconclusive => FileVerdict::Inconclusive,
        FunctionVerdict::Verified => FileVerdict::Verified,
    };
    File {
        path: &entry.path,
        input: entry.input,
        verdict,
        errors: entry.errors.iter().map(error).collect(),
        functions: entry
            .functions
            .iter()
            .map(|(configuration, record)| function(configuration, record))
            .collect(),
    }
}

fn error(diagnostic: &Diagnostic) -> Error<'_> {
    let Diagnostic {
        kind,
        message,
        snippet,
        offset,
        function,
        notes,
        backtrace,
        configurations,
    } = diagnostic;
    Error {
        kind: kind.as_str(),
        message,
        line: snippet.as_ref().map(|snippet| snippet.line),
        column: snippet.as_ref().map(|snippet| snippet.column),
        offset: *offset,
        function: function.as_deref(),
        notes,
        backtrace: backtrace.as_deref(),
        configurations,
    }
}

fn function<'a>(configuration: &'a Configuration, record: &'a FunctionRecord) -> Function<'a> {
    let FunctionRecord {
        id,
        verdict,
        layer,
        counts,
        violations,
        allowed,
        rules,
        code,
        refusals,
        undone,
        inconclusive,
    } = record;
    Function {
        function: &id.function,
        name: id.name.as_deref(),
        index: id.index,
        line: id.line,
        configuration,
        verdict: *verdict,
        layer: layer.as_deref(),
        safepoints: counts.safepoints,
        entries: counts.entries,
        references: counts.references,
        dereferences: counts.dereferences,
        typed: counts.typed,
        guarded: counts.guarded,
        unjudged: counts.unjudged,
        unjudged_by: by_reason(counts.unjudged_by),
        positions: counts.positions,
        positions_typed: counts.positions_typed,
        positions_proved: counts.positions_proved,
        positions_unjudged: counts.positions_unjudged,
        records: counts.records,
        record_entries: counts.record_entries,
        rewrites: counts.rewrites,
        refused: counts.refused,
        rules: rules.as_ref(),
        code: code.as_ref(),
        violations: violations
            .iter()
            .map(|record| violation(&id.function, record))
            .collect(),
        allowed: allowed
            .iter()
            .map(|record| violation(&id.function, record))
            .collect(),
        refusals: refusals
            .iter()
            .map(|record| violation(&id.function, record))
            .collect(),
        undone: undone
            .iter()
            .map(|record| self::undone(&id.function, record))
            .collect(),
        inconclusive,
    }
}

fn undone<'a>(function: &'a str, record: &'a UndoneRecord) -> Undone<'a> {
    let UndoneRecord { pass, violations } = record;
    Undone {
        pass,
        violations: violations
            .iter()
            .map(|record| violation(function, record))
            .collect(),
    }
}

fn violation<'a>(function: &'a str, record: &'a ViolationRecord) -> Violation<'a> {
    let ViolationRecord {
        code,
        name,
        layer,
        inst,
        value,
        rule,
        line,
        wasm_offset,
        wasm_operator,
        message,
        witness,
        excerpt: _,
    } = record;
    Violation {
        code,
        name,
        layer,
        function,
        inst,
        value: value.as_deref(),
        rule: rule.as_deref(),
        line: *line,
        wasm_offset: *wasm_offset,
        wasm_operator: wasm_operator.as_deref(),
        message,
        witness,
    }
}
