//! `cargo clif-gc`, with a cargo that builds nothing.

mod common;

use common::{Fixture, stderr};

/// A project whose clif-gc tells its arguments and directory and exits with 3.
fn project(build: &str) -> Fixture {
    let mut project = Fixture::with_patches();
    project.write("Cargo.toml", "");
    let tool = project.script("clif-gc", "echo \"$PWD: $*\"; exit 3");
    let other = r#"{"reason":"compiler-artifact","target":{"name":"x"},"executable":null}"#;
    let built = format!(r#"{{"target":{{"name":"clif-gc"}},"executable":"{tool}"}}"#);
    let script = format!("echo '{other}'; echo '{built}'; echo Compiling >&2; {build}");
    project.env = vec![("CARGO", project.script("cargo", &script))];
    project
}

#[test]
fn arguments_directory_output_and_exit_code_are_passed_on() {
    let project = project("exit 0");
    let directory = project.home();
    for run in ["first", "second"] {
        let output = project
            .command(&["clif-gc", "verify", "--help", "-x", "--", "a b.wat"])
            .current_dir(&directory)
            .output()
            .unwrap();
        let messages = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{messages}");
        assert_eq!(
            String::from_utf8(output.stdout).unwrap(),
            format!("{}: verify --help -x -- a b.wat\n", directory.display())
        );
        // The second time there is nothing to make, and nothing is said about it.
        assert_eq!(
            messages.contains("bootstrap: "),
            run == "first",
            "{messages}"
        );
        assert!(messages.contains("Compiling"), "{messages}");
    }
}

#[test]
fn what_cannot_be_built_is_not_a_verdict() {
    let project = project("exit 101");
    let output = project.run(&["clif-gc", "verify"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    let messages = stderr(&output);
    assert!(
        messages.contains("clif-gc could not be built"),
        "{messages}"
    );
}

#[test]
fn a_failed_bootstrap_is_not_a_verdict() {
    let project = project("exit 0");
    project.write("patches/series", "nowhere.patch\n");
    let output = project.run(&["clif-gc"]);
    assert_eq!(output.status.code(), Some(2));
    let messages = stderr(&output);
    assert!(messages.contains("nowhere.patch"), "{messages}");
}
