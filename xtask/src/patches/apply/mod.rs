//! `cargo xtask patches apply`: puts the series, the verifier and its filetests into a checkout of
//! Wasmtime, and takes them out again.
//!
//! Everything is worked out before a file is touched: a tree that is refused is left as it was. What
//! is about to be changed is recorded in the tree's git directory first, so that `--reverse` also
//! undoes what a killed run has begun.

mod changes;
mod commits;
mod layout;
mod lockfile;
mod manifest;
mod merge;
mod place;
mod record;

use crate::base::failpoint::failpoint;
use crate::base::git::{self, Git};
use crate::base::project::Project;
use crate::upstream::bootstrap::{self, LocalWork, Report};
use crate::upstream::pins;
use crate::upstream::stamp::Stamp;
use anyhow::{Context, Result, bail, ensure};
use changes::Changes;
use layout::Layout;
use record::Record;
use std::path::{Path, PathBuf};

/// What to do.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The checkout, its top directory
    #[arg(long, value_name = "DIR")]
    tree: PathBuf,
    /// Go on although there are uncommitted changes
    #[arg(long)]
    allow_dirty: bool,
    /// Take everything out again
    #[arg(long, conflicts_with = "allow_dirty")]
    reverse: bool,
    /// Make a commit of each patch, and one of the verifier and its filetests
    #[arg(long, conflicts_with_all = ["allow_dirty", "reverse"])]
    commits: bool,
}

/// Does it.
pub fn run(project: &Project, args: &Args) -> Result<()> {
    let target = Target::open(&args.tree)?;
    if args.reverse {
        return reverse(&target);
    }
    let layout = Layout::load(project)?;
    let project = &target.base(project, &layout.release)?;
    if Record::exists(&target.git_dir) {
        bail!(
            "the series is in {} already; `--reverse` takes it out",
            target.dir.display()
        );
    }
    let uncommitted = target.uncommitted()?;
    if !uncommitted.is_empty() && !args.allow_dirty {
        bail!(
            "{} has uncommitted changes:\n{}\ncommit them, or go on with `--allow-dirty`",
            target.dir.display(),
            uncommitted.trim_end()
        );
    }
    bootstrap::run(project, LocalWork::Keep, Report::Changes)?;
    let upstream = Git::at(&project.upstream());
    let stamp = Stamp::read(&upstream)?.context("upstream/ has no stamp")?;

    if args.commits {
        return commits::run(project, &target.dir, &layout, &upstream, &stamp);
    }
    let mut changes = Changes::of(&target.dir);
    let whole = (stamp.base.as_str(), stamp.head.as_str());
    let merged = merge::series(project, &upstream, whole, &mut changes)?;
    let placed = place::all(project, &layout, &mut changes)?;
    let changes = changes.finish()?;
    Record::write(&target.git_dir, &changes)?;
    failpoint("recorded");
    for change in &changes {
        change.write(&target.dir)?;
        failpoint("changed");
    }
    eprintln!(
        "apply: {merged} files of the series, {placed} of the verifier and its filetests; \
         `--reverse` takes them out"
    );
    Ok(())
}

fn reverse(target: &Target) -> Result<()> {
    let record = Record::read(&target.git_dir)?;
    let Some(record) = record else {
        bail!("the series is not in {}", target.dir.display());
    };
    let changed = record.changed_since(&target.dir)?;
    ensure!(
        changed.is_empty(),
        "changed in {} since the series was applied:\n  {}\nput these files back first (`git checkout` \
         will do), and save what is worth it",
        target.dir.display(),
        changed.join("\n  ")
    );
    let count = record.undo(&target.dir)?;
    Record::delete(&target.git_dir)?;
    eprintln!("apply: put back {count} files");
    Ok(())
}

/// The checkout.
struct Target {
    dir: PathBuf,
    git_dir: PathBuf,
}

impl Target {
    fn open(dir: &Path) -> Result<Self> {
        let dir = fs_err::canonicalize(dir)?;
        let ask = |question| git::in_project(&dir, ["rev-parse", question]);
        let top = ask("--show-toplevel")
            .with_context(|| format!("{} is not a git checkout", dir.display()))?;
        ensure!(
            fs_err::canonicalize(top.trim_end())? == dir,
            "{} is not the top directory of a git checkout",
            dir.display()
        );
        let git_dir = ask("--absolute-git-dir")?.trim_end().into();
        Ok(Self { dir, git_dir })
    }

    fn uncommitted(&self) -> Result<String> {
        git::in_project(
            &self.dir,
            ["status", "--porcelain", "--untracked-files=normal"],
        )
    }

    /// The project on the base that the checkout is of; `release` is that of the default base.
    ///
    /// Patch releases differ by little: a change that collides with one is a conflict, and told.
    fn base(&self, project: &Project, release: &str) -> Result<Project> {
        let found = self.version();
        let Some(found) = found else {
            bail!(
                "{} is not a checkout of Wasmtime: its Cargo.toml names no workspace version",
                self.dir.display()
            );
        };
        let mut bases = vec![(release.to_string(), project.on_default())];
        for base in pins::all_bases(project)? {
            let on = pins::on_base(project.on_default(), Some(&base))?;
            if on.base().is_some() {
                bases.push((format!("{base}.0"), on));
            }
        }
        let known: Vec<_> = bases
            .iter()
            .map(|(release, _)| format!("{release}.x"))
            .collect();
        let is_of = |release: &str| {
            let rest = found.strip_prefix(release);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let base = bases.into_iter().find(|(release, _)| is_of(release));
        let (_, project) = base.with_context(|| {
            format!(
                "{} is Wasmtime {found}, and the series is for {}",
                self.dir.display(),
                known.join(" and ")
            )
        })?;
        Ok(project)
    }

    fn version(&self) -> Option<String> {
        let text = fs_err::read_to_string(self.dir.join("Cargo.toml")).ok()?;
        let manifest: toml::Table = text.parse().ok()?;
        let package = manifest.get("workspace")?.get("package")?;
        Some(package.get("version")?.as_str()?.to_string())
    }
}
