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

mod compute;
mod memory;
pub(super) mod stale;

use super::context::Context;
use super::path_facts::PathFacts;
use super::terms::{AtomKind, Byte, Shape, Term, Terms};
use crate::ir::cfg::Node;
use crate::ir::safepoint::may_collect;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    BlockArg, GcCollector, GcFact, GcHeapType, GcKind, GcNullability, Inst, InstructionData,
    Opcode, StackSlot, Type, Value,
};
use std::collections::{BTreeMap, BTreeSet};

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

    /// Each value with what it is and where it was defined last.
    pub(super) fn values(&self) -> impl Iterator<Item = (Value, Term, u32)> + '_ {
        let all = self.values.iter();
        all.map(|(&value, &(term, position))| (value, term, position))
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
}

fn width_of(ty: Type) -> u32 {
    ty.bytes().max(1)
}
