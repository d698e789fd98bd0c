//! What is said about a function: codes, errors, witnesses, verdicts.

pub(crate) mod about;
pub(crate) mod code;
pub(crate) mod error;
mod gcv01;
mod gcv02;
mod gcv03;
mod gcv04;
mod gcv05;
mod gcv06;
mod gcv07;
mod gcv08;
mod gcv09;
mod gcv10;
mod gcv13;
mod gcv14;
mod gcv15;
mod gcv16;
mod gcv17;
pub(crate) mod hazard;
pub(crate) mod map_fault;
pub(crate) mod options;
pub(crate) mod report;
pub(crate) mod rewrite_error;
pub(crate) mod witness;
