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
use crate::memory::Access;
use crate::report::Inconclusive;
use crate::safepoint::{Safepoints, Version};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{
    Function, GcCollector, Inst, StackSlot, Type, UserStackMapEntry, Value,
};
use smallvec::SmallVec;

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
        /// Does the producer say what it stands for?
        is_noted: bool,
    },
    /// What was loaded from there is stored there again: it stays what it was, to a producer that does
    /// not say which value a spill stands for.
    Restore {
        loc: Loc,
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
    /// Of one safepoint after another, in the order of [`Safepoints::all`].
    pub(crate) roots: Vec<Root>,
    /// For each safepoint, where its roots begin; and where the last ones end.
    root_starts: Vec<u32>,
    /// In reverse post-order.
    pub(crate) reloads: Vec<Reload>,
    /// Every store that writes to a location, with the value that it stores there for; sorted.
    pub(crate) stores: Vec<(Inst, Loc, Option<Value>)>,
    pub(crate) bad_entries: Vec<BadEntry>,
    pub(crate) inconclusive: Vec<Inconclusive>,
    pub(crate) entries: u64,
}

/// The locations of each slot.
type BySlot = SecondaryMap<StackSlot, SmallVec<[Loc; 1]>>;

/// What happens to locations, block after block.
#[derive(Default)]
struct Events {
    all: Vec<(Inst, Event)>,
    /// For each node, where its events begin; and where the last ones end.
    starts: Vec<u32>,
}

impl Events {
    fn of(&self, node: Node) -> &[(Inst, Event)] {
        &self.all[self.range(node)]
    }

    fn range(&self, node: Node) -> core::ops::Range<usize> {
        let starts = &self.starts[node as usize..node as usize + 2];
        starts[0] as usize..starts[1] as usize
    }
}

/// The locations that stack maps name, safepoint after safepoint.
#[derive(Default)]
struct Mapped {
    locs: Vec<Loc>,
    /// For each safepoint, where its locations begin; and where the last ones end.
    starts: Vec<u32>,
}

impl Mapped {
    fn of(&self, index: u32) -> &[Loc] {
        let starts = &self.starts[index as usize..index as usize + 2];
        &self.locs[starts[0] as usize..starts[1] as usize]
    }
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
        let mut slots = Slots {
            locations: Vec::new(),
            roots: Vec::new(),
            root_starts: Vec::new(),
            reloads: Vec::new(),
            stores: Vec::new(),
            bad_entries: Vec::new(),
            inconclusive: Vec::new(),
            entries: 0,
        };
        let mut by_slot = slots.find_locations(func, safepoints, body);
        for (&slot, &inst) in &body.escapes {
            if !core::mem::take(&mut by_slot[slot]).is_empty() {
                let reason = Inconclusive::SlotEscapes { slot, inst };
                slots.inconclusive.push(reason);
            }
        }
        if slots.locations.is_empty() {
            slots.root_starts.resize(safepoints.all.len() + 1, 0);
            return slots;
        }
        let mut flow = Flow {
            func,
            cfg,
            safepoints,
            collector,
            mapped: slots.mapped(func, safepoints, &by_slot),
            events: slots.events(func, cfg, body, &by_slot, history),
            history,
            len: slots.locations.len(),
            outs: Vec::new(),
            is_visited: vec![false; cfg.len()],
            held: Vec::new(),
        };
        flow.find_restores();
        flow.solve();
        flow.report(&mut slots);
        slots.stores = stores(&flow.events);
        slots
    }

    /// What the stack map names of the safepoint at `index` of [`Safepoints::all`].
    pub(crate) fn roots_of(&self, index: usize) -> &[Root] {
        &self.roots[self.root_starts[index] as usize..self.root_starts[index + 1] as usize]
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
    fn find_locations(&mut self, func: &Function, safepoints: &Safepoints, body: &Body) -> BySlot {
        let mut by_slot = BySlot::new();
        // For each slot, the safepoint whose map named it last, and one.
        let mut last_named = SecondaryMap::<StackSlot, u32>::new();
        for (number, safepoint) in (1..).zip(&safepoints.all) {
            let entries = func.dfg.user_stack_map_entries(safepoint.inst);
            let entries = entries.unwrap_or_default();
            self.entries += entries.len() as u64;
            for (index, entry) in entries.iter().enumerate() {
                let last = core::mem::replace(&mut last_named[entry.slot], number);
                // NB: Only what is in the same slot can overlap.
                let before = match last == number {
                    true => &entries[..index],
                    false => &[],
                };
                if before.is_empty() && self.find(&by_slot, entry).is_some() {
                    continue;
                }
                let location = Location {
                    slot: entry.slot,
                    offset: entry.offset,
                    ty: entry.ty,
                    mapped: true,
                };
                match crate::entry::judge(func, entry, before) {
                    Some(why) => self.bad_entries.push(BadEntry {
                        inst: safepoint.inst,
                        location,
                        why,
                    }),
                    None => self.add_location(&mut by_slot, location),
                }
            }
        }
        for access in &body.slot_accesses {
            let is_spill_or_reload = func.dfg.gc_info.spill_origin(access.inst).is_some();
            if let (true, Ok(offset)) = (is_spill_or_reload, u32::try_from(access.offset)) {
                let location = Location {
                    slot: access.slot,
                    offset,
                    ty: body.access_at(access).ty,
                    mapped: false,
                };
                self.add_location(&mut by_slot, location);
            }
        }
        by_slot
    }

    fn add_location(&mut self, by_slot: &mut BySlot, location: Location) {
        let locs = &mut by_slot[location.slot];
        let known = locs.iter().any(|&loc| {
            let other = &self.locations[loc as usize];
            other.offset == location.offset && other.ty == location.ty
        });
        if !known {
            locs.push(self.locations.len() as Loc);
            self.locations.push(location);
        }
    }

    /// The location that `entry` names.
    fn find(&self, by_slot: &BySlot, entry: &UserStackMapEntry) -> Option<Loc> {
        let mut locs = by_slot[entry.slot].iter().copied();
        locs.find(|&loc| {
            let location = &self.locations[loc as usize];
            location.offset == entry.offset && location.ty == entry.ty
        })
    }

    /// For each safepoint, the locations that its stack map names, sorted.
    fn mapped(&self, func: &Function, safepoints: &Safepoints, by_slot: &BySlot) -> Mapped {
        let mut mapped = Mapped::default();
        let mut locs = Vec::new();
        for safepoint in &safepoints.all {
            let entries = func.dfg.user_stack_map_entries(safepoint.inst);
            let entries = entries.unwrap_or_default().iter();
            locs.extend(entries.filter_map(|entry| self.find(by_slot, entry)));
            if !locs.is_sorted_by(|a, b| a < b) {
                locs.sort_unstable();
                locs.dedup();
            }
            mapped.starts.push(mapped.locs.len() as u32);
            mapped.locs.append(&mut locs);
        }
        mapped.starts.push(mapped.locs.len() as u32);
        mapped
    }

    /// What happens to the locations in each block, in order.
    fn events(
        &self,
        func: &Function,
        cfg: &Cfg,
        body: &Body,
        by_slot: &BySlot,
        history: &History,
    ) -> Events {
        let len = body.slot_accesses.len() + body.safepoints.len();
        let mut events = Events {
            all: Vec::with_capacity(len),
            starts: Vec::with_capacity(cfg.len() + 1),
        };
        let mut accesses = body.slot_accesses.iter().peekable();
        let mut passed = 0;
        // Accesses and safepoints come in the order of the code; merge them.
        for node in cfg.nodes() {
            events.starts.push(events.all.len() as u32);
            loop {
                let access = accesses.peek().filter(|access| access.node == node);
                let safepoint = body.safepoints.get(passed).filter(|at| at.node == node);
                match (access, safepoint) {
                    (None, None) => break,
                    (Some(access), _) if access.passed as usize == passed => {
                        let made = body.access_at(access);
                        self.access_events(func, (access, made), by_slot, history, &mut events.all);
                        accesses.next();
                    }
                    (_, Some(safepoint)) => {
                        let index = passed as u32;
                        events
                            .all
                            .push((safepoint.inst, Event::Safepoint { index }));
                        passed += 1;
                    }
                    (Some(_), None) => unreachable!("the safepoints before it were passed"),
                }
            }
        }
        events.starts.push(events.all.len() as u32);
        events
    }

    fn access_events(
        &self,
        func: &Function,
        (at, access): (&SlotAccess, &Access),
        by_slot: &BySlot,
        history: &History,
        events: &mut Vec<(Inst, Event)>,
    ) {
        for &loc in &by_slot[at.slot] {
            let location = &self.locations[loc as usize];
            let start = i64::from(location.offset);
            let end = start + i64::from(location.ty.bytes());
            if at.offset >= end || at.offset + i64::from(access.size) <= start {
                continue;
            }
            let covers = at.offset == start && access.size == location.ty.bytes();
            let event = match (access.data, access.result) {
                (Some(data), _) if covers && access.plain => {
                    let data = func.dfg.resolve_aliases(data);
                    let noted = func.dfg.gc_info.spill_origin(at.inst);
                    let origin = noted.map_or(data, |origin| func.dfg.resolve_aliases(origin));
                    Event::Store {
                        loc,
                        origin: history.find(origin),
                        data,
                        is_noted: noted.is_some(),
                    }
                }
                (Some(_), _) => Event::Clobber { loc },
                (None, Some(result)) if covers && access.plain => {
                    if access.ty != location.ty {
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
    mapped: Mapped,
    events: Events,
    /// The number of locations.
    len: usize,
    /// The contents at the end of each block, so many for each, as far as they are known.
    outs: Vec<Content>,
    is_visited: Vec<bool>,
    /// What each reload that is stored again saw, by reload.
    held: Vec<(Value, Hold)>,
}

impl Flow<'_> {
    /// Tell stores of what was loaded from the same place from others.
    fn find_restores(&mut self) {
        let stores_itself = |&(_, event): &(Inst, Event)| match event {
            Event::Store {
                loc,
                data,
                is_noted: false,
                ..
            } => Some((loc, data)),
            _ => None,
        };
        let mut stored: Vec<_> = self.events.all.iter().filter_map(stores_itself).collect();
        if stored.is_empty() {
            return;
        }
        stored.sort_unstable();
        let is_restored = |&(_, event): &(Inst, Event)| match event {
            Event::Load { loc, result } if stored.binary_search(&(loc, result)).is_ok() => {
                Some((loc, result))
            }
            _ => None,
        };
        let mut restored: Vec<_> = self.events.all.iter().filter_map(is_restored).collect();
        restored.sort_unstable();
        for (_, event) in &mut self.events.all {
            if let &mut Event::Store {
                loc,
                data,
                is_noted: false,
                ..
            } = event
                && restored.binary_search(&(loc, data)).is_ok()
            {
                *event = Event::Restore { loc, data };
            }
        }
        self.held = restored
            .iter()
            .map(|&(_, value)| (value, Hold::Unset))
            .collect();
        self.held.sort_unstable_by_key(|&(value, _)| value);
    }

    /// What `value`, which is stored again, stands for.
    fn held_by(&self, value: Value) -> Hold {
        let at = self.held.binary_search_by_key(&value, |&(value, _)| value);
        match at.map(|at| self.held[at].1) {
            Ok(Hold::Is { origin, .. }) => Hold::Is {
                origin,
                data: value,
            },
            Ok(conflict @ Hold::Conflict(..)) => conflict,
            Ok(Hold::Unset | Hold::MaybeUnset | Hold::Partial) | Err(_) => Hold::Is {
                origin: value,
                data: value,
            },
        }
    }

    /// Note what the reload `value` sees. Returns whether that is news.
    fn hold(&mut self, value: Value, hold: Hold) -> bool {
        match self.held.binary_search_by_key(&value, |&(value, _)| value) {
            Ok(at) => core::mem::replace(&mut self.held[at].1, hold) != hold,
            Err(_) => false,
        }
    }

    /// Find the contents at the end of each block, once they have stopped to change.
    fn solve(&mut self) {
        self.outs.resize(self.cfg.len() * self.len, UNSET);
        let mut pending = vec![true; self.cfg.len()];
        let mut contents = Vec::new();
        // Sweeps in reverse post-order; only loops need more than one.
        while let Some(start) = pending.iter().position(|&pending| pending) {
            for node in start as Node..self.cfg.len() as Node {
                if core::mem::take(&mut pending[node as usize]) {
                    self.visit(node, &mut contents, &mut pending);
                }
            }
        }
    }

    fn out(&self, node: Node) -> &[Content] {
        &self.outs[node as usize * self.len..][..self.len]
    }

    /// Compute the contents at the end of `node`; if they changed, mark its successors.
    fn visit(&mut self, node: Node, contents: &mut Vec<Content>, pending: &mut [bool]) {
        self.start(node, contents);
        let mut now = self.safepoints.at_start(node);
        for index in self.events.range(node) {
            let (_, event) = self.events.all[index];
            if let Event::Load { loc, result } = event
                && !self.held.is_empty()
                && self.hold(result, contents[loc as usize].hold)
            {
                // NB: Where it is stored again may be anywhere, and is seldom somewhere else.
                pending.fill(true);
            }
            self.apply(event, &mut now, contents);
        }
        let was_visited = core::mem::replace(&mut self.is_visited[node as usize], true);
        if !was_visited || self.out(node) != &contents[..] {
            debug_assert!(
                !was_visited || is_below(contents, self.out(node)),
                "contents only go down the lattice"
            );
            self.outs[node as usize * self.len..][..self.len].copy_from_slice(contents);
            for edge in self.cfg.succs(node) {
                pending[edge.to as usize] = true;
            }
        }
    }

    /// Put the contents at the start of `node` into `contents`.
    fn start(&self, node: Node, contents: &mut Vec<Content>) {
        contents.clear();
        if node == 0 {
            return contents.resize(self.len, UNSET);
        }
        let now = self.safepoints.at_start(node);
        for Edge { from, .. } in self.cfg.preds(node) {
            // A block that was not visited yet is `⊤`.
            if !self.is_visited[from as usize] {
                continue;
            }
            let end = self.safepoints.at_end(from);
            // NB: What is stale must not keep its version over an edge: in a loop, that version can
            // come round again.
            let arriving = self.out(from).iter().map(|content| Content {
                fresh: match content.fresh {
                    Version::AGELESS => Version::AGELESS,
                    fresh if fresh == end => now,
                    _ => Version::MIXED,
                },
                ..*content
            });
            if contents.is_empty() {
                contents.extend(arriving);
                continue;
            }
            for (content, other) in contents.iter_mut().zip(arriving) {
                if *content != other {
                    content.hold = content.hold.meet(other.hold);
                    content.fresh = content.fresh.meet(other.fresh);
                }
            }
        }
        assert!(
            !contents.is_empty(),
            "reverse post-order visits some predecessor first"
        );
    }

    /// What was just stored.
    fn stored(&self, hold: Hold, now: Version) -> Content {
        let fresh = match self.collector {
            GcCollector::Moving | GcCollector::NonMoving => now,
            GcCollector::Null => Version::AGELESS,
        };
        Content { hold, fresh }
    }

    fn apply(&self, event: Event, now: &mut Version, contents: &mut [Content]) {
        match event {
            Event::Store {
                loc, origin, data, ..
            } => {
                contents[loc as usize] = self.stored(Hold::Is { origin, data }, *now);
            }
            Event::Restore { loc, data } => {
                contents[loc as usize] = self.stored(self.held_by(data), *now);
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
                let mapped = self.mapped.of(index);
                if self.collector == GcCollector::NonMoving {
                    // What is alive through another slot stays valid where it is.
                    for loc in 0..contents.len() {
                        let content = contents[loc];
                        // NB: What the map names is renewed below.
                        let kept = content.fresh == *now
                            && mapped.binary_search(&(loc as Loc)).is_err()
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
    fn report(&self, slots: &mut Slots) {
        slots.roots.reserve(self.mapped.locs.len());
        slots.root_starts.reserve(self.safepoints.all.len() + 1);
        let is_load = |(_, event): &&(Inst, Event)| matches!(event, Event::Load { .. });
        slots
            .reloads
            .reserve(self.events.all.iter().filter(is_load).count());
        let mut contents = Vec::new();
        for node in self.cfg.nodes() {
            let events = self.events.of(node);
            if events.is_empty() {
                continue;
            }
            self.start(node, &mut contents);
            let mut now = self.safepoints.at_start(node);
            for &(inst, event) in events {
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
                        // NB: They come in the order of their numbers.
                        slots.root_starts.push(slots.roots.len() as u32);
                        let mapped = self.mapped.of(index).iter();
                        slots.roots.extend(mapped.map(|&loc| Root {
                            loc,
                            content: contents[loc as usize],
                            now,
                        }));
                    }
                    Event::Store { .. } | Event::Restore { .. } | Event::Clobber { .. } => {}
                }
                self.apply(event, &mut now, &mut contents);
            }
        }
        slots.root_starts.push(slots.roots.len() as u32);
    }
}

fn stores(events: &Events) -> Vec<(Inst, Loc, Option<Value>)> {
    let mut stores = Vec::new();
    for &(inst, event) in &events.all {
        match event {
            Event::Store { loc, origin, .. } => stores.push((inst, loc, Some(origin))),
            Event::Restore { loc, data } => stores.push((inst, loc, Some(data))),
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
