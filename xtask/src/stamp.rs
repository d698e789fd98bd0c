//! What upstream/ was made from: written last, so that its presence means completeness.

use crate::git::Git;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The record in `upstream/.git`, where no `git clean` or `git add` reaches it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// Hash of pins and patches.
    pub key: String,
    /// The commit of the pinned sources.
    pub base: String,
    /// The commit of the last patch.
    pub head: String,
}

impl Stamp {
    fn path(git: &Git) -> PathBuf {
        git.dir().join(".git/xtask-stamp.toml")
    }

    /// The stamp, if there is one.
    pub fn read(git: &Git) -> Result<Option<Self>> {
        let path = Self::path(git);
        if !path.exists() {
            return Ok(None);
        }
        let text = fs_err::read_to_string(&path)?;
        let stamp = toml::from_str(&text);
        stamp.with_context(|| format!("{} is damaged; delete it", path.display()))
    }

    /// Writes the stamp; it is on disk, whole, before this returns.
    pub fn write(&self, git: &Git) -> Result<()> {
        let path = Self::path(git);
        let temporary = path.with_extension("tmp");
        let text = format!(
            "key = \"{}\"\nbase = \"{}\"\nhead = \"{}\"\n",
            self.key, self.base, self.head
        );
        fs_err::write(&temporary, text)?;
        fs_err::File::open(&temporary)?.sync_all()?;
        fs_err::rename(temporary, path)?;
        Ok(())
    }
}
