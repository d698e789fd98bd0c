//! The page of `report` is one file that needs nothing else, and has what was asked for.

mod common;

use common::{GOOD, Run, STALE, run_in};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().expect("there is room for a directory");
    for (name, text) in files {
        fs::write(directory.path().join(name), text).expect("the file can be written");
    }
    directory
}

fn report(directory: &Path, arguments: &[&str]) -> Run {
    let mut all = vec!["report", "-o", "page.html"];
    all.extend(arguments);
    run_in(directory, &all)
}

fn page(directory: &Path) -> String {
    fs::read_to_string(directory.join("page.html")).expect("the page was written")
}

/// The data of a page.
fn data(page: &str) -> Value {
    let begin = "<script type=\"application/json\" id=\"data\">";
    let (_, rest) = page.split_once(begin).expect("the page has data");
    let (data, _) = rest.split_once("</script>").expect("the data ends");
    serde_json::from_str(data).expect("the data is JSON")
}

fn array(value: &Value) -> &[Value] {
    value.as_array().expect("it is an array")
}

fn hash_table() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../filetests/wasm/hash-table.wat")
}

#[test]
fn a_rejected_function_is_there_in_full() {
    let directory = directory(&[("stale.clif", STALE)]);
    report(directory.path(), &["stale.clif"])
        .expect_exit(0)
        .prints("page.html: 1 function, 1 of them in full");
    let data = data(&page(directory.path()));
    assert_eq!(data["functions"][0]["verdict"], "rejected");
    let detail = &data["details"][0];
    let passes: Vec<&str> = array(&detail["passes"])
        .iter()
        .map(|pass| pass["pass"].as_str().expect("a pass has a name"))
        .collect();
    assert_eq!(passes, ["input", "constant-phis", "egraph"]);
    let finding = &detail["findings"][0];
    assert_eq!(finding["code"], "GCV02");
    assert_eq!(array(&finding["witness"]).len(), 3);
    let records = array(&detail["emission"]["records"]);
    assert_eq!(records.len(), 1);
    assert_eq!(records[0]["inst"], "inst2");
    assert_eq!(array(&records[0]["entries"]).len(), 1);
    assert!(data["checks"]["GCV02"].is_string());
}

#[test]
fn the_functions_that_are_asked_for_are_there_in_full() {
    let directory = directory(&[("good.wat", GOOD)]);
    let file = hash_table();
    let file = file.to_string_lossy();
    let in_full = |options: &[&str]| {
        let mut arguments = vec![&*file];
        arguments.extend(options);
        report(directory.path(), &arguments).expect_exit(0);
        let data = data(&page(directory.path()));
        assert!(
            array(&data["functions"]).len() >= 9,
            "all functions are listed"
        );
        array(&data["details"]).len()
    };
    assert_eq!(in_full(&["--function", "put"]), 1);
    assert_eq!(in_full(&["--function", "g*"]), 2);
    assert_eq!(in_full(&["--max-functions", "3"]), 3);
    assert_eq!(in_full(&["--max-functions", "0"]), 0);
    report(directory.path(), &[&file, "--function", "nobody"])
        .expect_exit(2)
        .says("no function is called nobody");
}

#[test]
fn rewrites_have_their_rules_and_verdicts() {
    let directory = directory(&[]);
    let file = hash_table();
    report(
        directory.path(),
        &[&file.to_string_lossy(), "--function", "put"],
    )
    .expect_exit(0);
    let data = data(&page(directory.path()));
    let rewrites = array(&data["details"][0]["rewrites"]);
    assert!(rewrites.iter().any(|rewrite| rewrite["rule"].is_string()));
    assert!(rewrites.iter().any(|rewrite| rewrite["references"] == true));
    assert!(
        rewrites
            .iter()
            .all(|rewrite| rewrite["verdict"]["answer"] == "accepted")
    );
}

#[test]
fn the_page_needs_nothing_else() {
    let directory = directory(&[("good.wat", GOOD)]);
    report(directory.path(), &["good.wat"]).expect_exit(0);
    let page = page(directory.path());
    assert!(page.contains("default-src 'none'"));
    for outside in ["src=", "href=", "@import", "url(\"", "//cdn", "fetch("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

#[test]
fn the_same_page_is_written_each_time() {
    let directory = directory(&[]);
    let file = hash_table();
    let file = file.to_string_lossy();
    report(directory.path(), &[&file]).expect_exit(0);
    let first = page(directory.path());
    report(directory.path(), &[&file]).expect_exit(0);
    assert!(first == page(directory.path()));
}

#[test]
fn what_no_page_can_be_made_of_is_told() {
    let directory = directory(&[
        ("script.wast", "(module)"),
        ("bad.wat", "(module"),
        ("good.wat", GOOD),
    ]);
    report(directory.path(), &["script.wast"])
        .expect_exit(2)
        .says("a script");
    report(directory.path(), &["bad.wat"])
        .expect_exit(2)
        .says("bad.wat:1:");
    report(directory.path(), &["nowhere.wat"])
        .expect_exit(2)
        .says("nowhere.wat");
    run_in(
        directory.path(),
        &["report", "good.wat", "-o", "no/where.html"],
    )
    .expect_exit(2)
    .says("cannot write no/where.html");
    assert!(!directory.path().join("page.html").exists());
}

/// Chromium draws the page, where there is one; `CHROMIUM` names it, and then it has to be there.
#[test]
fn a_browser_draws_the_page() {
    let named = std::env::var_os("CHROMIUM");
    let program = named.clone().unwrap_or("chromium".into());
    let directory = directory(&[("stale.clif", STALE)]);
    report(directory.path(), &["stale.clif"]).expect_exit(0);
    for (view, parts) in [
        (
            "graph",
            &[
                "class=\"node safepoint path guilty\"",
                "class=\"mark\"",
                "path of GCV02",
            ][..],
        ),
        (
            "code",
            &[
                "class=\"l guilty witness\"",
                "class=\"map\"",
                "data-e=\"v0\"",
            ],
        ),
        ("slots", &["ss0+0", "inst1 v0", "inst2 i32"]),
        ("maps", &["return address", "i32 at sp+"]),
        ("findings", &["GCV02 stale-reference", "draw it"]),
    ] {
        let page = directory.path().join("page.html");
        let address = format!("file://{}#%25stale/{view}", page.display());
        let output = Command::new(&program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--dump-dom",
                &address,
            ])
            .output();
        let output = match output {
            Ok(output) => output,
            Err(error) => {
                assert!(named.is_none(), "{error}");
                return;
            }
        };
        let drawn = String::from_utf8_lossy(&output.stdout);
        let (_, body) = drawn.split_once("<main>").expect("the page was loaded");
        let (body, _) = body.split_once("</main>").expect("the page is whole");
        for part in parts {
            assert!(body.contains(part), "{view}: no {part:?} in\n{body}");
        }
    }
}
