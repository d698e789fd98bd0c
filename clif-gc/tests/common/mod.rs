//! Runs the program.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;
use std::process::{Command, Output};

/// What came of a run.
pub struct Run {
    /// The exit code; `None` if a signal ended it.
    pub exit: Option<i32>,
    /// The result.
    pub stdout: String,
    /// The diagnostics.
    pub stderr: String,
}

/// Run the program with these arguments in that directory.
pub fn run_in(directory: &Path, arguments: &[&str]) -> Run {
    let output = command(directory)
        .args(arguments)
        .output()
        .expect("the program can be started");
    outcome(output)
}

/// The program, in that directory and in an environment that does not change its output.
pub fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_clif-gc"));
    command
        .current_dir(directory)
        .env_remove("CLICOLOR_FORCE")
        .env_remove("NO_COLOR")
        .env_remove("CLIF_GC_BLESS")
        // Whether somebody built them is no part of the output.
        .env("CLIF_GC_ASSERTIONS", "")
        .env("COLUMNS", "100");
    command
}

/// What came of a run.
pub fn outcome(output: Output) -> Run {
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    Run {
        exit: output.status.code(),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}

impl Run {
    /// Everything that can be seen of it.
    #[track_caller]
    pub fn expect_exit(self, code: i32) -> Run {
        let Run {
            exit,
            stdout,
            stderr,
        } = &self;
        assert_eq!(*exit, Some(code), "stdout:\n{stdout}\nstderr:\n{stderr}");
        self
    }

    /// Standard error says this.
    #[track_caller]
    pub fn says(self, text: &str) -> Run {
        assert!(
            self.stderr.contains(text),
            "no {text:?} in\n{}",
            self.stderr
        );
        self
    }

    /// Standard output says this.
    #[track_caller]
    pub fn prints(self, text: &str) -> Run {
        assert!(
            self.stdout.contains(text),
            "no {text:?} in\n{}",
            self.stdout
        );
        self
    }

    /// Standard output, parsed.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).expect("standard output is JSON")
    }
}

/// A schema that allows nothing but what it names. Published schemas allow additions.
pub fn closed(mut schema: serde_json::Value) -> serde_json::Value {
    fn close(schema: &mut serde_json::Value) {
        if let Some(object) = schema.as_object_mut() {
            if object.get("properties").is_some_and(|p| p.is_object())
                && object.contains_key("required")
            {
                object
                    .entry("additionalProperties")
                    .or_insert(serde_json::Value::Bool(false));
            }
            object.values_mut().for_each(close);
        }
        if let Some(array) = schema.as_array_mut() {
            array.iter_mut().for_each(close);
        }
    }
    close(&mut schema);
    schema
}

/// A module with a reference that lives across a call, of which `name` is the name.
pub const GOOD: &str = r#"(module $good
  (type $s (struct (field i32)))
  (import "host" "collect" (func $collect))
  (func $walk (export "f") (param $r (ref $s)) (result i32)
    (call $collect)
    (struct.get $s 0 (local.get $r))))
"#;

/// A function that uses a reference after a safepoint.
pub const STALE: &str = "function %stale(i32) -> i32 {
    ss0 = explicit_slot 4, align = 4
    sig0 = ()
    fn0 = %collect sig0

block0(v0: i32):
    v1 = stack_addr.i64 ss0
    store notrap v0, v1
    call fn0(), stack_map=[i32 @ ss0+0]
    return v0
}
";
