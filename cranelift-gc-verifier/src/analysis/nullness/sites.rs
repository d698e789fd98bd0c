//! Dereferences, and the instructions that may guard them.
//!
//! **Claim.** A site is a load or store whose address is a sum, or a choice between such sums, of
//! which one term is a reference by its fact.
//!
//! **Strength.** An address that arrives as a block parameter, or of two references, or of a choice between a
//! reference and something else, is no site: of a choice, a guard on what was chosen is enough. The latter, and
//! an address of something that was declared a reference and has no fact, is counted.
//!
//! **Math.** The address is `Σ tᵢ` over `iadd`, `uextend` and `uadd_overflow_trap`, or one of two such sums; the reference is the
//! `tᵢ` whose fact is a reference.

use crate::analysis::nullness::proofs::Proofs;
use crate::analysis::provenance::{Class, Values};
use crate::finding::hazard::Hazards;
use crate::ir::cfg::{Cfg, Node, constant};
use crate::ir::instruction::Kind;
use crate::ir::view::{Body, Def};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Function, GcFact, Inst, Value, ValueDef, types};
use cranelift_codegen::packed_option::PackedOption;
use smallvec::SmallVec;

/// A dereference that its reference's type alone does not allow.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site {
    pub(crate) inst: Inst,
    pub(crate) node: Node,
    /// The reference.
    pub(crate) reference: Value,
    /// What the reference may be by its type, or what was guarded against before.
    pub(crate) hazards: Hazards,
    /// Was it guarded before the pass?
    pub(crate) was_guarded: bool,
    /// A `trapz` of just this reference that dominates the site.
    pub(crate) has_trapz: bool,
}

/// What one walk over a function finds.
pub(crate) struct Sites {
    /// In reverse post-order.
    pub(crate) open: Vec<Site>,
    /// The dereferences that the type allows, with their references.
    pub(crate) typed: Vec<(Inst, Value)>,
    /// The number of dereferences that nothing can be said about.
    pub(crate) unjudged: u64,
}

/// The first and the last `trapz` of a value, up to now.
type Trapz = [PackedOption<Inst>; 2];

impl Sites {
    /// Find those of `func`.
    pub(crate) fn new(
        func: &Function,
        cfg: &Cfg,
        body: &Body,
        values: &Values,
        proofs: &Proofs,
    ) -> Self {
        let mut sites = Sites {
            open: Vec::new(),
            typed: Vec::new(),
            unjudged: 0,
        };
        let mut trapz = SecondaryMap::<Value, Trapz>::new();
        let mut terms = Terms::default();
        for node in cfg.nodes() {
            for item in body.items_of(node) {
                let inst = item.inst;
                if item.kind.is(Kind::TRAPS_ON_ZERO) {
                    let [arg, _] = body.operands(item);
                    if trapz.keys().len() == 0 {
                        trapz.resize(func.dfg.num_values());
                    }
                    note_trapz(&mut trapz[arg], inst);
                } else if let Some(access) = body.access(item) {
                    terms.find(func, body, access.addr);
                    let proof = proofs.get(inst);
                    if terms.values.is_empty() && proof.is_none() {
                        continue;
                    }
                    let open = sites.judge(func, inst, values, &terms, proof);
                    if let Some((reference, hazards)) = open {
                        sites.open.push(Site {
                            inst,
                            node,
                            reference,
                            hazards,
                            was_guarded: proof.is_some(),
                            has_trapz: is_trapz_before(func, cfg, &trapz[reference], node),
                        });
                    }
                }
            }
        }
        sites
    }

    /// The reference among the terms of an address, and what it may be, if that needs a guard.
    fn judge(
        &mut self,
        func: &Function,
        inst: Inst,
        values: &Values,
        terms: &Terms,
        proof: Option<(Value, Hazards)>,
    ) -> Option<(Value, Hazards)> {
        let hazards = |value| func.dfg.gc_info.fact(value).and_then(Hazards::of);
        let is_choice = terms.is_choice;
        let terms = terms.values.as_slice();
        let mut of_fact = terms
            .iter()
            .filter_map(|&term| Some((term, hazards(term)?)));
        let first = of_fact.next();
        if of_fact.next().is_some() || is_choice && first.is_some() {
            self.unjudged += 1;
            return None;
        }
        let (reference, hazards) = match (first, proof) {
            // What the pass put in place of the reference may have a weaker type.
            (Some((term, by_type)), Some((_, guarded))) => (term, by_type.and(guarded)),
            (Some(found), None) => found,
            (None, Some((old, guarded))) => {
                // What the pass replaced everywhere is there no more.
                let is_there = func.dfg.value_type(old) != types::INVALID;
                let old = is_there.then(|| func.dfg.resolve_aliases(old));
                let is_constant = old.is_some_and(|old| constant(func, old).is_some());
                let term = match (old, terms) {
                    (Some(old), _) if terms.contains(&old) => old,
                    // NB: What is left where null took its place is an index, say.
                    (_, &[term]) if !is_constant && can_be_reference(func, term) => term,
                    _ => {
                        self.unjudged += 1;
                        return None;
                    }
                };
                (term, guarded)
            }
            (None, None) => {
                if terms
                    .iter()
                    .any(|&term| values.class(term) == Class::Reference)
                {
                    self.unjudged += 1;
                }
                return None;
            }
        };
        if hazards.is_empty() {
            self.typed.push((inst, reference));
            return None;
        }
        if !is_opaque(func, reference) {
            self.unjudged += 1;
            return None;
        }
        Some((reference, hazards))
    }
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
        ValueDef::Result(inst, _) => {
            let opcode = func.dfg.insts[inst].opcode();
            opcode.is_call() || opcode.can_load()
        }
        ValueDef::Union(..) => false,
    }
}

/// How many values of an address are looked at.
const MAX_TERMS: usize = 24;

/// The terms of an address that can be references: of 32 bits.
#[derive(Default)]
struct Terms {
    values: SmallVec<[Value; 4]>,
    /// Is there a choice between terms of which neither is a constant?
    is_choice: bool,
    pending: Vec<Value>,
}

impl Terms {
    /// Find those of `addr`, which must not be an alias, in place of what was there.
    fn find(&mut self, func: &Function, body: &Body, addr: Value) {
        self.values.clear();
        self.is_choice = false;
        self.pending.clear();
        self.pending.push(addr);
        for _ in 0..MAX_TERMS {
            let Some(value) = self.pending.pop() else {
                break;
            };
            if func.dfg.gc_info.fact(value).is_some() {
                self.add(value);
                continue;
            }
            let def = body.def(value);
            let mut is_opaque = def == Def::Param;
            if let Def::Item(index) = def {
                let item = &body.items()[index as usize];
                if item.kind.is(Kind::ADDS_UP) {
                    let [a, b] = body.operands(item);
                    // NB: Of what adds up, what hands on its operands as they are is a choice.
                    self.is_choice |= item.kind.is(Kind::SAME)
                        && a != b
                        && constant(func, a).is_none()
                        && constant(func, b).is_none();
                    self.pending.push(a);
                    if a != b {
                        self.pending.push(b);
                    }
                    continue;
                }
                is_opaque = item.kind.is(Kind::CALLS.or(Kind::LOADS));
            }
            if is_opaque && func.dfg.value_type(value) == types::I32 {
                self.add(value);
            }
        }
    }

    fn add(&mut self, value: Value) {
        if !self.values.contains(&value) {
            self.values.push(value);
        }
    }
}
