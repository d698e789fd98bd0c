//! The tree's `Cargo.lock`: with the new crates in it, `--locked` works, and cargo has nothing to change
//! that `--reverse` would stumble over.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use toml::{Table, Value};

/// A lock file.
///
/// Cargo's form is fixed: packages sorted by name and version, their dependencies sorted.
#[derive(Debug)]
pub struct Lockfile {
    /// What comes before the first package.
    head: String,
    packages: Vec<Package>,
    /// What comes after the last one.
    tail: String,
}

#[derive(Debug, PartialEq, Eq)]
struct Package {
    name: String,
    /// Everything but the dependencies, as it stands there.
    text: String,
    dependencies: BTreeSet<String>,
}

const START: &str = "[[package]]\n";

impl Lockfile {
    /// Takes one apart.
    pub fn parse(text: &str) -> Result<Self> {
        let mut parts = text.split(START);
        let head = parts.next().unwrap_or_default().to_string();
        let mut packages = Vec::new();
        let mut tail = String::new();
        for part in parts {
            let (part, rest) = match part.find("\n[") {
                Some(end) => part.split_at(end + 1),
                None => (part, ""),
            };
            tail.push_str(rest);
            let table: Table = part.parse().context("Cargo.lock is not understood")?;
            let name = table.get("name").and_then(Value::as_str);
            let start = part.find("dependencies = [").unwrap_or(part.len());
            packages.push(Package {
                name: name
                    .context("Cargo.lock has a package without a name")?
                    .into(),
                text: part[..start].trim_end().into(),
                dependencies: strings(table.get("dependencies")),
            });
        }
        Ok(Self {
            head,
            packages,
            tail,
        })
    }

    /// Adds the crate with this manifest.
    pub fn add(&mut self, manifest: &str) -> Result<()> {
        let manifest: Table = manifest.parse()?;
        let package = manifest.get("package");
        let field = |name| {
            let value = package?.get(name)?;
            value.as_str().map(str::to_string)
        };
        let name = field("name").context("a crate has no name")?;
        let version = field("version").context("a crate has no version")?;
        let dependencies = self.resolve(&manifest)?;
        let at = self.packages.partition_point(|package| package.name < name);
        let package = Package {
            text: format!("name = \"{name}\"\nversion = \"{version}\""),
            name,
            dependencies,
        };
        self.packages.insert(at, package);
        Ok(())
    }

    /// Adds the dependencies in `keys` to the crate that `manifest` is of.
    pub fn depend(&mut self, manifest: &str, keys: &Table) -> Result<()> {
        let more = self.resolve(keys)?;
        if more.is_empty() {
            return Ok(());
        }
        let manifest: Table = manifest.parse()?;
        let name = manifest
            .get("package")
            .and_then(|package| package.get("name"));
        let name = name.and_then(Value::as_str).context("it has no name")?;
        let mut packages = self.packages.iter_mut();
        let package = packages.find(|package| package.name == name);
        let package = package.with_context(|| format!("Cargo.lock has no {name}"))?;
        package.dependencies.extend(more);
        Ok(())
    }

    /// The text of it.
    pub fn text(&self) -> String {
        let mut text = self.head.clone();
        for (index, package) in self.packages.iter().enumerate() {
            if index > 0 {
                text.push('\n');
            }
            writeln!(text, "{START}{}", package.text).expect("a string can be written to");
            if !package.dependencies.is_empty() {
                text.push_str("dependencies = [\n");
                for dependency in &package.dependencies {
                    writeln!(text, " \"{dependency}\",").expect("a string can be written to");
                }
                text.push_str("]\n");
            }
        }
        if !self.tail.is_empty() {
            text.push('\n');
            text.push_str(&self.tail);
        }
        text
    }

    /// The dependencies of a manifest as a lock file has them.
    fn resolve(&self, manifest: &Table) -> Result<BTreeSet<String>> {
        let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
        let tables = kinds.iter().filter_map(|kind| manifest.get(*kind));
        let names = tables.filter_map(Value::as_table).flat_map(Table::keys);
        names.map(|name| self.reference(name)).collect()
    }

    /// How packages refer to that one: by name, and by version if there are several.
    fn reference(&self, name: &str) -> Result<String> {
        let named = self.packages.iter().filter(|package| package.name == name);
        if named.clone().count() == 1 {
            return Ok(name.into());
        }
        // The tree's crates inherit one version from its workspace.
        let by_cranelift = self
            .packages
            .iter()
            .filter(|package| package.name == "cranelift-codegen");
        let mut references = by_cranelift.flat_map(|package| &package.dependencies);
        let found = references.find(|reference| reference.split(' ').next() == Some(name));
        let found = found.cloned();
        found.with_context(|| format!("Cargo.lock has no {name}, or several"))
    }
}

fn strings(list: Option<&Value>) -> BTreeSet<String> {
    let list = list.and_then(Value::as_array).into_iter().flatten();
    let strings = list.filter_map(Value::as_str);
    strings.map(str::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "# Generated.\nversion = 4\n\n\
        [[package]]\nname = \"b\"\nversion = \"1.0.0\"\n\n\
        [[package]]\nname = \"cranelift-codegen\"\nversion = \"1.0.0\"\ndependencies = [\n \"b\",\n \"s 1.0.0\",\n]\n\n\
        [[package]]\nname = \"s\"\nversion = \"1.0.0\"\nsource = \"r\"\nchecksum = \"0\"\n\n\
        [[package]]\nname = \"s\"\nversion = \"2.0.0\"\nsource = \"r\"\nchecksum = \"1\"\n";

    #[test]
    fn reading_and_writing_changes_nothing() {
        assert_eq!(Lockfile::parse(LOCK).unwrap().text(), LOCK);
        let patched = format!("{LOCK}\n[[patch.unused]]\nname = \"p\"\nversion = \"1.0.0\"\n");
        assert_eq!(Lockfile::parse(&patched).unwrap().text(), patched);
    }

    #[test]
    fn crates_and_dependencies_are_added() {
        let mut lock = Lockfile::parse(LOCK).unwrap();
        lock.add("[package]\nname = \"c\"\nversion = \"0.1.0\"\n[dependencies]\ns = \"1\"\n[dev-dependencies]\nb = \"1\"\n")
            .unwrap();
        let keys: Table = "[dependencies]\nc = { workspace = true }\n"
            .parse()
            .unwrap();
        lock.depend("[package]\nname = \"b\"\n", &keys).unwrap();
        let expected = LOCK
            .replace(
                "name = \"b\"\nversion = \"1.0.0\"\n",
                "name = \"b\"\nversion = \"1.0.0\"\ndependencies = [\n \"c\",\n]\n",
            )
            .replace(
                "[[package]]\nname = \"cranelift",
                "[[package]]\nname = \"c\"\nversion = \"0.1.0\"\ndependencies = [\n \"b\",\n \"s 1.0.0\",\n]\n\n[[package]]\nname = \"cranelift",
            );
        assert_eq!(lock.text(), expected);
    }

    #[test]
    fn an_unknown_dependency_is_an_error() {
        let mut lock = Lockfile::parse(LOCK).unwrap();
        let error =
            lock.add("[package]\nname = \"c\"\nversion = \"1.0.0\"\n[dependencies]\nx = \"1\"\n");
        assert!(error.unwrap_err().to_string().contains("no x"));
    }
}
