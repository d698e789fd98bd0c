//! What holds at the points of a function.

pub(crate) mod address;
pub(crate) mod class;
pub(crate) mod demand;
pub(crate) mod facts;
pub(crate) mod freshness;
pub(crate) mod graph;
pub(crate) mod history;
pub(crate) mod keepalive;
pub(crate) mod kind;
pub(crate) mod known_bits;
pub(crate) mod nullness;
pub(crate) mod origin;
pub(crate) mod provenance;
pub(crate) mod reshaped;
pub(crate) mod rooted;
pub(crate) mod slots;
pub(crate) mod sources;
pub(crate) mod version;
