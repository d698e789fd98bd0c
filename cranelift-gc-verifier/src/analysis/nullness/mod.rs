//! Which references are known not to be null or an i31.

pub(crate) mod branch;
pub(crate) mod by_word;
pub(crate) mod dominating;
pub(crate) mod equal_words;
pub(crate) mod eval;
pub(crate) mod flow;
pub(crate) mod invariant;
pub(crate) mod path;
pub(crate) mod proofs;
pub(crate) mod reload_roots;
pub(crate) mod scratch;
pub(crate) mod sites;
pub(crate) mod terms;
pub(crate) mod words;
