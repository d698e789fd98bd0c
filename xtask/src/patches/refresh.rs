//! `cargo xtask patches refresh`: exports the commits in upstream/ to patches/.
//!
//! The result is the same on every machine and for every history that gives the same commits.
//! Before a file is touched the new series is applied to the pinned sources, and must give the
//! very tree and messages that were exported.

use super::overlay;
use crate::base::git::Git;
use crate::base::lock;
use crate::base::project::Project;
use crate::series::Series;
use crate::series::patch::{Patch, slug};
use crate::upstream::pins::Pins;
use crate::upstream::registry;
use crate::upstream::stamp::{self, Stamp};
use crate::upstream::tree::Temporary;
use crate::upstream::tree::Tree;
use anyhow::{Context, Result, bail, ensure};
use std::collections::BTreeMap;

/// The arguments of `git format-patch` that make its output depend on the commit alone.
const FORMAT: &[&str] = &[
    "format-patch",
    "-1",
    "--stdout",
    "--zero-commit",
    "--no-signature",
    "--no-numbered",
    "--no-stat",
    "--patch",
    "--no-encode-email-headers",
    "--subject-prefix=PATCH",
    "--no-attach",
    "--no-thread",
    "--no-to",
    "--no-cc",
    "--no-add-header",
    "--no-notes",
    "--no-base",
    "--no-cover-letter",
    "--abbrev=12",
    "--unified=3",
    "--inter-hunk-context=0",
    "--no-renames",
    "--diff-algorithm=myers",
    "--indent-heuristic",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--no-relative",
    "--no-color",
    "--no-ext-diff",
    "--no-textconv",
];

/// Exports the commits, and notes that upstream/ is what patches/ says.
pub fn run(project: &Project) -> Result<()> {
    let _lock = lock::take(project, lock::UPSTREAM)?;
    let pins = Pins::load(&project.pins())?;
    let git = Git::at(&project.upstream());
    ensure!(
        git.exists(),
        "there is no {}/ to export from; run `cargo xtask bootstrap{}` first",
        project.upstream_name(),
        project.base_argument()
    );
    ensure!(
        !git.operation_under_way(),
        "upstream/ has a rebase, am, merge, cherry-pick or revert under way; finish it first"
    );
    let uncommitted = git.uncommitted()?;
    if !uncommitted.is_empty() {
        eprint!("warning: uncommitted changes in upstream/ are not exported:\n{uncommitted}");
    }

    let base = base(&git)?;
    let head = git.head()?;
    let mut new = export(&git, &base, &head, Series::load(project)?)?;
    if project.base().is_some() {
        overlay::share(&mut new, &Series::load(&project.on_default())?)?;
    }
    verify(project, &pins, &new, &git, &base, &head)?;
    let changes = match project.overlay() {
        None => write(project, &new)?,
        Some(dir) => overlay::write(&dir, &new, &Series::load(&project.on_default())?)?,
    };
    let key = stamp::key(&pins, &new, new.patches().len());
    Stamp { key, base, head }.write(&git)?;
    for change in &changes {
        eprintln!("{change}");
    }
    eprintln!(
        "refresh: {} patches, {} files changed",
        new.patches().len(),
        changes.len()
    );
    Ok(())
}

/// The series that the commits after `base` make, as far as possible with the names, comments
/// and blocks of the old one.
pub fn export(git: &Git, base: &str, head: &str, old: Series) -> Result<Series> {
    let merges = git.run(["rev-list", "--merges", &format!("{base}..{head}")])?;
    ensure!(
        merges.is_empty(),
        "upstream/ has merge commits; rebase them:\n{merges}"
    );
    let mut patches = BTreeMap::new();
    let mut order = Vec::new();
    for commit in git.commits(base, head)? {
        let patch = export_commit(git, &commit)?;
        let name = patch.name.clone();
        ensure!(
            patches.insert(name.clone(), patch).is_none(),
            "two commits have the subject of {name}; reword one"
        );
        order.push(name);
    }
    let renamed = renamed(&old, &patches);
    let patches = order
        .iter()
        .map(|name| with_block(&patches[name], &old, renamed.get(name)))
        .collect();
    Ok(old.replace(patches, |name| renamed.get(name).cloned()))
}

/// The commit that the series starts from: the stamp's, or the first one of a tree that was
/// made by hand. [`verify`] finds out if it is not made of the pinned sources.
fn base(git: &Git) -> Result<String> {
    let head = git.head()?;
    if let Some(stamp) = Stamp::read(git)? {
        let ancestor = git.output(["merge-base", "--is-ancestor", &stamp.base, &head])?;
        ensure!(
            ancestor.status.success(),
            "upstream/ is at a commit that is not based on the pinned sources ({})",
            stamp.base
        );
        return Ok(stamp.base);
    }
    let roots = git.run(["rev-list", "--max-parents=0", &head])?;
    let mut roots = roots.lines();
    match (roots.next(), roots.next()) {
        (Some(root), None) => Ok(root.into()),
        _ => bail!("upstream/ has no stamp and not exactly one first commit"),
    }
}

fn export_commit(git: &Git, commit: &str) -> Result<Patch> {
    let text = git.run(FORMAT.iter().chain(&[commit]))?;
    ensure!(
        text.contains("\ndiff --git "),
        "commit {commit} in upstream/ changes nothing; drop it"
    );
    let mut patch = Patch {
        name: commit.into(),
        text,
    };
    let subject = patch.subject()?;
    if ["fixup!", "squash!", "amend!"]
        .iter()
        .any(|word| subject.starts_with(word))
    {
        bail!("upstream/ has a commit `{subject}`; run `git rebase --autosquash` there");
    }
    let slug = slug(&subject);
    ensure!(
        !slug.is_empty(),
        "no file name can be made of the subject `{subject}`"
    );
    patch.name = format!("{slug}.patch");
    Ok(patch.with_block(None))
}

/// New names of patches whose subject was changed, to their old ones. Author and date survive
/// rewording and rebasing.
fn renamed(old: &Series, new: &BTreeMap<String, Patch>) -> BTreeMap<String, String> {
    let origin = |patch: &Patch| (patch.header("From"), patch.header("Date"));
    let mut renamed = BTreeMap::new();
    for patch in new.values().filter(|patch| old.find(&patch.name).is_none()) {
        let mut candidates = old
            .patches()
            .filter(|other| !new.contains_key(&other.name) && origin(other) == origin(patch));
        // Commits made by a script in the same second cannot be told apart.
        if let (Some(other), None) = (candidates.next(), candidates.next()) {
            renamed.insert(patch.name.clone(), other.name.clone());
        }
    }
    renamed
}

/// The patch with the block below `---` that its file had, or a first one.
fn with_block(patch: &Patch, old: &Series, renamed: Option<&String>) -> Patch {
    match old.find(renamed.unwrap_or(&patch.name)) {
        Some(old) => patch.with_block(old.block()),
        None => patch.with_block(Some(&first_block(patch))),
    }
}

fn first_block(patch: &Patch) -> String {
    match patch.header("Date").as_deref().and_then(iso_date) {
        Some(date) => format!("Forwarded: no\nLast-Update: {date}"),
        None => "Forwarded: no".into(),
    }
}

/// `Sun, 22 Nov 2026 11:45:27 +0000` as `2026-11-22`.
fn iso_date(date: &str) -> Option<String> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let mut words = date.split_whitespace().skip(1);
    let day: u8 = words.next()?.parse().ok()?;
    let month = MONTHS.find(words.next()?)? / 3 + 1;
    let year: u16 = words.next()?.parse().ok()?;
    Some(format!("{year:04}-{month:02}-{day:02}"))
}

/// Applies the new series to the pinned sources and compares the result with what it was
/// exported from.
fn verify(
    project: &Project,
    pins: &Pins,
    series: &Series,
    git: &Git,
    base: &str,
    head: &str,
) -> Result<()> {
    let archives = registry::archives(project, pins)?;
    let temporary = Temporary::new(project);
    let files = project.scratch("xtask-refresh");
    fs_err::create_dir_all(&files)?;
    let mut tree = Tree::unpack(&temporary.dir, pins, &archives)?;
    ensure!(
        tree.git().tree(tree.base())? == git.tree(base)?,
        "commit {base} in upstream/ does not hold the pinned sources of xtask/pins.toml"
    );
    for patch in series.patches() {
        let file = files.join(&patch.name);
        fs_err::write(&file, &patch.text)?;
        tree.apply(patch, &file)
            .context("an exported patch is not accepted by `git am`")?;
    }
    fs_err::remove_dir_all(files)?;
    let new_base = tree.base().to_string();
    let new = tree.finish()?;
    // Message, author, author's date and tree of each commit.
    let log = |git: &Git, base: &str, head: &str| {
        let format = "--format=%T%n%an <%ae> %ad%n%B";
        git.run(["log", "--reverse", format, &format!("{base}..{head}")])
    };
    let (expected, actual) = (log(git, base, head)?, log(&new, &new_base, "HEAD")?);
    if expected != actual {
        let (expected, actual) = expected
            .lines()
            .zip(actual.lines())
            .find(|(expected, actual)| expected != actual)
            .unwrap_or(("(end)", "(end)"));
        bail!(
            "the exported series does not give the commits it was made from\n  \
             commit: {expected}\n  patch:  {actual}\n\
             does a message contain a line that starts with `---`, `diff -` or `From:`?"
        );
    }
    Ok(())
}

/// Writes what differs and says what that was.
fn write(project: &Project, series: &Series) -> Result<Vec<String>> {
    let dir = project.patches();
    fs_err::create_dir_all(&dir)?;
    let mut changes = Vec::new();
    let mut files: Vec<_> = series
        .patches()
        .map(|patch| (patch.name.as_str(), patch.text.clone()))
        .collect();
    files.push(("series", series.text()));
    for (name, text) in &files {
        let path = dir.join(name);
        let verb = match fs_err::read(&path) {
            Ok(old) if old == text.as_bytes() => continue,
            Ok(_) => "changed",
            Err(_) => "added",
        };
        fs_err::write(&path, text)?;
        changes.push(format!("{verb} patches/{name}"));
    }
    for entry in fs_err::read_dir(&dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.ends_with(".patch") && series.find(&name).is_none() {
            fs_err::remove_file(entry.path())?;
            changes.push(format!("removed patches/{name}"));
        }
    }
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_dates_are_understood() {
        let date = iso_date("Sun, 2 Nov 2026 11:45:27 +0000");
        assert_eq!(date.as_deref(), Some("2026-11-02"));
        assert_eq!(iso_date("yesterday"), None);
    }
}
