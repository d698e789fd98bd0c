//! `patches/tree/tree.toml`: what a checkout gets besides the series.

use crate::base::project::Project;
use anyhow::{Context, Result};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The content of that file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layout {
    /// The release that the series is for, without the number of the patch release.
    pub release: String,
    /// Crates of this project.
    #[serde(default, rename = "crate")]
    pub crates: Vec<Crate>,
    /// Other files and directories of this project.
    #[serde(default)]
    pub copy: Vec<Copy>,
    /// Lines to insert into files of the tree.
    #[serde(default)]
    pub insert: Vec<Insert>,
    /// Keys to add to manifests of the tree, by path.
    #[serde(default)]
    pub manifest: BTreeMap<String, toml::Table>,
}

/// A crate of this project that becomes one of the tree's workspace.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crate {
    /// Its directory in this project.
    pub from: String,
    /// Its directory in the tree.
    pub to: String,
    /// The directories in it that are copied.
    pub parts: Vec<String>,
    /// Top-level keys of its manifest that are left out.
    #[serde(default)]
    pub without: Vec<String>,
}

/// A file, or a directory with everything in it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Copy {
    /// Where it is in this project.
    pub from: String,
    /// Where it goes in the tree.
    pub to: String,
}

/// Lines that are added to a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Insert {
    /// The file in the tree.
    pub file: String,
    /// The line that they follow, which the file has once.
    pub after: String,
    /// The lines.
    pub lines: Vec<String>,
}

impl Layout {
    /// Reads it.
    pub fn load(project: &Project) -> Result<Self> {
        let path = project.patches().join("tree/tree.toml");
        let text = fs_err::read_to_string(&path)?;
        toml::from_str(&text).with_context(|| format!("{} is not valid", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    /// The directories of the crates of this project that the manifest in `directory` depends on.
    fn own_dependencies(root: &Path, directory: &str) -> Vec<String> {
        let path = root.join(directory).join("Cargo.toml");
        let manifest: toml::Table = fs_err::read_to_string(path).unwrap().parse().unwrap();
        let dependencies = manifest["dependencies"].as_table().unwrap();
        let paths = dependencies.values().filter_map(|of| of.get("path"));
        let paths = paths.filter_map(toml::Value::as_str);
        paths
            .map(|path| path.trim_start_matches("../").to_string())
            .collect()
    }

    #[test]
    fn crates_that_a_checkout_gets_depend_on_no_others() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let text = fs_err::read_to_string(root.join("patches/tree/tree.toml")).unwrap();
        let layout: Layout = toml::from_str(&text).unwrap();
        assert!(layout.crates.len() >= 2);
        for of in &layout.crates {
            for needed in own_dependencies(&root, &of.from) {
                let is_there = layout.crates.iter().any(|of| of.from == needed);
                assert!(is_there, "{} needs {needed}", of.from);
            }
        }
    }
}
