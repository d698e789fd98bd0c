//! The files of a directory.

use anyhow::{Context as _, Result};
use std::path::{Path, PathBuf};

/// The files below `root` whose name ends in `.extension`, sorted.
///
/// # Errors
///
/// Fails if a directory cannot be read.
pub fn find_files(root: &Path, extension: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut pending = vec![root.to_path_buf()];
    while let Some(dir) = pending.pop() {
        let entries = std::fs::read_dir(&dir);
        for entry in entries.with_context(|| format!("cannot read {}", dir.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                pending.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
