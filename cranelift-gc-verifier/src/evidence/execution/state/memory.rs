//! What slots and other memory hold on a path.
//!
//! **Claim.** Each byte of a slot that has a cell is that byte. Each word of other memory that is remembered is what a load of its address
//! yields.
//!
//! **Strength.** A slot whose address goes where it is not followed holds unknown bytes from then on, and so does one that is stored to at
//! an unknown offset. Of other memory, the last few words are remembered, and a store forgets those that it may have changed.
//!
//! **Math.** Slots are a map from `(slot, offset)` to bytes of terms. Other memory is a list of pairs `(address, value)` of terms. A store
//! to an address keeps the pairs whose addresses differ from it by a constant that is large enough.

use super::super::context::Context;
use super::super::terms::{AtomKind, Byte, Bytes, Shape, Term, Terms};
use super::stale::handed_on;
use super::{Cell, State, Word, width_of};
use crate::ir::instruction::{Overwrites, Stored, access, overwrites, stored_by};
use cranelift_codegen::ir::{GcCollector, Inst, Opcode, StackSlot};
use std::collections::BTreeSet;

/// How many words of memory are remembered.
const WORDS: usize = 32;

/// Where an address points.
enum Place {
    Slot(StackSlot, i64),
    /// Into one of these slots, or nobody knows where.
    Vague(Vec<StackSlot>),
    Elsewhere,
}

impl State {
    fn place(&self, terms: &Terms, address: Term, offset: i64) -> Place {
        let (parts, constant) = terms.parts(address);
        let slots = |term: Term| {
            let mut found = Vec::new();
            slots_in(terms, term, &mut found);
            found
        };
        if let [(part, 1)] = parts[..]
            && let &Shape::Slot(slot) = terms.shape(part)
        {
            return Place::Slot(slot, offset.wrapping_add(constant as i64));
        }
        let found: Vec<StackSlot> = parts.iter().flat_map(|&(part, _)| slots(part)).collect();
        match found.is_empty() {
            true => Place::Elsewhere,
            false => Place::Vague(found),
        }
    }

    /// The bytes of a slot. What was not stored is an atom of its own from then on.
    fn load_slot(
        &mut self,
        terms: &mut Terms,
        inst: Inst,
        (slot, offset): (StackSlot, i64),
        size: u32,
    ) -> Bytes {
        let mut bytes = Bytes::new();
        for offset in offset..offset.saturating_add(size.into()) {
            let cell = self.slots.get(&(slot, offset)).copied();
            let cell = cell.unwrap_or_else(|| {
                let unset = terms.atom(1, AtomKind::Unset, 0);
                let byte = Byte::Of(unset, 0);
                Cell { byte, store: inst }
            });
            self.slots.insert((slot, offset), cell);
            bytes.push(cell.byte);
        }
        bytes
    }

    pub(super) fn store_slot(
        &mut self,
        inst: Inst,
        (slot, offset): (StackSlot, i64),
        bytes: &[Byte],
    ) {
        for (&byte, index) in bytes.iter().zip(0..) {
            let cell = Cell { byte, store: inst };
            self.slots.insert((slot, offset.wrapping_add(index)), cell);
        }
    }

    /// Nobody knows what `slot` holds any more.
    fn lose_slot(&mut self, terms: &mut Terms, slot: StackSlot, inst: Inst) {
        self.escaped.insert(slot);
        let vague = terms.atom(1, AtomKind::Vague, self.now());
        let all: Vec<_> = self
            .slots
            .range((slot, i64::MIN)..=(slot, i64::MAX))
            .map(|(&key, _)| key)
            .collect();
        for key in all {
            let cell = Cell {
                byte: Byte::Of(vague, 0),
                store: inst,
            };
            self.slots.insert(key, cell);
        }
    }

    pub(super) fn lose_escaped(&mut self, terms: &mut Terms, inst: Inst) {
        for slot in self.escaped.clone() {
            self.lose_slot(terms, slot, inst);
        }
    }

    /// May what is not followed write to `slot`?
    pub(crate) fn has_escaped(&self, slot: StackSlot) -> bool {
        self.escaped.contains(&slot)
    }

    /// What is at a place of a slot, and the instruction that stored its first byte. Nothing, if some of it was
    /// not stored.
    pub(crate) fn held(
        &self,
        terms: &mut Terms,
        slot: StackSlot,
        offset: u32,
        size: u32,
    ) -> Option<(Term, Inst)> {
        let offset = i64::from(offset);
        let cells: Option<Vec<Cell>> = (offset..offset + i64::from(size))
            .map(|offset| self.slots.get(&(slot, offset)).copied())
            .collect();
        let cells = cells?;
        let bytes: Vec<Byte> = cells.iter().map(|cell| cell.byte).collect();
        let is_unset = |byte: &Byte| match *byte {
            Byte::Is(_) => false,
            Byte::Of(term, _) => {
                let atom = terms.as_atom(term);
                atom.is_some_and(|atom| atom.kind == AtomKind::Unset)
            }
        };
        if bytes.iter().any(is_unset) {
            return None;
        }
        Some((terms.of_bytes(&bytes), cells[0].store))
    }

    /// The terms of which bytes are at a place of a slot.
    pub(crate) fn terms_at(&self, slot: StackSlot, offset: u32, size: u32) -> BTreeSet<Term> {
        let offset = i64::from(offset);
        let cells = (offset..offset + i64::from(size)).filter_map(|offset| {
            let cell = self.slots.get(&(slot, offset))?;
            match cell.byte {
                Byte::Is(_) => None,
                Byte::Of(term, _) => Some(term),
            }
        });
        cells.collect()
    }

    /// What stored some of what is at a place of a slot, if not all of it was stored.
    pub(crate) fn stored_partly(
        &self,
        terms: &Terms,
        slot: StackSlot,
        offset: u32,
        size: u32,
    ) -> Option<Inst> {
        let offset = i64::from(offset);
        (offset..offset + i64::from(size)).find_map(|offset| {
            let cell = self.slots.get(&(slot, offset))?;
            let is_unset = match cell.byte {
                Byte::Is(_) => false,
                Byte::Of(term, _) => {
                    let atom = terms.as_atom(term);
                    atom.is_some_and(|atom| atom.kind == AtomKind::Unset)
                }
            };
            (!is_unset).then_some(cell.store)
        })
    }

    /// Was all of the word stored at `offset` of the object that `object` refers to?
    ///
    /// The address of an object is its index and the base of the heap: one term that is added.
    pub(crate) fn is_stored(&self, terms: &mut Terms, object: Term, offset: u32) -> bool {
        const WORD: u64 = 4;
        let width = terms.width(object).min(8);
        let max = u64::MAX >> (64 - 8 * width);
        let mut missing: Vec<u64> = (0..WORD).collect();
        for &(address, size) in &self.stores {
            let index = terms.low_part(width, address);
            let gap = terms.difference(index, object);
            let (parts, constant) = terms.parts(gap);
            if matches!(parts[..], [] | [(_, 1)]) {
                let first = u64::from(offset).wrapping_sub(constant);
                missing.retain(|byte| first.wrapping_add(*byte) & max >= size.into());
            }
        }
        missing.is_empty()
    }

    pub(super) fn load(&mut self, context: &Context<'_>, terms: &mut Terms, inst: Inst) {
        let func = context.func;
        let Some(access) = access(func, inst) else {
            return self.forget_results(context, terms, inst);
        };
        let Some(result) = access.result else {
            return self.forget_results(context, terms, inst);
        };
        let width = width_of(func.dfg.value_type(result));
        let address = self.term(context, terms, access.addr);
        let opcode = func.dfg.insts[inst].opcode();
        if let Place::Slot(slot, offset) = self.place(terms, address, access.offset.into()) {
            let bytes = self.load_slot(terms, inst, (slot, offset), access.size);
            let part = terms.of_bytes(&bytes);
            let term = match opcode {
                _ if access.size == width => part,
                Opcode::Uload8 | Opcode::Uload16 | Opcode::Uload32 => terms.extended(width, part),
                _ => terms.apply(width, Opcode::Sextend, opcode as u64, &[part]),
            };
            return self.define(context, terms, result, term);
        }
        let offset = i64::from(access.offset) as u64;
        let at = terms.sum(terms.width(address).min(8), &[(address, 1)], offset);
        let is_plain = access.size == width;
        let known = self
            .words
            .iter()
            .find(|word| is_plain && word.address == at && terms.width(word.value) == width);
        if let Some(&Word { value, .. }) = known {
            return self.define(context, terms, result, value);
        }
        let stays = context.collector == GcCollector::NonMoving && access.flags.readonly();
        let mut objects = Vec::new();
        if stays {
            self.add_references(terms, address, &mut objects);
        }
        let kind = match stays && objects.is_empty() {
            true => AtomKind::Immortal(result),
            false => AtomKind::Value(result),
        };
        let term = terms.atom(width, kind, self.now());
        if stays && objects.is_empty() {
            self.immortal.push((at, term));
        } else if stays {
            self.objects.insert(term, objects);
        }
        self.define(context, terms, result, term);
        if is_plain {
            let is_traced = self.references.contains_key(&term);
            let is_readonly = access.flags.readonly() && !is_traced;
            self.remember(at, term, is_readonly);
        }
    }

    /// Add the references that `term` is made of.
    fn add_references(&self, terms: &Terms, term: Term, found: &mut Vec<Term>) {
        let mut pending = vec![term];
        let mut seen = BTreeSet::new();
        while let Some(term) = pending.pop() {
            if !seen.insert(term) {
                continue;
            }
            match self.references.contains_key(&term) {
                true => found.push(term),
                false => pending.extend(handed_on(terms, term)),
            }
        }
    }

    fn remember(&mut self, address: Term, value: Term, is_readonly: bool) {
        if self.words.len() == WORDS {
            self.words.remove(0);
        }
        self.words.push(Word {
            address,
            value,
            is_readonly,
        });
    }

    pub(super) fn store(&mut self, context: &Context<'_>, terms: &mut Terms, inst: Inst) {
        let func = context.func;
        let Some(access) = access(func, inst) else {
            return;
        };
        let Some(data) = access.data else {
            return;
        };
        let address = self.term(context, terms, access.addr);
        let value = self.term(context, terms, data);
        let is_exact = matches!(stored_by(func, inst, &access), Some(Stored::Value(_)))
            && matches!(
                func.dfg.insts[inst].opcode(),
                Opcode::Store
                    | Opcode::Istore8
                    | Opcode::Istore16
                    | Opcode::Istore32
                    | Opcode::AtomicStore
                    | Opcode::AtomicRmw
            );
        self.escape(terms, value);
        match self.place(terms, address, access.offset.into()) {
            Place::Slot(slot, offset) if is_exact => {
                let bytes = terms.bytes(value);
                let size = (access.size as usize).min(bytes.len());
                self.store_slot(inst, (slot, offset), &bytes[..size]);
            }
            Place::Slot(slot, offset) => {
                let before = self.load_slot(terms, inst, (slot, offset), access.size);
                let before = terms.of_bytes(&before);
                let detail = u64::from(inst.as_u32());
                let opcode = func.dfg.insts[inst].opcode();
                let after = terms.apply(access.size, opcode, detail, &[before, value]);
                let bytes = terms.bytes(after);
                self.store_slot(inst, (slot, offset), &bytes);
            }
            Place::Vague(slots) => {
                for slot in slots {
                    self.lose_slot(terms, slot, inst);
                }
            }
            Place::Elsewhere => {
                let offset = i64::from(access.offset) as u64;
                let at = terms.sum(terms.width(address).min(8), &[(address, 1)], offset);
                if overwrites(func, inst, &access) != Some(Overwrites::Nothing) {
                    self.stores.push((at, access.size));
                }
                // What is said never to change changes.
                let is_there = |&(address, _): &(Term, Term)| address == at;
                let changed = self.immortal.iter().copied().filter(is_there);
                self.mortal.extend(changed.map(|(_, term)| term));
                let mut kept = core::mem::take(&mut self.words);
                kept.retain(|word| {
                    let gap = terms.difference(word.address, at);
                    let gap = terms.bits(gap).map(|bits| bits as u64 as i64);
                    let is_apart = gap.is_some_and(|gap| {
                        gap >= i64::from(access.size)
                            || gap.unsigned_abs() >= terms.width(word.value).into() && gap < 0
                    });
                    word.is_readonly || is_apart
                });
                self.words = kept;
                if is_exact && access.size == terms.width(value) {
                    self.remember(at, value, false);
                }
                self.lose_escaped(terms, inst);
            }
        }
    }

    /// `value` goes where it is not followed.
    pub(super) fn escape(&mut self, terms: &Terms, value: Term) {
        let mut slots = Vec::new();
        slots_in(terms, value, &mut slots);
        self.escaped.extend(slots);
    }

    /// The slot that `address` points into, if it does at a known offset.
    pub(crate) fn slot_of(&self, terms: &Terms, address: Term) -> Option<StackSlot> {
        match self.place(terms, address, 0) {
            Place::Slot(slot, _) => Some(slot),
            Place::Vague(_) | Place::Elsewhere => None,
        }
    }
}

fn slots_in(terms: &Terms, term: Term, found: &mut Vec<StackSlot>) {
    let mut pending = vec![term];
    let mut seen = BTreeSet::new();
    while let Some(term) = pending.pop() {
        if !seen.insert(term) {
            continue;
        }
        if let &Shape::Slot(slot) = terms.shape(term) {
            found.push(slot);
        }
        if !matches!(terms.shape(term), Shape::Compare(..)) {
            pending.extend(terms.children(term));
        }
    }
}
