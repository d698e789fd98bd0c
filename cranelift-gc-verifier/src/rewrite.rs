//! Single rewrites, judged before they are done.

pub(crate) mod certain;
pub(crate) mod classes;
pub(crate) mod dead_store;
pub(crate) mod equal_bits;
pub(crate) mod event;
pub(crate) mod forwarding;
pub(crate) mod judge;
pub(crate) mod kept;
mod lost_trap;
mod merged_trap;
mod phis;
pub(crate) mod scene;
pub(crate) mod signature;
#[cfg(test)]
mod tests;
pub(crate) mod walks;
