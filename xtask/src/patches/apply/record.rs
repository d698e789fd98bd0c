//! What was done to a tree, kept in its git directory until it is undone.
//!
//! The record is whole or not there, and it is there before the first file changes.

use super::changes::{Change, read};
use crate::base::hex::hex;
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The directory in the git directory.
const NAME: &str = "cranelift-gc-verifier";

/// A record that was read.
#[derive(Debug)]
pub struct Record {
    dir: PathBuf,
    list: List,
}

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    file: Vec<Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    path: String,
    /// Whether the file was there before; its contents then are in a file named by the position.
    existed: bool,
    /// The hash of what it was changed to.
    after: String,
}

impl Record {
    /// Whether there is one.
    pub fn exists(git_dir: &Path) -> bool {
        git_dir.join(NAME).exists()
    }

    /// Writes one.
    pub fn write(git_dir: &Path, changes: &[Change]) -> Result<()> {
        let temporary = git_dir.join(format!("{NAME}.tmp-{}", std::process::id()));
        fs_err::create_dir_all(&temporary)?;
        let mut list = List::default();
        for (index, change) in changes.iter().enumerate() {
            if let Some(before) = &change.before {
                fs_err::write(temporary.join(index.to_string()), before)?;
            }
            list.file.push(Entry {
                path: change.path.clone(),
                existed: change.before.is_some(),
                after: hash(&change.after),
            });
        }
        fs_err::write(
            temporary.join("record.json"),
            serde_json::to_string_pretty(&list)?,
        )?;
        fs_err::rename(temporary, git_dir.join(NAME))?;
        Ok(())
    }

    /// Reads it, if there is one.
    pub fn read(git_dir: &Path) -> Result<Option<Self>> {
        if !Self::exists(git_dir) {
            return Ok(None);
        }
        let dir = git_dir.join(NAME);
        let text = fs_err::read_to_string(dir.join("record.json"))?;
        let list = serde_json::from_str(&text);
        let list = list.with_context(|| format!("{} is damaged", dir.display()))?;
        Ok(Some(Self { dir, list }))
    }

    /// The files that are neither as they were before nor as they were changed.
    pub fn changed_since(&self, tree: &Path) -> Result<Vec<String>> {
        let mut changed = Vec::new();
        for (index, entry) in self.list.file.iter().enumerate() {
            let now = read(&tree.join(&entry.path))?;
            let is_after = now.as_ref().is_some_and(|now| hash(now) == entry.after);
            if !is_after && now != self.before(index, entry)? {
                changed.push(entry.path.clone());
            }
        }
        Ok(changed)
    }

    /// Puts everything back; returns how many files that are.
    pub fn undo(&self, tree: &Path) -> Result<usize> {
        for (index, entry) in self.list.file.iter().enumerate() {
            let path = tree.join(&entry.path);
            match self.before(index, entry)? {
                Some(before) => fs_err::write(&path, before)?,
                None => {
                    if path.exists() {
                        fs_err::remove_file(&path)?;
                    }
                    remove_empty(path.parent(), tree);
                }
            }
        }
        Ok(self.list.file.len())
    }

    /// Forgets it.
    pub fn delete(git_dir: &Path) -> Result<()> {
        fs_err::remove_dir_all(git_dir.join(NAME))?;
        Ok(())
    }

    fn before(&self, index: usize, entry: &Entry) -> Result<Option<Vec<u8>>> {
        if !entry.existed {
            return Ok(None);
        }
        match read(&self.dir.join(index.to_string()))? {
            Some(before) => Ok(Some(before)),
            None => bail!("{} lacks {}", self.dir.display(), entry.path),
        }
    }
}

/// Removes the directory and those above it, as long as they are empty and in the tree.
fn remove_empty(mut dir: Option<&Path>, tree: &Path) {
    while let Some(empty) = dir.filter(|dir| *dir != tree) {
        // One that is not empty cannot be removed, and need not be.
        if std::fs::remove_dir(empty).is_err() {
            return;
        }
        dir = empty.parent();
    }
}

fn hash(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}
