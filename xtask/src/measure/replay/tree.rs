//! `upstream-faults/`: a clone of upstream/ with the faults on top.

use super::list;
use crate::base::git::{self, Git};
use crate::base::hex::hex;
use crate::base::lock;
use crate::base::mtime;
use crate::base::project::Project;
use crate::patches::{overlay, refresh};
use crate::series::Series;
use crate::upstream::bootstrap::{self, LocalWork, Report};
use crate::upstream::stamp::Stamp;
use crate::upstream::tree::Tree;
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Brings upstream-faults/ up to date. A tree with work in it is used as it is, if it was made from
/// what is there now, and is never replaced.
pub fn bootstrap(project: &Project) -> Result<PathBuf> {
    bootstrap::run(project, LocalWork::Keep, Report::Changes)?;
    let _lock = lock::take(project, "faults")?;
    let upstream = Git::at(&project.upstream());
    let git = Git::at(&project.upstream_faults());
    let series = Series::load_from(&project.faults(), project.faults_overlay().as_deref())?;
    let key = key(&upstream, &series)?;
    if git.exists()
        && let Some(stamp) = Stamp::read(&git)?
    {
        let is_untouched = bootstrap::is_untouched(&git, &stamp)?;
        if stamp.key == key {
            if !is_untouched {
                eprintln!(
                    "replay: upstream-faults/ has changes of its own; \
                     `cargo xtask replay --refresh` exports its commits"
                );
            }
            return Ok(project.upstream_faults());
        }
        ensure!(
            is_untouched,
            "upstream-faults/ is out of date, but has changes of its own: export its commits \
             with `cargo xtask replay --refresh`, or delete it"
        );
    }
    build(project, &upstream, &series, key)?;
    Ok(project.upstream_faults())
}

/// What the tree is made from, as a hash.
fn key(upstream: &Git, series: &Series) -> Result<String> {
    let mut hash = Sha256::new();
    // Each field is preceded by its length, so that no two inputs look the same.
    let mut field = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    field(upstream.head()?.as_bytes());
    for patch in series.patches() {
        field(patch.name.as_bytes());
        field(patch.text.as_bytes());
    }
    Ok(hex(&hash.finalize()))
}

fn build(project: &Project, upstream: &Git, series: &Series, key: String) -> Result<()> {
    let uncommitted = upstream.uncommitted()?;
    if !uncommitted.is_empty() {
        eprint!("warning: uncommitted changes in upstream/ are left out:\n{uncommitted}");
    }
    let dir = project.root().join(format!(
        "{}-faults.tmp-{}",
        project.upstream_name(),
        std::process::id()
    ));
    let temporary = Temporary(dir.clone());
    let (from, to) = (upstream.dir().to_string_lossy(), dir.to_string_lossy());
    git::in_project(project.root(), ["clone", "--quiet", &from, &to])?;
    let git = Git::at(&dir);
    fs_err::create_dir_all(dir.join(".git/info"))?;
    fs_err::write(dir.join(".git/info/exclude"), "target/\nCargo.lock\n")?;
    git.run(["remote", "remove", "origin"])?;
    let mut tree = Tree::on(git)?;
    for (patch, file) in series.files() {
        tree.apply(patch, file)
            .context("the faults do not apply on top of the shipped series")?;
    }
    let base = tree.base().to_string();
    let git = tree.finish()?;
    let head = git.head()?;
    let target = project.upstream_faults();
    if target.exists() {
        mtime::carry_over(&target, &dir)?;
        git.run(["update-index", "-q", "--refresh"])?;
        let old = Git::at(&target);
        ensure!(
            !old.exists()
                || Stamp::read(&old)?.is_some()
                || old.tree("HEAD")? == git.tree("HEAD")?,
            "upstream-faults/ was not made by this command, and differs: delete it"
        );
        fs_err::remove_dir_all(&target)?;
    }
    Stamp { key, base, head }.write(&git)?;
    fs_err::rename(&dir, &target)?;
    drop(temporary);
    let patches = series.patches().len();
    eprintln!("replay: made upstream-faults/ from upstream/ and {patches} patches");
    Ok(())
}

/// The commit that the faults of `head` are on top of: the head of upstream/, if they were rebased to it
/// by hand, or else what the tree was made from.
fn base(git: &Git, upstream: &Git, head: &str) -> Result<String> {
    let new = upstream.head()?;
    let is_rebased = git.output(["merge-base", "--is-ancestor", &new, head])?;
    let stamp = Stamp::read(git)?;
    Ok(match stamp {
        Some(stamp) if !is_rebased.status.success() => stamp.base,
        _ => new,
    })
}

/// A directory that is removed unless it was renamed.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // If it cannot be removed now, it is in nobody's way.
        let _ = fs_err::remove_dir_all(&self.0);
    }
}

/// Writes the series of the default base.
fn write(dir: &Path, series: &Series) -> Result<()> {
    for patch in series.patches() {
        fs_err::write(dir.join(&patch.name), &patch.text)?;
    }
    fs_err::write(dir.join("series"), series.text())?;
    for entry in fs_err::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".patch") && series.find(&name).is_none() {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Exports the commits of upstream-faults/ to patches/faults.
pub fn refresh(project: &Project) -> Result<()> {
    let _lock = lock::take(project, "faults")?;
    let git = Git::at(&project.upstream_faults());
    ensure!(
        git.exists(),
        "there is no upstream-faults/ to export from; `cargo xtask replay --bootstrap` makes it"
    );
    let upstream = Git::at(&project.upstream());
    let head = git.head()?;
    let base = base(&git, &upstream, &head)?;
    let old = Series::load_from(&project.faults(), project.faults_overlay().as_deref())?;
    let mut new = refresh::export(&git, &base, &head, old)?;
    let dir = project.faults();
    match project.faults_overlay() {
        None => write(&dir, &new)?,
        Some(of_base) => {
            let common = Series::load_from(&dir, None)?;
            overlay::share(&mut new, &common)?;
            overlay::write(&of_base, &new, &common)?;
        }
    }
    if base == upstream.head()? {
        let key = key(&upstream, &new)?;
        Stamp { key, base, head }.write(&git)?;
    }
    let faults = list::load(project)?.len();
    eprintln!("replay: {} patches, {faults} faults", new.patches().len());
    Ok(())
}
