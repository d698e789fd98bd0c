//! What is kept alive by roots, under a collector that traces without moving.
//!
//! **Claim.** [`Rooted::is_kept`] says yes only if, on every path from the definition of a reference to a point,
//! each safepoint that may collect has in its stack map a slot that holds the very object: not one of the
//! same name from an earlier iteration, and not the other arm of a `select`.
//!
//! **Strength.** Relative to what is known of slots. Where it says no, a root may be one by
//! arithmetic, or by a correlation of branches; a path decides.
//!
//! **Math.** At a point `p`, let `C` be what the slots hold there that the stack map of a safepoint names, as values and as φs
//! of memory. All of them are in SSA form: a name that is visible at `p` means its latest instance there, and
//! so does the same name in a slot, since the store is dominated by the definition. So
//!
//! ```text
//! kept(v, C) = v ∈ C, up to copies
//!            | v is made of parts, and kept(part, C) for each part that can go stale
//!            | v is a parameter, or φ of memory, of block b, and for each edge e into b: kept(v(e), C(e))
//! ```
//!
//! where `C(e)` is what is left of `C` at the end of `e`: parameters and φs of `b` become their arguments, and what
//! is defined in `b` or later is gone. Each turn goes to an earlier point of the path, so that what is
//! asked again on the way may be taken for granted.

use super::facts::Facts;
use super::provenance::{Class, Values};
use super::slots::{Content, Slots};
use super::version::{Safepoints, Version};
use crate::ir::cfg::{Cfg, Edge, Node, destinations};
use crate::ir::instruction::{Passed, access, passed_on};
use crate::ir::path::Point;
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{BlockArg, Function, Inst, Value, ValueDef};
use std::collections::{BTreeMap, BTreeSet};

/// How many questions are asked about one safepoint.
const QUESTIONS: usize = 4_096;

/// What the question is asked of.
struct Context<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    safepoints: &'a Safepoints,
    slots: &'a Slots,
    values: &'a Values,
}

/// Something that is held: a value, or what memory holds by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Thing {
    Value(Value),
    /// The φ of memory of this number, at this block.
    Phi(u32, Node),
}

/// What slots hold that are roots; sorted.
type Held = Vec<Thing>;

/// What was found out before.
#[derive(Default)]
pub(crate) struct Rooted {
    /// The blocks to whose ends each reference is kept, on all paths from its definition.
    clean: BTreeMap<Value, EntitySet<cranelift_codegen::ir::Block>>,
    /// Is the reference kept at the safepoint?
    known: BTreeMap<(Value, usize), bool>,
}

impl Rooted {
    /// Is all that `value` is made of alive at `inst`, just before it or, if `after`, once it was executed?
    pub(crate) fn is_kept(
        &mut self,
        facts: &Facts<'_>,
        value: Value,
        inst: Inst,
        after: bool,
    ) -> bool {
        let context = &Context::new(facts);
        let mut pending = vec![value];
        let mut seen = BTreeSet::new();
        while let Some(value) = pending.pop() {
            let value = context.func.dfg.resolve_aliases(value);
            let ages =
                context.values.class(value) != Class::Plain && facts.age(value) != Version::AGELESS;
            if !ages || !seen.insert(value) {
                continue;
            }
            match context.parts(value) {
                Some(parts) => pending.extend(parts),
                None if self.is_kept_on_way(context, value, inst, after) => {}
                None => return false,
            }
        }
        true
    }

    /// Does each safepoint between the definition of `value` and the point keep it?
    fn is_kept_on_way(
        &mut self,
        context: &Context<'_>,
        value: Value,
        inst: Inst,
        after: bool,
    ) -> bool {
        let Some(defined) = Point::of_value(context.func, context.cfg, value) else {
            return false;
        };
        let Some(node) = context.cfg.node_of_inst(context.func, inst) else {
            return true;
        };
        let first = context.safepoints.first_in(node);
        let in_node = context.safepoints.all[first..]
            .iter()
            .take_while(|at| at.node == node);
        let is_before = |at: Inst| {
            let order = context.func.layout.pp_cmp(at, inst);
            order.is_lt() || after && order.is_eq()
        };
        let mut indices: Vec<usize> = Vec::new();
        for (at, index) in in_node.zip(first..) {
            if is_before(at.inst) && is_after(context, defined, at.inst) {
                indices.push(index);
            }
        }
        let is_local = defined.node == node
            && defined
                .inst
                .is_none_or(|def| context.func.layout.pp_cmp(def, inst).is_lt());
        if !indices
            .iter()
            .all(|&index| self.is_kept_by(context, value, index))
        {
            return false;
        }
        is_local || self.reaches_clean(context, value, defined, node)
    }

    /// The same for all ways to the start of `node`.
    fn reaches_clean(
        &mut self,
        context: &Context<'_>,
        value: Value,
        defined: Point,
        node: Node,
    ) -> bool {
        let mut visited: Vec<Node> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut pending: Vec<Node> = context.cfg.preds(node).map(|edge| edge.from).collect();
        while let Some(node) = pending.pop() {
            let block = context.cfg.block(node);
            steps::count(Analysis::Keepalive, 1);
            let is_clean = self
                .clean
                .get(&value)
                .is_some_and(|clean| clean.contains(block));
            if is_clean || !seen.insert(node) {
                continue;
            }
            let first = context.safepoints.first_in(node);
            let in_node = context.safepoints.all[first..]
                .iter()
                .take_while(|at| at.node == node);
            for (at, index) in in_node.zip(first..) {
                if is_after(context, defined, at.inst) && !self.is_kept_by(context, value, index) {
                    return false;
                }
            }
            visited.push(node);
            if node != defined.node {
                pending.extend(context.cfg.preds(node).map(|edge| edge.from));
            }
        }
        let clean = self.clean.entry(value).or_default();
        for node in visited {
            clean.insert(context.cfg.block(node));
        }
        true
    }

    /// Does the stack map of the safepoint at `index` keep `value`?
    pub(crate) fn is_kept_at(&mut self, facts: &Facts<'_>, value: Value, index: usize) -> bool {
        self.is_kept_by(&Context::new(facts), value, index)
    }

    fn is_kept_by(&mut self, context: &Context<'_>, value: Value, index: usize) -> bool {
        if let Some(&known) = self.known.get(&(value, index)) {
            return known;
        }
        let held = context.slots.held_at(index);
        let mut held: Held = held.filter_map(|content| context.thing(content)).collect();
        held.sort_unstable();
        held.dedup();
        let mut left = QUESTIONS;
        let mut asked = BTreeSet::new();
        let kept = context.kept(Thing::Value(value), &held, &mut asked, &mut left);
        self.known.insert((value, index), kept);
        kept
    }
}

/// Is `inst`, in the block of `defined` or elsewhere, executed after it?
fn is_after(context: &Context<'_>, defined: Point, inst: Inst) -> bool {
    let node = context.cfg.node_of_inst(context.func, inst);
    node != Some(defined.node)
        || defined
            .inst
            .is_none_or(|def| context.func.layout.pp_cmp(def, inst).is_lt())
}

impl<'a> Context<'a> {
    fn new(facts: &'a Facts<'_>) -> Self {
        Context {
            func: facts.func,
            cfg: &facts.cfg,
            safepoints: &facts.safepoints,
            slots: &facts.slots,
            values: &facts.values,
        }
    }

    /// What `value` is made of, if that is all it is.
    fn parts(&self, value: Value) -> Option<Vec<Value>> {
        let ValueDef::Result(inst, _) = self.func.dfg.value_def(value) else {
            return None;
        };
        let passed = passed_on(self.func, inst);
        let operands = passed.operands();
        let operands: Vec<Value> = operands
            .iter()
            .map(|&v| self.func.dfg.resolve_aliases(v))
            .filter(|&v| self.values.class(v) != Class::Plain)
            .collect();
        // NB: What is made of plain values only was cut to size, and is a reference from there on.
        (!operands.is_empty()).then_some(operands)
    }

    /// What `value` is loaded from, if that is a field that does not change: it is alive as long as its object is.
    fn object_of(&self, value: Value) -> Option<Value> {
        let inst = self.func.dfg.value_def(value).inst()?;
        let access = access(self.func, inst)?;
        let object = self.func.dfg.resolve_aliases(access.addr);
        let is_field = access.data.is_none()
            && access.flags.readonly()
            && self.values.class(object) == Class::Derived;
        is_field.then_some(object)
    }

    fn thing(&self, content: Content) -> Option<Thing> {
        match content {
            Content::Value(value) => Some(self.root(Thing::Value(value))),
            Content::Phi(phi, node) => Some(self.root(Thing::Phi(phi, node))),
            Content::Unknown => None,
        }
    }

    /// What `thing` is a copy of.
    fn root(&self, mut thing: Thing) -> Thing {
        // NB: Chains are short; what is longer is no copy.
        for _ in 0..64 {
            let Thing::Value(value) = thing else {
                return thing;
            };
            let value = self.func.dfg.resolve_aliases(value);
            thing = Thing::Value(value);
            let ValueDef::Result(inst, _) = self.func.dfg.value_def(value) else {
                return thing;
            };
            let ty = self.func.dfg.value_type(value);
            let next = match passed_on(self.func, inst) {
                // It is cut to size again, or its bits have another type for a while.
                Passed::Same([Some(a), None]) => self.narrowed(a, ty),
                Passed::Same([Some(a), Some(b)])
                    if self.root(Thing::Value(a)) == self.root(Thing::Value(b)) =>
                {
                    Some(Thing::Value(a))
                }
                Passed::Same(_) | Passed::Derived(_) | Passed::Opaque(_) => None,
                Passed::Nothing => match self.slots.content_of(value) {
                    Some(Content::Value(held)) if self.func.dfg.value_type(held) == ty => {
                        Some(Thing::Value(held))
                    }
                    Some(Content::Phi(phi, node)) => Some(Thing::Phi(phi, node)),
                    Some(Content::Value(_) | Content::Unknown) | None => None,
                },
            };
            match next {
                Some(next) => thing = next,
                None => return thing,
            }
        }
        thing
    }

    /// What has the same bits as the part of `value` that is left in type `ty`.
    fn narrowed(&self, value: Value, ty: cranelift_codegen::ir::Type) -> Option<Thing> {
        let value = self.func.dfg.resolve_aliases(value);
        if self.func.dfg.value_type(value).bits() == ty.bits() {
            return Some(Thing::Value(value));
        }
        let ValueDef::Result(inst, _) = self.func.dfg.value_def(value) else {
            return None;
        };
        match passed_on(self.func, inst) {
            Passed::Derived([Some(a), None]) if self.func.dfg.value_type(a).bits() == ty.bits() => {
                Some(Thing::Value(self.func.dfg.resolve_aliases(a)))
            }
            _ => None,
        }
    }

    fn kept(
        &self,
        thing: Thing,
        held: &Held,
        asked: &mut BTreeSet<(Thing, Held)>,
        left: &mut usize,
    ) -> bool {
        let thing = self.root(thing);
        if held.binary_search(&thing).is_ok() {
            return true;
        }
        *left = left.saturating_sub(1);
        steps::count(Analysis::Keepalive, 1 + held.len());
        if held.is_empty() || *left == 0 {
            return false;
        }
        // What is asked again was asked of an earlier point of the same path.
        if !asked.insert((thing, held.clone())) {
            return true;
        }
        let block = match thing {
            Thing::Phi(_, block) => block,
            Thing::Value(value) => {
                if let Some(parts) = self.parts(value) {
                    return parts
                        .into_iter()
                        .all(|part| self.kept(Thing::Value(part), held, asked, left));
                }
                if let Some(object) = self.object_of(value) {
                    return self.kept(Thing::Value(object), held, asked, left);
                }
                match self.func.dfg.value_def(value) {
                    ValueDef::Param(block, _) => match self.cfg.node(block) {
                        Some(block) if block != 0 => block,
                        _ => return false,
                    },
                    ValueDef::Result(..) | ValueDef::Union(..) => return false,
                }
            }
        };
        self.cfg.preds(block).all(|edge| {
            let Some(arg) = self.along(edge, thing) else {
                return false;
            };
            let mut before: Held = held
                .iter()
                .filter_map(|&thing| self.along(edge, thing))
                .map(|thing| self.root(thing))
                .collect();
            before.sort_unstable();
            before.dedup();
            self.kept(arg, &before, asked, left)
        })
    }

    /// What `thing` is at the end of `edge`, if it is there yet.
    fn along(&self, edge: Edge, thing: Thing) -> Option<Thing> {
        match thing {
            Thing::Phi(phi, node) if node == edge.to => {
                self.thing(self.slots.argument_of(phi, edge.from))
            }
            Thing::Phi(_, node) => {
                (node != edge.to && self.cfg.dominates(node, edge.to)).then_some(thing)
            }
            Thing::Value(value) => {
                let defined = Point::of_value(self.func, self.cfg, value)?;
                if defined.node != edge.to {
                    return self.cfg.dominates(defined.node, edge.to).then_some(thing);
                }
                let ValueDef::Param(block, index) = self.func.dfg.value_def(value) else {
                    return None;
                };
                let last = self.func.layout.last_inst(self.cfg.block(edge.from))?;
                debug_assert_eq!(self.cfg.node(block), Some(edge.to));
                let dests = destinations(self.func, last);
                let mut args = dests[edge.dest as usize].args(&self.func.dfg.value_lists);
                match args.nth(index)? {
                    BlockArg::Value(arg) => Some(Thing::Value(self.func.dfg.resolve_aliases(arg))),
                    // What a call returned there is in no slot yet.
                    BlockArg::TryCallRet(_) | BlockArg::TryCallExn(_) => None,
                }
            }
        }
    }
}
