//! Whether a load may be replaced by a value, and a store removed (GCV08).
//!
//! **Claim.** What is refused is wrong on the path that is its witness: something on it
//! certainly changes, or certainly reads, the memory in question.
//!
//! **Strength.** Certain conflicts only. Addresses are what [`Place`] makes of them, so that
//! accesses through unrelated bases are no conflict; alias regions are not asked. A path is given up
//! where the address or the value is defined anew, and where a call may have written to a slot whose
//! address escaped. Where the steps of the pass are spent, the function is inconclusive.
//!
//! **Math.** For a load that is to be `v`, and a store that is to store `v` a second time: walk
//! backwards from it, each block once. A path is justified where a store or load shows that the
//! memory holds the bytes of `v`. It is a conflict if it first comes to
//!
//! * a store to some of the same bytes, of other bytes in some lane of the signatures;
//! * a safepoint whose stack map names the slot, under a collector that moves: the collector writes;
//! * a call, unless the memory is a slot or is never written;
//! * the definition of `v`, with no other write on the way, unless that is a load of this memory.

use super::choice;
use super::context::{Context, Met, Refusal, alone, is_mapped, is_plain_store};
use super::signature::{LANES, Lanes, Signatures, extended};
use super::walks::{Key, Walked, last_access};
use crate::analysis::address::place::{Leaves, Place, Relation, base_of};
use crate::analysis::address::sum::Base;
use crate::evidence::recheck::Flaw;
use crate::evidence::steps::{point_step, step};
use crate::finding::error::{GcError, MemoryRewrite, Unjustified};
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::Node;
use crate::ir::instruction::{Access, access};
use crate::ir::path::{Forbidden, Point, Search};
use crate::ir::safepoint::may_collect;
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::ir::{
    Endianness, Function, GcCollector, Inst, InstructionData, Opcode, Value, ValueDef,
};
use smallvec::SmallVec;

/// May the result of `load` be replaced by `value`?
pub(crate) fn forward_load(
    context: Context<'_>,
    signatures: &mut Signatures,
    load: Inst,
    value: Value,
) -> Option<Refusal> {
    let known = access(context.func, load)?;
    known.result?;
    let refused = |other, why| GcError::UnsoundForwarding {
        rewrite: MemoryRewrite::ForwardLoad,
        inst: load,
        value: Some(value),
        other,
        why,
    };
    // NB: Most loads extend nothing, and then nothing need be computed.
    if !known.plain {
        let lanes = signatures.of(context.func, value)?;
        let found = extended(context.func, load, lanes);
        if lanes.difference(&found).is_some() {
            let error = refused(load, Unjustified::Extension);
            return Some((error, alone(context.func, load)?));
        }
    }
    Forwarding::new(context, signatures, load, &known, value)?.judge(refused)
}

/// May the result of `load`, which is said to load what never changes, be replaced by `kept`, that of a load before it?
///
/// Not far from it, a store is looked for that shows that it changes.
pub(crate) fn merged_load(
    context: Context<'_>,
    signatures: &mut Signatures,
    load: Inst,
    kept: Value,
) -> Option<Refusal> {
    let refused = |other, why| GcError::UnsoundForwarding {
        rewrite: MemoryRewrite::ForwardLoad,
        inst: load,
        value: Some(kept),
        other,
        why,
    };
    let known = access(context.func, load)?;
    let mut forwarding = Forwarding::new(context, signatures, load, &known, kept)?;
    forwarding.left = Some(NEARBY);
    forwarding.judge(refused)
}

/// May `store` be removed because the memory holds already what it stores?
pub(crate) fn idempotent_store(
    context: Context<'_>,
    signatures: &mut Signatures,
    store: Inst,
) -> Option<Refusal> {
    let refused = |other, why| GcError::UnsoundForwarding {
        rewrite: MemoryRewrite::IdempotentStore,
        inst: store,
        value: None,
        other,
        why,
    };
    if !is_plain_store(context.func, store) {
        let error = refused(store, Unjustified::Atomic);
        return Some((error, alone(context.func, store)?));
    }
    let known = access(context.func, store)?;
    Forwarding::new(context, signatures, store, &known, known.data?)?.judge(refused)
}

/// The bytes of a value in memory.
struct Bytes {
    /// It has a signature.
    value: Value,
    size: u32,
    is_big: bool,
}

impl Bytes {
    fn new(
        context: Context<'_>,
        signatures: &mut Signatures,
        access: &Access,
        value: Value,
    ) -> Option<Self> {
        if !signatures.has(context.func, value) {
            return None;
        }
        let endianness = access.flags.explicit_endianness();
        Some(Bytes {
            value: signatures.root(context.func, value),
            size: access.size,
            is_big: endianness.unwrap_or(context.endianness) == Endianness::Big,
        })
    }

    /// The byte at `index` in memory, if the bits are those of `lane`.
    fn byte(&self, lanes: &Lanes, lane: usize, index: i64) -> u8 {
        let index = match self.is_big {
            true => i64::from(self.size) - 1 - index,
            false => index,
        };
        (lanes.bits[lane] >> (8 * index)) as u8
    }

    /// Is there a lane in which the bytes that `other`, `distance` bytes behind this, shares with
    /// this one differ?
    fn differs(
        &self,
        func: &Function,
        signatures: &mut Signatures,
        other: &Bytes,
        distance: i64,
    ) -> bool {
        let is_same =
            (self.value, self.size, self.is_big) == (other.value, other.size, other.is_big);
        if is_same && distance == 0 {
            return false;
        }
        let (Some(lanes), Some(others)) = (
            signatures.of(func, self.value),
            signatures.of(func, other.value),
        ) else {
            return false;
        };
        let start = distance.max(0);
        let end = (distance + i64::from(other.size)).min(self.size.into());
        let valid = lanes.valid & others.valid;
        let differs =
            |lane, i| self.byte(&lanes, lane, i) != other.byte(&others, lane, i - distance);
        (0..LANES)
            .filter(|lane| valid & (1 << lane) != 0)
            .any(|lane| (start..end).any(|i| differs(lane, i)))
    }
}

/// So many instructions are looked at where loads of what is said never to change are merged.
const NEARBY: u32 = 200;

/// So many instructions of a block are passed one by one.
const NEAR: u32 = 16;

/// Each block that was entered from behind, with the block after it on the way.
type Next = SmallVec<[(Node, Node); 8]>;

/// The question whether memory holds a value.
struct Forwarding<'a, 's> {
    context: Context<'a>,
    signatures: &'s mut Signatures,
    at: Inst,
    place: Place,
    value: Value,
    bytes: Bytes,
    leaves: Leaves,
    is_readonly: bool,
    /// Is the address the same wherever it is computed?
    is_fixed: bool,
    /// Was there a write that may have been to this memory?
    may_be_written: bool,
    /// See there.
    is_looked_up: Option<bool>,
    /// Where others walked that asked the same.
    walked: Walked,
    /// How many instructions are looked at, if there is a limit.
    left: Option<u32>,
}

impl<'a, 's> Forwarding<'a, 's> {
    fn new(
        context: Context<'a>,
        signatures: &'s mut Signatures,
        at: Inst,
        known: &Access,
        value: Value,
    ) -> Option<Self> {
        let func = context.func;
        let place = Place::of(func, &mut signatures.sums, known);
        let value = signatures.root(func, value);
        let mut leaves = Leaves::default();
        if !leaves.add(func, &signatures.sums, known.addr) {
            return None;
        }
        let is_fixed = leaves.is_empty();
        if !leaves.add(func, &signatures.sums, value) {
            return None;
        }
        Some(Forwarding {
            bytes: Bytes::new(context, signatures, known, value)?,
            context,
            signatures,
            at,
            place,
            value,
            leaves,
            is_readonly: known.flags.readonly(),
            is_fixed,
            may_be_written: false,
            is_looked_up: None,
            walked: Walked::default(),
            left: None,
        })
    }

    /// What is asked, if it is asked of a slot and the answer depends on nothing but the way.
    ///
    /// NB: Whether something was written on the way matters only where the value comes from another place.
    fn key(&mut self) -> Option<Key> {
        let slot = self.place.slot().filter(|_| self.is_fixed)?;
        let func = self.context.func;
        let def = func.dfg.value_def(self.value).inst();
        let other = def.and_then(|def| access(func, def));
        if other.is_some_and(|other| self.is_elsewhere_for_certain(&other)) {
            return None;
        }
        Some(Key {
            slot,
            offset: self.place.offset,
            size: self.place.size,
            is_big: self.bytes.is_big,
            value: self.value,
        })
    }

    fn judge(mut self, refused: impl Fn(Inst, Unjustified) -> GcError) -> Option<Refusal> {
        let func = self.context.func;
        let cfg = self.context.cfg;
        let start = cfg.node_of_inst(func, self.at)?;
        let mut next = Next::new();
        let mut pending = SmallVec::new();
        let before = func.layout.prev_inst(self.at);
        let mut at = (start, before);
        let key = self.key();
        if let Some(key) = &key {
            self.walked = self.signatures.walks.take(key);
        }
        loop {
            if let Some(conflict) = self.walk_block(at.0, at.1, &mut pending, &mut next) {
                let (other, why, role) = conflict?;
                let error = refused(other, why);
                let steps = self.steps(other, role, at.0, &next)?;
                return Some((error, steps.into()));
            }
            let Some(node) = pending.pop() else {
                break;
            };
            at = (node, func.layout.last_inst(cfg.block(node)));
        }
        if let Some(key) = key {
            self.walked.behind = before.into();
            self.signatures.walks.put(key, self.walked);
        }
        None
    }

    /// Walk a block backwards from `inst`. The outer option says whether the search is over.
    #[allow(clippy::type_complexity, reason = "it has one caller")]
    fn walk_block(
        &mut self,
        node: Node,
        mut inst: Option<Inst>,
        pending: &mut SmallVec<[Node; 8]>,
        next: &mut Next,
    ) -> Option<Option<(Inst, Unjustified, Role)>> {
        let Context { func, cfg, .. } = self.context;
        let mut passed = 0;
        while let Some(next) = inst {
            let mut at = next;
            passed += 1;
            if passed > NEAR && self.is_looked_up() {
                match self.next_of_interest(node, at) {
                    Some(next) => at = next,
                    None => break,
                }
            }
            if self.walked.behind == at.into() {
                return None;
            }
            steps::count(Analysis::Forwarding, 1);
            let left = self.left.map(|left| left.saturating_sub(1));
            self.left = left;
            if left == Some(0) || steps::is_spent() {
                return Some(None);
            }
            match self.meet(at) {
                Met::Go => inst = func.layout.prev_inst(at),
                Met::Stop => return None,
                Met::Conflict(other, why, role) => return Some(Some((other, why, role))),
            }
        }
        if self.leaves.blocks.contains(&cfg.block(node)) {
            return None;
        }
        for edge in cfg.preds(node) {
            // NB: What was not walked yet will be, unless there is a conflict.
            if self.walked.ends.insert(cfg.block(edge.from)) {
                next.push((edge.from, node));
                pending.push(edge.from);
            }
        }
        None
    }

    /// Need instructions that access other places not be met? They matter only where the value comes from
    /// another place than this: it is no wrong value then if something may have been written.
    fn is_looked_up(&mut self) -> bool {
        if self.is_looked_up.is_none() {
            let func = self.context.func;
            let def = func.dfg.value_def(self.value).inst();
            let other = def.and_then(|def| access(func, def));
            let is_odd = other.is_some_and(|other| self.is_elsewhere_for_certain(&other));
            self.is_looked_up = Some(!is_odd);
        }
        self.is_looked_up == Some(true)
    }

    /// The last instruction of `node` up to `at` that is not passed without a look.
    fn next_of_interest(&mut self, node: Node, at: Inst) -> Option<Inst> {
        let Context { func, cfg, .. } = self.context;
        let block = cfg.block(node);
        let known = (&mut self.signatures.walks, &mut self.signatures.sums);
        let access = last_access(func, known, block, at, &self.place);
        let others = self
            .leaves
            .insts
            .iter()
            .copied()
            .chain(self.walked.behind.expand());
        let others = others.filter(|&other| {
            func.layout.inst_block(other) == Some(block) && func.layout.pp_cmp(other, at).is_le()
        });
        others
            .chain(access)
            .max_by(|&a, &b| func.layout.pp_cmp(a, b))
    }

    fn meet(&mut self, inst: Inst) -> Met {
        let func = self.context.func;
        if self.leaves.insts.contains(&inst) {
            return self.meet_definition(inst);
        }
        let opcode = func.dfg.insts[inst].opcode();
        if opcode.is_call() {
            return self.meet_call(inst);
        }
        if self.is_elsewhere(inst) {
            let chosen = access(func, inst).filter(|_| opcode == Opcode::Store);
            return match chosen.is_some_and(|other| self.may_be_chosen(inst, &other)) {
                true => Met::Conflict(inst, Unjustified::Overwritten, Role::Clobber),
                false => Met::Go,
            };
        }
        match access(func, inst) {
            Some(other) if other.data.is_some() => self.meet_store(inst, &other),
            Some(other) => self.meet_load(&other),
            None if opcode.can_store() || opcode == Opcode::Fence => Met::Stop,
            None => Met::Go,
        }
    }

    /// Is `inst` an access through another base, as most are? Nothing is decided by those.
    fn is_elsewhere(&mut self, inst: Inst) -> bool {
        let func = self.context.func;
        let (addr, flags, writes) = match func.dfg.insts[inst] {
            InstructionData::Load { arg, flags, .. } => (arg, flags, false),
            InstructionData::Store { args, flags, .. } => (args[1], flags, true),
            _ => return false,
        };
        // NB: To rule a slot out takes less than to find out what an address is.
        if self.place.slot().is_some() && !self.signatures.sums.may_be_of_slot(func, addr) {
            self.may_be_written |= writes;
            return true;
        }
        let flags = func.dfg.mem_flags[flags];
        let (base, _) = base_of(func, &mut self.signatures.sums, addr, flags);
        if base == self.place.base {
            return false;
        }
        let are_slots = matches!((base, self.place.base), (Base::Slot(_), Base::Slot(_)));
        self.may_be_written |= writes && !are_slots;
        true
    }

    /// Before this, there was no such value, or no such address.
    fn meet_definition(&mut self, inst: Inst) -> Met {
        let func = self.context.func;
        let is_value =
            matches!(func.dfg.value_def(self.value), ValueDef::Result(def, _) if def == inst);
        let Some(other) = access(func, inst).filter(|_| is_value && !self.may_be_written) else {
            return Met::Stop;
        };
        if other.data.is_some() {
            return Met::Stop;
        }
        match self.is_elsewhere_for_certain(&other) {
            true => Met::Conflict(inst, Unjustified::Elsewhere, Role::Definition),
            false => Met::Stop,
        }
    }

    /// Is what `other` accesses not the memory in question?
    fn is_elsewhere_for_certain(&mut self, other: &Access) -> bool {
        let place = Place::of(self.context.func, &mut self.signatures.sums, other);
        match place.relation(&self.place) {
            Relation::Disjoint => true,
            Relation::Overlaps(distance) => distance != 0 || !place.covers(&self.place),
            Relation::Unknown => false,
        }
    }

    fn meet_call(&mut self, inst: Inst) -> Met {
        let func = self.context.func;
        match self.place.slot() {
            Some(slot)
                if self.context.collector == GcCollector::Moving
                    && may_collect(func, inst)
                    && is_mapped(func, inst, slot, &self.place) =>
            {
                Met::Conflict(inst, Unjustified::Safepoint, Role::Safepoint)
            }
            Some(_) => Met::Stop,
            None if self.is_readonly => Met::Stop,
            None => Met::Conflict(inst, Unjustified::Call, Role::Clobber),
        }
    }

    fn meet_store(&mut self, inst: Inst, other: &Access) -> Met {
        let func = self.context.func;
        let place = Place::of(func, &mut self.signatures.sums, other);
        let distance = match place.relation(&self.place) {
            Relation::Disjoint => return Met::Go,
            Relation::Unknown => {
                if self.may_be_chosen(inst, other) {
                    return Met::Conflict(inst, Unjustified::Overwritten, Role::Clobber);
                }
                self.may_be_written = true;
                return Met::Go;
            }
            Relation::Overlaps(distance) => distance,
        };
        // What an atomic operation leaves there is not computed here.
        if !is_plain_store(func, inst) {
            return Met::Stop;
        }
        let data = other.data.expect("it is a store");
        match Bytes::new(self.context, self.signatures, other, data) {
            Some(bytes) if self.bytes.differs(func, self.signatures, &bytes, distance) => {
                Met::Conflict(inst, Unjustified::Overwritten, Role::Clobber)
            }
            Some(_) | None => Met::Stop,
        }
    }

    /// Is there a choice in the address of the store `inst`, with one arm of which it overwrites this memory with something else,
    /// and does nothing but the choice depend on its condition?
    fn may_be_chosen(&mut self, inst: Inst, other: &Access) -> bool {
        let func = self.context.func;
        let Some((condition, arms)) = choice::arms(func, other) else {
            return false;
        };
        let (Some(data), true) = (other.data, is_plain_store(func, inst)) else {
            return false;
        };
        let overwrites = arms.into_iter().any(|arm| {
            let place = Place::of(func, &mut self.signatures.sums, &arm);
            let Relation::Overlaps(distance) = place.relation(&self.place) else {
                return false;
            };
            let bytes = Bytes::new(self.context, self.signatures, &arm, data);
            bytes.is_some_and(|bytes| self.bytes.differs(func, self.signatures, &bytes, distance))
        });
        overwrites && choice::is_free(func, self.context.cfg, condition)
    }

    fn meet_load(&mut self, other: &Access) -> Met {
        let func = self.context.func;
        let place = Place::of(func, &mut self.signatures.sums, other);
        if place != self.place {
            return Met::Go;
        }
        let result = other.result.expect("it is a load");
        match Bytes::new(self.context, self.signatures, other, result) {
            Some(bytes) if !self.bytes.differs(func, self.signatures, &bytes, 0) => Met::Stop,
            Some(_) | None => Met::Go,
        }
    }

    /// From the definition of the value over `other`, in `node`, to the rewritten instruction.
    fn steps(
        &self,
        other: Inst,
        role: Role,
        node: Node,
        next: &[(Node, Node)],
    ) -> Option<Vec<Step>> {
        let Context { func, cfg, .. } = self.context;
        let mut steps = Vec::new();
        if role != Role::Definition {
            steps.extend(self.definition_to(other).unwrap_or_default());
        }
        steps.push(step(func, role, other)?);
        let end = cfg.node_of_inst(func, self.at)?;
        let mut at = node;
        let is_before = |inst| func.layout.pp_cmp(other, inst).is_lt();
        if at != end || !is_before(self.at) {
            loop {
                at = next.iter().find(|&&(from, _)| from == at)?.1;
                steps.push(Step {
                    role: Role::Through,
                    block: cfg.block(at),
                    inst: None,
                });
                if at == end {
                    break;
                }
            }
        }
        steps.push(step(func, Role::Use, self.at)?);
        Some(steps)
    }

    /// The way from the definition of the value to `other`, without `other`.
    fn definition_to(&self, other: Inst) -> Option<Vec<Step>> {
        let Context { func, cfg, .. } = self.context;
        let from = Point::of_value(func, cfg, self.value)?;
        let forbidden = Forbidden {
            inst: &|_| false,
            block: None,
        };
        let path = Search::new(func, cfg, from, forbidden).path_to(other)?;
        let first = point_step(cfg, from, Role::Definition);
        let through = path[1..].iter().map(|&node| Step {
            role: Role::Through,
            block: cfg.block(node),
            inst: None,
        });
        Some(core::iter::once(first).chain(through).collect())
    }
}

/// Does the path join the instruction with the one that contradicts it?
///
/// A dead store is contradicted by what comes after it, and everything else by what comes before.
pub(super) fn recheck(error: &GcError, steps: &[Step]) -> Result<(), Flaw> {
    let GcError::UnsoundForwarding { inst, other, .. } = *error else {
        return Err("the error is of another judge");
    };
    let ends = [steps.first(), steps.last()];
    let begins_or_ends = ends.iter().flatten().any(|end| end.inst == Some(inst));
    let shows = steps.iter().any(|step| step.inst == Some(other));
    (begins_or_ends && shows)
        .then_some(())
        .ok_or("it does not join the two instructions")
}
