//! What loads from stack slots find there, where no other analysis follows it.
//!
//! A reload that loads exactly what a spill stored is followed by [`slots`](super::slots). A load of another
//! size or type, or from a slot that no stack map names, is followed here. It must not make a reference plain.
//!
//! **Claim.** For each byte of such a load: the stored value that it is a byte of, and which byte, if that is
//! the same on all paths; and all values of which a part may be loaded.
//!
//! **Strength.** Where several stores reach one load, where a safepoint renews the slot on some paths only, and
//! where the address of the slot is handed on, what is loaded is opaque.
//!
//! **Math.** Reaching definitions, backwards from each load, over bytes.

use super::class::Class;
use super::slots::Slots;
use crate::ir::cfg::{Cfg, Node};
use crate::ir::instruction::{Stored, stored_by};
use crate::ir::view::{Body, SlotAccess};
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Function, Inst, Opcode, StackSlot, Value};
use smallvec::SmallVec;
use std::cell::OnceCell;
use std::collections::BTreeMap;

/// More bytes than a load has.
const MAX_BYTES: u32 = 64;

/// What such loads find.
#[derive(Default)]
pub(crate) struct Reshaped {
    /// The loads that are not followed elsewhere, with the accesses that they are.
    candidates: Vec<(Value, u32)>,
    /// What is stored to each slot, somewhere.
    stored: BTreeMap<StackSlot, Vec<Value>>,
    loads: BTreeMap<Value, Found>,
    /// The same as `candidates`, sorted.
    by_value: OnceCell<Vec<(Value, u32)>>,
}

/// What is at one byte: a byte of a stored value.
pub(crate) type Byte = Option<(Value, u32)>;

/// See the module.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    /// For each byte that is loaded.
    pub(crate) bytes: SmallVec<[Byte; 8]>,
    /// All values of which a part may be loaded, sorted.
    pub(crate) stored: Vec<Value>,
    /// The safepoint whose stack map names what is loaded, and after which nothing else happens to it, by its
    /// index.
    pub(crate) renewed: Option<u32>,
    /// Is it the same on all ways?
    pub(crate) is_certain: bool,
    /// Does it load as many bytes as its type has, and those of one store, as they were stored?
    is_exact: bool,
    /// Does it extend what it loads by zeros?
    is_extended: bool,
}

impl Found {
    /// What was stored, if all of it is loaded, with nothing but zeros.
    pub(crate) fn whole(&self) -> Option<Value> {
        match self.stored[..] {
            [value] if self.is_certain && (self.is_exact || self.is_extended) => Some(value),
            _ => None,
        }
    }

    /// What `value`, which this is loaded as, is.
    pub(super) fn class(
        &self,
        func: &Function,
        value: Value,
        class_of: impl Fn(Value) -> Class,
    ) -> Class {
        let class = self.stored.iter().map(|&value| class_of(value)).max();
        match class.unwrap_or(Class::Plain) {
            class @ (Class::Plain | Class::Payload) => class,
            class if self.is_certain && self.is_exact && func.dfg.value_type(value).is_int() => {
                class
            }
            Class::Reference if self.whole().is_some() => Class::Derived,
            Class::Reference | Class::Derived | Class::Opaque => Class::Opaque,
        }
    }
}

impl Reshaped {
    /// List the loads.
    pub(super) fn new(body: &Body, slots: &Slots) -> Self {
        let mut reshaped = Reshaped::default();
        let mut followed = EntitySet::new();
        for reload in &slots.reloads {
            followed.insert(reload.result);
        }
        for (index, at) in (0..).zip(&body.slot_accesses) {
            let access = body.access_at(at);
            if let Some(data) = access.data {
                reshaped.stored.entry(at.slot).or_default().push(data);
            }
            if let Some(result) = access.result
                && access.size <= MAX_BYTES
                && !followed.contains(result)
            {
                reshaped.candidates.push((result, index));
            }
        }
        for stored in reshaped.stored.values_mut() {
            stored.sort_unstable();
            stored.dedup();
        }
        reshaped
    }

    /// What each load that may find something of interest finds: each with its class. `class_of` tells what
    /// values are.
    pub(super) fn classes(
        &mut self,
        func: &Function,
        cfg: &Cfg,
        body: &Body,
        class_of: impl Fn(Value) -> Class,
    ) -> Vec<(Value, Class)> {
        let mut classes = Vec::new();
        for &(result, index) in &self.candidates {
            let at = &body.slot_accesses[index as usize];
            let stored = self.stored.get(&at.slot).map_or(&[][..], Vec::as_slice);
            if stored.iter().all(|&value| class_of(value) == Class::Plain) {
                continue;
            }
            let walk = || Walk::new(func, cfg, body, index as usize).run();
            let found = self.loads.entry(result).or_insert_with(walk);
            let class = found.class(func, result, &class_of);
            if class != Class::Plain {
                classes.push((result, class));
            }
        }
        classes
    }

    /// Loads of the type and size of what was stored, each with that.
    pub(crate) fn wholes(&self) -> impl Iterator<Item = (Value, Value)> {
        let all = self.loads.iter();
        all.filter_map(|(&value, found)| Some((value, found.whole().filter(|_| found.is_exact)?)))
    }

    /// The same, whether or not it is of interest.
    pub(crate) fn find(
        &self,
        func: &Function,
        cfg: &Cfg,
        body: &Body,
        value: Value,
    ) -> Option<Found> {
        if let Some(found) = self.loads.get(&value) {
            return Some(found.clone());
        }
        let index = self.index_of(value)?;
        Some(Walk::new(func, cfg, body, index as usize).run())
    }

    /// Are there no such loads?
    pub(crate) fn is_empty(&self) -> bool {
        self.candidates.is_empty()
    }

    /// Is there a way to the load of `value` on which nothing is stored to some byte that it loads? Nothing is said of slots whose
    /// addresses are handed on.
    pub(crate) fn may_be_unset(
        &self,
        func: &Function,
        cfg: &Cfg,
        body: &Body,
        value: Value,
    ) -> bool {
        let index = self.index_of(value);
        index.is_some_and(|index| Walk::new(func, cfg, body, index as usize).reaches_entry())
    }

    /// The access that loads `value`, by its index.
    fn index_of(&self, value: Value) -> Option<u32> {
        let by_value = self.by_value.get_or_init(|| {
            let mut by_value = self.candidates.clone();
            by_value.sort_unstable();
            by_value
        });
        let at = by_value.partition_point(|&(known, _)| known < value);
        let &(_, index) = by_value.get(at).filter(|&&(known, _)| known == value)?;
        Some(index)
    }

    /// What the load of `value` finds, if that is of interest.
    pub(crate) fn get(&self, value: Value) -> Option<&Found> {
        self.loads.get(&value)
    }
}

/// A walk backwards from one load.
struct Walk<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    body: &'a Body,
    load: &'a SlotAccess,
    index: usize,
    size: u32,
    bytes: SmallVec<[Option<Byte>; 8]>,
    stored: Vec<Value>,
    /// The safepoints that renew it: nothing, or one of them.
    renewed: Option<Option<u32>>,
    is_certain: bool,
}

/// Where the walk is.
#[derive(Clone, Copy)]
struct Place {
    node: Node,
    /// So many accesses to slots come before it.
    accesses: usize,
    /// So many safepoints come before it.
    safepoints: usize,
    /// The bytes that were not found yet.
    missing: u64,
    renewed: Option<u32>,
}

impl<'a> Walk<'a> {
    fn new(func: &'a Function, cfg: &'a Cfg, body: &'a Body, index: usize) -> Self {
        let load = &body.slot_accesses[index];
        let size = body.access_at(load).size;
        Walk {
            func,
            cfg,
            body,
            load,
            index,
            size,
            bytes: SmallVec::from_elem(None, size as usize),
            stored: Vec::new(),
            renewed: None,
            is_certain: !body.escapes.contains_key(&load.slot),
        }
    }

    fn run(mut self) -> Found {
        let mut visited = BTreeMap::<Node, (u64, Option<u32>)>::new();
        let mut pending = vec![Place {
            node: self.load.node,
            accesses: self.index,
            safepoints: self.load.passed as usize,
            missing: u64::MAX >> (64 - self.size.max(1)),
            renewed: None,
        }];
        while let Some(mut place) = pending.pop() {
            if self.block(&mut place) {
                continue;
            }
            let mut preds = self.cfg.preds(place.node).peekable();
            if preds.peek().is_none() {
                // Nothing was stored before the entry.
                self.find(place.missing, |_| None, place.renewed);
            }
            for edge in preds {
                let state = (place.missing, place.renewed);
                match visited.get(&edge.from) {
                    Some(&known) if known == state => continue,
                    Some(_) => {
                        // NB: What differs by way is not certain, and once more is enough to see it all.
                        self.is_certain = false;
                        if visited.get(&edge.from) == Some(&(u64::MAX, None)) {
                            continue;
                        }
                        visited.insert(edge.from, (u64::MAX, None));
                    }
                    None => _ = visited.insert(edge.from, state),
                }
                let missing = match visited.get(&edge.from) {
                    Some(&(u64::MAX, None)) => u64::MAX >> (64 - self.size.max(1)),
                    _ => place.missing,
                };
                let last = self
                    .body
                    .slot_accesses
                    .partition_point(|at| at.node <= edge.from);
                let safepoints = self
                    .body
                    .safepoints
                    .partition_point(|at| at.node <= edge.from);
                pending.push(Place {
                    node: edge.from,
                    accesses: last,
                    safepoints,
                    missing,
                    renewed: place.renewed,
                });
            }
        }
        self.finish()
    }

    /// Is some byte stored on no way from the entry?
    fn reaches_entry(&self) -> bool {
        let (load, body) = (self.load, self.body);
        if body.escapes.contains_key(&load.slot) {
            return false;
        }
        // The bytes that were missing at the end of a block before.
        let mut seen = BTreeMap::<Node, u64>::new();
        let all = u64::MAX >> (64 - self.size.max(1));
        let mut pending = vec![(load.node, self.index, all)];
        while let Some((node, end, mut missing)) = pending.pop() {
            let start = body.slot_accesses.partition_point(|at| at.node < node);
            for at in body.slot_accesses[start..end].iter().rev() {
                let access = body.access_at(at);
                if at.slot == load.slot && access.data.is_some() {
                    missing &= !self.covered(at, access.size);
                }
            }
            if missing == 0 {
                continue;
            }
            if node == 0 {
                return true;
            }
            for edge in self.cfg.preds(node) {
                let seen = seen.entry(edge.from).or_default();
                let new = missing & !*seen;
                if new != 0 {
                    *seen |= new;
                    let end = body
                        .slot_accesses
                        .partition_point(|at| at.node <= edge.from);
                    pending.push((edge.from, end, new));
                }
            }
        }
        false
    }

    /// The bytes of the load that an access at `at` of so many bytes covers.
    fn covered(&self, at: &SlotAccess, size: u32) -> u64 {
        let skew = self.load.offset - at.offset;
        let covered = (0..self.size).filter(|&byte| {
            let stored = skew + i64::from(byte);
            (0..i64::from(size)).contains(&stored)
        });
        covered.fold(0u64, |bits, byte| bits | 1 << byte)
    }

    /// Walk to the start of the block. Returns whether all bytes were found on the way.
    fn block(&mut self, place: &mut Place) -> bool {
        loop {
            let before = place
                .accesses
                .checked_sub(1)
                .map(|index| &self.body.slot_accesses[index]);
            let before = before.filter(|at| at.node == place.node);
            let safepoint = place.safepoints.checked_sub(1);
            let safepoint =
                safepoint.filter(|&index| self.body.safepoints[index].node == place.node);
            match (before, safepoint) {
                (None, None) => return false,
                (Some(at), safepoint)
                    if safepoint.is_none_or(|index| (at.passed as usize) > index) =>
                {
                    place.accesses -= 1;
                    if self.access(at, place) {
                        return true;
                    }
                }
                (_, Some(index)) => {
                    place.safepoints -= 1;
                    if place.renewed.is_none() && self.names(self.body.safepoints[index].inst) {
                        place.renewed = Some(index as u32);
                    }
                }
                (Some(_), None) => unreachable!("an access comes after no safepoint, or after one"),
            }
        }
    }

    /// Returns whether all bytes are found.
    fn access(&mut self, at: &SlotAccess, place: &mut Place) -> bool {
        let access = self.body.access_at(at);
        let Some(data) = access.data.filter(|_| at.slot == self.load.slot) else {
            return false;
        };
        let skew = self.load.offset - at.offset;
        let found = self.covered(at, access.size) & place.missing;
        if found == 0 {
            return false;
        }
        self.stored.push(data);
        // NB: What an atomic operation leaves there may be made of what was there, too.
        let is_modified = match stored_by(self.func, at.inst, access) {
            Some(Stored::Value(_)) | None => false,
            Some(Stored::Perhaps(_) | Stored::Computed) => true,
        };
        self.is_certain &= !is_modified;
        let byte_of = |byte: u32| Some((data, (skew + i64::from(byte)) as u32));
        self.find(found, byte_of, place.renewed);
        if !is_modified {
            place.missing &= !found;
        }
        place.missing == 0
    }

    fn find(&mut self, bytes: u64, byte_of: impl Fn(u32) -> Byte, renewed: Option<u32>) {
        if bytes == 0 {
            return;
        }
        self.is_certain &= *self.renewed.get_or_insert(renewed) == renewed;
        for byte in (0..self.size).filter(|&byte| bytes & 1 << byte != 0) {
            let new = byte_of(byte);
            let known = self.bytes[byte as usize].get_or_insert(new);
            if *known != new {
                *known = None;
                self.is_certain = false;
            }
        }
    }

    /// Does the stack map of the safepoint `inst` name something of what is loaded?
    fn names(&self, inst: Inst) -> bool {
        let entries = self.func.dfg.user_stack_map_entries(inst);
        entries.unwrap_or_default().iter().any(|entry| {
            let (start, end) = (
                i64::from(entry.offset),
                i64::from(entry.offset) + i64::from(entry.ty.bytes()),
            );
            entry.slot == self.load.slot
                && start < self.load.offset + i64::from(self.size)
                && self.load.offset < end
        })
    }

    fn finish(mut self) -> Found {
        self.stored.sort_unstable();
        self.stored.dedup();
        let access = self.body.access_at(self.load);
        let bytes: SmallVec<[Byte; 8]> = self.bytes.iter().map(|byte| byte.flatten()).collect();
        let is_whole = match self.stored[..] {
            [value] => {
                let mut bytes = (0..).zip(&bytes);
                let size = self.func.dfg.value_type(value).bytes();
                size == self.size && bytes.all(|(index, &byte)| byte == Some((value, index)))
            }
            _ => false,
        };
        let opcode = self.func.dfg.insts[self.load.inst].opcode();
        Found {
            is_exact: is_whole && access.ty.bytes() == self.size,
            is_extended: is_whole && opcode == Opcode::Uload32,
            bytes,
            stored: self.stored,
            renewed: self.renewed.flatten(),
            is_certain: self.is_certain,
        }
    }
}
