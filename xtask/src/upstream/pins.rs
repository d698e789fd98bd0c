//! `pins.toml`: which published crates upstream/ is made of.

use crate::base::project::Project;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path};

/// The content of the pins file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Pins {
    /// The number of the base, which `--base` takes: the release of Wasmtime.
    #[serde(default)]
    pub base: Option<String>,
    /// Versions of other dependencies of the workspace, where they differ from those of the default base.
    #[serde(default)]
    pub dependencies: BTreeMap<String, String>,
    /// Names of top-level files of a published crate that are not unpacked.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// In the order of the file.
    #[serde(rename = "crate")]
    pub crates: Vec<Pin>,
}

/// One published crate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The crate's name in the registry.
    pub name: String,
    /// The exact version.
    pub version: String,
    /// Where it goes in upstream/, with `/` as separator.
    pub path: String,
    /// Hexadecimal checksum of the `.crate` file.
    pub sha256: String,
}

impl Pin {
    /// The name of the directory in a `.crate` archive, and of the archive without extension.
    pub fn stem(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }
}

impl Pins {
    /// Reads and validates the pins file.
    pub fn load(path: &Path) -> Result<Self> {
        let text = fs_err::read_to_string(path)?;
        let pins = Self::parse(&text);
        pins.with_context(|| format!("{} is not a valid pins file", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let pins: Self = toml::from_str(text)?;
        ensure!(!pins.crates.is_empty(), "it pins no crate");
        let mut names = BTreeSet::new();
        let mut paths = BTreeSet::new();
        for pin in &pins.crates {
            let Pin {
                name,
                version,
                path,
                sha256,
            } = pin;
            // Name and version become part of paths and of a generated manifest.
            let plain = |s: &str| {
                !s.is_empty()
                    && !s.starts_with('.')
                    && s.chars()
                        .all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c))
            };
            ensure!(plain(name), "`{name}` is not a crate name");
            ensure!(
                plain(version),
                "`{version}` of `{name}` is not an exact version"
            );
            ensure!(
                sha256.len() == 64
                    && sha256
                        .bytes()
                        .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')),
                "sha256 of `{name}` is not 64 lower-case hexadecimal digits"
            );
            ensure!(
                !path.is_empty()
                    && Path::new(path)
                        .components()
                        .all(|c| matches!(c, Component::Normal(_))),
                "path `{path}` of `{name}` is not below upstream/"
            );
            ensure!(names.insert(name), "`{name}` is pinned twice");
            ensure!(paths.insert(path), "`{path}` is used twice");
        }
        Ok(pins)
    }
}

/// The project on the base that is asked for; the default one without a question.
pub fn on_base(project: Project, base: Option<&str>) -> Result<Project> {
    let Some(base) = base else {
        return Ok(project);
    };
    if Pins::load(&project.pins())?.base.as_deref() == Some(base) {
        return Ok(project);
    }
    let other = project.on(base);
    let bases = all_bases(&project)?;
    ensure!(
        bases.iter().any(|known| known == base),
        "there is no base {base}: known are {}",
        bases.join(", ")
    );
    Ok(other)
}

/// The numbers of all bases, the default one first.
pub fn all_bases(project: &Project) -> Result<Vec<String>> {
    let mut others = Vec::new();
    for entry in fs_err::read_dir(project.root().join("xtask"))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let base = name
            .strip_prefix("pins-")
            .and_then(|rest| rest.strip_suffix(".toml"));
        others.extend(base.map(str::to_string));
    }
    others.sort();
    let default = Pins::load(&project.on_default().pins())?.base;
    Ok(default.into_iter().chain(others).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, path: &str) -> String {
        let sha256 = "0".repeat(64);
        format!(
            "[[crate]]\nname = '{name}'\nversion = '1.0.0'\npath = '{path}'\nsha256 = '{sha256}'\n"
        )
    }

    #[test]
    fn the_pins_file_in_use_is_valid() {
        let pins = Pins::parse(include_str!("../../pins.toml")).unwrap();
        assert_eq!(pins.crates[0].stem(), "cranelift-codegen-0.135.8");
        let other = Pins::parse(include_str!("../../pins-50.toml")).unwrap();
        assert_eq!(other.crates[0].stem(), "cranelift-codegen-0.137.1");
        let places = |pins: &Pins| -> Vec<_> {
            let crates = pins.crates.iter();
            crates
                .map(|pin| (pin.name.clone(), pin.path.clone()))
                .collect()
        };
        assert_eq!(places(&pins), places(&other));
    }

    #[test]
    fn bad_pins_are_refused() {
        for (text, message) in [
            (entry("a", "../a"), "not below upstream/"),
            (entry("a", "/a"), "not below upstream/"),
            (entry("../a", "a"), "not a crate name"),
            (entry("a", "a") + &entry("a", "b"), "pinned twice"),
            (entry("a", "a") + &entry("b", "a"), "used twice"),
            (entry("a", "a").replace('0', "G"), "not 64"),
            ("crate = []".to_string(), "pins no crate"),
        ] {
            let error = format!("{:#}", Pins::parse(&text).unwrap_err());
            assert!(error.contains(message), "{error}");
        }
    }
}
