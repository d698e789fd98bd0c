//! From CLIF safepoints to calls in VCode.
//!
//! **Claim.** Each safepoint in code that can be reached became a call, and its stack map is
//! attached to exactly one such call: nothing is lost, doubled, or added, and nothing is attached
//! to what is no safepoint. The stack slots that the maps name are disjoint and aligned.
//!
//! **Strength.** Exact. The maps are read from the CLIF once more; which call comes from which
//! instruction was noted where calls are made, and not where maps are forwarded.
//!
//! **Math.** Let `map(i)` be the entries of CLIF safepoint `i`, and `calls(i)` the calls that were
//! made while `i` was lowered. With `at(s)` the place of slot `s`,
//! `{map(c) | c ∈ calls(i), map(c) ≠ ∅} = {{(ty, at(slot) + offset) | (ty, slot, offset) ∈ map(i)}}`
//! where `map(i)` is not empty, and `∅` where it is.
//!
//! Where several calls were made of one safepoint, the last of them is the call itself. A map on
//! another one is `Inconclusive`.

use crate::finding::map_fault::MapFault;
use crate::finding::options::Options;
use crate::finding::report::{Inconclusive, Report};
use crate::machine::stack_map::{Entries, Faults, difference, entries, normal, place};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::gc_verifier::{Lowered, LoweredCall, MapEntry};
use cranelift_codegen::ir::{Block, Function, Inst, StackSlot};
use smallvec::SmallVec;

/// The blocks that lowering can reach: it excludes no edge.
pub(crate) fn reachable(func: &Function) -> SecondaryMap<Block, bool> {
    let mut reached = SecondaryMap::new();
    let mut todo: Vec<Block> = func.layout.entry_block().into_iter().collect();
    while let Some(block) = todo.pop() {
        if core::mem::replace(&mut reached[block], true) {
            continue;
        }
        let Some(terminator) = func.layout.last_inst(block) else {
            continue;
        };
        let tables = (&func.dfg.jump_tables, &func.dfg.exception_tables);
        let calls = func.dfg.insts[terminator].branch_destination(tables.0, tables.1);
        todo.extend(calls.iter().map(|call| call.block(&func.dfg.value_lists)));
    }
    reached
}

/// The safepoints with a stack map that can be reached, in ascending order.
fn mapped(func: &Function) -> Vec<Inst> {
    let insts = func.dfg.insts_with_user_stack_maps();
    let safepoints = insts.filter(|&inst| func.dfg.insts[inst].opcode().is_safepoint());
    let mut mapped: Vec<Inst> = safepoints
        .filter(|&inst| !entries(func, inst).is_empty())
        .collect();
    if !mapped.is_empty() {
        let reached = reachable(func);
        mapped.retain(|&inst| func.layout.inst_block(inst).is_some_and(|at| reached[at]));
    }
    mapped
}

/// The calls of each CLIF instruction.
struct Calls<'a> {
    lowered: &'a Lowered,
    /// Instructions and calls, as indices, sorted: the calls of one instruction stay in the order in
    /// which they were made.
    by_inst: Vec<(Inst, usize)>,
}

impl<'a> Calls<'a> {
    fn new(lowered: &'a Lowered) -> Self {
        let calls = lowered.calls.iter().enumerate();
        let mut by_inst: Vec<(Inst, usize)> = calls
            .filter_map(|(index, call)| Some((call.inst?, index)))
            .collect();
        by_inst.sort_unstable();
        Calls { lowered, by_inst }
    }

    fn of(&self, inst: Inst) -> SmallVec<[&'a LoweredCall; 1]> {
        let start = self.by_inst.partition_point(|(other, _)| *other < inst);
        let these = self.by_inst[start..]
            .iter()
            .take_while(|(other, _)| *other == inst);
        these
            .map(|(_, index)| &self.lowered.calls[*index])
            .collect()
    }
}

fn has_map(call: &LoweredCall) -> bool {
    call.map.as_ref().is_some_and(|map| !map.is_empty())
}

/// Compare what lowering made of the safepoints of `func` with them.
pub(crate) fn compare(func: &Function, options: &Options, lowered: &Lowered) -> Report {
    let mapped = mapped(func);
    let mut report = Report::default();
    if mapped.is_empty() && !lowered.calls.iter().any(has_map) {
        return report;
    }
    let mut faults = Faults::new(func);
    let calls = Calls::new(lowered);
    let slots = SlotFaults::new(func, lowered);
    for &inst in &mapped {
        let entries = entries(func, inst);
        let placed: Option<Entries> = entries.iter().map(|e| place(lowered, e)).collect();
        let Some(placed) = placed else {
            let what = format!("a slot in the stack map of {inst} has no place in the frame");
            report.inconclusive.push(Inconclusive::Malformed { what });
            continue;
        };
        match link(&normal(placed), &calls.of(inst)) {
            Link::Same => {}
            Link::Ambiguous => report
                .inconclusive
                .push(Inconclusive::AmbiguousCall { inst }),
            Link::Broken(fault) => faults.push(inst, fault),
        }
        if let Some(fault) = entries.iter().find_map(|entry| slots.of(entry.slot)) {
            faults.push(inst, fault);
        }
    }
    let mut foreign = Vec::new();
    for call in lowered.calls.iter().filter(|call| has_map(call)) {
        match call.inst {
            // NB: They are in ascending order.
            Some(inst) if mapped.binary_search(&inst).is_ok() => {}
            Some(inst) => foreign.push(inst),
            None => {
                if let Some(inst) = faults.nobody() {
                    faults.push(inst, MapFault::StrayMap);
                }
            }
        }
    }
    foreign.dedup();
    for inst in foreign {
        faults.push(inst, MapFault::ForeignMap);
    }
    faults.into_report(options, report)
}

/// How a safepoint and its calls hang together.
enum Link {
    Same,
    Ambiguous,
    Broken(MapFault),
}

/// The calls are in the order in which they were made: the last to be executed comes first.
fn link(expected: &[MapEntry], calls: &[&LoweredCall]) -> Link {
    let mapped = calls.iter().filter(|call| has_map(call));
    let mapped: SmallVec<[&&LoweredCall; 2]> = mapped.collect();
    match &mapped[..] {
        [] if calls.is_empty() => Link::Broken(MapFault::NoCall),
        [] => Link::Broken(MapFault::NoMap {
            entries: expected.len() as u32,
        }),
        [call] => {
            let found = normal(call.map.iter().flatten().copied());
            match difference(expected, &found) {
                Some((expected, found)) => Link::Broken(MapFault::Lowered { expected, found }),
                None if !call.is_safepoint => Link::Broken(MapFault::NoSafepoint),
                None if !has_map(calls[0]) => Link::Ambiguous,
                None => Link::Same,
            }
        }
        mapped => Link::Broken(MapFault::ManyMaps {
            maps: mapped.len() as u32,
        }),
    }
}

/// What is wrong with the places of stack slots.
struct SlotFaults(SecondaryMap<StackSlot, Option<MapFault>>);

impl SlotFaults {
    fn new(func: &Function, lowered: &Lowered) -> Self {
        let mut faults = SecondaryMap::new();
        let mut slots = Vec::new();
        for (slot, data) in func.sized_stack_slots.iter() {
            let Some(&offset) = lowered.slots.get(slot) else {
                continue;
            };
            let align = 1u64.checked_shl(u32::from(data.align_shift)).unwrap_or(1);
            if !u64::from(offset).is_multiple_of(align) {
                faults[slot] = Some(MapFault::SlotMisaligned { slot, offset });
            }
            if data.size > 0 {
                slots.push((u64::from(offset), u64::from(data.size), slot));
            }
        }
        slots.sort_unstable();
        // The slot that reaches furthest, so far.
        let mut furthest: Option<(u64, StackSlot)> = None;
        for (offset, size, slot) in slots {
            if let Some((end, other)) = furthest.filter(|(end, _)| *end > offset) {
                faults[slot] = Some(MapFault::SlotsOverlap { slot, other });
                faults[other] = Some(MapFault::SlotsOverlap {
                    slot: other,
                    other: slot,
                });
                furthest = Some((
                    end.max(offset + size),
                    if end > offset + size { other } else { slot },
                ));
            } else {
                furthest = Some((offset + size, slot));
            }
        }
        SlotFaults(faults)
    }

    fn of(&self, slot: StackSlot) -> Option<MapFault> {
        self.0[slot]
    }
}
