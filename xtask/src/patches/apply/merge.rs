//! The series, merged into the tree's files.
//!
//! The patches are against the published crates of one patch release, and the tree may be of another. So
//! each file is merged three ways: the published file is the common ancestor of the tree's file and
//! of the patched one. Manifests are no part of that, because publishing rewrites them; see
//! [`manifest`].

use super::changes::Changes;
use super::manifest;
use crate::base::git::Git;
use crate::base::project::Project;
use anyhow::{Context, Result, bail, ensure};
use std::path::Path;

/// Merges what upstream/ changes from the commit `base` to the commit `head`; returns the number of
/// files.
pub fn series(
    project: &Project,
    upstream: &Git,
    (base, head): (&str, &str),
    changes: &mut Changes,
) -> Result<usize> {
    let list = upstream.run(["diff", "--name-status", "--no-renames", base, head])?;
    let scratch = project.scratch("patches-apply");
    let mut conflicts = Vec::new();
    for line in list.lines() {
        let (status, path) = line
            .split_once('\t')
            .context("git's output is not understood")?;
        let at = |commit: &str| upstream.run(["show", &format!("{commit}:{path}")]);
        match status {
            "A" => changes.create(path, at(head)?)?,
            "M" if path.ends_with("Cargo.toml") => {
                let tree = changes.text(path)?;
                let translated = manifest::translate(&at(base)?, &at(head)?, &tree);
                changes.write(path, translated.with_context(|| path.to_string())?)?;
            }
            "M" => match merge(&scratch, &changes.text(path)?, &at(base)?, &at(head)?)? {
                Ok(merged) => changes.write(path, merged)?,
                Err(conflict) => conflicts.push(format!("{path}:\n{conflict}")),
            },
            _ => bail!("the series removes {path}, which this cannot do"),
        }
    }
    ensure!(
        conflicts.is_empty(),
        "the series does not apply to this tree\n{}",
        conflicts.join("\n")
    );
    Ok(list.lines().count())
}

/// The merged text, or the conflicts.
fn merge(scratch: &Path, tree: &str, base: &str, patched: &str) -> Result<Result<String, String>> {
    fs_err::create_dir_all(scratch)?;
    let git = if scratch.join(".git").exists() {
        Git::at(scratch)
    } else {
        Git::init(scratch)?
    };
    for (name, text) in [("tree", tree), ("published", base), ("patched", patched)] {
        fs_err::write(scratch.join(name), text)?;
    }
    let output = git.output([
        "merge-file",
        "--stdout",
        "--diff3",
        &format!("--marker-size={}", MARK.len()),
        "tree",
        "published",
        "patched",
    ])?;
    // The exit code is the number of conflicts; what is no number of them is negative.
    ensure!(
        output.status.code().is_some_and(|code| code < 128),
        "git merge-file failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).context("git's output is not UTF-8")?;
    Ok(resolve(&text))
}

/// Long enough that no source contains it.
const MARK: &str = "<<<<<<<<<<<<<<<<<<<<<<<";

/// Git takes an insertion beside a change for a conflict. It is none: the insertion stays where it is,
/// before or after what was changed.
fn resolve(text: &str) -> Result<String, String> {
    let mut merged = String::new();
    let mut conflicts = String::new();
    let mut lines = text.split_inclusive('\n');
    while let Some(line) = lines.next() {
        if !line.starts_with(MARK) {
            merged.push_str(line);
            continue;
        }
        let mut until = |mark: &str| -> String {
            let mark = mark.repeat(MARK.len());
            let part = lines.by_ref().take_while(|line| !line.starts_with(&mark));
            part.collect()
        };
        let tree = until("|");
        let base = until("=");
        let patched = until(">");
        match beside(&tree, &base, &patched) {
            Some(both) => merged.push_str(&both),
            None => {
                for (who, what) in [("published", &base), ("tree", &tree), ("patched", &patched)] {
                    conflicts.push_str(&format!("  {who}:\n"));
                    for line in what.lines() {
                        conflicts.push_str(&format!("    {line}\n"));
                    }
                }
            }
        }
    }
    if conflicts.is_empty() {
        Ok(merged)
    } else {
        Err(conflicts)
    }
}

/// Both changes, if one of them only inserts before or after what the other changes.
fn beside(tree: &str, base: &str, patched: &str) -> Option<String> {
    // Two insertions at one place have no order.
    if base.is_empty() {
        return None;
    }
    let inserted = |with: &str, other: &str| {
        if let Some(after) = with.strip_prefix(base) {
            return Some(format!("{other}{after}"));
        }
        let before = with.strip_suffix(base)?;
        Some(format!("{before}{other}"))
    };
    inserted(patched, tree).or_else(|| inserted(tree, patched))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(tree: &str, base: &str, patched: &str) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        merge(dir.path(), tree, base, patched).unwrap()
    }

    #[test]
    fn changes_apart_are_merged() {
        let base = "a\nb\nc\nd\ne\n";
        let result = merged("A\nb\nc\nd\ne\n", base, "a\nb\nc\nd\nE\n");
        assert_eq!(result.unwrap(), "A\nb\nc\nd\nE\n");
    }

    #[test]
    fn an_insertion_beside_a_change_is_kept() {
        let base = "a\n\nb\n\nc\n";
        let patched = "a\n\nb\n\nnew\n\nc\n";
        assert_eq!(
            merged("a\n\nc\n", base, patched).unwrap(),
            "a\n\nnew\n\nc\n"
        );
        assert_eq!(
            merged("a\n\nB\n\nc\n", base, patched).unwrap(),
            "a\n\nB\n\nnew\n\nc\n"
        );
    }

    #[test]
    fn two_changes_of_one_line_are_a_conflict() {
        let conflict = merged("a\nx\n", "a\nb\n", "a\ny\n").unwrap_err();
        assert_eq!(
            conflict,
            "  published:\n    b\n  tree:\n    x\n  patched:\n    y\n"
        );
    }
}
