//! Keeps the child process from harming the machine or outliving its parent.

use crate::job::Job;

/// Limit this process.
///
/// A limit that cannot be set is no reason not to work.
#[cfg(target_os = "linux")]
pub fn apply(job: &Job) {
    use rustix::process::{Resource, Rlimit, Signal};
    let memory = match physical_memory() {
        Some(physical) => job.memory_limit.min(physical / 4 * 3),
        None => job.memory_limit,
    };
    let stacks = job.stack_size as u64 * job.threads as u64;
    let limit = |bytes| Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    let _ = rustix::process::setrlimit(Resource::As, limit(memory + stacks));
    let _ = rustix::process::setrlimit(Resource::Core, limit(0));
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
}

/// Limit a process that may run code: `memory` bytes of what it writes to, and a stack.
///
/// NB: Wasmtime reserves address space that it never touches, several times 4 GiB, so that this is not
/// what is limited.
#[cfg(target_os = "linux")]
pub fn apply_to_probe(memory: u64, stack: u64) {
    use rustix::process::{Resource, Rlimit, Signal};
    let memory = match physical_memory() {
        Some(physical) => memory.min(physical / 4 * 3),
        None => memory,
    };
    let limit = |bytes| Rlimit {
        current: Some(bytes),
        maximum: Some(bytes),
    };
    let _ = rustix::process::setrlimit(Resource::Data, limit(memory + stack));
    let _ = rustix::process::setrlimit(Resource::Core, limit(0));
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::KILL));
}

/// Limit this process, where that is possible without `unsafe`.
#[cfg(not(target_os = "linux"))]
pub fn apply_to_probe(_memory: u64, _stack: u64) {}

/// How much memory the machine has, in bytes.
#[cfg(target_os = "linux")]
fn physical_memory() -> Option<u64> {
    let info = std::fs::read_to_string("/proc/meminfo").ok()?;
    let total = info
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kib: u64 = total.split_whitespace().next()?.parse().ok()?;
    Some(kib << 10)
}

/// Limit this process, where that is possible without `unsafe`.
#[cfg(not(target_os = "linux"))]
pub fn apply(_job: &Job) {}
