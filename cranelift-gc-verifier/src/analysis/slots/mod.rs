//! What the stack slots hold that stack maps name.
//!
//! **Claim.** At every point, for every location (slot, offset, type) that some stack map names or
//! that the spiller uses: which value was stored there for, on all paths, and whether it went stale since.
//!
//! **Strength.** A forward must-analysis: exact per path up to the meet. A slot whose address
//! escapes is not followed; the verdict is then inconclusive.
//!
//! **Math.** The lattice of what one location holds, with `⊤` for "not visited":
//!
//! ```text
//!              ⊤
//!      /       |        \
//!   Unset    Is(v)     Is(w) …
//!      \       |        /
//!       \   Conflict   /
//!        \     |      /
//!         \ Partial  /
//!          \   |    /
//!          MaybeUnset
//! ```
//!
//! What is held changes only where something is stored, and where paths meet: it is found on the
//! sparse graph of those ([`reaching`]). Whether it is stale is one bit for each location ([`staleness`]).

mod contents;
pub(crate) mod entry;
mod events;
mod location;
mod location_sets;
mod reaching;
mod solved;
mod staleness;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use contents::{Content, Hold};
pub(crate) use events::{is_put_together, part};
pub(crate) use location::{Loc, Location, Reload, Root};
pub(crate) use table::Slots;

use crate::analysis::history::History;
use crate::analysis::version::Safepoints;
use crate::finding::report::Inconclusive;
use crate::ir::cfg::Cfg;
use crate::ir::view::Body;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Function, GcCollector, Inst, StackSlot, UserStackMapEntry};
use events::{Event, Events};
use location::{BadEntry, BySlot, Mapped};
use reaching::Defs;
use solved::Solved;
use staleness::Copies;
use std::cell::OnceCell;

impl Slots {
    /// Analyze the slots of `func`.
    pub(crate) fn new(
        func: &Function,
        cfg: &Cfg,
        body: &Body,
        safepoints: &Safepoints,
        collector: GcCollector,
        history: &History,
    ) -> Self {
        let mut slots = Slots {
            locations: Vec::new(),
            mapped: Mapped::default(),
            seen: Vec::new(),
            reloads: Vec::new(),
            defs: Solved::default(),
            events: Events::default(),
            stores: OnceCell::new(),
            by_result: OnceCell::new(),
            bad_entries: Vec::new(),
            misplaced: Vec::new(),
            inconclusive: Vec::new(),
            entries: 0,
        };
        let mut by_slot = BySlot::new();
        slots.find_mapped(func, safepoints, &mut by_slot);
        slots.find_spills(func, body, &mut by_slot);
        slots.find_misplaced(func, body);
        slots.forget_escapes(body, &mut by_slot);
        if !slots.locations.is_empty() {
            let located = (&slots.locations[..], &by_slot);
            let events = Events::new(func, cfg, body, located, history);
            slots.solve(func, cfg, &events, collector, history);
            slots.events = events;
        }
        slots
    }

    /// The stores that write to `loc`, or to a part of it, something that is no value of its own.
    pub(crate) fn clobbers(&self, loc: Loc) -> impl Iterator<Item = Inst> + '_ {
        let clobbers = move |&(inst, event): &(Inst, Event)| match event {
            Event::Clobber { loc: written } if written == loc => Some(inst),
            _ => None,
        };
        self.events.all().iter().filter_map(clobbers)
    }

    fn solve(
        &mut self,
        func: &Function,
        cfg: &Cfg,
        events: &Events,
        collector: GcCollector,
        history: &History,
    ) {
        let resolve = |value| history.find(func.dfg.resolve_aliases(value));
        let reload = |&(inst, event): &(Inst, Event)| match event {
            Event::Load { loc, result, .. } => Some(Reload {
                inst,
                result,
                loc,
                hold: Hold::Unset,
                is_stale: false,
                expected: func.dfg.gc_info.spill_origin(inst).map(resolve),
                def: 0,
            }),
            _ => None,
        };
        self.reloads.extend(events.all().iter().filter_map(reload));
        let mut copies = match collector {
            GcCollector::NonMoving => Copies::new(events),
            GcCollector::Moving | GcCollector::Null => Copies::default(),
        };
        self.seen.resize(self.mapped.locs.len(), 0);
        self.defs = Defs::new(cfg, events, self, &mut copies).solve();
        for reload in &mut self.reloads {
            reload.hold = self.defs.holds[reload.def as usize];
        }
        if collector != GcCollector::Null {
            let kept = copies.kept(self);
            staleness::note_stale(cfg, events, self, &kept);
        }
    }

    /// Make a location of everything that a stack map names, and judge the entries by themselves.
    fn find_mapped(&mut self, func: &Function, safepoints: &Safepoints, by_slot: &mut BySlot) {
        // For each slot, the safepoint whose map named it last, and one.
        let mut last_named = SecondaryMap::<StackSlot, u32>::new();
        self.mapped.starts.reserve(safepoints.all.len() + 1);
        for (number, safepoint) in (1..).zip(&safepoints.all) {
            let entries = func.dfg.user_stack_map_entries(safepoint.inst);
            let entries = entries.unwrap_or_default();
            self.entries += entries.len() as u64;
            let start = self.mapped.locs.len();
            self.mapped.starts.push(start as u32);
            let mut before = entry::Before::default();
            for (index, entry) in entries.iter().enumerate() {
                let last = core::mem::replace(&mut last_named[entry.slot], number);
                let known = self.find(by_slot, entry);
                // NB: Only what is in the same slot can overlap.
                let is_named_again = last == number;
                if is_named_again {
                    before.add(&entries[..index]);
                } else if let Some(loc) = known {
                    self.mapped.locs.push(loc);
                    continue;
                }
                let location = Location {
                    slot: entry.slot,
                    offset: entry.offset,
                    ty: entry.ty,
                };
                let loc = match entry::judge(func, entry, &before) {
                    Some(why) => {
                        self.bad_entries.push(BadEntry {
                            inst: safepoint.inst,
                            location,
                            why,
                        });
                        known
                    }
                    None => Some(self.add_location(by_slot, location)),
                };
                self.mapped.locs.extend(loc);
            }
            if !self.mapped.locs[start..].is_sorted_by(|a, b| a < b) {
                let mut locs = self.mapped.locs.split_off(start);
                locs.sort_unstable();
                locs.dedup();
                self.mapped.locs.append(&mut locs);
            }
        }
        self.mapped.starts.push(self.mapped.locs.len() as u32);
    }

    /// Make a location of everything that the spiller stores to or loads from, and of what references are
    /// loaded from, by their types: a stack map may have lost its only entry for it.
    fn find_spills(&mut self, func: &Function, body: &Body, by_slot: &mut BySlot) {
        for at in &body.slot_accesses {
            let access = body.access_at(at);
            // NB: What is passed to somebody else by its address is memory like any other.
            let is_reference = |value| {
                let fact = func.dfg.gc_info.fact(value);
                fact.is_some_and(|fact| fact.is_traced()) && !body.escapes.contains_key(&at.slot)
            };
            let is_followed = func.dfg.gc_info.spill_origin(at.inst).is_some()
                || access.result.is_some_and(is_reference);
            if let (true, Ok(offset)) = (is_followed, u32::try_from(at.offset)) {
                let location = Location {
                    slot: at.slot,
                    offset,
                    ty: access.ty,
                };
                self.add_location(by_slot, location);
            }
        }
    }

    /// Find what the producer takes for a spill or a reload, and what accesses no slot at a known offset.
    ///
    /// NB: Where the address of a slot goes elsewhere, that is said already.
    fn find_misplaced(&mut self, func: &Function, body: &Body) {
        if !body.escapes.is_empty() {
            return;
        }
        // NB: Both come in the order of the code.
        let mut to_slots = body.slot_accesses.iter().map(|at| at.inst).peekable();
        for made in body.accesses() {
            let is_to_slot = to_slots.next_if_eq(&made.inst).is_some();
            if !is_to_slot && func.dfg.gc_info.spill_origin(made.inst).is_some() {
                self.misplaced.push(made.inst);
            }
        }
    }

    /// Forget the locations of slots whose addresses escape.
    fn forget_escapes(&mut self, body: &Body, by_slot: &mut BySlot) {
        let before = self.inconclusive.len();
        for (&slot, &inst) in &body.escapes {
            if !core::mem::take(&mut by_slot[slot]).is_empty() {
                let reason = Inconclusive::SlotEscapes { slot, inst };
                self.inconclusive.push(reason);
            }
        }
        if self.inconclusive.len() == before {
            return;
        }
        let mut kept = Mapped::default();
        for index in 0..self.mapped.starts.len() as u32 - 1 {
            kept.starts.push(kept.locs.len() as u32);
            let locs = self.mapped.at(index).iter().copied();
            let escapes = |loc| {
                body.escapes
                    .contains_key(&self.locations[loc as usize].slot)
            };
            kept.locs.extend(locs.filter(|&loc| !escapes(loc)));
        }
        kept.starts.push(kept.locs.len() as u32);
        self.mapped = kept;
    }

    fn add_location(&mut self, by_slot: &mut BySlot, location: Location) -> Loc {
        let locs = &mut by_slot[location.slot];
        // NB: Most slots have one location.
        let at = locs.partition_point(|&loc| self.locations[loc as usize].offset < location.offset);
        let of_offset = locs[at..].iter();
        let mut of_offset =
            of_offset.take_while(|&&loc| self.locations[loc as usize].offset == location.offset);
        let known = of_offset.find(|&&loc| self.locations[loc as usize] == location);
        known.copied().unwrap_or_else(|| {
            let loc = self.locations.len() as Loc;
            locs.insert(at, loc);
            self.locations.push(location);
            loc
        })
    }

    /// The location that `entry` names.
    fn find(&self, by_slot: &BySlot, entry: &UserStackMapEntry) -> Option<Loc> {
        let locs = &by_slot[entry.slot];
        let at = |loc: Loc| &self.locations[loc as usize];
        let start = locs.partition_point(|&loc| at(loc).offset < entry.offset);
        let of_offset = locs[start..].iter().copied();
        let mut of_offset = of_offset.take_while(|&loc| at(loc).offset == entry.offset);
        of_offset.find(|&loc| at(loc).ty == entry.ty)
    }
}
