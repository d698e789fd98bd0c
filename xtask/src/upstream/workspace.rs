//! The workspace of a base that is not the default: `base-50/`.
//!
//! Cargo reads versions and the lock file from the root of a workspace, and a package belongs to one
//! workspace only. So the other base has a root of its own, in which the packages are links to the real
//! ones. Its manifest is made of the project's: only versions differ, and what is below `upstream/`.

use crate::base::project::Project;
use crate::upstream::pins::Pins;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::path::Path;
use toml_edit::{DocumentMut, Item, Value};

/// Makes it, or brings it up to date. The default base has the project's own.
pub fn make(project: &Project, pins: &Pins) -> Result<()> {
    let Some(base) = project.base() else {
        return Ok(());
    };
    let default = project.on_default();
    let versions = versions(&Pins::load(&default.pins())?, pins)?;
    let text = fs_err::read_to_string(default.workspace().join("Cargo.toml"))?;
    let manifest = manifest(&text, &versions, &pins.dependencies)
        .context("the root manifest cannot be translated")?;
    let dir = project.workspace();
    fs_err::create_dir_all(&dir)?;
    let path = dir.join("Cargo.toml");
    // Written again, it would look changed to cargo.
    if !path.exists() || fs_err::read_to_string(&path)? != manifest {
        fs_err::write(&path, &manifest)?;
    }
    if !project.lock_file().exists() && default.lock_file().exists() {
        fs_err::copy(default.lock_file(), project.lock_file())?;
    }
    link(&dir, "Cargo.lock", &format!("../Cargo-{base}.lock"))?;
    link(&dir, "upstream", &format!("../{}", project.upstream_name()))?;
    for entry in fs_err::read_dir(project.root())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_other = ["target", "upstream", "base-"]
            .iter()
            .any(|other| name.starts_with(other));
        if entry.file_type()?.is_dir() && !is_other && !name.starts_with('.') {
            link(&dir, &name, &format!("../{name}"))?;
        }
    }
    Ok(())
}

/// Which version of the default base becomes which one.
fn versions(default: &Pins, other: &Pins) -> Result<BTreeMap<String, String>> {
    let mut versions = BTreeMap::new();
    for pin in &default.crates {
        let same = other.crates.iter().find(|same| same.name == pin.name);
        let same = same.with_context(|| format!("{} is not pinned for both bases", pin.name))?;
        let old = versions.insert(format!("={}", pin.version), format!("={}", same.version));
        ensure!(
            old.is_none_or(|old| old == format!("={}", same.version)),
            "{} has not one counterpart on the other base",
            pin.version
        );
    }
    Ok(versions)
}

/// The root manifest with other versions.
fn manifest(
    text: &str,
    versions: &BTreeMap<String, String>,
    others: &BTreeMap<String, String>,
) -> Result<String> {
    let mut document: DocumentMut = text.parse()?;
    let list = document
        .get_mut("workspace")
        .and_then(|workspace| workspace.get_mut("dependencies"))
        .and_then(Item::as_table_like_mut)
        .context("it has no [workspace.dependencies]")?;
    let mut unknown: Vec<&String> = others.keys().collect();
    for (name, item) in list.iter_mut() {
        unknown.retain(|other| *other != name.get());
        let version = match item.as_value_mut().context("a dependency is a value")? {
            Value::InlineTable(table) => match table.get_mut("version") {
                Some(version) => version,
                None => continue,
            },
            version => version,
        };
        let old = version.as_str().context("a version is a string")?;
        if let Some(new) = others.get(name.get()).or_else(|| versions.get(old)) {
            *version = new.as_str().into();
        }
    }
    ensure!(unknown.is_empty(), "no dependency is named {unknown:?}");
    Ok(format!(
        "# Made by `cargo xtask`: see xtask/src/upstream/workspace.rs.\n{document}"
    ))
}

/// Makes a link, unless it is there.
fn link(dir: &Path, name: &str, to: &str) -> Result<()> {
    let path = dir.join(name);
    if fs_err::read_link(&path).is_ok_and(|old| old == Path::new(to)) {
        return Ok(());
    }
    if fs_err::symlink_metadata(&path).is_ok() {
        fs_err::remove_file(&path)?;
    }
    #[cfg(unix)]
    fs_err::os::unix::fs::symlink(to, &path)?;
    #[cfg(not(unix))]
    anyhow::bail!("another base needs symbolic links, and {to} cannot be linked here");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_replaced_and_nothing_else() {
        let text = "[workspace]\nmembers = [\"a\"]\n\n[workspace.dependencies]\n\
                    # Why.\na = { version = \"=1.0.2\", features = [\"x\"] }\n\
                    b = \"=1.0.2\"\nc = \"0.1\"\nd = { path = \"d\" }\n";
        let map = |from: &str, to: &str| BTreeMap::from([(from.to_string(), to.to_string())]);
        let new = manifest(text, &map("=1.0.2", "=2.0.1"), &map("c", "0.3")).unwrap();
        let (_, new) = new.split_once('\n').unwrap();
        let expected = text.replace("=1.0.2", "=2.0.1").replace("0.1", "0.3");
        assert_eq!(new, expected.replace("=2.0.3", "=2.0.1"));
        let error = manifest(text, &map("=1.0.2", "=2.0.1"), &map("e", "3")).unwrap_err();
        assert!(error.to_string().contains("\"e\""), "{error}");
    }
}
