//! Where tests let a run be killed.

/// Stops the process as if it was killed, where tests ask for it. Not in release builds.
pub fn failpoint(name: &str) {
    if cfg!(debug_assertions) && std::env::var_os("XTASK_FAILPOINT").is_some_and(|at| at == name) {
        std::process::abort();
    }
}
