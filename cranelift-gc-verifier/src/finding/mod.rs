//! What is said about a function: codes, errors, witnesses, verdicts.

pub(crate) mod code;
pub(crate) mod error;
pub(crate) mod hazard;
pub(crate) mod map_fault;
pub(crate) mod options;
pub(crate) mod report;
pub(crate) mod rewrite_error;
pub(crate) mod witness;
