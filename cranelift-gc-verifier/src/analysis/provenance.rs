//! Which values are GC references, and which are derived from them.
//!
//! **Claim.** Every value is plain, a reference, or derived from references.
//!
//! **Strength.** What is called a reference is one. Where the producer gives facts, as Wasmtime does
//! from the types of Wasm, every reference is found, whether or not it was declared; elsewhere, one that
//! nobody declared, that no stack map names, and that does not meet one at a block parameter is not.
//!
//! **Math.** The least assignment, in the order plain < reference < derived, such that
//!
//! * a value whose fact is that it is a traced reference is one, as is one that was declared to need
//!   inclusion in stack maps, or that is stored where a stack map names it, or loaded from there, or from
//!   a slot that holds one;
//! * a value whose fact is that it is something else, such as an i31, is plain;
//! * a block parameter is what some argument for it is;
//! * `select` is what its arms are; `uextend`, `iadd` and `isub` of a reference, or of what is
//!   derived from one, are derived.
//!
//! Constants and other pure results are plain: null, and the i31 that arithmetic makes, do not age.

use crate::analysis::history::History;
use crate::analysis::slots::{Hold, Slots};
use crate::ir::cfg::{Cfg, Node};
use crate::ir::gc_info::is_untraced;
use crate::ir::instruction::Kind;
use crate::ir::steps::{self, Analysis};
use crate::ir::view::{BlockPass, Body, Def, Item};
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Function, InstructionData, Opcode, Value, ValueDef};

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Neither of the others, as far as is known.
    Plain,
    /// A GC reference.
    Reference,
    /// A pointer that is computed from references.
    Derived,
}

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
    /// The values that are references by themselves, and not because one is handed on as them.
    seeds: EntitySet<Value>,
    /// Those that stand for values which do not age, by a rewrite.
    untraced: EntitySet<Value>,
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
            classes: vec![Class::Plain; func.dfg.num_values()],
            seeds: EntitySet::new(),
            untraced: history.untraced().clone(),
        };
        for (value, fact) in func.dfg.gc_info.facts() {
            if fact.is_traced() {
                values.seed_one(func, body, value);
            }
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
        }
        if again {
            values.follow(func, cfg, body, slots);
        }
        values
    }

    /// Raise what is made of what was raised, value after value.
    ///
    /// NB: A sweep may raise no more than one parameter of a loop that passes its parameters round.
    fn follow(&mut self, func: &Function, cfg: &Cfg, body: &Body, slots: &Slots) {
        // What each value goes into: the index of an item, of a pass, or of a reload.
        let mut uses = Vec::new();
        for (index, item) in (0..).zip(body.items()) {
            if item.kind.is(Kind::PASSES) {
                uses.extend(body.operands(item).map(|value| (value, Goes::Item(index))));
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
                let raised = match into {
                    Goes::Item(index) => self.visit_item(func, body, &body.items()[index as usize]),
                    Goes::Pass(index) => self.visit_pass(func, &passes[index as usize]),
                    Goes::Reload(index) => {
                        let result = slots.reloads[index as usize].result;
                        let raised = self.seed_one(func, body, result);
                        raised.then(|| body.resolve(func, result))
                    }
                };
                pending.extend(raised);
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
            let of_reference = held.iter().any(|&value| self.class(value) != Class::Plain);
            // NB: A slot that a stack map names may serve as plain memory elsewhere.
            if reload.expected.is_some() || of_reference {
                raised |= self.seed_one(func, body, reload.result);
            }
        }
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
                Def::Item(index) => is_opaque(&func.dfg.insts[body.items()[index as usize].inst]),
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
            if item.kind.is(Kind::PASSES) {
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

    /// Returns the result of `item`, which hands something on, if that was raised.
    fn visit_item(&mut self, func: &Function, body: &Body, item: &Item) -> Option<Value> {
        let class = self.result_class(body, item);
        if class == Class::Plain {
            return None;
        }
        let result = item.result.expand()?;
        (!self.is_untraced(func, result) && self.raise(result, class)).then_some(result)
    }

    /// Returns the parameter of `pass` if that was raised.
    fn visit_pass(&mut self, func: &Function, pass: &BlockPass) -> Option<Value> {
        let BlockPass { arg, param, .. } = *pass;
        let class = self.class(arg);
        let is_raised = class > self.class(param)
            && func.dfg.value_type(arg) == func.dfg.value_type(param)
            && !self.is_untraced(func, param)
            && self.raise(param, class);
        is_raised.then_some(param)
    }

    fn result_class(&self, body: &Body, item: &Item) -> Class {
        let [a, b] = body.operands(item).map(|operand| self.class(operand));
        match a.max(b) {
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
        body.for_each_alias(|alias, value| {
            classes[alias.as_u32() as usize] = classes[value.as_u32() as usize];
        });
        classes
    }

    /// The values that are references by themselves, on every path: by a fact, because they were declared, or
    /// because they are stored where a stack map names them or loaded from there.
    pub(crate) fn certain(&self) -> &EntitySet<Value> {
        &self.seeds
    }

    /// The number of values that are references.
    pub(crate) fn references(&self) -> u64 {
        let references = self
            .classes
            .iter()
            .map(|&c| u32::from(c == Class::Reference));
        references.sum::<u32>().into()
    }
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
