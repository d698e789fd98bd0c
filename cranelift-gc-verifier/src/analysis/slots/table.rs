//! What is noted of the locations of a function, and read by everyone else.

use super::contents::Hold;
use super::events::Events;
use super::location::{BadEntry, Def, Loc, Location, Mapped, Reload, Root};
use super::location_sets;
use crate::finding::report::Inconclusive;
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::FxHashMap;
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
    pub(super) by_value: OnceCell<Vec<(Value, u32)>>,
    pub(super) rooted: OnceCell<FxHashMap<Value, Vec<u32>>>,
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

    /// The reload that `value` is, if it is one.
    pub(crate) fn reload_of(&self, value: Value) -> Option<&Reload> {
        let by_value = self.by_value.get_or_init(|| {
            let values = self.reloads.iter().map(|reload| reload.result);
            let mut by_value: Vec<(Value, u32)> = values.zip(0..).collect();
            by_value.sort_unstable();
            by_value
        });
        let at = by_value.partition_point(|&(other, _)| other < value);
        let &(found, index) = by_value.get(at)?;
        (found == value).then(|| &self.reloads[index as usize])
    }

    /// The safepoints whose stack maps name a slot that holds `value`, by what was stored there or by
    /// what it was stored for, in order.
    pub(crate) fn rooted_at(&self, value: Value) -> &[u32] {
        let rooted = self.rooted.get_or_init(|| self.find_rooted());
        rooted.get(&value).map_or(&[], Vec::as_slice)
    }

    fn find_rooted(&self) -> FxHashMap<Value, Vec<u32>> {
        let mut rooted = FxHashMap::<Value, Vec<u32>>::default();
        for index in 0..self.mapped.starts.len() as u32 - 1 {
            for root in self.roots_of(index as usize) {
                let held = match root.hold {
                    Hold::Is { origin, data } => [origin, data],
                    Hold::Conflict(a, b) => [a, b],
                    Hold::Unset | Hold::Partial | Hold::MaybeUnset => continue,
                };
                steps::count(Analysis::Evidence, 1);
                for value in held {
                    let safepoints = rooted.entry(value).or_default();
                    if safepoints.last() != Some(&index) {
                        safepoints.push(index);
                    }
                }
            }
        }
        rooted
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
