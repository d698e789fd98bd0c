//! Addresses as sums, and places of memory.

pub(crate) mod equality;
pub(crate) mod place;
pub(crate) mod sum;
