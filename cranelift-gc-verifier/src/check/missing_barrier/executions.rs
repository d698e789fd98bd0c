//! Executions after which the counts of objects are not the numbers of places that hold references to them.
//!
//! **Claim.** For each fault that is returned there is an execution that returns. In it, an object was counted
//! more often, or less often, than references to it were stored, less those that were overwritten; or a
//! reference is returned that was loaded from where references are counted and that is on no list.
//!
//! **Strength.** That of [`world`](crate::evidence::world), for a bounded number of executions. An object is
//! not judged if a reference to it is stored where nobody says that references are held, such as on the list of
//! what the stack holds; or if a callee gets the last one. An object whose header changes otherwise than in its
//! count is taken to be put on the list, which may count it once more.
//!
//! **Math.** For an object `o`, let `c` be its count before and `c'` its count at the return, and `n` the
//! number of stores of it less that of stores over it. Then `c' - c = n`.

use crate::analysis::facts::Facts;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::field::held;
use crate::analysis::kind::header::Headers;
use crate::evidence::world::{Place, Plan, Seen, Stage, Tag, Watch, Word, World, run};
use crate::finding::object::{Barrier, MissingBarrier};
use crate::ir::cfg::Node;
use crate::ir::gc_info::accessed_kind;
use crate::ir::instruction::access;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{GcFact, Inst, Value, ValueDef};
use std::collections::{BTreeMap, BTreeSet};

/// How many executions are tried.
const MAX_PLANS: u64 = 400;
/// How many instructions are executed where something seems wrong, and where nothing does.
const FUEL: u32 = 60_000;
const LITTLE_FUEL: u32 = 8_000;
/// How many executions have to agree that a store is in a barrier.
const ENOUGH: u32 = 3;
/// What counts are at first.
const COUNTS: [u64; 6] = [2, 3, 7, 100, 1, 4];

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) faults: Vec<(MissingBarrier, Vec<Node>)>,
    /// How often an instruction was right in this respect.
    right: BTreeMap<(Inst, u8), u32>,
}

impl Found {
    /// Was `missing` looked for, and not found?
    pub(super) fn denies(&self, missing: &MissingBarrier) -> bool {
        let is_seen = self
            .faults
            .iter()
            .any(|(fault, _)| fault.inst == missing.inst);
        let right = self.right.get(&(missing.inst, aspect(missing.barrier)));
        !is_seen && right.is_some_and(|&right| right >= ENOUGH)
    }
}

/// What of an instruction a barrier is about.
fn aspect(barrier: Barrier) -> u8 {
    match barrier {
        Barrier::NewNotCounted => 0,
        Barrier::OldNotReleased => 1,
        Barrier::NotListed => 2,
        Barrier::Miscounted | Barrier::WrittenByCallee => 3,
    }
}

/// Find stores and loads of references that are not in a barrier.
pub(super) fn find(facts: &Facts, headers: &Headers, count: u32, is_suspicious: bool) -> Found {
    let stage = Stage::new(facts, headers);
    let mut fuel = if is_suspicious { FUEL } else { LITTLE_FUEL };
    let mut found = Found::default();
    let mut places = FxHashMap::default();
    for seed in 0..MAX_PLANS {
        let plan = Plan {
            seed,
            ..Plan::default()
        };
        let mut ledger = Ledger {
            facts,
            found: &mut found,
            places: &mut places,
            count: count.into(),
            seed,
            counts: BTreeMap::new(),
            net: BTreeMap::new(),
            stored: Vec::new(),
            unjudged: BTreeSet::new(),
            listed: BTreeSet::new(),
            looked_at: BTreeSet::new(),
            loaded: BTreeMap::new(),
            changed: BTreeMap::new(),
            passed: BTreeSet::new(),
            objects: 0,
        };
        run(&stage, &plan, &mut fuel, &mut ledger);
        if fuel == 0 {
            break;
        }
    }
    found
}

/// A store of a reference.
#[derive(Clone, Copy)]
struct Stored {
    inst: Inst,
    new: Option<u32>,
    old: Option<u32>,
}

/// What an execution does to the counts of objects.
struct Ledger<'a, 'b> {
    facts: &'a Facts<'a>,
    found: &'b mut Found,
    /// What the memory holds that an instruction accesses, and whether it may hold nothing yet.
    places: &'b mut FxHashMap<Inst, Option<(GcFact, bool)>>,
    count: i64,
    seed: u64,
    /// The counts before, of those that were looked at.
    counts: BTreeMap<u32, u64>,
    net: BTreeMap<u32, i64>,
    stored: Vec<Stored>,
    unjudged: BTreeSet<u32>,
    /// The objects whose headers were changed.
    listed: BTreeSet<u32>,
    /// The objects of which it was asked whether they are on the list.
    looked_at: BTreeSet<u32>,
    /// The objects that came from memory, and the load.
    loaded: BTreeMap<u32, Inst>,
    /// The objects whose counts were stored, and the last store.
    changed: BTreeMap<u32, Inst>,
    /// The objects that others were given.
    passed: BTreeSet<u32>,
    /// How many objects there were before an access.
    objects: usize,
}

impl Watch for Ledger<'_, '_> {
    fn access(&mut self, world: &mut World, stage: &Stage, seen: &Seen) -> bool {
        self.objects = world.objects.len();
        if let Place::Object(number, offset) = seen.place
            && self.header(world, seen, number, offset)
        {
            return false;
        }
        let (Some(data), false) = (seen.data, matches!(seen.place, Place::Slot(..))) else {
            return false;
        };
        let size = seen.access.size;
        let before = world.held(seen.place, size);
        let Some((fact, may_be_nothing)) = self.place(seen) else {
            // Nobody says that this place holds a reference.
            for word in [Some(data), before].into_iter().flatten() {
                self.unjudged.extend(object_in(word));
            }
            return false;
        };
        let old = match before {
            Some(word) if word.tag == Tag::Vague => return true,
            Some(word) => word.object(),
            None => match seen.place {
                Place::Object(number, _) if world.objects[number as usize].is_new => None,
                _ if may_be_nothing => None,
                _ => match fact {
                    GcFact::Ref {
                        kind, nullability, ..
                    } => {
                        let word = world.reference(stage, kind, nullability);
                        world.set(seen.place, size, word);
                        word.object()
                    }
                    GcFact::Derived { .. } | GcFact::HeapBase | GcFact::Scalar => None,
                },
            },
        };
        let new = data.object();
        if let Some(new) = new {
            *self.net.entry(new).or_default() += 1;
        }
        if let Some(old) = old {
            *self.net.entry(old).or_default() -= 1;
        }
        self.stored.push(Stored {
            inst: seen.inst,
            new,
            old,
        });
        false
    }

    fn loaded(&mut self, _: &World, _: &Stage, seen: &Seen, word: Word) {
        let Some(number) = word.object() else { return };
        let is_first = number as usize >= self.objects;
        if is_first && self.place(seen).is_some() {
            self.loaded.insert(number, seen.inst);
        }
    }

    fn called(&mut self, world: &World, _: Inst, args: &[Word]) {
        for number in args.iter().filter_map(|word| object_in(*word)) {
            self.passed.insert(number);
            // NB: Who gets the last one may free the object.
            let now = self.now(world, number);
            if now.is_some_and(|now| now <= 1) || self.counts.get(&number) == Some(&1) {
                self.unjudged.insert(number);
            }
        }
    }

    fn returned(&mut self, world: &World, _: Inst, args: &[Word]) {
        let stored = core::mem::take(&mut self.stored);
        let numbers: BTreeSet<u32> = stored
            .iter()
            .flat_map(|stored| [stored.new, stored.old])
            .flatten()
            .filter(|number| !self.unjudged.contains(number))
            .collect();
        for number in numbers {
            let Some(change) = self.change(world, number) else {
                continue;
            };
            let net = self.net.get(&number).copied().unwrap_or(0);
            let is_right = change == net || self.listed.contains(&number) && change == net + 1;
            if is_right {
                self.praise(&stored, number);
            } else {
                self.blame(world, &stored, number, change < net);
            }
        }
        self.passed
            .extend(args.iter().filter_map(|word| object_in(*word)));
        self.leaked(world);
        for (&number, &inst) in &self.loaded.clone() {
            let goes_on = self.passed.contains(&number)
                || stored.iter().any(|stored| stored.new == Some(number));
            if !goes_on {
                self.agree(inst, Barrier::NotListed);
            }
        }
        for number in args.iter().filter_map(|word| word.object()) {
            let Some(&inst) = self.loaded.get(&number) else {
                continue;
            };
            let is_kept = self.listed.contains(&number)
                || self.looked_at.contains(&number)
                || self.unjudged.contains(&number)
                || self
                    .change(world, number)
                    .is_none_or(|change| change > self.net.get(&number).copied().unwrap_or(0));
            match is_kept {
                true => self.agree(inst, Barrier::NotListed),
                false => self.fault(world, inst, Barrier::NotListed),
            }
        }
    }
}

/// The object that a word refers to, or points into.
fn object_in(word: Word) -> Option<u32> {
    match word.tag {
        Tag::Reference(number) | Tag::Address(number) => Some(number),
        Tag::Plain | Tag::Base | Tag::Slot(_) | Tag::Type | Tag::Vague => None,
    }
}

impl Ledger<'_, '_> {
    /// The count of an object, if it was looked at.
    fn now(&self, world: &World, number: u32) -> Option<u64> {
        let word = world.held(Place::Object(number, self.count), 8)?;
        (word.tag == Tag::Plain).then_some(word.bits as u64)
    }

    /// By how much the count of an object changed, if that is known.
    fn change(&self, world: &World, number: u32) -> Option<i64> {
        let Some(&before) = self.counts.get(&number) else {
            return Some(0);
        };
        let now = self.now(world, number)?;
        Some(now.wrapping_sub(before) as i64)
    }

    /// Objects that were counted, and that nobody holds for it.
    fn leaked(&mut self, world: &World) {
        for (number, inst) in core::mem::take(&mut self.changed) {
            let is_judged = self.net.contains_key(&number)
                || self.unjudged.contains(&number)
                || self.listed.contains(&number)
                || self.passed.contains(&number);
            if !is_judged && self.change(world, number).is_some_and(|change| change != 0) {
                self.fault(world, inst, Barrier::Miscounted);
            }
        }
    }

    /// Is this an access of the header of an object?
    fn header(&mut self, world: &mut World, seen: &Seen, number: u32, offset: i64) -> bool {
        let func = self.facts.func;
        let is_load = seen.data.is_none();
        let is_new = world.objects[number as usize].is_new;
        let (start, end) = (offset, offset.saturating_add(seen.access.size.into()));
        if start < self.count + 8 && end > self.count {
            // NB: What a new object is counted at first, its allocation says.
            if is_new && !is_load && !self.counts.contains_key(&number) {
                self.unjudged.insert(number);
            }
            if (start, seen.access.size) != (self.count, 8) {
                self.unjudged.insert(number);
                return true;
            }
            if !is_load {
                self.changed.insert(number, seen.inst);
            }
            if !self.counts.contains_key(&number) {
                let which = self.seed.wrapping_mul(7).wrapping_add(number.into());
                let before = COUNTS[(which % COUNTS.len() as u64) as usize];
                self.counts.insert(number, before);
                let word = Word {
                    bits: before.into(),
                    tag: Tag::Plain,
                };
                world.set(seen.place, 8, word);
            }
            return true;
        }
        let info = &func.dfg.gc_info;
        let is_kind = info
            .header
            .is_some_and(|header| i64::from(header.kind) == offset);
        // Nothing else is before the count, or is of it.
        let is_header =
            start >= 0 && start < self.count + 16 && accessed_kind(func, seen.inst).is_none();
        match is_load {
            true if is_kind => {
                self.looked_at.insert(number);
            }
            false if is_header && self.place(seen).is_none() => {
                self.listed.insert(number);
                // NB: What is stored there is the next one on the list, which is held by the list already.
                return true;
            }
            _ => {}
        }
        false
    }

    /// What the memory holds that is accessed, if that is references; and whether nothing may have been there.
    fn place(&mut self, seen: &Seen) -> Option<(GcFact, bool)> {
        let facts = self.facts;
        *self.places.entry(seen.inst).or_insert_with(|| {
            let access = &seen.access;
            let fact =
                held(facts.func, &facts.body, seen.inst, access).filter(|fact| fact.is_traced())?;
            // NB: A pointer that comes with a new object, or that a loop moves through one.
            let address = Address::of(facts.func, &facts.body, access.addr);
            let is_moved = |pointer: Value| {
                matches!(facts.func.dfg.value_def(pointer), ValueDef::Param(block, _)
                    if facts.func.layout.entry_block() != Some(block))
            };
            let may_be_nothing =
                address.reference.is_none() && address.pointer.is_none_or(is_moved);
            Some((fact, may_be_nothing))
        })
    }

    fn agree(&mut self, inst: Inst, barrier: Barrier) {
        *self.found.right.entry((inst, aspect(barrier))).or_default() += 1;
    }

    fn praise(&mut self, stored: &[Stored], number: u32) {
        for store in stored {
            if store.new == Some(number) {
                self.agree(store.inst, Barrier::NewNotCounted);
            }
            if store.old == Some(number) {
                self.agree(store.inst, Barrier::OldNotReleased);
            }
        }
    }

    fn blame(&mut self, world: &World, stored: &[Stored], number: u32, is_too_low: bool) {
        let last = |is_it: &dyn Fn(&Stored) -> bool| stored.iter().rev().find(|at| is_it(at));
        let new = last(&|at| at.new == Some(number)).map(|at| at.inst);
        let old = last(&|at| at.old == Some(number)).map(|at| at.inst);
        let (inst, barrier) = match (is_too_low, new, old) {
            (true, Some(inst), _) => (inst, Barrier::NewNotCounted),
            (false, _, Some(inst)) => (inst, Barrier::OldNotReleased),
            (true, None, Some(inst)) | (false, Some(inst), None) => (inst, Barrier::Miscounted),
            (_, None, None) => return,
        };
        self.fault(world, inst, barrier);
    }

    fn fault(&mut self, world: &World, inst: Inst, barrier: Barrier) {
        let facts = self.facts;
        let made = access(facts.func, inst);
        let is_count = facts.func.dfg.gc_info.place(inst).is_none()
            && accessed_kind(facts.func, inst).is_none();
        let value = made.and_then(|made| match is_count {
            true => Address::of(facts.func, &facts.body, made.addr)
                .reference
                .or(Some(made.addr)),
            false => made.data.or(made.result),
        });
        let missing = MissingBarrier {
            inst,
            value: value.map(|value| facts.body.resolve(facts.func, value)),
            barrier,
        };
        if self.found.faults.iter().any(|(fault, _)| *fault == missing) {
            return;
        }
        let node = facts.cfg.node_of_inst(facts.func, inst);
        let last = world
            .path
            .iter()
            .rposition(|&entered| Some(entered) == node);
        if let Some(last) = last {
            let path = world.path[..=last].to_vec();
            self.found.faults.push((missing, path));
        }
    }
}
