//! SARIF 2.1.0, the exchange format of static analysis.
//!
//! A violation is a result of kind `fail` of the rule that is its code; one that was allowed has a suppression. A
//! check that could not be made is a result of kind `open` of the rule that is its reason. What could not be judged
//! is a notification of the invocation. A place is the line in CLIF, and the offset of the operator in a module;
//! the witness is a code flow.

use super::Summary;
use super::finding::{Finding, at_layer, found, found_allowed};
use super::undecided::undecided_checks;
use crate::configuration::Configuration;
use crate::diagnostic::Diagnostic;
use crate::outcome::Entry;
use crate::record::{FunctionId, StepRecord};
use crate::version;
use cranelift_gc_verifier::{About, Code};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The schema that the output is valid by.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";

/// What the hash of a result is called. It changes when the hash is made of something else.
const FINGERPRINT: &str = "clifGc/v1";

/// Everything, as one object.
pub fn document(summary: &Summary<'_>, entries: &[Entry]) -> String {
    let rules = Rules::of(entries);
    let results: Vec<Value> = entries
        .iter()
        .flat_map(|entry| results(entry, &rules))
        .collect();
    let notifications: Vec<Value> = entries
        .iter()
        .flat_map(|entry| entry.errors.iter().map(|error| notification(entry, error)))
        .collect();
    let files: BTreeSet<&str> = entries.iter().map(Entry::file).collect();
    let artifacts: Vec<Value> = files
        .into_iter()
        .map(|file| json!({ "location": artifact(file) }))
        .collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": env!("CARGO_PKG_NAME"),
                "version": env!("CARGO_PKG_VERSION"),
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "shortDescription": { "text": env!("CARGO_PKG_DESCRIPTION") },
                "rules": rules.described(),
                "properties": { "cranelift": version::CRANELIFT, "wasmtime": version::WASMTIME },
            }},
            "invocations": [{
                "executionSuccessful": notifications.is_empty(),
                "exitCode": summary.exit.code(),
                "exitCodeDescription": summary.line(),
                "toolExecutionNotifications": notifications,
            }],
            "artifacts": artifacts,
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    let mut json = serde_json::to_string_pretty(&document).expect("all keys are strings");
    json.push('\n');
    json
}

/// The rules, by the place at which they are described.
struct Rules {
    reasons: Vec<String>,
}

impl Rules {
    fn of(entries: &[Entry]) -> Rules {
        let functions = entries.iter().flat_map(|entry| &entry.functions);
        let reasons: BTreeSet<&String> = functions
            .flat_map(|(_, function)| &function.inconclusive)
            .map(|record| &record.reason)
            .collect();
        Rules {
            reasons: reasons.into_iter().cloned().collect(),
        }
    }

    fn index(&self, rule: &str) -> usize {
        let code = Code::ALL.into_iter().position(|code| code.as_str() == rule);
        let reason = || {
            let reasons = self.reasons.iter();
            let place = reasons.take_while(|reason| *reason != rule).count();
            Code::ALL.into_iter().count() + place
        };
        code.unwrap_or_else(reason)
    }

    fn described(&self) -> Vec<Value> {
        let codes = Code::ALL.into_iter().map(|code| {
            let &About { meaning, .. } = code.about();
            json!({
                "id": code.as_str(),
                "name": camel(code.name()),
                "shortDescription": { "text": sentence(code.invariant()) },
                "fullDescription": { "text": meaning },
                "help": { "text": format!("clif-gc explain {code}") },
                "defaultConfiguration": { "level": "error" },
            })
        });
        let reasons = self.reasons.iter().map(|reason| {
            json!({
                "id": reason,
                "name": camel(reason),
                "shortDescription": { "text": format!("A check could not be made: {reason}.") },
                "defaultConfiguration": { "level": "none" },
            })
        });
        codes.chain(reasons).collect()
    }
}

/// `stale-reference` as `StaleReference`.
fn camel(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut chars = word.chars();
        let first = chars.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(chars).collect::<String>()
    });
    words.collect()
}

/// With a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_ascii_uppercase());
    let text: String = first.into_iter().chain(chars).collect();
    format!("{text}.")
}

fn results(entry: &Entry, rules: &Rules) -> Vec<Value> {
    let mut results: Vec<Value> = found(entry)
        .iter()
        .map(|finding| result(entry, finding, rules))
        .collect();
    results.extend(found_allowed(entry).iter().map(|finding| {
        let mut result = result(entry, finding, rules);
        result["suppressions"] = json!([{
            "kind": "external",
            "justification": "allowed on the command line",
        }]);
        result
    }));
    results.extend(undecided_checks(entry).iter().map(|check| {
        json!({
            "ruleId": check.item.reason,
            "ruleIndex": rules.index(&check.item.reason),
            "kind": "open",
            "level": "none",
            "message": { "text": check.item.message },
            "locations": [location(entry, check.id, Spot { line: check.item.line, offset: None })],
            "properties": { "configurations": names(&check.configurations) },
        })
    }));
    results
}

fn result(entry: &Entry, finding: &Finding<'_>, rules: &Rules) -> Value {
    let violation = finding.item;
    let spot = Spot {
        line: violation.line,
        offset: violation.wasm_offset,
    };
    let mut result = json!({
        "ruleId": violation.code,
        "ruleIndex": rules.index(&violation.code),
        "kind": "fail",
        "level": "error",
        "message": { "text": format!("{}, {}", violation.message, at_layer(&violation.layer)) },
        "locations": [location(entry, finding.id, spot)],
        "partialFingerprints": { FINGERPRINT: fingerprint(entry, finding) },
        "properties": {
            "configurations": names(&finding.configurations),
            "layer": violation.layer,
            "inst": violation.inst,
            "value": violation.value,
            "rewriteRule": violation.rule,
            "wasmOperator": violation.wasm_operator,
        },
    });
    if !violation.witness.is_empty() {
        let steps: Vec<Value> = violation
            .witness
            .iter()
            .map(|step| json!({ "location": step_location(entry, finding.id, step) }))
            .collect();
        result["codeFlows"] = json!([{ "threadFlows": [{ "locations": steps }] }]);
    }
    result
}

fn names(configurations: &[&Configuration]) -> Vec<String> {
    configurations.iter().map(|c| c.to_string()).collect()
}

/// The same for the same finding, however values and instructions are numbered.
fn fingerprint(entry: &Entry, finding: &Finding<'_>) -> String {
    let violation = finding.item;
    let what = format!(
        "{}\0{}\0{}\0{}\0{:?}\0{}",
        entry.path,
        finding.id.function,
        violation.code,
        violation.layer,
        violation.wasm_offset,
        super::group::without_numbers(&violation.message)
    );
    format!("{:016x}", crate::text::fnv(&what))
}

/// A place in a file.
#[derive(Clone, Copy)]
struct Spot {
    line: Option<usize>,
    offset: Option<u64>,
}

fn location(entry: &Entry, id: &FunctionId, spot: Spot) -> Value {
    let line = spot.line.or(id.line).or(entry.line());
    let mut physical = Map::new();
    physical.insert("artifactLocation".to_string(), artifact(entry.file()));
    match (line, spot.offset) {
        (Some(line), _) => {
            physical.insert("region".to_string(), json!({ "startLine": line }));
        }
        // NB: The offset is one in the binary, also of a module that is there as text.
        (None, Some(offset)) if entry.is_binary() => {
            physical.insert(
                "region".to_string(),
                json!({ "byteOffset": offset, "byteLength": 1 }),
            );
        }
        (None, _) => {}
    }
    let mut location = json!({
        "physicalLocation": physical,
        "logicalLocations": [{
            "name": id.name.as_deref().unwrap_or(&id.function),
            "fullyQualifiedName": id.function,
            "kind": "function",
        }],
    });
    if let Some(offset) = spot.offset {
        location["properties"] = json!({ "wasmOffset": offset });
    }
    location
}

fn step_location(entry: &Entry, id: &FunctionId, step: &StepRecord) -> Value {
    let StepRecord {
        role,
        block,
        inst,
        text,
        line,
    } = step;
    let place = match inst {
        Some(inst) => format!("{inst} in {block}"),
        None => block.clone(),
    };
    let text = text
        .as_ref()
        .map_or(String::new(), |text| format!(": {text}"));
    let spot = Spot {
        line: *line,
        offset: None,
    };
    let mut location = location(entry, id, spot);
    location["message"] = json!({ "text": format!("{role}, {place}{text}") });
    location
}

/// The address of a file: its path, with what an address must not have escaped.
fn artifact(path: &str) -> Value {
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'.' | b'_' | b'~' => {
                uri.push(char::from(byte));
            }
            byte => uri += &format!("%{byte:02X}"),
        }
    }
    json!({ "uri": uri })
}

fn notification(entry: &Entry, error: &Diagnostic) -> Value {
    let mut physical = Map::new();
    physical.insert("artifactLocation".to_string(), artifact(entry.file()));
    if let Some(snippet) = &error.snippet {
        let region = json!({ "startLine": snippet.line, "startColumn": snippet.column });
        physical.insert("region".to_string(), region);
    } else if let (Some(offset), true) = (error.offset, entry.is_binary()) {
        let region = json!({ "byteOffset": offset, "byteLength": 1 });
        physical.insert("region".to_string(), region);
    }
    let notes = error.notes.iter().map(|note| format!("\n{note}"));
    let function = error.function.as_ref();
    let function = function.map_or(String::new(), |function| format!(" (function {function})"));
    let text = format!("{}{function}{}", error.message, notes.collect::<String>());
    json!({
        "level": "error",
        "descriptor": { "id": error.kind.as_str() },
        "message": { "text": text },
        "locations": [{ "physicalLocation": physical }],
    })
}
