//! The commands that triage: what they find, how they survive, and that they leave nothing behind.

mod common;

use common::{GOOD, STALE, command, outcome, run_in};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;

const SCHEMA: &str = include_str!("../../docs/triage.schema.json");

/// wasmtime#14323, which the compiler has.
const WRONG: &str = "
function %wrong() -> i32 {
    ss0 = explicit_slot 4
    region0 = 0 \"r0\"
block0:
    v9 = stack_addr.i64 ss0
    v8 = iconst.i32 1
    v2 = iconst.i32 42
    store notrap v8, v9
    v1 = load.i32 notrap region0 v9
    store notrap region0 v2, v9
    v3 = load.i32 notrap v9
    v4 = iadd v3, v1
    return v4
}
";

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().expect("there is room for temporary files");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("the file can be written");
    }
    directory
}

/// The JSON that these arguments print, which the schema describes.
#[track_caller]
fn json(directory: &Path, arguments: &[&str]) -> Value {
    let mut arguments = arguments.to_vec();
    arguments.extend(["--format", "json"]);
    let run = run_in(directory, &arguments);
    assert!(!run.stdout.is_empty(), "{}", run.stderr);
    let json = run.json();
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    jsonschema::draft202012::meta::validate(&schema).expect("the schema is a schema");
    let schema = common::closed(schema);
    let of_command = serde_json::json!({
        "$schema": schema["$schema"],
        "$ref": format!("#/$defs/{}", arguments[0]),
        "$defs": schema["$defs"],
    });
    let validator = jsonschema::validator_for(&of_command).expect("the schema can be used");
    let errors: Vec<String> = validator
        .iter_errors(&json)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}");
    assert_eq!(json["exit_code"].as_i64(), run.exit.map(i64::from));
    json
}

fn array(json: &Value) -> &Vec<Value> {
    json.as_array().expect("it is an array")
}

fn strings(json: &Value) -> Vec<&str> {
    let strings = array(json).iter();
    strings
        .map(|text| text.as_str().expect("it is text"))
        .collect()
}

#[test]
fn a_rewrite_has_one_number_in_all_commands() {
    let directory = directory(&[("a.clif", WRONG)]);
    let trace = json(
        directory.path(),
        &["trace", "a.clif", "--all-rewrites", "--target", "x86_64"],
    );
    let rewrites = array(&trace["traces"][0]["rewrites"]);
    let wrong: Vec<&Value> = rewrites
        .iter()
        .filter(|rewrite| rewrite["verdict"]["reason"] == "wrong")
        .collect();
    assert_eq!(wrong.len(), 1);
    assert_eq!(wrong[0]["event"], "forward-load");
    let numbers: Vec<u64> = rewrites
        .iter()
        .map(|rewrite| rewrite["number"].as_u64().expect("numbers are numbers"))
        .collect();
    let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
    assert_eq!(numbers, expected);
    assert_eq!(
        trace["traces"][0]["asked"].as_u64(),
        Some(numbers.len() as u64)
    );

    let bisect = json(
        directory.path(),
        &["bisect", "a.clif", "--target", "x86_64"],
    );
    assert_eq!(
        bisect["bisections"][0]["culprit"]["number"],
        wrong[0]["number"]
    );
    assert_eq!(bisect["bisections"][0]["goes_away_alone"], true);
    let run = json(
        directory.path(),
        &["bisect", "a.clif", "--target", "x86_64", "--expect", "43"],
    );
    assert_eq!(
        run["bisections"][0]["culprit"]["number"],
        wrong[0]["number"]
    );
    assert_eq!(run["bisections"][0]["failure"]["kind"], "run");

    let diagnose = json(
        directory.path(),
        &[
            "diagnose",
            "a.clif",
            "--target",
            "x86_64",
            "--opt-level",
            "speed",
        ],
    );
    let refused: Vec<&Value> = array(&diagnose["cells"])
        .iter()
        .filter(|cell| cell["verifier"] == "enforce")
        .flat_map(|cell| array(&cell["wrong"]))
        .collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["number"], wrong[0]["number"]);
    assert_eq!(refused[0]["verdict"]["answer"], "refused");
}

#[test]
fn a_command_is_bisected() {
    let directory = directory(&[("a.clif", WRONG)]);
    // NB: The command is this program, which heeds the limit.
    let program = env!("CARGO_BIN_EXE_clif-gc");
    let verify = format!("{program} verify {{}} --target x86_64 --quiet");
    let bisect = json(
        directory.path(),
        &[
            "bisect",
            "a.clif",
            "--target",
            "x86_64",
            "--command",
            &verify,
        ],
    );
    let culprit = &bisect["bisections"][0]["culprit"];
    assert_eq!(culprit["event"], "forward-load", "{bisect:#}");
}

#[test]
fn what_the_producer_did_is_its_fault() {
    let directory = directory(&[("a.clif", STALE)]);
    let bisect = json(directory.path(), &["bisect", "a.clif"]);
    for bisection in array(&bisect["bisections"]) {
        assert_eq!(bisection["culprit"], Value::Null);
        assert_eq!(bisection["layer"]["name"], "producer");
    }
}

#[test]
fn nothing_wrong_is_said() {
    let directory = directory(&[("a.wat", GOOD)]);
    run_in(directory.path(), &["bisect", "a.wat"])
        .expect_exit(3)
        .prints("nothing goes wrong");
    run_in(directory.path(), &["reduce", "a.wat"])
        .expect_exit(3)
        .says("there is nothing to reduce");
}

#[test]
fn a_module_is_run_with_every_setting() {
    let module = r#"(module
      (type $s (struct (field i32)))
      (import "" "gc" (func $gc))
      (import "host" "number" (func $number (result i32)))
      (func (export "main") (result i32)
        (local $r (ref null $s))
        (local.set $r (struct.new $s (i32.const 42)))
        (call $gc)
        (i32.add (call $number) (struct.get $s 0 (local.get $r)))))"#;
    let directory = directory(&[("a.wat", module)]);
    let diagnose = json(
        directory.path(),
        &["diagnose", "a.wat", "--target", "aarch64", "--gc-stress"],
    );
    assert_eq!(diagnose["exit_code"], 0, "{diagnose:#}");
    let cells = array(&diagnose["cells"]);
    let runs: Vec<&Value> = cells.iter().filter(|cell| cell["run"] == true).collect();
    let returned = runs
        .iter()
        .filter(|cell| cell["outcome"]["values"] == "42")
        .count();
    // Three collectors, two levels, three verifiers.
    assert_eq!(returned, 18, "{diagnose:#}");
    let without: Vec<&&Value> = runs
        .iter()
        .filter(|cell| cell["collector"].is_null())
        .collect();
    assert_eq!(without.len(), 2);
    assert!(
        strings(&runs[0]["notes"])
            .iter()
            .any(|note| note.contains("host.number"))
    );
    assert_eq!(
        strings(&diagnose["conclusions"]),
        ["it does the same with every setting: 42"]
    );
}

#[test]
fn each_disaster_is_one_cell() {
    let endless = r#"(module (func (export "main") (loop (br 0))))"#;
    let deep =
        r#"(module (func $f (export "main") (result i32) (i32.add (i32.const 1) (call $f))))"#;
    let noisy = r#"(module
      (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
      (memory (export "memory") 17)
      (func (export "_start") (local $i i32)
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.const 1048576))
        (loop
          (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if 0 (i32.lt_u (local.get $i) (i32.const 64))))))"#;
    let exits = r#"(module
      (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
      (func (export "_start") (call $exit (i32.const 7))))"#;
    let directory = directory(&[
        ("endless.wat", endless),
        ("deep.wat", deep),
        ("noisy.wat", noisy),
        ("exits.wat", exits),
        ("garbage.wasm", "this is no module"),
        ("empty.clif", ""),
    ]);
    let cells = |file: &str| -> Vec<Value> {
        let diagnose = json(
            directory.path(),
            &[
                "diagnose",
                file,
                "--collector",
                "null",
                "--opt-level",
                "speed",
                "--target",
                "x86_64",
                "--timeout",
                "3",
            ],
        );
        let cells = array(&diagnose["cells"]).iter();
        let runs = cells.filter(|cell| cell["run"] == true && cell["outcome"] != Value::Null);
        runs.map(|cell| cell["outcome"].clone()).collect()
    };
    for outcome in cells("endless.wat") {
        assert_eq!(outcome["kind"], "timeout");
        assert_eq!(outcome["running"], true);
    }
    for outcome in cells("deep.wat") {
        assert_eq!(outcome["kind"], "trapped");
    }
    for outcome in cells("noisy.wat") {
        assert_eq!(outcome["kind"], "returned");
        assert_eq!(outcome["output"]["bytes"], 64 << 20);
    }
    for outcome in cells("exits.wat") {
        assert_eq!(outcome["kind"], "exited");
        assert_eq!(outcome["code"], 7);
    }
    for outcome in cells("garbage.wasm").iter().chain(&cells("empty.clif")) {
        assert_eq!(outcome["kind"], "invalid");
    }
}

#[test]
fn fuel_is_a_limit() {
    let endless = r#"(module (func (export "main") (loop (br 0))))"#;
    let directory = directory(&[("a.wat", endless)]);
    let diagnose = json(
        directory.path(),
        &[
            "diagnose",
            "a.wat",
            "--collector",
            "null",
            "--opt-level",
            "none",
            "--target",
            "x86_64",
            "--fuel",
            "100000",
        ],
    );
    let outcome = &diagnose["cells"][0]["outcome"];
    assert_eq!(outcome["kind"], "out-of-fuel");
}

#[test]
fn a_script_runs_its_assertions() {
    let script = r#"
(module (func (export "f") (result i32) (i32.const 1)))
(assert_return (invoke "f") (i32.const 1))
"#;
    let failing = script.replace("(i32.const 1))\n\"", "").replacen(
        "(result i32) (i32.const 1)",
        "(result i32) (i32.const 2)",
        1,
    );
    let directory = directory(&[("good.wast", script), ("bad.wast", &failing)]);
    run_in(directory.path(), &["test", "good.wast"]).expect_exit(0);
    let bad = json(directory.path(), &["test", "bad.wast"]);
    assert_eq!(bad["exit_code"], 1);
    let diagnose = json(
        directory.path(),
        &["diagnose", "bad.wast", "--target", "x86_64"],
    );
    assert_eq!(diagnose["cells"][0]["outcome"]["kind"], "assertion-failed");
}

#[test]
fn filetests_are_run_from_the_command_line() {
    let expected = format!("; A case.\ntest gc-verify\n\n{STALE}")
        .replace("    return v0\n", "    return v0 ; error: GCV02\n");
    let unexpected = format!("; A case.\ntest gc-verify\n\n{STALE}");
    let directory = directory(&[("good.clif", &expected), ("bad.clif", &unexpected)]);
    run_in(directory.path(), &["test", "good.clif"])
        .expect_exit(0)
        .prints("ok: 1 test passed, 0 failed");
    run_in(directory.path(), &["test", "."])
        .expect_exit(1)
        .prints("unexpected error");
    let blessed = command(directory.path())
        .args(["test", "bad.clif"])
        .env("CLIF_GC_BLESS", "1")
        .output()
        .expect("the program can be started");
    assert_eq!(outcome(blessed).exit, Some(0));
    run_in(directory.path(), &["test", "."]).expect_exit(0);
    // A check that is off is missed.
    run_in(
        directory.path(),
        &["test", "good.clif", "--without-check", "GCV02"],
    )
    .expect_exit(1);
    run_in(directory.path(), &["test", "missing.clif"]).expect_exit(2);
}

#[test]
fn clif_is_reduced_to_what_fails() {
    let padding: String = (11..60)
        .map(|n| format!("    v{n} = iadd v{}, v8\n", n - 1))
        .collect();
    let text = WRONG.replace(
        "    return v4\n",
        &format!("    v10 = iadd v4, v4\n{padding}    return v59\n"),
    );
    let directory = directory(&[("a.clif", &text)]);
    let reduce = json(
        directory.path(),
        &[
            "reduce",
            "a.clif",
            "--target",
            "x86_64",
            "-o",
            "small.clif",
            "--jobs",
            "2",
        ],
    );
    assert_eq!(reduce["exit_code"], 0, "{reduce:#}");
    let instructions = reduce["results"][0]["instructions"]
        .as_u64()
        .expect("it is CLIF");
    assert!(instructions <= 8, "{reduce:#}");
    let first = fs::read_to_string(directory.path().join("small.clif")).expect("it was written");
    let verify = run_in(
        directory.path(),
        &["verify", "small.clif", "--target", "x86_64"],
    );
    verify.expect_exit(1).prints("GCV08");
    // One candidate at a time comes to the same.
    let alone = [
        "reduce",
        "a.clif",
        "--target",
        "x86_64",
        "-o",
        "alone.clif",
        "--jobs",
        "1",
    ];
    json(directory.path(), &alone);
    let alone = fs::read_to_string(directory.path().join("alone.clif")).expect("it was written");
    assert_eq!(first, alone);
    // What is there already is gone on from.
    let again = json(
        directory.path(),
        &["reduce", "a.clif", "--target", "x86_64", "-o", "small.clif"],
    );
    assert!(
        strings(&again["notes"])
            .iter()
            .any(|note| note.contains("went on"))
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_signal_leaves_nothing_behind() {
    let endless = r#"(module (func (export "main") (loop (br 0))))"#;
    let directory = directory(&[("a.wat", endless)]);
    let scratch = directory.path().join("scratch");
    fs::create_dir(&scratch).expect("there is room");
    let mut child = command(directory.path())
        .args(["diagnose", "a.wat", "--timeout", "600"])
        .env("TMPDIR", &scratch)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program can be started");
    let children = |parent: u32| -> Vec<u32> {
        let path = format!("/proc/{parent}/task");
        let tasks = fs::read_dir(path).into_iter().flatten().flatten();
        tasks
            .filter_map(|task| fs::read_to_string(task.path().join("children")).ok())
            .flat_map(|text| {
                let words: Vec<u32> = text
                    .split_whitespace()
                    .filter_map(|w| w.parse().ok())
                    .collect();
                words
            })
            .collect()
    };
    let mut seen = Vec::new();
    while seen.is_empty() {
        std::thread::sleep(Duration::from_millis(20));
        seen = children(child.id());
        assert!(
            child.try_wait().expect("it can be asked").is_none(),
            "it ended"
        );
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let status = child.wait().expect("it can be waited for");
    assert_eq!(status.code(), Some(130));
    let is_alive = |pid: &u32| {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        // NB: Who reaps orphans may take its time.
        stat.contains("clif-gc") && !stat.contains(") Z ")
    };
    let mut alive = seen.clone();
    for _ in 0..200 {
        alive.retain(is_alive);
        if alive.is_empty() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(alive.is_empty(), "{alive:?}");
    let left = fs::read_dir(&scratch).expect("it can be read").count();
    assert_eq!(left, 0);
}
