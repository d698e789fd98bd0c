//! Follows every link of the book, as a browser finds it.

use anyhow::{Context, Result, ensure};
use scraper::Html;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

/// What became of the links.
pub struct Found {
    /// How many were followed.
    pub followed: usize,
    /// Those that lead nowhere, each with its page.
    pub broken: Vec<String>,
}

/// A page: its links, and what its anchors are called.
#[derive(Default)]
struct Page {
    links: BTreeSet<String>,
    anchors: BTreeSet<String>,
}

/// Follows the links and the references to pictures, styles and programs of all pages in `dir`. Addresses of
/// other sites are not asked for.
///
/// # Errors
///
/// A page cannot be read, or there are no links: then nothing was checked.
pub fn check(dir: &Path) -> Result<Found> {
    let mut pages = BTreeMap::new();
    let mut files = BTreeSet::new();
    read(dir, Path::new(""), &mut pages, &mut files)?;
    let mut found = Found {
        followed: 0,
        broken: Vec::new(),
    };
    for (path, page) in &pages {
        for link in page.links.iter().filter(|link| is_local(link)) {
            found.followed += 1;
            if !leads(path, link, &pages, &files) {
                found.broken.push(format!("{}: {link}", path.display()));
            }
        }
    }
    ensure!(found.followed > 0, "the book has no links");
    Ok(found)
}

/// Reads what is in a directory of the book.
fn read(
    root: &Path,
    dir: &Path,
    pages: &mut BTreeMap<PathBuf, Page>,
    files: &mut BTreeSet<PathBuf>,
) -> Result<()> {
    for entry in fs::read_dir(root.join(dir))? {
        let entry = entry?;
        let path = dir.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            read(root, &path, pages, files)?;
            continue;
        }
        if path
            .extension()
            .is_some_and(|extension| extension == "html")
        {
            let text =
                fs::read_to_string(root.join(&path)).with_context(|| path.display().to_string())?;
            pages.insert(path.clone(), page(&text));
        }
        files.insert(path);
    }
    Ok(())
}

fn page(text: &str) -> Page {
    let mut page = Page::default();
    let html = Html::parse_document(text);
    for element in html.tree.values().filter_map(|node| node.as_element()) {
        for attribute in ["href", "src"] {
            page.links
                .extend(element.attr(attribute).map(str::to_string));
        }
        page.anchors.extend(element.attr("id").map(str::to_string));
    }
    page
}

/// Is it a link to something of the book?
fn is_local(link: &str) -> bool {
    let is_elsewhere = ["http:", "https:", "mailto:", "data:", "javascript:"];
    !is_elsewhere.iter().any(|scheme| link.starts_with(scheme))
}

fn leads(
    from: &Path,
    link: &str,
    pages: &BTreeMap<PathBuf, Page>,
    files: &BTreeSet<PathBuf>,
) -> bool {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let mut to = from.to_path_buf();
    if !path.is_empty() {
        to.pop();
        for component in Path::new(path).components() {
            match component {
                Component::ParentDir if to.pop() => {}
                Component::CurDir => {}
                Component::Normal(name) => to.push(name),
                _ => return false,
            }
        }
    }
    match pages.get(&to) {
        Some(page) => anchor.is_empty() || page.anchors.contains(anchor),
        None => anchor.is_empty() && files.contains(&to),
    }
}
