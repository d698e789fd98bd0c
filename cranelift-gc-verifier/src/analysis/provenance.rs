//! Which values are GC references, and which are derived from them.
//!
//! **Claim.** Every value is plain, a reference, derived from references, or computed of them in a way that
//! is not followed.
//!
//! **Strength.** What is called a reference is one. Where the producer gives facts, as Wasmtime does
//! from the types of Wasm, every reference is found, whether or not it was declared; elsewhere, one that
//! nobody declared, that no stack map names, and that does not meet one at a block parameter is not.
//!
//! **Math.** The least assignment, in the order plain < payload < reference < derived < opaque, such that
//!
//! * a value whose fact is that it is a traced reference is one, as is one that was declared to need
//!   inclusion in stack maps, or that is stored where a stack map names it, or loaded from there, or from
//!   a slot that holds one;
//! * a value without a fact of which the producer says that a caller, a callee or memory gives a traced reference for it is one;
//! * a value whose fact is that it is derived is;
//! * a value whose fact is that it is something else, such as an i31, is plain;
//! * a block parameter is what some argument for it is;
//! * what an instruction makes of its operands is what its row says ([`Kind`]): one of them, a sum with one of
//!   them as a part, which is derived, or opaque;
//! * what is loaded from a stack slot otherwise than it was stored there is what [`reshaped`](super::reshaped) says.
//!
//! What is shifted out of a reference as out of an i31 is a payload, and so is what is computed of that. It is an
//! integer, and a block parameter that is given one is plain.
//!
//! Constants, comparisons and counts are plain: null, and the i31 that arithmetic makes of an integer, do not
//! age.

pub(crate) use crate::analysis::class::Class;
use crate::analysis::history::History;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::field::{held, kind_of_object};
use crate::analysis::kind::given::given;
use crate::analysis::kind::is_in_heap;
use crate::analysis::reshaped::Reshaped;
use crate::analysis::slots::{Hold, Slots};
use crate::ir::cfg::{Cfg, Node};
use crate::ir::gc_info::{accessed_kind, is_untraced};
use crate::ir::instruction::{Access, Kind, payload_of};
use crate::ir::steps::{self, Analysis};
use crate::ir::view::{BlockPass, Body, Def, Item};
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{
    Function, GcFact, GcField, Inst, InstructionData, Opcode, Value, ValueDef,
};
use cranelift_codegen::packed_option::PackedOption;
use smallvec::SmallVec;

/// After so many sweeps, values are followed one by one.
const MAX_SWEEPS: u32 = 4;

/// Where a value goes: an index into the items, the passes, or the reloads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Goes {
    Item(u32),
    Pass(u32),
    Reload(u32),
}

/// The class of each value.
pub(crate) struct Values {
    classes: Vec<Class>,
    /// How many of them are references.
    references: u64,
    /// The values that are references by themselves, and not because one is handed on as them.
    seeds: EntitySet<Value>,
    /// Those that stand for values which do not age, by a rewrite.
    untraced: EntitySet<Value>,
    /// What loads from stack slots that nobody follows find there.
    pub(crate) reshaped: Reshaped,
}

impl Values {
    /// Classify the values of `func`.
    pub(crate) fn new(
        func: &Function,
        cfg: &Cfg,
        body: &Body,
        slots: &Slots,
        history: &History,
    ) -> Self {
        let mut values = Values {
            references: 0,
            classes: vec![Class::Plain; func.dfg.num_values()],
            seeds: EntitySet::new(),
            untraced: history.untraced().clone(),
            reshaped: Reshaped::new(body, slots),
        };
        for (value, fact) in func.dfg.gc_info.facts() {
            match fact {
                GcFact::Derived { .. } => {
                    values.raise(body.resolve(func, value), Class::Derived);
                }
                GcFact::Ref { traced: true, .. } => {
                    values.seed_one(func, body, value);
                }
                GcFact::Ref { traced: false, .. } | GcFact::HeapBase | GcFact::Scalar => {}
            }
        }
        // NB: What the producer made is looked at more closely; what is found there is known to those who judge rewrites.
        let is_first = !history.proofs.is_later;
        values.seed_given(func, body, is_first);
        if is_first {
            values.seed_wide(func, body);
        }
        values.seed(func, body, slots);
        // NB: Nearly all functions are done after two sweeps.
        let mut sweeps = 0;
        let mut again = true;
        while again && sweeps < MAX_SWEEPS {
            again = false;
            sweeps += 1;
            steps::count(Analysis::Provenance, body.items().len());
            for node in cfg.nodes() {
                again |= values.visit_block(func, body, node);
            }
            again |= values.seed_reloads(func, body, slots);
            again |= values.reshape(func, cfg, body);
        }
        while again {
            values.follow(func, cfg, body, slots);
            again = values.reshape(func, cfg, body);
        }
        if is_first && values.seed_accessed(func, body) {
            again = true;
            while again {
                values.follow(func, cfg, body, slots);
                again = values.reshape(func, cfg, body);
            }
        }
        // NB: A value that has several names is one.
        let references = values.classes.iter().filter(|&&c| c == Class::Reference);
        values.references = references.count() as u64;
        body.share_with_aliases(&mut values.classes);
        values
    }

    /// What callers give, and an access takes for the reference to its object, is one. Returns whether there is such.
    fn seed_accessed(&mut self, func: &Function, body: &Body) -> bool {
        let entry = func.layout.entry_block();
        let mut raised = false;
        for memory in body.accesses() {
            // NB: Most are found by the reference, and the rest are of no object.
            let addr = memory.access.addr;
            if self.class(addr) != Class::Plain || !body.is_made(addr) {
                continue;
            }
            let kind = accessed_kind(func, memory.inst);
            if !kind.is_some_and(|kind| is_in_heap(kind.heap)) {
                continue;
            }
            let address = Address::of(func, body, memory.access.addr);
            if let (None, Some((word, _))) = (address.reference, address.word)
                && let ValueDef::Param(block, _) = func.dfg.value_def(word)
                && Some(block) == entry
                && func.dfg.gc_info.fact(word).is_none()
            {
                raised |= self.seed_one(func, body, word);
            }
        }
        raised
    }

    /// Raise what is made of what was raised, value after value.
    ///
    /// NB: A sweep may raise no more than one parameter of a loop that passes its parameters round.
    fn follow(&mut self, func: &Function, cfg: &Cfg, body: &Body, slots: &Slots) {
        // What each value goes into: the index of an item, of a pass, or of a reload.
        let mut uses = Vec::new();
        for (index, item) in (0..).zip(body.items()) {
            if item.kind.is(Kind::MAKES) {
                let operands = body.made_of(func, item).into_iter();
                uses.extend(operands.map(|value| (value, Goes::Item(index))));
            }
        }
        let passes: Vec<BlockPass> = cfg
            .nodes()
            .flat_map(|node| body.passed_from(node).iter().copied())
            .collect();
        uses.extend(
            (0..)
                .zip(&passes)
                .map(|(index, pass)| (pass.arg, Goes::Pass(index))),
        );
        for (index, reload) in (0..).zip(&slots.reloads) {
            let held = reload.hold.origins().into_iter();
            uses.extend(held.map(|value| (body.resolve(func, value), Goes::Reload(index))));
        }
        uses.sort_unstable();
        let mut pending: Vec<Value> = func
            .dfg
            .values()
            .filter(|&v| self.class(v) != Class::Plain)
            .collect();
        while let Some(value) = pending.pop() {
            let first = uses.partition_point(|&(of, _)| of < value);
            for &(_, into) in uses[first..].iter().take_while(|&&(of, _)| of == value) {
                steps::count(Analysis::Provenance, 1);
                match into {
                    Goes::Item(index) => {
                        let item = &body.items()[index as usize];
                        pending.extend(self.visit_item(func, body, item));
                    }
                    Goes::Pass(index) => {
                        pending.extend(self.visit_pass(func, &passes[index as usize]));
                    }
                    Goes::Reload(index) => {
                        let result = slots.reloads[index as usize].result;
                        let raised = self.seed_one(func, body, result);
                        pending.extend(raised.then(|| body.resolve(func, result)));
                    }
                }
            }
        }
    }

    /// What has no fact, and is a reference by what the producer says that callers, callees and memory give.
    fn seed_given(&mut self, func: &Function, body: &Body, is_first: bool) {
        let info = &func.dfg.gc_info;
        let has_fact = |value| info.fact(value).is_some();
        let params = func
            .layout
            .entry_block()
            .map(|entry| func.dfg.block_params(entry));
        let own = &info.own_signature().params;
        for (&param, fact) in params.unwrap_or_default().iter().zip(own) {
            if fact.is_some_and(GcFact::is_traced) && !has_fact(param) {
                self.seed_one(func, body, param);
            }
        }
        for returned in &body.returned {
            if returned.fact.is_traced() {
                self.seed_one(func, body, returned.param);
            }
        }
        let are_fields = info
            .types()
            .any(|(index, _)| info.fields(index).is_some_and(has_references));
        for item in body.items() {
            if item.kind.is(Kind::CALLS) {
                for &result in func.dfg.inst_results(item.inst) {
                    let given = (!has_fact(result)).then(|| given(func, result)).flatten();
                    if given.is_some_and(GcFact::is_traced) {
                        self.seed_one(func, body, result);
                    }
                }
            } else if item.kind.is(Kind::LOADS)
                && let Some(result) = item.result.expand()
                && !has_fact(result)
                && let Some(access) = body.access(item)
                && access.size == 4
                && holds_references(func, body, (item.inst, access), (are_fields, is_first))
                && held(func, body, item.inst, access).is_some_and(GcFact::is_traced)
            {
                match func.dfg.value_type(result).is_float() {
                    // NB: The bits of a reference, as those of a float.
                    true => {
                        self.seeds.insert(result);
                        self.raise(result, Class::Reference);
                    }
                    false => _ = self.seed_one(func, body, result),
                }
            }
        }
    }

    /// What is loaded of several fields at once, one of which holds a reference, is made of that in a way that is not followed.
    fn seed_wide(&mut self, func: &Function, body: &Body) {
        for memory in body.accesses() {
            let access = &memory.access;
            if let (Some(result), None) = (access.result, access.data)
                && access.size > 4
                && func.dfg.gc_info.fact(result).is_none()
                && has_reference_in(func, body, memory.inst, access)
            {
                self.raise(result, Class::Opaque);
            }
        }
    }

    fn seed(&mut self, func: &Function, body: &Body, slots: &Slots) {
        for &value in func.dfg.gc_info.declared() {
            self.seed_one(func, body, value);
        }
        for hold in slots.rooted() {
            match hold {
                Hold::Is { origin, data } => {
                    self.seed_one(func, body, origin);
                    self.seed_one(func, body, data);
                }
                Hold::Conflict(a, b) => {
                    self.seed_one(func, body, a);
                    self.seed_one(func, body, b);
                }
                Hold::Unset | Hold::Partial | Hold::MaybeUnset => {}
            }
        }
        self.seed_reloads(func, body, slots);
    }

    /// Returns whether something was raised: what a slot holds may turn out to be a reference late.
    fn seed_reloads(&mut self, func: &Function, body: &Body, slots: &Slots) -> bool {
        let mut raised = false;
        for reload in &slots.reloads {
            let held = reload.hold.origins();
            let of_reference = held.iter().any(|&value| self.class(value) > Class::Payload);
            // NB: A slot that a stack map names may serve as plain memory elsewhere.
            if reload.expected.is_some() || of_reference {
                raised |= self.seed_one(func, body, reload.result);
            }
        }
        raised
    }

    /// Returns whether something was raised.
    fn reshape(&mut self, func: &Function, cfg: &Cfg, body: &Body) -> bool {
        let mut raised = false;
        let mut reshaped = core::mem::take(&mut self.reshaped);
        for (value, class) in reshaped.classes(func, cfg, body, |data| self.class(data)) {
            if !self.is_untraced(func, value) {
                raised |= self.raise(value, class);
            }
        }
        self.reshaped = reshaped;
        raised
    }

    /// Make `value` a reference, if it can be one: not an address by its making, nor a constant or
    /// an i31 that does not age.
    fn seed_one(&mut self, func: &Function, body: &Body, value: Value) -> bool {
        let value = body.resolve(func, value);
        if self.class(value) >= Class::Reference {
            if self.class(value) == Class::Reference {
                self.seeds.insert(value);
            }
            return false;
        }
        let can_be = func.dfg.value_type(value).is_int()
            && !self.is_untraced(func, value)
            && match body.def(value) {
                Def::Param => true,
                Def::Item(index) => {
                    let item = &body.items()[index as usize];
                    is_opaque(&func.dfg.insts[item.inst])
                        || is_computed_reference(func, item, value)
                }
                // It may be in code that cannot be reached.
                Def::Elsewhere => match func.dfg.value_def(value) {
                    ValueDef::Param(..) => true,
                    ValueDef::Result(inst, _) => is_opaque(&func.dfg.insts[inst]),
                    ValueDef::Union(..) => false,
                },
            };
        if can_be {
            self.seeds.insert(value);
        }
        can_be && self.raise(value, Class::Reference)
    }

    fn is_untraced(&self, func: &Function, value: Value) -> bool {
        is_untraced(func, value) || self.untraced.contains(value)
    }

    fn raise(&mut self, value: Value, class: Class) -> bool {
        let old = &mut self.classes[value.as_u32() as usize];
        let raised = *old < class;
        *old = (*old).max(class);
        raised
    }

    /// Returns whether a block before this one, or this one, has to be visited again.
    fn visit_block(&mut self, func: &Function, body: &Body, node: Node) -> bool {
        for item in body.items_of(node) {
            if item.kind.is(Kind::MAKES) {
                self.visit_item(func, body, item);
            }
        }
        let mut again = false;
        for pass in body.passed_from(node) {
            if self.visit_pass(func, pass).is_some() {
                again |= pass.to <= node;
            }
        }
        again
    }

    /// Returns those results of `item`, which makes something of its operands, that were raised.
    fn visit_item(&mut self, func: &Function, body: &Body, item: &Item) -> SmallVec<[Value; 2]> {
        let class = self.result_class(func, body, item);
        if class == Class::Plain {
            return SmallVec::new();
        }
        // NB: Of the results of a sum, only the first one is it.
        let results = func.dfg.inst_results(item.inst);
        let count = match item.kind.is(Kind::OPAQUE) {
            true => results.len(),
            false => 1,
        };
        let mut raised = SmallVec::new();
        for &result in &results[..count] {
            let is_said = matches!(func.dfg.gc_info.fact(result), Some(GcFact::Derived { .. }));
            if !is_said && !self.is_untraced(func, result) && self.raise(result, class) {
                raised.push(result);
            }
        }
        raised
    }

    /// Returns the parameter of `pass` if that was raised.
    fn visit_pass(&mut self, func: &Function, pass: &BlockPass) -> Option<Value> {
        let BlockPass { arg, param, .. } = *pass;
        let class = self.class(arg);
        let is_raised = class > Class::Payload
            && class > self.class(param)
            && func.dfg.value_type(arg) == func.dfg.value_type(param)
            && !self.is_untraced(func, param)
            && self.raise(param, class);
        is_raised.then_some(param)
    }

    fn result_class(&self, func: &Function, body: &Body, item: &Item) -> Class {
        if item.kind.is(Kind::OPAQUE) {
            let operands = body.made_of(func, item);
            let class = operands.iter().map(|&operand| self.class(operand)).max();
            return match class.unwrap_or(Class::Plain) {
                class @ (Class::Plain | Class::Payload) => class,
                Class::Reference if payload_of(func, &func.dfg.insts[item.inst]).is_some() => {
                    Class::Payload
                }
                Class::Reference | Class::Derived | Class::Opaque => Class::Opaque,
            };
        }
        let [a, b] = body.operands(item).map(|operand| self.class(operand));
        match a.max(b) {
            class @ (Class::Plain | Class::Payload | Class::Opaque) => class,
            // NB: A part of a reference, and one in another guise, are not followed.
            Class::Reference | Class::Derived if !can_be_pointer(func, item.result) => {
                Class::Opaque
            }
            Class::Reference if item.kind.is(Kind::DERIVED) => Class::Derived,
            class => class,
        }
    }

    /// The class of `value`, which must not be an alias.
    pub(crate) fn class(&self, value: Value) -> Class {
        self.classes[value.as_u32() as usize]
    }

    /// Take the classes out. Each alias that is used has the class of what it stands for.
    pub(crate) fn take(&mut self, body: &Body) -> Vec<Class> {
        let mut classes = core::mem::take(&mut self.classes);
        body.share_with_aliases(&mut classes);
        classes
    }

    /// The values that are references by themselves, on every path: by a fact, because they were declared, or
    /// because they are stored where a stack map names them or loaded from there.
    pub(crate) fn certain(&self) -> &EntitySet<Value> {
        &self.seeds
    }

    /// The number of values that are references.
    pub(crate) fn references(&self) -> u64 {
        self.references
    }
}

/// Has this result, if there is one, a type that references or pointers have?
fn can_be_pointer(func: &Function, result: PackedOption<Value>) -> bool {
    let ty = result.map(|result| func.dfg.value_type(result));
    ty.is_none_or(|ty| ty.is_int() && (32..=64).contains(&ty.bits()))
}

/// Does `item` compute `value` of integers, though its fact is that it is a reference?
///
/// NB: An i31 is made of an integer by `bor`, and null is a constant; both do not age.
fn is_computed_reference(func: &Function, item: &Item, value: Value) -> bool {
    let is_traced = || {
        let fact = func.dfg.gc_info.fact(value);
        fact.is_some_and(GcFact::is_traced)
    };
    item.kind.is(Kind::DERIVED) && is_traced()
}

/// Does the value of `inst` come from elsewhere, and not from its operands?
fn is_opaque(data: &InstructionData) -> bool {
    let opcode = data.opcode();
    opcode.is_call()
        || opcode.can_load()
        // The payload of an exception arrives in a register and is cut to size.
        || matches!(
            data,
            InstructionData::Unary {
                opcode: Opcode::Ireduce,
                ..
            }
        )
}

/// Does the memory hold references, or some field of the object, that `inst` accesses? `are_fields` says whether there are such
/// fields at all.
fn holds_references(
    func: &Function,
    body: &Body,
    (inst, access): (Inst, &Access),
    (are_fields, is_first): (bool, bool),
) -> bool {
    let info = &func.dfg.gc_info;
    if info.place(inst).is_some() {
        return true;
    }
    if !are_fields {
        return false;
    }
    let Some(kind) = accessed_kind(func, inst) else {
        // The type of the object is that of the reference in the address. NB: Most addresses are computed of nothing.
        return is_first && body.is_made(access.addr);
    };
    let fields = kind.concrete.and_then(|index| info.fields(index));
    fields.is_some_and(has_references)
}

/// Does some of the memory that `inst` accesses, which is more than a word, hold a reference?
fn has_reference_in(func: &Function, body: &Body, inst: Inst, access: &Access) -> bool {
    let info = &func.dfg.gc_info;
    if let Some(place) = info.place(inst) {
        return place.is_traced();
    }
    // NB: Most are of nothing that is known.
    if !body.is_made(access.addr) || info.types().next().is_none() {
        return false;
    }
    let address = Address::of(func, body, access.addr);
    let kind = kind_of_object(func, inst, &address);
    let fields = kind.and_then(|kind| info.fields(kind.concrete?));
    let (Some(fields), Some(offset), Some(_)) = (fields, address.offset, address.reference) else {
        return false;
    };
    let start = offset.wrapping_add(access.offset.into());
    let end = start.saturating_add(access.size.into());
    fields.iter().any(|field| {
        let first = i64::from(field.offset);
        field.fact.is_some_and(GcFact::is_traced)
            && start < first + i64::from(field.size)
            && first < end
    })
}

/// Does one of these fields hold references?
fn has_references(fields: &[GcField]) -> bool {
    fields.iter().any(|field| field.fact.is_some())
}
