//! Reports of whole functions, and how they are shown.

pub(crate) mod function_report;
pub(crate) mod input;
pub(crate) mod listing;
pub(crate) mod log_sink;
