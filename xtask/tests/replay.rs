//! The series of faults, on made-up crates and without network: `cargo xtask replay --bootstrap` and
//! `--refresh`.

mod common;

use common::{Fixture, LIB, lines, stderr};
use fs_err as fs;
use std::process::Command;

/// A project with a fault on top of its two patches, and upstream-faults/ made.
fn with_fault() -> Fixture {
    let project = Fixture::with_patches();
    project.write("patches/faults/faults.toml", "fault = []\n");
    project.ok(&["replay", "--bootstrap"]);
    let text = lines(&[(3, "one"), (10, "fault"), (20, "two"), (30, "one")]);
    commit(&project, "fault: Break it", &text);
    project.ok(&["replay", "--refresh"]);
    project
}

/// Commits the library's text in upstream-faults/.
fn commit(project: &Fixture, subject: &str, text: &str) {
    project.write(&format!("upstream-faults/{LIB}"), text);
    git(project, &["commit", "--quiet", "--all", "-m", subject]);
}

/// Runs git in upstream-faults/.
fn git(project: &Fixture, arguments: &[&str]) {
    let output = Command::new("git")
        .current_dir(project.root().join("upstream-faults"))
        .args(["-c", "user.name=Zoë", "-c", "user.email=zoe@example.org"])
        .args(arguments)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
}

fn faulty(project: &Fixture) -> String {
    project.read(&format!("upstream-faults/{LIB}"))
}

#[test]
fn faults_are_a_series_of_their_own() {
    let project = with_fault();
    assert_eq!(
        project.read("patches/faults/series"),
        "fault-break-it.patch\n"
    );
    assert_eq!(
        project.read("patches/series"),
        "outer-say-one.patch\nouter-say-two.patch\n"
    );
    let messages = project.ok(&["patches", "refresh"]);
    assert!(
        messages.contains("2 patches, 0 files changed"),
        "{messages}"
    );
    project.assert_complete();
}

#[test]
fn the_tree_is_made_of_both_series() {
    let project = with_fault();
    let before = faulty(&project);
    assert!(before.contains("// fault") && before.contains("// two"));
    fs::remove_dir_all(project.root().join("upstream-faults")).unwrap();
    let messages = project.ok(&["replay", "--bootstrap"]);
    assert!(messages.contains("and 1 patches"), "{messages}");
    assert_eq!(faulty(&project), before);
    assert_eq!(project.ok(&["replay", "--bootstrap"]), "");
}

#[test]
fn the_tree_follows_the_shipped_series() {
    let project = with_fault();
    let text = lines(&[(3, "one"), (20, "two"), (30, "one"), (38, "three")]);
    project.commit("outer: Say three", LIB, &text);
    project.ok(&["patches", "refresh"]);
    project.ok(&["replay", "--bootstrap"]);
    let text = faulty(&project);
    assert!(text.contains("// fault") && text.contains("// three"));
}

#[test]
fn what_was_rebased_by_hand_is_exported_without_the_shipped_series() {
    let project = with_fault();
    let text = lines(&[(3, "one"), (20, "two"), (30, "one"), (38, "three")]);
    project.commit("outer: Say three", LIB, &text);
    let upstream = project.upstream();
    let upstream = upstream.to_str().unwrap();
    git(&project, &["pull", "--quiet", "--rebase", upstream, "HEAD"]);
    let text = faulty(&project);
    assert!(text.contains("// fault") && text.contains("// three"));
    project.ok(&["replay", "--refresh"]);
    assert_eq!(
        project.read("patches/faults/series"),
        "fault-break-it.patch\n"
    );
    assert_eq!(project.ok(&["replay", "--bootstrap"]), "");
}

#[test]
fn work_in_the_tree_is_kept() {
    let project = with_fault();
    let text = lines(&[(3, "one"), (11, "more"), (20, "two"), (30, "one")]);
    commit(&project, "fault: Break more", &text);
    let messages = project.ok(&["replay", "--bootstrap"]);
    assert!(messages.contains("changes of its own"), "{messages}");
    project.commit("outer: Say three", LIB, &lines(&[(38, "three")]));
    let messages = project.fails(&["replay", "--bootstrap"]);
    assert!(messages.contains("out of date"), "{messages}");
    assert_eq!(faulty(&project), text);
}

#[test]
fn faults_that_do_not_apply_are_named() {
    let project = with_fault();
    project.commit("outer: Say other", LIB, &lines(&[(10, "other")]));
    project.ok(&["patches", "refresh"]);
    let messages = project.fails(&["replay", "--bootstrap"]);
    assert!(
        messages.contains("the faults do not apply") && messages.contains("fault-break-it.patch"),
        "{messages}"
    );
    assert_eq!(project.leftovers(), [""; 0]);
}

#[test]
fn an_unknown_name_is_an_error_that_lists_the_known_ones() {
    let project = Fixture::with_patches();
    let list =
        "[[fault]]\nname = '1'\nwhat = 'a'\noperator = 'b'\nplace = 'c'\ncodes = ['GCV01']\n";
    project.write("patches/faults/faults.toml", list);
    // The names are those of the patches.
    let patch = "+++ b/cranelift/codegen/src/fault.rs\n+    \"1\",\n";
    project.write("patches/faults/series", "fault-say-one.patch\n");
    project.write("patches/faults/fault-say-one.patch", patch);
    let messages = project.fails(&["replay", "2"]);
    assert!(
        messages.contains("no fault is called `2`; there are 1"),
        "{messages}"
    );
}
