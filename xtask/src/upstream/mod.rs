//! Makes upstream/ from the pinned crates and the series.

pub mod bootstrap;
pub mod pins;
pub mod registry;
pub mod stamp;
pub mod tree;
pub mod workspace;
