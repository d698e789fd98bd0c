//! Paths that show an error, and what rechecks them.

pub(crate) mod arrival;
pub(crate) mod execution;
pub(crate) mod findings;
pub(crate) mod recheck;
pub(crate) mod shown;
pub(crate) mod slot_path;
pub(crate) mod stale_path;
pub(crate) mod steps;
pub(crate) mod world;
