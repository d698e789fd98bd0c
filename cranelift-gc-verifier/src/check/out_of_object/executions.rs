//! Executions that access an object beyond its end.
//!
//! **Claim.** Each that is returned accesses a place where its object has no field and no element.
//!
//! **Strength.** That of [`world`], for so many executions. What is accessed of an object is judged if the
//! producer says for what type it takes the object, or of what type it is.
//!
//! **Math.** An access that stays inside an array tells of a length with which it would not, and the same execution is
//! tried with that length.

use super::suspect::{is_at, is_field};
use crate::analysis::facts::Facts;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::header::Headers;
use crate::evidence::world::{End, Place, Plan, Seen, Stage, Watch, World, run};
use crate::finding::object::{OutOfObject, Outside};
use crate::ir::cfg::Node;
use crate::ir::gc_info::accessed_kind;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{GcHeapType, Inst};
use smallvec::SmallVec;

/// How many executions are tried.
const MAX_PLANS: u64 = 2400;
/// How many instructions are executed where an access is to be judged, and where none is.
const FUEL: u32 = 250_000;
const LITTLE_FUEL: u32 = 3_000;
/// How many instructions a function may have for which nothing is to be judged.
const MAX_INSTS: usize = 300;
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

fn path_to(facts: &Facts, world: &World, inst: Inst) -> Option<Vec<Node>> {
    let node = facts.cfg.node_of_inst(facts.func, inst)?;
    let last = world.path.iter().rposition(|&entered| entered == node)?;
    Some(world.path[..=last].to_vec())
}

struct Watcher<'a, 'b> {
    facts: &'a Facts<'a>,
    /// Of each access whether its offset varies.
    moves: &'b mut FxHashMap<Inst, bool>,
    /// Lengths of objects with which an access would be outside.
    others: SmallVec<[(u32, u32); 4]>,
    outside: Option<OutOfObject>,
}

impl Watch for Watcher<'_, '_> {
    fn access(&mut self, world: &mut World, stage: &Stage, seen: &Seen) -> bool {
        let Place::Object(number, offset) = seen.place else {
            return false;
        };
        self.outside = self.judge(world, stage, seen, (number, offset));
        self.outside.is_some()
    }
}

impl Watcher<'_, '_> {
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
            return match is_field(info, index, offset, size) {
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
