//! Paths that show an error, and what rechecks them.

pub(crate) mod findings;
pub(crate) mod kept;
pub(crate) mod recheck;
pub(crate) mod slot_path;
pub(crate) mod stale_path;
pub(crate) mod steps;
