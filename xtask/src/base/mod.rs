//! What knows nothing of patches and bases: cargo, git, locks, places.

pub mod alias;
pub mod cargo;
pub mod failpoint;
pub mod git;
pub mod hex;
pub mod lock;
pub mod mtime;
pub mod project;
