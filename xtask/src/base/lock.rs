//! Locks between processes: for upstream/ and for the scratch directories.

use crate::base::project::Project;
use anyhow::{Context, Result};
use std::fs::{File, TryLockError};

/// Every change of upstream/ happens under this lock.
pub const UPSTREAM: &str = "upstream";

/// Takes the lock of that name; waits for it if need be. It is given back when the file is
/// closed, also by the death of the process.
pub fn take(project: &Project, name: &str) -> Result<File> {
    let path = project.scratch(&format!(".xtask-{name}.lock"));
    fs_err::create_dir_all(path.parent().expect("a file is in a directory"))?;
    let file = File::create(&path).with_context(|| format!("cannot create {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another xtask that works on {name}");
            file.lock()
                .with_context(|| format!("cannot lock {}", path.display()))?;
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    Ok(file)
}
