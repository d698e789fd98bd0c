//! Builds the documents as a book: `gc-book ROOT [OUT]`.
//!
//! `docs/SUMMARY.md` lists the pages. They stay where they are in the repository, with links that work there. A
//! book has its pages in one directory, so they are copied there, and their links are written anew ([`stage`]).
//! mdBook renders the copy, and every link of the result is followed ([`links`]).

mod links;
mod stage;

use anyhow::{Context, Result, bail};
use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1).map(PathBuf::from);
    let Some(root) = args.next() else {
        eprintln!("usage: gc-book ROOT [OUT]");
        return ExitCode::from(2);
    };
    let out = args.next().unwrap_or_else(|| root.join("target/book"));
    match build(&root, &out) {
        Ok(report) => {
            eprintln!("book: {report}: {}", out.join("html/index.html").display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the book of the project at `root` in the directory `out`, and checks it.
///
/// # Errors
///
/// Something cannot be read or written, or a link leads nowhere.
fn build(root: &Path, out: &Path) -> Result<String> {
    if out.exists() {
        fs::remove_dir_all(out).with_context(|| format!("cannot empty {}", out.display()))?;
    }
    let staged = stage::run(root, &out.join("src"))?;
    let mut config = Config::from_disk(root.join("docs/book.toml"))?;
    let html = config.html_config().unwrap_or_default();
    for file in html.additional_css {
        fs::copy(root.join("docs").join(&file), out.join(&file))
            .with_context(|| format!("docs/{}", file.display()))?;
    }
    config.book.src = "src".into();
    config.build.build_dir = "html".into();
    MDBook::load_with_config(out, config)?.build()?;
    let found = links::check(&out.join("html"))?;
    if !found.broken.is_empty() {
        bail!(
            "{} links of the book lead nowhere\n{}",
            found.broken.len(),
            found.broken.join("\n")
        );
    }
    Ok(format!(
        "{} pages, {} links that were followed",
        staged.pages, found.followed
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A project with these files, and a book.
    fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("there is room");
        let config = ("docs/book.toml", "[output.html]\ninput-404 = \"\"\n");
        for (name, text) in files.iter().chain([&config]) {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("it has one")).expect("it can be made");
            fs::write(path, text).expect("it can be written");
        }
        dir
    }

    fn built(files: &[(&str, &str)]) -> Result<String> {
        let dir = project(files);
        build(dir.path(), &dir.path().join("target/book"))
    }

    const SUMMARY: &str = "# Summary\n\n[First](../README.md)\n\n- [Second](second.md)\n";

    #[test]
    fn links_of_the_repository_are_links_of_the_book() {
        let readme = "# First\n\n[a](docs/second.md#a-part) [code](src/main.rs) ![](docs/x.svg)\n";
        let second = "# Second\n\n## A part\n\n[up](../README.md#first) [`x`](x.json)\n";
        let dir = project(&[
            ("README.md", readme),
            ("docs/SUMMARY.md", SUMMARY),
            ("docs/second.md", second),
            ("docs/x.json", "{}"),
            ("docs/x.svg", "<svg/>"),
            ("src/main.rs", "fn main() {}"),
        ]);
        let out = dir.path().join("target/book");
        let report = build(dir.path(), &out).expect("it is in order");
        assert!(report.starts_with("2 pages"), "{report}");
        let first = fs::read_to_string(out.join("html/index.html")).expect("it is there");
        for expected in [
            "href=\"second.html#a-part\"",
            "code (<code>src/main.rs</code>)",
            "src=\"x.svg\"",
        ] {
            assert!(first.contains(expected), "{expected} not in:\n{first}");
        }
        assert!(out.join("html/x.json").exists());
    }

    #[test]
    fn broken_links_are_found() {
        let second = ("docs/second.md", "# Second\n");
        let summary = ("docs/SUMMARY.md", SUMMARY);
        let with = |text| built(&[("README.md", text), summary, second]);
        assert!(with("# First\n\n[a](docs/second.md#second)\n").is_ok());
        for (text, why) in [
            (
                "# First\n\n[a](docs/second.md#third)\n",
                "index.html: second.html#third",
            ),
            ("# First\n\n[a](#last)\n", "index.html: #last"),
            (
                "# First\n\n[a](docs/third.md)\n",
                "README.md: docs/third.md",
            ),
            ("# First\n\n[a](../third.md)\n", "README.md: ../third.md"),
            (
                "# First\n\n<a href=\"third.html\">a</a>\n",
                "index.html: third.html",
            ),
            ("# First\n\n![a](docs/x.png)\n", "README.md: docs/x.png"),
        ] {
            let error = format!("{:#}", with(text).expect_err(text));
            assert!(error.contains(why), "{why} not in: {error}");
        }
    }

    #[test]
    fn a_document_that_no_chapter_shows_is_found() {
        let error = built(&[
            ("README.md", "# First\n"),
            ("docs/SUMMARY.md", SUMMARY),
            ("docs/second.md", "# Second\n"),
            ("docs/checks/third.md", "# Third\n"),
        ]);
        let error = format!("{:#}", error.expect_err("it is not listed"));
        assert!(error.contains("docs/checks/third.md"), "{error}");
    }
}
