//! `cargo xtask patches check`, with the real cargo on made-up crates, offline.

mod common;

use common::Fixture;

fn project() -> Fixture {
    let mut project = Fixture::with_patches();
    project.ok(&["bootstrap"]);
    project.env = vec![
        ("CARGO", env!("CARGO").into()),
        ("CARGO_NET_OFFLINE", "true".into()),
    ];
    project
}

const INNER: &str = "cranelift/outer/inner/src/lib.rs";

#[test]
fn good_patches_pass_and_are_compiled_once() {
    let project = project();
    let messages = project.ok(&["patches", "check"]);
    assert!(messages.contains("2 patches apply, compile"), "{messages}");
    assert_eq!(
        messages.matches(": compiles (off ").count(),
        2,
        "{messages}"
    );
    assert_eq!(messages.matches(", on ").count(), 2, "{messages}");
    assert!(
        messages.contains("removes 2 lines in 2 of 2 hunks"),
        "{messages}"
    );

    let messages = project.ok(&["patches", "check"]);
    assert_eq!(messages.matches("compiled before").count(), 2, "{messages}");
    let messages = project.ok(&["patches", "check", "--again"]);
    assert_eq!(messages.matches("compiles").count(), 2, "{messages}");
}

#[test]
fn the_last_patch_is_compiled_if_no_other_differs() {
    let project = project();
    let messages = project.ok(&["patches", "check", "--differing"]);
    assert_eq!(messages.matches(": applies\n").count(), 1, "{messages}");
    let last = "2 patches apply and are well formed; the tree compiles after 1 of them";
    assert!(messages.contains(last), "{messages}");
}

#[test]
fn a_tree_that_does_not_compile_in_between_is_found() {
    let project = project();
    let error = "#[cfg(feature = \"gc-verifier\")]\ncompile_error!(\"half done\");\n";
    project.commit("inner: Break it", INNER, error);
    project.commit("inner: Mend it", INNER, "");
    project.ok(&["patches", "refresh"]);
    let messages = project.fails(&["patches", "check"]);
    for expected in [
        "does not compile after patches/inner-break-it.patch (feature gc-verifier on)",
        "half done",
    ] {
        assert!(messages.contains(expected), "{messages}");
    }
}

#[test]
fn all_problems_of_form_are_told_together() {
    let project = project();
    project.commit("inner: Adds blanks", INNER, "// blank \n");
    project.ok(&["patches", "refresh"]);
    project.write("patches/forgotten.patch", "");
    project.write("upstream/mine.rs", "mine");
    let messages = project.fails(&["patches", "check"]);
    assert!(!messages.contains("compiles"), "{messages}");
    for expected in [
        "4 problems",
        "patches/inner-adds-blanks.patch: subject should be imperative",
        "patches/inner-adds-blanks.patch: cranelift/outer/inner/src/lib.rs:1: trailing whitespace",
        "patches/forgotten.patch: is not in patches/series",
        "upstream/: has changes",
    ] {
        assert!(messages.contains(expected), "{messages}");
    }
}

#[test]
fn a_patch_that_refresh_would_write_differently_is_told() {
    let project = project();
    let name = "patches/outer-say-two.patch";
    let patch = project.read(name);
    project.write(name, &patch.replace("-17,7 +17,7", "-16,7 +16,7"));
    project.ok(&["bootstrap"]);
    let messages = project.fails(&["patches", "check"]);
    let expected = "patches/outer-say-two.patch: is not as `cargo xtask patches refresh` writes";
    assert!(messages.contains(expected), "{messages}");
}

#[test]
fn a_series_has_one_author() {
    let project = project();
    project.write("upstream/cranelift/outer/inner/src/lib.rs", "// other\n");
    project.git(&["add", "--all"]);
    project.git(&[
        "commit",
        "--quiet",
        "--author=A B <a@example.org>",
        "-m",
        "inner: Say less",
        "-m",
        "The reason.",
    ]);
    project.ok(&["patches", "refresh"]);
    let messages = project.fails(&["patches", "check"]);
    let expected = "patches/inner-say-less.patch: is by A B <a@example.org>, and the series by";
    assert!(messages.contains(expected), "{messages}");
}

#[test]
fn commits_in_upstream_are_by_the_author_of_the_series() {
    let project = project();
    assert_eq!(
        project.git(&["config", "--local", "user.email"]),
        "zoe@example.org"
    );
}
