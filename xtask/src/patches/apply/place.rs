//! Puts what `tree.toml` names into the tree.

use super::changes::Changes;
use super::layout::{Crate, Insert, Layout};
use super::lockfile::Lockfile;
use super::manifest;
use crate::base::project::Project;
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// Does it all; returns the number of files.
pub fn all(project: &Project, layout: &Layout, changes: &mut Changes) -> Result<usize> {
    let lock = changes.read("Cargo.lock")?;
    let lock = lock.map(String::from_utf8).transpose()?;
    let mut lock = lock.as_deref().map(Lockfile::parse).transpose()?;
    let mut count = 0;

    let root = changes.text("Cargo.toml")?;
    for place in &layout.crates {
        let manifest = place_crate(project, place, &root, changes)?;
        if let Some(lock) = &mut lock {
            lock.add(&manifest)?;
        }
        count += 1;
        for part in &place.parts {
            let (from, to) = (&place.from, &place.to);
            count += copy(
                project,
                &format!("{from}/{part}"),
                &format!("{to}/{part}"),
                changes,
            )?;
        }
    }
    for file in &layout.copy {
        count += copy(project, &file.from, &file.to, changes)?;
    }
    for (path, keys) in &layout.manifest {
        let text = changes.text(path)?;
        let merged = manifest::add(&text, keys).with_context(|| path.clone())?;
        if let Some(lock) = &mut lock {
            lock.depend(&merged, keys)?;
        }
        changes.write(path, merged)?;
    }
    for insert in &layout.insert {
        let text = changes.text(&insert.file)?;
        let text = insert_lines(&text, insert).with_context(|| insert.file.clone())?;
        changes.write(&insert.file, text)?;
    }
    if let Some(lock) = lock {
        changes.write("Cargo.lock", lock.text())?;
    }
    Ok(count)
}

/// Puts the manifest of a crate in place; returns it.
fn place_crate(
    project: &Project,
    place: &Crate,
    root_of_tree: &str,
    changes: &mut Changes,
) -> Result<String> {
    let read = |path: &str| fs_err::read_to_string(project.root().join(path));
    let path = format!("{}/Cargo.toml", place.from);
    let moved = manifest::moved(
        &read(&path)?,
        &read("Cargo.toml")?,
        root_of_tree,
        &place.without,
    );
    let moved = moved.with_context(|| path)?;
    changes.create(&format!("{}/Cargo.toml", place.to), moved.as_str())?;
    Ok(moved)
}

/// Copies a file or what is below a directory; returns the number of files, which is not zero.
fn copy(project: &Project, from: &str, to: &str, changes: &mut Changes) -> Result<usize> {
    let path = project.root().join(from);
    if path.is_file() {
        changes.create(to, fs_err::read(path)?)?;
        return Ok(1);
    }
    let mut names = Vec::new();
    for entry in fs_err::read_dir(&path)? {
        let name = entry?.file_name();
        let name = name.to_str().context("a file name is not UTF-8")?;
        names.push(name.to_string());
    }
    names.sort();
    let mut count = 0;
    for name in names {
        count += copy(
            project,
            &format!("{from}/{name}"),
            &format!("{to}/{name}"),
            changes,
        )?;
    }
    ensure!(
        count > 0,
        "there is no file in {}",
        Path::new(from).display()
    );
    Ok(count)
}

fn insert_lines(text: &str, insert: &Insert) -> Result<String> {
    let count = text.lines().filter(|line| *line == insert.after).count();
    ensure!(
        count == 1,
        "the line `{}` is there {count} times, and should be once",
        insert.after.trim()
    );
    let mut inserted = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        inserted.push_str(line);
        if line.trim_end_matches('\n') == insert.after {
            for new in &insert.lines {
                inserted.push_str(new);
                inserted.push('\n');
            }
        }
    }
    Ok(inserted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_follow_the_one_line() {
        let insert = Insert {
            file: "a.rs".into(),
            after: "b".into(),
            lines: vec!["new".into(), "newer".into()],
        };
        assert_eq!(
            insert_lines("a\nb\nc\n", &insert).unwrap(),
            "a\nb\nnew\nnewer\nc\n"
        );
        let error = insert_lines("a\nb\nb\n", &insert).unwrap_err().to_string();
        assert!(error.contains("is there 2 times"), "{error}");
    }
}
