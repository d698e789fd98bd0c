//! What is noted of the locations of a function, and read by everyone else.

use super::contents::{Content, Hold};
use super::events::Events;
use super::location::{BadEntry, Def, Loc, Location, Mapped, Reload, Root};
use super::location_sets;
use super::solved::{Solved, Source};
use crate::finding::report::Inconclusive;
use crate::ir::cfg::Node;
use cranelift_codegen::ir::{Inst, Value};
use smallvec::SmallVec;
use std::cell::OnceCell;
use std::collections::BTreeSet;

/// The result of the analysis.
pub(crate) struct Slots {
    pub(crate) locations: Vec<Location>,
    pub(super) mapped: Mapped,
    /// For each of the mapped locations the definition that the stack map sees, with a bit that tells whether
    /// it is stale. Functions can have tens of millions of them.
    pub(super) seen: Vec<u32>,
    /// In reverse post-order.
    pub(crate) reloads: Vec<Reload>,
    /// What each definition is, and holds.
    pub(super) defs: Solved,
    pub(super) events: Events,
    pub(super) stores: OnceCell<Vec<(Inst, Loc, Option<Value>)>>,
    /// The results of all reloads with their places in `reloads`; sorted.
    pub(super) by_result: OnceCell<Vec<(Value, u32)>>,
    pub(crate) bad_entries: Vec<BadEntry>,
    /// Accesses that the producer takes for spills or reloads, and that are none.
    pub(crate) misplaced: Vec<Inst>,
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
            hold: self.defs.holds[(seen >> 1) as usize],
            is_stale: seen & 1 != 0,
            content: seen >> 1,
        })
    }

    /// What stack maps see somewhere, each once.
    pub(crate) fn rooted(&self) -> impl Iterator<Item = Hold> + '_ {
        let mut is_rooted = vec![false; self.defs.holds.len()];
        for &seen in &self.seen {
            is_rooted[(seen >> 1) as usize] = true;
        }
        let all = self.defs.holds.iter().zip(is_rooted);
        all.filter_map(|(&hold, is_rooted)| is_rooted.then_some(hold))
    }

    /// How many contents there are.
    pub(crate) fn contents(&self) -> usize {
        self.defs.holds.len()
    }

    /// What the slots hold that the stack map of the safepoint at `index` names.
    pub(crate) fn held_at(&self, index: usize) -> impl Iterator<Item = Content> + '_ {
        let range = self.mapped.range(index as u32);
        self.seen[range].iter().map(|seen| self.content(seen >> 1))
    }

    fn content(&self, def: Def) -> Content {
        match self.defs.source(def) {
            Source::Stored(value) => Content::Value(value),
            Source::Phi(node) => Content::Phi(def, node),
            Source::Either | Source::Unknown => Content::Unknown,
        }
    }

    /// The load that `value` is the result of, if it is one that is followed.
    pub(crate) fn reload_of(&self, value: Value) -> Option<&Reload> {
        let by_result = self.by_result.get_or_init(|| {
            let all = self.reloads.iter().zip(0..);
            let mut all: Vec<(Value, u32)> = all.map(|(reload, at)| (reload.result, at)).collect();
            all.sort_unstable();
            all
        });
        let at = by_result.partition_point(|&(result, _)| result < value);
        let &(result, at) = by_result.get(at)?;
        (result == value).then(|| &self.reloads[at as usize])
    }

    /// What the load sees that `value` is the result of.
    pub(crate) fn content_of(&self, value: Value) -> Option<Content> {
        Some(self.content(self.reload_of(value)?.def))
    }

    /// What the φ of memory `phi` is where the edge from the end of `from` is taken.
    pub(crate) fn argument_of(&self, phi: u32, from: Node) -> Content {
        let mut args = self.defs.arguments(phi);
        let arg = args.find(|&(node, _)| node == from);
        arg.map_or(Content::Unknown, |(_, def)| self.content(def))
    }

    /// All values that were stored in what the load of `reload`, or the stack map of `root`, sees.
    pub(crate) fn stored_in(&self, content: u32) -> SmallVec<[Value; 2]> {
        let mut values = SmallVec::new();
        // NB: Most slots hold one thing.
        match self.defs.source(content) {
            Source::Stored(value) => return SmallVec::from_slice(&[value]),
            Source::Phi(_) | Source::Either => {}
            Source::Unknown => return values,
        }
        let mut seen = BTreeSet::new();
        let mut pending = vec![content];
        while let Some(def) = pending.pop() {
            if !seen.insert(def) {
                continue;
            }
            match self.defs.source(def) {
                Source::Stored(value) => values.push(value),
                Source::Phi(_) | Source::Either => {
                    pending.extend(self.defs.arguments(def).map(|(_, arg)| arg));
                }
                Source::Unknown => {}
            }
        }
        values.sort_unstable();
        values.dedup();
        values
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
