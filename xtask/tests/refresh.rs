//! `cargo xtask patches refresh`, on made-up crates and without network.

mod common;

use common::{Fixture, LIB, lines};
use fs_err as fs;

#[test]
fn refresh_after_bootstrap_changes_nothing() {
    let project = Fixture::with_patches();
    let before = project.patch_files();
    assert_eq!(before.len(), 3);
    project.ok(&["bootstrap"]);
    let messages = project.ok(&["patches", "refresh"]);
    assert!(
        messages.contains("2 patches, 0 files changed"),
        "{messages}"
    );
    assert_eq!(project.patch_files(), before);
}

#[test]
fn bootstrap_after_refresh_does_nothing() {
    let project = Fixture::with_patches();
    project.ok(&["bootstrap"]);
    project.commit("outer: Say three", LIB, &lines(&[(7, "three")]));
    let head = project.git(&["rev-parse", "HEAD"]);
    let messages = project.ok(&["patches", "refresh"]);
    assert!(
        messages.contains("added patches/outer-say-three.patch"),
        "{messages}"
    );
    assert!(
        project
            .ok(&["bootstrap"])
            .contains("up to date (3 patches)")
    );
    assert_eq!(project.git(&["rev-parse", "HEAD"]), head);
}

#[test]
fn the_form_of_a_patch_is_fixed() {
    let project = Fixture::with_patches();
    let patch = project.read("patches/outer-say-two.patch");
    let expected = "From 0000000000000000000000000000000000000000 Mon Sep 17 00:00:00 2001\n\
        From: Zoë <zoe@example.org>\n\
        Date: Mon, 21 Sep 2026 16:13:20 +0200\n\
        Subject: [PATCH] outer: Say two\n\
        \n\
        The reason.\n\
        ---\n\
        Forwarded: no\n\
        Last-Update: 2026-09-21\n\n\
        diff --git a/cranelift/outer/src/lib.rs b/cranelift/outer/src/lib.rs\n";
    assert!(patch.starts_with(expected), "{patch}");
    let series = project.read("patches/series");
    assert_eq!(series, "outer-say-one.patch\nouter-say-two.patch\n");
}

#[test]
fn difficult_commits_survive() {
    let project = Fixture::with_patches();
    project.ok(&["bootstrap"]);
    let subject = "outer: Use – in a subject – letters and a length that makes git fold the header";
    project.commit(subject, "odd/crlf.txt", "one\r\ntwo\r\n");
    project.commit("[outer] keep brackets", "odd/no-end", "no line end");
    project.commit("outer: Add binary", "odd/binary", "\0\u{1}\0");
    project.commit("outer: Add blanks", "odd/a b.txt", "trailing \n\n\n");
    project.git(&["mv", "odd/crlf.txt", "odd/moved.txt"]);
    project.git(&["commit", "--quiet", "-m", "outer: Move it"]);
    project.ok(&["patches", "refresh"]);

    let before = project.patch_files();
    let log = project.git(&["log", "--format=%T %an %ad %B"]);
    fs::remove_dir_all(project.upstream()).unwrap();
    project.ok(&["bootstrap"]);
    // The base commit is not among the patches, and not compared.
    let again = project.git(&["log", "--format=%T %an %ad %B"]);
    assert_eq!(again, log);
    project.ok(&["patches", "refresh"]);
    assert_eq!(project.patch_files(), before);
}

/// Puts a block and a comment at the second patch.
fn annotate(project: &Fixture) {
    let name = "patches/outer-say-two.patch";
    let patch = project.read(name);
    project.write(
        name,
        &patch.replace("Forwarded: no", "Forwarded: yes\nBug: somewhere/1"),
    );
    project.write(
        "patches/series",
        "# The series.\n\nouter-say-one.patch\n# Two is best.\nouter-say-two.patch\n# End.\n",
    );
    project.ok(&["bootstrap"]);
}

#[test]
fn blocks_and_comments_survive() {
    let project = Fixture::with_patches();
    annotate(&project);
    let before = project.patch_files();
    project.ok(&["patches", "refresh"]);
    assert_eq!(project.patch_files(), before);
}

#[test]
fn blocks_and_comments_survive_a_new_subject_and_a_new_order() {
    let project = Fixture::with_patches();
    annotate(&project);
    project.git(&[
        "commit",
        "--amend",
        "--quiet",
        "-m",
        "outer: Say both\n\nThe reason.",
    ]);
    project.commit("outer: Say more", "more", "more");
    project.ok(&["patches", "refresh"]);
    let patch = project.read("patches/outer-say-both.patch");
    assert!(
        patch.contains("\n---\nForwarded: yes\nBug: somewhere/1\n"),
        "{patch}"
    );
    assert!(!project.patches().join("outer-say-two.patch").exists());
    assert_eq!(
        project.read("patches/series"),
        "# The series.\n\nouter-say-one.patch\n# Two is best.\nouter-say-both.patch\n\
         outer-say-more.patch\n# End.\n"
    );
}

#[test]
fn patches_without_a_commit_are_removed() {
    let project = Fixture::with_patches();
    annotate(&project);
    project.git(&["reset", "--quiet", "--hard", "HEAD~2"]);
    let messages = project.ok(&["patches", "refresh"]);
    assert!(
        messages.contains("removed patches/outer-say-one.patch"),
        "{messages}"
    );
    assert_eq!(project.read("patches/series"), "# The series.\n\n# End.\n");
    assert_eq!(project.patch_files().len(), 1);
    assert!(
        project
            .ok(&["bootstrap"])
            .contains("up to date (0 patches)")
    );
}

#[test]
fn uncommitted_changes_are_mentioned() {
    let project = Fixture::with_patches();
    project.ok(&["bootstrap"]);
    project.write("upstream/mine.rs", "mine");
    let messages = project.ok(&["patches", "refresh"]);
    assert!(messages.contains("not exported:\n?? mine.rs"), "{messages}");
}

#[test]
fn a_tree_made_by_hand_is_adopted_if_it_starts_with_the_pinned_sources() {
    let project = Fixture::with_patches();
    project.ok(&["bootstrap"]);
    let stamp = project.upstream().join(".git/xtask-stamp.toml");
    let before = project.patch_files();
    fs::remove_file(&stamp).unwrap();
    project.ok(&["patches", "refresh"]);
    assert_eq!(project.patch_files(), before);
    assert!(stamp.exists());

    fs::remove_dir_all(project.upstream().join(".git")).unwrap();
    project.git(&["init", "--quiet"]);
    project.commit("Start from something else", "mine.rs", "mine");
    let messages = project.fails(&["patches", "refresh"]);
    assert!(
        messages.contains("does not hold the pinned sources"),
        "{messages}"
    );
    assert_eq!(project.patch_files(), before);
}

#[test]
fn what_cannot_be_a_patch_is_refused_and_nothing_is_written() {
    type Work = fn(&Fixture);
    let cases: [(&str, Work); 6] = [
        ("git rebase --autosquash", |project| {
            project.commit("fixup! outer: Say two", "x", "x");
        }),
        (
            "two commits have the subject of outer-say-two.patch",
            |project| {
                project.commit("outer: Say TWO", "x", "x");
            },
        ),
        ("changes nothing", |project| {
            project.git(&[
                "commit",
                "--allow-empty",
                "--quiet",
                "-m",
                "outer: Do nothing",
            ]);
        }),
        (
            "does a message contain a line that starts with",
            |project| {
                project.commit("outer: Cut\n\nabove\n---\nbelow", "x", "x");
            },
        ),
        ("has merge commits", |project| {
            project.git(&["switch", "--quiet", "-c", "other", "HEAD~1"]);
            project.commit("outer: Go elsewhere", "x", "x");
            project.git(&["merge", "--quiet", "-m", "outer: Merge", "main"]);
        }),
        ("under way", |project| {
            fs::write(project.upstream().join(".git/MERGE_HEAD"), "").unwrap();
        }),
    ];
    for (expected, work) in cases {
        let project = Fixture::with_patches();
        project.ok(&["bootstrap"]);
        let before = project.patch_files();
        work(&project);
        let messages = project.fails(&["patches", "refresh"]);
        assert!(messages.contains(expected), "{expected}: {messages}");
        assert_eq!(project.patch_files(), before);
        assert_eq!(project.leftovers(), [""; 0]);
    }
}
