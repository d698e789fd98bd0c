//! `clif-gc merge`: puts the results of shards together.
//!
//! **Claim.** What is printed is what `verify` prints of all files, if the results are of all shards.
//!
//! All totals are sums, and each file says which of the files it was.

use crate::cli::MergeArgs;
use crate::exit::Exit;
use crate::render;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::path::Path;

/// Put the results together, and print the whole.
pub fn run(args: &MergeArgs) -> Exit {
    let mut results = Vec::new();
    for path in &args.results {
        match read(path) {
            Ok(result) => results.push(result),
            Err(error) => return failed(&error),
        }
    }
    let merged = match merge(results) {
        Ok(merged) => merged,
        Err(error) => return failed(&error),
    };
    let exit = exit(&merged, args);
    let mut merged = merged;
    merged["exit_code"] = json!(exit.code());
    let mut text = serde_json::to_string_pretty(&merged).expect("all keys are strings");
    text.push('\n');
    render::to_stdout(&text);
    exit
}

fn failed(error: &str) -> Exit {
    render::to_stderr(&format!("error: {error}\n"));
    Exit::Unusable
}

/// The result of `verify --format json` in the file at `path`.
///
/// # Errors
///
/// If there is none, with what is to be told.
pub fn read(path: &Path) -> Result<Value, String> {
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("{name}: {error}"))?;
    let value: Value =
        serde_json::from_str(&text).map_err(|error| format!("{name}: no JSON: {error}"))?;
    let is_result = value["tool"]["name"] == env!("CARGO_PKG_NAME")
        && value["files"].is_array()
        && value["totals"].is_object();
    match (is_result, &value["schema_version"]) {
        (true, version) if *version == json!(1) => Ok(value),
        (true, version) => Err(format!("{name}: schema version {version}, 1 is expected")),
        (false, _) => Err(format!(
            "{name}: not what `clif-gc verify --format json` prints"
        )),
    }
}

fn merge(results: Vec<Value>) -> Result<Value, String> {
    is_complete(&results)?;
    let mut results = results.into_iter();
    let mut all = results.next().ok_or("nothing to merge")?;
    for result in results {
        for member in ["tool", "mode"] {
            if all[member] != result[member] {
                return Err(format!(
                    "the results have different {member}s: {} and {}",
                    all[member], result[member]
                ));
            }
        }
        append(&mut all["files"], &result["files"], |_| false);
        let configurations = all["configurations"].clone();
        append(&mut all["configurations"], &result["configurations"], |c| {
            configurations.as_array().is_some_and(|all| all.contains(c))
        });
        add(&mut all["totals"], &result["totals"]);
    }
    if let Some(files) = all["files"].as_array_mut() {
        files.sort_by_key(|file| file["input"].as_u64());
    }
    in_order_of_appearance(&mut all);
    all["shard"] = Value::Null;
    all["checked_nothing"] = json!(all["totals"]["safepoints"] == json!(0));
    Ok(all)
}

/// Each shard is there once.
fn is_complete(results: &[Value]) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let mut counts = BTreeSet::new();
    for result in results {
        let shard = &result["shard"];
        let (Some(index), Some(count)) = (shard["index"].as_u64(), shard["count"].as_u64()) else {
            return Err("a result is not of a shard (verify --shard K/N)".to_string());
        };
        if !seen.insert(index) {
            return Err(format!("shard {index} is there twice"));
        }
        counts.insert(count);
    }
    let mut counts = counts.into_iter();
    match (counts.next(), counts.next()) {
        (Some(count), None) => match (1..=count).find(|index| !seen.contains(index)) {
            None => Ok(()),
            Some(missing) => Err(format!("shard {missing} of {count} is missing")),
        },
        _ => Err("the results are of different numbers of shards".to_string()),
    }
}

fn append(all: &mut Value, more: &Value, is_known: impl Fn(&Value) -> bool) {
    let (Some(all), Some(more)) = (all.as_array_mut(), more.as_array()) else {
        return;
    };
    all.extend(more.iter().filter(|item| !is_known(item)).cloned());
}

/// Add numbers, and the numbers in objects.
fn add(sum: &mut Value, more: &Value) {
    match (&mut *sum, more) {
        (Value::Object(sum), Value::Object(more)) => add_members(sum, more),
        (Value::Number(a), Value::Number(b)) => {
            let number = a.as_u64().unwrap_or(0) + b.as_u64().unwrap_or(0);
            *sum = json!(number);
        }
        _ => {}
    }
}

fn add_members(sum: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (name, value) in more {
        match sum.get_mut(name) {
            Some(sum) => add(sum, value),
            None => {
                sum.insert(name.clone(), value.clone());
            }
        }
    }
}

/// Put the configurations into the order in which they come up in the files, as far as functions tell.
fn in_order_of_appearance(all: &mut Value) {
    let mut order: Vec<Value> = Vec::new();
    for file in all["files"].as_array().into_iter().flatten() {
        let functions = file["functions"].as_array().into_iter().flatten();
        let errors = file["errors"].as_array().into_iter().flatten();
        let of_functions = functions.map(|function| &function["configuration"]);
        let of_errors =
            errors.flat_map(|error| error["configurations"].as_array().into_iter().flatten());
        for configuration in of_functions.chain(of_errors) {
            if !order.contains(configuration) {
                order.push(configuration.clone());
            }
        }
    }
    if let Some(configurations) = all["configurations"].as_array_mut() {
        let place = |c: &Value| {
            order
                .iter()
                .position(|known| known == c)
                .unwrap_or(usize::MAX)
        };
        configurations.sort_by_key(place);
    }
}

/// How the whole ends.
///
/// NB: What could not be checked counts as without `--allow inconclusive` and `--deny inconclusive`.
fn exit(merged: &Value, args: &MergeArgs) -> Exit {
    let total = |name: &str| merged["totals"][name].as_u64().unwrap_or(0);
    let judged = match total("dereferences") {
        0 => 100.0,
        all => (all - total("unjudged").min(all)) as f64 * 100.0 / all as f64,
    };
    if total("functions_rejected") > 0 {
        Exit::Rejected
    } else if total("errors") > 0 {
        Exit::Unusable
    } else if total("functions_inconclusive") > 0
        || args
            .min_subjects
            .is_some_and(|min| total("safepoints") < min)
        || args.min_judged.is_some_and(|min| judged < min)
    {
        Exit::Inconclusive
    } else {
        Exit::Verified
    }
}
