//! Whether what arrives at a typed position is what is relied upon there (GCV11, GCV12).
//!
//! **Claim.** Of every position that is judged: what arrives is of the position's kind and nullability, by its type, by what
//! makes it, or by a test that dominates the position; or there is a path on which something else gets there, and it is
//! returned.
//!
//! **Strength.** Positions are what the producer declares, or says by facts: arguments and results of calls, what the function
//! returns, block parameters and other values with a fact, fields and other memory that holds references, and the objects that
//! accesses take theirs for. Tests are of null, of i31 and of the object's type, whichever instructions make
//! them. Where neither a proof nor a path is found, the position is inconclusive.
//!
//! **Math.** Let `S` be all that may arrive (see [`kind`](crate::analysis::kind)), and `P` what the position allows. It is
//! right if `S ⊆ P`. For a thing in `S` and not in `P`, a path is sought from where it comes into being
//! (see [`path`]).

mod bits;
mod found;
mod handed_on;
mod header;
mod made;
mod variables;

use self::found::{Found, Position};
use super::fact::contradiction;
use crate::analysis::facts::Facts;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::field::{field_of, held, kind_of_object};
use crate::analysis::kind::given::given_to;
use crate::analysis::kind::path::Target;
use crate::analysis::kind::thing::{Fits, Things, Universe, fits, named_types};
use crate::analysis::kind::{Kinds, Source, is_in_heap, object_of};
use crate::analysis::nullness::eval::is_loaded;
use crate::analysis::origin::Origin;
use crate::analysis::provenance::Class;
use crate::analysis::slots::{Hold, Slots};
use crate::analysis::sources::is_zero;
use crate::evidence::arrival::{self, Arrival};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, is_not_repeated};
use crate::finding::error::GcError;
use crate::finding::report::Inconclusive;
use crate::finding::typed::{Thing, TypeBroken, Typed};
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::{Cfg, Edge, Node, constant, destinations};
use crate::ir::gc_info::accessed_kind;
use crate::ir::instruction::{Access, Kind, Stored, stored_by};
use crate::ir::view::{Body, Item};
use cranelift_codegen::FxHashSet;
use cranelift_codegen::ir::{
    BlockArg, Function, GcCollector, GcFact, GcField, GcHeapType, GcKind, GcNullability, Inst,
    InstructionData, Value, ValueDef, types,
};
use made::{is_computed_otherwise, is_made_of_reference, references_of, word_of};

/// Judge the positions of a function.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let found = positions(facts);
    let judged = found.errors.len() + found.inconclusive.len();
    findings.counts.positions += judged as u64 + found.typed + found.proved + found.unjudged;
    findings.counts.positions_typed += found.typed;
    findings.counts.positions_proved += found.proved;
    findings.counts.positions_unjudged += found.unjudged;
    findings.inconclusive.extend(found.inconclusive);
    findings.extend(found.errors);
}

fn positions(facts: &Facts) -> Found {
    let (func, cfg, body) = (facts.func, &facts.cfg, &*facts.body);
    let mut found = Found::default();
    let info = &func.dfg.gc_info;
    let is_typed = info.facts().next().is_some()
        || info.signatures().next().is_some()
        || !info.own_signature().is_empty();
    if !is_typed {
        return found;
    }
    let mut open = Vec::new();
    let mut positions = Positions {
        func,
        cfg,
        body,
        found: &mut found,
        open: &mut open,
        is_first: !facts.history.proofs.is_later,
    };
    positions.computed();
    positions.reloads(&facts.slots);
    positions.loads(facts);
    for node in cfg.nodes() {
        positions.block(node);
    }
    handed_on::judge(facts, &mut found);
    header::judge_all(facts, &mut found);
    let variables = match facts.history.proofs.is_later {
        true => Default::default(),
        false => variables::variables(facts),
    };
    if !open.is_empty() {
        judge(facts, &open, &variables, &mut found);
    }
    if !variables.is_empty() {
        variables::judge(facts, &variables, &open, &mut found);
    }
    found
}

/// Does `error` name a position of `func` at which that is relied upon, and something that it does not allow?
pub(crate) fn recheck(
    func: &Function,
    cfg: &Cfg,
    error: &TypeBroken,
    steps: &[Step],
) -> Result<(), Flaw> {
    is_not_repeated(steps)?;
    let TypeBroken {
        inst,
        value,
        thing,
        promise,
        what,
    } = *error;
    let universe = Universe::new(&named_types(func)).ok_or("it has too many types")?;
    let number = universe.number(thing).ok_or("there is no such thing")?;
    if universe.of(&func.dfg.gc_info, promise).contains(number) {
        return Err("the position allows it");
    }
    if let Typed::Handed(index) = what {
        return handed_on::recheck(func, &universe, inst, index, promise, number);
    }
    let body = crate::ir::reader::read(func, cfg);
    if what == Typed::Header {
        let checked = header::recheck(func, cfg, &body, &universe, error);
        body.put_back();
        return checked;
    }
    let (mut found, mut open) = (Found::default(), Vec::new());
    let mut positions = Positions {
        func,
        cfg,
        body: &body,
        found: &mut found,
        open: &mut open,
        is_first: true,
    };
    positions.computed();
    if let Some(node) = cfg.node_of_inst(func, inst) {
        positions.block(node);
    }
    let is_it = |position: &Position| {
        (position.inst, position.promise) == (inst, promise) && Some(position.value) == value
    };
    // NB: What a slot holds is asked of the path.
    let is_reload = crate::ir::instruction::access(func, inst).is_some_and(|access| {
        let result = access.result.filter(|_| access.data.is_none());
        result.and_then(|result| func.dfg.gc_info.fact(result)) == Some(promise)
    });
    let is_there = is_reload || open.iter().any(is_it);
    body.put_back();
    is_there.then_some(()).ok_or("there is no such position")
}

/// Collects those that are not right by their types.
struct Positions<'a, 'f> {
    func: &'a Function,
    cfg: &'a Cfg,
    body: &'a Body,
    found: &'f mut Found,
    open: &'f mut Vec<Position>,
    /// Is it what the producer made?
    is_first: bool,
}

impl Positions<'_, '_> {
    /// Say that it is not known what `value` is, which arrives at `inst`.
    fn undecided(&mut self, inst: Inst, value: Value) {
        let undecided = Inconclusive::UndecidedType { inst, value };
        if !self.found.inconclusive.contains(&undecided) {
            self.found.inconclusive.push(undecided);
        }
    }

    fn block(&mut self, node: Node) {
        let func = self.func;
        for item in self.body.items_of(node) {
            self.item(node, item);
        }
        let Some(last) = func.layout.last_inst(self.cfg.block(node)) else {
            return;
        };
        self.passed(node, last);
    }

    fn item(&mut self, node: Node, item: &Item) {
        let func = self.func;
        let info = &func.dfg.gc_info;
        let inst = item.inst;
        if let Some(access) = self.body.access(item) {
            self.access(node, inst, access);
        } else if item.kind.is(Kind::CALLS) {
            self.call(node, inst);
            if item.kind.is(Kind::RETURNS) {
                handed_on::collect(func, node, inst, self.found);
            }
        } else if item.kind.is(Kind::RETURNS) {
            let returns = &info.own_signature().returns;
            for (index, (&arg, &fact)) in func.dfg.inst_args(inst).iter().zip(returns).enumerate() {
                self.arrives(node, inst, arg, fact, Typed::Returned(index as u32));
            }
        }
        if item.kind.is(Kind::SAME)
            && let Some(result) = item.result.expand()
            && let Some(fact) = info.fact(result)
        {
            self.made(node, inst, item, result, fact);
        }
    }

    /// A value with a fact is one of others.
    fn made(&mut self, node: Node, inst: Inst, item: &Item, result: Value, fact: GcFact) {
        let func = self.func;
        let [a, b] = self.body.operands(item);
        let arms = match func.dfg.insts[inst] {
            InstructionData::Ternary { args, .. } => {
                [(a, Some((args[0], true))), (b, Some((args[0], false)))]
            }
            _ => [(a, None), (b, None)],
        };
        let arms = match a == b {
            true => &arms[..1],
            false => &arms[..],
        };
        let ty = func.dfg.value_type(result);
        for &(operand, condition) in arms {
            let operand = word_of(func, self.body, operand);
            match func.dfg.value_type(operand) {
                other if other == ty => {}
                // NB: The payload of an exception is cut to size.
                other if other.bits() > ty.bits() => continue,
                _ if self.is_first && is_made_of_reference(func, self.body, operand) => {
                    self.undecided(inst, result);
                    continue;
                }
                _ => continue,
            }
            let before = self.open.len();
            self.arrives(node, inst, operand, Some(fact), Typed::Made(result));
            if let Some(position) = self.open.get_mut(before) {
                position.condition = condition;
            }
        }
    }

    /// Constants that have facts, and what is computed of references and has one.
    fn computed(&mut self) {
        let (func, cfg) = (self.func, self.cfg);
        for (value, fact) in func.dfg.gc_info.facts() {
            let GcFact::Ref { .. } = fact else { continue };
            let ValueDef::Result(inst, _) = func.dfg.value_def(value) else {
                continue;
            };
            if self.is_first && is_computed_otherwise(func, self.body, value, inst, fact) {
                if cfg.node_of_inst(func, inst).is_some() {
                    self.undecided(inst, value);
                }
                continue;
            }
            // NB: What contradicts its fact is an error of the fact.
            if let InstructionData::UnaryImm { .. } = func.dfg.insts[inst]
                && contradiction(func, value, fact).is_none()
                && let Some(node) = cfg.node_of_inst(func, inst)
            {
                self.open.push(Position {
                    inst,
                    node,
                    value,
                    promise: fact,
                    what: Typed::Made(value),
                    along: None,
                    condition: None,
                    is_one_of_several: false,
                });
            }
        }
    }

    /// What is reloaded is what was stored.
    fn reloads(&mut self, slots: &Slots) {
        let (func, cfg) = (self.func, self.cfg);
        // NB: The optimizer may put an equal value of a weaker type in place of what is stored.
        if !self.is_first {
            return;
        }
        for reload in &slots.reloads {
            let Hold::Is { data, .. } = reload.hold else {
                continue;
            };
            let fact = func.dfg.gc_info.fact(reload.result);
            if let (Some(fact), Some(node)) = (fact, cfg.node_of_inst(func, reload.inst)) {
                let what = Typed::Made(reload.result);
                let before = self.found.typed;
                self.arrives(node, reload.inst, data, Some(fact), what);
                // NB: Most are what they were made by the producer; those are no positions.
                self.found.typed = before;
            }
        }
    }

    /// What is loaded from a slot that no stack map names is what was stored there.
    fn loads(&mut self, facts: &Facts) {
        let (func, cfg) = (self.func, self.cfg);
        if !self.is_first {
            return;
        }
        for at in &self.body.slot_accesses {
            let access = self.body.access_at(at);
            let result = access.result.filter(|_| access.data.is_none());
            let Some((result, fact)) = result.and_then(|r| Some((r, func.dfg.gc_info.fact(r)?)))
            else {
                continue;
            };
            let is_followed = facts.slots.reload_of(result).is_some();
            if is_followed || self.body.escapes.contains_key(&at.slot) {
                continue;
            }
            let found = facts.values.reshaped.find(func, cfg, self.body, result);
            if let Some(data) = found.and_then(|found| found.whole()) {
                let data = word_of(func, self.body, data);
                let what = Typed::Made(result);
                self.arrives(at.node, at.inst, data, Some(fact), what);
            }
        }
    }

    fn call(&mut self, node: Node, inst: Inst) {
        let func = self.func;
        let info = &func.dfg.gc_info;
        let Some(signature) = func.dfg.call_signature(inst) else {
            return;
        };
        let Some(facts) = info.signature(signature) else {
            return;
        };
        let args = func.dfg.inst_args(inst);
        // The callee of an indirect call comes first.
        let params = func.dfg.signatures[signature].params.len();
        let args = &args[args.len().saturating_sub(params)..];
        for (index, (&arg, &fact)) in args.iter().zip(&facts.params).enumerate() {
            self.arrives(node, inst, arg, fact, Typed::Argument(index as u32));
        }
        for (index, &result) in func.dfg.inst_results(inst).iter().enumerate() {
            let returned = facts.returns.get(index).copied().flatten();
            self.result(node, inst, result, returned, Typed::Result(index as u32));
        }
    }

    /// A value is what its fact says; it is given what `given` says.
    fn result(
        &mut self,
        node: Node,
        inst: Inst,
        result: Value,
        given: Option<GcFact>,
        what: Typed,
    ) {
        let info = &self.func.dfg.gc_info;
        let (Some(given), Some(fact)) = (given, info.fact(result)) else {
            return;
        };
        match fits(info, given, fact) {
            Fits::Yes => self.found.typed += 1,
            Fits::Unknown => self.found.unjudged += 1,
            Fits::No => self.open.push(Position {
                inst,
                node,
                value: result,
                promise: fact,
                what,
                along: None,
                condition: None,
                is_one_of_several: false,
            }),
        }
    }

    fn access(&mut self, node: Node, inst: Inst, access: &Access) {
        let func = self.func;
        let info = &func.dfg.gc_info;
        if let (Some(result), None, true) = (access.result, access.data, self.is_first)
            && let Some(GcFact::Ref { .. }) = info.fact(result)
            && access.size < func.dfg.value_type(result).bytes()
        {
            // A part of a word is no reference.
            self.undecided(inst, result);
        }
        if let Some(place) = info.place(inst) {
            self.memory(node, inst, access, place, Typed::Place);
        }
        let said = accessed_kind(func, inst);
        // NB: What a pass made of an access says what it was.
        if said.is_none() && (!self.is_first || info.types().next().is_none()) {
            return;
        }
        let address = Address::of(func, self.body, access.addr);
        let Some(kind) = kind_of_object(func, inst, &address).filter(|kind| is_in_heap(kind.heap))
        else {
            return;
        };
        // NB: Elements have indices, which are words, too.
        let address = match kind.heap == GcHeapType::Array && kind.concrete.is_some() {
            true => address,
            false => address.with_word(),
        };
        if let (Some(reference), Some(kind)) = (address.reference, said) {
            self.arrives(node, inst, reference, Some(object_of(kind)), Typed::Object);
        } else if let (Some(kind), true) = (said, self.is_first) {
            // NB: A new object is accessed by a pointer, too.
            self.chosen(node, inst, access, kind);
        }
        if self.is_first && access.data.is_some() && info.header.is_some() {
            self.found.headers.push((inst, node, kind, address));
        }
        self.field(node, inst, access, kind, &address);
    }

    /// The object that is accessed is one of several, by its address.
    fn chosen(&mut self, node: Node, inst: Inst, access: &Access, kind: GcKind) {
        let info = &self.func.dfg.gc_info;
        // NB: Whether it can be null is asked where it is dereferenced.
        let promise = GcFact::reference(kind, GcNullability::Nullable);
        for value in references_of(self.func, self.cfg, self.body, access.addr) {
            let fact = info.fact(value);
            if fact.is_some_and(|fact| fits(info, fact, promise) == Fits::No) {
                self.open.push(Position {
                    inst,
                    node,
                    value,
                    promise,
                    what: Typed::Object,
                    along: None,
                    condition: None,
                    is_one_of_several: true,
                });
            }
        }
    }

    /// May a store to an object write a part of a field that holds references, or more than that?
    fn is_torn(&self, access: &Access, kind: GcKind, address: &Address) -> bool {
        let info = &self.func.dfg.gc_info;
        let fields = kind.concrete.and_then(|index| info.fields(index));
        let (Some(data), Some(_), Some(fields)) = (access.data, address.reference, fields) else {
            return false;
        };
        let Some(offset) = address.offset else {
            let is_torn = kind.heap == GcHeapType::Array && is_torn_element(access, fields, None);
            return is_torn && !is_zero(self.func, data);
        };
        let start = offset.wrapping_add(access.offset.into());
        let end = start.saturating_add(access.size.into());
        let is_hit = fields.iter().any(|field| {
            let first = i64::from(field.offset);
            field.fact.is_some() && start < first + i64::from(field.size) && first < end
        });
        match kind.heap == GcHeapType::Array {
            true => is_torn_element(access, fields, Some(start)) && !is_zero(self.func, data),
            false => is_hit && !is_zero(self.func, data),
        }
    }

    fn field(&mut self, node: Node, inst: Inst, access: &Access, kind: GcKind, address: &Address) {
        let Some((field, is_element)) = field_of(self.func, kind, access, address) else {
            if let (Some(data), true) = (access.data, self.is_first)
                && self.is_torn(access, kind, address)
            {
                self.undecided(inst, data);
            }
            return;
        };
        if let Some(fact) = field.fact {
            let what = match is_element {
                true => Typed::Element,
                false => Typed::Field(field.offset),
            };
            self.memory(node, inst, access, fact, what);
        }
    }

    /// Memory that holds what `fact` says is accessed.
    fn memory(&mut self, node: Node, inst: Inst, access: &Access, fact: GcFact, what: Typed) {
        if access.size != 4 {
            return;
        }
        match stored_by(self.func, inst, access) {
            Some(Stored::Value(data) | Stored::Perhaps(data)) => {
                let data = word_of(self.func, self.body, data);
                self.arrives(node, inst, data, Some(fact), what);
            }
            Some(Stored::Computed) if self.is_first => {
                self.undecided(inst, access.data.unwrap_or(access.addr));
            }
            Some(Stored::Computed) | None => {}
        }
        if let Some(result) = access.result {
            self.result(node, inst, result, Some(fact), what);
        }
    }

    /// What the branch `inst`, at the end of `node`, passes to blocks.
    fn passed(&mut self, node: Node, inst: Inst) {
        let (func, cfg) = (self.func, self.cfg);
        let info = &func.dfg.gc_info;
        let mut dests = None;
        for edge in cfg.succs(node) {
            let params = func.dfg.block_params(cfg.block(edge.to));
            if params.iter().all(|&param| info.fact(param).is_none()) {
                continue;
            }
            let dests = dests.get_or_insert_with(|| destinations(func, inst));
            let args = dests[edge.dest as usize].args(&func.dfg.value_lists);
            for (arg, &param) in args.zip(params) {
                let Some(fact) = info.fact(param) else {
                    continue;
                };
                // NB: An allocation makes its reference out of numbers.
                if info.new_object(param).is_some() {
                    continue;
                }
                let what = Typed::Param(param);
                match arg {
                    BlockArg::Value(arg) => {
                        self.open_unless_typed(inst, node, arg, fact, what, Some(edge));
                    }
                    BlockArg::TryCallRet(index) => {
                        let signature = func.dfg.call_signature(inst);
                        let facts = signature.and_then(|signature| info.signature(signature));
                        let given = facts.and_then(|f| f.returns.get(index as usize).copied());
                        if let Some(Some(given)) = given
                            && fits(info, given, fact) == Fits::No
                        {
                            self.open.push(Position {
                                inst,
                                node,
                                value: param,
                                promise: fact,
                                what: Typed::Result(index),
                                along: Some(edge),
                                condition: None,
                                is_one_of_several: false,
                            });
                        }
                    }
                    BlockArg::TryCallExn(_) => {}
                }
            }
        }
    }

    fn arrives(
        &mut self,
        node: Node,
        inst: Inst,
        value: Value,
        promise: Option<GcFact>,
        what: Typed,
    ) {
        if let Some(promise) = promise {
            self.open_unless_typed(inst, node, value, promise, what, None);
        }
    }

    fn open_unless_typed(
        &mut self,
        inst: Inst,
        node: Node,
        value: Value,
        promise: GcFact,
        what: Typed,
        along: Option<Edge>,
    ) {
        let func = self.func;
        let info = &func.dfg.gc_info;
        if !matches!(promise, GcFact::Ref { .. }) {
            return;
        }
        let value = self.body.resolve(func, value);
        if constant(func, value).is_some_and(|n| allows_constant(func, value, n, promise)) {
            self.found.typed += 1;
            return;
        }
        let given = || given_to(func, self.body, value);
        let fact = info.fact(value).or_else(given);
        match fact.map(|fact| fits(info, fact, promise)) {
            Some(Fits::Yes) => self.found.typed += 1,
            Some(Fits::Unknown) => self.found.unjudged += 1,
            Some(Fits::No) | None => self.open.push(Position {
                inst,
                node,
                value,
                promise,
                what,
                along,
                condition: None,
                is_one_of_several: false,
            }),
        }
    }
}

/// Does an access of an array, whose fields these are, write a part of an element that holds a reference?
/// `start` is where it is, if there is no index in its address.
fn is_torn_element(access: &Access, fields: &[GcField], start: Option<i64>) -> bool {
    let [_, element] = fields else {
        return false;
    };
    let (first, size) = (i64::from(element.offset), i64::from(element.size.max(1)));
    let is_aligned = start.is_none_or(|start| (start - first) % size == 0);
    let is_whole = is_aligned && i64::from(access.size) % size == 0;
    element.fact.is_some_and(GcFact::is_traced)
        && !is_whole
        && start.is_none_or(|start| start + i64::from(access.size) > first)
}

/// Does `promise` allow the constant `n`?
fn allows_constant(func: &Function, value: Value, n: u64, promise: GcFact) -> bool {
    let GcFact::Ref {
        kind, nullability, ..
    } = promise
    else {
        return true;
    };
    match n {
        0 => nullability != GcNullability::NonNull,
        _ => {
            let is_i31 = n % 2 == 1 && func.dfg.value_type(value) == types::I32;
            is_i31 && kind.heap.may_be_i31() && nullability != GcNullability::Null
        }
    }
}

/// Judge the positions whose types are not enough.
///
/// What arrives of `variables` is judged otherwise.
fn judge(facts: &Facts, open: &[Position], variables: &FxHashSet<Value>, found: &mut Found) {
    let func = facts.func;
    let info = &func.dfg.gc_info;
    let Some(context) = facts.context() else {
        found.unjudged += open.len() as u64;
        return;
    };
    let universe = context.universe;
    let all = all_things(universe);
    let mut kinds = Kinds::new(context);
    let is_first = !facts.history.proofs.is_later;
    for position in open {
        // NB: A slot that is a variable may hold something else where a load of it feeds nothing but slots: what is loaded of
        // those is judged in its turn, and so is what stack maps name.
        if let Typed::Made(value) = position.what
            && is_loaded(func, value)
            && !facts.leaves_slots(value)
        {
            continue;
        }
        let allowed = universe.of(info, position.promise);
        let outside = all.without(allowed);
        match position.what {
            Typed::Made(value) if value == position.value => {
                constant_with_fact(&kinds, position, outside, found);
                continue;
            }
            Typed::Result(_) => {
                given_wrongly(&kinds, position, outside, found);
                continue;
            }
            _ if is_result_of(func, position) => {
                given_wrongly(&kinds, position, outside, found);
                continue;
            }
            _ => {}
        }
        if is_first
            && let Some(thing) = bits::shown(facts, position)
            && let Some(number) = universe.number(thing)
        {
            here(&kinds, position, number, found);
            continue;
        }
        let Position {
            value,
            node,
            inst,
            along,
            condition,
            ..
        } = *position;
        let things = kinds.at(value, node, inst, along, Some(outside));
        let things = match (things, condition) {
            (Some(things), Some((condition, is))) => {
                let root = context.root(value);
                Some(kinds.with_condition(root, condition, is, things))
            }
            (things, _) => things,
        };
        match things {
            Some(things) if things.is_empty() => found.proved += 1,
            Some(_) if position.is_one_of_several => {
                let undecided = Inconclusive::UndecidedType { inst, value };
                found.inconclusive.push(undecided);
            }
            Some(things) => arrived(&kinds, position, things, is_first, found),
            None if is_first
                && (bits::are_of_i31(facts, position)
                    || is_another(facts, &mut kinds, position, outside)) =>
            {
                found.proved += 1;
            }
            None if is_first && found.unset(facts, value) => {}
            None if along.is_none()
                && variables.contains(&context.root(word_of(func, context.body, value))) =>
            {
                found.unjudged += 1;
            }
            // NB: What a pass made of it is judged by the rewrite.
            None if is_first
                && (is_to_be_known(func, position)
                    || is_made_of_reference(func, context.body, value)
                    || func.dfg.value_type(value).is_float()) =>
            {
                found
                    .inconclusive
                    .push(Inconclusive::UndecidedType { inst, value });
            }
            None => found.unjudged += 1,
        }
    }
}

/// Does the producer have to say what arrives, if it is what is relied upon?
///
/// NB: Wasmtime says of what it loads from element segments no more than that it is a reference, and nothing of what its own
/// functions return for tables of functions. Where nothing is ever collected it says nothing of the former, either.
fn is_to_be_known(func: &Function, position: &Position) -> bool {
    let info = &func.dfg.gc_info;
    position.promise.is_traced()
        && !info.is_declared(position.value)
        && info.collector != Some(GcCollector::Null)
}

/// Is what arrives computed to be a reference that is none of `outside`?
fn is_another(facts: &Facts, kinds: &mut Kinds, position: &Position, outside: Things) -> bool {
    let is_reference = |value| facts.values.class(value) == Class::Reference;
    let Some(Origin::Is(of)) = facts.origin(position.value, is_reference) else {
        return false;
    };
    let Position {
        node, inst, along, ..
    } = *position;
    let things = kinds.at(of, node, inst, along, Some(outside));
    things.is_some_and(|things| things.is_empty())
}

fn all_things(universe: &Universe) -> Things {
    let mut all = Things::default();
    for number in 0..universe.len() {
        all.insert(number);
    }
    all
}

/// Is the position the definition of its own value?
fn is_result_of(func: &Function, position: &Position) -> bool {
    matches!(func.dfg.value_def(position.value), ValueDef::Result(inst, _) if inst == position.inst)
}

/// A constant is not what its fact says.
fn constant_with_fact(kinds: &Kinds, position: &Position, outside: Things, found: &mut Found) {
    let Source::Is(things) = kinds.source(position.value) else {
        return;
    };
    match things.and(outside).numbers().next() {
        Some(number) => here(kinds, position, number, found),
        None => found.typed += 1,
    }
}

/// Something is not what is relied upon as soon as it is there.
fn here(kinds: &Kinds, position: &Position, number: usize, found: &mut Found) {
    let context = kinds.context;
    let step = Step {
        role: Role::Use,
        block: context.cfg.block(position.node),
        inst: Some(position.inst),
    };
    let error = GcError::TypeBroken(TypeBroken {
        inst: position.inst,
        value: Some(position.value),
        thing: context.universe.thing(number),
        promise: position.promise,
        what: position.what,
    });
    found.errors.push((error, vec![step]));
}

/// A callee or memory gives something that the fact of the value does not allow.
fn given_wrongly(kinds: &Kinds, position: &Position, outside: Things, found: &mut Found) {
    let context = kinds.context;
    let info = &context.func.dfg.gc_info;
    let given = match position.what {
        Typed::Result(index) => {
            let signature = context.func.dfg.call_signature(position.inst);
            let facts = signature.and_then(|signature| info.signature(signature));
            facts.and_then(|facts| facts.returns.get(index as usize).copied().flatten())
        }
        _ => loaded_from(kinds, position.inst),
    };
    let Some(given) = given else {
        return;
    };
    let things = context.universe.of(info, given).and(outside);
    match things.numbers().next() {
        Some(number) => here(kinds, position, number, found),
        None => found.proved += 1,
    }
}

/// What the memory holds that `inst` loads from.
fn loaded_from(kinds: &Kinds, inst: Inst) -> Option<GcFact> {
    let context = kinds.context;
    let access = crate::ir::instruction::access(context.func, inst)?;
    held(context.func, context.body, inst, &access)
}

/// Something that is not allowed may arrive: show it.
fn arrived(kinds: &Kinds, position: &Position, things: Things, is_first: bool, found: &mut Found) {
    let target = Target {
        node: position.node,
        inst: position.inst,
        value: position.value,
        along: position.along,
        origins: &[],
    };
    let info = &kinds.context.func.dfg.gc_info;
    let is_of_objects = things
        .numbers()
        .all(|number| match kinds.context.universe.thing(number) {
            Thing::Null | Thing::I31 | Thing::Number => false,
            Thing::Other(_) | Thing::Exactly(..) | Thing::Below(..) => true,
        });
    match arrival::show(kinds, target, things, position.condition) {
        Arrival::Shown(thing, steps) => {
            let error = GcError::TypeBroken(TypeBroken {
                inst: position.inst,
                value: Some(position.value),
                thing,
                promise: position.promise,
                what: position.what,
            });
            found.errors.push((error, steps));
        }
        Arrival::Never => found.proved += 1,
        // NB: Where objects do not say what they are, a test of their types is not seen.
        Arrival::Unknown if is_of_objects && info.header.is_none() && !is_first => {
            found.unjudged += 1;
        }
        Arrival::Unknown => found.inconclusive.push(Inconclusive::UndecidedType {
            inst: position.inst,
            value: position.value,
        }),
    }
}
