//! Two bases: overlays, the second workspace, and taking the series to another release.

mod common;

use common::{Fixture, LIB, lines};
use fs_err as fs;
use std::process::Command;

/// Text of the other release, on which the first patch of the fixture does not apply.
fn other_release() -> String {
    lines(&[(2, "another line")])
}

/// What the first patch makes of it.
fn patched() -> String {
    lines(&[(2, "another line"), (3, "one"), (30, "one")])
}

/// Git in the tree of the other base.
fn git(project: &Fixture, args: &[&str]) -> String {
    let output = Command::new("git")
        .current_dir(project.root().join("upstream-2"))
        .args(["-c", "user.name=Zoë", "-c", "user.email=zoe@example.org"])
        .args(args)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_EDITOR", "true")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{args:?}: {}",
        common::stderr(&output)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn run(project: &Fixture, args: &[&str]) -> (i32, String) {
    let output = project.run(args);
    let text = String::from_utf8(output.stdout.clone()).unwrap() + &common::stderr(&output);
    (output.status.code().unwrap(), text)
}

/// Takes the series to the other base, with the conflict resolved.
fn rebased() -> Fixture {
    let project = Fixture::with_patches();
    project.ok(&["bootstrap"]);
    project.add_base(&other_release());
    let rebase = ["patches", "rebase", "--onto", "2.0.0"];
    let (code, text) = run(&project, &rebase);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("conflict   outer-say-one.patch\n"), "{text}");
    assert!(
        text.contains("0 exact, 0 three-way, 1 conflicts, 1 left"),
        "{text}"
    );
    assert!(text.contains("resolve it in upstream-2/"), "{text}");
    let (code, text) = run(&project, &rebase);
    assert_eq!(code, 1);
    assert!(text.contains("has an am under way"), "{text}");

    project.write(&format!("upstream-2/{LIB}"), &patched());
    git(&project, &["add", "--all"]);
    git(&project, &["am", "--continue"]);
    let (code, text) = run(&project, &rebase);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("1 exact, 0 three-way, 1 conflicts, 0 left"),
        "{text}"
    );
    project.ok(&["patches", "refresh", "--base", "2"]);
    project
}

#[test]
fn a_patch_that_differs_becomes_an_overlay_and_the_others_do_not() {
    let project = rebased();
    let overlay: Vec<_> = fs::read_dir(project.patches().join("2"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(overlay, ["outer-say-one.patch"]);

    fs::remove_dir_all(project.root().join("upstream-2")).unwrap();
    let messages = project.ok(&["bootstrap", "--base", "2"]);
    assert!(
        messages.contains("made upstream-2/ from 2 crates and 2 patches"),
        "{messages}"
    );
    let expected = lines(&[(2, "another line"), (3, "one"), (20, "two"), (30, "one")]);
    assert_eq!(project.read(&format!("upstream-2/{LIB}")), expected);
    // The default base is as it was.
    assert!(
        project
            .ok(&["bootstrap"])
            .contains("upstream/ is up to date")
    );
    assert!(
        project
            .ok(&["bootstrap", "--base", "1"])
            .contains("upstream/ is up to date")
    );
    project.assert_complete();
    let messages = project.fails(&["bootstrap", "--base", "3"]);
    assert!(
        messages.contains("there is no base 3: known are 1, 2"),
        "{messages}"
    );

    let (_, text) = run(&project, &["patches", "status"]);
    assert!(text.contains("| outer-say-one | +2 -2 | +2 -2 |"), "{text}");
    assert!(text.contains("| outer-say-two | +1 -1 | same |"), "{text}");
    assert!(
        text.contains("base 2 (inner-2.0.0): upstream-2/ is up to date"),
        "{text}"
    );
}

#[test]
fn resolved_conflicts_are_resolved_the_same_way_again() {
    let project = rebased();
    fs::remove_dir_all(project.patches().join("2")).unwrap();
    // The tree holds what is not in patches/ any more.
    let rebase = ["patches", "rebase", "--onto", "2.0.0"];
    let (code, text) = run(&project, &rebase);
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("1 exact, 1 three-way, 0 conflicts, 0 left"),
        "{text}"
    );
    assert_eq!(
        project.read(&format!("upstream-2/{LIB}")),
        lines(&[(2, "another line"), (3, "one"), (20, "two"), (30, "one")])
    );
}

#[test]
fn an_overlay_that_makes_the_same_change_is_told_and_removed() {
    let project = rebased();
    let text = project.read("patches/outer-say-two.patch");
    project.write("patches/2/outer-say-two.patch", &text);
    project.write("patches/2/forgotten.patch", &text);
    let messages = project.fails(&["patches", "check"]);
    for expected in [
        "patches/2/outer-say-two.patch: makes the same change",
        "patches/2/forgotten.patch: is not in patches/series",
    ] {
        assert!(messages.contains(expected), "{messages}");
    }
    let messages = project.ok(&["patches", "refresh", "--base", "2"]);
    assert!(
        messages.contains("removed patches/2/outer-say-two.patch"),
        "{messages}"
    );
}

#[test]
fn an_overlay_that_was_left_behind_is_found_and_taken_along() {
    let project = rebased();
    // The patch of the series comes to say more, and the overlay does not.
    project.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    let more = lines(&[(3, "one"), (30, "one"), (38, "more")]);
    project.commit("outer: Say one", LIB, &more);
    let two = lines(&[(3, "one"), (20, "two"), (30, "one"), (38, "more")]);
    project.commit("outer: Say two", LIB, &two);
    project.ok(&["patches", "refresh"]);
    let messages = project.fails(&["patches", "check"]);
    let expected = "patches/2/outer-say-one.patch: was made for another version";
    assert!(messages.contains(expected), "{messages}");

    project.ok(&["bootstrap", "--base", "2"]);
    let (code, text) = run(&project, &["patches", "rebase", "--onto", "2.0.0"]);
    assert_eq!(code, 0, "{text}");
    let expected = [
        (2, "another line"),
        (3, "one"),
        (20, "two"),
        (30, "one"),
        (38, "more"),
    ];
    assert_eq!(project.read(&format!("upstream-2/{LIB}")), lines(&expected));
    project.ok(&["patches", "refresh", "--base", "2"]);
    let overlay = project.read("patches/2/outer-say-one.patch");
    assert!(
        overlay.contains("+// more") && overlay.contains("\nReplaces: "),
        "{overlay}"
    );
}

#[test]
fn the_tree_is_compiled_after_a_patch_that_differs() {
    let mut project = rebased();
    project.env = vec![
        ("CARGO", env!("CARGO").into()),
        ("CARGO_NET_OFFLINE", "true".into()),
    ];
    fs::remove_dir_all(project.root().join("upstream-2")).unwrap();
    // The last patch has no overlay; that it compiles is wanted anyway.
    let messages = project.ok(&["patches", "check", "--base", "2", "--differing"]);
    assert_eq!(messages.matches(": compiles (").count(), 2, "{messages}");
    let last = "2 patches apply and are well formed; the tree compiles after 2 of them";
    assert!(messages.contains(last), "{messages}");
}

#[test]
fn a_patch_of_one_base_alone_is_refused() {
    let project = rebased();
    project.write(&format!("upstream-2/{LIB}"), "// other\n");
    git(
        &project,
        &[
            "commit",
            "--quiet",
            "--all",
            "-m",
            "outer: Say three",
            "-m",
            "Why.",
        ],
    );
    let messages = project.fails(&["patches", "refresh", "--base", "2"]);
    assert!(messages.contains("both bases have the same"), "{messages}");
}

#[test]
fn the_other_base_has_a_workspace_of_its_own() {
    let project = rebased();
    let manifest = project.read("base-2/Cargo.toml");
    assert!(
        manifest.contains("outer = \"=2.0.0\"\nother = \"0.2\""),
        "{manifest}"
    );
    let link = |name: &str| fs::read_link(project.root().join("base-2").join(name)).unwrap();
    assert_eq!(link("member").to_str(), Some("../member"));
    assert_eq!(link("upstream").to_str(), Some("../upstream-2"));
    assert_eq!(link("Cargo.lock").to_str(), Some("../Cargo-2.lock"));
}
