//! `cargo xtask patches rebase --onto VERSION`: takes the series to another release of Wasmtime.
//!
//! The tree of that release is made, and the patches are applied one by one: exactly if that is possible, or
//! else three ways, with the files of the bases that are there as common ancestors. Conflicts that were
//! resolved before are resolved the same way (`git rerere`). At a new conflict it stops; when that is
//! resolved, the same command goes on.

use super::overlay;
use crate::base::git::Git;
use crate::base::project::Project;
use crate::base::{cargo, lock};
use crate::series::Series;
use crate::upstream::pins::{Pin, Pins};
use crate::upstream::stamp::Stamp;
use crate::upstream::tree::{Temporary, Tree};
use crate::upstream::{bootstrap, registry, workspace};
use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What to do.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The release of Wasmtime, such as 50.0.1
    #[arg(long, value_name = "VERSION")]
    onto: String,
}

/// How a patch was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum How {
    Exact,
    ThreeWay,
    Conflict,
}

impl How {
    fn word(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::ThreeWay => "three-way",
            Self::Conflict => "conflict",
        }
    }
}

/// The record of a rebase that is under way, in the tree's git directory.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Progress {
    onto: String,
    base: String,
    applied: Vec<How>,
}

impl Progress {
    fn path(git: &Git) -> PathBuf {
        git.dir().join(".git/xtask-rebase.json")
    }

    fn read(git: &Git) -> Result<Option<Self>> {
        let path = Self::path(git);
        if !path.exists() {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&fs_err::read_to_string(path)?)?))
    }

    fn write(&self, git: &Git) -> Result<()> {
        fs_err::write(Self::path(git), serde_json::to_string(self)?)?;
        Ok(())
    }
}

/// Does it, or goes on with it.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    let onto = &args.onto;
    let number = onto.split('.').next().unwrap_or_default();
    let default = project.on_default();
    let is_default = Pins::load(&default.pins())?.base.as_deref() == Some(number);
    let target = if is_default {
        default.clone()
    } else {
        default.on(number)
    };
    let pins = pinned(&default, &target, number, onto)?;
    workspace::make(&target, &pins)?;
    let _lock = lock::take(&target, lock::UPSTREAM)?;
    let series = Series::load(&target)?;
    let git = Git::at(&target.upstream());
    let mut progress = match Progress::read(&git)? {
        Some(progress) if progress.onto == *onto => progress,
        _ => start(&default, &target, &pins, onto)?,
    };
    ensure!(
        !git.operation_under_way(),
        "{}/ has an am under way: resolve it, end it with `git am --continue`, and run this again",
        target.upstream_name()
    );
    let count = git.commits(&progress.base, &git.head()?)?.len();
    ensure!(
        count == progress.applied.len(),
        "{}/ has {count} commits, and {} patches were applied: each patch becomes one commit",
        target.upstream_name(),
        progress.applied.len()
    );
    let common = Series::load(&default)?;
    for (patch, file) in series.files().skip(count) {
        // An overlay that was made for another version of the patch would lose what changed since.
        let common = common
            .find(&patch.name)
            .context("both bases have all patches")?;
        let is_stale = patch.text != common.text && !overlay::is_current(patch, common)?;
        let of_default = default.patches().join(&patch.name);
        let how = apply(&git, if is_stale { &of_default } else { file })?;
        progress.applied.push(how);
        progress.write(&git)?;
        if how == How::Conflict {
            print!("{}", table(&series, &progress));
            bail!(
                "patches/{} does not apply: resolve it in {}/, `git add` the files, run `git am \
                 --continue` there, and then this command again",
                patch.name,
                target.upstream_name()
            );
        }
    }
    fs_err::remove_file(Progress::path(&git))?;
    print!("{}", table(&series, &progress));
    let base = target.base_argument();
    eprintln!(
        "rebase: {}/ is Wasmtime {onto} with {} patches; `cargo xtask patches refresh{base}` exports \
         them, and `cargo xtask patches check{base}` compiles them",
        target.upstream_name(),
        progress.applied.len(),
    );
    Ok(())
}

/// The tree of the release, without patches.
fn start(default: &Project, target: &Project, pins: &Pins, onto: &str) -> Result<Progress> {
    let old = Git::at(&target.upstream());
    if old.exists() {
        let stamp = Stamp::read(&old)?;
        let is_untouched = match &stamp {
            Some(stamp) => bootstrap::is_untouched(&old, stamp)?,
            None => false,
        };
        ensure!(
            is_untouched,
            "{}/ has commits or changes that are not in patches/: export them with `cargo xtask \
             patches refresh{}`, or delete it",
            target.upstream_name(),
            target.base_argument()
        );
    }
    let archives = registry::archives(target, pins)?;
    let temporary = Temporary::new(target);
    let tree = Tree::unpack(&temporary.dir, pins, &archives)?;
    let base = tree.base().to_string();
    let git = tree.finish()?;
    // The files that the patches were made for, so that they can be merged.
    for other in [default.upstream(), target.upstream()] {
        if Git::at(&other).exists() {
            let other = other.to_string_lossy();
            git.run(["fetch", "--quiet", "--no-tags", &other, "HEAD"])?;
        }
        git.take_resolutions(&Git::at(&other))?;
    }
    let progress = Progress {
        onto: onto.into(),
        base,
        applied: Vec::new(),
    };
    progress.write(&git)?;
    if target.upstream().exists() {
        fs_err::remove_dir_all(target.upstream())?;
    }
    fs_err::rename(&temporary.dir, target.upstream())?;
    Ok(progress)
}

/// Applies one patch; a conflict is left in the tree.
fn apply(git: &Git, file: &Path) -> Result<How> {
    const OPTIONS: [&str; 7] = [
        "--quiet",
        "--committer-date-is-author-date",
        "--keep-non-patch",
        "--keep-cr",
        "--no-scissors",
        "--no-gpg-sign",
        "--whitespace=nowarn",
    ];
    let file = file.to_str().context("a path is not UTF-8")?;
    let am = |ways: &str| {
        let rerere = ["-c", "rerere.enabled=true", "-c", "rerere.autoUpdate=true"];
        git.output([&rerere[..], &["am", ways], &OPTIONS, &["--", file]].concat())
    };
    if am("--no-3way")?.status.success() {
        return Ok(How::Exact);
    }
    git.run(["am", "--abort"])?;
    if am("--3way")?.status.success() {
        return Ok(How::ThreeWay);
    }
    let unmerged = git.run(["ls-files", "--unmerged"])?;
    if unmerged.is_empty() && git.output(["am", "--continue"])?.status.success() {
        return Ok(How::ThreeWay);
    }
    Ok(How::Conflict)
}

fn table(series: &Series, progress: &Progress) -> String {
    let mut text = String::new();
    for (patch, how) in series.patches().zip(&progress.applied) {
        let _ = writeln!(text, "{:<10} {}", how.word(), patch.name);
    }
    let count = |how| progress.applied.iter().filter(|it| **it == how).count();
    let _ = writeln!(
        text,
        "{} exact, {} three-way, {} conflicts, {} left",
        count(How::Exact),
        count(How::ThreeWay),
        count(How::Conflict),
        series.patches().len() - progress.applied.len()
    );
    text
}

/// The pins of the release; made from what the registry has, if there are none yet.
fn pinned(default: &Project, target: &Project, number: &str, onto: &str) -> Result<Pins> {
    let path = target.pins();
    if path.exists() {
        let pins = Pins::load(&path)?;
        if pins.crates.iter().any(|pin| pin.version == onto) {
            return Ok(pins);
        }
    }
    let old = Pins::load(&default.pins())?;
    let lock = locked(
        default,
        onto,
        &[("wasmtime", onto), ("wasmtime-wast", onto)],
    )?;
    let cranelift = lock.version("cranelift-codegen")?;
    let wanted: Vec<(&str, &str)> = old
        .crates
        .iter()
        .map(|pin| {
            let is_cranelift = pin.name.starts_with("cranelift-");
            (
                pin.name.as_str(),
                if is_cranelift { cranelift } else { onto },
            )
        })
        .collect();
    let all = locked(default, onto, &wanted)?;
    let mut text = format!(
        "# The published crates of Wasmtime {onto}; see pins.toml.\nbase = \"{number}\"\n\n\
         # Files that publishing added and a checkout does not have.\n\
         leave-out = {:?}\n",
        old.leave_out
    );
    for Pin { name, path, .. } in &old.crates {
        let (version, sha256) = (all.version(name)?, all.checksum(name)?);
        let _ = write!(
            text,
            "\n[[crate]]\nname = \"{name}\"\nversion = \"{version}\"\npath = \"{path}\"\n\
             sha256 = \"{sha256}\"\n"
        );
    }
    text.push_str("\n# Versions of what has to be as in Wasmtime.\n[dependencies]\n");
    let parser = lock.version_for("wasmtime-environ", "wasmparser")?;
    for (name, version) in [
        ("object", lock.version_for("wasmtime-environ", "object")?),
        ("wasm-smith", parser.clone()),
        ("wasmparser", parser),
        ("wast", lock.version_for("wasmtime-wast", "wast")?),
    ] {
        let _ = writeln!(text, "{name} = \"{version}\"");
    }
    fs_err::write(&path, text)?;
    eprintln!(
        "rebase: made xtask/{} for Wasmtime {onto}",
        target.pins_name()
    );
    Pins::load(&path)
}

/// A lock file, as far as it is of interest.
#[derive(Debug, Deserialize)]
struct Lock {
    package: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Lock {
    fn find(&self, name: &str) -> Result<&Package> {
        let package = self.package.iter().find(|package| package.name == name);
        package.with_context(|| format!("the registry gave no {name}"))
    }

    fn version(&self, name: &str) -> Result<&str> {
        Ok(&self.find(name)?.version)
    }

    fn checksum(&self, name: &str) -> Result<&str> {
        let checksum = self.find(name)?.checksum.as_deref();
        checksum.with_context(|| format!("{name} has no checksum"))
    }

    /// The version of a package that another one depends on, without the patch number.
    fn version_for(&self, of: &str, name: &str) -> Result<String> {
        let wanted = self.find(of)?.dependencies.iter().find_map(|dependency| {
            let mut words = dependency.split(' ');
            (words.next() == Some(name)).then(|| words.next().map(str::to_string))
        });
        let wanted = wanted.with_context(|| format!("{of} does not depend on {name}"))?;
        // The version is named only where there are several.
        let version = match wanted {
            Some(version) => version,
            None => self.version(name)?.to_string(),
        };
        let parts: Vec<_> = version.split('.').collect();
        Ok(match parts.as_slice() {
            ["0", minor, ..] => format!("0.{minor}"),
            [major, ..] => (*major).to_string(),
            [] => version,
        })
    }
}

/// What cargo locks for a package that depends on these versions.
fn locked(project: &Project, onto: &str, wanted: &[(&str, &str)]) -> Result<Lock> {
    let dir = project.scratch("xtask-pins");
    fs_err::create_dir_all(dir.join("src"))?;
    fs_err::write(dir.join("src/lib.rs"), "")?;
    let mut text = String::from(
        "[workspace]\n[package]\nname = \"pins\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\
         [dependencies]\n",
    );
    let names: BTreeMap<_, _> = wanted.iter().copied().collect();
    for (name, version) in names {
        let _ = writeln!(text, "{name} = \"={version}\"");
    }
    fs_err::write(dir.join("Cargo.toml"), text)?;
    let mut command = cargo::command(&dir);
    command.args(["generate-lockfile", "--quiet"]);
    command.env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "allow");
    cargo::succeed(&mut command)
        .with_context(|| format!("the registry has no Wasmtime {onto}, or cannot be asked"))?;
    let lock = toml::from_str(&fs_err::read_to_string(dir.join("Cargo.lock"))?);
    lock.context("cargo's lock file is not understood")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_those_that_a_package_depends_on() {
        let lock: Lock = toml::from_str(
            "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\"b 0.261.0\", \"c\"]\n\
             [[package]]\nname = \"b\"\nversion = \"0.260.0\"\n\
             [[package]]\nname = \"b\"\nversion = \"0.261.0\"\n\
             [[package]]\nname = \"c\"\nversion = \"261.0.2\"\nchecksum = \"0\"\n",
        )
        .unwrap();
        assert_eq!(lock.version_for("a", "b").unwrap(), "0.261");
        assert_eq!(lock.version_for("a", "c").unwrap(), "261");
        assert_eq!(lock.checksum("c").unwrap(), "0");
        assert!(lock.version_for("a", "d").is_err());
        assert!(lock.checksum("b").is_err());
    }
}
