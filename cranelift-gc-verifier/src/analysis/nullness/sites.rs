//! Dereferences, and the references that they rely on.
//!
//! **Claim.** Every access whose address has to do with a reference is a dereference. For each there is a site
//! for every reference that it may dereference, or a reason why there is none.
//!
//! **Strength.** What an address is made of is followed through sums, choices, stack slots and block parameters
//! ([`Terms`]). A site is *certain* if the access dereferences the reference whenever it is executed and, of a
//! choice, the reference was chosen. Of an address that is computed in a way that is not followed, a guard on
//! each reference in it is enough, and where there is none nothing certain can be said.
//!
//! **Math.** The address is a sum of terms `Σ tᵢ`, or one of several such sums. The references are those `tᵢ`
//! that have a fact, or whose class is that of a reference. What they may be is what their facts allow, or what
//! the producer says that they are given.

use super::proofs::Proofs;
use super::terms::{Term, Terms};
use crate::analysis::kind::given::given_to;
use crate::analysis::provenance::{Class, Values};
use crate::finding::hazard::Hazards;
use crate::finding::report::Unjudged;
use crate::ir::cfg::{Cfg, Node, constant};
use crate::ir::instruction::Kind;
use crate::ir::view::{Body, Def};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Function, GcFact, Inst, Value, ValueDef, types};
use cranelift_codegen::packed_option::PackedOption;

/// A dereference that its reference's type alone does not allow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) inst: Inst,
    /// Where the guards must have been passed: at the dereference, or where a branch hands the reference on.
    pub(crate) at: Inst,
    /// The node of that.
    pub(crate) node: Node,
    /// The reference.
    pub(crate) reference: Value,
    /// What the reference may be by its type, or what was guarded against before.
    pub(crate) hazards: Hazards,
    /// Was it guarded before the pass?
    pub(crate) was_guarded: bool,
    /// A `trapz` of just this reference that dominates the site.
    pub(crate) has_trapz: bool,
    /// The reference is dereferenced only where this condition holds, or does not.
    pub(crate) chosen: Option<(Value, bool)>,
    /// Is it dereferenced for certain, then?
    pub(crate) is_certain: bool,
    /// Is its type known, or what it was guarded against?
    pub(crate) has_type: bool,
}

/// What one walk over a function finds.
#[derive(Default)]
pub(crate) struct Sites {
    /// In reverse post-order.
    pub(crate) open: Vec<Site>,
    /// The dereferences that the type allows, with their references.
    pub(crate) typed: Vec<(Inst, Value)>,
    /// The dereferences that nothing can be said about.
    pub(crate) unjudged: Vec<(Inst, Unjudged)>,
}

/// The first and the last `trapz` of a value, up to now.
type Trapz = [PackedOption<Inst>; 2];

/// What it takes to find them.
struct Finder<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    body: &'a Body,
    values: &'a Values,
    trapz: SecondaryMap<Value, Trapz>,
    sites: Sites,
}

impl Sites {
    /// Find those of `func`.
    pub(crate) fn new(
        func: &Function,
        cfg: &Cfg,
        body: &Body,
        values: &Values,
        proofs: &Proofs,
    ) -> Self {
        let mut finder = Finder {
            func,
            cfg,
            body,
            values,
            trapz: SecondaryMap::new(),
            sites: Sites::default(),
        };
        let mut terms = Terms::new(func, cfg, body, values);
        for node in cfg.nodes() {
            for item in body.items_of(node) {
                let inst = item.inst;
                if item.kind.is(Kind::TRAPS_ON_ZERO) {
                    let [arg, _] = body.operands(item);
                    if finder.trapz.keys().len() == 0 {
                        finder.trapz.resize(func.dfg.num_values());
                    }
                    note_trapz(&mut finder.trapz[arg], inst);
                } else if let Some(access) = body.access(item) {
                    let proof = proofs.get(inst);
                    let is_concerned = values.class(access.addr) > Class::Payload;
                    if proof.is_none()
                        && !is_concerned
                        && is_made_of_nothing(func, body, access.addr)
                    {
                        continue;
                    }
                    terms.find(access.addr);
                    if terms.is_empty() && proof.is_none() && !is_concerned {
                        continue;
                    }
                    let traps = access.flags.trap_code().is_some();
                    finder.judge((inst, node), (is_concerned, traps), &terms, proof);
                }
            }
        }
        finder.sites
    }
}

impl Finder<'_> {
    /// Find the references that `inst`, which may trap, dereferences, and what they may be, if that needs a guard.
    fn judge(
        &mut self,
        (inst, node): (Inst, Node),
        (is_concerned, traps): (bool, bool),
        terms: &Terms,
        proof: Option<(Value, Hazards)>,
    ) {
        let (func, body, values) = (self.func, self.body, self.values);
        // NB: Null is no address, so that an access that can trap of it is its own guard. An index into a heap that
        // is null is none that traps.
        let hazards = |value| {
            if func.dfg.gc_info.new_object(value).is_some() {
                return Some(Hazards::default());
            }
            let fact = fact_of(func, body, values, value)?;
            let of_pointer = || Hazards::of_pointer(fact).filter(|_| !traps);
            Hazards::of(fact).or_else(of_pointer)
        };
        if traps {
            for term in terms.all() {
                let fact = func.dfg.gc_info.fact(term.value);
                if fact.and_then(Hazards::of_pointer).is_some() && term.chosen.is_none() {
                    if self.trapz.keys().len() == 0 {
                        self.trapz.resize(func.dfg.num_values());
                    }
                    note_trapz(&mut self.trapz[term.value], inst);
                }
            }
        }
        let of_fact = terms
            .all()
            .iter()
            .filter_map(|&term| Some((term, hazards(term.value)?)));
        let of_fact: smallvec::SmallVec<[(Term, Hazards); 2]> = of_fact.collect();
        let is_known_before = |by_type: Hazards| match proof {
            // What the pass put in place of the reference may have a weaker type.
            Some((_, guarded)) => by_type.and(guarded),
            None => by_type,
        };
        if let Some(&(first, _)) = of_fact.first() {
            // NB: A sum of several references dereferences something, but which of them is not known.
            let is_sum = of_fact
                .iter()
                .filter(|(term, _)| term.chosen.is_none())
                .count()
                > 1;
            let is_replaced = proof.is_some() && of_fact.len() > 1;
            let mut is_typed = true;
            for &(term, by_type) in &of_fact {
                let hazards = is_known_before(by_type);
                if !hazards.is_empty() {
                    is_typed = false;
                    let term = Term {
                        is_certain: term.is_certain && !is_sum && !is_replaced,
                        ..term
                    };
                    self.add((inst, node), term, hazards, proof.is_some());
                }
            }
            let is_unknown = |term: &Term| {
                hazards(term.value).is_none() && self.values.class(term.value) == Class::Reference
            };
            if terms.all().iter().any(is_unknown) || terms.why.is_some() {
                let why = terms.why.unwrap_or(Unjudged::UnknownType);
                self.sites.unjudged.push((inst, why));
            } else if is_typed {
                self.sites.typed.push((inst, first.value));
            }
            return;
        }
        match proof {
            Some((old, guarded)) => match self.replacement(old, terms) {
                Some(term) if guarded.is_empty() => self.sites.typed.push((inst, term.value)),
                Some(term) => self.add((inst, node), term, guarded, true),
                None => self.sites.unjudged.push((inst, Unjudged::Replaced)),
            },
            None => {
                let is_reference = |term: &&Term| self.values.class(term.value) == Class::Reference;
                let mut references = terms.all().iter().filter(is_reference);
                match (references.next(), references.next(), terms.why) {
                    // NB: It may be anything; it is judged only if it is guarded against all that there is.
                    (Some(&term), None, None) => {
                        let term = Term {
                            is_certain: false,
                            ..term
                        };
                        self.add((inst, node), term, Hazards::all(), false);
                    }
                    (None, ..) if !is_concerned => {}
                    (.., why) => {
                        let why = why.unwrap_or(Unjudged::UnknownType);
                        self.sites.unjudged.push((inst, why));
                    }
                }
            }
        }
    }

    fn add(&mut self, (inst, node): (Inst, Node), term: Term, hazards: Hazards, was_guarded: bool) {
        let func = self.func;
        let reference = term.value;
        let (at, node) = term.handed_on.unwrap_or((inst, node));
        // NB: What is computed may be computed anew for each use: a guard may be on another one.
        let is_one = is_opaque(func, reference);
        self.sites.open.push(Site {
            inst,
            at,
            node,
            reference,
            hazards,
            was_guarded,
            has_trapz: term.handed_on.is_none()
                && is_trapz_before(func, self.cfg, &self.trapz[reference], node),
            chosen: term.chosen,
            is_certain: term.is_certain && term.handed_on.is_none() && is_one,
            has_type: was_guarded || fact_of(func, self.body, self.values, reference).is_some(),
        });
    }

    /// What stands for the reference `old` that was dereferenced before the pass, and has no type.
    fn replacement(&self, old: Value, terms: &Terms) -> Option<Term> {
        let func = self.func;
        // What the pass replaced everywhere is there no more.
        let is_there = func.dfg.value_type(old) != types::INVALID;
        let old = is_there.then(|| func.dfg.resolve_aliases(old));
        let is_constant = old.is_some_and(|old| constant(func, old).is_some());
        let mut all = terms.all().iter();
        let same = all.find(|term| Some(term.value) == old);
        match (same, terms.all()) {
            (Some(term), _) => Some(*term),
            // NB: What is left where null took its place is an index, say.
            (None, [term]) if !is_constant && can_be_reference(func, term.value) => Some(*term),
            (None, _) => None,
        }
        .filter(|term| is_opaque(func, term.value))
    }
}

/// Does the address `addr` certainly have no terms, as those of slots, of which most accesses are?
fn is_made_of_nothing(func: &Function, body: &Body, addr: Value) -> bool {
    let is_made = match body.def(addr) {
        Def::Elsewhere => false,
        Def::Param => func.dfg.value_type(addr) == types::I32,
        Def::Item(_) => true,
    };
    !is_made && func.dfg.gc_info.fact(addr).is_none()
}

/// What `value` is, by its fact, or by what it is given.
fn fact_of(func: &Function, body: &Body, values: &Values, value: Value) -> Option<GcFact> {
    func.dfg.gc_info.fact(value).or_else(|| {
        // NB: What is asked for is a reference; few have no fact.
        let is_reference = values.class(value) == Class::Reference;
        is_reference.then(|| given_to(func, body, value)).flatten()
    })
}

fn note_trapz(trapz: &mut Trapz, inst: Inst) {
    if trapz[0].is_none() {
        trapz[0] = inst.into();
    }
    trapz[1] = inst.into();
}

/// Does one of these, found before the site in this walk, dominate it?
fn is_trapz_before(func: &Function, cfg: &Cfg, trapz: &Trapz, node: Node) -> bool {
    trapz.iter().any(|inst| {
        let guard = inst.expand().and_then(|inst| cfg.node_of_inst(func, inst));
        guard.is_some_and(|guard| guard == node || cfg.dominates(guard, node))
    })
}

/// Is it not known that `value` is something else?
fn can_be_reference(func: &Function, value: Value) -> bool {
    let is_other = match func.dfg.gc_info.fact(value) {
        Some(GcFact::Ref { .. }) | None => false,
        Some(GcFact::Scalar | GcFact::HeapBase | GcFact::Derived { .. }) => true,
    };
    !is_other && func.dfg.value_type(value) == types::I32
}

/// Is `value` made in one place, so that a guard on it and a use of it are of one value?
///
/// The optimizer may compute a pure value anew for each.
pub(crate) fn is_opaque(func: &Function, value: Value) -> bool {
    match func.dfg.value_def(value) {
        ValueDef::Param(..) => true,
        ValueDef::Result(inst, _) => Kind::of_inst(func, inst).is(Kind::CALLS.or(Kind::LOADS)),
        ValueDef::Union(..) => false,
    }
}
