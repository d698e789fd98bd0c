//! What the stack slots hold that stack maps name.
//!
//! **Claim.** At every point, for every location (slot, offset, type) that some stack map names or
//! that the spiller uses: which value was stored there for, on all paths, and since which version
//! it is fresh.
//!
//! **Strength.** A forward must-analysis: exact per path up to the meet. A slot whose address
//! escapes is not followed; the verdict is then inconclusive.
//!
//! **Math.** The lattice of one location, with `⊤` for "not visited":
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
//! beside the version at which the contents are fresh. Where paths meet, contents that are fresh at
//! the end of every one are fresh at the join; contents that are stale on one stay stale.
//! A safepoint that may collect renews what its stack map names: there the collector finds the
//! reference, and updates it.

use crate::body::{Body, SlotAccess};
use crate::cfg::{Cfg, Edge, Node};
use crate::history::History;
use crate::report::Inconclusive;
use crate::safepoint::{Safepoints, Version};
use cranelift_codegen::ir::{Function, GcCollector, Inst, StackSlot, Type, Value};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// An index into [`Slots::locations`].
pub(crate) type Loc = u32;

/// A location that is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) slot: StackSlot,
    pub(crate) offset: u32,
    pub(crate) ty: Type,
    /// Does some stack map name it?
    pub(crate) mapped: bool,
}

/// What is held at a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nothing that was stored.
    Unset,
    /// What was stored for `origin`, which was `data` at that point.
    Is { origin: Value, data: Value },
    /// On different paths, what was stored for different values.
    Conflict(Value, Value),
    /// Bytes of a store that does not cover exactly this location.
    Partial,
    /// On some path nothing that was stored.
    MaybeUnset,
}

impl Hold {
    fn meet(self, other: Hold) -> Hold {
        match (self, other) {
            (a, b) if a == b => a,
            (Hold::MaybeUnset | Hold::Unset, _) | (_, Hold::MaybeUnset | Hold::Unset) => {
                Hold::MaybeUnset
            }
            (Hold::Partial, _) | (_, Hold::Partial) => Hold::Partial,
            (
                Hold::Is { origin: a, data },
                Hold::Is {
                    origin: b,
                    data: other,
                },
            ) if a == b => Hold::Is {
                origin: a,
                data: data.min(other),
            },
            (a, b) => {
                let mut origins = a.origins();
                origins.extend(b.origins());
                origins.sort_unstable();
                origins.dedup();
                // NB: Of many, the least two: the choice must not depend on the order of visits.
                Hold::Conflict(origins[0], origins[1])
            }
        }
    }

    /// The values that are known to be held, by path.
    pub(crate) fn origins(self) -> SmallVec<[Value; 4]> {
        match self {
            Hold::Is { origin, .. } => SmallVec::from_slice(&[origin]),
            Hold::Conflict(a, b) => SmallVec::from_slice(&[a, b]),
            Hold::Unset | Hold::Partial | Hold::MaybeUnset => SmallVec::new(),
        }
    }
}

/// The contents of one location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) hold: Hold,
    /// The version at which they are fresh.
    pub(crate) fresh: Version,
}

const UNSET: Content = Content {
    hold: Hold::Unset,
    fresh: Version::AGELESS,
};

/// What an instruction does to locations.
#[derive(Clone, Copy, Debug)]
enum Event {
    Store {
        loc: Loc,
        origin: Value,
        data: Value,
    },
    Clobber {
        loc: Loc,
    },
    Load {
        loc: Loc,
        result: Value,
    },
    Safepoint {
        index: u32,
    },
}

/// An entry of a stack map that no reference can be at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BadEntry {
    pub(crate) inst: Inst,
    pub(crate) location: Location,
    pub(crate) why: crate::error::NonReference,
}

/// What a load from a followed location sees.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reload {
    pub(crate) inst: Inst,
    pub(crate) result: Value,
    pub(crate) loc: Loc,
    pub(crate) content: Content,
    pub(crate) now: Version,
    pub(crate) expected: Option<Value>,
}

/// What a stack map's entry names.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Root {
    pub(crate) loc: Loc,
    pub(crate) content: Content,
    /// The version before the safepoint.
    pub(crate) now: Version,
}

/// The result of the analysis.
pub(crate) struct Slots {
    pub(crate) locations: Vec<Location>,
    /// By safepoint, as in [`Safepoints::all`].
    pub(crate) roots: Vec<SmallVec<[Root; 4]>>,
    /// In reverse post-order.
    pub(crate) reloads: Vec<Reload>,
    /// Every store that writes to a location, with the value that it stores there for; sorted.
    pub(crate) stores: Vec<(Inst, Loc, Option<Value>)>,
    pub(crate) bad_entries: Vec<BadEntry>,
    pub(crate) inconclusive: Vec<Inconclusive>,
    pub(crate) entries: u64,
}

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
        let accesses = &body.slot_accesses;
        let mut slots = Slots {
            locations: Vec::new(),
            roots: Vec::new(),
            reloads: Vec::new(),
            stores: Vec::new(),
            bad_entries: Vec::new(),
            inconclusive: Vec::new(),
            entries: 0,
        };
        let mut by_slot = slots.find_locations(func, safepoints, accesses);
        for (&slot, &inst) in &body.escapes {
            if by_slot.remove(&slot).is_some() {
                let reason = Inconclusive::SlotEscapes { slot, inst };
                slots.inconclusive.push(reason);
            }
        }
        if slots.locations.is_empty() {
            slots.roots.resize_with(safepoints.all.len(), SmallVec::new);
            return slots;
        }
        let flow = Flow {
            func,
            cfg,
            safepoints,
            collector,
            mapped: slots.mapped(func, safepoints, &by_slot),
            events: slots.events(func, cfg, safepoints, accesses, &by_slot, history),
            history,
            len: slots.locations.len(),
        };
        let outs = flow.solve();
        flow.report(&outs, &mut slots);
        slots.stores = stores(&flow.events);
        slots
    }

    /// The value that `inst` stores to `loc` for, if it writes there; none if it only clobbers it.
    pub(crate) fn store_to(&self, inst: Inst, loc: Loc) -> Option<Option<Value>> {
        let found = self
            .stores
            .binary_search_by(|&(at, to, _)| (at, to).cmp(&(inst, loc)));
        found.ok().map(|index| self.stores[index].2)
    }

    /// Make a location of everything that a stack map names or that the spiller stores to, and
    /// judge the entries by themselves.
    fn find_locations(
        &mut self,
        func: &Function,
        safepoints: &Safepoints,
        accesses: &[SlotAccess],
    ) -> BTreeMap<StackSlot, SmallVec<[Loc; 1]>> {
        let mut by_slot = BTreeMap::new();
        for safepoint in &safepoints.all {
            let entries = func.dfg.user_stack_map_entries(safepoint.inst);
            let entries = entries.unwrap_or_default();
            self.entries += entries.len() as u64;
            for (index, entry) in entries.iter().enumerate() {
                let location = Location {
                    slot: entry.slot,
                    offset: entry.offset,
                    ty: entry.ty,
                    mapped: true,
                };
                match crate::entry::judge(func, entry, &entries[..index]) {
                    Some(why) => self.bad_entries.push(BadEntry {
                        inst: safepoint.inst,
                        location,
                        why,
                    }),
                    None => self.add_location(&mut by_slot, location),
                }
            }
        }
        for access in accesses {
            let is_spill_or_reload = func.dfg.gc_info.spill_origin(access.inst).is_some();
            if let (true, Ok(offset)) = (is_spill_or_reload, u32::try_from(access.offset)) {
                let location = Location {
                    slot: access.slot,
                    offset,
                    ty: access.access.ty,
                    mapped: false,
                };
                self.add_location(&mut by_slot, location);
            }
        }
        by_slot
    }

    fn add_location(
        &mut self,
        by_slot: &mut BTreeMap<StackSlot, SmallVec<[Loc; 1]>>,
        location: Location,
    ) {
        let locs = by_slot.entry(location.slot).or_default();
        let known = locs.iter().any(|&loc| {
            let other = &self.locations[loc as usize];
            other.offset == location.offset && other.ty == location.ty
        });
        if !known {
            locs.push(self.locations.len() as Loc);
            self.locations.push(location);
        }
    }

    /// For each safepoint, the locations that its stack map names.
    fn mapped(
        &self,
        func: &Function,
        safepoints: &Safepoints,
        by_slot: &BTreeMap<StackSlot, SmallVec<[Loc; 1]>>,
    ) -> Vec<SmallVec<[Loc; 4]>> {
        let locations_of = |inst| {
            let entries = func.dfg.user_stack_map_entries(inst).unwrap_or_default();
            let mut locs: SmallVec<[Loc; 4]> = entries
                .iter()
                .flat_map(|entry| {
                    let locs = by_slot.get(&entry.slot).into_iter().flatten().copied();
                    locs.filter(|&loc| {
                        let location = &self.locations[loc as usize];
                        location.offset == entry.offset && location.ty == entry.ty
                    })
                })
                .collect();
            locs.sort_unstable();
            locs.dedup();
            locs
        };
        let insts = safepoints.all.iter().map(|safepoint| safepoint.inst);
        insts.map(locations_of).collect()
    }

    /// What happens to the locations in each block, in order.
    fn events(
        &self,
        func: &Function,
        cfg: &Cfg,
        safepoints: &Safepoints,
        accesses: &[SlotAccess],
        by_slot: &BTreeMap<StackSlot, SmallVec<[Loc; 1]>>,
        history: &History,
    ) -> Vec<Vec<(Inst, Event)>> {
        let mut events = vec![Vec::new(); cfg.len()];
        let mut accesses = accesses.iter().peekable();
        let mut all = safepoints.all.iter().enumerate().peekable();
        // Accesses and safepoints come in the order of the code; merge them.
        for node in cfg.nodes() {
            let events: &mut Vec<_> = &mut events[node as usize];
            loop {
                let access = accesses.peek().filter(|access| access.node == node);
                let safepoint = all.peek().filter(|(_, safepoint)| safepoint.node == node);
                let access_is_next = match (access, safepoint) {
                    (None, None) => break,
                    (Some(_), None) => true,
                    (None, Some(_)) => false,
                    (Some(access), Some((_, safepoint))) => {
                        func.layout.pp_cmp(access.inst, safepoint.inst).is_lt()
                    }
                };
                if access_is_next {
                    let access = accesses.next().expect("it was peeked at");
                    self.access_events(func, access, by_slot, history, events);
                } else {
                    let (index, safepoint) = all.next().expect("it was peeked at");
                    let index = index as u32;
                    events.push((safepoint.inst, Event::Safepoint { index }));
                }
            }
        }
        events
    }

    fn access_events(
        &self,
        func: &Function,
        at: &SlotAccess,
        by_slot: &BTreeMap<StackSlot, SmallVec<[Loc; 1]>>,
        history: &History,
        events: &mut Vec<(Inst, Event)>,
    ) {
        for &loc in by_slot.get(&at.slot).into_iter().flatten() {
            let location = &self.locations[loc as usize];
            let start = i64::from(location.offset);
            let end = start + i64::from(location.ty.bytes());
            if at.offset >= end || at.offset + i64::from(at.access.size) <= start {
                continue;
            }
            let covers = at.offset == start && at.access.size == location.ty.bytes();
            let event = match (at.access.data, at.access.result) {
                (Some(data), _) if covers && at.access.plain => {
                    let data = func.dfg.resolve_aliases(data);
                    let origin = func.dfg.gc_info.spill_origin(at.inst);
                    let origin = origin.map_or(data, |origin| func.dfg.resolve_aliases(origin));
                    let origin = history.find(origin);
                    Event::Store { loc, origin, data }
                }
                (Some(_), _) => Event::Clobber { loc },
                (None, Some(result)) if covers && at.access.plain => {
                    if at.access.ty != location.ty {
                        continue;
                    }
                    Event::Load { loc, result }
                }
                (None, _) => continue,
            };
            events.push((at.inst, event));
        }
    }
}

/// The dataflow problem.
struct Flow<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    safepoints: &'a Safepoints,
    collector: GcCollector,
    history: &'a History,
    mapped: Vec<SmallVec<[Loc; 4]>>,
    events: Vec<Vec<(Inst, Event)>>,
    len: usize,
}

impl Flow<'_> {
    /// The contents at the end of each block, once they have stopped to change.
    fn solve(&self) -> Vec<Option<Vec<Content>>> {
        let mut outs: Vec<Option<Vec<Content>>> = vec![None; self.cfg.len()];
        let mut pending = vec![true; self.cfg.len()];
        // Sweeps in reverse post-order; only loops need more than one.
        while let Some(start) = pending.iter().position(|&pending| pending) {
            for node in start as Node..self.cfg.len() as Node {
                if core::mem::take(&mut pending[node as usize]) {
                    self.visit(node, &mut outs, &mut pending);
                }
            }
        }
        outs
    }

    /// Compute the contents at the end of `node`; if they changed, mark its successors.
    fn visit(&self, node: Node, outs: &mut [Option<Vec<Content>>], pending: &mut [bool]) {
        let mut contents = self.at_start(node, outs);
        let mut now = self.safepoints.at_start(node);
        for &(_, event) in &self.events[node as usize] {
            self.apply(event, &mut now, &mut contents);
        }
        let out = &mut outs[node as usize];
        if out.as_ref() != Some(&contents) {
            debug_assert!(
                out.as_ref().is_none_or(|old| is_below(&contents, old)),
                "contents only go down the lattice"
            );
            *out = Some(contents);
            for edge in self.cfg.succs(node) {
                pending[edge.to as usize] = true;
            }
        }
    }

    fn at_start(&self, node: Node, outs: &[Option<Vec<Content>>]) -> Vec<Content> {
        if node == 0 {
            return vec![UNSET; self.len];
        }
        let now = self.safepoints.at_start(node);
        let mut contents: Option<Vec<Content>> = None;
        for Edge { from, .. } in self.cfg.preds(node) {
            // A block that was not visited yet is `⊤`.
            let Some(out) = &outs[from as usize] else {
                continue;
            };
            let end = self.safepoints.at_end(from);
            let arriving = out.iter().map(|content| Content {
                // NB: What is stale must not keep its version over an edge: in a loop, that
                // version can come round again.
                fresh: match content.fresh {
                    Version::AGELESS => Version::AGELESS,
                    fresh if fresh == end => now,
                    _ => Version::MIXED,
                },
                ..*content
            });
            match &mut contents {
                None => contents = Some(arriving.collect()),
                Some(contents) => {
                    for (content, other) in contents.iter_mut().zip(arriving) {
                        content.hold = content.hold.meet(other.hold);
                        content.fresh = content.fresh.meet(other.fresh);
                    }
                }
            }
        }
        contents.expect("reverse post-order visits some predecessor first")
    }

    fn apply(&self, event: Event, now: &mut Version, contents: &mut [Content]) {
        match event {
            Event::Store { loc, origin, data } => {
                contents[loc as usize] = Content {
                    hold: Hold::Is { origin, data },
                    fresh: match self.collector {
                        GcCollector::Moving | GcCollector::NonMoving => *now,
                        GcCollector::Null => Version::AGELESS,
                    },
                };
            }
            Event::Clobber { loc } => {
                contents[loc as usize] = Content {
                    hold: Hold::Partial,
                    fresh: Version::AGELESS,
                };
            }
            Event::Load { .. } => {}
            Event::Safepoint { index } => {
                let after = Safepoints::version_after(index as usize);
                let mapped = &self.mapped[index as usize];
                if self.collector == GcCollector::NonMoving {
                    // What is alive through another slot stays valid where it is.
                    for loc in 0..contents.len() {
                        let content = contents[loc];
                        let kept = content.fresh == *now
                            && mapped.iter().any(|&root| {
                                same_origin(content.hold, contents[root as usize].hold)
                            });
                        if kept {
                            contents[loc].fresh = after;
                        }
                    }
                }
                if self.collector != GcCollector::Null {
                    for &loc in mapped {
                        // NB: Contents that were stale are reported here, once; they count as
                        // renewed.
                        contents[loc as usize].fresh = after;
                    }
                }
                *now = after;
            }
        }
    }

    /// Walk once more, with the contents known, and note what reloads and stack maps see.
    fn report(&self, outs: &[Option<Vec<Content>>], slots: &mut Slots) {
        slots.roots.resize_with(self.mapped.len(), SmallVec::new);
        for node in self.cfg.nodes() {
            if self.events[node as usize].is_empty() {
                continue;
            }
            let mut contents = self.at_start(node, outs);
            let mut now = self.safepoints.at_start(node);
            for &(inst, event) in &self.events[node as usize] {
                match event {
                    Event::Load { loc, result } => {
                        let expected = self.func.dfg.gc_info.spill_origin(inst);
                        let expected = expected
                            .map(|value| self.history.find(self.func.dfg.resolve_aliases(value)));
                        slots.reloads.push(Reload {
                            inst,
                            result,
                            loc,
                            content: contents[loc as usize],
                            now,
                            expected,
                        });
                    }
                    Event::Safepoint { index } => {
                        let mapped = self.mapped[index as usize].iter();
                        slots.roots[index as usize] = mapped
                            .map(|&loc| Root {
                                loc,
                                content: contents[loc as usize],
                                now,
                            })
                            .collect();
                    }
                    Event::Store { .. } | Event::Clobber { .. } => {}
                }
                self.apply(event, &mut now, &mut contents);
            }
        }
    }
}

fn stores(events: &[Vec<(Inst, Event)>]) -> Vec<(Inst, Loc, Option<Value>)> {
    let mut stores = Vec::new();
    for &(inst, event) in events.iter().flatten() {
        match event {
            Event::Store { loc, origin, .. } => stores.push((inst, loc, Some(origin))),
            Event::Clobber { loc } => stores.push((inst, loc, None)),
            Event::Load { .. } | Event::Safepoint { .. } => {}
        }
    }
    stores.sort_unstable();
    stores
}

fn same_origin(a: Hold, b: Hold) -> bool {
    match (a, b) {
        (Hold::Is { origin: a, .. }, Hold::Is { origin: b, .. }) => a == b,
        _ => false,
    }
}

/// Is every one of `new` at most the one of `old`?
fn is_below(new: &[Content], old: &[Content]) -> bool {
    let mut pairs = new.iter().zip(old);
    pairs.all(|(new, old)| new.hold.meet(old.hold) == new.hold)
}
