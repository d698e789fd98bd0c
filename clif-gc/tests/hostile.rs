//! Inputs that are made to do harm: each gets a message that names it, exit code 2, and the other
//! files are judged all the same.

mod common;

use common::{GOOD, Run, run_in};
use gc_filetests::{DEFAULT_BASE, base};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Judge `name` beside a good file.
#[track_caller]
fn judge(directory: &Path, name: &str, options: &[&str]) -> Run {
    fs::write(directory.join("good.wat"), GOOD).expect("the good file can be written");
    let mut arguments = vec!["verify", name, "good.wat"];
    arguments.extend(options);
    let run = run_in(directory, &arguments).expect_exit(2);
    assert!(
        run.stderr.contains(name),
        "{name} is not in\n{}",
        run.stderr
    );
    assert!(!run.stderr.contains("good.wat"), "{}", run.stderr);
    // The safepoint of the good module, in both targets under both collectors.
    run.prints("safepoints      12\n")
}

/// Judge a file with this content beside a good one.
#[track_caller]
fn judge_file(name: &str, content: impl AsRef<[u8]>, options: &[&str]) -> Run {
    let directory = TempDir::new().expect("there is room for a directory");
    fs::write(directory.path().join(name), content).expect("the file can be written");
    judge(directory.path(), name, options)
}

const HEADER: &[u8] = b"\0asm\x01\0\0\0";

#[test]
fn truncated_wasm() {
    let whole = wat(GOOD);
    for end in [4, 7, 9, whole.len() / 2, whole.len() - 1] {
        judge_file("truncated.wasm", &whole[..end], &[]).says("error[invalid]");
    }
}

fn wat(text: &str) -> Vec<u8> {
    let buffer = wast::parser::ParseBuffer::new(text).expect("it can be lexed");
    let mut wat: wast::Wat = wast::parser::parse(&buffer).expect("it can be parsed");
    wat.encode().expect("it can be encoded")
}

#[test]
fn not_wasm() {
    judge_file("text.wasm", "(module)", &[])
        .says("not a Wasm binary")
        .says("Wasm text belongs into a file named .wat");
    judge_file("junk.wasm", [0x7f, b'E', b'L', b'F'], &[]).says("it starts with `\\x7fELF`");
    judge_file("picture.png", "PNG", &[]).says("unknown kind of file");
    judge_file("component.wat", "(component)", &[]).says("a component");
    judge_file("component.wasm", b"\0asm\x0d\0\x01\0", &[]).says("a component");
}

#[test]
fn clif_that_switches_cranelifts_verifier_off() {
    let text = "set enable_verifier=false

function %f(i32) -> i64 {
block0(v0: i32):
    return v0
}
";
    judge_file("invalid.clif", text, &[]).says("Cranelift's verifier rejects it");
}

#[test]
fn empty_files() {
    judge_file("empty.wasm", "", &[]).says("the file is empty");
    judge_file("empty.wat", "", &[]).says("expected at least one module field");
    judge_file("empty.wast", "", &[]).says("expected at least one module field");
    judge_file("empty.clif", "", &[]).says("no function in this file");
}

#[test]
fn no_files_at_all() {
    let directory = TempDir::new().expect("there is room for a directory");
    fs::create_dir(directory.path().join("x.wasm")).expect("a directory can be made");
    judge(directory.path(), "x.wasm", &[]).says("no .clif, .wasm, .wast or .wat file");
    judge(directory.path(), "missing.wat", &[]).says("No such file");
}

#[cfg(unix)]
#[test]
fn special_files() {
    use std::os::unix::fs::symlink;
    let directory = TempDir::new().expect("there is room for a directory");
    let path = |name: &str| directory.path().join(name);
    symlink("nowhere", path("broken.wasm")).expect("a link can be made");
    symlink("/dev/zero", path("device.wasm")).expect("a link can be made");
    let fifo = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let kind = rustix::fs::FileType::Fifo;
    rustix::fs::mknodat(rustix::fs::CWD, path("fifo.wasm"), kind, fifo, 0)
        .expect("a FIFO can be made");
    judge(directory.path(), "broken.wasm", &[]).says("No such file");
    judge(directory.path(), "device.wasm", &[]).says("not a regular file");
    judge(directory.path(), "fifo.wasm", &[]).says("not a regular file");
}

#[cfg(unix)]
#[test]
fn unreadable_files() {
    use std::os::unix::fs::PermissionsExt;
    let directory = TempDir::new().expect("there is room for a directory");
    let path = directory.path().join("secret.wat");
    fs::write(&path, GOOD).expect("the file can be written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("it is ours");
    if fs::read(&path).is_ok() {
        // The superuser may read anything.
        return;
    }
    judge(directory.path(), "secret.wat", &[]).says("ermission denied");
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let directory = TempDir::new().expect("there is room for a directory");
    let name = OsStr::from_bytes(b"caf\xe9\x1b[31m.wat");
    fs::write(directory.path().join(name), GOOD).expect("the file can be written");
    let run = run_in(directory.path(), &["verify", "."]).expect_exit(0);
    run.prints("safepoints      12\n");
    fs::write(directory.path().join(name), "(").expect("the file can be written");
    let run = run_in(directory.path(), &["verify", "."]).expect_exit(2);
    assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
}

#[test]
fn invalid_utf_8() {
    judge_file("utf8.wat", b"(module\n  (func $a\xff))", &[]).says("utf8.wat:2:11");
    judge_file("utf8.wast", b"\xc3", &[]).says("utf8.wast:1:1");
    judge_file("utf8.clif", b"function %f() {\nblock0: ; \xc3(\n", &[])
        .says("utf8.clif:2:11")
        .says("invalid UTF-8: byte 0xc3");
}

#[test]
fn escape_sequences_do_not_reach_the_terminal() {
    let run = judge_file("escape.wat", "(module\n \u{1b}]0;title\u{7} x)", &[]);
    assert!(!run.stderr.contains(['\u{1b}', '\u{7}']), "{}", run.stderr);
}

#[test]
fn files_of_50_megabytes() {
    let size = 50_000_000;
    let zeros = [HEADER, &vec![0; size]].concat();
    judge_file("big.wasm", zeros, &[]).says("at offset 0x");
    for name in ["big.wat", "big.wast", "big.clif"] {
        let run = judge_file(name, "x".repeat(size), &[]).says(":1:1\n");
        assert!(run.stderr.len() < 1000);
    }
    judge_file("lines.clif", "; x\n".repeat(size / 4) + "y", &[]).says("lines.clif:12500001:1");
    // A valid one.
    let data = format!("(module (memory 1) (data \"{}\"))", "x".repeat(size));
    let directory = TempDir::new().expect("there is room for a directory");
    fs::write(directory.path().join("valid.wat"), data).expect("the file can be written");
    let arguments = ["verify", "valid.wat", "--collector", "copying"];
    run_in(directory.path(), &arguments).expect_exit(0);
}

#[test]
fn deep_nesting() {
    let depth = 100_000;
    let (open, close) = ("(".repeat(depth), ")".repeat(depth));
    for name in ["deep.wat", "deep.wast", "deep.clif"] {
        judge_file(name, &open, &[]).says("error[syntax]");
        judge_file(name, format!("{open}{close}"), &[]).says("error[syntax]");
    }
    for text in [
        format!("(func {} {})", "block ".repeat(depth), "end ".repeat(depth)),
        format!("(func {} {close})", "(block ".repeat(depth)),
        format!(
            "(func (drop {} (i32.const 0) {close}))",
            "(i32.eqz ".repeat(depth)
        ),
        format!(
            "(func {} {})",
            "i32.const 0 if ".repeat(depth),
            "end ".repeat(depth)
        ),
        format!("(func {} {})", "loop ".repeat(depth), "end ".repeat(depth)),
    ] {
        let directory = TempDir::new().expect("there is room for a directory");
        let path = directory.path();
        fs::write(path.join("deep.wat"), &text).expect("the file can be written");
        let arguments = [
            "verify",
            "deep.wat",
            "--target",
            "x86_64",
            "--collector",
            "copying",
            // NB: With an epoch check in each, register allocation takes quadratic time.
            "--embedding",
            "default",
        ];
        // Whether that is too deep is for others to say, but it does no harm.
        let run = run_in(path, &arguments);
        assert!(matches!(run.exit, Some(0 | 2)), "{}", run.stderr);
        assert!(!run.stderr.contains("overflow"), "{}", run.stderr);
    }
}

#[test]
fn an_enormous_function() {
    let access = "(call $g) (drop (struct.get $s 0 (local.get 0)))\n";
    let text = format!(
        "(module (type $s (struct (field i32))) (import \"a\" \"b\" (func $g))
           (func (param (ref null $s)) {}))",
        access.repeat(10_000)
    );
    let directory = TempDir::new().expect("there is room for a directory");
    fs::write(directory.path().join("enormous.wat"), text).expect("the file can be written");
    let arguments = [
        "verify",
        "enormous.wat",
        "--target",
        "x86_64",
        "--collector",
        "copying",
    ];
    run_in(directory.path(), &arguments)
        .expect_exit(0)
        .prints("safepoints      20,0");
}

/// Wasmtime 48 makes an alias region for each global, and there is no room for so many. On 50 there are 256 at most.
#[test]
fn a_panic_of_the_compiler() {
    if base() != DEFAULT_BASE {
        return;
    }
    let globals = "(global (mut i32) (i32.const 0))".repeat(66_000);
    let gets: String = (0..66_000)
        .map(|i| format!("(drop (global.get {i}))"))
        .collect();
    let text = format!("(module {globals} (func {gets}))");
    judge_file("panics.wat", text, &[])
        .says("error[panic]: the compiler panicked: ")
        .says("MemFlagsSetOverflow");
}

/// The function is named, and the others are judged all the same. See [`a_panic_of_the_compiler`].
#[test]
fn a_panic_over_one_function() {
    if base() != DEFAULT_BASE {
        return;
    }
    let globals = "(global (mut i32) (i32.const 0))".repeat(66_000);
    let gets: String = (0..66_000)
        .map(|i| format!("(drop (global.get {i}))"))
        .collect();
    let good = GOOD.trim_end().strip_suffix(')').expect("it is a module");
    let text = format!("{good} {globals} (func $guilty {gets}) (func $after))");
    let directory = TempDir::new().expect("there is room for a directory");
    fs::write(directory.path().join("panics.wat"), text).expect("it can be written");
    let mut command = common::command(directory.path());
    let target = [
        "--target",
        "x86_64",
        "--collector",
        "copying",
        "--embedding",
        "default",
    ];
    let output = command
        .args(["verify", "panics.wat"])
        .args(target)
        .env("RUST_BACKTRACE", "1")
        .output();
    let run = common::outcome(output.expect("the program can be started")).expect_exit(2);
    run.says("error[panic]: the compiler panicked: ")
        .says("function wasm[0]::function[2] \"guilty\"")
        .says("with this one's body replaced by `unreachable`")
        // The backtrace.
        .says("rust_begin_unwind")
        .prints("safepoints      1\n");
}

/// The start function takes time that grows with the third power of the number of globals.
#[test]
fn a_compilation_that_does_not_end() {
    let globals = "(global (ref $s) (struct.new $s (i32.const 1)))".repeat(8_000);
    let text = format!("(module (type $s (struct (field i32))) {globals})");
    judge_file("endless.wat", text, &["--timeout", "3"])
        .says("error[timeout]: did not end within 3 s")
        .says("no time was left for 7 more compilations");
}

#[test]
fn a_compiler_that_runs_out_of_memory() {
    let text = "(module (memory 1) (data \"x\"))".replace('x', &"x".repeat(5_000_000));
    let directory = TempDir::new().expect("there is room for a directory");
    fs::write(directory.path().join("fat.wat"), text).expect("the file can be written");
    let arguments = [
        "verify",
        "fat.wat",
        "--memory-limit",
        "10",
        "--stack-size",
        "1024",
        "-j1",
    ];
    run_in(directory.path(), &arguments)
        .expect_exit(2)
        .says("fat.wat");
}

#[test]
fn a_compiler_that_overflows_its_stack() {
    let directory = TempDir::new().expect("there is room for a directory");
    fs::write(directory.path().join("good.wat"), GOOD).expect("the file can be written");
    run_in(
        directory.path(),
        &["verify", "good.wat", "--stack-size", "16"],
    )
    .expect_exit(2)
    .says("good.wat")
    .says("overflowed its stack");
}

/// What a rejected file and a broken one give together.
#[test]
fn rejected_outranks_unusable() {
    let directory = TempDir::new().expect("there is room for a directory");
    fs::write(directory.path().join("stale.clif"), common::STALE).expect("it can be written");
    fs::write(directory.path().join("syntax.clif"), "(").expect("it can be written");
    run_in(directory.path(), &["verify", "."])
        .expect_exit(1)
        .says("syntax.clif")
        .prints("GCV02");
}
