//! The output does not depend on how many threads made it.

mod common;

use common::{GOOD, run_in};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

#[test]
fn one_thread_prints_what_eight_print() {
    let directory = TempDir::new().expect("there is room for a directory");
    fill(directory.path());
    for options in [
        &["verify", "."][..],
        &["verify", ".", "--format", "json"],
        &["verify", ".", "--mode", "enforce"],
        // One file, so that the threads work on its functions.
        &["verify", "many.wat", "--format", "json"],
        // Wasmtime compiles them in parallel, and refuses what is wrong.
        &["verify", "many.wat", "--mode", "enforce"],
        &["verify", "wrong.clif", "--mode", "enforce"],
        &["verify", "invalid.wat"],
    ] {
        let run = |jobs| {
            let mut arguments = options.to_vec();
            arguments.extend(["--jobs", jobs]);
            run_in(directory.path(), &arguments)
        };
        let (one, eight) = (run("1"), run("8"));
        assert_eq!(one.exit, eight.exit);
        if options[1] == "wrong.clif" {
            let refusals = one
                .stdout
                .matches("refused[GCV08 unsound-forwarding]")
                .count();
            assert_eq!(refusals, 50);
        }
        assert_eq!(one.stdout, eight.stdout);
        assert_eq!(one.stderr, eight.stderr);
    }
}

fn fill(directory: &Path) {
    let write = |name: &str, text: &str| {
        fs::write(directory.join(name), text).expect("a file can be written");
    };
    for i in 0..6 {
        write(&format!("good{i}.wat"), GOOD);
        write(&format!("stale{i}.clif"), common::STALE);
        write(&format!("syntax{i}.wat"), "(module (func $f (drop))");
    }
    let function = "(func (param $r (ref $s)) (result i32)
        (call $collect) (struct.get $s 0 (local.get $r)))\n";
    let module = |functions: &str| {
        format!(
            "(module (type $s (struct (field i32))) (import \"a\" \"b\" (func $collect))
               {functions})"
        )
    };
    write("many.wat", &module(&function.repeat(200)));
    // wasmtime#14323: each has a rewrite that is refused.
    let wrong = |i| {
        format!(
            "function %wrong{i}() -> i32 {{
                ss0 = explicit_slot 4
                region0 = 0 \"r0\"
            block0:
                v0 = stack_addr.i64 ss0
                v1 = iconst.i32 {i}
                v2 = iconst.i32 -1
                store notrap v1, v0
                store notrap region0 v2, v0
                v3 = load.i32 notrap v0
                return v3
            }}\n"
        )
    };
    write("wrong.clif", &(0..50).map(wrong).collect::<String>());
    // Each of many functions is invalid in its own way: one of them is reported.
    let invalid: String = (0..200)
        .map(|i| format!("(func (drop (i32.eqz (i64.const {i}))))\n"))
        .collect();
    write("invalid.wat", &module(&invalid));
}
