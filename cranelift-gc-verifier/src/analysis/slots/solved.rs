//! The definitions of locations, when all is known of them.

use super::contents::Hold;
use super::location::Def;
use crate::ir::cfg::Node;
use cranelift_codegen::ir::Value;

/// What a definition is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// What a location holds at the entry, or after a write that does not cover it exactly.
    Unknown,
    /// This value was stored.
    Stored(Value),
    /// What reaches the node by several edges.
    Phi(Node),
    /// What an exchange left there that may not happen: either of its arguments.
    Either,
}

/// What is known of all definitions.
#[derive(Default)]
pub(super) struct Solved {
    /// What each one holds.
    pub(super) holds: Vec<Hold>,
    pub(super) sources: Vec<Source>,
    pub(super) args: Vec<(Def, Node, Def)>,
}

impl Solved {
    pub(super) fn source(&self, def: Def) -> Source {
        self.sources[def as usize]
    }

    /// What reaches the φ, each with the node that the edge comes from.
    pub(super) fn arguments(&self, phi: Def) -> impl Iterator<Item = (Node, Def)> + '_ {
        let start = self.args.partition_point(|&(of, ..)| of < phi);
        let args = self.args[start..].iter();
        let args = args.take_while(move |&&(of, ..)| of == phi);
        args.map(|&(_, from, arg)| (from, arg))
    }
}
