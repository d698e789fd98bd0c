//! What a function is, read once and without trust.

pub(crate) mod address;
pub(crate) mod arithmetic;
pub(crate) mod cfg;
pub(crate) mod choice;
pub(crate) mod constant;
pub(crate) mod fingerprint;
pub(crate) mod gc_info;
pub(crate) mod identity;
pub(crate) mod instruction;
pub(crate) mod integer;
pub(crate) mod linear;
pub(crate) mod path;
pub(crate) mod reader;
pub(crate) mod safepoint;
pub(crate) mod steps;
pub(crate) mod view;
