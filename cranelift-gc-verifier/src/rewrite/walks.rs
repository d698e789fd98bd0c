//! What one walk for a forwarded load found, for the next one.
//!
//! **Claim.** From a place that is known here, the walk backwards for the same question finds no conflict.
//!
//! **Strength.** Only questions of stack slots, which are nearly all. A reference that lives long is reloaded
//! again and again, and each time the path back to its spill is longer. Removing a load or store on the path
//! does not invalidate a cached walk, provided that the removal was judged right: a load that is forwarded
//! showed what the walk from there shows as well, and a store that is dead is written over before. All is
//! forgotten when something is wrong, when another instruction takes the place of one that accesses memory,
//! when the graph has new edges, and when values turn out to be others.
//!
//! **Math.** Let `P` be the places from which no path backwards has a conflict. A walk that comes to a place in
//! `P` stops there; after a walk without a conflict, what it visited is in `P`.
//!
//! **Cost.** A walk that is not over soon looks up the next access that matters ([`last_access`]), instead of
//! passing those to other places, which may be as many as there are references.

use crate::analysis::address::place::Place;
use crate::analysis::address::sum::{Base, Sums};
use crate::ir::instruction::access;
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::FxHashMap;
use cranelift_codegen::entity::{EntitySet, SecondaryMap};
use cranelift_codegen::ir::{Block, Function, Inst, Opcode, StackSlot, Value};
use cranelift_codegen::packed_option::PackedOption;
use smallvec::SmallVec;

/// The question whether a slot holds a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) slot: StackSlot,
    pub(crate) offset: i64,
    pub(crate) size: u32,
    pub(crate) is_big: bool,
    pub(crate) value: Value,
}

/// From where the walk need not be made again.
#[derive(Default)]
pub(crate) struct Walked {
    /// From the ends of these blocks.
    pub(crate) ends: EntitySet<Block>,
    /// From behind this instruction.
    pub(crate) behind: PackedOption<Inst>,
}

/// What is known of all questions.
#[derive(Default)]
pub(crate) struct Walks {
    walked: FxHashMap<Key, Walked>,
    /// The accesses of slots, and all of them.
    accesses: [Accesses; 2],
}

impl Walks {
    /// Take out what is known of `key`.
    pub(crate) fn take(&mut self, key: &Key) -> Walked {
        let walked = self.walked.get_mut(key);
        walked.map(core::mem::take).unwrap_or_default()
    }

    /// Put back what is known of `key`.
    pub(crate) fn put(&mut self, key: Key, walked: Walked) {
        self.walked.insert(key, walked);
    }

    /// Forget everything.
    pub(crate) fn clear(&mut self) {
        self.walked.clear();
        for accesses in &mut self.accesses {
            accesses.clear();
        }
    }
}

/// The last instruction of `block`, up to `at`, that may say what the memory at `place` holds: an access to the
/// same base that overlaps, or what accesses memory that is not known.
///
/// NB: Instructions are put in the index when a walk comes to them, and not before: an address may be found to be
/// another one later, when a load in it is forwarded.
pub(super) fn last_access(
    func: &Function,
    (walks, sums): (&mut Walks, &mut Sums),
    block: Block,
    at: Inst,
    place: &Place,
) -> Option<Inst> {
    let is_of_slots = place.slot().is_some();
    let accesses = &mut walks.accesses[usize::from(!is_of_slots)];
    accesses.extend(func, sums, block, at, is_of_slots);
    accesses.last(func, block, at, place)
}

/// The accesses of the blocks that were walked, by where they go.
#[derive(Default)]
struct Accesses {
    blocks: FxHashMap<Block, OfBlock>,
    /// Of instructions of these blocks, their numbers in the order of the code, from 1 on.
    numbers: SecondaryMap<Inst, u32>,
}

/// Instructions with their numbers, in order.
type Numbered = Vec<(u32, Inst)>;

#[derive(Default)]
struct OfBlock {
    /// The last number.
    count: u32,
    /// What has a number, in order.
    numbered: Vec<Inst>,
    /// By base and [`granule`].
    by_place: FxHashMap<(Base, i64), Numbered>,
    /// What accesses memory that is not known.
    others: Numbered,
}

/// The number of eight bytes in a row, in one of which the byte at `offset` is.
fn granule(offset: i64) -> i64 {
    offset.div_euclid(8)
}

/// The granules of `place`.
fn granules(place: &Place) -> core::ops::RangeInclusive<i64> {
    let last = place
        .offset
        .saturating_add(i64::from(place.size.max(1)) - 1);
    granule(place.offset)..=granule(last)
}

impl Accesses {
    fn clear(&mut self) {
        if !self.blocks.is_empty() {
            self.blocks.clear();
            self.numbers.clear();
        }
    }

    /// Number the instructions of `block` up to `at`.
    fn extend(
        &mut self,
        func: &Function,
        sums: &mut Sums,
        block: Block,
        at: Inst,
        is_of_slots: bool,
    ) {
        let of_block = self.blocks.entry(block).or_default();
        // NB: What has no number stands behind all that has one, unless it took the place of something.
        while of_block
            .numbered
            .pop_if(|inst| func.layout.inst_block(*inst).is_none())
            .is_some()
        {}
        let last = of_block.numbered.last().copied();
        let mut new = SmallVec::<[Inst; 16]>::new();
        let mut next = Some(at);
        while let Some(inst) = next {
            match self.numbers[inst] {
                0 => new.push(inst),
                _ if new.is_empty() || last == next => break,
                _ => {
                    *of_block = OfBlock::default();
                    new.push(inst);
                }
            }
            next = func.layout.prev_inst(inst);
        }
        steps::count(Analysis::Forwarding, new.len());
        for &inst in new.iter().rev() {
            of_block.count += 1;
            of_block.numbered.push(inst);
            self.numbers[inst] = of_block.count;
            of_block.add(func, sums, inst, is_of_slots);
        }
    }

    fn last(&mut self, func: &Function, block: Block, at: Inst, place: &Place) -> Option<Inst> {
        let number = self.numbers[at];
        let of_block = self.blocks.get_mut(&block)?;
        let mut found = last_up_to(func, &mut of_block.others, number);
        for granule in granules(place) {
            if let Some(accesses) = of_block.by_place.get_mut(&(place.base, granule)) {
                found = found.max(last_up_to(func, accesses, number));
            }
        }
        found.map(|(_, inst)| inst)
    }
}

impl OfBlock {
    fn add(&mut self, func: &Function, sums: &mut Sums, inst: Inst, is_of_slots: bool) {
        let opcode = func.dfg.insts[inst].opcode();
        let at = (self.count, inst);
        if opcode.is_call() {
            return self.others.push(at);
        }
        let Some(access) = access(func, inst) else {
            if opcode.can_store() || opcode == Opcode::Fence {
                self.others.push(at);
            }
            return;
        };
        // NB: To rule a slot out takes less than to find out what an address is.
        if is_of_slots && !sums.may_be_of_slot(func, access.addr) {
            return;
        }
        let place = Place::of(func, sums, &access);
        for granule in granules(&place) {
            self.by_place
                .entry((place.base, granule))
                .or_default()
                .push(at);
        }
    }
}

/// The last one that has no larger number and is still there.
fn last_up_to(func: &Function, numbered: &mut Numbered, number: u32) -> Option<(u32, Inst)> {
    let is_there = |&(_, inst): &(u32, Inst)| func.layout.inst_block(inst).is_some();
    // NB: What was removed does not come back, and what is asked about is mostly at the end.
    while numbered.last().is_some_and(|last| !is_there(last)) {
        numbered.pop();
    }
    let end = numbered.partition_point(|&(other, _)| other <= number);
    numbered[..end].iter().copied().rev().find(is_there)
}

#[cfg(test)]
mod tests {
    use crate::testing::{Rng, parse};
    use crate::{Options, Rewrites};
    use cranelift_codegen::gc_verifier::Rewrite;
    use cranelift_codegen::ir::{Endianness, Function, InstructionData, Value};
    use std::fmt::Write;

    /// A random function that stores to one slot and loads from it.
    fn random_function(rng: &mut Rng) -> String {
        let blocks = 2 + rng.below(6);
        let mut text = String::from(
            "function %f(i32, i32) {
                ss0 = explicit_slot 4
                fn0 = %collect()
            block0(v0: i32, v1: i32):
                v2 = stack_addr.i64 ss0
                store notrap v0, v2
                jump block1\n",
        );
        let mut value = 10;
        for block in 1..blocks {
            writeln!(text, "block{block}:").expect("a string takes everything");
            for _ in 0..rng.below(4) {
                value += 1;
                match rng.below(8) {
                    0 => text += "  store notrap v1, v2\n",
                    1 | 2 => text += "  store notrap v0, v2\n",
                    3 => text += "  call fn0(), stack_map=[i32 @ ss0+0]\n",
                    _ => writeln!(text, "  v{value} = load.i32 notrap v2")
                        .expect("a string takes everything"),
                }
            }
            let target = |rng: &mut Rng| 1 + rng.below(blocks - 1);
            let (a, b) = (target(rng), target(rng));
            match rng.below(4) {
                0 => text += "  return\n",
                1 => writeln!(text, "  jump block{a}").expect("a string takes everything"),
                _ => writeln!(text, "  brif v1, block{a}, block{b}")
                    .expect("a string takes everything"),
            }
        }
        text + "}\n"
    }

    fn judge(func: &Function) -> Rewrites {
        Rewrites::of(func, Options::default(), Endianness::Little)
    }

    #[test]
    fn who_walked_before_makes_no_difference() {
        let mut rng = Rng::new(1);
        let (mut accepted, mut refused) = (0, 0);
        for _ in 0..400 {
            let text = random_function(&mut rng);
            let func = parse(&text);
            let mut judge_of_all = judge(&func);
            for block in func.layout.blocks() {
                for load in func.layout.block_insts(block) {
                    if !matches!(func.dfg.insts[load], InstructionData::Load { .. }) {
                        continue;
                    }
                    let value = Value::from_u32(u32::from(rng.below(8) == 0));
                    let rewrite = Rewrite::ForwardLoad { load, value };
                    let expected = judge(&func).judge(&func, rewrite).is_some();
                    let found = judge_of_all.judge(&func, rewrite).is_some();
                    assert_eq!(found, expected, "{load} in\n{text}");
                    *if found { &mut refused } else { &mut accepted } += 1;
                }
            }
        }
        assert!(accepted > 300 && refused > 300, "{accepted}, {refused}");
    }
}
