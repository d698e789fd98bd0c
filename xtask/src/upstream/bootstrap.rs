//! `cargo xtask bootstrap`: makes upstream/ from the pinned crates and the patch series.
//!
//! The tree is made in a directory beside upstream/, stamped, and renamed: upstream/ is whole
//! or not there. What a killed run leaves behind are directories whose names say so. A tree
//! that holds somebody's work is never replaced unless that is asked for.

use crate::base::failpoint::failpoint;
use crate::base::git::Git;
use crate::base::lock;
use crate::base::mtime;
use crate::base::project::Project;
use crate::series::Series;
use crate::upstream::pins::Pins;
use crate::upstream::registry;
use crate::upstream::stamp::{self, Stamp};
use crate::upstream::tree::{Temporary, Tree, temporary_names};
use crate::upstream::workspace;
use anyhow::{Result, bail};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// What to do with local work in upstream/.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocalWork {
    /// Stop with an error.
    Keep,
    /// Delete it.
    Discard,
}

/// What the user is told on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Also that nothing was to be done.
    All,
    /// Only what was done.
    Changes,
}

/// Brings upstream/ up to date.
pub fn run(project: &Project, local: LocalWork, report: Report) -> Result<()> {
    let pins = Pins::load(&project.pins())?;
    workspace::make(project, &pins)?;
    let series = Series::load(project)?;
    let key = stamp::key(&pins, &series, series.patches().len());
    let git = Git::at(&project.upstream());

    let up_to_date = |state: &State| match state {
        State::Stamped(stamp) if stamp.key == key => {
            local == LocalWork::Keep || is_untouched(&git, stamp).unwrap_or(false)
        }
        _ => false,
    };
    let mut state = State::of(&git)?;
    if !up_to_date(&state) || !leftovers(project)?.is_empty() {
        let _lock = lock::take(project, lock::UPSTREAM)?;
        recover(project)?;
        // Another run may have done the work meanwhile.
        state = State::of(&git)?;
        if !up_to_date(&state) {
            return build(project, &pins, &series, key, &state, local);
        }
    }
    if let State::Stamped(stamp) = &state
        && report == Report::All
    {
        let patches = series.patches().len();
        let name = project.upstream_name();
        eprintln!("bootstrap: {name}/ is up to date ({patches} patches)");
        if git.head()? != stamp.head {
            eprintln!(
                "bootstrap: it is at another commit than the series; \
                 `cargo xtask patches refresh{}` exports its commits",
                project.base_argument()
            );
        }
    }
    Ok(())
}

fn build(
    project: &Project,
    pins: &Pins,
    series: &Series,
    key: String,
    state: &State,
    local: LocalWork,
) -> Result<()> {
    let start = Instant::now();
    let git = Git::at(&project.upstream());
    let objection = match local {
        LocalWork::Keep => objection(&git, state)?,
        LocalWork::Discard => None,
    };
    if let Some(Objection::Final(reason)) = &objection {
        bail!(refusal(project, reason));
    }
    let archives = registry::archives(project, pins)?;
    let temporary = Temporary::new(project);
    let mut tree = Tree::unpack(&temporary.dir, pins, &archives)?;
    for (patch, file) in series.files() {
        tree.apply(patch, file)?;
    }
    let base = tree.base().to_string();
    let new = tree.finish()?;
    let head = new.head()?;
    if series.patches().len() > 0 {
        new.commit_as_author_of(&head)?;
    }
    if let Some(Objection::UnlessSameTree(reason)) = &objection
        && git.tree("HEAD")? != new.tree(&head)?
    {
        bail!(refusal(project, reason));
    }
    if git.dir().exists() {
        mtime::carry_over(git.dir(), new.dir())?;
        new.take_resolutions(&git)?;
        // The index remembers times.
        new.run(["update-index", "-q", "--refresh"])?;
    }
    failpoint("unstamped");
    Stamp { key, base, head }.write(&new)?;
    swap(project, &temporary.dir)?;
    eprintln!(
        "bootstrap: made {}/ from {} crates and {} patches in {:.1} s",
        project.upstream_name(),
        archives.len(),
        series.patches().len(),
        start.elapsed().as_secs_f64()
    );
    Ok(())
}

/// The state of upstream/.
#[derive(Debug)]
enum State {
    /// Not there, or an empty directory.
    Absent,
    /// Something that bootstrap did not make.
    Foreign,
    /// A repository without a stamp: made by hand, or by a bootstrap of another format.
    Unstamped,
    /// Made by bootstrap.
    Stamped(Stamp),
}

impl State {
    fn of(git: &Git) -> Result<Self> {
        let dir = git.dir();
        Ok(if git.exists() {
            match Stamp::read(git)? {
                Some(stamp) => Self::Stamped(stamp),
                None => Self::Unstamped,
            }
        } else if !dir.exists() || (dir.is_dir() && fs_err::read_dir(dir)?.next().is_none()) {
            Self::Absent
        } else {
            Self::Foreign
        })
    }
}

/// Why upstream/ should not be replaced.
#[derive(Debug)]
enum Objection {
    /// There is work that the new tree cannot contain.
    Final(String),
    /// There may be such work; there is none if both trees are equal.
    UnlessSameTree(String),
}

fn objection(git: &Git, state: &State) -> Result<Option<Objection>> {
    let stamp = match state {
        State::Absent => return Ok(None),
        State::Foreign => {
            let reason = "was not made by bootstrap: it is not a git repository";
            return Ok(Some(Objection::Final(reason.into())));
        }
        State::Unstamped => None,
        State::Stamped(stamp) => Some(stamp),
    };
    let found = |reason: String| Ok(Some(Objection::Final(reason)));
    if git.operation_under_way() {
        return found("has a rebase, am, merge, cherry-pick or revert under way".into());
    }
    let uncommitted = git.uncommitted()?;
    if !uncommitted.is_empty() {
        return found(format!(
            "has uncommitted changes:\n{}",
            shorten(&uncommitted, 10)
        ));
    }
    let elsewhere = git.commits_elsewhere()?;
    if elsewhere > 0 {
        return found(format!(
            "has {elsewhere} commits on other branches or in the stash"
        ));
    }
    let Some(stamp) = stamp else {
        let reason = "has no stamp: its commits may not be in patches/";
        return Ok(Some(Objection::UnlessSameTree(reason.into())));
    };
    let head = git.head()?;
    if head == stamp.head {
        return Ok(None);
    }
    let log = git.run(["log", "--oneline", &format!("{}..{head}", stamp.head)])?;
    let reason = format!(
        "has local commits that are not in patches/:\n{}",
        shorten(&log, 10)
    );
    Ok(Some(Objection::UnlessSameTree(reason)))
}

/// Whether upstream/ holds exactly what its stamp says.
pub fn is_untouched(git: &Git, stamp: &Stamp) -> Result<bool> {
    Ok(git.head()? == stamp.head && git.uncommitted()?.is_empty())
}

fn refusal(project: &Project, reason: &str) -> String {
    let base = project.base_argument();
    format!(
        "{}/ is out of date, but {}\n\
         commit there and run `cargo xtask patches refresh{base}` to export it to patches/, or\n\
         `cargo xtask bootstrap{base} --force` discards what is there",
        project.upstream_name(),
        reason.trim_end()
    )
}

fn shorten(list: &str, most: usize) -> String {
    let mut lines: Vec<_> = list.lines().take(most).map(|l| format!("  {l}")).collect();
    let left = list.lines().count().saturating_sub(most);
    if left > 0 {
        lines.push(format!("  and {left} more"));
    }
    lines.join("\n")
}

/// Directories that a killed run left behind.
fn leftovers(project: &Project) -> Result<Vec<PathBuf>> {
    let (new, old) = temporary_names(project);
    let mut found = Vec::new();
    for entry in fs_err::read_dir(project.root())? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let process = name
            .strip_prefix(old.as_str())
            .or(name.strip_prefix(new.as_str()));
        if process.is_some_and(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit())) {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found)
}

/// Puts things straight after a run that was killed. The lock is held.
fn recover(project: &Project) -> Result<()> {
    let (_, old) = temporary_names(project);
    for dir in leftovers(project)? {
        let name = dir.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&old) && !project.upstream().exists() {
            // Killed between the two renames: the old tree is still the valid one.
            fs_err::rename(&dir, project.upstream())?;
        } else {
            fs_err::remove_dir_all(&dir)?;
        }
    }
    Ok(())
}

/// Puts the new tree in the place of the old one.
fn swap(project: &Project, new: &Path) -> Result<()> {
    let upstream = project.upstream();
    let (_, old) = temporary_names(project);
    let old = project.root().join(format!("{old}{}", std::process::id()));
    let replaces = upstream.exists();
    if replaces {
        fs_err::rename(&upstream, &old)?;
    }
    failpoint("between-renames");
    if let Err(error) = fs_err::rename(new, &upstream) {
        if replaces {
            fs_err::rename(&old, &upstream)?;
        }
        return Err(error.into());
    }
    failpoint("renamed");
    if replaces {
        fs_err::remove_dir_all(&old)?;
    }
    Ok(())
}
