//! The examples do what they say.

use std::process::Command;

/// What an example prints: its output, and its log.
fn run(program: &str, arguments: &[&str], log: &str) -> (String, String) {
    let output = Command::new(program)
        .args(arguments)
        .env("RUST_LOG", log)
        .env("RUST_LOG_STYLE", "never")
        .output()
        .expect("it can be started");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    let (stdout, stderr) = (text(output.stdout), text(output.stderr));
    assert!(output.status.success(), "{stderr}");
    (stdout, stderr)
}

const JIT: &str = env!("CARGO_BIN_EXE_jit");
const WASMTIME: &str = env!("CARGO_BIN_EXE_wasmtime");

#[test]
fn without_the_verifier_the_function_returns_2() {
    let (stdout, log) = run(JIT, &["none"], "gc_verifier=trace");
    assert_eq!(stdout, "2\n");
    assert_eq!(log, "");
}

#[test]
fn check_finds_the_wrong_rewrite() {
    let (stdout, log) = run(JIT, &["check"], "gc_verifier=trace");
    assert_eq!(stdout, "2\n");
    assert_eq!(log.lines().count(), 1, "{log}");
    let error = "ERROR gc_verifier] u0:0: after egraph: GCV08 unsound-forwarding: ";
    assert!(log.contains(error), "{log}");
}

#[test]
fn enforce_refuses_the_wrong_rewrite() {
    let (stdout, log) = run(JIT, &[], "gc_verifier=warn");
    assert_eq!(stdout, "43\n");
    assert_eq!(log.lines().count(), 1, "{log}");
    let warning = "WARN  gc_verifier] u0:0: refused in egraph: GCV08 unsound-forwarding: ";
    assert!(log.contains(warning), "{log}");
}

#[test]
fn a_program_runs_in_wasmtime_and_was_looked_at() {
    let (stdout, log) = run(WASMTIME, &[], "gc_verifier=debug");
    assert_eq!(stdout, "5050\n");
    let is_verified = |line: &&str| {
        line.contains("DEBUG gc_verifier] ") && line.contains(": verified at 1 safepoints on ")
    };
    assert!(log.lines().filter(is_verified).count() >= 1, "{log}");
    assert!(!log.contains("ERROR") && !log.contains("WARN"), "{log}");
}
