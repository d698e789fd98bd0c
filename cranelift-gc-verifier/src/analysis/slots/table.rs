//! What is noted of the locations of a function, and read by everyone else.

use super::contents::Hold;
use super::events::Events;
use super::location::{BadEntry, Def, Loc, Location, Mapped, Reload, Root};
use super::location_sets;
use crate::finding::report::Inconclusive;
use cranelift_codegen::ir::{Inst, Value};
use std::cell::OnceCell;

/// The result of the analysis.
pub(crate) struct Slots {
    pub(crate) locations: Vec<Location>,
    pub(super) mapped: Mapped,
    /// For each of the mapped locations the definition that the stack map sees, with a bit that tells whether
    /// it is stale. Functions can have tens of millions of them.
    pub(super) seen: Vec<u32>,
    /// In reverse post-order.
    pub(crate) reloads: Vec<Reload>,
    /// What each definition holds.
    pub(super) holds: Vec<Hold>,
    pub(super) events: Events,
    pub(super) stores: OnceCell<Vec<(Inst, Loc, Option<Value>)>>,
    pub(crate) bad_entries: Vec<BadEntry>,
    pub(crate) inconclusive: Vec<Inconclusive>,
    pub(crate) entries: u64,
}

impl Slots {
    /// The locations that the stack map of the safepoint at `index` names, each with what is seen there.
    fn seen_at(&mut self, index: u32) -> impl Iterator<Item = (Loc, &mut u32)> {
        let range = self.mapped.range(index);
        let locs = self.mapped.locs[range.clone()].iter().copied();
        locs.zip(&mut self.seen[range])
    }

    /// Note what the stack map of the safepoint at `index` sees, where `current` reaches it.
    pub(super) fn note_roots(&mut self, index: u32, current: &[Def]) {
        for (loc, seen) in self.seen_at(index) {
            *seen = current[loc as usize] << 1;
        }
    }

    /// Note which roots of the safepoint at `index` are stale.
    pub(super) fn note_stale_roots(&mut self, index: u32, stale: &[u64]) {
        for (loc, seen) in self.seen_at(index) {
            *seen |= u32::from(location_sets::contains(stale, loc));
        }
    }

    /// What the stack map names of the safepoint at `index` of [`Safepoints::all`].
    pub(crate) fn roots_of(&self, index: usize) -> impl Iterator<Item = Root> + '_ {
        let range = self.mapped.range(index as u32);
        let locs = self.mapped.locs[range.clone()].iter();
        locs.zip(&self.seen[range]).map(|(&loc, &seen)| Root {
            loc,
            hold: self.holds[(seen >> 1) as usize],
            is_stale: seen & 1 != 0,
            content: seen >> 1,
        })
    }

    /// What stack maps see somewhere, each once.
    pub(crate) fn rooted(&self) -> impl Iterator<Item = Hold> + '_ {
        let mut is_rooted = vec![false; self.holds.len()];
        for &seen in &self.seen {
            is_rooted[(seen >> 1) as usize] = true;
        }
        let all = self.holds.iter().zip(is_rooted);
        all.filter_map(|(&hold, is_rooted)| is_rooted.then_some(hold))
    }

    /// How many contents there are.
    pub(crate) fn contents(&self) -> usize {
        self.holds.len()
    }

    /// Every store that writes to a location, with the value that it stores there for; sorted.
    pub(crate) fn stores(&self) -> &[(Inst, Loc, Option<Value>)] {
        self.stores.get_or_init(|| self.events.stores())
    }

    /// Does `inst` write to `loc`?
    pub(crate) fn writes_to(&self, inst: Inst, loc: Loc) -> bool {
        let stores = self.stores();
        let found = stores.binary_search_by(|&(at, to, _)| (at, to).cmp(&(inst, loc)));
        found.is_ok()
    }
}
