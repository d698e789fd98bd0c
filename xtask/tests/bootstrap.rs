//! `cargo xtask bootstrap`, on made-up crates and without network.

mod common;

use common::{CRATES, Fixture, LIB, lines, stderr};
use fs_err as fs;
use std::time::{Duration, Instant, SystemTime};

#[test]
fn a_fresh_clone_gets_the_pinned_sources_and_a_commit_for_each_patch() {
    let project = Fixture::with_patches();
    project.ok(&["bootstrap"]);
    project.assert_complete();

    for left_out in ["Cargo.lock", ".cargo_vcs_info.json"] {
        let path = project.upstream().join("cranelift/outer").join(left_out);
        assert!(!path.exists(), "{left_out}");
    }
    let files = project.git(&["ls-files", "--stage"]);
    assert!(files.contains("cranelift/outer/inner/src/lib.rs"));
    assert!(files.contains("cranelift/outer/generated.txt"), "{files}");
    assert!(
        files
            .lines()
            .any(|line| line.starts_with("100755") && line.contains("outer/run.sh")),
        "{files}"
    );
    let author = project.git(&["log", "-1", "--format=%an <%ae> %ad"]);
    assert_eq!(
        author,
        "Zoë <zoe@example.org> Mon Sep 21 16:13:20 2026 +0200"
    );
    assert_eq!(project.git(&["log", "-1", "--format=%b"]), "The reason.");
}

#[test]
fn a_second_run_does_nothing_and_is_quick() {
    let project = Fixture::with_patches();
    project.ok(&["bootstrap"]);
    let before = fs::metadata(project.upstream().join(LIB)).unwrap();
    // One quick run is enough to tell: on a busy machine others may have to wait.
    let quick = (0..20).any(|_| {
        let start = Instant::now();
        let messages = project.ok(&["bootstrap"]);
        assert!(messages.contains("up to date"), "{messages}");
        start.elapsed() < Duration::from_millis(50)
    });
    assert!(quick);
    let after = fs::metadata(project.upstream().join(LIB)).unwrap();
    assert_eq!(before.modified().unwrap(), after.modified().unwrap());
}

#[test]
fn no_patches_are_fine() {
    let project = Fixture::new();
    project.ok(&["bootstrap"]);
    assert_eq!(project.read(&format!("upstream/{LIB}")), lines(&[]));
    assert!(project.ok(&["bootstrap"]).contains("up to date"));
}

#[test]
fn neither_the_users_git_nor_the_enclosing_repository_has_an_influence() {
    let mut project = Fixture::with_patches();
    project.ok(&["bootstrap"]);
    let expected = project.git(&["rev-parse", "HEAD"]);
    fs::remove_dir_all(project.upstream()).unwrap();

    // The project is a repository that ignores everything; hooks fail; line ends are changed.
    let root = project.root();
    let init = |args: &[&str]| {
        let mut git = std::process::Command::new("git");
        assert!(
            git.current_dir(&root)
                .args(args)
                .status()
                .unwrap()
                .success()
        );
    };
    init(&["init", "--quiet"]);
    project.write(".gitignore", "*\n");
    project.write(
        "gitconfig",
        "[core]\nautocrlf = true\nhooksPath = hooks\n[commit]\ngpgSign = true\n\
         [user]\nname = N\nemail = e\n[apply]\nwhitespace = fix\n[am]\nthreeWay = true\n\
         [init]\ndefaultBranch = other\n",
    );
    let config = root.join("gitconfig").to_str().unwrap().to_string();
    project.env.extend([
        ("GIT_DIR", root.join(".git").to_str().unwrap().into()),
        ("GIT_INDEX_FILE", "/nonexistent/index".into()),
        ("GIT_AUTHOR_NAME", "Somebody Else".into()),
        ("GIT_COMMITTER_DATE", "1 +0000".into()),
        ("GIT_CONFIG_GLOBAL", config),
    ]);
    project.ok(&["bootstrap"]);
    assert_eq!(project.git(&["rev-parse", "HEAD"]), expected);
    project.assert_complete();
}

const FAILPOINTS: [&str; 5] = [
    "unpacked",
    "applied",
    "unstamped",
    "between-renames",
    "renamed",
];

#[test]
fn a_killed_run_leaves_nothing_that_looks_finished() {
    for at in FAILPOINTS {
        let project = Fixture::with_patches();
        let killed = project
            .command(&["bootstrap"])
            .env("XTASK_FAILPOINT", at)
            .output()
            .unwrap();
        assert_eq!(killed.status.code(), None, "{at}: {}", stderr(&killed));
        assert_eq!(project.upstream().exists(), at == "renamed", "{at}");

        project.ok(&["bootstrap"]);
        project.assert_complete();
    }
}

#[test]
fn a_killed_update_leaves_the_old_tree_or_the_new_one() {
    for at in FAILPOINTS {
        let project = Fixture::with_patches();
        let series = project.read("patches/series");
        project.write("patches/series", "outer-say-one.patch\n");
        project.ok(&["bootstrap"]);
        project.write("patches/series", &series);
        let killed = project
            .command(&["bootstrap"])
            .env("XTASK_FAILPOINT", at)
            .output()
            .unwrap();
        assert_eq!(killed.status.code(), None, "{at}: {}", stderr(&killed));

        project.ok(&["bootstrap"]);
        project.assert_complete();
    }
}

#[test]
fn a_killed_update_is_undone_when_nothing_is_to_be_updated_any_more() {
    let project = Fixture::with_patches();
    project.ok(&["bootstrap"]);
    let series = project.read("patches/series");
    project.write("patches/series", "outer-say-one.patch\n");
    project
        .command(&["bootstrap"])
        .env("XTASK_FAILPOINT", "between-renames")
        .output()
        .unwrap();
    assert!(!project.upstream().exists());
    project.write("patches/series", &series);
    assert!(project.ok(&["bootstrap"]).contains("up to date"));
    project.assert_complete();
}

#[test]
fn a_patch_that_does_not_apply_is_named_with_file_and_hunk() {
    let project = Fixture::with_patches();
    let patch = project.read("patches/outer-say-one.patch");
    project.write(
        "patches/outer-say-one.patch",
        &patch.replace("-// line 30", "-// another line 30"),
    );
    let messages = project.fails(&["bootstrap"]);
    for expected in [
        "patches/outer-say-one.patch does not apply (the first of the series)",
        "cranelift/outer/src/lib.rs: hunk 2 of 2 (@@ -27,7 +27,7 @@",
        "error: patch failed: cranelift/outer/src/lib.rs:27",
    ] {
        assert!(messages.contains(expected), "{messages}");
    }
    assert!(!project.upstream().exists());
    assert_eq!(project.leftovers(), [""; 0]);
}

#[test]
fn a_patch_that_is_no_patch_is_named() {
    let project = Fixture::with_patches();
    project.write("patches/outer-say-two.patch", "not a patch\n");
    let messages = project.fails(&["bootstrap"]);
    let expected = "patches/outer-say-two.patch does not apply (after outer-say-one.patch)";
    assert!(messages.contains(expected), "{messages}");
}

#[test]
fn a_listed_patch_that_is_missing_is_named_with_its_line() {
    let project = Fixture::with_patches();
    project.write("patches/series", "# first\nnowhere.patch\n");
    let messages = project.fails(&["bootstrap"]);
    assert!(messages.contains("patches/series:2"), "{messages}");
    assert!(messages.contains("nowhere.patch"), "{messages}");
}

#[test]
fn a_wrong_checksum_is_refused() {
    let project = Fixture::new();
    fs::write(project.crate_file("inner"), "damaged").unwrap();
    let messages = project.fails(&["bootstrap"]);
    for expected in [
        "checksum mismatch for inner 1.0.0",
        "xtask/pins.toml",
        "inner-1.0.0.crate",
    ] {
        assert!(messages.contains(expected), "{messages}");
    }
    assert!(!project.upstream().exists());
}

#[test]
fn a_read_only_cache_is_enough() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Fixture::with_patches();
    let cache = project.crate_file("inner").parent().unwrap().to_path_buf();
    let set = |mode| {
        for dir in [&project.home(), &cache] {
            fs::set_permissions(dir, std::fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    // To root this means nothing; hence the directory is looked at as well.
    set(0o555);
    project.ok(&["bootstrap"]);
    set(0o755);
    assert_eq!(fs::read_dir(cache).unwrap().count(), CRATES.len());
    assert_eq!(fs::read_dir(project.home()).unwrap().count(), 1);
    project.assert_complete();
}

#[test]
fn missing_crates_are_fetched_by_cargo() {
    let mut project = Fixture::with_patches();
    let file = project.crate_file("inner").to_str().unwrap().to_string();
    let elsewhere = project.home().join("elsewhere");
    fs::rename(&file, &elsewhere).unwrap();
    let script = format!(
        "test \"$1\" = fetch || exit 1\ncat Cargo.toml >&2\nmv {} {file}",
        elsewhere.display()
    );
    project.env = vec![("CARGO", project.script("cargo", &script))];
    let messages = project.ok(&["bootstrap"]);
    assert!(messages.contains("fetching inner-1.0.0\n"), "{messages}");
    let dependency = "inner = { version = \"=1.0.0\", default-features = false }";
    assert!(messages.contains(dependency), "{messages}");
    assert!(!messages.contains("outer = "), "{messages}");
    project.assert_complete();
}

#[test]
fn a_pin_that_does_not_exist_is_named() {
    let mut project = Fixture::new();
    fs::remove_file(project.crate_file("inner")).unwrap();
    let message = "error: failed to select a version for the requirement `inner = \"=1.0.0\"`";
    let script = format!("echo '{message}' >&2; exit 101");
    project.env = vec![("CARGO", project.script("cargo", &script))];
    let messages = project.fails(&["bootstrap"]);
    let expected = "the pin `inner =1.0.0` does not exist in the registry; correct it in \
                    xtask/pins.toml";
    assert!(messages.contains(expected), "{messages}");
}

#[test]
fn an_unreachable_registry_is_told_with_what_is_missing() {
    let mut project = Fixture::new();
    for (name, _) in CRATES {
        fs::remove_file(project.crate_file(name)).unwrap();
    }
    let script = "echo 'error: failed to download: Could not resolve host' >&2; exit 101";
    project.env = vec![("CARGO", project.script("cargo", script))];
    let messages = project.fails(&["bootstrap"]);
    for expected in ["outer-1.0.0, inner-1.0.0 not in", "could not be reached"] {
        assert!(messages.contains(expected), "{messages}");
    }
}

#[test]
fn offline_with_missing_crates_is_told() {
    let mut project = Fixture::new();
    fs::remove_file(project.crate_file("inner")).unwrap();
    project.env = vec![
        ("CARGO", env!("CARGO").into()),
        ("CARGO_NET_OFFLINE", "true".into()),
    ];
    let messages = project.fails(&["bootstrap"]);
    for expected in ["inner-1.0.0 not in", "cargo is offline"] {
        assert!(messages.contains(expected), "{messages}");
    }
}

#[test]
fn a_missing_git_is_told() {
    let mut project = Fixture::new();
    project.env.push(("PATH", String::new()));
    let messages = project.fails(&["bootstrap"]);
    assert!(messages.contains("git is not installed"), "{messages}");
    assert_eq!(project.leftovers(), [""; 0]);
}

/// A project whose tree is out of date.
fn outdated() -> Fixture {
    let project = Fixture::with_patches();
    let series = project.read("patches/series");
    project.write("patches/series", "outer-say-one.patch\n");
    project.ok(&["bootstrap"]);
    project.write("patches/series", &series);
    project
}

#[test]
fn local_work_is_not_lost() {
    type Work = fn(&Fixture);
    let cases: [(&str, Work); 6] = [
        ("uncommitted changes:\n   M cranelift", |project| {
            project.write(&format!("upstream/{LIB}"), "mine");
        }),
        ("uncommitted changes:\n  ?? mine.rs", |project| {
            project.write("upstream/mine.rs", "mine");
        }),
        ("local commits that are not in patches/", |project| {
            project.commit("outer: Mine", "mine.rs", "mine");
        }),
        ("1 commits on other branches or in the stash", |project| {
            project.git(&["switch", "--quiet", "-c", "mine"]);
            project.commit("outer: Mine", "mine.rs", "mine");
            project.git(&["switch", "--quiet", "main"]);
        }),
        ("has no stamp", |project| {
            fs::remove_file(project.upstream().join(".git/xtask-stamp.toml")).unwrap();
        }),
        ("is not a git repository", |project| {
            fs::remove_dir_all(project.upstream().join(".git")).unwrap();
        }),
    ];
    for (expected, work) in cases {
        let project = outdated();
        work(&project);
        let before = fs::read(project.upstream().join(LIB)).unwrap();
        let messages = project.fails(&["bootstrap"]);
        for expected in [expected, "patches refresh", "--force"] {
            assert!(messages.contains(expected), "{expected}: {messages}");
        }
        assert_eq!(fs::read(project.upstream().join(LIB)).unwrap(), before);
        assert_eq!(project.leftovers(), [""; 0]);

        project.ok(&["bootstrap", "--force"]);
        project.assert_complete();
    }
}

#[test]
fn commits_on_an_up_to_date_tree_are_kept_and_mentioned() {
    let project = Fixture::with_patches();
    project.ok(&["bootstrap"]);
    project.commit("outer: Mine", "mine.rs", "mine");
    let messages = project.ok(&["bootstrap"]);
    assert!(messages.contains("patches refresh"), "{messages}");
    assert_eq!(project.read("upstream/mine.rs"), "mine");

    project.ok(&["bootstrap", "--force"]);
    project.assert_complete();
}

#[test]
fn a_tree_made_by_hand_that_is_the_same_is_replaced() {
    let project = outdated();
    let text = lines(&[(3, "one"), (20, "two"), (30, "one")]);
    project.commit("Somehow say two", LIB, &text);
    fs::remove_file(project.upstream().join(".git/xtask-stamp.toml")).unwrap();
    project.ok(&["bootstrap"]);
    project.assert_complete();
}

#[test]
fn what_a_build_in_upstream_leaves_is_nobodys_work() {
    let project = outdated();
    project.write("upstream/cranelift/outer/target/debug/x", "");
    project.write("upstream/cranelift/outer/Cargo.lock", "");
    project.ok(&["bootstrap"]);
    project.assert_complete();
}

#[test]
fn an_update_keeps_the_times_of_files_that_stay_the_same() {
    let project = outdated();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let same = "cranelift/outer/inner/src/lib.rs";
    for file in [LIB, same, "cranelift/outer/inner/src"] {
        let file = fs::File::open(project.upstream().join(file)).unwrap();
        file.file().set_modified(long_ago).unwrap();
    }
    project.ok(&["bootstrap"]);
    project.assert_complete();
    let modified = |file: &str| {
        let metadata = fs::metadata(project.upstream().join(file)).unwrap();
        metadata.modified().unwrap()
    };
    assert_eq!(modified(same), long_ago);
    assert_eq!(modified("cranelift/outer/inner/src"), long_ago);
    assert!(modified(LIB) > long_ago);
}

#[test]
fn several_runs_at_once_do_no_harm() {
    let project = Fixture::with_patches();
    let runs: Vec<_> = (0..4)
        .map(|_| {
            let mut command = project.command(&["bootstrap"]);
            command
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let mut made = 0;
    for run in runs {
        let output = run.wait_with_output().unwrap();
        let messages = stderr(&output);
        assert!(output.status.success(), "{messages}");
        made += messages.matches("made upstream/").count();
    }
    assert_eq!(made, 1);
    project.assert_complete();
}
