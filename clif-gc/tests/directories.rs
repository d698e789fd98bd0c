//! Directories are walked.

mod common;

use common::{GOOD, run_in};
use std::fs;
use tempfile::TempDir;

#[test]
fn known_files_are_found_in_order_and_hidden_ones_are_not() {
    let directory = TempDir::new().expect("there is room for a directory");
    let path = directory.path();
    for parent in ["b", "a/deep", "x.wasm", ".hidden"] {
        fs::create_dir_all(path.join(parent)).expect("a directory can be made");
    }
    for file in [
        "z.wat",
        "b/2.wat",
        "b/1.wast",
        "b/.3.wat",
        "b/notes.txt",
        "a/deep/x.wat",
        "x.wasm/y.wat",
        ".hidden/h.wat",
    ] {
        fs::write(path.join(file), GOOD).expect("a file can be written");
    }
    fs::write(path.join("f.clif"), common::STALE).expect("a file can be written");
    let run = run_in(path, &["verify", ".", "--format", "json"]).expect_exit(1);
    let json = run.json();
    let files = json["files"].as_array().expect("there are files");
    let paths: Vec<&str> = files
        .iter()
        .filter_map(|file| file["path"].as_str())
        .collect();
    assert_eq!(
        paths,
        [
            "./a/deep/x.wat",
            "./b/1.wast:1",
            "./b/2.wat",
            "./f.clif",
            "./x.wasm/y.wat",
            "./z.wat"
        ]
    );
}

#[cfg(unix)]
#[test]
fn links_to_files_are_followed_and_links_to_directories_are_not() {
    use std::os::unix::fs::symlink;
    let directory = TempDir::new().expect("there is room for a directory");
    let path = directory.path();
    fs::write(path.join("a.wat"), GOOD).expect("a file can be written");
    symlink("a.wat", path.join("b.wat")).expect("a link can be made");
    symlink(".", path.join("loop.wat")).expect("a link can be made");
    run_in(path, &["verify", "."])
        .expect_exit(0)
        .prints("files           2\n");
}
