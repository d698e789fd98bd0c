//! One path, executed.
//!
//! **Claim.** After the instructions of a path, [`State`] has for each value that was defined on it, and for
//! each byte of each slot, a term that has its bits; for each safepoint that was passed what its stack map
//! kept; and which terms are references, by what the producer says of them.
//!
//! **Strength.** Exact for what is followed: a path has no joins. What is not understood makes new atoms, which
//! equal nothing else. A slot whose address goes where it is not followed holds such atoms from then on.
//!
//! **Math.** A definition maps its result to a term over the terms of its operands. A store maps the bytes of
//! its slot to those of its term. A safepoint of a collector that moves puts a new atom, which names the old
//! term, into each slot that its stack map names. A reference that came to be before a safepoint is stale after
//! it, unless the collector leaves it in place and something keeps it.
//!
//! NB: Of the analyses, this knows which values are references, which are numbers, and nothing else: it reads the function.

use super::path_facts::PathFacts;
use super::terms::{AtomKind, Byte, Bytes, Shape, Term, Terms};
use crate::ir::arithmetic::{Outcome, eval_inst};
use crate::ir::cfg::{Cfg, Node, destinations};
use crate::ir::instruction::{Overwrites, Stored, overwrites, stored_by};
use crate::ir::safepoint::may_collect;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockArg, Function, GcCollector, GcFact, GcHeapType, GcKind, GcNullability, Inst,
    InstructionData, Opcode, StackSlot, Type, Value, ValueDef,
};
use smallvec::SmallVec;
use std::cell;
use std::collections::{BTreeMap, BTreeSet};

/// What does not change on a path.
pub(crate) struct Context<'a> {
    pub(super) func: &'a Function,
    pub(super) collector: GcCollector,
    /// The values that were declared to need stack maps.
    declared: EntitySet<Value>,
    /// The values that are known to be references, whether or not a fact says so.
    references: EntitySet<Value>,
    /// Those that are numbers by what the producer declares, and no references.
    numbers: EntitySet<Value>,
    /// The values that decide what the function does.
    pub(super) observed: EntitySet<Value>,
    /// How many instructions may still be executed, for all claims together.
    pub(super) left: cell::Cell<u32>,
}

/// How many instructions are executed for all claims about a function together, besides those of paths that
/// are given.
const BUDGET: u32 = 300_000;

impl<'a> Context<'a> {
    /// So many instructions were executed.
    pub(super) fn spend(&self, count: u32) {
        self.left.set(self.left.get().saturating_sub(count));
    }

    /// Is `value` a number by what the producer declares?
    pub(super) fn is_number(&self, value: Value) -> bool {
        self.numbers.contains(value)
    }

    pub(crate) fn func(&self) -> &'a Function {
        self.func
    }

    pub(crate) fn new(
        func: &'a Function,
        cfg: &Cfg,
        collector: GcCollector,
        references: EntitySet<Value>,
        numbers: EntitySet<Value>,
    ) -> Self {
        let mut declared = EntitySet::with_capacity(func.dfg.num_values());
        for &value in func.dfg.gc_info.declared() {
            declared.insert(func.dfg.resolve_aliases(value));
        }
        Context {
            func,
            collector,
            declared,
            references,
            numbers,
            observed: observed(func, cfg),
            left: cell::Cell::new(BUDGET),
        }
    }
}

/// The values that decide what `func` does: those that an instruction with an effect has as operands, and what
/// they are made of.
fn observed(func: &Function, cfg: &Cfg) -> EntitySet<Value> {
    let mut observed = EntitySet::with_capacity(func.dfg.num_values());
    let mut pending = Vec::new();
    let mut passed: Vec<(Value, Value)> = Vec::new();
    for node in cfg.nodes() {
        let block = cfg.block(node);
        for inst in func.layout.block_insts(block) {
            let opcode = func.dfg.insts[inst].opcode();
            // NB: A load traps by its address, whether or not what it loads is used.
            let acts = opcode.can_store()
                || opcode.can_load()
                || opcode.can_trap()
                || opcode.other_side_effects()
                || opcode.is_call()
                || opcode.is_terminator();
            if acts {
                pending.extend(func.dfg.inst_args(inst));
            }
        }
        let Some(last) = func.layout.last_inst(block) else {
            continue;
        };
        let dests = destinations(func, last);
        for edge in cfg.succs(node) {
            let args = dests[edge.dest as usize].args(&func.dfg.value_lists);
            let params = func.dfg.block_params(cfg.block(edge.to));
            for (arg, &param) in args.zip(params) {
                if let BlockArg::Value(arg) = arg {
                    passed.push((param, arg));
                }
            }
        }
    }
    passed.sort_unstable();
    while let Some(value) = pending.pop() {
        let value = func.dfg.resolve_aliases(value);
        if !observed.insert(value) {
            continue;
        }
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, _) => pending.extend(func.dfg.inst_args(inst)),
            ValueDef::Param(..) => {
                let start = passed.partition_point(|&(param, _)| param < value);
                let args = passed[start..].iter();
                let args = args.take_while(|&&(param, _)| param == value);
                pending.extend(args.map(|&(_, arg)| arg));
            }
            ValueDef::Union(..) => {}
        }
    }
    observed
}

/// A safepoint that was passed.
#[derive(Clone)]
pub(super) struct Passed {
    pub(super) inst: Inst,
    /// The number of its block on the path.
    pub(super) position: u32,
    /// What the slots held that its stack map names.
    pub(super) kept: Vec<Term>,
}

/// A byte of a slot.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    pub(super) byte: Byte,
    /// What stored it.
    pub(super) store: Inst,
}

/// What memory outside of the slots holds.
#[derive(Clone, Copy)]
struct Word {
    address: Term,
    value: Term,
    /// Does it stay what it is?
    is_readonly: bool,
}

/// How many words of memory are remembered.
const WORDS: usize = 32;

/// What is the case at one point of a path.
#[derive(Clone)]
pub(super) struct State {
    /// Each value with what it is and with the number of the block of its last definition on the path.
    values: BTreeMap<Value, (Term, u32)>,
    slots: BTreeMap<(StackSlot, i64), Cell>,
    /// Slots that may be written to by what is not followed.
    escaped: BTreeSet<StackSlot>,
    words: Vec<Word>,
    pub(super) known: PathFacts,
    pub(super) passed: Vec<Passed>,
    /// Terms that are references, each with how many safepoints were passed when it came to be.
    references: BTreeMap<Term, u32>,
    /// Those of them of which a fact or a declaration says so.
    vouched: BTreeSet<Term>,
    /// Terms that are said to be derived from others, in the same way.
    derived: BTreeMap<Term, (Term, u32)>,
    /// The blocks that were entered.
    pub(super) path: Vec<Node>,
    /// Where something was stored outside of the slots: the address, and how many bytes.
    stores: Vec<(Term, u32)>,
    /// Where references were loaded from that stay what they are, and what.
    immortal: Vec<(Term, Term)>,
    /// Those of them that something was stored over.
    mortal: BTreeSet<Term>,
    /// For what was loaded from a field that stays what it is, the references in the address.
    objects: BTreeMap<Term, Vec<Term>>,
}

/// What became of an instruction.
pub(super) enum Step {
    Next,
    /// No execution gets past it on this path.
    Ends,
    /// Which arm this `select` takes decides.
    Splits(Term),
}

/// Where an address points.
enum Place {
    Slot(StackSlot, i64),
    /// Into one of these slots, or nobody knows where.
    Vague(Vec<StackSlot>),
    Elsewhere,
}

impl State {
    pub(super) fn new(entry: Node) -> Self {
        State {
            values: BTreeMap::new(),
            slots: BTreeMap::new(),
            escaped: BTreeSet::new(),
            words: Vec::new(),
            known: PathFacts::default(),
            passed: Vec::new(),
            references: BTreeMap::new(),
            vouched: BTreeSet::new(),
            derived: BTreeMap::new(),
            path: vec![entry],
            stores: Vec::new(),
            immortal: Vec::new(),
            mortal: BTreeSet::new(),
            objects: BTreeMap::new(),
        }
    }

    fn now(&self) -> u32 {
        self.passed.len() as u32
    }

    /// The number of the block on the path.
    fn position(&self) -> u32 {
        self.path.len() as u32 - 1
    }

    /// What `value` is, and where on the path it was defined last.
    pub(super) fn value(&self, context: &Context<'_>, value: Value) -> Option<(Term, u32)> {
        let value = context.func.dfg.resolve_aliases(value);
        self.values.get(&value).copied()
    }

    fn term(&mut self, context: &Context<'_>, terms: &mut Terms, value: Value) -> Term {
        match self.value(context, value) {
            Some((term, _)) => term,
            None => {
                let width = width_of(context.func.dfg.value_type(value));
                terms.atom(width, AtomKind::Vague, self.now())
            }
        }
    }

    pub(super) fn define(
        &mut self,
        context: &Context<'_>,
        terms: &mut Terms,
        value: Value,
        term: Term,
    ) {
        let now = self.now();
        self.values.insert(value, (term, self.position()));
        let info = &context.func.dfg.gc_info;
        let fact = info.fact(value);
        match fact {
            Some(GcFact::Derived { base }) => {
                let base = self.term(context, terms, base);
                if terms.bits(term).is_none() && terms.bits(base).is_none() {
                    self.derived.entry(term).or_insert((base, now));
                }
            }
            Some(GcFact::Ref {
                kind,
                nullability,
                traced,
            }) => {
                self.assume_fact(terms, term, (kind, nullability));
                if traced {
                    self.vouch(terms, term);
                }
            }
            Some(GcFact::Scalar | GcFact::HeapBase) => {}
            None if context.declared.contains(value) => self.vouch(terms, term),
            None if context.references.contains(value) => self.note_reference(terms, term),
            None => {}
        }
    }

    /// Note what a fact says of the bits of `term`.
    ///
    /// NB: Where it contradicts what is known, that is for others to report.
    fn assume_fact(
        &mut self,
        terms: &mut Terms,
        term: Term,
        (kind, nullability): (GcKind, GcNullability),
    ) {
        if terms.bits(term).is_some() || terms.width(term) != 4 {
            return;
        }
        let mut known = self.known.clone();
        let mut holds = true;
        if nullability == GcNullability::NonNull {
            holds &= known.assume(terms, term, true);
        }
        let one = terms.constant(4, 1);
        let tag = terms.bits_of(Opcode::Band, term, one);
        if !kind.heap.may_be_i31() {
            holds &= known.assume(terms, tag, false);
        } else if kind.heap == GcHeapType::I31 && nullability == GcNullability::NonNull {
            holds &= known.assume(terms, tag, true);
        }
        if holds {
            self.known = known;
        }
    }

    fn vouch(&mut self, terms: &Terms, term: Term) {
        self.note_reference(terms, term);
        self.vouched.insert(term);
    }

    /// Does a fact or a declaration say that `term` is a reference?
    pub(super) fn is_vouched(&self, term: Term) -> bool {
        self.vouched.contains(&term)
    }

    fn note_reference(&mut self, terms: &Terms, term: Term) {
        let birth = match (terms.bits(term), terms.as_atom(term)) {
            (Some(_), _) => return,
            (None, Some(atom)) => atom.birth,
            (None, None) => self.now(),
        };
        self.references.entry(term).or_insert(birth);
    }

    /// A value that nothing is known of.
    pub(super) fn define_anew(&mut self, context: &Context<'_>, terms: &mut Terms, value: Value) {
        let width = width_of(context.func.dfg.value_type(value));
        let term = terms.atom(width, AtomKind::Value(value), self.now());
        self.define(context, terms, value, term);
    }

    // --- Slots and other memory ------------------------------------------------------------

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

    fn store_slot(&mut self, inst: Inst, (slot, offset): (StackSlot, i64), bytes: &[Byte]) {
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

    fn lose_escaped(&mut self, terms: &mut Terms, inst: Inst) {
        for slot in self.escaped.clone() {
            self.lose_slot(terms, slot, inst);
        }
    }

    /// May what is not followed write to `slot`?
    pub(super) fn has_escaped(&self, slot: StackSlot) -> bool {
        self.escaped.contains(&slot)
    }

    /// What is at a place of a slot, and the instruction that stored its first byte. Nothing, if some of it was
    /// not stored.
    pub(super) fn held(
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
    pub(super) fn terms_at(&self, slot: StackSlot, offset: u32, size: u32) -> BTreeSet<Term> {
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
    pub(super) fn stored_partly(
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
    pub(super) fn is_stored(&self, terms: &mut Terms, object: Term, offset: u32) -> bool {
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

    fn load(&mut self, context: &Context<'_>, terms: &mut Terms, inst: Inst) {
        let func = context.func;
        let Some(access) = crate::ir::instruction::access(func, inst) else {
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

    fn store(&mut self, context: &Context<'_>, terms: &mut Terms, inst: Inst) {
        let func = context.func;
        let Some(access) = crate::ir::instruction::access(func, inst) else {
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
    fn escape(&mut self, terms: &Terms, value: Term) {
        let mut slots = Vec::new();
        slots_in(terms, value, &mut slots);
        self.escaped.extend(slots);
    }

    // --- Instructions ----------------------------------------------------------------------

    fn forget_results(&mut self, context: &Context<'_>, terms: &mut Terms, inst: Inst) {
        for &result in context.func.dfg.inst_results(inst) {
            self.define_anew(context, terms, result);
        }
    }

    /// Execute `inst`, which is no branch, save for its edges.
    pub(super) fn step(&mut self, context: &Context<'_>, terms: &mut Terms, inst: Inst) -> Step {
        let func = context.func;
        let data = func.dfg.insts[inst];
        let opcode = data.opcode();
        if opcode.is_call() {
            self.call(context, terms, inst);
            return match opcode.is_terminator() {
                true => Step::Next,
                false => {
                    self.forget_results(context, terms, inst);
                    Step::Next
                }
            };
        }
        if opcode.can_store() {
            // NB: What both loads and stores loads what was there before.
            if !func.dfg.inst_results(inst).is_empty() {
                self.load(context, terms, inst);
            }
            self.store(context, terms, inst);
            return Step::Next;
        }
        if opcode.can_load() {
            self.load(context, terms, inst);
            return Step::Next;
        }
        match data {
            InstructionData::CondTrap { opcode, arg, .. } => {
                let condition = self.term(context, terms, arg);
                // It goes on where it does not trap.
                let goes_on = self.known.assume(terms, condition, opcode == Opcode::Trapz);
                return if goes_on { Step::Next } else { Step::Ends };
            }
            InstructionData::Ternary {
                opcode: Opcode::Select | Opcode::SelectSpectreGuard,
                args,
            } => {
                let args = args.map(|arg| self.term(context, terms, arg));
                if let Some(split) = self.select(context, terms, inst, args) {
                    return Step::Splits(split);
                }
                return Step::Next;
            }
            _ => {}
        }
        let args: Vec<Term> = func
            .dfg
            .inst_args(inst)
            .iter()
            .map(|&arg| self.term(context, terms, arg))
            .collect();
        // It goes on where it does not trap.
        if let (Opcode::Udiv | Opcode::Urem | Opcode::Sdiv | Opcode::Srem, &[_, divisor]) =
            (opcode, &args[..])
            && !self.known.assume(terms, divisor, true)
        {
            return Step::Ends;
        }
        for index in 0..func.dfg.inst_results(inst).len() {
            let result = func.dfg.inst_results(inst)[index];
            match self.result(context, terms, (inst, index), &args) {
                Some(term) => self.define(context, terms, result, term),
                None => self.define_anew(context, terms, result),
            }
        }
        Step::Next
    }

    /// Can the branch `last` take the destination `dest`, of `len`? Note in `known` what follows if it does.
    pub(super) fn can_go(
        &self,
        context: &Context<'_>,
        terms: &mut Terms,
        known: &mut PathFacts,
        (last, dest, len): (Inst, usize, usize),
    ) -> bool {
        match context.func.dfg.insts[last] {
            InstructionData::Brif { arg, .. } => match self.value(context, arg) {
                Some((condition, _)) => {
                    let is = dest == 0;
                    let order = self.order_in_object(terms, condition);
                    order.is_none_or(|order| order == is) && known.assume(terms, condition, is)
                }
                None => true,
            },
            InstructionData::BranchTable { arg, .. } => {
                let Some((index, _)) = self.value(context, arg) else {
                    return true;
                };
                // The default destination comes first.
                let (cond, bound) = match dest {
                    0 => (IntCC::UnsignedGreaterThanOrEqual, len - 1),
                    _ => (IntCC::Equal, dest - 1),
                };
                let bound = terms.constant(terms.width(index), bound as u128);
                let condition = terms.compare(cond, index, bound);
                known.assume(terms, condition, true)
            }
            _ => true,
        }
    }

    /// Whether `condition` is so, if it asks which of two addresses in one object is the lower one: an object does not wrap around.
    fn order_in_object(&self, terms: &mut Terms, condition: Term) -> Option<bool> {
        let condition = terms.unextended(condition).unwrap_or(condition);
        let &Shape::Compare(cond, [a, b]) = terms.shape(condition) else {
            return None;
        };
        let allows_equal = match cond {
            IntCC::UnsignedLessThan => false,
            IntCC::UnsignedLessThanOrEqual => true,
            _ => return None,
        };
        if terms.width(a) != 8 {
            return None;
        }
        let gap = terms.difference(b, a);
        let gap = terms.bits(gap)? as u64 as i64;
        let (parts, _) = terms.parts(a);
        let is_in_object = parts.iter().any(|&(part, times)| {
            let word = terms.unextended(part).filter(|_| times == 1);
            word.is_some_and(|word| self.references.contains_key(&word))
        });
        (is_in_object && gap.unsigned_abs() < 1 << 31)
            .then_some(gap > 0 || allows_equal && gap == 0)
    }

    /// Returns the condition, if it decides what the result is made of.
    fn select(
        &mut self,
        context: &Context<'_>,
        terms: &mut Terms,
        inst: Inst,
        [condition, yes, no]: [Term; 3],
    ) -> Option<Term> {
        let result = context.func.dfg.first_result(inst);
        let term = if yes == no {
            yes
        } else if let Some(bits) = terms.bits(condition) {
            if bits != 0 { yes } else { no }
        } else if !self.matters(terms, yes) && !self.matters(terms, no) {
            terms.select(condition, [yes, no])
        } else {
            match self.known.truth(terms, condition) {
                Some(true) => yes,
                Some(false) => no,
                None => return Some(condition),
            }
        };
        self.define(context, terms, result, term);
        None
    }

    /// Is a reference or the address of a slot in `term`?
    fn matters(&self, terms: &Terms, term: Term) -> bool {
        let mut pending = vec![term];
        let mut seen = BTreeSet::new();
        while let Some(term) = pending.pop() {
            if !seen.insert(term) {
                continue;
            }
            if self.references.contains_key(&term)
                || self.derived.contains_key(&term)
                || matches!(terms.shape(term), Shape::Slot(_))
                || terms
                    .as_atom(term)
                    .is_some_and(|atom| matches!(atom.kind, AtomKind::Unset | AtomKind::Vague))
            {
                return true;
            }
            pending.extend(terms.children(term));
        }
        false
    }

    fn result(
        &mut self,
        context: &Context<'_>,
        terms: &mut Terms,
        (inst, index): (Inst, usize),
        args: &[Term],
    ) -> Option<Term> {
        use Opcode::*;
        let func = context.func;
        let data = &func.dfg.insts[inst];
        let opcode = data.opcode();
        let result = func.dfg.inst_results(inst)[index];
        let ty = func.dfg.value_type(result);
        let width = width_of(ty);
        if let Some(bits) = folded(context, terms, (inst, index), args) {
            return Some(terms.constant(width, bits));
        }
        let is_narrow = ty.is_int() && width <= 8;
        let minus_one = u64::MAX;
        match (data, args) {
            (
                &InstructionData::StackAddr {
                    stack_slot, offset, ..
                },
                _,
            ) => {
                let slot = terms.slot(width, stack_slot);
                let offset = i64::from(i32::from(offset)) as u64;
                Some(terms.sum(width, &[(slot, 1)], offset))
            }
            (&InstructionData::IntCompare { cond, .. }, &[a, b]) => Some(terms.compare(cond, a, b)),
            (InstructionData::IntAddTrap { .. }, &[a, b]) if is_narrow => {
                let sum = terms.sum(width, &[(a, 1), (b, 1)], 0);
                // It goes on where it does not overflow.
                let fits = terms.compare(IntCC::UnsignedGreaterThanOrEqual, sum, a);
                self.known.assume(terms, fits, true);
                Some(sum)
            }
            (_, &[a, b]) if is_narrow && opcode == Iadd => {
                Some(terms.sum(width, &[(a, 1), (b, 1)], 0))
            }
            (_, &[a, b]) if is_narrow && opcode == Isub => Some(terms.difference(a, b)),
            (_, &[a]) if is_narrow && opcode == Ineg => {
                Some(terms.sum(width, &[(a, minus_one)], 0))
            }
            (_, &[a, b]) if is_narrow && opcode == Imul => {
                let times = |term: Term| terms.bits(term).map(|bits| bits as u64);
                match (times(a), times(b)) {
                    (_, Some(times)) => Some(terms.sum(width, &[(a, times)], 0)),
                    (Some(times), _) => Some(terms.sum(width, &[(b, times)], 0)),
                    _ => Some(terms.apply(width, opcode, 0, args)),
                }
            }
            (_, &[a, b]) if ty.is_int() && matches!(opcode, Ishl | Ushr) => {
                self.shifted(terms, opcode, a, b)
            }
            (_, &[a]) if opcode == Uextend => Some(terms.extended(width, a)),
            (_, &[a]) if opcode == Ireduce => Some(terms.low_part(width, a)),
            // NB: In memory and as an integer, lanes come in the same order on a little-endian machine.
            (_, &[a]) if opcode == Bitcast && terms.width(a) == width => Some(a),
            (_, &[a, b]) if matches!(opcode, Band | Bor | Bxor) => {
                Some(terms.bits_of(opcode, a, b))
            }
            (_, &[a, b]) if opcode == Iconcat => {
                let mut bytes = terms.bytes(a);
                bytes.extend(terms.bytes(b));
                Some(terms.of_bytes(&bytes))
            }
            (_, &[a]) if opcode == Isplit => {
                let bytes = terms.bytes(a);
                let start = index * width as usize;
                Some(terms.of_bytes(&bytes[start..start + width as usize]))
            }
            (_, &[a]) if opcode == Bswap => {
                let mut bytes = terms.bytes(a);
                bytes.reverse();
                Some(terms.of_bytes(&bytes))
            }
            _ if opcode.other_side_effects() => None,
            _ => {
                let detail = match data {
                    InstructionData::Unary { .. }
                    | InstructionData::Binary { .. }
                    | InstructionData::Ternary { .. } => index as u64,
                    _ => u64::from(inst.as_u32()) << 8 | 0x80 | index as u64,
                };
                Some(terms.apply(width, opcode, detail, args))
            }
        }
    }

    /// A shift by a known number of bits.
    fn shifted(&mut self, terms: &mut Terms, opcode: Opcode, a: Term, b: Term) -> Option<Term> {
        let width = terms.width(a);
        let amount = terms
            .bits(b)
            .map(|bits| (bits % u128::from(8 * width)) as u32);
        Some(match (opcode, amount) {
            (_, Some(0)) => a,
            (Opcode::Ishl, Some(amount)) if amount % 8 == 0 => {
                let mut bytes = Bytes::from_elem(Byte::Is(0), amount as usize / 8);
                bytes.extend(terms.bytes(a));
                terms.of_bytes(&bytes[..width as usize])
            }
            (Opcode::Ushr, Some(amount)) if amount % 8 == 0 => {
                let mut bytes: Bytes = terms.bytes(a)[amount as usize / 8..].into();
                bytes.resize(width as usize, Byte::Is(0));
                terms.of_bytes(&bytes)
            }
            (Opcode::Ishl, Some(amount)) if width <= 8 => terms.sum(width, &[(a, 1 << amount)], 0),
            _ => terms.apply(width, opcode, 0, &[a, b]),
        })
    }

    fn call(&mut self, context: &Context<'_>, terms: &mut Terms, inst: Inst) {
        for &arg in context.func.dfg.inst_args(inst) {
            let term = self.term(context, terms, arg);
            self.escape(terms, term);
        }
        self.words.retain(|word| word.is_readonly);
        self.lose_escaped(terms, inst);
        if may_collect(context.func, inst) {
            self.collect(context, terms, inst);
        }
    }

    fn collect(&mut self, context: &Context<'_>, terms: &mut Terms, inst: Inst) {
        let entries = context.func.dfg.user_stack_map_entries(inst);
        let mut kept = Vec::new();
        let mut moved: BTreeMap<Term, Term> = BTreeMap::new();
        let position = self.position();
        for entry in entries.unwrap_or_default() {
            let held = self.held(terms, entry.slot, entry.offset, entry.ty.bytes());
            let Some((term, store)) = held else {
                continue;
            };
            if terms.bits(term).is_some() {
                continue;
            }
            self.note_reference(terms, term);
            kept.push(term);
            if context.collector != GcCollector::Moving || self.known.is_unboxed(terms, term) {
                continue;
            }
            let new = *moved.entry(term).or_insert_with(|| {
                terms.atom(entry.ty.bytes(), AtomKind::Moved(term), self.now() + 1)
            });
            let bytes = terms.bytes(new);
            self.store_slot(store, (entry.slot, entry.offset.into()), &bytes);
        }
        self.passed.push(Passed {
            inst,
            position,
            kept,
        });
        for &new in moved.values() {
            self.note_reference(terms, new);
        }
    }

    /// Pass `args` to the parameters of a block, and enter it.
    pub(super) fn enter(
        &mut self,
        context: &Context<'_>,
        terms: &mut Terms,
        node: Node,
        passes: &[(BlockArg, Value)],
    ) {
        let args: Vec<(Option<Term>, Value)> = passes
            .iter()
            .map(|&(arg, param)| match arg {
                BlockArg::Value(arg) => (Some(self.term(context, terms, arg)), param),
                BlockArg::TryCallRet(_) | BlockArg::TryCallExn(_) => (None, param),
            })
            .collect();
        self.path.push(node);
        for (term, param) in args {
            match term {
                Some(term) => self.define(context, terms, param, term),
                None => self.define_anew(context, terms, param),
            }
        }
    }

    // --- References ------------------------------------------------------------------------

    /// A reference in `term` that did not survive a safepoint since it came to be.
    pub(super) fn stale_in(
        &self,
        context: &Context<'_>,
        terms: &mut Terms,
        term: Term,
    ) -> Option<Stale> {
        if context.collector == GcCollector::Null {
            return None;
        }
        let mut pending = vec![term];
        let mut seen = BTreeSet::new();
        while let Some(term) = pending.pop() {
            if !seen.insert(term) {
                continue;
            }
            if let Some(&birth) = self.references.get(&term)
                && let Some(stale) = self.stale(context, terms, (term, birth))
            {
                return Some(stale);
            }
            // NB: It need not contain its base: what says that it is derived may be a fact alone.
            if let Some(&(base, birth)) = self.derived.get(&term)
                && let Some(stale) = self.stale(context, terms, (base, birth))
            {
                return Some(Stale { term, ..stale });
            }
            pending.extend(handed_on(terms, term));
        }
        None
    }

    /// Is `term` a reference that the path has shown to be null or an i31 since?
    pub(super) fn is_shown_unboxed(&self, terms: &mut Terms, term: Term) -> bool {
        self.references.contains_key(&term) && self.known.is_unboxed(terms, term)
    }

    /// The older one of two references that are compared, if they are of different ages.
    pub(super) fn older_of(
        &self,
        context: &Context<'_>,
        terms: &mut Terms,
        a: Term,
        b: Term,
    ) -> Option<Stale> {
        if context.collector != GcCollector::Moving {
            return None;
        }
        let births = [a, b].map(|term| self.references_in(terms, term));
        for (one, other) in [(&births[0], &births[1]), (&births[1], &births[0])] {
            for &(term, birth) in one {
                let is_older = other.iter().any(|&(_, newer)| birth < newer);
                if is_older && let Some(stale) = self.stale(context, terms, (term, birth)) {
                    return Some(stale);
                }
            }
        }
        None
    }

    /// The references that `term` contains and that are no constants, each with its birth.
    fn references_in(&self, terms: &mut Terms, term: Term) -> Vec<(Term, u32)> {
        let mut found = Vec::new();
        let mut pending = vec![term];
        let mut seen = BTreeSet::new();
        while let Some(term) = pending.pop() {
            if !seen.insert(term) {
                continue;
            }
            if let Some(&birth) = self.references.get(&term)
                && !self.known.is_unboxed(terms, term)
            {
                found.push((term, birth));
            }
            pending.extend(handed_on(terms, term));
        }
        found
    }

    pub(super) fn has_reference_in(&self, terms: &mut Terms, term: Term) -> bool {
        !self.references_in(terms, term).is_empty()
    }

    /// Each value with what it is and where it was defined last.
    pub(super) fn values(&self) -> impl Iterator<Item = (Value, Term, u32)> + '_ {
        let all = self.values.iter();
        all.map(|(&value, &(term, position))| (value, term, position))
    }

    /// The slot that `address` points into, if it does at a known offset.
    pub(super) fn slot_of(&self, terms: &Terms, address: Term) -> Option<StackSlot> {
        match self.place(terms, address, 0) {
            Place::Slot(slot, _) => Some(slot),
            Place::Vague(_) | Place::Elsewhere => None,
        }
    }

    fn stale(
        &self,
        context: &Context<'_>,
        terms: &mut Terms,
        (term, birth): (Term, u32),
    ) -> Option<Stale> {
        if let Some(atom) = terms.as_atom(term)
            && matches!(atom.kind, AtomKind::Immortal(_))
            && !self.mortal.contains(&term)
        {
            return None;
        }
        let passed = self.passed.get(birth as usize..)?;
        let objects = self.objects.get(&term).map(Vec::as_slice);
        let is_kept = |at: &Passed| {
            let mut objects = objects.unwrap_or_default().iter();
            let by_object = objects.len() > 0 && objects.all(|object| at.kept.contains(object));
            at.kept.contains(&term) || by_object
        };
        let unrooted = passed.iter().find(|at| !is_kept(at));
        let is_root = unrooted.is_none();
        // Where nothing moves, a root is enough.
        if is_root && (context.collector == GcCollector::NonMoving || passed.is_empty()) {
            return None;
        }
        if self.known.is_unboxed(terms, term) {
            return None;
        }
        Some(Stale {
            term,
            root: term,
            birth,
            is_root,
        })
    }

    /// The safepoints since it came to be whose stack maps do not have a reference.
    pub(super) fn safepoints_without(&self, stale: &Stale) -> impl Iterator<Item = usize> + '_ {
        let term = stale.root;
        let all = self.passed.iter().enumerate().skip(stale.birth as usize);
        all.filter(move |(_, at)| !at.kept.contains(&term))
            .map(|(index, _)| index)
    }
}

/// A reference that is stale, or what is derived from one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stale {
    /// What is not to be used any more.
    pub(super) term: Term,
    /// The reference: `term`, or what a fact says that it is derived from.
    pub(super) root: Term,
    pub(super) birth: u32,
    /// Does its stack map have it?
    pub(super) is_root: bool,
}

/// The terms that `term` is made of, if it is more than a test of them.
pub(super) fn handed_on(terms: &Terms, term: Term) -> SmallVec<[Term; 4]> {
    let is_test = match terms.shape(term) {
        Shape::Compare(..) => true,
        Shape::Apply { opcode, args, .. } => {
            *opcode == Opcode::Band
                && args
                    .iter()
                    .any(|&arg| terms.bits(arg).is_some_and(|bits| bits <= 1))
        }
        _ => false,
    };
    match is_test {
        true => SmallVec::new(),
        false => terms.children(term),
    }
}

/// The bits of a result whose operands are constants.
fn folded(
    context: &Context<'_>,
    terms: &Terms,
    (inst, index): (Inst, usize),
    args: &[Term],
) -> Option<u128> {
    let bits: Option<Vec<u128>> = args.iter().map(|&arg| terms.bits(arg)).collect();
    match eval_inst(context.func, inst, index, &bits?) {
        Outcome::Is(bits) => Some(bits),
        Outcome::Undefined | Outcome::Opaque | Outcome::Unknown => None,
    }
}

fn width_of(ty: Type) -> u32 {
    ty.bytes().max(1)
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
