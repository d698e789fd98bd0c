//! What the options of `verify` do, and what comes out when something other than the input is in the way.

mod common;

use common::{GOOD, Run, STALE, command, outcome, run_in};
use serde_json::Value;
use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().expect("there is room for a directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("the file can be written");
    }
    directory
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("it is an array")
}

/// The names of the functions that were judged, each once.
fn judged(run: &Run) -> Vec<String> {
    let json = run.json();
    let functions = array(&json["files"])
        .iter()
        .flat_map(|file| array(&file["functions"]));
    let mut names: Vec<String> = functions
        .map(|function| {
            let name = function["name"].as_str().or(function["function"].as_str());
            name.expect("a function has a name").to_string()
        })
        .collect();
    names.sort();
    names.dedup();
    names
}

const THREE: &str = r#"(module
  (type $s (struct (field i32)))
  (import "host" "collect" (func $collect))
  (func $first (param $r (ref $s)) (result i32)
    (call $collect) (struct.get $s 0 (local.get $r)))
  (func $second (param $r (ref $s)) (result i32)
    (call $collect) (struct.get $s 0 (local.get $r)))
  (func $third))
"#;

#[test]
fn functions_are_chosen_by_name_index_and_pattern() {
    let directory = directory(&[("three.wat", THREE), ("stale.clif", STALE)]);
    let chosen = |patterns: &[&str]| {
        let mut arguments = vec!["verify", "three.wat", "stale.clif", "--format", "json"];
        for pattern in patterns {
            arguments.extend(["--function", pattern]);
        }
        judged(&run_in(directory.path(), &arguments))
    };
    assert_eq!(chosen(&[]), ["%stale", "first", "second", "third"]);
    assert_eq!(chosen(&["second"]), ["second"]);
    assert_eq!(chosen(&["1"]), ["first"]);
    assert_eq!(chosen(&["*ir*", "stale"]), ["%stale", "first", "third"]);
    // The function that is rejected is not looked at.
    let arguments = ["verify", "three.wat", "stale.clif", "--function", "first"];
    run_in(directory.path(), &arguments)
        .expect_exit(0)
        .prints("violations      0\n");
    let arguments = ["verify", "three.wat", "--function", "nobody"];
    run_in(directory.path(), &arguments)
        .expect_exit(2)
        .says("no function is called nobody");
}

#[test]
fn findings_are_allowed_and_denied_by_check() {
    let directory = directory(&[("stale.clif", STALE)]);
    let verify = |options: &[&str]| {
        let mut arguments = vec!["verify", "stale.clif"];
        arguments.extend(options);
        run_in(directory.path(), &arguments)
    };
    verify(&["--allow", "GCV01"]).expect_exit(1);
    verify(&["--allow", "stale-reference"])
        .expect_exit(0)
        .prints("allowed[GCV02 stale-reference]")
        .prints("allowed         2\n")
        .prints("every check that is not allowed to fail holds");
    verify(&["--allow", "all", "--deny", "GCV02"])
        .expect_exit(1)
        .prints("error[GCV02");
    verify(&["--allow", "all", "--deny", "GCV01"]).expect_exit(0);
    let json = verify(&["--allow", "all", "--format", "json"])
        .expect_exit(0)
        .json();
    assert_eq!(json["totals"]["violations"], 0);
    assert_eq!(json["totals"]["allowed"], 2);
    assert_eq!(
        json["files"][0]["functions"][0]["allowed"][0]["code"],
        "GCV02"
    );
    assert_eq!(json["files"][0]["functions"][0]["verdict"], "verified");
    verify(&["--allow", "GCV99"])
        .expect_exit(2)
        .says("GCV19, all, inconclusive");
    // What is stopped is not verified, whatever is allowed.
    verify(&["--allow", "GCV02", "--mode", "enforce"])
        .expect_exit(2)
        .says("the GC verifier stopped the compilation");
}

#[test]
fn what_could_not_be_checked_is_allowed_and_denied() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli");
    let verify = |option: &[&str]| {
        let mut arguments = vec!["verify", "inconclusive.clif"];
        arguments.extend(option);
        run_in(&cases, &arguments)
    };
    verify(&[]).expect_exit(3);
    verify(&["--allow", "inconclusive"])
        .expect_exit(0)
        .prints("every check that could be made");
    verify(&["--deny", "inconclusive"])
        .expect_exit(1)
        .prints("which --deny inconclusive denies");
}

#[test]
fn only_what_is_rejected_is_written() {
    let directory = directory(&[("good.wat", GOOD), ("stale.clif", STALE)]);
    let count = |options: &[&str]| {
        let mut arguments = vec!["verify", "good.wat", "stale.clif", "--emit-clif", "out"];
        arguments.extend(options);
        run_in(directory.path(), &arguments).expect_exit(1);
        let out = directory.path().join("out");
        let entries = fs::read_dir(&out).expect("it is there");
        let names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("it can be read")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        fs::remove_dir_all(out).expect("it can be removed");
        names
    };
    assert!(count(&[]).iter().any(|name| name.starts_with("good.wat")));
    let rejected = count(&["--rejected-only"]);
    assert_eq!(rejected.len(), 2);
    assert!(
        rejected.iter().all(|name| name.starts_with("stale.clif")),
        "{rejected:?}"
    );
}

/// Run with that standard input.
fn run_with_input(directory: &Path, arguments: &[&str], input: &[u8]) -> Run {
    let mut child = command(directory)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut stdin = child.stdin.take().expect("it is piped");
    stdin.write_all(input).expect("it is read");
    drop(stdin);
    outcome(child.wait_with_output().expect("it ends"))
}

#[test]
fn standard_input_is_what_its_content_says() {
    let directory = directory(&[]);
    let verify = |input: &[u8]| run_with_input(directory.path(), &["verify", "-"], input);
    verify(GOOD.as_bytes())
        .expect_exit(0)
        .prints("safepoints      12\n");
    verify(STALE.as_bytes())
        .expect_exit(1)
        .prints("<stdin>:10: function %stale");
    let script = format!("{GOOD}\n(assert_invalid (module (func (result i32))) \"type\")");
    verify(script.as_bytes())
        .expect_exit(0)
        .prints("safepoints      12\n");
    let buffer = wast::parser::ParseBuffer::new(GOOD).expect("it can be lexed");
    let mut wat: wast::Wat = wast::parser::parse(&buffer).expect("it can be parsed");
    verify(&wat.encode().expect("it can be encoded")).expect_exit(0);
    verify(b"(module (func").expect_exit(2).says("<stdin>:1:");
    verify(b"no such thing")
        .expect_exit(2)
        .says("unknown kind of file");
    verify(b"").expect_exit(2).says("unknown kind of file");
    let arguments = ["trace", "-", "--target", "x86_64"];
    run_with_input(directory.path(), &arguments, GOOD.as_bytes())
        .expect_exit(0)
        .prints("forward-load");
}

#[test]
fn a_file_without_a_known_name_is_what_its_content_says() {
    let directory = directory(&[("module", GOOD), ("function.txt", STALE)]);
    run_in(directory.path(), &["verify", "module"]).expect_exit(0);
    run_in(directory.path(), &["verify", "function.txt"]).expect_exit(1);
}

#[cfg(target_os = "linux")]
#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    let directory = directory(&[("good.wat", GOOD)]);
    for arguments in [
        &["verify", "good.wat"][..],
        &["verify", "good.wat", "--format", "json"],
        &["verify", "good.wat", "--format", "sarif"],
        &["explain"],
        &["--help"],
        &["--version"],
        &["completions", "bash"],
        &["man"],
    ] {
        let full = fs::File::options()
            .write(true)
            .open("/dev/full")
            .expect("Linux has it");
        let output = command(directory.path())
            .args(arguments)
            .stdout(full)
            .output()
            .expect("the program can be started");
        let run = outcome(output).expect_exit(2);
        assert_eq!(
            run.stderr.matches("cannot write the result").count(),
            1,
            "{arguments:?}"
        );
        // A reader that has seen enough is no error.
        let mut child = command(directory.path())
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program can be started");
        drop(child.stdout.take());
        outcome(child.wait_with_output().expect("it ends")).expect_exit(0);
    }
}

#[test]
fn an_unknown_target_is_told_which_there_are() {
    let directory = directory(&[("good.wat", GOOD)]);
    for name in ["z80", "mips64-unknown-linux-gnu"] {
        run_in(directory.path(), &["verify", "good.wat", "--target", name])
            .expect_exit(2)
            .says("there are x86_64, aarch64, riscv64, s390x, pulley64");
    }
}

#[test]
fn shards_make_up_the_whole() {
    let mut files = vec![("bad.wat", "(module"), ("stale.clif", STALE)];
    let names: Vec<String> = (0..5).map(|i| format!("good{i}.wat")).collect();
    files.extend(names.iter().map(|name| (name.as_str(), GOOD)));
    files.push(("two.wast", "(module) (module (func))"));
    let directory = directory(&files);
    let verify = |options: &[&str]| {
        let mut arguments = vec!["verify", ".", "--format", "json", "--rewrites"];
        arguments.extend(options);
        run_in(directory.path(), &arguments)
    };
    let whole = verify(&[]).expect_exit(1).json();
    let parts = TempDir::new().expect("there is room for a directory");
    for count in [1, 3] {
        let mut arguments = vec!["merge".to_string()];
        let mut functions = 0;
        for index in (1..=count).rev() {
            let shard = format!("{index}/{count}");
            let json = verify(&["--shard", &shard]).json();
            assert_eq!(json["shard"]["index"], index);
            functions += json["totals"]["functions"].as_u64().expect("a number");
            let path = parts.path().join(format!("{index}.json"));
            fs::write(&path, json.to_string()).expect("it can be written");
            arguments.push(path.to_string_lossy().into_owned());
        }
        assert_eq!(whole["totals"]["functions"].as_u64(), Some(functions));
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let merged = run_in(directory.path(), &arguments).expect_exit(1).json();
        assert_eq!(merged, whole);
        if count > 1 {
            run_in(directory.path(), &arguments[..arguments.len() - 1])
                .expect_exit(2)
                .says("shard 1 of 3 is missing");
        }
    }
    run_in(directory.path(), &["verify", ".", "--shard", "4/3"])
        .expect_exit(2)
        .says("K/N");
}

/// Two functions, of which the second has a finding if `is_stale`.
fn functions(is_stale: bool) -> String {
    let reload = "    v2 = load.i32 notrap v1\n";
    let (reload, returned) = match is_stale {
        true => ("", "v0"),
        false => (reload, "v2"),
    };
    format!(
        "function %same(i32) -> i32 {{\nblock0(v0: i32):\n    return v0\n}}\n\n{}",
        STALE
            .replace("    return v0", &format!("{reload}    return {returned}"))
            .replace("%stale", "%changed")
    )
}

#[test]
fn results_are_compared() {
    let directory = directory(&[("f.clif", &functions(false))]);
    let result = |name: &str| {
        let arguments = ["verify", "f.clif", "--format", "json", "--rewrites"];
        let run = run_in(directory.path(), &arguments);
        fs::write(directory.path().join(name), run.stdout).expect("it can be written");
    };
    result("old.json");
    fs::write(directory.path().join("f.clif"), functions(true)).expect("it can be written");
    result("new.json");
    let compare = |arguments: &[&str]| {
        let mut all = vec!["compare"];
        all.extend(arguments);
        run_in(directory.path(), &all)
    };
    let same = compare(&["old.json", "old.json"]).expect_exit(0);
    assert_eq!(same.stdout, "the same\n");
    compare(&["old.json", "new.json"])
        .expect_exit(1)
        .prints("verdicts that got worse: 3\n")
        .prints("f.clif %changed (x86_64 copying speed): verified → rejected\n")
        .prints("findings that appeared: 2\n")
        .prints("functions whose machine code changed: 2\n")
        .prints("worse: 3 verdicts got worse, 2 findings appeared\n");
    compare(&["new.json", "old.json"])
        .expect_exit(0)
        .prints("findings that vanished: 2\n")
        .prints("not worse\n");
    let json = compare(&["old.json", "new.json", "--format", "json"])
        .expect_exit(1)
        .json();
    let finding = &json["appeared"][0];
    assert_eq!(finding["code"], "GCV02");
    assert_eq!(finding["check"], "stale-reference");
    assert!(finding["name"].is_null());
    assert_eq!(json["exit_code"], 1);
    compare(&["old.json", "new.json", "--format", "markdown"])
        .expect_exit(1)
        .prints("<details><summary>findings that appeared: 2</summary>");
    compare(&["old.json", "f.clif"])
        .expect_exit(2)
        .says("f.clif: no JSON");
    compare(&["old.json", "nowhere.json"])
        .expect_exit(2)
        .says("nowhere.json");
}

/// A rule that asks no more is told.
#[test]
fn rewrites_are_compared_by_rule() {
    let function = |op: &str| {
        format!(
            "function %f(i32) -> i32 {{
    ss0 = explicit_slot 4, align = 4
    sig0 = ()
    fn0 = %collect sig0

block0(v0: i32):
    v1 = stack_addr.i64 ss0
    store notrap v0, v1
    call fn0(), stack_map=[i32 @ ss0+0]
    v2 = load.i32 notrap v1
    v3 = iconst.i32 0
    v4 = {op} v2, v3
    return v4
}}
"
        )
    };
    let directory = directory(&[("a.clif", &function("bor")), ("b.clif", &function("bxor"))]);
    for name in ["a", "b"] {
        let text = fs::read_to_string(directory.path().join(format!("{name}.clif")));
        let path = directory.path().join("f.clif");
        fs::write(path, text.expect("it is there")).expect("it can be written");
        let arguments = ["verify", "f.clif", "--format", "json", "--rewrites"];
        let run = run_in(directory.path(), &arguments).expect_exit(0);
        fs::write(directory.path().join(format!("{name}.json")), run.stdout)
            .expect("it is written");
    }
    let run = run_in(directory.path(), &["compare", "a.json", "b.json"]).expect_exit(0);
    assert!(
        run.stdout.contains("rules whose rewrites changed"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("0 → 2 rewrites, 0 → 0 refused"),
        "{}",
        run.stdout
    );
    assert!(
        run.stdout.contains("2 → 0 rewrites, 0 → 0 refused"),
        "{}",
        run.stdout
    );
}

#[cfg(unix)]
#[test]
fn a_signal_leaves_what_was_found() {
    use rustix::process::{Pid, Signal, kill_process};
    use std::io::{BufRead as _, BufReader, Read as _};
    let globals = "(global (ref $s) (struct.new $s (i32.const 1)))".repeat(8_000);
    let endless = format!("(module (type $s (struct (field i32))) {globals})");
    let directory = directory(&[
        ("a.clif", STALE),
        ("b.wat", &endless),
        ("c.wat", GOOD),
        ("d.wat", GOOD),
    ]);
    let mut child = command(directory.path())
        .args(["verify", ".", "-j1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut stdout = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut printed = String::new();
    // The finding is printed before the endless file is begun.
    while !printed.contains("clif-gc explain") {
        assert_ne!(
            stdout.read_line(&mut printed).expect("it is text"),
            0,
            "{printed}"
        );
    }
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(pid.expect("it runs"), Signal::INT).expect("it can be told");
    stdout.read_to_string(&mut printed).expect("it is text");
    let rest = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8(rest.stderr).expect("it is text");
    assert_eq!(rest.status.code(), Some(1), "{stderr}");
    assert!(printed.contains("error[GCV02"), "{printed}");
    assert!(printed.contains("rejected: 2 violations"), "{printed}");
    assert!(
        stderr.contains("files not begun; this is what was found"),
        "{stderr}"
    );
}

#[test]
fn completions_and_man_pages_are_of_all_commands() {
    let directory = directory(&[]);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let run = run_in(directory.path(), &["completions", shell]).expect_exit(0);
        for word in ["verify", "diagnose", "collector", "emit-clif"] {
            assert!(run.stdout.contains(word), "{shell}: {word}");
        }
        assert!(!run.stdout.contains("__worker ("), "{shell}");
    }
    run_in(directory.path(), &["man"])
        .expect_exit(0)
        .prints(".TH clif-gc 1");
    run_in(directory.path(), &["man", "pages"]).expect_exit(0);
    for page in [
        "clif-gc.1",
        "clif-gc-verify.1",
        "clif-gc-report.1",
        "clif-gc-bisect.1",
    ] {
        let text = fs::read_to_string(directory.path().join("pages").join(page));
        assert!(
            text.expect("it is there").contains(".SH SYNOPSIS"),
            "{page}"
        );
    }
}

#[test]
fn the_version_tells_of_what_it_is_built_on() {
    let directory = directory(&[]);
    let long = run_in(directory.path(), &["--version"])
        .expect_exit(0)
        .stdout;
    let lines: Vec<&str> = long.lines().collect();
    assert_eq!(lines.len(), 3, "{long}");
    assert_eq!(lines[0], concat!("clif-gc ", env!("CARGO_PKG_VERSION")));
    assert!(lines[1].starts_with("Cranelift 0.1"), "{long}");
    assert!(lines[2].starts_with("Wasmtime "), "{long}");
    assert!(lines[2].split('.').count() == 3, "{long}");
}

#[test]
fn a_finding_is_at_the_line_of_its_instruction() {
    let directory = directory(&[("stale.clif", STALE)]);
    run_in(directory.path(), &["verify", "stale.clif"])
        .expect_exit(1)
        .prints("--> stale.clif:10: function %stale, as the producer made it");
    let run = run_in(
        directory.path(),
        &["verify", "stale.clif", "--format", "json"],
    );
    let json = run.json();
    let finding = &json["files"][0]["functions"][0]["violations"][0];
    assert_eq!(finding["line"], 10);
    let lines: Vec<&Value> = array(&finding["witness"])
        .iter()
        .map(|step| &step["line"])
        .collect();
    assert_eq!(lines, [&Value::Null, &Value::from(9), &Value::from(10)]);
}

#[test]
fn annotations_name_the_file_and_the_line() {
    let directory = directory(&[
        ("stale.clif", STALE),
        ("bad.clif", "function %f() {\nblock0:\n    v0 iconst\n}"),
    ]);
    let run = run_in(
        directory.path(),
        &["verify", "stale.clif", "bad.clif", "--format", "github"],
    )
    .expect_exit(1);
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(
        lines[0],
        "::error file=stale.clif,line=10,title=GCV02 stale-reference::inst3 uses GC reference v0 after \
         safepoint inst2 without a reload (function %25stale, as the producer made it)"
    );
    assert!(
        lines[1].starts_with("::error file=bad.clif,line=3,col="),
        "{}",
        lines[1]
    );
    assert_eq!(lines[2], "rejected: 2 violations in 2 functions of 1 file");
}
