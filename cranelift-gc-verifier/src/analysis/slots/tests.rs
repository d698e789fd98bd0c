//! What slots hold, against a search that knows neither definitions nor bits.

use super::*;
use crate::ir::reader::read;
use crate::testing::{Rng, parse};
use cranelift_codegen::ir::{InstructionData, Opcode, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const SLOTS: u64 = 4;
const VALUES: u64 = 3;
/// The first of the values that are the slots' addresses.
const ADDRESSES: u64 = 5;

/// A random function: any shape of graph, stores, parts of stores, loads, loads that are stored again
/// and safepoints whose stack maps name some slots.
fn random_function(rng: &mut Rng) -> String {
    let mut text = String::from("function %f(i32, i32, i32, i32, i8) {\n");
    for slot in 0..SLOTS {
        writeln!(text, "ss{slot} = explicit_slot 4").expect("a string takes everything");
    }
    text += "fn0 = %g()\nblock0(v0: i32, v1: i32, v2: i32, v3: i32, v4: i8):\n";
    text += "  call fn0(), stack_map=[i32 @ ss0+0, i32 @ ss1+0, i32 @ ss2+0, i32 @ ss3+0]\n";
    for slot in 0..SLOTS {
        writeln!(text, "  v{} = stack_addr.i64 ss{slot}", ADDRESSES + slot)
            .expect("a string takes everything");
    }
    for slot in 0..SLOTS {
        let value = rng.below(1 + VALUES);
        if value == 0 {
            continue;
        }
        writeln!(text, "  store notrap v{value}, v{}", ADDRESSES + slot)
            .expect("a string takes everything");
    }
    text += "  jump block1\n";
    let blocks = 2 + rng.below(7);
    // NB: The first block dominates every other one, and with it what is loaded there.
    let mut shared: Vec<(u64, u64)> = Vec::new();
    let mut next = ADDRESSES + SLOTS;
    for block in 1..blocks {
        writeln!(text, "block{block}:").expect("a string takes everything");
        let mut loaded = shared.clone();
        for _ in 0..rng.below(6) {
            let slot = ADDRESSES + rng.below(SLOTS);
            let line = match rng.below(10) {
                0..3 => format!("store notrap v{}, v{slot}", 1 + rng.below(VALUES)),
                3 => format!("store notrap v4, v{slot}+{}", rng.below(4)),
                4 | 5 => {
                    loaded.push((next, slot));
                    next += 1;
                    format!("v{} = load.i32 notrap v{slot}", next - 1)
                }
                6 if !loaded.is_empty() => {
                    let (value, slot) = loaded[rng.below(loaded.len() as u64) as usize];
                    format!("store notrap v{value}, v{slot}")
                }
                _ => {
                    let named = (0..SLOTS).filter(|_| rng.below(2) == 0);
                    let named: Vec<_> = named.map(|slot| format!("i32 @ ss{slot}+0")).collect();
                    match named.is_empty() {
                        true => String::from("call fn0()"),
                        false => format!("call fn0(), stack_map=[{}]", named.join(", ")),
                    }
                }
            };
            writeln!(text, "  {line}").expect("a string takes everything");
        }
        if block == 1 {
            shared = loaded;
        }
        let target = |rng: &mut Rng| 1 + rng.below(blocks - 1);
        let (a, b) = (target(rng), target(rng));
        let line = match rng.below(5) {
            0 => String::from("return"),
            1 => format!("jump block{a}"),
            2 => format!("br_table v0, block{a}, [block{b}, block{a}]"),
            _ => format!("brif v0, block{a}, block{b}"),
        };
        writeln!(text, "  {line}").expect("a string takes everything");
    }
    text + "}\n"
}

/// Where what a slot holds comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Nothing,
    Bytes,
    Value { origin: Value, data: Value },
}

/// All that a slot may hold, each with whether it may be stale.
type Held = BTreeSet<(Source, bool)>;
type State = BTreeMap<StackSlot, Held>;

/// The slot whose address `addr` is.
fn slot_at(addr: Value) -> StackSlot {
    StackSlot::from_u32(addr.as_u32() - ADDRESSES as u32)
}

fn sources(held: &Held) -> BTreeSet<Source> {
    held.iter().map(|&(source, _)| source).collect()
}

fn hold(held: &Held) -> Hold {
    let all = sources(held);
    let values = all.iter().filter_map(|&source| match source {
        Source::Value { origin, data } => Some((origin, data)),
        Source::Nothing | Source::Bytes => None,
    });
    let values: Vec<_> = values.collect();
    let mut origins: Vec<Value> = values.iter().map(|&(origin, _)| origin).collect();
    origins.dedup();
    if all.contains(&Source::Nothing) {
        match all.len() {
            1 => Hold::Unset,
            _ => Hold::MaybeUnset,
        }
    } else if all.contains(&Source::Bytes) {
        Hold::Partial
    } else if let [origin] = origins[..] {
        let data = values[0].1;
        Hold::Is { origin, data }
    } else {
        Hold::Conflict(origins[0], origins[1])
    }
}

/// The search.
struct Search<'a> {
    func: &'a Function,
    collector: GcCollector,
    /// What each load sees.
    seen: BTreeMap<Value, Held>,
    /// Those that see something unknown: what they load is something of its own.
    unknown: BTreeMap<Value, Held>,
    /// What each instruction finds in the slots.
    found: BTreeMap<Inst, State>,
    /// The same of an earlier search.
    known: BTreeMap<Inst, State>,
}

impl<'a> Search<'a> {
    fn new(func: &'a Function, collector: GcCollector) -> Self {
        let mut search = Search {
            func,
            collector,
            seen: BTreeMap::new(),
            unknown: BTreeMap::new(),
            found: BTreeMap::new(),
            known: BTreeMap::new(),
        };
        // Which loads see something unknown does not depend on what is stored again.
        search.run();
        let is_unknown = |&(source, _): &(Source, bool)| !matches!(source, Source::Value { .. });
        search.unknown = search.seen.clone();
        search.unknown.retain(|_, held| held.iter().any(is_unknown));
        search.seen.clear();
        loop {
            let before = search.seen.clone();
            search.run();
            if search.seen == before {
                break;
            }
        }
        // What other roots keep depends on what they hold in the end.
        search.known = search.found.clone();
        search.run();
        search
    }

    fn run(&mut self) {
        let entry = self.func.layout.entry_block().expect("there is one");
        let all = (0..SLOTS as u32).map(StackSlot::from_u32);
        let start: State = all
            .map(|slot| (slot, BTreeSet::from([(Source::Nothing, false)])))
            .collect();
        let mut starts = BTreeMap::from([(entry, start)]);
        let mut pending = vec![entry];
        self.found.clear();
        while let Some(block) = pending.pop() {
            let mut state = starts[&block].clone();
            for inst in self.func.layout.block_insts(block) {
                self.found.insert(inst, state.clone());
                self.step(inst, &mut state);
            }
            for succ in self.func.block_successors(block) {
                let start = starts.entry(succ).or_default();
                let before = start.clone();
                for (&slot, held) in &state {
                    start.entry(slot).or_default().extend(held);
                }
                if *start != before || !self.found.contains_key(&self.first(succ)) {
                    pending.push(succ);
                }
            }
        }
        let loads = self.found.iter().filter_map(|(&inst, state)| {
            let InstructionData::Load { arg, .. } = self.func.dfg.insts[inst] else {
                return None;
            };
            Some((
                self.func.dfg.first_result(inst),
                state[&slot_at(arg)].clone(),
            ))
        });
        self.seen = loads.collect();
    }

    fn first(&self, block: cranelift_codegen::ir::Block) -> Inst {
        let first = self.func.layout.first_inst(block);
        first.expect("no block is empty")
    }

    fn step(&self, inst: Inst, state: &mut State) {
        match self.func.dfg.insts[inst] {
            InstructionData::Store {
                args: [arg, addr], ..
            } => {
                let stack_slot = slot_at(addr);
                let held = match self.func.dfg.value_type(arg).bytes() {
                    4 => self.stored(arg, stack_slot),
                    _ => BTreeSet::from([Source::Bytes]),
                };
                let held = held.into_iter().map(|source| (source, false)).collect();
                state.insert(stack_slot, held);
            }
            InstructionData::Call { .. } if self.collector != GcCollector::Null => {
                let entries = self.func.dfg.user_stack_map_entries(inst);
                let mapped: Vec<_> = entries.unwrap_or_default().iter().map(|e| e.slot).collect();
                let known = self.known.get(&inst);
                let origin = |slot: &StackSlot| match hold(&known?[slot]) {
                    Hold::Is { origin, .. } => Some(origin),
                    _ => None,
                };
                let rooted: Vec<_> = mapped.iter().filter_map(origin).collect();
                for (slot, held) in state {
                    let is_kept = self.collector == GcCollector::NonMoving
                        && origin(slot).is_some_and(|origin| rooted.contains(&origin));
                    let is_mapped = mapped.contains(slot);
                    *held = held
                        .iter()
                        .map(|&(source, stale)| (source, !is_mapped && (stale || !is_kept)))
                        .collect();
                }
            }
            _ => {}
        }
    }

    /// What is in `slot` once `value` was stored there.
    fn stored(&self, value: Value, slot: StackSlot) -> BTreeSet<Source> {
        let itself = Source::Value {
            origin: value,
            data: value,
        };
        let def = self.func.dfg.value_def(value).inst();
        let is_from_there = def.is_some_and(|inst| match self.func.dfg.insts[inst] {
            InstructionData::Load { arg, .. } => slot_at(arg) == slot,
            _ => false,
        });
        if !is_from_there || self.unknown.contains_key(&value) {
            return BTreeSet::from([itself]);
        }
        let again = |source| match source {
            Source::Value { origin, .. } => Source::Value {
                origin,
                data: value,
            },
            other => other,
        };
        let seen = self.seen.get(&value).map(sources).unwrap_or_default();
        seen.into_iter().map(again).collect()
    }
}

/// Compare both for many functions; returns how often what was compared was held, in conflict, unset on some
/// path and stale.
fn compare(collector: GcCollector) -> [u32; 4] {
    let mut rng = Rng::new(2);
    let mut counts = [0; 4];
    for _ in 0..3_000 {
        let func = parse(&random_function(&mut rng));
        let cfg = Cfg::new(&func);
        let body = read(&func, &cfg);
        let safepoints = Safepoints::new(&func, &cfg);
        let history = History::default();
        let slots = Slots::new(&func, &cfg, &body, &safepoints, collector, &history);
        let search = Search::new(&func, collector);
        let mut check = |inst: Inst, loc: Loc, found: Hold, is_stale: bool| {
            let slot = slots.locations[loc as usize].slot;
            let held = &search.found[&inst][&slot];
            assert_eq!(found, hold(held), "at {inst} in {slot} of {func}");
            match found {
                Hold::Is { .. } => counts[0] += 1,
                Hold::Conflict(..) => return counts[1] += 1,
                Hold::MaybeUnset => return counts[2] += 1,
                Hold::Unset | Hold::Partial => return,
            }
            let expected = held.iter().any(|&(_, stale)| stale);
            assert_eq!(is_stale, expected, "at {inst} in {slot} of {func}");
            counts[3] += u32::from(is_stale);
        };
        for reload in &slots.reloads {
            check(reload.inst, reload.loc, reload.hold, reload.is_stale);
        }
        for (index, safepoint) in safepoints.all.iter().enumerate() {
            for root in slots.roots_of(index) {
                check(safepoint.inst, root.loc, root.hold, root.is_stale);
            }
        }
        let calls = search.found.keys();
        let calls = calls.filter(|&&inst| func.dfg.insts[inst].opcode() == Opcode::Call);
        assert_eq!(calls.count(), safepoints.all.len());
    }
    counts
}

#[test]
fn slots_hold_what_a_search_finds() {
    let [held, conflicts, unset, stale] = compare(GcCollector::Moving);
    let found = [held, conflicts, unset, stale];
    assert!(
        held > 6_000 && conflicts > 400 && unset > 500 && stale > 1_000,
        "{found:?}"
    );
}

#[test]
fn other_roots_keep_references_where_nothing_moves() {
    let [.., moving] = compare(GcCollector::Moving);
    let [held, .., stale] = compare(GcCollector::NonMoving);
    assert!(held > 3_000 && stale > 500 && stale < moving);
}

#[test]
fn nothing_goes_stale_without_collections() {
    let [held, .., stale] = compare(GcCollector::Null);
    assert!(held > 3_000 && stale == 0);
}
