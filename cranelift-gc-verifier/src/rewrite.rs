//! Single rewrites, judged before they are done.

pub(crate) mod certain;
mod choice;
pub(crate) mod classes;
pub(crate) mod context;
pub(crate) mod dead_store;
pub(crate) mod equal_bits;
pub(crate) mod event;
pub(crate) mod forwarding;
pub(crate) mod judge;
mod lost_trap;
mod merged_trap;
mod phis;
pub(crate) mod preserved;
pub(crate) mod signature;
#[cfg(test)]
mod tests;
pub(crate) mod walks;
