//! What became of stack maps in machine code.

pub(crate) mod call_ends;
pub(crate) mod emission;
pub(crate) mod inlining;
pub(crate) mod lowering;
pub(crate) mod stack_map;
