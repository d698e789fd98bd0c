//! `cargo xtask patches apply`, on a made-up checkout and without network.

mod common;

use common::{Fixture, LIB, lines};
use fs_err as fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const MANIFEST: &str = "cranelift/outer/Cargo.toml";

const LAYOUT: &str = r#"
release = "1.0"
[[crate]]
from = "verifier"
to = "cranelift/verifier"
parts = ["src"]
[[copy]]
from = "files"
to = "cranelift/files"
[manifest."cranelift/outer/Cargo.toml".dependencies]
verifier = { workspace = true }
[manifest."Cargo.toml".workspace.dependencies]
verifier = { path = "cranelift/verifier" }
[[insert]]
file = "cranelift/other.rs"
after = "mod a;"
lines = ["mod b;"]
"#;

/// The project, with a series that changes a manifest too, and a checkout of another patch release.
struct Tree {
    project: Fixture,
    dir: TempDir,
}

impl Tree {
    fn new() -> Self {
        let project = Fixture::with_patches();
        project.ok(&["bootstrap"]);
        let manifest = project.read(&format!("upstream/{MANIFEST}"));
        let patched = manifest.replace("[]", "[\"std\"]\nstd = []");
        project.commit("outer: Add std", MANIFEST, &patched);
        project.ok(&["patches", "refresh"]);
        project.write("patches/tree/tree.toml", LAYOUT);
        project.write(
            "Cargo.toml",
            "[workspace.package]\nversion = \"0.1.0\"\n[workspace.dependencies]\nouter = \"=1.0.0\"\n",
        );
        project.write(
            "verifier/Cargo.toml",
            "[package]\nname = \"verifier\"\nversion.workspace = true\n\n[dependencies]\n\
             outer = { workspace = true }\n",
        );
        project.write("verifier/src/lib.rs", "// verifier\n");
        project.write("files/deep/a.clif", "test gc-verify\n");

        let tree = Self {
            project,
            dir: tempfile::tempdir().unwrap(),
        };
        tree.write(
            "Cargo.toml",
            "[workspace.package]\nversion = \"1.0.3\"\n\n[workspace.dependencies]\n\
             outer = { path = \"cranelift/outer\", version = \"1.0.3\" }\n",
        );
        tree.write(
            MANIFEST,
            "[package]\nname = \"outer\"\nversion.workspace = true\n\n[features]\n# Empty.\n\
             gc-verifier = []\n",
        );
        // Another patch release: a line more, and one that differs.
        let text = format!("// new\n{}", lines(&[(10, "of another release")]));
        tree.write(LIB, &text);
        tree.write("cranelift/other.rs", "mod a;\nmod c;\n");
        tree.write(
            "Cargo.lock",
            "version = 4\n\n[[package]]\nname = \"outer\"\nversion = \"1.0.3\"\n",
        );
        tree.git(&["init", "--quiet"]);
        tree.commit();
        tree
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path().join(path)).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn git(&self, args: &[&str]) -> String {
        let output = Command::new("git")
            .current_dir(self.path())
            .args(["-c", "user.name=Zoë", "-c", "user.email=zoe@example.org"])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "-m", "A release."]);
    }

    fn status(&self) -> String {
        self.git(&[
            "status",
            "--porcelain",
            "--ignored",
            "--untracked-files=all",
        ])
    }

    fn args<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec!["patches", "apply", "--tree", self.path().to_str().unwrap()];
        args.extend(more);
        args
    }

    #[track_caller]
    fn ok(&self, more: &[&str]) -> String {
        self.project.ok(&self.args(more))
    }

    /// Is refused, and leaves the tree as it was.
    #[track_caller]
    fn fails(&self, more: &[&str], message: &str) {
        let before = (self.status(), self.git(&["diff"]));
        let messages = self.project.fails(&self.args(more));
        assert!(messages.contains(message), "{messages}");
        assert_eq!((self.status(), self.git(&["diff"])), before);
    }
}

#[test]
fn a_checkout_of_another_patch_release_gets_everything() {
    let tree = Tree::new();
    let messages = tree.ok(&[]);
    assert!(
        messages.contains("2 files of the series, 3 of the verifier"),
        "{messages}"
    );
    let replaced = [
        (3, "one"),
        (10, "of another release"),
        (20, "two"),
        (30, "one"),
    ];
    assert_eq!(tree.read(LIB), format!("// new\n{}", lines(&replaced)));
    assert_eq!(
        tree.read(MANIFEST),
        "[package]\nname = \"outer\"\nversion.workspace = true\n\n[features]\n# Empty.\n\
         gc-verifier = [\"std\"]\nstd = []\n\n[dependencies]\nverifier = { workspace = true }\n"
    );
    assert_eq!(
        tree.read("cranelift/verifier/Cargo.toml"),
        "[package]\nname = \"verifier\"\nversion = \"0.1.0\"\npublish = false\n\n[dependencies]\n\
         outer = { workspace = true }\n"
    );
    assert_eq!(tree.read("cranelift/verifier/src/lib.rs"), "// verifier\n");
    assert_eq!(tree.read("cranelift/files/deep/a.clif"), "test gc-verify\n");
    assert_eq!(tree.read("cranelift/other.rs"), "mod a;\nmod b;\nmod c;\n");
    assert_eq!(
        tree.read("Cargo.lock"),
        "version = 4\n\n[[package]]\nname = \"outer\"\nversion = \"1.0.3\"\ndependencies = [\n \
         \"verifier\",\n]\n\n[[package]]\nname = \"verifier\"\nversion = \"0.1.0\"\n\
         dependencies = [\n \"outer\",\n]\n"
    );
}

#[test]
fn reversing_leaves_nothing_behind() {
    let tree = Tree::new();
    tree.ok(&[]);
    tree.fails(&[], "is in");
    tree.fails(&["--allow-dirty"], "`--reverse` takes it out");
    tree.ok(&["--reverse"]);
    assert_eq!(tree.status(), "");
    assert!(!tree.path().join("cranelift/files").exists());
    tree.fails(&["--reverse"], "the series is not in");
    tree.ok(&[]);
}

#[test]
fn a_tree_of_another_release_is_refused() {
    let tree = Tree::new();
    for (version, message) in [
        ("2.0.3", "is Wasmtime 2.0.3, and the series is for 1.0.x"),
        ("1.01.0", "is Wasmtime 1.01.0"),
    ] {
        let text = format!("[workspace.package]\nversion = \"{version}\"\n");
        tree.write("Cargo.toml", &text);
        tree.commit();
        tree.fails(&[], message);
    }
    tree.write("Cargo.toml", "[package]\nname = \"outer\"\n");
    tree.commit();
    tree.fails(&[], "is not a checkout of Wasmtime");
}

#[test]
fn a_dirty_tree_is_refused_unless_that_is_allowed() {
    let tree = Tree::new();
    tree.write("notes.txt", "mine\n");
    tree.write("cranelift/other.rs", "mod a;\nmod c;\nmod mine;\n");
    tree.fails(&[], "has uncommitted changes:");
    let before = (tree.status(), tree.git(&["diff"]));
    tree.ok(&["--allow-dirty"]);
    assert_eq!(
        tree.read("cranelift/other.rs"),
        "mod a;\nmod b;\nmod c;\nmod mine;\n"
    );
    tree.ok(&["--reverse"]);
    assert_eq!((tree.status(), tree.git(&["diff"])), before);
}

#[test]
fn what_is_no_top_directory_of_a_checkout_is_refused() {
    let tree = Tree::new();
    let below: PathBuf = tree.path().join("cranelift");
    let args = ["patches", "apply", "--tree", below.to_str().unwrap()];
    let messages = tree.project.fails(&args);
    assert!(messages.contains("is not the top directory"), "{messages}");
    let elsewhere = tempfile::tempdir().unwrap();
    let args = [
        "patches",
        "apply",
        "--tree",
        elsewhere.path().to_str().unwrap(),
    ];
    let messages = tree.project.fails(&args);
    assert!(messages.contains("is not a git checkout"), "{messages}");
}

#[test]
fn a_conflict_is_told_and_changes_nothing() {
    let tree = Tree::new();
    tree.write(LIB, &lines(&[(20, "another two")]));
    tree.commit();
    tree.fails(&[], "the series does not apply to this tree");
    tree.fails(&[], "// another two");
    assert_eq!(tree.status(), "");
}

#[test]
fn work_in_a_file_of_the_series_is_not_reversed_away() {
    let tree = Tree::new();
    tree.ok(&[]);
    let applied = tree.read(LIB);
    tree.write(LIB, &format!("{applied}// mine\n"));
    tree.fails(&["--reverse"], LIB);
    tree.write(LIB, &applied);
    tree.ok(&["--reverse"]);
    assert_eq!(tree.status(), "");
}

#[test]
fn a_run_that_was_killed_can_be_reversed() {
    let mut tree = Tree::new();
    for point in ["recorded", "changed"] {
        tree.project.env.push(("XTASK_FAILPOINT", point.into()));
        assert!(!tree.project.run(&tree.args(&[])).status.success());
        tree.project.env.pop();
        tree.fails(&[], "is in");
        tree.ok(&["--reverse"]);
        assert_eq!(tree.status(), "");
    }
    tree.ok(&[]);
}

#[test]
fn each_patch_becomes_a_commit() {
    let tree = Tree::new();
    let base = tree.git(&["rev-parse", "HEAD"]);
    let base = base.trim();
    // A run that is killed changes nothing that anybody sees.
    let mut killed = tree.project.command(&tree.args(&["--commits"]));
    killed.env("XTASK_FAILPOINT", "committed");
    assert!(!killed.output().unwrap().status.success());
    assert_eq!(
        (tree.status(), tree.git(&["rev-parse", "HEAD"]).trim()),
        (String::new(), base)
    );

    let messages = tree.ok(&["--commits"]);
    assert!(messages.contains("made 4 commits"), "{messages}");
    assert_eq!(tree.status(), "");
    let log = tree.git(&["log", "--reverse", "--format=%an: %s", &format!("{base}..")]);
    let subjects = tree
        .project
        .git(&["log", "--reverse", "--format=%an: %s", "-3"]);
    let expected = format!("{subjects}\nZoë: cranelift: Add the GC verifier and its filetests\n");
    assert_eq!(log, expected);
    let committed = tree.git(&["rev-parse", "HEAD^{tree}"]);

    // What `git am` makes of the commits, and what is applied at once, is the same tree.
    let mails = tree.project.root().join("mails");
    let mails = mails.to_str().unwrap();
    tree.git(&["format-patch", "--quiet", "-o", mails, base]);
    tree.git(&["reset", "--quiet", "--keep", base]);
    let files: Vec<_> = fs::read_dir(mails)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    let mut files: Vec<_> = files.iter().map(|path| path.to_str().unwrap()).collect();
    files.sort();
    tree.git(&[&["am", "--quiet", "--no-3way"], files.as_slice()].concat());
    assert_eq!(tree.git(&["rev-parse", "HEAD^{tree}"]), committed);
    tree.git(&["reset", "--quiet", "--keep", base]);
    tree.ok(&[]);
    tree.git(&["add", "--all"]);
    assert_eq!(tree.git(&["write-tree"]), committed);
}

#[test]
fn commits_are_not_made_on_top_of_other_changes() {
    let tree = Tree::new();
    tree.write("notes.txt", "mine\n");
    tree.fails(&["--commits"], "has uncommitted changes");
    let both = tree
        .project
        .run(&tree.args(&["--commits", "--allow-dirty"]));
    assert_eq!(both.status.code(), Some(2));
}

#[test]
fn a_checkout_of_the_other_base_gets_its_patches() {
    let tree = Tree::new();
    tree.project.add_base(&lines(&[(2, "another line")]));
    // The fixture's root manifest is that of the test of bases.
    let text = "[workspace.package]\nversion = \"0.1.0\"\n\n[workspace.dependencies]\n\
                outer = \"=1.0.0\"\nother = \"0.1\"\n";
    tree.project.write("Cargo.toml", text);
    let manifest = tree.read("Cargo.toml").replace("1.0.3", "2.0.7");
    tree.write("Cargo.toml", &manifest);
    tree.write(
        LIB,
        &lines(&[(2, "another line"), (10, "of another release")]),
    );
    tree.commit();
    let rebase = ["patches", "rebase", "--onto", "2.0.0"];
    let messages = tree.project.fails(&rebase);
    assert!(
        messages.contains("outer-say-one.patch does not apply"),
        "{messages}"
    );
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .current_dir(tree.project.root().join("upstream-2"))
            .args(["-c", "user.name=Zoë", "-c", "user.email=zoe@example.org"])
            .args(args)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_EDITOR", "true")
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}");
    };
    let patched = lines(&[(2, "another line"), (3, "one"), (30, "one")]);
    tree.project.write(&format!("upstream-2/{LIB}"), &patched);
    git(&["add", "--all"]);
    git(&["am", "--continue"]);
    tree.project.ok(&rebase);
    tree.project.ok(&["patches", "refresh", "--base", "2"]);
    tree.ok(&[]);
    let expected = [
        (2, "another line"),
        (3, "one"),
        (10, "of another release"),
        (20, "two"),
        (30, "one"),
    ];
    assert_eq!(tree.read(LIB), lines(&expected));
}
