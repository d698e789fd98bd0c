//! What an address is made of.
//!
//! **Claim.** The terms of an address are all the references that it is made of.
//!
//! **Strength.** Sums are followed with their signs: what is added and taken away again is no term. Of a
//! choice, each arm is a term, with the condition that chooses it; a choice of references that is such an arm
//! is one term. What is loaded from a stack slot is what was stored there. Through operations that are not
//! followed, all operands that have to do with references are terms, none of which is certain.
//!
//! A block parameter that is an address stands for the reference that is handed on with it, if each edge into
//! the block hands on an address of just that reference. Otherwise it stands for all references that any edge
//! hands on.
//!
//! **Math.** With `T(a)` the terms of `a`, as multisets with signs: `T(a ± b) = T(a) ± T(b)`; `T(select c, a,
//! b)` is `T(a)` where `c` holds, and `T(b)` where it does not; `T(r) = {r}` for a reference `r`; `T(x) = ∅`
//! for a value that has to do with none.

use crate::analysis::provenance::{Class, Values};
use crate::finding::report::Unjudged;
use crate::ir::cfg::{Cfg, Node, constant};
use crate::ir::instruction::{Kind, passed_on};
use crate::ir::view::{BlockPass, Body, Def};
use cranelift_codegen::ir::{Function, GcFact, Inst, Value, ValueDef, types};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// A reference, or an integer that may be one, in an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) value: Value,
    /// How often it is added.
    pub(super) times: i32,
    /// It is in the address only where this condition holds, or does not.
    pub(crate) chosen: Option<(Value, bool)>,
    /// Where a branch hands it on to the block of an address that is a parameter, if one does.
    pub(crate) handed_on: Option<(Inst, Node)>,
    /// Is it in the address for certain, then?
    pub(crate) is_certain: bool,
}

/// More values than an address is made of.
const MAX_VALUES: usize = 1 << 10;

/// Parameters of parameters are not followed deeper than that.
const MAX_DEPTH: u32 = 16;

/// The terms of one address after the other.
pub(crate) struct Terms<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    body: &'a Body,
    values: &'a Values,
    terms: SmallVec<[Term; 4]>,
    /// Why some of the address is not known.
    pub(crate) why: Option<Unjudged>,
    pending: Vec<Term>,
    params: BTreeMap<Value, Stands>,
}

/// What a block parameter that is an address stands for.
#[derive(Clone, Debug)]
enum Stands {
    /// It is being found out.
    Open,
    /// This reference, which is a parameter of the same block.
    Twin(Value),
    /// Whatever is handed on there.
    Sources(Vec<Source>),
    /// It is not known.
    Unknown,
}

/// A reference that a way into a block hands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Source {
    value: Value,
    at: (Inst, Node),
}

impl<'a> Terms<'a> {
    /// Nothing was asked for yet.
    pub(crate) fn new(
        func: &'a Function,
        cfg: &'a Cfg,
        body: &'a Body,
        values: &'a Values,
    ) -> Self {
        Terms {
            func,
            cfg,
            body,
            values,
            terms: SmallVec::new(),
            why: None,
            pending: Vec::new(),
            params: BTreeMap::new(),
        }
    }

    /// Those that were found last.
    pub(crate) fn all(&self) -> &[Term] {
        &self.terms
    }

    /// Are there none?
    pub(crate) fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }

    /// Find those of `addr`, which must not be an alias, in place of what was there.
    pub(crate) fn find(&mut self, addr: Value) {
        self.find_of(addr, MAX_DEPTH);
    }

    fn find_of(&mut self, addr: Value, depth: u32) {
        self.terms.clear();
        self.why = None;
        self.pending.clear();
        self.pending.push(Term {
            value: addr,
            times: 1,
            chosen: None,
            handed_on: None,
            is_certain: true,
        });
        let mut left = MAX_VALUES;
        while let Some(term) = self.pending.pop() {
            left -= 1;
            if left == 0 {
                self.why = Some(Unjudged::LongAddress);
                break;
            }
            self.visit(term, depth);
        }
        self.terms.retain(|term| term.times != 0);
    }

    fn visit(&mut self, term: Term, depth: u32) {
        let Term { value, .. } = term;
        match self.func.dfg.gc_info.fact(value) {
            Some(GcFact::Ref { .. }) if self.is_choice(value) => {}
            Some(GcFact::Ref { .. }) => return self.add(term),
            // NB: What it is computed of is there to see.
            Some(GcFact::Derived { .. }) if self.is_made_of_references(value) => {}
            Some(GcFact::Derived { base }) => {
                let base = self.body.resolve(self.func, base);
                let is_there = self.func.dfg.value_type(base) != types::INVALID;
                if base != value && is_there {
                    self.push(term, base);
                }
                return;
            }
            Some(GcFact::HeapBase) => return,
            // NB: That it has nothing to do with references is not believed.
            Some(GcFact::Scalar) | None => {}
        }
        if self.values.class(value) == Class::Payload {
            // NB: It is a number.
            return;
        }
        match self.body.def(value) {
            Def::Param => self.param(term, depth),
            Def::Item(index) => {
                let item = self.body.items()[index as usize];
                if item.kind.is(Kind::MAKES) {
                    self.made(term, item.inst, item.kind);
                } else if item.kind.is(Kind::CALLS.or(Kind::LOADS)) {
                    self.loaded(term);
                }
            }
            Def::Elsewhere => {}
        }
    }

    /// Is `value` computed of something that is a reference, or has to do with one?
    fn is_made_of_references(&self, value: Value) -> bool {
        let Def::Item(index) = self.body.def(value) else {
            return false;
        };
        let item = &self.body.items()[index as usize];
        let mut operands = passed_on(self.func, item.inst).operands().into_iter();
        item.kind.is(Kind::MAKES)
            && operands.any(|operand| {
                self.values.class(self.body.resolve(self.func, operand)) > Class::Payload
            })
    }

    /// Is `value` a choice between two that are not constants?
    fn is_choice(&self, value: Value) -> bool {
        let inst = self.func.dfg.value_def(value).inst();
        inst.is_some_and(|inst| {
            let kind = Kind::of_inst(self.func, inst);
            kind.is(Kind::SAME) && kind.is(Kind::ADDS_UP) && self.arms(inst).len() == 2
        })
    }

    /// The arms of a choice that are not constants, each with whether the condition holds.
    fn arms(&self, inst: Inst) -> SmallVec<[(Value, bool); 2]> {
        let [_, yes, no] = *self.func.dfg.inst_args(inst) else {
            return SmallVec::new();
        };
        let [yes, no] = [yes, no].map(|arm| self.body.resolve(self.func, arm));
        let is_variable = |&(arm, _): &(Value, bool)| constant(self.func, arm).is_none();
        match yes == no {
            true => SmallVec::from_slice(&[(yes, true)]),
            false => [(yes, true), (no, false)]
                .into_iter()
                .filter(is_variable)
                .collect(),
        }
    }

    /// Does it depend on the condition of the choice `inst` what is accessed, where an access of the result does not trap?
    ///
    /// A bounds check puts null in place of an address.
    fn is_between_two(&self, inst: Inst) -> bool {
        let [_, yes, no] = *self.func.dfg.inst_args(inst) else {
            return false;
        };
        let [yes, no] = [yes, no].map(|arm| self.body.resolve(self.func, arm));
        let is_null = |arm| constant(self.func, arm) == Some(0);
        let is_reference = self.func.dfg.value_type(yes) == types::I32;
        yes != no && (is_reference || !is_null(yes) && !is_null(no))
    }

    /// The parts of what `inst` makes.
    fn made(&mut self, term: Term, inst: Inst, kind: Kind) {
        let args = self.func.dfg.inst_args(inst);
        if kind.is(Kind::OPAQUE) {
            for &arg in args {
                let arg = self.body.resolve(self.func, arg);
                if self.values.class(arg) > Class::Payload {
                    let is_certain = false;
                    self.push(Term { is_certain, ..term }, arg);
                }
            }
        } else if kind.is(Kind::SAME) && args.len() == 3 {
            let condition = self.body.resolve(self.func, args[0]);
            let arms = self.arms(inst);
            let is_choice = self.is_between_two(inst);
            let is_reference = self.values.class(term.value) == Class::Reference;
            if is_choice && term.chosen.is_some() && is_reference {
                // NB: A choice within a choice is one reference: a guard is on what is chosen in the end.
                let is_certain = false;
                return self.add(Term { is_certain, ..term });
            }
            for &(arm, holds) in &arms {
                let chosen = match (is_choice, term.chosen) {
                    (false, chosen) => chosen,
                    (true, None) => Some((condition, holds)),
                    (true, chosen) => chosen,
                };
                // NB: Of a choice of addresses within a choice, one condition is told.
                let is_certain = term.is_certain && (!is_choice || term.chosen.is_none());
                let term = Term {
                    chosen,
                    is_certain,
                    ..term
                };
                self.push(term, arm);
            }
        } else {
            let is_subtraction = kind.is(Kind::SUBTRACTS);
            for (index, &arg) in args.iter().enumerate() {
                let arg = self.body.resolve(self.func, arg);
                let times = match is_subtraction && index == 1 {
                    true => -term.times,
                    false => term.times,
                };
                self.push(Term { times, ..term }, arg);
            }
        }
    }

    /// What comes from memory, or from a callee.
    fn loaded(&mut self, term: Term) {
        let found = self.values.reshaped.get(term.value);
        if let Some(stored) = found.and_then(|found| found.whole()) {
            self.push(term, stored);
        } else if self.func.dfg.value_type(term.value) == types::I32
            || self.values.class(term.value) == Class::Reference
        {
            self.add(term);
        } else if self.values.class(term.value) > Class::Payload {
            self.why = Some(Unjudged::UnknownAddress);
        }
    }

    fn push(&mut self, term: Term, value: Value) {
        self.pending.push(Term { value, ..term });
    }

    fn add(&mut self, term: Term) {
        let same = |other: &&mut Term| {
            let Term {
                value,
                times: _,
                chosen,
                handed_on,
                is_certain,
            } = **other;
            (value, chosen, handed_on, is_certain)
                == (term.value, term.chosen, term.handed_on, term.is_certain)
        };
        match self.terms.iter_mut().find(same) {
            Some(other) => other.times += term.times,
            None => self.terms.push(term),
        }
    }

    // --- Block parameters ------------------------------------------------------------------

    fn param(&mut self, term: Term, depth: u32) {
        let value = term.value;
        let class = self.values.class(value);
        if class <= Class::Payload {
            if self.func.dfg.value_type(value) == types::I32 {
                self.add(term);
            }
            return;
        }
        match self.stands(value, depth) {
            // NB: It is asked for while that is being found out, and adds nothing to it.
            Stands::Open => {}
            Stands::Twin(twin) => self.push(term, twin),
            Stands::Sources(sources) => {
                let is_alone = sources
                    .iter()
                    .all(|source| source.value == sources[0].value);
                for Source { value, at } in sources {
                    let handed_on = match is_alone {
                        true => term.handed_on,
                        false => Some(at),
                    };
                    self.add(Term {
                        value,
                        handed_on,
                        ..term
                    });
                }
            }
            Stands::Unknown if class == Class::Reference => self.add(term),
            Stands::Unknown => self.why = Some(Unjudged::BlockParameter),
        }
    }

    /// What the parameter `param` stands for.
    fn stands(&mut self, param: Value, depth: u32) -> Stands {
        if let Some(known) = self.params.get(&param) {
            return known.clone();
        }
        let Some(depth) = depth.checked_sub(1) else {
            return Stands::Unknown;
        };
        self.params.insert(param, Stands::Open);
        // NB: The walk that is under way goes on afterwards.
        let terms = core::mem::take(&mut self.terms);
        let pending = core::mem::take(&mut self.pending);
        let why = self.why.take();
        let stands = self.find_param(param, depth).unwrap_or(Stands::Unknown);
        (self.terms, self.pending, self.why) = (terms, pending, why);
        self.params.insert(param, stands.clone());
        stands
    }

    fn find_param(&mut self, param: Value, depth: u32) -> Option<Stands> {
        let ValueDef::Param(block, _) = self.func.dfg.value_def(param) else {
            return None;
        };
        // NB: What the callers pass comes along no edge.
        let node = self.cfg.node(block).filter(|&node| node != 0)?;
        let (cfg, body) = (self.cfg, self.body);
        let mut froms: Vec<Node> = cfg.preds(node).map(|edge| edge.from).collect();
        let edges = froms.len();
        froms.sort_unstable();
        froms.dedup();
        let mut twins: SmallVec<[Value; 4]> = self
            .func
            .dfg
            .block_params(block)
            .iter()
            .copied()
            .filter(|&other| {
                other != param
                    && (self.is_typed(other) || self.values.class(other) == Class::Reference)
            })
            .collect();
        let mut sources = Vec::new();
        let mut passed = 0;
        for from in froms {
            let at = (self.func.layout.last_inst(cfg.block(from))?, from);
            let passes = body.passed_from(from);
            for (index, pass) in passes.iter().enumerate() {
                if pass.param != param {
                    continue;
                }
                passed += 1;
                let is_own = pass.arg == param || self.is_made_of(pass.arg, param);
                self.find_of(pass.arg, depth);
                if self.why.is_some() || self.terms.iter().any(|term| term.times != 1) {
                    return None;
                }
                let only = match self.terms[..] {
                    [Term { value, .. }] if !is_own => Some(value),
                    _ => None,
                };
                let edge = edge_of(passes, index);
                twins.retain(|&mut twin| {
                    let arg = edge.iter().find(|pass| pass.param == twin);
                    arg.is_some_and(|pass| match is_own {
                        true => pass.arg == twin,
                        false => Some(pass.arg) == only,
                    })
                });
                let found = self.terms.iter().map(|term| Source {
                    value: term.value,
                    at: term.handed_on.unwrap_or(at),
                });
                sources.extend(found);
            }
        }
        // The results of a call are no one's value yet.
        if passed != edges {
            return None;
        }
        if let Some(&twin) = twins.first() {
            return Some(Stands::Twin(twin));
        }
        sources.dedup();
        let is_known = |source: &Source| self.is_typed(source.value);
        (!sources.is_empty() && sources.iter().all(is_known)).then_some(Stands::Sources(sources))
    }

    /// Is it known what kind of reference `value` is?
    fn is_typed(&self, value: Value) -> bool {
        let info = &self.func.dfg.gc_info;
        matches!(info.fact(value), Some(GcFact::Ref { .. })) || info.new_object(value).is_some()
    }

    /// Is `value` `of`, with something added?
    fn is_made_of(&self, value: Value, of: Value) -> bool {
        let mut pending = vec![value];
        let mut left = MAX_VALUES;
        while let Some(value) = pending.pop() {
            left -= 1;
            if value == of || left == 0 {
                return true;
            }
            if let Def::Item(index) = self.body.def(value) {
                let item = &self.body.items()[index as usize];
                if item.kind.is(Kind::PASSES) {
                    let operands = self.body.operands(item);
                    pending.push(operands[0]);
                    if operands[1] != operands[0] {
                        pending.push(operands[1]);
                    }
                }
            }
        }
        false
    }
}

/// Those of `passes`, all of one block, that are made along the same edge as the one at `index`.
///
/// They come edge after edge, and in each in the order of the parameters.
fn edge_of(passes: &[BlockPass], index: usize) -> &[BlockPass] {
    let to = passes[index].to;
    let follows =
        |pair: &[BlockPass]| pair[0].to == to && pair[1].to == to && pair[0].param < pair[1].param;
    let mut start = index;
    while start > 0 && follows(&passes[start - 1..=start]) {
        start -= 1;
    }
    let mut end = index + 1;
    while end < passes.len() && follows(&passes[end - 1..=end]) {
        end += 1;
    }
    &passes[start..end]
}
