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
        &["verify", "invalid.wat"],
    ] {
        let run = |jobs| {
            let mut arguments = options.to_vec();
            arguments.extend(["--jobs", jobs]);
            run_in(directory.path(), &arguments)
        };
        let (one, eight) = (run("1"), run("8"));
        assert_eq!(one.exit, eight.exit);
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
    // Each of many functions is invalid in its own way: one of them is reported.
    let invalid: String = (0..200)
        .map(|i| format!("(func (drop (i32.eqz (i64.const {i}))))\n"))
        .collect();
    write("invalid.wat", &module(&invalid));
}
