//! Leaves nothing behind: no child process and no temporary file, whatever ends the command.
//!
//! Children lead process groups of their own, and a handler of SIGINT, SIGTERM and SIGHUP kills the groups
//! and removes the temporary directory. Should this process be killed outright, Linux kills the children
//! (`crate::worker::limits`).

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use tempfile::TempDir;

/// What is to be cleaned up.
#[derive(Default)]
struct Left {
    /// The children that run, which lead process groups.
    children: BTreeSet<u32>,
    /// The temporary directory, if there is one.
    scratch: Option<TempDir>,
    /// What to say when a signal ends the command.
    last_words: Option<String>,
}

/// Does the first signal only say that the command is to end?
static IS_ASKED_FIRST: AtomicBool = AtomicBool::new(false);

/// Has a signal said that the command is to end?
static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// From now on, the first signal only says that the command is to end; the second one ends it.
pub fn ask_first() {
    IS_ASKED_FIRST.store(true, Ordering::Relaxed);
    watch_signals();
}

/// Has a signal said that the command is to end?
pub fn is_interrupted() -> bool {
    IS_INTERRUPTED.load(Ordering::Relaxed)
}

static LEFT: Mutex<Option<Left>> = Mutex::new(None);

fn left() -> MutexGuard<'static, Option<Left>> {
    LEFT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The exit code of a command that ^C ended, as a shell has it.
const INTERRUPTED: i32 = 130;

/// From now on, clean up when a signal ends this process.
pub fn watch_signals() {
    static ONCE: Once = Once::new();
    ONCE.call_once(wait_for_signal);
}

#[cfg(unix)]
fn wait_for_signal() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;
    // NB: Without it, the children are killed all the same where the system does that.
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else {
        return;
    };
    std::thread::spawn(move || {
        let mut signals = signals.forever();
        if signals.next().is_none() {
            return;
        }
        let is_first = !IS_INTERRUPTED.swap(true, Ordering::Relaxed);
        if is_first && IS_ASKED_FIRST.load(Ordering::Relaxed) && signals.next().is_none() {
            return;
        }
        // NB: The lock is kept until the end, so that no child is started any more.
        let mut left = left();
        if let Some(left) = left.as_mut() {
            left.children.iter().for_each(|&child| kill_group(child));
            left.scratch = None;
            if let Some(words) = left.last_words.take() {
                eprintln!("\n{words}");
            }
        }
        std::process::exit(INTERRUPTED);
    });
}

#[cfg(not(unix))]
fn wait_for_signal() {}

/// What to say when a signal ends the command; nothing, if it is empty.
pub fn set_last_words(words: Option<String>) {
    left().get_or_insert_default().last_words = words;
}

/// Start a child that is killed with its descendants when this process ends.
///
/// # Errors
///
/// If it cannot be started.
pub fn spawn(command: &mut Command) -> io::Result<Ward> {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    let mut left = left();
    let child = command.spawn()?;
    left.get_or_insert_default().children.insert(child.id());
    Ok(Ward { child })
}

/// A child, which does not outlive this.
pub struct Ward {
    /// The child.
    pub child: Child,
}

impl Drop for Ward {
    fn drop(&mut self) {
        // NB: While it was not waited for, its number is not another process's. Afterwards it can be another
        // group's only if the numbers have gone round.
        if let Ok(None) = self.child.try_wait() {
            kill_group(self.child.id());
            // NB: It fails if the child has ended, which is as well.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if let Some(left) = left().as_mut() {
            left.children.remove(&self.child.id());
        }
    }
}

#[cfg(unix)]
fn kill_group(leader: u32) {
    use rustix::process::{Pid, Signal, kill_process_group};
    let pid = i32::try_from(leader).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // NB: It fails if the group has ended, which is as well.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

#[cfg(not(unix))]
fn kill_group(_leader: u32) {}

/// A directory for temporary files, which goes when the command ends.
///
/// # Errors
///
/// If it cannot be made.
pub fn scratch() -> io::Result<PathBuf> {
    watch_signals();
    let mut left = left();
    let left = left.get_or_insert_default();
    if let Some(scratch) = &left.scratch {
        return Ok(scratch.path().to_path_buf());
    }
    let scratch = tempfile::Builder::new().prefix("clif-gc-").tempdir()?;
    Ok(left.scratch.insert(scratch).path().to_path_buf())
}

/// Remove the directory for temporary files, if there is one.
pub fn end() {
    if let Some(left) = left().as_mut() {
        left.scratch = None;
    }
}

/// Write a file as a whole: who looks sees the old one or the new one.
///
/// # Errors
///
/// If it cannot be written.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(bytes)?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
