//! One function on its way through the compiler.

pub(crate) mod accepted;
pub(crate) mod blame;
pub(crate) mod boundary;
pub(crate) mod interest;
pub(crate) mod on_demand;
pub(crate) mod verify;
pub(crate) mod watch;
