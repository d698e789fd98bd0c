//! Modification times, by which cargo decides what to build again.

use anyhow::Result;
use fs_err::File;
use std::path::Path;
use std::time::SystemTime;

/// Gives each file of `new` whose content is the same in `old` its time there, so that a new
/// tree costs only the building of what changed. Directories likewise: build scripts may ask
/// cargo to watch them.
pub fn carry_over(old: &Path, new: &Path) -> Result<()> {
    if !old.is_dir() {
        return Ok(());
    }
    let mut names_in_new = 0;
    let mut same_names = true;
    for entry in fs_err::read_dir(new)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == ".git" {
            continue;
        }
        names_in_new += 1;
        let (old, new) = (old.join(&name), entry.path());
        same_names &= old.exists();
        if entry.file_type()?.is_dir() {
            carry_over(&old, &new)?;
        } else if old.is_file() && fs_err::read(&old)? == fs_err::read(&new)? {
            set(&new, modified(&old)?)?;
        }
    }
    let names_in_old = fs_err::read_dir(old)?
        .filter(|entry| entry.as_ref().is_ok_and(|e| e.file_name() != ".git"))
        .count();
    if same_names && names_in_old == names_in_new {
        set(new, modified(old)?)?;
    }
    Ok(())
}

fn modified(path: &Path) -> Result<SystemTime> {
    Ok(fs_err::metadata(path)?.modified()?)
}

fn set(path: &Path, time: SystemTime) -> Result<()> {
    let file = File::open(path)?;
    Ok(file.file().set_modified(time)?)
}
