//! Where the contents of slots became stale.
//!
//! **Claim.** What a location holds is *stale* at a point if there is a path to it, from where it was stored,
//! on which a safepoint that may collect did not have the location in its stack map and no later one did. A
//! safepoint renews what its stack map names: the collector finds the reference there, and updates it.
//!
//! **Strength.** A forward may-analysis: exact per path up to the union at joins. Under a collector that does
//! not move, what another root keeps alive stays valid where it is. Under one that never collects, nothing
//! becomes stale.
//!
//! **Math.** One bit for each location, joined by union. A store clears its bit. A safepoint sets every bit,
//! except those of the locations that its stack map names.

use super::events::{Event, Events};
use super::location::{Def, Loc};
use super::location_sets::{self, Sets};
use super::table::Slots;
use crate::ir::cfg::Cfg;
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::ir::Value;

/// Note for all roots and reloads of `slots` whether they are stale. `kept` tells which locations stay
/// what they were at which safepoints, though no stack map names them; sorted.
pub(super) fn note_stale(cfg: &Cfg, events: &Events, slots: &mut Slots, kept: &[(u32, Loc)]) {
    // What is stale at the end of each block.
    let mut ends = Sets::new(cfg.len(), slots.locations.len());
    let mut stale = vec![0; ends.words()];
    let mut pending = vec![true; cfg.len()];
    // Sweeps in reverse post-order; only loops need more than one.
    while !steps::is_spent()
        && let Some(start) = pending.iter().position(|&pending| pending)
    {
        let mut visits = cfg.len();
        for node in start as u32..cfg.len() as u32 {
            if !core::mem::take(&mut pending[node as usize]) {
                continue;
            }
            visits += start_of(cfg, &ends, node, &mut stale);
            for &(_, event) in events.of(node) {
                // NB: What was noted on an earlier visit holds: with each visit, more is stale.
                match event {
                    Event::Load { loc, index, .. } => {
                        slots.reloads[index as usize].is_stale =
                            location_sets::contains(&stale, loc);
                    }
                    Event::Safepoint { index } => slots.note_stale_roots(index, &stale),
                    Event::Store { .. }
                    | Event::Perhaps { .. }
                    | Event::Restore { .. }
                    | Event::Clobber { .. } => {}
                }
                visits += step(slots, event, kept, &mut stale);
            }
            if ends.of(node) != stale {
                ends.of_mut(node).copy_from_slice(&stale);
                for edge in cfg.succs(node) {
                    pending[edge.to as usize] = true;
                }
            }
        }
        steps::count(Analysis::Slots, visits);
    }
}

/// Returns how many steps that took.
fn start_of(cfg: &Cfg, ends: &Sets, node: u32, stale: &mut [u64]) -> usize {
    stale.fill(0);
    let lines = ends.lines();
    let mut taken = lines;
    // NB: Nothing was stored before the entry.
    if node != 0 {
        for edge in cfg.preds(node) {
            taken += lines;
            location_sets::unite(stale, ends.of(edge.from));
        }
    }
    taken
}

/// Returns how many steps that took.
fn step(slots: &Slots, event: Event, kept: &[(u32, Loc)], stale: &mut [u64]) -> usize {
    // NB: What may stay there stays as old as it was.
    if let Some(loc) = event.written()
        && !matches!(event, Event::Perhaps { .. })
    {
        location_sets::remove(stale, loc);
    }
    if let Event::Safepoint { index } = event {
        let start = kept.partition_point(|&(at, _)| at < index);
        let kept = kept[start..].iter().take_while(|&&(at, _)| at == index);
        let fresh: Vec<Loc> = kept
            .map(|&(_, loc)| loc)
            .filter(|&loc| !location_sets::contains(stale, loc))
            .collect();
        stale.fill(u64::MAX);
        // NB: Contents that were stale are reported here, once; they count as renewed.
        let mapped = slots.mapped.at(index);
        for loc in mapped.iter().chain(&fresh) {
            location_sets::remove(stale, *loc);
        }
        return location_sets::lines(stale.len()) + mapped.len() + fresh.len();
    }
    1
}

/// Locations in which the same value may be stored at once, and what they hold at safepoints.
#[derive(Default)]
pub(super) struct Copies {
    /// Sorted.
    locs: Vec<Loc>,
    safepoints: Vec<u32>,
    /// So many for each of the safepoints as there are locations.
    defs: Vec<Def>,
}

impl Copies {
    /// Find the locations.
    pub(super) fn new(events: &Events) -> Self {
        let stored = |&(_, event): &(_, Event)| match event {
            Event::Store { loc, origin, .. } | Event::Perhaps { loc, origin, .. } => {
                Some((origin, loc))
            }
            Event::Restore { loc, data } => Some((data, loc)),
            Event::Clobber { .. } | Event::Load { .. } | Event::Safepoint { .. } => None,
        };
        let mut stored: Vec<(Value, Loc)> = events.all().iter().filter_map(stored).collect();
        stored.sort_unstable();
        stored.dedup();
        let copies = stored.chunk_by(|a, b| a.0 == b.0).filter(|of| of.len() > 1);
        let mut locs: Vec<Loc> = copies.flatten().map(|&(_, loc)| loc).collect();
        locs.sort_unstable();
        locs.dedup();
        Copies {
            locs,
            ..Copies::default()
        }
    }

    /// Note what reaches the safepoint at `index`.
    pub(super) fn note(&mut self, index: u32, current: &[Def]) {
        if !self.locs.is_empty() && !steps::is_spent() {
            steps::count(Analysis::Slots, self.locs.len());
            self.safepoints.push(index);
            let defs = self.locs.iter().map(|&loc| current[loc as usize]);
            self.defs.extend(defs);
        }
    }

    /// Each location with each safepoint whose stack map does not name it, but another one that holds
    /// the same; sorted.
    pub(super) fn kept(&self, slots: &Slots) -> Vec<(u32, Loc)> {
        let mut kept = Vec::new();
        let all = self.defs.chunks(self.locs.len().max(1));
        for (&index, defs) in self.safepoints.iter().zip(all) {
            let mapped = slots.mapped.at(index);
            let held = self.locs.iter().zip(defs).filter_map(|(&loc, &def)| {
                let is_mapped = mapped.binary_search(&loc).is_ok();
                Some((slots.defs.holds[def as usize].origin()?, is_mapped, loc))
            });
            let (mut rooted, others): (Vec<_>, Vec<_>) =
                held.partition(|&(_, is_mapped, _)| is_mapped);
            rooted.sort_unstable();
            let is_rooted = |value| {
                let at = rooted.partition_point(|&(origin, ..)| origin < value);
                rooted.get(at).is_some_and(|&(origin, ..)| origin == value)
            };
            let others = others.iter().filter(|&&(value, ..)| is_rooted(value));
            kept.extend(others.map(|&(_, _, loc)| (index, loc)));
        }
        kept.sort_unstable();
        kept
    }
}
