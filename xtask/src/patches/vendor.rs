//! `cargo xtask vendor`: the patched crates and the verifier as a directory that another project depends on.
//!
//! The crates are those that the root manifest patches. The verifier's manifest takes versions from the root
//! manifest; the copy has them itself. `patch.toml` in the directory is what goes into the manifest of the other
//! project.

use crate::base::project::Project;
use crate::upstream::bootstrap::{self, LocalWork, Report};
use anyhow::{Context, Result, ensure};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use toml_edit::{DocumentMut, Item, Table, Value};

const VERIFIER: &str = "cranelift-gc-verifier";

/// What says that a directory was made by this.
const MARK: &str = "patch.toml";

/// Where the crates go.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory to make, or to make anew
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

/// Makes the directory, and prints what to paste.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    let names = make(project, &args.directory)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let place = fs_err::canonicalize(&args.directory)?;
    println!("{}", block(&names, &place));
    Ok(())
}

/// Makes the directory, and returns the names of the crates that are patched.
///
/// # Errors
///
/// If the directory is there and is something else, or if it cannot be written.
pub fn make(project: &Project, directory: &Path) -> Result<Vec<String>> {
    bootstrap::run(project, LocalWork::Keep, Report::Changes)?;
    if directory.exists() {
        let is_ours = directory.join(MARK).is_file();
        let is_empty = fs_err::read_dir(directory)?.next().is_none();
        ensure!(
            is_ours || is_empty,
            "{} is there, and was not made by `cargo xtask vendor`",
            directory.display()
        );
        fs_err::remove_dir_all(directory)?;
    }
    let root: DocumentMut = fs_err::read_to_string(project.workspace().join("Cargo.toml"))?
        .parse()
        .context("the root manifest")?;
    let patched = patched(&root)?;
    for (name, path) in &patched {
        copy(&project.workspace().join(path), &directory.join(name))?;
    }
    let verifier = project.root().join(VERIFIER);
    copy(&verifier, &directory.join(VERIFIER))?;
    let manifest: DocumentMut = fs_err::read_to_string(verifier.join("Cargo.toml"))?.parse()?;
    fs_err::write(
        directory.join(VERIFIER).join("Cargo.toml"),
        standalone(manifest, &root)?.to_string(),
    )?;
    fs_err::copy(project.root().join("LICENSE"), directory.join("LICENSE"))?;
    let names: Vec<&str> = patched.iter().map(|(name, _)| name.as_str()).collect();
    // NB: Last, so that a directory with it is whole.
    fs_err::write(directory.join(MARK), block(&names, Path::new(".")))?;
    Ok(patched.into_iter().map(|(name, _)| name).collect())
}

/// What the manifest of a project has to have, with the crates in `place`.
fn block(names: &[&str], place: &Path) -> String {
    let mut block = String::from(
        "# A project with Cranelift needs the first four patches, one with Wasmtime all of them.\n\
         [dependencies]\n",
    );
    // NB: Writing to a string cannot fail.
    let _ = writeln!(
        block,
        "{VERIFIER} = {{ path = {:?} }}\n\n[patch.crates-io]",
        place.join(VERIFIER)
    );
    for name in names {
        let _ = writeln!(block, "{name} = {{ path = {:?} }}", place.join(name));
    }
    block
}

/// The crates that the root manifest patches, those of Cranelift first, without what only reads CLIF files.
fn patched(root: &DocumentMut) -> Result<Vec<(String, PathBuf)>> {
    let patches = root
        .get("patch")
        .and_then(|patch| patch.get("crates-io"))
        .and_then(Item::as_table)
        .context("the root manifest has no [patch.crates-io]")?;
    let mut all = Vec::new();
    for (name, patch) in patches {
        let path = patch.get("path").and_then(Item::as_str);
        let path = path.with_context(|| format!("the patch of {name} has no path"))?;
        all.push((name.to_string(), PathBuf::from(path)));
    }
    all.retain(|(name, _)| name != "cranelift-reader");
    all.sort_by_key(|(name, _)| (!name.starts_with("cranelift-"), name.clone()));
    ensure!(
        all.len() == 6,
        "{} crates are patched, 6 are expected",
        all.len()
    );
    Ok(all)
}

/// The manifest of a member of the workspace, with what it takes from the root manifest in it.
fn standalone(mut manifest: DocumentMut, root: &DocumentMut) -> Result<DocumentMut> {
    let shared = |table: &str, name: &str| -> Result<Item> {
        let tables = root
            .get("workspace")
            .and_then(|workspace| workspace.get(table));
        let item = tables.and_then(|table| table.get(name)).cloned();
        item.with_context(|| format!("the root manifest has no {name} in workspace.{table}"))
    };
    let package = manifest["package"]
        .as_table_mut()
        .context("a manifest has a package")?;
    for (name, item) in package.iter_mut() {
        if is_inherited(item) {
            *item = shared("package", name.get())?;
        }
    }
    manifest.remove("dev-dependencies");
    manifest.remove("lints");
    let dependencies = manifest["dependencies"]
        .as_table_mut()
        .context("it has dependencies")?;
    for (name, item) in dependencies.iter_mut() {
        if is_inherited(item) {
            *item = shared("dependencies", name.get())?;
        }
    }
    // NB: Wherever the directory is, it is no part of a workspace above it.
    manifest.insert("workspace", Item::Table(Table::new()));
    Ok(manifest)
}

/// `name.workspace = true` or `name = { workspace = true }`
fn is_inherited(item: &Item) -> bool {
    let inherited = item.get("workspace").and_then(Item::as_value);
    inherited.and_then(Value::as_bool) == Some(true)
}

/// Copy a directory, without what cargo and git put there.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs_err::create_dir_all(to)?;
    for entry in fs_err::read_dir(from)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "target" || name == ".git" {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &to.join(name))?,
            false => {
                fs_err::copy(entry.path(), to.join(name))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOT: &str = r#"
[workspace.package]
version = "1.2.3"
[workspace.dependencies]
a = { version = "=1.0.0", features = ["f"] }
log = "0.4"
[patch.crates-io]
cranelift-a = { path = "upstream/a" }
cranelift-b = { path = "upstream/b" }
cranelift-c = { path = "upstream/c" }
cranelift-d = { path = "upstream/d" }
cranelift-reader = { path = "upstream/reader" }
wasmtime = { path = "upstream/w" }
wasmtime-internal-cranelift = { path = "upstream/wc" }
"#;

    #[test]
    fn a_manifest_stands_alone() {
        let root: DocumentMut = ROOT.parse().unwrap();
        let member = "[package]\nname = \"m\"\nversion.workspace = true\n\n[dependencies]\n\
                      a = { workspace = true }\nlog = { workspace = true }\nown = \"2\"\n\n\
                      [dev-dependencies]\nb = { workspace = true }\n\n[lints]\nworkspace = true\n";
        let alone = standalone(member.parse().unwrap(), &root)
            .unwrap()
            .to_string();
        let alone: DocumentMut = alone.parse().unwrap();
        assert_eq!(alone["package"]["version"].as_str(), Some("1.2.3"));
        assert_eq!(
            alone["dependencies"]["a"]["version"].as_str(),
            Some("=1.0.0")
        );
        assert_eq!(alone["dependencies"]["log"].as_str(), Some("0.4"));
        assert_eq!(alone["dependencies"]["own"].as_str(), Some("2"));
        assert!(alone.get("dev-dependencies").is_none() && alone.get("lints").is_none());
        assert!(alone["workspace"].is_table());
        let unknown = "[package]\nname = \"m\"\n[dependencies]\nx = { workspace = true }\n";
        assert!(standalone(unknown.parse().unwrap(), &root).is_err());
    }

    #[test]
    fn the_patches_of_cranelift_come_first() {
        let root: DocumentMut = ROOT.parse().unwrap();
        let patched = patched(&root).unwrap();
        let names: Vec<&str> = patched.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "cranelift-a",
                "cranelift-b",
                "cranelift-c",
                "cranelift-d",
                "wasmtime",
                "wasmtime-internal-cranelift"
            ]
        );
        let block = block(&names, Path::new("dir"));
        let parsed: DocumentMut = block.parse().unwrap();
        assert_eq!(
            parsed["patch"]["crates-io"]["wasmtime"]["path"].as_str(),
            Some("dir/wasmtime")
        );
        assert_eq!(
            parsed["dependencies"][VERIFIER]["path"].as_str(),
            Some("dir/cranelift-gc-verifier")
        );
    }
}
