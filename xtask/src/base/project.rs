//! Where things are.

use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};

/// The project's directory and the names of the things in it.
///
/// The project is built on one of several *bases*, which are releases of Wasmtime. The default one has the
/// plain names; what belongs to another one has its number in its name.
#[derive(Debug, Clone)]
pub struct Project {
    root: PathBuf,
    /// The number of the base, unless it is the default.
    base: Option<String>,
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
        Ok(Self { root, base: None })
    }

    /// The project on another base than the default.
    pub fn on(&self, base: &str) -> Self {
        Self {
            root: self.root.clone(),
            base: Some(base.into()),
        }
    }

    /// The project on the default base.
    pub fn on_default(&self) -> Self {
        Self {
            root: self.root.clone(),
            base: None,
        }
    }

    /// The number of the base, unless it is the default.
    pub fn base(&self) -> Option<&str> {
        self.base.as_deref()
    }

    /// `name`, or `name-50` on the base 50.
    fn name(&self, name: &str) -> String {
        match &self.base {
            None => name.into(),
            Some(base) => format!("{name}-{base}"),
        }
    }

    /// ` --base 50` on the base 50, for commands that a message names.
    pub fn base_argument(&self) -> String {
        let base = self.base.as_ref();
        base.map_or(String::new(), |base| format!(" --base {base}"))
    }

    /// The project's directory, absolute.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where cargo builds the project: the directory of the root manifest and of the lock file.
    pub fn workspace(&self) -> PathBuf {
        match &self.base {
            None => self.root.clone(),
            Some(base) => self.root.join(format!("base-{base}")),
        }
    }

    /// The lock file in git. That of another base than the default is a link to it.
    pub fn lock_file(&self) -> PathBuf {
        self.root.join(format!("{}.lock", self.name("Cargo")))
    }

    /// The name of the directory of the patched sources.
    pub fn upstream_name(&self) -> String {
        self.name("upstream")
    }

    /// The patched sources.
    pub fn upstream(&self) -> PathBuf {
        self.root.join(self.upstream_name())
    }

    /// The patch series and its patches.
    pub fn patches(&self) -> PathBuf {
        self.root.join("patches")
    }

    /// The patches that this base has instead of those of the same name.
    pub fn overlay(&self) -> Option<PathBuf> {
        self.overlay_of("patches")
    }

    /// The patched sources with faults on top.
    pub fn upstream_faults(&self) -> PathBuf {
        self.root.join(format!("{}-faults", self.upstream_name()))
    }

    /// The series of faults, which is no part of the shipped one.
    pub fn faults(&self) -> PathBuf {
        self.patches().join("faults")
    }

    /// The faults that this base has instead of those of the same name.
    pub fn faults_overlay(&self) -> Option<PathBuf> {
        self.overlay_of("patches/faults")
    }

    fn overlay_of(&self, dir: &str) -> Option<PathBuf> {
        Some(self.root.join(dir).join(self.base.as_ref()?))
    }

    /// The one file of pins of this base.
    pub fn pins(&self) -> PathBuf {
        self.root.join("xtask").join(self.pins_name())
    }

    /// Its name.
    pub fn pins_name(&self) -> String {
        format!("{}.toml", self.name("pins"))
    }

    /// Scratch space that `cargo clean` removes.
    ///
    /// NB: not `CARGO_TARGET_DIR`: the trees built there must be in the project, whose
    /// `.cargo/config.toml` they share.
    pub fn scratch(&self, name: &str) -> PathBuf {
        self.workspace().join("target").join(name)
    }
}
