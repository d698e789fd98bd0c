//! `cargo xtask patches status`: which patch every base has, as a table.

use crate::base::git::Git;
use crate::base::project::Project;
use crate::series::Series;
use crate::series::patch::Patch;
use crate::upstream::bootstrap;
use crate::upstream::pins::{self, Pins};
use crate::upstream::stamp::{self, Stamp};
use anyhow::Result;
use std::fmt::Write as _;

/// Prints the table to standard output, and what the trees are to standard error.
pub fn run(project: &Project) -> Result<()> {
    let default = project.on_default();
    let common = Series::load(&default)?;
    let mut others = Vec::new();
    for base in pins::all_bases(project)? {
        let on = pins::on_base(default.clone(), Some(&base))?;
        if on.base().is_some() {
            others.push((base, Series::load(&on)?));
        }
    }
    print!("{}", table(&common, &others));
    for base in pins::all_bases(project)? {
        let on = pins::on_base(default.clone(), Some(&base))?;
        eprintln!("{}", tree(&on, &base)?);
    }
    Ok(())
}

fn table(common: &Series, others: &[(String, Series)]) -> String {
    let mut text = String::from("| patch | lines |");
    for (base, _) in others {
        let _ = write!(text, " {base} |");
    }
    let _ = write!(text, "\n|---|--:|{}\n", "--:|".repeat(others.len()));
    for patch in common.patches() {
        let name = patch.name.trim_end_matches(".patch");
        let _ = write!(text, "| {name} | {} |", lines(patch));
        for (_, series) in others {
            let other = series.find(&patch.name);
            let other = other.filter(|other| other.text != patch.text);
            let _ = match other {
                Some(other) => write!(text, " {} |", lines(other)),
                None => write!(text, " same |"),
            };
        }
        text.push('\n');
    }
    text
}

/// The lines that a patch adds and removes.
fn lines(patch: &Patch) -> String {
    let hunks = patch.hunks();
    let added: usize = hunks.iter().map(|hunk| hunk.added).sum();
    let removed: usize = hunks.iter().map(|hunk| hunk.removed).sum();
    format!("+{added} -{removed}")
}

/// What the tree of a base is made of, and whether that is what is there.
fn tree(project: &Project, base: &str) -> Result<String> {
    let pins = Pins::load(&project.pins())?;
    let series = Series::load(project)?;
    let git = Git::at(&project.upstream());
    let state = match Stamp::read(&git).ok().flatten() {
        _ if !git.exists() => "not made yet",
        Some(stamp) if stamp.key != stamp::key(&pins, &series, series.patches().len()) => {
            "out of date"
        }
        Some(stamp) if bootstrap::is_untouched(&git, &stamp)? => "up to date",
        _ => "has commits or changes that are not in patches/",
    };
    let crates: Vec<_> = pins.crates.iter().map(|pin| pin.stem()).collect();
    let last = crates.last().cloned().unwrap_or_default();
    Ok(format!(
        "base {base} ({last}): {}/ is {state}",
        project.upstream_name()
    ))
}
