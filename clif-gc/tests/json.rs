//! JSON output is what docs/json-schema.md says.

mod common;

use common::{GOOD, run_in};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const SCHEMA: &str = include_str!("../../docs/verify.schema.json");

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("the schema is a schema");
    jsonschema::validator_for(&schema).expect("the schema can be used")
}

/// What is printed has nothing but what the schema names.
#[track_caller]
fn check(json: &Value) {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let exact = jsonschema::validator_for(&common::closed(schema)).expect("it can be used");
    let errors: Vec<String> = exact
        .iter_errors(json)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    totals_are_sums(json);
}

/// What a consumer would compute is what it is told.
#[track_caller]
fn totals_are_sums(json: &Value) {
    let files = array(&json["files"]);
    let functions: Vec<&Value> = files
        .iter()
        .flat_map(|file| array(&file["functions"]))
        .collect();
    let total = |name: &str| json["totals"][name].as_u64().expect("totals are numbers");
    assert_eq!(total("files"), files.len() as u64);
    assert_eq!(total("functions"), functions.len() as u64);
    for name in [
        "safepoints",
        "entries",
        "references",
        "dereferences",
        "rewrites",
        "refused",
    ] {
        let sum: u64 = functions
            .iter()
            .filter_map(|function| function[name].as_u64())
            .sum();
        assert_eq!(total(name), sum, "{name}");
    }
    for name in ["violations", "allowed", "undone", "inconclusive"] {
        let sum: usize = functions
            .iter()
            .map(|function| array(&function[name]).len())
            .sum();
        assert_eq!(total(name), sum as u64, "{name}");
    }
    let errors: usize = files.iter().map(|file| array(&file["errors"]).len()).sum();
    assert_eq!(total("errors"), errors as u64);
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("it is an array")
}

#[test]
fn every_kind_of_result_fits_the_schema() {
    let directory = TempDir::new().expect("there is room for a directory");
    let path = directory.path();
    let write = |name: &str, text: &str| fs::write(path.join(name), text).expect("it is written");
    write("good.wat", GOOD);
    write("stale.clif", common::STALE);
    write(
        "syntax.clif",
        "function %f() {\nblock0:\n    v0 iconst.i32 1\n}",
    );
    write("invalid.wat", "(module (func (result i32)))");
    write(
        "script.wast",
        "(module) (module (func)) (assert_malformed (module quote \"(\") \"\")",
    );
    let run = run_in(path, &["verify", ".", "missing.wat", "--format", "json"]).expect_exit(1);
    let json = run.json();
    check(&json);
    assert_eq!(json["exit_code"], 1);
    assert_eq!(json["totals"]["errors"], 3);
    assert_eq!(json["configurations"].as_array().map(Vec::len), Some(8));
}

#[test]
fn the_cases_of_the_other_tests_fit_the_schema() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    check(&run_in(&cases, &["verify", ".", "--format", "json"]).json());
}

#[test]
fn nothing_at_all_fits_the_schema() {
    let directory = TempDir::new().expect("there is room for a directory");
    let arguments = ["verify", ".", "--format", "json", "--mode", "enforce"];
    check(&run_in(directory.path(), &arguments).expect_exit(2).json());
}

#[test]
fn the_schema_refuses_what_it_should() {
    let directory = TempDir::new().expect("there is room for a directory");
    fs::write(directory.path().join("good.wat"), GOOD).expect("it is written");
    let arguments = ["verify", "good.wat", "--format", "json"];
    let json = run_in(directory.path(), &arguments).expect_exit(0).json();
    let validator = validator();
    for (pointer, wrong) in [
        ("/schema_version", Value::from(2)),
        ("/totals/functions", Value::from("many")),
        ("/files/0/verdict", Value::from("perhaps")),
        (
            "/files/0/functions/0/configuration/collector",
            Value::from("mark-sweep"),
        ),
    ] {
        let mut json = json.clone();
        *json.pointer_mut(pointer).expect("it is there") = wrong;
        assert!(!validator.is_valid(&json), "{pointer}");
    }
    // A later version may tell more.
    let mut more = json.clone();
    more["files"][0]["mood"] = Value::from("good");
    more["files"][0]["functions"][0]["colour"] = Value::from("blue");
    assert!(validator.is_valid(&more));
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    assert_eq!(schema["$id"], "urn:clif-gc:schema:verify:1");
}

/// Diagnostics go to standard error, so that standard output is one object.
#[test]
fn standard_output_is_one_object() {
    let directory = TempDir::new().expect("there is room for a directory");
    let arguments = ["verify", "missing.wat", "--format", "json"];
    let run = run_in(directory.path(), &arguments)
        .expect_exit(2)
        .says("missing.wat");
    assert!(run.json().is_object());
}
