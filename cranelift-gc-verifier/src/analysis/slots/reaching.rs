//! Which write to a location every point sees.
//!
//! **Claim.** For each location and point: the *definition* that reaches it, which is what a location
//! holds at the entry, a write, or, where several meet, a φ of the block.
//!
//! **Strength.** Exact on the reachable graph, wherever the contents can still be seen: where they
//! are not, blocks have no φ.
//!
//! **Math.** Locations in pruned SSA form: φs at the iterated dominance frontier of the writes (Cytron,
//! Ferrante, Rosen, Wegman, Zadeck, "Efficiently Computing Static Single Assignment Form", TOPLAS
//! 1991), for all locations at once as sets of bits; then one walk over the dominator tree.
//! A function with many blocks and many locations has few definitions, though contents for each
//! block and each location would fill the memory.

use super::contents::Hold;
use super::events::{Event, Events};
use super::location::{Def, Loc};
use super::location_sets::{self, Sets};
use super::solved::{Solved, Source};
use super::staleness::Copies;
use super::table::Slots;
use crate::ir::cfg::{Cfg, Node};
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::ir::Value;

/// All definitions.
pub(super) struct Defs {
    /// What each one holds; nothing as long as it is not known.
    holds: Vec<Option<Hold>>,
    /// What each one is.
    sources: Vec<Source>,
    /// Each φ with the node that an edge comes from, and with what reaches it over that edge.
    args: Vec<(Def, Node, Def)>,
    /// Each write of what was loaded from the same place: itself, and the reload.
    restores: Vec<(Def, Value)>,
    /// What each reload that is stored again sees; sorted.
    reloaded: Vec<(Value, Option<Def>)>,
}

/// The walk over the dominator tree.
struct Walk<'a> {
    cfg: &'a Cfg,
    phis: &'a Sets,
    /// For each node, its first φ, and where the last ones end. They come in the order of their locations.
    first_phi: Vec<Def>,
    /// The definition of each location that reaches the point.
    current: Vec<Def>,
    /// What to put back into `current`, latest last.
    undo: Vec<(Loc, Def)>,
}

impl Defs {
    /// Find the definitions; note in `slots` and `copies` which of them are seen where.
    pub(super) fn new(cfg: &Cfg, events: &Events, slots: &mut Slots, copies: &mut Copies) -> Self {
        let len = slots.locations.len();
        let phis = place_phis(cfg, events, slots);
        let mut defs = Defs {
            holds: vec![Some(Hold::Unset); len],
            sources: vec![Source::Unknown; len],
            args: Vec::new(),
            restores: Vec::new(),
            reloaded: events.restored().iter().map(|&v| (v, None)).collect(),
        };
        defs.holds.reserve(events.all().len());
        let mut first_phi = Vec::with_capacity(cfg.len() + 1);
        for node in cfg.nodes() {
            first_phi.push(defs.holds.len() as Def);
            let count = phis.count_of(node) as usize;
            defs.holds.extend(core::iter::repeat_n(None, count));
            let phi = Source::Phi(node);
            defs.sources.extend(core::iter::repeat_n(phi, count));
        }
        first_phi.push(defs.holds.len() as Def);
        let mut walk = Walk {
            cfg,
            phis: &phis,
            first_phi,
            current: (0..len as Def).collect(),
            undo: Vec::new(),
        };
        // Nodes, and how much there was to undo at the end of their dominators.
        let mut stack = vec![(0, 0)];
        while let Some((node, before)) = stack.pop() {
            walk.undo(before);
            walk.enter(node);
            for &(_, event) in events.of(node) {
                match event {
                    Event::Store {
                        loc, origin, data, ..
                    } => {
                        let hold = Hold::Is { origin, data };
                        walk.set(loc, defs.add(Some(hold), Source::Stored(data)));
                    }
                    Event::Perhaps { loc, origin, data } => {
                        let hold = Hold::Is { origin, data };
                        let stored = defs.add(Some(hold), Source::Stored(data));
                        let before = walk.current[loc as usize];
                        let def = defs.add(None, Source::Either);
                        defs.args.extend([(def, node, before), (def, node, stored)]);
                        walk.set(loc, def);
                    }
                    Event::Clobber { loc } => {
                        walk.set(loc, defs.add(Some(Hold::Partial), Source::Unknown));
                    }
                    Event::Restore { loc, data } => {
                        let def = defs.add(None, Source::Stored(data));
                        defs.restores.push((def, data));
                        walk.set(loc, def);
                    }
                    Event::Load { loc, result, index } => {
                        let seen = walk.current[loc as usize];
                        slots.reloads[index as usize].def = seen;
                        defs.note_reload(result, seen);
                    }
                    Event::Safepoint { index } => {
                        slots.note_roots(index, &walk.current);
                        copies.note(index, &walk.current);
                    }
                }
            }
            walk.leave(node, &mut defs.args);
            let before = walk.undo.len();
            stack.extend(cfg.dominated(node).map(|child| (child, before)));
        }
        defs
    }

    fn add(&mut self, hold: Option<Hold>, source: Source) -> Def {
        self.holds.push(hold);
        self.sources.push(source);
        self.holds.len() as Def - 1
    }

    fn note_reload(&mut self, value: Value, def: Def) {
        let key = |&(value, _): &(Value, _)| value;
        if let Ok(at) = self.reloaded.binary_search_by_key(&value, key) {
            self.reloaded[at].1 = Some(def);
        }
    }

    /// Find what each one holds.
    pub(super) fn solve(mut self) -> Solved {
        let copies = self.copies();
        let mut changed = true;
        while changed && !steps::is_spent() {
            steps::count(Analysis::Slots, copies.len() + self.args.len());
            changed = false;
            for &(def, of, value) in &copies {
                // What was stored there stands for the same value as before.
                let hold = self.holds[of as usize].map(|hold| match hold {
                    Hold::Is { origin, .. } => Hold::Is {
                        origin,
                        data: value,
                    },
                    other => other,
                });
                changed |= self.holds[def as usize] != hold;
                self.holds[def as usize] = hold;
            }
            for &(phi, _, arg) in &self.args {
                let hold = match (self.holds[phi as usize], self.holds[arg as usize]) {
                    (known, None) => known,
                    (None, known) => known,
                    (Some(a), Some(b)) => Some(a.meet(b)),
                };
                changed |= self.holds[phi as usize] != hold;
                self.holds[phi as usize] = hold;
            }
        }
        // NB: Something reaches every block, unless it took too long to find out what.
        let known = |hold: Option<Hold>| {
            debug_assert!(hold.is_some() || steps::is_spent());
            hold.unwrap_or(Hold::Unset)
        };
        // NB: Those of one φ stand together, in the order of the nodes that they come from.
        self.args.sort_unstable();
        self.args.dedup();
        Solved {
            holds: self.holds.into_iter().map(known).collect(),
            sources: self.sources,
            args: self.args,
        }
    }

    /// Each restore of what is known to stand for one or more values, with the definition whose
    /// contents it restores. The others store what they reloaded, whatever that is.
    fn copies(&mut self) -> Vec<(Def, Def, Value)> {
        if self.restores.is_empty() {
            return Vec::new();
        }
        let is_unknown = |hold: &Option<Hold>| matches!(hold, Some(Hold::Unset | Hold::Partial));
        let mut is_opaque: Vec<bool> = self.holds.iter().map(is_unknown).collect();
        let mut changed = true;
        while changed && !steps::is_spent() {
            steps::count(Analysis::Slots, self.args.len());
            changed = false;
            for &(phi, _, arg) in &self.args {
                changed |= is_opaque[arg as usize]
                    && !core::mem::replace(&mut is_opaque[phi as usize], true);
            }
        }
        let mut copies = Vec::new();
        for (def, data) in core::mem::take(&mut self.restores) {
            let at = self
                .reloaded
                .binary_search_by_key(&data, |&(value, _)| value);
            match at.ok().and_then(|at| self.reloaded[at].1) {
                Some(of) if !is_opaque[of as usize] => copies.push((def, of, data)),
                _ => {
                    self.holds[def as usize] = Some(Hold::Is { origin: data, data });
                }
            }
        }
        copies
    }
}

impl Walk<'_> {
    fn set(&mut self, loc: Loc, def: Def) {
        let before = core::mem::replace(&mut self.current[loc as usize], def);
        self.undo.push((loc, before));
    }

    fn undo(&mut self, len: usize) {
        while self.undo.len() > len {
            if let Some((loc, def)) = self.undo.pop() {
                self.current[loc as usize] = def;
            }
        }
    }

    /// Has `node` any φ?
    fn has_phis(&self, node: Node) -> bool {
        self.first_phi[node as usize] != self.first_phi[node as usize + 1]
    }

    fn enter(&mut self, node: Node) {
        if !self.has_phis(node) {
            return;
        }
        let phis = self.phis;
        for (loc, phi) in location_sets::each(phis.of(node)).zip(self.first_phi[node as usize]..) {
            self.set(loc, phi);
        }
    }

    /// Note what reaches the φs of the successors of `node`.
    fn leave(&self, node: Node, args: &mut Vec<(Def, Node, Def)>) {
        // NB: Most blocks have none.
        for edge in self.cfg.succs(node).filter(|edge| self.has_phis(edge.to)) {
            let phis =
                location_sets::each(self.phis.of(edge.to)).zip(self.first_phi[edge.to as usize]..);
            args.extend(phis.map(|(loc, phi)| (phi, node, self.current[loc as usize])));
        }
    }
}

/// The locations at which different definitions meet, by block, where they can be seen.
fn place_phis(cfg: &Cfg, events: &Events, slots: &Slots) -> Sets {
    let len = slots.locations.len();
    let mut phis = Sets::new(cfg.len(), len);
    // What is written in each block, or met there.
    let mut written = Sets::new(cfg.len(), len);
    for node in cfg.nodes() {
        for &(_, event) in events.of(node) {
            if let Some(loc) = event.written() {
                location_sets::insert(written.of_mut(node), loc);
            }
        }
    }
    let live = live(cfg, events, slots, &written);
    // NB: A block at the end of loops in loops is dominated by all of their heads, and each of these is a join.
    let limit = VISITS * cfg.len() * phis.lines();
    let mut taken = 0;
    // For each node, the last join from which it was reached.
    let mut seen = vec![0; cfg.len()];
    let mut changed = true;
    while changed && !steps::is_spent() {
        changed = false;
        let mut goes_back = false;
        seen.fill(0);
        let mut visits = cfg.len();
        // NB: The entry has no predecessor that matters: nothing was stored before.
        for join in 1..cfg.len() as Node {
            if !cfg.is_join(join) {
                continue;
            }
            let idom = cfg.idom(join).expect("only the entry has none");
            let before = phis.count_of(join);
            for edge in cfg.preds(join) {
                goes_back |= edge.from >= join;
                let mut runner = edge.from;
                while runner != idom && core::mem::replace(&mut seen[runner as usize], join) != join
                {
                    visits += phis.lines();
                    phis.add_from(join, &written, runner);
                    runner = cfg.idom(runner).expect("the dominator is above");
                }
            }
            if taken + visits > limit {
                steps::count(Analysis::Slots, taken + visits);
                return phis_by_location(cfg, events, len, &live);
            }
            phis.retain(join, &live);
            if phis.count_of(join) != before {
                changed = true;
                written.add_from(join, &phis, join);
            }
        }
        changed &= goes_back;
        steps::count(Analysis::Slots, visits);
        taken += visits;
    }
    phis
}

/// So many words may be looked at for each word of a set before joins are found in another way.
const VISITS: usize = 16;

/// The same as [`place_phis`], for one location after another: each takes linear time.
#[cold]
fn phis_by_location(cfg: &Cfg, events: &Events, locations: usize, live: &Sets) -> Sets {
    let mut phis = Sets::new(cfg.len(), locations);
    let mut written = vec![Vec::new(); locations];
    for node in cfg.nodes() {
        for &(_, event) in events.of(node) {
            if let Some(loc) = event.written() {
                let nodes: &mut Vec<Node> = &mut written[loc as usize];
                if nodes.last() != Some(&node) {
                    nodes.push(node);
                }
            }
        }
    }
    for (loc, nodes) in (0..).zip(&mut written) {
        if steps::is_spent() {
            break;
        }
        steps::count(Analysis::Slots, cfg.len());
        // What it holds at the entry is a definition, too.
        nodes.push(0);
        let joins = cfg.iterated_frontier(nodes);
        for node in (1..cfg.len() as Node).filter(|&node| joins[node as usize]) {
            if location_sets::contains(live.of(node), loc) {
                location_sets::insert(phis.of_mut(node), loc);
            }
        }
    }
    phis
}

/// The locations whose contents can be seen after the start of each block, before they are written.
fn live(cfg: &Cfg, events: &Events, slots: &Slots, written: &Sets) -> Sets {
    let len = slots.locations.len();
    let mut live = Sets::new(cfg.len(), len);
    let mut killed = vec![0; live.words()];
    steps::count(Analysis::Slots, cfg.len() * live.lines());
    for node in cfg.nodes() {
        killed.fill(0);
        let live = live.of_mut(node);
        for &(_, event) in events.of(node) {
            match event {
                // NB: What may stay there is seen.
                Event::Load { loc, .. } | Event::Perhaps { loc, .. } => {
                    if !location_sets::contains(&killed, loc) {
                        location_sets::insert(live, loc);
                    }
                }
                Event::Safepoint { index } => {
                    for &loc in slots.mapped.at(index) {
                        if !location_sets::contains(&killed, loc) {
                            location_sets::insert(live, loc);
                        }
                    }
                }
                event => {
                    if let Some(loc) = event.written() {
                        location_sets::insert(&mut killed, loc);
                    }
                }
            }
        }
    }
    // Sweeps in post-order; only loops need more than one.
    let mut pending = vec![true; cfg.len()];
    let mut again = true;
    while again && !steps::is_spent() {
        again = false;
        let mut visits = cfg.len();
        for node in cfg.nodes().rev() {
            if !core::mem::take(&mut pending[node as usize]) {
                continue;
            }
            let mut is_news = false;
            for edge in cfg.succs(node) {
                visits += live.lines();
                is_news |= live.flow(node, edge.to, written);
            }
            if is_news {
                for edge in cfg.preds(node) {
                    pending[edge.from as usize] = true;
                    again |= edge.from >= node;
                }
            }
        }
        steps::count(Analysis::Slots, visits);
    }
    live
}
