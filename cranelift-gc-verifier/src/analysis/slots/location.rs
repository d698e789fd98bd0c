//! Locations in stack slots, and what is noted of them.

use super::contents::Hold;
use crate::finding::error::NonReference;
use core::ops::Range;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Inst, StackSlot, Type, Value};
use smallvec::SmallVec;

/// An index into [`super::Slots::locations`].
pub(crate) type Loc = u32;

/// A location that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) slot: StackSlot,
    pub(crate) offset: u32,
    pub(crate) ty: Type,
}

/// An entry of a stack map that no reference can be at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BadEntry {
    pub(crate) inst: Inst,
    pub(crate) location: Location,
    pub(crate) why: NonReference,
}

/// What a load from a followed location sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reload {
    pub(crate) inst: Inst,
    pub(crate) result: Value,
    pub(crate) loc: Loc,
    pub(crate) hold: Hold,
    pub(crate) is_stale: bool,
    pub(crate) expected: Option<Value>,
    pub(super) def: Def,
}

impl Reload {
    /// The number of what it sees.
    pub(crate) fn content(&self) -> u32 {
        self.def
    }
}

/// What a stack map's entry names, just before the safepoint.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Root {
    pub(crate) loc: Loc,
    pub(crate) hold: Hold,
    pub(crate) is_stale: bool,
    /// The same for all that see the same contents; less than [`Slots::contents`](super::Slots::contents).
    pub(crate) content: u32,
}

/// The locations that stack maps name.
#[derive(Default)]
pub(super) struct Mapped {
    /// Safepoint after safepoint, in the order of [`Safepoints::all`](crate::analysis::version::Safepoints::all); sorted for each.
    pub(super) locs: Vec<Loc>,
    /// For each safepoint, where its locations begin; and where the last ones end.
    pub(super) starts: Vec<u32>,
}

impl Mapped {
    pub(super) fn range(&self, index: u32) -> Range<usize> {
        let starts = &self.starts[index as usize..index as usize + 2];
        starts[0] as usize..starts[1] as usize
    }

    pub(super) fn at(&self, index: u32) -> &[Loc] {
        &self.locs[self.range(index)]
    }
}

/// The locations of each slot.
pub(super) type BySlot = SecondaryMap<StackSlot, SmallVec<[Loc; 1]>>;

/// A definition of a location. The first ones are what each location holds at the entry.
pub(super) type Def = u32;
