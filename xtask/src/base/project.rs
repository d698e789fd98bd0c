//! Where things are.

use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// The project's directory and the names of the things in it.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
}

impl Project {
    /// The project at `root`; by default the one that this xtask belongs to.
    pub fn locate(root: Option<PathBuf>) -> Result<Self> {
        let root = root.unwrap_or_else(|| {
            // `cargo run` sets the variable to where the manifest is now; the compile-time
            // value is where it was when this was built.
            let manifest_dir = std::env::var_os("CARGO_MANIFEST_DIR")
                .map(PathBuf::from)
                .filter(|dir| dir.ends_with("xtask"))
                .unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
            manifest_dir.join("..")
        });
        let root = fs_err::canonicalize(root)?;
        ensure!(
            root.join("xtask/pins.toml").is_file(),
            "{} is not the project's directory: it has no xtask/pins.toml",
            root.display()
        );
        Ok(Self { root })
    }

    /// The project's directory, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The patched sources.
    pub fn upstream(&self) -> PathBuf {
        self.root.join("upstream")
    }

    /// The patch series and its patches.
    pub fn patches(&self) -> PathBuf {
        self.root.join("patches")
    }

    /// The patched sources with faults on top.
    pub fn upstream_faults(&self) -> PathBuf {
        self.root.join("upstream-faults")
    }

    /// The series of faults, which is no part of the shipped one.
    pub fn faults(&self) -> PathBuf {
        self.patches().join("faults")
    }

    /// The one file of pins.
    pub fn pins(&self) -> PathBuf {
        self.root.join("xtask/pins.toml")
    }

    /// Scratch space that `cargo clean` removes.
    ///
    /// NB: not `CARGO_TARGET_DIR`: the trees built there must be in the project, whose
    /// `.cargo/config.toml` they share.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.root.join("target").join(name)
    }
}
