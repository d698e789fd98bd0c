//! Works on the series: exports it, checks it, and puts it into a checkout.

pub mod apply;
pub mod check;
pub mod refresh;
