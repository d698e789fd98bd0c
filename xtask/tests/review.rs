//! `cargo xtask review`, on made-up crates, with a compiler that only looks whether the patch is there.

mod common;

use common::{Fixture, LIB, lines, stderr};
use fs_err as fs;
use serde_json::{Value, json};
use std::process::Command;

/// What `cargo build` does here: the program says what a file of the project has for the tree as it is.
const CARGO: &str = r#"
[ "$1" = build ] || exit 0
for target; do :; done
tree=../../../upstream-review
if grep -q broken $tree/cranelift/outer/src/lib.rs; then
    echo "error[E0001]: it is broken" >&2
    echo " --> $(cd $tree && pwd)/cranelift/outer/src/lib.rs:5:1" >&2
    exit 101
fi
of=old
if grep -q new $tree/cranelift/outer/src/lib.rs; then of=new; fi
mkdir -p $target/release
cat > $target/release/clif-gc-under-review <<END
#!/bin/sh
[ -z "\$CLIF_GC_REVIEW_MARKS" ] || cat marks >> "\$CLIF_GC_REVIEW_MARKS"
if [ "\$1" = compare ]; then cat compare.json; else cat $of.json; fi
END
chmod +x $target/release/clif-gc-under-review
"#;

/// A project with such a compiler, in which a patch changes nothing that is to be seen.
fn project() -> Fixture {
    let mut project = Fixture::with_patches();
    let cargo = project.script("cargo", CARGO);
    project.env.retain(|(name, _)| *name != "CARGO");
    project.env.push(("CARGO", cargo));
    for name in ["clif-gc", "cranelift-gc-verifier", "filetests"] {
        project.write(&format!("{name}/Cargo.toml"), "");
    }
    project.write("Cargo.toml", "");
    project.write("Cargo.lock", "");
    project.write("input.wat", "(module)");
    project.write("marks", "");
    let result = json!({"files": [], "totals": {"files": 1}}).to_string();
    project.write("old.json", &result);
    project.write("new.json", &result);
    project.write("compare.json", &comparison(&[]).to_string());
    project
}

/// What `clif-gc compare` says if these verdicts changed.
fn comparison(verdicts: &[(&str, &str)]) -> Value {
    let changed = |(old, new): &(&str, &str)| {
        json!({
            "path": "input.wat", "function": "u0:0", "name": null, "configuration": null,
            "old": old, "new": new, "worse": *new == "rejected",
        })
    };
    json!({
        "verdicts": verdicts.iter().map(changed).collect::<Vec<_>>(),
        "appeared": [], "vanished": [], "rules": [], "totals": {}, "functions": [], "code": [],
    })
}

/// A patch that replaces these lines of the library as it was published, with `context` lines around each.
fn patch(project: &Fixture, replaced: &[(usize, &str)], context: usize) {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("a", lines(&[])), ("b", lines(replaced))] {
        let path = dir.path().join(name).join(LIB);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let output = Command::new("git")
        .current_dir(dir.path())
        .args([
            "diff",
            "--no-index",
            "--no-prefix",
            &format!("-U{context}"),
            "a",
            "b",
        ])
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    project.write("x.patch", &String::from_utf8(output.stdout).unwrap());
}

/// Reviews the patch; returns what is printed.
#[track_caller]
fn review(project: &Fixture, code: i32, more: &[&str]) -> String {
    let patch = project.root().join("x.patch");
    let input = project.root().join("input.wat");
    let mut arguments = vec!["review", patch.to_str().unwrap(), "--only-corpus"];
    arguments.extend(["--corpus", input.to_str().unwrap()]);
    arguments.extend(more);
    let output = project.run(&arguments);
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    assert_eq!(
        output.status.code(),
        Some(code),
        "{text}{}",
        stderr(&output)
    );
    text
}

fn under_review(project: &Fixture) -> String {
    project.read(&format!("upstream-review/{LIB}"))
}

#[test]
fn a_patch_goes_on_top_of_the_series() {
    let project = project();
    patch(&project, &[(10, "new")], 3);
    // Nothing tells that it does something.
    let text = review(&project, 3, &[]);
    assert!(
        text.contains("nothing that was compiled is any different"),
        "{text}"
    );
    let expected = lines(&[(3, "one"), (10, "new"), (20, "two"), (30, "one")]);
    assert_eq!(under_review(&project), expected);
    assert!(!project.read(&format!("upstream/{LIB}")).contains("new"));
}

#[test]
fn a_patch_beside_the_series_is_merged_with_it() {
    let project = project();
    // Its context has a line that the series changes.
    patch(&project, &[(22, "new")], 3);
    review(&project, 3, &[]);
    let expected = lines(&[(3, "one"), (20, "two"), (22, "new"), (30, "one")]);
    assert_eq!(under_review(&project), expected);
}

#[test]
fn a_patch_that_does_not_apply_is_told_with_the_place() {
    let project = project();
    patch(&project, &[(3, "new")], 1);
    let text = review(&project, 2, &[]);
    assert!(text.contains("the patch does not apply"), "{text}");
    assert!(
        text.contains("conflicts with the patch series in cranelift/outer/src/lib.rs"),
        "{text}"
    );
    let other = project.read("x.patch").replace("line 2", "another line");
    project.write("x.patch", &other);
    let text = review(&project, 2, &[]);
    assert!(
        text.contains("cranelift/outer/src/lib.rs: hunk 1 of 1 (@@ -2,3 +2,3 @@"),
        "{text}"
    );
}

#[test]
fn a_patch_that_does_not_compile_is_told_with_the_place() {
    let project = project();
    patch(&project, &[(10, "broken")], 3);
    let text = review(&project, 2, &[]);
    assert!(text.contains("the patch does not compile"), "{text}");
    assert!(
        text.contains("error[E0001]: it is broken\n    --> cranelift/outer/src/lib.rs:5:1"),
        "{text}"
    );
}

#[test]
fn a_patch_of_other_crates_is_not_judged() {
    let project = project();
    patch(&project, &[(10, "new")], 3);
    let other = project
        .read("x.patch")
        .replace("cranelift/outer", "winch/codegen");
    project.write("x.patch", &other);
    let text = review(&project, 3, &[]);
    assert!(
        text.contains("winch/codegen/src/lib.rs: not judged"),
        "{text}"
    );
}

#[test]
fn a_verdict_that_gets_worse_is_exit_code_1() {
    let project = project();
    patch(&project, &[(10, "new")], 3);
    let verdicts = [("verified", "rejected"), ("rejected", "verified")];
    project.write("compare.json", &comparison(&verdicts).to_string());
    let text = review(&project, 1, &[]);
    assert!(
        text.contains("verdicts that got worse: 1\n  input.wat u0:0: verified → rejected"),
        "{text}"
    );
    assert!(text.ends_with("worse: 1 verdict got worse\n"), "{text}");
    let markdown = review(&project, 1, &["--format", "markdown"]);
    assert!(
        markdown.starts_with("**worse: 1 verdict got worse**\n"),
        "{markdown}"
    );
    let json: Value = serde_json::from_str(&review(&project, 1, &["--format", "json"])).unwrap();
    assert_eq!(json["outcome"], "worse");
    assert_eq!(json["verdicts"][1]["new"], "verified");
}

#[test]
fn a_function_that_runs_is_exercised() {
    let project = project();
    // In a comment there is no function: the first line ends it.
    patch(
        &project,
        &[(10, "new\npub fn f() {\n    g();\n}"), (12, "\nfn g() {}")],
        3,
    );
    let text = review(&project, 3, &[]);
    assert!(
        text.contains("none of the 2 functions that it touches ran"),
        "{text}"
    );
    assert!(text.contains(":11 f: DID NOT RUN"), "{text}");
    project.write("marks", "1\n");
    let text = review(&project, 0, &[]);
    assert!(text.contains(":11 f: ran"), "{text}");
    assert!(text.ends_with("not worse\n"), "{text}");
    assert!(under_review(&project).contains("pub fn f() { {"));
}

#[test]
fn the_program_without_the_patch_is_kept() {
    let project = project();
    patch(&project, &[(10, "new")], 3);
    let built = |text: &str| text.matches("building clif-gc").count();
    let patch = project.root().join("x.patch");
    let input = project.root().join("input.wat");
    let (patch, input) = (patch.to_str().unwrap(), input.to_str().unwrap());
    let arguments = ["review", patch, "--only-corpus", "--corpus", input];
    assert_eq!(built(&stderr(&project.run(&arguments))), 2);
    assert_eq!(built(&stderr(&project.run(&arguments))), 1);
    project.write("clif-gc/src/main.rs", "changed");
    assert_eq!(built(&stderr(&project.run(&arguments))), 2);
}

#[test]
fn work_of_somebody_else_is_not_touched() {
    let project = project();
    patch(&project, &[(10, "new")], 3);
    project.write("upstream-review/.git/config", "");
    project.write("upstream-review/mine", "");
    let text = project.root().join("x.patch");
    let output = project.run(&["review", text.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("was not made by this command"));
    assert_eq!(project.read("upstream-review/mine"), "");
}
