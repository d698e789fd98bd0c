//! SARIF output is SARIF.
//!
//! The published schema is not ours to keep here. `SARIF_SCHEMA=FILE` has the output validated by it; what is
//! always validated is a schema of the part of SARIF that is printed, which is closed as the published one is.

mod common;

use common::{GOOD, STALE, run_in};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The part of SARIF 2.1.0 that is printed.
fn schema() -> Value {
    let message = json!({
        "properties": { "text": { "type": "string", "minLength": 1 } }, "required": ["text"],
    });
    let physical = json!({
        "properties": {
            "artifactLocation": { "properties": { "uri": { "type": "string" } }, "required": ["uri"] },
            "region": {
                "properties": {
                    "startLine": { "type": "integer", "minimum": 1 },
                    "startColumn": { "type": "integer", "minimum": 1 },
                    "byteOffset": { "type": "integer", "minimum": 0 },
                    "byteLength": { "type": "integer", "minimum": 0 },
                },
                "required": [],
            },
        },
        "required": ["artifactLocation"],
    });
    let location = json!({
        "properties": {
            "physicalLocation": physical,
            "logicalLocations": { "type": "array", "items": {
                "properties": {
                    "name": { "type": "string" }, "fullyQualifiedName": { "type": "string" },
                    "kind": { "const": "function" },
                },
                "required": ["name", "fullyQualifiedName", "kind"],
            }},
            "message": message,
            "properties": { "type": "object" },
        },
        "required": ["physicalLocation"],
    });
    let rule = json!({
        "properties": {
            "id": { "type": "string" }, "name": { "type": "string", "pattern": "^[A-Z][A-Za-z0-9]*$" },
            "shortDescription": message, "fullDescription": message, "help": message,
            "defaultConfiguration": {
                "properties": { "level": { "enum": ["error", "none"] } }, "required": ["level"],
            },
        },
        "required": ["id", "name", "shortDescription", "defaultConfiguration"],
    });
    let result = json!({
        "properties": {
            "ruleId": { "type": "string" }, "ruleIndex": { "type": "integer", "minimum": 0 },
            "kind": { "enum": ["fail", "open"] }, "level": { "enum": ["error", "none"] },
            "message": message,
            "locations": { "type": "array", "items": location, "minItems": 1 },
            "partialFingerprints": { "type": "object", "additionalProperties": { "type": "string" } },
            "suppressions": { "type": "array", "items": {
                "properties": { "kind": { "const": "external" }, "justification": { "type": "string" } },
                "required": ["kind"],
            }},
            "codeFlows": { "type": "array", "items": {
                "properties": { "threadFlows": { "type": "array", "minItems": 1, "items": {
                    "properties": { "locations": { "type": "array", "minItems": 1, "items": {
                        "properties": { "location": location }, "required": ["location"],
                    }}},
                    "required": ["locations"],
                }}},
                "required": ["threadFlows"],
            }},
            "properties": { "type": "object" },
        },
        "required": ["ruleId", "ruleIndex", "kind", "level", "message", "locations"],
    });
    let notification = json!({
        "properties": {
            "level": { "const": "error" }, "message": message,
            "descriptor": { "properties": { "id": { "type": "string" } }, "required": ["id"] },
            "locations": { "type": "array", "items": location },
        },
        "required": ["level", "message"],
    });
    common::closed(json!({
        "properties": {
            "$schema": { "type": "string", "format": "uri" }, "version": { "const": "2.1.0" },
            "runs": { "type": "array", "minItems": 1, "items": {
                "properties": {
                    "tool": { "properties": { "driver": {
                        "properties": {
                            "name": { "const": "clif-gc" }, "version": { "type": "string" },
                            "semanticVersion": { "type": "string" }, "shortDescription": message,
                            "rules": { "type": "array", "items": rule }, "properties": { "type": "object" },
                        },
                        "required": ["name", "rules"],
                    }}, "required": ["driver"] },
                    "invocations": { "type": "array", "items": {
                        "properties": {
                            "executionSuccessful": { "type": "boolean" }, "exitCode": { "type": "integer" },
                            "exitCodeDescription": { "type": "string" },
                            "toolExecutionNotifications": { "type": "array", "items": notification },
                        },
                        "required": ["executionSuccessful"],
                    }},
                    "artifacts": { "type": "array", "uniqueItems": true },
                    "columnKind": { "const": "unicodeCodePoints" },
                    "results": { "type": "array", "items": result },
                },
                "required": ["tool", "results"],
            }},
        },
        "required": ["$schema", "version", "runs"],
    }))
}

#[track_caller]
fn check(sarif: &Value) {
    let mut schemas = vec![schema()];
    if let Some(path) = std::env::var_os("SARIF_SCHEMA") {
        let text = fs::read_to_string(path).expect("the published schema is there");
        schemas.push(serde_json::from_str(&text).expect("it is JSON"));
    }
    for schema in schemas {
        let validator = jsonschema::validator_for(&schema).expect("the schema can be used");
        let errors: Vec<String> = validator
            .iter_errors(sarif)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
    }
    let run = &sarif["runs"][0];
    let rules = run["tool"]["driver"]["rules"]
        .as_array()
        .expect("it is an array");
    for result in run["results"].as_array().expect("it is an array") {
        let index = result["ruleIndex"].as_u64().expect("it is a number") as usize;
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
}

#[test]
fn the_cases_of_the_other_tests_are_sarif() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let sarif = run_in(&cases, &["verify", ".", "--format", "sarif"])
        .expect_exit(1)
        .json();
    check(&sarif);
    let run = &sarif["runs"][0];
    let results = run["results"].as_array().expect("it is an array");
    let kinds = |kind: &str| {
        results
            .iter()
            .filter(|result| result["kind"] == kind)
            .count()
    };
    assert!(kinds("fail") > 0 && kinds("open") > 0);
    let invocation = &run["invocations"][0];
    assert_eq!(invocation["exitCode"], 1);
    assert_eq!(invocation["executionSuccessful"], false);
}

#[test]
fn a_finding_has_its_line_its_path_and_a_stable_hash() {
    let directory = TempDir::new().expect("there is room for a directory");
    fs::write(directory.path().join("st ale.clif"), STALE).expect("it can be written");
    let verify = |options: &[&str]| {
        let mut arguments = vec!["verify", ".", "--format", "sarif"];
        arguments.extend(options);
        let sarif = run_in(directory.path(), &arguments).json();
        check(&sarif);
        sarif
    };
    let sarif = verify(&[]);
    let results = sarif["runs"][0]["results"]
        .as_array()
        .expect("it is an array");
    assert_eq!(results.len(), 1, "one defect, in both configurations");
    let result = &results[0];
    assert_eq!(result["ruleId"], "GCV02");
    let place = &result["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "./st%20ale.clif");
    assert_eq!(place["region"], json!({ "startLine": 10 }));
    let flow = &result["codeFlows"][0]["threadFlows"][0]["locations"];
    assert_eq!(flow.as_array().map(Vec::len), Some(3));
    assert_eq!(
        flow[1]["location"]["physicalLocation"]["region"],
        json!({ "startLine": 9 })
    );
    assert_eq!(
        result["properties"]["configurations"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
    let hash = |sarif: &Value| sarif["runs"][0]["results"][0]["partialFingerprints"].clone();
    assert_eq!(hash(&sarif), hash(&verify(&["--target", "aarch64"])));
    let allowed = verify(&["--allow", "GCV02"]);
    assert!(allowed["runs"][0]["results"][0]["suppressions"].is_array());
}

#[test]
fn nothing_found_is_sarif() {
    let directory = TempDir::new().expect("there is room for a directory");
    fs::write(directory.path().join("good.wat"), GOOD).expect("it can be written");
    let arguments = ["verify", ".", "--format", "sarif"];
    let sarif = run_in(directory.path(), &arguments).expect_exit(0).json();
    check(&sarif);
    assert_eq!(sarif["runs"][0]["results"], json!([]));
    assert_eq!(
        sarif["runs"][0]["invocations"][0]["executionSuccessful"],
        true
    );
}
