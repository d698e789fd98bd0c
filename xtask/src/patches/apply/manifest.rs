//! Cargo manifests of a tree whose crates inherit from a workspace.
//!
//! Published manifests are written by cargo: sorted, without comments, with versions in place of
//! paths. So a patch to one does not apply to the manifest in a checkout. What it *says* does: the keys that it
//! adds to the features and the dependencies.

use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeSet;
use toml::{Table, Value};
use toml_edit::{Array, DocumentMut, Item, TableLike};

/// The tables of a manifest that list dependencies.
const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// The tree's manifest with what the patched published one has over the published one.
pub fn translate(published: &str, patched: &str, tree: &str) -> Result<String> {
    let published: Table = published.parse()?;
    let patched: Table = patched.parse()?;
    let mut tree: DocumentMut = tree.parse()?;
    let keys: BTreeSet<_> = published.keys().chain(patched.keys()).collect();
    for key in keys {
        let (old, new) = (published.get(key), patched.get(key));
        if old == new {
            continue;
        }
        match key.as_str() {
            "features" => translate_features(old, new, &mut tree)?,
            _ if DEPENDENCIES.contains(&key.as_str()) => {
                translate_dependencies(key, old, new, &mut tree)?;
            }
            _ => bail!("the series changes `{key}`, which cannot be translated"),
        }
    }
    Ok(tree.to_string())
}

fn translate_features(
    old: Option<&Value>,
    new: Option<&Value>,
    tree: &mut DocumentMut,
) -> Result<()> {
    for (name, needs) in additions("features", old, new)? {
        let features = table(tree, "features")?;
        if features.get(name).is_none() {
            features.insert(name, toml_edit::value(Array::new()));
        }
        let list = features.get_mut(name).and_then(Item::as_array_mut);
        let list = list.with_context(|| format!("feature `{name}` is no list"))?;
        append(list, needs)?;
    }
    Ok(())
}

fn translate_dependencies(
    kind: &str,
    old: Option<&Value>,
    new: Option<&Value>,
    tree: &mut DocumentMut,
) -> Result<()> {
    for (name, needs) in additions(kind, old, new)? {
        let dependencies = table(tree, kind)?;
        match dependencies.get_mut(name) {
            None => {
                let mut item = toml_edit::InlineTable::new();
                item.insert("workspace", true.into());
                if let Some(optional) = needs.get("optional").and_then(Value::as_bool) {
                    item.insert("optional", optional.into());
                }
                if let Some(features) = needs.get("features") {
                    let mut list = Array::new();
                    append(&mut list, features)?;
                    item.insert("features", list.into());
                }
                dependencies.insert(name, toml_edit::value(item));
            }
            Some(item) => {
                let old = old.and_then(|old| old.get(name));
                ensure!(
                    old.is_some_and(|old| without_features(old) == without_features(needs)),
                    "the series changes the dependency `{name}` in more than its features"
                );
                let features = needs.get("features");
                let features = features.with_context(|| format!("`{name}` loses its features"))?;
                let item = item.as_table_like_mut();
                let item = item.with_context(|| format!("`{name}` is no table"))?;
                if item.get("features").is_none() {
                    item.insert("features", toml_edit::value(Array::new()));
                }
                let list = item.get_mut("features").and_then(Item::as_array_mut);
                append(list.context("`features` is no list")?, features)?;
            }
        }
    }
    Ok(())
}

fn without_features(dependency: &Value) -> Value {
    let mut rest = dependency.clone();
    if let Some(table) = rest.as_table_mut() {
        table.remove("features");
    }
    rest
}

/// What `new` has over `old`, a table of either: new entries as they are.
fn additions<'a>(
    kind: &str,
    old: Option<&Value>,
    new: Option<&'a Value>,
) -> Result<Vec<(&'a str, &'a Value)>> {
    let empty = Table::new();
    let old = old.and_then(Value::as_table).unwrap_or(&empty);
    let new = new.and_then(Value::as_table);
    let new = new.with_context(|| format!("the series removes `{kind}`"))?;
    for name in old.keys() {
        ensure!(
            new.contains_key(name),
            "the series removes `{name}` of `{kind}`"
        );
    }
    let changed = new
        .iter()
        .filter(|(name, value)| old.get(*name) != Some(value));
    Ok(changed
        .map(|(name, value)| (name.as_str(), value))
        .collect())
}

/// Appends the strings that are not there yet.
fn append(list: &mut Array, more: &Value) -> Result<()> {
    let more = more.as_array().context("a list was expected")?;
    for new in more {
        let new = new.as_str().context("a list of strings was expected")?;
        if !list.iter().any(|old| old.as_str() == Some(new)) {
            list.push(new);
        }
    }
    Ok(())
}

/// A top-level table, made if it is not there.
fn table<'a>(document: &'a mut DocumentMut, name: &str) -> Result<&'a mut dyn TableLike> {
    let item = document.entry(name).or_insert(toml_edit::table());
    let table = item.as_table_like_mut();
    table.with_context(|| format!("`{name}` is no table"))
}

/// The manifest with more keys. None of them may be there, but tables may.
pub fn add(manifest: &str, keys: &Table) -> Result<String> {
    let mut document: DocumentMut = manifest.parse()?;
    for key in keys.keys() {
        table(&mut document, key)?;
    }
    add_to(document.as_table_mut(), keys)?;
    Ok(document.to_string())
}

fn add_to(table: &mut dyn TableLike, keys: &Table) -> Result<()> {
    for (key, value) in keys {
        match (table.get_mut(key), value) {
            (None, value) => {
                table.insert(key, toml_edit::value(inline(value)?));
            }
            (Some(item), Value::Table(keys)) => {
                let table = item.as_table_like_mut();
                add_to(table.with_context(|| format!("`{key}` is no table"))?, keys)?;
            }
            (Some(_), _) => bail!("it has `{key}` already"),
        }
    }
    Ok(())
}

/// The value on one line.
fn inline(value: &Value) -> Result<toml_edit::Value> {
    // What `toml` displays is TOML, tables on one line.
    let value: toml_edit::Value = value.to_string().parse()?;
    Ok(value)
}

/// The manifest of a crate of this project for the tree.
///
/// What it inherits from this project's workspace is written out. Crates of the tree are inherited
/// from the tree's workspace, with the features that they have here.
pub fn moved(manifest: &str, ours: &str, tree: &str, without: &[String]) -> Result<String> {
    let mut document: DocumentMut = manifest.parse()?;
    let ours: Table = ours.parse()?;
    let tree: Table = tree.parse()?;
    for key in without {
        let removed = document.remove(key);
        removed.with_context(|| format!("it has no `{key}` to leave out"))?;
    }
    let package = table(&mut document, "package")?;
    let inherited: Vec<String> = package
        .iter()
        .filter(|(_, item)| inherits(item))
        .map(|(key, _)| key.to_string())
        .collect();
    for key in inherited {
        let value = workspace(&ours, "package", &key);
        let value = value.with_context(|| format!("the workspace has no `{key}`"))?;
        package.insert(&key, toml_edit::value(inline(value)?));
    }
    package.insert("publish", toml_edit::value(false));
    for kind in DEPENDENCIES {
        let Some(list) = document.get_mut(kind).and_then(Item::as_table_like_mut) else {
            continue;
        };
        let names: Vec<String> = list.iter().map(|(name, _)| name.to_string()).collect();
        for name in names {
            let item = list.get(&name).expect("it was listed");
            let moved = moved_dependency(&name, item, &ours, &tree)?;
            list.insert(&name, toml_edit::value(moved));
        }
    }
    Ok(document.to_string())
}

fn moved_dependency(
    name: &str,
    item: &Item,
    ours: &Table,
    tree: &Table,
) -> Result<toml_edit::Value> {
    let ours = workspace(ours, "dependencies", name);
    let theirs = workspace(tree, "dependencies", name);
    let here = item
        .as_table_like()
        .is_some_and(|item| item.contains_key("workspace"));
    let is_theirs = theirs.is_some_and(|theirs| theirs.get("path").is_some());
    let is_ours = here && ours.is_some_and(|ours| ours.get("path").is_some());
    if !is_theirs && !is_ours {
        return Ok(match (here, ours) {
            (true, Some(ours)) => inline(ours)?,
            (true, None) => bail!("the workspace has no dependency `{name}`"),
            (false, _) => item.as_value().context("a dependency is a value")?.clone(),
        });
    }
    let mut features: Vec<String> = Vec::new();
    let without_defaults = |spec: Option<&Value>| {
        let defaults = spec.and_then(|spec| spec.get("default-features"));
        defaults.and_then(Value::as_bool) == Some(false)
    };
    if without_defaults(theirs) && !without_defaults(ours) {
        features.push("default".into());
    }
    let of_workspace = ours.filter(|_| here).and_then(|ours| ours.get("features"));
    let of_workspace = of_workspace.and_then(Value::as_array);
    let of_workspace = of_workspace.into_iter().flatten().filter_map(Value::as_str);
    features.extend(of_workspace.map(str::to_string));
    let own = item.get("features").and_then(Item::as_array);
    let own = own.into_iter().flatten().filter_map(|own| own.as_str());
    features.extend(own.map(str::to_string));

    let mut moved = toml_edit::InlineTable::new();
    moved.insert("workspace", true.into());
    if !features.is_empty() {
        moved.insert("features", Array::from_iter(features).into());
    }
    Ok(moved.into())
}

fn inherits(item: &Item) -> bool {
    item.as_table_like()
        .is_some_and(|item| item.contains_key("workspace"))
}

fn workspace<'a>(root: &'a Table, kind: &str, key: &str) -> Option<&'a Value> {
    root.get("workspace")?.get(kind)?.get(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TREE: &str = "[package]\nname = \"a\"\nversion.workspace = true\n\n[dependencies]\n\
                        b = { workspace = true, features = [\"x\"] }\n\n[features]\n\
                        # Why.\nstd = [\"b/std\"]\n";

    #[test]
    fn features_and_dependencies_are_translated() {
        let published = "[package]\nname = \"a\"\nversion = \"1.0.1\"\n[dependencies.b]\n\
                         version = \"1.0.1\"\nfeatures = [\"x\"]\n[features]\nstd = [\"b/std\"]\n";
        let patched = "[package]\nname = \"a\"\nversion = \"1.0.1\"\n[dependencies.b]\n\
                       version = \"1.0.1\"\nfeatures = [\"x\", \"y\"]\n[dependencies.c]\n\
                       version = \"2\"\noptional = true\n[features]\n\
                       gc-verifier = [\"std\"]\nstd = [\"b/std\", \"dep:c\"]\n";
        assert_eq!(
            translate(published, patched, TREE).unwrap(),
            "[package]\nname = \"a\"\nversion.workspace = true\n\n[dependencies]\n\
             b = { workspace = true, features = [\"x\", \"y\"] }\n\
             c = { workspace = true, optional = true }\n\n[features]\n\
             # Why.\nstd = [\"b/std\", \"dep:c\"]\ngc-verifier = [\"std\"]\n"
        );
    }

    #[test]
    fn a_manifest_without_features_gets_some() {
        let tree = "[package]\nname = \"a\"\n";
        let published = "[package]\nname = \"a\"\n";
        let patched = "[package]\nname = \"a\"\n[features]\ngc-verifier = []\n";
        assert_eq!(
            translate(published, patched, tree).unwrap(),
            "[package]\nname = \"a\"\n\n[features]\ngc-verifier = []\n"
        );
    }

    #[test]
    fn another_version_of_a_dependency_cannot_be_translated() {
        let published = "[dependencies.b]\nversion = \"1\"\n";
        let patched = "[dependencies.b]\nversion = \"2\"\nfeatures = [\"y\"]\n";
        let error = translate(published, patched, TREE).unwrap_err().to_string();
        assert!(error.contains("`b` in more than its features"), "{error}");
    }

    #[test]
    fn what_cannot_be_translated_is_an_error() {
        let published = "[package]\nname = \"a\"\n[features]\nf = []\n";
        for (patched, message) in [
            (
                "[package]\nname = \"b\"\n[features]\nf = []\n",
                "changes `package`",
            ),
            ("[package]\nname = \"a\"\n", "removes `features`"),
            ("[package]\nname = \"a\"\n[features]\n", "removes `f` of"),
        ] {
            let error = translate(published, patched, TREE).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn keys_are_added_and_never_replaced() {
        let keys = "[dependencies]\nd = { workspace = true, optional = true }\n[features]\ng = [\"dep:d\"]\n";
        let keys: Table = keys.parse().unwrap();
        assert_eq!(
            add(TREE, &keys).unwrap(),
            "[package]\nname = \"a\"\nversion.workspace = true\n\n[dependencies]\n\
             b = { workspace = true, features = [\"x\"] }\n\
             d = { workspace = true, optional = true }\n\n[features]\n\
             # Why.\nstd = [\"b/std\"]\ng = [\"dep:d\"]\n"
        );
        let keys: Table = "[features]\nstd = []\n".parse().unwrap();
        let error = add(TREE, &keys).unwrap_err().to_string();
        assert!(error.contains("it has `std` already"), "{error}");
    }

    #[test]
    fn a_crate_is_moved_to_another_workspace() {
        let manifest = "[package]\nname = \"v\"\nversion.workspace = true\n\n[dependencies]\n\
                        b = { workspace = true }\ns = { workspace = true }\nt = \"3\"\n\n\
                        [dev-dependencies]\nm = \"1\"\n";
        let ours = "[workspace.package]\nversion = \"0.1.0\"\n[workspace.dependencies]\n\
                    b = { version = \"=1.0.1\", features = [\"g\"] }\ns = \"1.15\"\n";
        let tree = "[workspace.dependencies]\n\
                    b = { path = \"b\", version = \"1.0.0\", default-features = false }\ns = \"1.14\"\n";
        assert_eq!(
            moved(manifest, ours, tree, &["dev-dependencies".into()]).unwrap(),
            "[package]\nname = \"v\"\nversion = \"0.1.0\"\npublish = false\n\n[dependencies]\n\
             b = { workspace = true, features = [\"default\", \"g\"] }\ns = \"1.15\"\nt = \"3\"\n"
        );
    }
}
