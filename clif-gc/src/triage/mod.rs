//! From a crashing module to the guilty rewrite: `trace`, `diagnose`, `bisect`, `reduce`, `promote`.
//!
//! * `protocol` is what a command asks of a child process, and what that answers.
//! * `ask` starts such a child, keeps it within its limits, and survives what it does not.
//! * `outcome` is what became of one compilation or run, in a closed vocabulary.
//! * `cleanup` sees to it that nothing is left behind, whatever ends the command.
//!
//! The children are `crate::worker::probe`.

pub mod ask;
mod assertions;
pub mod bisect;
pub mod cleanup;
mod conclude;
pub mod diagnose;
mod diff;
mod emitted;
mod failure;
mod isle;
mod layer;
pub mod outcome;
pub mod promote;
pub mod protocol;
pub mod reduce;
pub mod render;
mod reproduce;
pub mod request;
pub mod trace;
