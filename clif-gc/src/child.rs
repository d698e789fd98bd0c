//! What is left of a child process: the end of what it wrote to its standard error, and what killed it.

use std::collections::VecDeque;
use std::io::Read;
use std::process::ExitStatus;

/// How much of what a child process writes to its standard error is kept.
const STDERR_TAIL: usize = 4096;

/// Read everything, and keep the end: a dying process may write any amount.
pub fn read_tail(mut stderr: impl Read) -> String {
    let mut tail = VecDeque::new();
    let mut buffer = [0; STDERR_TAIL];
    while let Ok(n @ 1..) = stderr.read(&mut buffer) {
        tail.extend(&buffer[..n]);
        tail.drain(..tail.len().saturating_sub(STDERR_TAIL));
    }
    let (front, back) = tail.as_slices();
    String::from_utf8_lossy(&[front, back].concat()).into_owned()
}

/// The last line that says anything.
pub fn last_words(stderr: &str) -> Option<&str> {
    let line = stderr.lines().rev().find(|line| !line.trim().is_empty());
    line.map(str::trim)
}

/// The signal that ended a process, by number, and by name if it has one here.
#[cfg(unix)]
pub fn signal(status: ExitStatus) -> Option<(i32, Option<&'static str>)> {
    use std::os::unix::process::ExitStatusExt;
    let signal = status.signal()?;
    let name = match signal {
        4 => Some("SIGILL"),
        5 => Some("SIGTRAP"),
        6 => Some("SIGABRT"),
        7 => Some("SIGBUS"),
        8 => Some("SIGFPE"),
        9 => Some("SIGKILL"),
        11 => Some("SIGSEGV"),
        15 => Some("SIGTERM"),
        _ => None,
    };
    Some((signal, name))
}

/// The signal that ended a process, by number, and by name if it has one here.
#[cfg(not(unix))]
pub fn signal(_status: ExitStatus) -> Option<(i32, Option<&'static str>)> {
    None
}
