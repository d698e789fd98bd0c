//! What is claimed of a path, and whether it holds there.
//!
//! **Claim.** [`Claim::holds`] says yes only if the claim is true of the path that was executed.
//!
//! **Strength.** Where a term is not understood, or the address of the slot was handed on, the answer is that
//! this is vague. A stale reference is no error by itself: the claim holds then if the path goes on to an
//! instruction that relies on it.
//!
//! **Math.** A claim about words is a formula over the terms at the end of the path. It holds if the formula
//! does not contradict what the path assumes ([`PathFacts::assume`]). A claim about slots and staleness is read off
//! the [`State`].

use super::context::Context;
use super::path_facts::PathFacts;
use super::state::State;
use super::state::stale::{Stale, handed_on};
use super::terms::{AtomKind, Replacement, Shape, Term, Terms};
use crate::analysis::sources::{SAMPLES, scalar_bits, why_no_reference_by_making};
use crate::finding::error::NonReference;
use crate::ir::cfg::{Node, destinations};
use crate::ir::instruction::access;
use crate::ir::safepoint::may_collect;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{GcCollector, GcFact, Inst, Opcode, StackSlot, Type, Value, types};
use std::collections::{BTreeMap, BTreeSet};

/// A place in a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) slot: StackSlot,
    pub(crate) offset: u32,
    pub(crate) ty: Type,
}

/// What is claimed of the point before `inst`, or after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim {
    pub(crate) inst: Inst,
    pub(crate) after: bool,
    pub(crate) what: What,
}

/// See [`Claim`].
#[derive(Clone, Copy, Debug)]
pub(crate) enum What {
    /// It is reached.
    Reached,
    /// It is reached, and the value is this word.
    IsWord(Value, u64),
    /// It is reached, and the value is odd, as an i31 is.
    IsOdd(Value),
    /// It is a branch that passes the value for this block parameter.
    Passes(Value, Value, Passed),
    /// What the value is made of went stale, and is used.
    Stale(Value),
    /// Some of what is there was not stored.
    Unset(Spot),
    /// Some of the value was loaded from where nothing was stored, and is used.
    LoadsUnset(Value),
    /// What is there is no reference.
    NoReference(Spot),
    /// What is there is a reference that went stale.
    StaleRoot(Spot),
    /// What is there is not what this value was.
    Other(Spot, Value),
    /// Nothing was stored at this offset of the object that the value refers to.
    Unstored(Value, u32),
}

/// What a branch passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passed {
    Anything,
    Null,
    Odd,
}

/// Does a claim hold?
pub(super) enum Held {
    Yes(Box<Proof>),
    /// It does, if this stale reference is used.
    IfUsed(Box<Proof>, Term),
    No,
    /// The path was followed, but not all that happens on it was understood.
    Vague,
}

/// A path on which a claim holds, and what was found there.
#[derive(Clone)]
pub(crate) struct Proof {
    /// The blocks that it enters, the entry first.
    pub(crate) blocks: Vec<Node>,
    /// Each safepoint that a stale reference did not survive, or of those that have it in their
    /// stack maps, if all have it, with the number of its block on the path.
    pub(crate) safepoints: Vec<(Inst, usize)>,
    /// Do all of them have it?
    pub(crate) is_root: bool,
    /// The values that are the stale reference, or contain it, each with the number of the block in which
    /// it was defined.
    pub(crate) values: Vec<(Value, usize)>,
    /// Of these the ones that are the reference itself.
    pub(crate) same: Vec<Value>,
    /// Why what is in the slot is no reference.
    pub(crate) why: Option<NonReference>,
    /// What was stored there last.
    pub(crate) store: Option<Inst>,
}

impl Claim {
    pub(super) fn holds(
        &self,
        context: &Context<'_>,
        terms: &mut Terms,
        state: &mut State,
    ) -> Held {
        match self.what {
            What::Reached => Held::Yes(proof(state)),
            What::IsWord(value, word) => match state.value(context, value) {
                Some((term, _)) => {
                    let word = terms.constant(terms.width(term), word.into());
                    let is_it = terms.compare(IntCC::Equal, term, word);
                    shown_if(terms, state, state.known.clone(), is_it)
                }
                None => Held::Vague,
            },
            What::IsOdd(value) => match state.value(context, value) {
                Some((term, _)) => {
                    let tag = tag_of(terms, term);
                    shown_if(terms, state, state.known.clone(), tag)
                }
                None => Held::Vague,
            },
            What::Passes(value, param, passed) => {
                self.passes(context, terms, state, (value, param, passed))
            }
            What::Stale(value) => self.is_stale(context, terms, state, value),
            What::Unset(spot) => match self.held(terms, state, spot) {
                None => Held::Yes(proof(state)),
                Some((term, _)) if is_vague(terms, state, spot, term) => Held::Vague,
                Some(_) => Held::No,
            },
            What::LoadsUnset(value) => {
                let Some((term, _)) = state.value(context, value) else {
                    return Held::Vague;
                };
                match unset_in(terms, term) {
                    Some(unset) => Held::IfUsed(proof(state), unset),
                    None => Held::No,
                }
            }
            What::NoReference(spot) => match self.held(terms, state, spot) {
                None => match state.stored_partly(terms, spot.slot, spot.offset, spot.ty.bytes()) {
                    Some(store) => {
                        let mut proof = proof(state);
                        proof.why = Some(NonReference::Partial);
                        proof.store = Some(store);
                        Held::Yes(proof)
                    }
                    None => Held::No,
                },
                Some((term, _)) if is_vague(terms, state, spot, term) => Held::Vague,
                // Memory may hold several references side by side.
                Some((term, _)) if is_part_of_loaded(context, terms, term) => Held::Vague,
                Some((term, store)) => match why_none(context, terms, state, term, spot.ty) {
                    Some(why) => {
                        let mut proof = proof(state);
                        proof.why = Some(why);
                        proof.store = Some(store);
                        Held::Yes(proof)
                    }
                    None => Held::No,
                },
            },
            What::StaleRoot(spot) => match self.held(terms, state, spot) {
                None => Held::No,
                Some((term, _)) if is_vague(terms, state, spot, term) => Held::Vague,
                Some((term, store)) => match state.stale_in(context, terms, term) {
                    Some(stale) => {
                        let mut proof = stale_proof(terms, state, &stale);
                        proof.store = Some(store);
                        Held::Yes(proof)
                    }
                    None => Held::No,
                },
            },
            What::Other(spot, expected) => self.is_other(context, terms, state, (spot, expected)),
            What::Unstored(value, offset) => match state.value(context, value) {
                None => Held::Vague,
                Some((object, _)) if state.is_stored(terms, object, offset) => Held::No,
                Some(_) => Held::Yes(proof(state)),
            },
        }
    }

    /// Can the branch go where it passes `value` for `param`, as `passed` says?
    fn passes(
        &self,
        context: &Context<'_>,
        terms: &mut Terms,
        state: &State,
        (value, param, passed): (Value, Value, Passed),
    ) -> Held {
        let func = context.func;
        let Some((term, _)) = state.value(context, value) else {
            return Held::Vague;
        };
        let condition = match passed {
            Passed::Anything => terms.constant(1, 1),
            Passed::Null => {
                let null = terms.constant(terms.width(term), 0);
                terms.compare(IntCC::Equal, term, null)
            }
            Passed::Odd => tag_of(terms, term),
        };
        let dests = destinations(func, self.inst);
        let len = dests.len();
        for (number, dest) in dests.iter().enumerate() {
            let params = func.dfg.block_params(dest.block(&func.dfg.value_lists));
            let mut args = dest.args(&func.dfg.value_lists).zip(params);
            let is_passed = args.any(|(arg, &to)| {
                let arg = arg.as_value().map(|arg| func.dfg.resolve_aliases(arg));
                to == param && arg == Some(value)
            });
            let mut known = state.known.clone();
            if is_passed
                && state.can_go(context, terms, &mut known, (self.inst, number, len))
                && let held @ Held::Yes(_) = shown_if(terms, state, known, condition)
            {
                return held;
            }
        }
        Held::No
    }

    fn held(&self, terms: &mut Terms, state: &State, spot: Spot) -> Option<(Term, Inst)> {
        state.held(terms, spot.slot, spot.offset, spot.ty.bytes())
    }

    fn is_stale(
        &self,
        context: &Context<'_>,
        terms: &mut Terms,
        state: &State,
        value: Value,
    ) -> Held {
        let Some((term, _)) = state.value(context, value) else {
            return Held::Vague;
        };
        let Some(stale) = state.stale_in(context, terms, term) else {
            return Held::No;
        };
        Held::IfUsed(stale_proof(terms, state, &stale), stale.term)
    }

    fn is_other(
        &self,
        context: &Context<'_>,
        terms: &mut Terms,
        state: &State,
        (spot, expected): (Spot, Value),
    ) -> Held {
        let Some((term, store)) = self.held(terms, state, spot) else {
            return Held::No;
        };
        if is_vague(terms, state, spot, term) {
            return Held::Vague;
        }
        let mut proof = proof(state);
        proof.store = Some(store);
        // NB: The optimizer may have removed the value, and not its name in what was noted.
        let Some((wanted, _)) = state.value(context, expected) else {
            return Held::Vague;
        };
        let (found, wanted) = (terms.identity(term), terms.identity(wanted));
        if found == wanted {
            return Held::No;
        }
        let difference = terms.compare(IntCC::Equal, found, wanted);
        match state.known.clone().assume(terms, difference, false) {
            true => Held::Yes(proof),
            false => Held::No,
        }
    }

    /// Does `inst` rely on `stale`, or the collector at `inst`?
    pub(super) fn relies_on(
        &self,
        context: &Context<'_>,
        terms: &mut Terms,
        state: &State,
        inst: Inst,
        stale: Term,
    ) -> bool {
        let func = context.func;
        let holds = |terms: &Terms, value: Value| {
            let is_untraced = match func.dfg.gc_info.fact(func.dfg.resolve_aliases(value)) {
                Some(GcFact::Ref { traced, .. }) => !traced,
                Some(GcFact::Scalar) => true,
                Some(GcFact::Derived { .. } | GcFact::HeapBase) | None => false,
            };
            let term = state.value(context, value);
            !is_untraced && term.is_some_and(|(term, _)| contains(terms, term, stale))
        };
        let opcode = func.dfg.insts[inst].opcode();
        let args = func.dfg.inst_args(inst);
        // What was not stored decides nothing, either.
        if let What::LoadsUnset(_) = self.what
            && (opcode.is_branch() || opcode.can_trap() || opcode == Opcode::Icmp)
            && !opcode.can_load()
            && !opcode.can_store()
        {
            let is_observed = func
                .dfg
                .inst_results(inst)
                .first()
                .is_none_or(|&result| context.observed.contains(result));
            return is_observed && args.iter().any(|&arg| holds(terms, arg));
        }
        if let Some(made) = access(func, inst) {
            let is_stored = |value| holds(terms, value);
            let escapes = args.iter().any(|&arg| arg != made.addr && is_stored(arg));
            return holds(terms, made.addr)
                || escapes && !is_copy_to_slot(context, terms, state, inst);
        }
        if may_collect(func, inst) && self.collector_reads(context, terms, state, inst, stale) {
            return true;
        }
        if opcode.is_call() || opcode.is_return() {
            return args.iter().any(|&arg| holds(terms, arg));
        }
        let is_comparison = matches!(
            opcode,
            Opcode::Icmp
                | Opcode::Isub
                | Opcode::Bxor
                | Opcode::UsubOverflow
                | Opcode::SsubOverflow
        );
        if is_comparison && context.collector == GcCollector::Moving {
            let mut results = func.dfg.inst_results(inst).iter();
            if !results.any(|&result| context.observed.contains(result))
                || !args.iter().any(|&arg| holds(terms, arg))
            {
                return false;
            }
            let (a, b) = (state.value(context, args[0]), state.value(context, args[1]));
            return match (a, b) {
                (Some((a, _)), Some((b, _))) => state.older_of(context, terms, a, b).is_some(),
                _ => false,
            };
        }
        false
    }

    /// Does the stack map of `inst` name a slot that holds `stale`?
    fn collector_reads(
        &self,
        context: &Context<'_>,
        terms: &Terms,
        state: &State,
        inst: Inst,
        stale: Term,
    ) -> bool {
        let entries = context.func.dfg.user_stack_map_entries(inst);
        entries.unwrap_or_default().iter().any(|entry| {
            let held = state.terms_at(entry.slot, entry.offset, entry.ty.bytes());
            held.into_iter().any(|term| contains(terms, term, stale))
        })
    }
}

/// The lowest bit of `term`.
fn tag_of(terms: &mut Terms, term: Term) -> Term {
    let one = terms.constant(terms.width(term), 1);
    terms.bits_of(Opcode::Band, term, one)
}

/// The path is shown if `condition` can hold on it.
fn shown_if(terms: &mut Terms, state: &State, mut known: PathFacts, condition: Term) -> Held {
    match known.assume(terms, condition, true) && known.is_consistent(terms) {
        true => Held::Yes(proof(state)),
        false => Held::No,
    }
}

/// Does `inst` store where only loads of its slot and stack maps can see it?
fn is_copy_to_slot(context: &Context<'_>, terms: &Terms, state: &State, inst: Inst) -> bool {
    let Some(made) = access(context.func, inst).filter(|made| made.data.is_some()) else {
        return false;
    };
    let address = state.value(context, made.addr);
    let slot = address.and_then(|(address, _)| state.slot_of(terms, address));
    slot.is_some_and(|slot| !state.has_escaped(slot))
}

/// A byte in `term` that was not stored.
fn unset_in(terms: &Terms, term: Term) -> Option<Term> {
    let is_unset = |&term: &Term| {
        let atom = terms.as_atom(term);
        atom.is_some_and(|atom| atom.kind == AtomKind::Unset)
    };
    if is_unset(&term) {
        return Some(term);
    }
    terms.children(term).into_iter().find(is_unset)
}

/// Is `part` in `term`, other than in what is tested?
fn contains(terms: &Terms, term: Term, part: Term) -> bool {
    let mut pending = vec![term];
    let mut seen = BTreeSet::new();
    while let Some(term) = pending.pop() {
        if term == part {
            return true;
        }
        if seen.insert(term) {
            pending.extend(handed_on(terms, term));
        }
    }
    false
}

/// Is it not known what is there?
fn is_vague(terms: &Terms, state: &State, spot: Spot, term: Term) -> bool {
    let of_vague = |term: Term| {
        let atom = terms.as_atom(term);
        atom.is_some_and(|atom| atom.kind == AtomKind::Vague)
    };
    state.has_escaped(spot.slot)
        || of_vague(term)
        || terms.children(term).iter().any(|&child| of_vague(child))
}

/// Are these bytes of something that was loaded, and not all of it?
fn is_part_of_loaded(context: &Context<'_>, terms: &Terms, term: Term) -> bool {
    let Shape::Bytes(_) = terms.shape(term) else {
        return false;
    };
    terms.children(term).iter().any(|&part| {
        let Some(atom) = terms.as_atom(part) else {
            return false;
        };
        let (AtomKind::Value(value) | AtomKind::Immortal(value)) = atom.kind else {
            return false;
        };
        let made = context.func.dfg.value_def(value).inst();
        terms.width(part) > terms.width(term)
            && made.is_some_and(|inst| context.func.dfg.insts[inst].opcode().can_load())
    })
}

/// Why `term` can be no reference of type `ty`, if so.
fn why_none(
    context: &Context<'_>,
    terms: &mut Terms,
    state: &State,
    term: Term,
    ty: Type,
) -> Option<NonReference> {
    if let Some(bits) = terms.bits(term) {
        // Null is 0, and i31s are odd, of the references that are indices into a heap.
        let is_none = bits != 0 && (bits % 2 == 0 || ty != types::I32);
        return is_none.then_some(NonReference::Constant(bits as i64));
    }
    if state.is_vouched(term) || state.known.is_unboxed(terms, term) {
        return None;
    }
    if ty == types::I32 && can_be_even(context, terms, state, term) {
        return Some(NonReference::Scalar);
    }
    match terms.shape(term).clone() {
        Shape::Atom(atom) => match atom.kind {
            AtomKind::Value(value) | AtomKind::Immortal(value) => {
                why_no_reference_by_fact(context, value)
            }
            AtomKind::Moved(_) | AtomKind::Unset | AtomKind::Vague => None,
        },
        Shape::Slot(_) => Some(NonReference::Address),
        Shape::Constant(_) => None,
        Shape::Compare(..) => None,
        Shape::Apply {
            opcode:
                Opcode::FuncAddr | Opcode::SymbolValue | Opcode::TlsValue | Opcode::DynamicStackAddr,
            ..
        } => Some(NonReference::Address),
        Shape::Apply {
            opcode: Opcode::Popcnt | Opcode::Clz | Opcode::Ctz | Opcode::Cls,
            ..
        } => Some(NonReference::Scalar),
        Shape::Apply { .. } | Shape::Select { .. } => state
            .has_reference_in(terms, term)
            .then_some(NonReference::Derived),
        // NB: What is zero before its most significant byte may be what is left of a reference by a cast.
        Shape::Bytes(_) if terms.unextended(term).is_some() => state
            .has_reference_in(terms, term)
            .then_some(NonReference::Partial),
        Shape::Bytes(_) => Some(NonReference::Partial),
        Shape::Sum { ref parts, .. } => {
            let is_address = |&(part, _): &(Term, u64)| matches!(terms.shape(part), Shape::Slot(_));
            if parts.iter().any(is_address) {
                return Some(NonReference::Address);
            }
            state
                .has_reference_in(terms, term)
                .then_some(NonReference::Derived)
        }
    }
}

/// Is `term` computed of scalars alone, and is there a word for these, which the path does not exclude, for which it is even
/// and not null?
fn can_be_even(context: &Context<'_>, terms: &mut Terms, state: &State, term: Term) -> bool {
    if let Some(atom) = terms.as_atom(term)
        && let AtomKind::Value(value) | AtomKind::Immortal(value) = atom.kind
        && context.func.dfg.gc_info.fact(value).is_some()
    {
        return false;
    }
    let mut atoms = BTreeMap::new();
    let mut pending = vec![term];
    let mut seen = BTreeSet::new();
    while let Some(part) = pending.pop() {
        if !seen.insert(part) {
            continue;
        }
        if let Some(atom) = terms.as_atom(part) {
            let (AtomKind::Value(value) | AtomKind::Immortal(value)) = atom.kind else {
                return false;
            };
            let Some(bits) = scalar_bits(context.func, value, &|of| context.is_number(of)) else {
                return false;
            };
            atoms.insert(part, bits);
        } else if let Shape::Select { condition, .. } = *terms.shape(part) {
            pending.push(condition);
        }
        if let Shape::Slot(_) = terms.shape(part) {
            return false;
        }
        pending.extend(terms.children(part));
    }
    if atoms.is_empty() {
        return false;
    }
    SAMPLES.iter().chain(&[0]).any(|&sample| {
        let words: BTreeMap<Term, u64> = atoms
            .iter()
            .map(|(&atom, &bits)| (atom, sample & bits))
            .collect();
        let no_truths = BTreeMap::new();
        let number = terms.replaced(term, &mut Replacement::new(&words, &no_truths));
        let is_even = terms
            .bits(number)
            .is_some_and(|bits| bits != 0 && bits % 2 == 0);
        is_even && {
            let mut known = state.known.clone();
            let can_be = words.iter().all(|(&atom, &word)| {
                let word = terms.constant(terms.width(atom), word.into());
                let is_it = terms.compare(IntCC::Equal, atom, word);
                known.assume(terms, is_it, true)
            });
            can_be && known.is_consistent(terms)
        }
    })
}

/// The same of a value that came from elsewhere.
fn why_no_reference_by_fact(context: &Context<'_>, value: Value) -> Option<NonReference> {
    let ty = context.func.dfg.value_type(value);
    match ty.is_int() {
        true if context.is_number(value) => Some(NonReference::Scalar),
        true => why_no_reference_by_making(context.func, value),
        false => Some(NonReference::StoredType(ty)),
    }
}

fn proof(state: &State) -> Box<Proof> {
    Box::new(Proof {
        blocks: state.path.clone(),
        safepoints: Vec::new(),
        is_root: false,
        values: Vec::new(),
        same: Vec::new(),
        why: None,
        store: None,
    })
}

fn stale_proof(terms: &Terms, state: &State, stale: &Stale) -> Box<Proof> {
    let mut found = proof(state);
    let at = |index: usize| {
        let passed = &state.passed[index];
        (passed.inst, passed.position as usize)
    };
    found.is_root = stale.is_root;
    found.safepoints = match stale.is_root {
        true => (stale.birth as usize..state.passed.len()).map(at).collect(),
        false => state.safepoints_without(stale).map(at).collect(),
    };
    for (value, term, position) in state.values() {
        if contains(terms, term, stale.term) || contains(terms, term, stale.root) {
            found.values.push((value, position as usize));
            if term == stale.term || term == stale.root {
                found.same.push(value);
            }
        }
    }
    found
}
