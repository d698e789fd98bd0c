//! `patches/50/`: the patches that another base has instead of those of the series.
//!
//! A patch is in there only while it makes another change: what `git patch-id` tells. It says below `---`
//! which change of the series it stands for (`Replaces:`), so that one that was left behind is found.

use crate::base::git;
use crate::series::Series;
use crate::series::patch::Patch;
use anyhow::{Context, Result, ensure};
use std::path::Path;

/// Takes the patches of the common series where they make the same change.
pub fn share(series: &mut Series, common: &Series) -> Result<()> {
    let names = |series: &Series| -> Vec<String> {
        series.patches().map(|patch| patch.name.clone()).collect()
    };
    let (ours, theirs) = (names(series), names(common));
    if let Some((our, their)) = ours.iter().zip(&theirs).find(|(a, b)| a != b) {
        anyhow::bail!(
            "{our} is where patches/series has {their}: both bases have the same patches in the same \
             order, so change the default base first"
        );
    }
    ensure!(
        ours.len() == theirs.len(),
        "there are {} patches, and {} in patches/series: both bases have the same ones",
        ours.len(),
        theirs.len()
    );
    for (patch, common) in series.patches_mut().zip(common.patches()) {
        if is_same(patch, common)? {
            patch.text.clone_from(&common.text);
        }
    }
    Ok(())
}

/// Whether two patches make the same change.
pub fn is_same(one: &Patch, other: &Patch) -> Result<bool> {
    let id = |patch: &Patch| git::patch_id(&patch.text).with_context(|| patch.name.clone());
    Ok(id(one)? == id(other)?)
}

/// Writes the patches that are not those of the common series to `dir`, and removes the others from it.
/// Says what was changed.
pub fn write(dir: &Path, series: &Series, common: &Series) -> Result<Vec<String>> {
    let shown = dir.file_name().unwrap_or_default().to_string_lossy();
    let mut changes = Vec::new();
    for (patch, common) in series.patches().zip(common.patches()) {
        let path = dir.join(&patch.name);
        let patch = match patch.text == common.text {
            true => patch.clone(),
            false => replacing(patch, common)?,
        };
        let old = fs_err::read_to_string(&path).ok();
        let verb = match (&old, patch.text == common.text) {
            (None, true) => continue,
            (Some(_), true) => {
                fs_err::remove_file(&path)?;
                "removed"
            }
            (Some(old), false) if *old == patch.text => continue,
            (old, false) => {
                fs_err::create_dir_all(dir)?;
                fs_err::write(&path, &patch.text)?;
                if old.is_some() { "changed" } else { "added" }
            }
        };
        changes.push(format!("{verb} patches/{shown}/{}", patch.name));
    }
    Ok(changes)
}

/// The patch with the block of the common one, and the line that says what it stands for.
fn replacing(patch: &Patch, common: &Patch) -> Result<Patch> {
    let block = common.block().unwrap_or_default();
    let block = format!("{block}\n{}", replaces(common)?);
    Ok(patch.with_block(Some(block.trim_start())))
}

fn replaces(common: &Patch) -> Result<String> {
    let id = git::patch_id(&common.text).with_context(|| common.name.clone())?;
    Ok(format!("Replaces: {}", id.get(..12).unwrap_or(&id)))
}

/// Whether a patch of an overlay was made for the patch of the series that is there now.
pub fn is_current(patch: &Patch, common: &Patch) -> Result<bool> {
    let line = replaces(common)?;
    let mut block = patch.block().unwrap_or_default().lines();
    Ok(block.any(|of_block| of_block == line))
}

/// What is wrong with the files of an overlay.
pub fn problems(dir: &Path, base: &str, common: &Series) -> Result<Vec<String>> {
    let mut problems = Vec::new();
    if !dir.exists() {
        return Ok(problems);
    }
    for entry in fs_err::read_dir(dir)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(of_series) = common.find(&name) else {
            problems.push(format!("patches/{base}/{name}: is not in patches/series"));
            continue;
        };
        let text = fs_err::read_to_string(entry.path())?;
        let patch = Patch { name, text };
        if !is_current(&patch, of_series)? {
            problems.push(format!(
                "patches/{base}/{}: was made for another version of the patch of the series; `cargo xtask \
                 patches rebase` takes the change along, or, if there is none to take along, \
                 `cargo xtask patches refresh --base {base}` says so",
                patch.name
            ));
        }
        if is_same(&patch, of_series)? {
            problems.push(format!(
                "patches/{base}/{}: makes the same change as the patch of the series; \
                 `cargo xtask patches refresh --base {base}` removes it",
                patch.name
            ));
        }
    }
    problems.sort();
    Ok(problems)
}
