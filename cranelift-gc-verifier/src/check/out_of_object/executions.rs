//! Executions that access an object beyond its end.
//!
//! **Claim.** Each that is returned accesses a place where its object has no field and no element.
//!
//! **Strength.** That of [`world`], for so many executions. What is accessed of an object is judged if the
//! producer says for what type it takes the object, or of what type it is.
//!
//! An access at an address that is made of numbers alone is one of no object, wherever the heap is. It is judged if the
//! producer says that it accesses an object, or if it does so in another execution.
//!
//! **Math.** An access that stays inside an array tells of a length with which it would not, and the same execution is
//! tried with that length.

use super::suspect::{are_fields, is_at, is_field, parts_of_elements};
use crate::analysis::facts::Facts;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::header::Headers;
use crate::analysis::kind::is_in_heap;
use crate::evidence::world::{
    End, Place, Plan, Seen, Stage, Tag, Watch, World, is_null_page, is_true, run,
};
use crate::finding::object::{OutOfObject, Outside};
use crate::ir::arithmetic::is_integer_function;
use crate::ir::cfg::Node;
use crate::ir::gc_info::accessed_kind;
use crate::ir::instruction::access;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{GcHeapType, Inst, InstructionData, Opcode, Value, ValueDef, types};
use smallvec::SmallVec;

/// How many executions are tried.
const MAX_PLANS: u64 = 2400;
/// How many instructions are executed where an access is to be judged, and where none is.
const FUEL: u32 = 250_000;
const LITTLE_FUEL: u32 = 3_000;
/// How many instructions a function may have for which nothing is to be judged.
const MAX_INSTS: usize = 300;
/// How deep it is looked what an address is made of.
const MAX_DEPTH: u32 = 16;
/// How many other lengths are tried for an execution.
const MAX_OTHERS: usize = 3;

/// What was found, and the blocks on the way.
pub(super) struct Found {
    pub(super) outside: OutOfObject,
    pub(super) path: Vec<Node>,
}

/// Find accesses beyond the ends of objects: those that are `wanted`, or any.
pub(super) fn find(facts: &Facts, headers: &Headers, wanted: &[Inst]) -> Vec<Found> {
    if wanted.is_empty() && facts.func.dfg.num_insts() > MAX_INSTS {
        return Vec::new();
    }
    let stage = Stage::new(facts, headers);
    let mut fuel = if wanted.is_empty() { LITTLE_FUEL } else { FUEL };
    let mut found: Vec<Found> = Vec::new();
    let mut moves = FxHashMap::default();
    let mut targets: FxHashMap<Inst, Targets> = FxHashMap::default();
    for seed in 0..MAX_PLANS {
        let mut plans = vec![Plan {
            seed,
            ..Plan::default()
        }];
        let mut is_first = true;
        while let Some(plan) = plans.pop() {
            let mut watcher = Watcher {
                facts,
                moves: &mut moves,
                targets: &mut targets,
                others: SmallVec::new(),
                outside: None,
            };
            let (end, world) = run(&stage, &plan, &mut fuel, &mut watcher);
            if let (End::Stopped, Some(outside)) = (end, watcher.outside)
                && found.iter().all(|found| found.outside.inst != outside.inst)
                && let Some(path) = path_to(facts, &world, outside.inst)
            {
                found.push(Found { outside, path });
            }
            if core::mem::replace(&mut is_first, false) {
                plans.extend(watcher.others.into_iter().map(|length| Plan {
                    seed,
                    lengths: SmallVec::from_slice(&[length]),
                }));
            }
        }
        for (&inst, target) in targets.iter_mut().filter(|(_, target)| target.is_object) {
            if let Some((address, path)) = target.number.take()
                && found.iter().all(|found| found.outside.inst != inst)
            {
                let outside = no_object(facts, inst, address);
                found.extend(outside.map(|outside| Found { outside, path }));
            }
        }
        let is_done = !wanted.is_empty()
            && wanted
                .iter()
                .all(|&inst| found.iter().any(|found| found.outside.inst == inst));
        if is_done || fuel == 0 {
            break;
        }
    }
    found
}

/// What is at the address of an access, in some executions.
#[derive(Default)]
struct Targets {
    /// An object.
    is_object: bool,
    /// What is a number, and the blocks on the way.
    number: Option<(u64, Vec<Node>)>,
}

fn no_object(facts: &Facts, inst: Inst, address: u64) -> Option<OutOfObject> {
    let access = access(facts.func, inst)?;
    let of = Address::of(facts.func, &facts.body, access.addr);
    Some(OutOfObject {
        inst,
        value: of.reference.unwrap_or(access.addr),
        outside: Outside::NoObject { address },
    })
}

/// Is `value` made of numbers alone, the way it was computed? No address is as narrow as 32 bits, and what is loaded or passed may
/// point to something.
fn is_number(stage: &Stage, world: &World, value: Value, depth: u32) -> bool {
    let func = stage.func;
    let value = stage.body.resolve(func, value);
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    let ty = func.dfg.value_type(value);
    if ty.is_int() && ty.bits() <= types::I32.bits() {
        return true;
    }
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return false;
    };
    match func.dfg.insts[inst] {
        InstructionData::Ternary {
            opcode: Opcode::Select | Opcode::SelectSpectreGuard,
            args: [condition, yes, no],
        } => match is_true(world.value(stage, condition)) {
            Some(is) => is_number(stage, world, if is { yes } else { no }, depth),
            None => false,
        },
        ref data => {
            let args = func.dfg.inst_args(inst);
            is_integer_function(data.opcode())
                && args.iter().all(|&arg| is_number(stage, world, arg, depth))
        }
    }
}

fn path_to(facts: &Facts, world: &World, inst: Inst) -> Option<Vec<Node>> {
    let node = facts.cfg.node_of_inst(facts.func, inst)?;
    let last = world.path.iter().rposition(|&entered| entered == node)?;
    Some(world.path[..=last].to_vec())
}

struct Watcher<'a, 'b> {
    facts: &'a Facts<'a>,
    /// Of each access whether its offset varies.
    moves: &'b mut FxHashMap<Inst, bool>,
    targets: &'b mut FxHashMap<Inst, Targets>,
    /// Lengths of objects with which an access would be outside.
    others: SmallVec<[(u32, u32); 4]>,
    outside: Option<OutOfObject>,
}

impl Watch for Watcher<'_, '_> {
    fn access(&mut self, world: &mut World, stage: &Stage, seen: &Seen) -> bool {
        let (number, offset) = match seen.place {
            Place::Object(number, offset) => (number, offset),
            Place::Elsewhere(address) => {
                self.elsewhere(world, stage, seen, address as u64);
                return false;
            }
            Place::Slot(..) => return false,
        };
        let is_typed = world.objects[number as usize].is_typed();
        let is_object = is_typed || Self::says_object(stage, seen.inst);
        self.targets.entry(seen.inst).or_default().is_object |= is_object;
        self.outside = self.judge(world, stage, seen, (number, offset));
        self.outside.is_some()
    }
}

impl Watcher<'_, '_> {
    /// Does the producer say that an object is accessed?
    fn says_object(stage: &Stage, inst: Inst) -> bool {
        accessed_kind(stage.func, inst).is_some_and(|kind| is_in_heap(kind.heap))
    }

    fn elsewhere(&mut self, world: &World, stage: &Stage, seen: &Seen, address: u64) {
        if is_null_page(address) || !is_number(stage, world, seen.access.addr, MAX_DEPTH) {
            return;
        }
        let target = self.targets.entry(seen.inst).or_insert_with(|| Targets {
            is_object: Self::says_object(stage, seen.inst),
            number: None,
        });
        target
            .number
            .get_or_insert_with(|| (address, world.path.clone()));
    }

    fn judge(
        &mut self,
        world: &World,
        stage: &Stage,
        seen: &Seen,
        (number, offset): (u32, i64),
    ) -> Option<OutOfObject> {
        let Seen { inst, access, .. } = *seen;
        let facts = self.facts;
        let info = &facts.func.dfg.gc_info;
        let object = &world.objects[number as usize];
        let index = object.index?;
        let fields = info.fields(index)?;
        match accessed_kind(facts.func, inst) {
            // NB: Whether the object is what it is taken for is judged where that is relied upon.
            Some(kind) => {
                let taken = kind.concrete?;
                if taken != index && !info.is_subtype(index, taken) {
                    return None;
                }
            }
            None if !object.is_typed() => return None,
            None => {}
        }
        let moves = *self.moves.entry(inst).or_insert_with(|| {
            Address::of(facts.func, &facts.body, access.addr)
                .offset
                .is_none()
        });
        let size = access.size;
        let end = offset.saturating_add(size.into());
        let header_end = fields.iter().map(|field| field.offset).min()?;
        if !moves && offset >= 0 && end <= header_end.into() {
            return None;
        }
        let error = |outside| {
            let address = Address::of(facts.func, &facts.body, access.addr);
            Some(OutOfObject {
                inst,
                value: address.reference.unwrap_or(access.addr),
                outside,
            })
        };
        if object.kind_of(stage) != GcHeapType::Array {
            // NB: Stores of zeros may be merged.
            let is_zero =
                matches!(seen.data, Some(word) if (word.tag, word.bits) == (Tag::Plain, 0));
            let is_inside = is_field(info, index, offset, size)
                || is_zero && are_fields(info, index, offset, size);
            return match is_inside {
                true => None,
                false => error(Outside::NoField {
                    index,
                    offset,
                    size,
                }),
            };
        }
        let [length, element] = fields else {
            return None;
        };
        if !moves && is_at(length, offset, size) {
            return None;
        }
        // NB: The length of a new array may not be there yet.
        let known = world.length(stage, number)?;
        let (start, each) = (i64::from(element.offset), i64::from(element.size.max(1)));
        let is_in = offset >= start && end <= start + i64::from(known) * each;
        if is_in && parts_of_elements(element, offset, size) {
            return error(Outside::PartsOfElements {
                index,
                offset,
                size,
            });
        }
        if is_in {
            let shorter = u32::try_from((end - start - 1) / each).ok();
            let other = shorter.map(|length| (number, length));
            if let Some(other) = other.filter(|other| {
                !object.is_new && other.1 != known && self.others.len() < MAX_OTHERS
            }) {
                self.others.push(other);
            }
            return None;
        }
        error(Outside::NoElement {
            index,
            length: known,
            offset,
            size,
        })
    }
}
