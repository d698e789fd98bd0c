//! The files that change, with their contents before and after.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Changes to a tree that are not made yet.
#[derive(Debug)]
pub struct Changes {
    tree: PathBuf,
    files: BTreeMap<String, Change>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its path in the tree, with `/`.
    pub path: String,
    /// What it contains; `None` if it is not there.
    pub before: Option<Vec<u8>>,
    /// What it will contain.
    pub after: Vec<u8>,
}

impl Changes {
    /// None yet.
    pub fn of(tree: &Path) -> Self {
        Self {
            tree: tree.into(),
            files: BTreeMap::new(),
        }
    }

    /// The file as it will be so far.
    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>> {
        match self.files.get(path) {
            Some(change) => Ok(Some(change.after.clone())),
            None => read(&self.tree.join(path)),
        }
    }

    /// The text of a file that has to be there.
    pub fn text(&self, path: &str) -> Result<String> {
        let bytes = self.read(path)?;
        let bytes = bytes.with_context(|| format!("the tree has no {path}"))?;
        String::from_utf8(bytes).with_context(|| format!("{path} is not UTF-8"))
    }

    /// Changes a file, or makes it.
    pub fn write(&mut self, path: &str, after: impl Into<Vec<u8>>) -> Result<()> {
        let after = after.into();
        if let Some(change) = self.files.get_mut(path) {
            change.after = after;
            return Ok(());
        }
        let change = Change {
            path: path.into(),
            before: read(&self.tree.join(path))?,
            after,
        };
        self.files.insert(path.into(), change);
        Ok(())
    }

    /// Makes a file that must not be there.
    pub fn create(&mut self, path: &str, after: impl Into<Vec<u8>>) -> Result<()> {
        ensure!(
            self.read(path)?.is_none(),
            "the tree has a file {path} already"
        );
        self.write(path, after)
    }

    /// The files that were written so far, with what they will contain.
    pub fn so_far(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let files = self.files.values();
        files.map(|change| (change.path.as_str(), change.after.as_slice()))
    }

    /// All that changes, by path.
    pub fn finish(self) -> Result<Vec<Change>> {
        let all = self.files.into_values();
        let changes: Vec<_> = all
            .filter(|change| change.before.as_ref() != Some(&change.after))
            .collect();
        ensure!(
            !changes.is_empty(),
            "there is nothing to change in the tree"
        );
        Ok(changes)
    }
}

impl Change {
    /// Makes the change.
    pub fn write(&self, tree: &Path) -> Result<()> {
        let path = tree.join(&self.path);
        fs_err::create_dir_all(path.parent().expect("a file is in a directory"))?;
        fs_err::write(path, &self.after)?;
        Ok(())
    }
}

/// A file's contents, if it is there.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>> {
    match fs_err::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error.into()),
    }
}
