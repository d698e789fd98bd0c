//! Works on the series: exports it, checks it, and puts it into a checkout or onto another release.

pub mod apply;
pub mod check;
pub mod embedders;
pub mod overlay;
pub mod rebase;
pub mod refresh;
pub mod status;
pub mod vendor;
