//! Copies the pages to one directory, with links that work there.

use anyhow::{Context, Result, bail, ensure};
use pulldown_cmark::{Event, LinkType, Options, Parser, Tag};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Component, Path, PathBuf};

/// The list of the pages.
const SUMMARY: &str = "docs/SUMMARY.md";

/// What became of the pages.
pub struct Staged {
    pub pages: usize,
}

/// Copies the pages that the summary lists, and what they show, from `root` to `to`.
///
/// # Errors
///
/// A file cannot be read or written, a link leads to no file, or a document is not listed.
pub fn run(root: &Path, to: &Path) -> Result<Staged> {
    let summary = read(root, Path::new(SUMMARY))?;
    let mut pages = BTreeSet::new();
    for link in links(SUMMARY, &summary)? {
        pages.insert(resolve(root, Path::new(SUMMARY), link.path())?);
    }
    let unlisted: Vec<String> = documents(root, Path::new("docs"))?
        .into_iter()
        .filter(|document| !pages.contains(document) && document != Path::new(SUMMARY))
        .map(|document| document.display().to_string())
        .collect();
    ensure!(
        unlisted.is_empty(),
        "{SUMMARY} does not list {}",
        unlisted.join(", ")
    );
    let mut places = BTreeMap::new();
    for page in &pages {
        if let Some(other) = places.insert(staged(page), page) {
            bail!("{} and {} are one page", page.display(), other.display());
        }
    }
    let mut shown = BTreeSet::new();
    for page in pages
        .iter()
        .map(PathBuf::as_path)
        .chain([Path::new(SUMMARY)])
    {
        let text = read(root, page)?;
        let text = translated(root, page, &text, &pages, &mut shown)?;
        write(&to.join(staged(page)), text.as_bytes())?;
    }
    for file in &shown {
        let bytes = fs::read(root.join(file)).with_context(|| file.display().to_string())?;
        write(&to.join(staged(file)), &bytes)?;
    }
    Ok(Staged { pages: pages.len() })
}

/// Where a file of the repository is in the book: what is in `docs/` comes to its root, and what a code host shows
/// of a directory, a browser does.
fn staged(file: &Path) -> PathBuf {
    let place = file.strip_prefix("docs").unwrap_or(file);
    match place.ends_with("README.md") {
        true => place.with_file_name("index.md"),
        false => place.to_path_buf(),
    }
}

/// A link in a document.
struct Link {
    /// Where it is.
    range: Range<usize>,
    /// Where its destination is.
    destination: Range<usize>,
    /// Where its text is.
    text: Range<usize>,
    /// What it leads to.
    to: String,
}

impl Link {
    /// The destination without its anchor.
    fn path(&self) -> &str {
        self.to.split('#').next().unwrap_or_default()
    }

    /// The anchor, with its mark.
    fn anchor(&self) -> &str {
        &self.to[self.path().len()..]
    }
}

/// What mdBook reads, too.
fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_HEADING_ATTRIBUTES
}

/// The links of a document to files, in the order of the text.
fn links(name: &str, text: &str) -> Result<Vec<Link>> {
    let mut links = Vec::new();
    for (event, range) in Parser::new_ext(text, options()).into_offset_iter() {
        let (link_type, to) = match event {
            Event::Start(
                Tag::Link {
                    link_type,
                    dest_url,
                    ..
                }
                | Tag::Image {
                    link_type,
                    dest_url,
                    ..
                },
            ) => (link_type, dest_url.to_string()),
            _ => continue,
        };
        if to.contains("://") || to.starts_with("mailto:") || to.starts_with('#') {
            continue;
        }
        let source = &text[range.clone()];
        let at = source.rfind("](").filter(|_| link_type == LinkType::Inline);
        let Some(at) = at.filter(|at| source[at + 2..].starts_with(&to)) else {
            bail!("{name}: `{source}` is no link of the form [text](file)");
        };
        let start = range.start + at + 2;
        links.push(Link {
            destination: start..start + to.len(),
            text: range.start..range.start + at + 1,
            range,
            to,
        });
    }
    Ok(links)
}

/// The text of `page`, with links between the pages as they are in the book. What is shown besides pages is
/// added to `shown`.
fn translated(
    root: &Path,
    page: &Path,
    text: &str,
    pages: &BTreeSet<PathBuf>,
    shown: &mut BTreeSet<PathBuf>,
) -> Result<String> {
    let mut out = String::new();
    let mut done = 0;
    for link in links(&page.display().to_string(), text)? {
        let file = resolve(root, page, link.path())?;
        if pages.contains(&file) || is_document(&file) {
            if !pages.contains(&file) {
                shown.insert(file.clone());
            }
            out += &text[done..link.destination.start];
            out += &relative(&staged(page), &staged(&file));
            out += link.anchor();
            done = link.destination.end;
            continue;
        }
        // What is no part of the book has no address there: its path has to do.
        let shown_text = &text[link.text.start + 1..link.text.end - 1];
        out += &text[done..link.range.start];
        out += shown_text;
        if !shown_text.contains(&*file.to_string_lossy()) {
            out += &format!(" (`{}`)", file.display());
        }
        done = link.range.end;
    }
    Ok(out + &text[done..])
}

/// Is it something besides pages that belongs to the documents?
fn is_document(file: &Path) -> bool {
    file.starts_with("docs") && file.extension().is_some_and(|extension| extension != "md")
}

/// The file that a link on `page` leads to, relative to `root`.
fn resolve(root: &Path, page: &Path, link: &str) -> Result<PathBuf> {
    let mut file = page.parent().unwrap_or(Path::new("")).to_path_buf();
    for component in Path::new(link).components() {
        match component {
            Component::ParentDir if file.pop() => {}
            Component::CurDir => {}
            Component::Normal(name) => file.push(name),
            _ => bail!("{}: {link} leads out of the repository", page.display()),
        }
    }
    ensure!(
        root.join(&file).exists(),
        "{}: {link} leads nowhere",
        page.display()
    );
    Ok(file)
}

/// The way from one file of the book to another one.
fn relative(from: &Path, to: &Path) -> String {
    let from: Vec<_> = from.parent().into_iter().flat_map(Path::iter).collect();
    let to: Vec<_> = to.iter().collect();
    let common = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n("..".into(), from.len() - common);
    let down = to[common..].iter().map(|name| name.to_string_lossy());
    up.chain(down).collect::<Vec<_>>().join("/")
}

/// The Markdown files in a directory of `root`, and in those in it.
fn documents(root: &Path, dir: &Path) -> Result<Vec<PathBuf>> {
    let mut documents = Vec::new();
    for entry in fs::read_dir(root.join(dir)).with_context(|| dir.display().to_string())? {
        let entry = entry?;
        let path = dir.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            documents.extend(self::documents(root, &path)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            documents.push(path);
        }
    }
    documents.sort();
    Ok(documents)
}

fn read(root: &Path, file: &Path) -> Result<String> {
    fs::read_to_string(root.join(file)).with_context(|| file.display().to_string())
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let dir = path.parent().context("a page is in a directory")?;
    fs::create_dir_all(dir)?;
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ways_between_pages() {
        let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
        assert_eq!(way("a.md", "b.md"), "b.md");
        assert_eq!(way("checks/a.md", "checks/b.md"), "b.md");
        assert_eq!(way("checks/a.md", "b.md"), "../b.md");
        assert_eq!(way("a.md", "checks/b.md"), "checks/b.md");
        assert_eq!(way("checks/a.md", "fuzz/b.md"), "../fuzz/b.md");
    }

    #[test]
    fn code_has_no_links() {
        let text = "`[a](b)` [c](d.md#e)\n\n```\n[f](g)\n```\n\n| [h](i) |\n|---|\n| ![j](k) |\n";
        let links = links("test", text).expect("they have one form");
        let found: Vec<_> = links
            .iter()
            .map(|link| (link.path(), link.anchor()))
            .collect();
        assert_eq!(found, [("d.md", "#e"), ("i", ""), ("k", "")]);
    }

    #[test]
    fn links_of_another_form_are_not_passed_over() {
        assert!(links("test", "[a][b]\n\n[b]: c.md\n").is_err());
        assert!(links("test", "[a](<b c.md>)\n").is_err());
        assert!(links("test", "[a][b]\n\n[b]: https://example.org/\n").is_ok());
    }
}
