//! The evidence for an error.

use crate::finding::error::GcError;
use core::fmt;
use cranelift_codegen::ir::{Block, Inst};

/// What a step of a witness shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Role {
    /// The value is defined here.
    Definition,
    /// The value is stored to its slot here.
    Spill,
    /// Something else is stored to the slot here.
    Clobber,
    /// A collection can happen here.
    Safepoint,
    /// The value is loaded from its slot here.
    Reload,
    /// The value is used here.
    Use,
    /// The path enters this block.
    Through,
}

impl Role {
    /// The role as a word.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Definition => "definition",
            Role::Spill => "spill",
            Role::Clobber => "clobber",
            Role::Safepoint => "safepoint",
            Role::Reload => "reload",
            Role::Use => "use",
            Role::Through => "through",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One step of a witness.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What it shows.
    pub role: Role,
    /// The block that it is in.
    pub block: Block,
    /// The instruction; without one, the start of the block.
    pub inst: Option<Inst>,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.inst {
            Some(inst) => write!(f, "{} {inst} in {}", self.role, self.block),
            None => write!(f, "{} {}", self.role, self.block),
        }
    }
}

/// A path through the function, from the start of the evidence to the error.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Witness {
    /// Its steps, in the order in which they are executed.
    pub steps: Vec<Step>,
    /// The blocks that are entered on the way from the entry to the first step. They are no part of what is
    /// shown, and of what is checked before.
    pub lead: Vec<Block>,
}

impl From<Vec<Step>> for Witness {
    fn from(steps: Vec<Step>) -> Self {
        Witness {
            steps,
            lead: Vec::new(),
        }
    }
}

/// An error, and the steps of the path that shows it.
pub(crate) type Finding = (GcError, Vec<Step>);
