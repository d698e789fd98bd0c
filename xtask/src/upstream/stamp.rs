//! What upstream/ was made from: written last, so that its presence means completeness.

use crate::base::git::Git;
use crate::base::hex::hex;
use crate::series::Series;
use crate::upstream::pins::{Pin, Pins};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::path::PathBuf;

/// Changes with the way upstream/ is made, so that trees made the old way are made anew.
const FORMAT: &str = "cranelift-gc-verifier upstream tree 1";

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

/// What upstream/ is made from, as a hash: pins and the first `count` patches.
pub fn key(pins: &Pins, series: &Series, count: usize) -> String {
    let mut hash = Sha256::new();
    // Each field is preceded by its length, so that no two inputs look the same.
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    field(FORMAT.as_bytes());
    // The rest says how the tree is used, and not what it is made from.
    let Pins {
        leave_out, crates, ..
    } = pins;
    for name in leave_out {
        field(name.as_bytes());
    }
    for pin in crates {
        let Pin {
            name,
            version,
            path,
            sha256,
        } = pin;
        for text in [name, version, path, sha256] {
            field(text.as_bytes());
        }
    }
    for patch in series.patches().take(count) {
        field(patch.name.as_bytes());
        field(patch.text.as_bytes());
    }
    hex(&hash.finalize())
}
