//! What references are, where it matters: kinds and nullability as a type system.
//!
//! **Claim.** Of each value and point, [`Kinds::at`] returns all things that the value may be there.
//!
//! **Strength.** Relative to facts: what a parameter of the function, a call or a load gives is what its fact
//! says. Block parameters are what is passed for them, within their facts; a choice is what its arms are;
//! constants are themselves. A value that is made otherwise may be anything, unless it has a fact.
//!
//! **Math.** For block parameters, the least fixed point of `S(p) = F(p) ∩ ⋃ L(e, S(aₑ))` over the edges `e`
//! into the block, where `F` is what the fact allows, `aₑ` what is passed, and `L(e, S)` what of `S` is left
//! where `e` is taken (see [`dominating`]).

pub(crate) mod address;
pub(crate) mod agreement;
pub(crate) mod dominating;
pub(crate) mod field;
pub(crate) mod given;
pub(crate) mod header;
pub(crate) mod mistakable;
pub(crate) mod number;
pub(crate) mod path;
pub(crate) mod subject;
pub(crate) mod thing;

use crate::finding::typed::Thing;
use crate::ir::cfg::{Edge, Node, constant};
use crate::ir::path::Point;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{
    Function, GcFact, GcHeapType, GcKind, GcNullability, Inst, InstructionData, Opcode, Value,
    ValueDef, types,
};
use dominating::{Memory, argument, left, left_along};
use given::{given_to, returned};
use number::is_number;
use smallvec::SmallVec;
use subject::{Context, Subject};
use thing::Things;

/// How many block parameters are followed for one value.
const MAX_PARAMS: usize = 64;

/// How many reloads of reloads are looked through.
const MAX_RELOADS: usize = 32;

/// What is passed for a block parameter on each edge, if it is a value.
pub(crate) type Passes = SmallVec<[(Edge, Option<Value>); 4]>;

/// What is known of the kinds of a function's values.
pub(crate) struct Kinds<'a> {
    pub(crate) context: Context<'a>,
    memory: Memory,
    /// What block parameters may be, as far as it was asked; nothing if it is not known.
    params: FxHashMap<Value, Option<Things>>,
}

/// Where a value comes from.
#[derive(Clone, Copy)]
pub(crate) enum Source {
    /// It is one of these.
    Is(Things),
    /// It is what is passed for this block parameter.
    Param,
    /// It is one of both, by the condition.
    Choice(Value, [Value; 2]),
    /// That is not known.
    Unknown,
}

impl<'a> Kinds<'a> {
    pub(crate) fn new(context: Context<'a>) -> Self {
        Kinds {
            context,
            memory: Memory::default(),
            params: FxHashMap::default(),
        }
    }

    /// What facts say of `value`, and of what it is reloaded for: each holds.
    pub(crate) fn facts(&self, value: Value) -> SmallVec<[GcFact; 2]> {
        let context = self.context;
        let info = &context.func.dfg.gc_info;
        let mut value = context.body.resolve(context.func, value);
        let mut facts = SmallVec::new();
        for _ in 0..MAX_RELOADS {
            facts.extend(info.fact(value));
            match context.roots.origin(value) {
                Some(origin) if origin != value => value = origin,
                _ => break,
            }
        }
        if facts.is_empty() {
            facts.extend(given_to(context.func, context.body, value));
        }
        facts
    }

    /// What the facts of `value` allow; nothing if there are none.
    fn by_facts(&self, value: Value) -> Option<Things> {
        let info = &self.context.func.dfg.gc_info;
        let facts = self.facts(value);
        let sets = facts
            .into_iter()
            .map(|fact| self.context.universe.of(info, fact));
        sets.reduce(Things::and)
    }

    /// Where `value`, a root, comes from.
    pub(crate) fn source(&self, value: Value) -> Source {
        let context = self.context;
        let func = context.func;
        if let Some(n) = constant(func, value) {
            return Source::Is(context.universe.only(constant_thing(func, value, n)));
        }
        match func.dfg.value_def(value) {
            ValueDef::Param(block, _) => {
                let is_entry = func.layout.entry_block() == Some(block);
                let is_new = func.dfg.gc_info.new_object(value).is_some();
                let is_returned = returned(context.body, value).is_some();
                if context.headers.compared(func, value).is_some() {
                    return Source::Is(context.universe.only(Thing::Number));
                }
                match is_entry || is_new || is_returned {
                    true => self.by_facts(value).map_or(Source::Unknown, Source::Is),
                    false => Source::Param,
                }
            }
            ValueDef::Result(inst, _) => match func.dfg.insts[inst] {
                // NB: The bits of a reference may be stored as those of a float.
                InstructionData::UnaryIeee32 { imm, .. } => {
                    Source::Is(context.universe.only(thing_of_word(imm.bits().into())))
                }
                InstructionData::Ternary {
                    opcode: Opcode::Select | Opcode::SelectSpectreGuard,
                    args: [condition, yes, no],
                } => Source::Choice(condition, [yes, no]),
                ref data => {
                    if let Some(things) = self.by_facts(value) {
                        return Source::Is(things);
                    }
                    let is_number = || is_number(func, context.body, context.headers, value);
                    let number = || is_number().then_some(Thing::Number);
                    match self.computed(data).or_else(number) {
                        Some(thing) => Source::Is(context.universe.only(thing)),
                        None => Source::Unknown,
                    }
                }
            },
            ValueDef::Union(..) => Source::Unknown,
        }
    }

    /// What a computation makes, whatever it is made of.
    fn computed(&self, data: &InstructionData) -> Option<Thing> {
        let func = self.context.func;
        let InstructionData::Binary { opcode, args } = *data else {
            return None;
        };
        let ty = func.dfg.value_type(args[0]);
        let number = args.iter().find_map(|&arg| constant(func, arg))?;
        let is_reference = |&arg: &Value| {
            let facts = self.facts(arg);
            facts.iter().any(|fact| matches!(fact, GcFact::Ref { .. }))
        };
        match opcode {
            Opcode::Bor if number & 1 == 1 && ty == types::I32 => Some(Thing::I31),
            // A reference that was moved is none.
            Opcode::Iadd | Opcode::Isub
                if number != 0
                    && number % 2 == 0
                    && ty == types::I32
                    && args.iter().any(is_reference) =>
            {
                Some(Thing::Number)
            }
            _ => None,
        }
    }

    /// The reference that `value`, a root, is, from its definition on.
    pub(crate) fn subject(&self, reference: Value) -> Option<Subject<'a>> {
        let context = self.context;
        let start = Point::of_value(context.func, context.cfg, reference)?;
        Some(Subject {
            context,
            reference,
            start,
        })
    }

    /// What `value` may be where `inst` in `node` is, or, if there is an edge, where that is taken. Nothing, if it is not
    /// known.
    pub(crate) fn at(
        &mut self,
        value: Value,
        node: Node,
        inst: Inst,
        along: Option<Edge>,
        outside: Option<Things>,
    ) -> Option<Things> {
        let root = self.context.root(value);
        let within = self.by_facts(value);
        let start = match (within, outside) {
            (Some(within), Some(outside)) => {
                // NB: Most of what the type does not tell is told by a test of the value itself.
                let left = self.left((root, value), node, inst, along, within.and(outside));
                if left.is_empty() {
                    return Some(left);
                }
                Some(within)
            }
            (within, _) => within,
        };
        let things = match (self.may_be(root, MAX_PARAMS), start) {
            (Some(things), Some(within)) => things.and(within),
            (Some(things), None) => things,
            (None, Some(within)) => within,
            (None, None) => return None,
        };
        let things = outside.map_or(things, |outside| things.and(outside));
        Some(self.left((root, value), node, inst, along, things))
    }

    /// Those of `things` as which `arm` may get to where `choice` is defined.
    fn left_at(&mut self, arm: Value, choice: Value, things: Things) -> Things {
        let point = Point::of_value(self.context.func, self.context.cfg, choice);
        match point {
            Some(Point {
                node,
                inst: Some(inst),
            }) if arm != choice => self.left((arm, arm), node, inst, None, things),
            _ => things,
        }
    }

    /// Those of `things` as which `value`, with this root, may get there. A pass may have removed the root, a constant; the value has
    /// been what it is since it was loaded.
    fn left(
        &mut self,
        (root, value): (Value, Value),
        node: Node,
        inst: Inst,
        along: Option<Edge>,
        things: Things,
    ) -> Things {
        let of_value = || {
            let value = self.context.body.resolve(self.context.func, value);
            let start = Point::of_value(self.context.func, self.context.cfg, value)?;
            Some(Subject {
                context: self.context,
                reference: root,
                start,
            })
        };
        let Some(subject) = self.subject(root).or_else(of_value) else {
            return things;
        };
        match along {
            Some(edge) => left_along(subject, &mut self.memory, edge, things),
            None => left(subject, &mut self.memory, node, Some(inst), things),
        }
    }

    /// What `value` may be where it is defined. Nothing, if it is not known.
    pub(crate) fn at_definition(&mut self, value: Value) -> Option<Things> {
        let root = self.context.root(value);
        self.may_be(root, MAX_PARAMS)
    }

    /// What `root` may be at its definition.
    fn may_be(&mut self, root: Value, params: usize) -> Option<Things> {
        match self.source(root) {
            Source::Is(things) => Some(things),
            Source::Unknown => None,
            Source::Choice(condition, [yes, no]) => {
                let within = self.by_facts(root);
                let mut all = Things::default();
                for (arm, is) in [(yes, true), (no, false)] {
                    let arm = self.context.root(arm);
                    let things = match params.checked_sub(1) {
                        Some(params) => self.may_be(arm, params).or_else(|| self.by_facts(arm)),
                        None => self.by_facts(arm),
                    };
                    let things = self.with_condition(arm, condition, is, things?);
                    all = all.or(self.left_at(arm, root, things));
                }
                Some(within.map_or(all, |within| all.and(within)))
            }
            Source::Param => {
                if let Some(&known) = self.params.get(&root) {
                    return known;
                }
                self.solve(root);
                self.params.get(&root).copied().flatten()
            }
        }
    }

    pub(crate) fn with_condition(
        &mut self,
        arm: Value,
        condition: Value,
        is: bool,
        things: Things,
    ) -> Things {
        match self.subject(arm) {
            Some(subject) => {
                dominating::with_condition(subject, &mut self.memory, condition, is, things)
            }
            None => things,
        }
    }

    /// The edges into the block of `param`, with what they pass for it.
    pub(crate) fn passed(&self, param: Value) -> Option<Passes> {
        let context = self.context;
        let ValueDef::Param(block, number) = context.func.dfg.value_def(param) else {
            return None;
        };
        let node = context.cfg.node(block)?;
        let edges = context.cfg.preds(node);
        let passed = edges.map(|edge| {
            let arg = argument(context.func, context.cfg.block(edge.from), edge, number);
            (edge, arg.map(|arg| context.root(arg)))
        });
        Some(passed.collect())
    }

    /// The block parameters that `param` may be what is passed for.
    fn closure(&self, param: Value) -> Vec<Value> {
        let mut closure = vec![param];
        let mut at = 0;
        while at < closure.len() && closure.len() <= MAX_PARAMS {
            let passed = self.passed(closure[at]).unwrap_or_default();
            at += 1;
            for (_, arg) in passed {
                let Some(arg) = arg else { continue };
                let is_param = matches!(self.source(arg), Source::Param);
                if is_param && !self.params.contains_key(&arg) && !closure.contains(&arg) {
                    closure.push(arg);
                }
            }
        }
        closure
    }

    /// Find what `param`, and those that it depends on, may be.
    fn solve(&mut self, param: Value) {
        let closure = self.closure(param);
        if closure.len() > MAX_PARAMS {
            let by_facts = self.by_facts(param);
            self.params.insert(param, by_facts);
            return;
        }
        for &param in &closure {
            self.params.insert(param, Some(Things::default()));
        }
        let mut changed = true;
        while changed {
            changed = false;
            for &param in closure.iter().rev() {
                let found = self.passed_for(param);
                let old = self.params.insert(param, found).flatten();
                changed |= found != old;
            }
        }
    }

    fn passed_for(&mut self, param: Value) -> Option<Things> {
        let within = self.by_facts(param);
        let mut all = Things::default();
        for (edge, arg) in self.passed(param).unwrap_or_default() {
            // NB: What is not known may be whatever the fact allows.
            let Some(arg) = arg else { return within };
            let things = match self.source(arg) {
                Source::Param => self.params.get(&arg).copied().flatten(),
                _ => self.may_be(arg, 2),
            };
            let Some(things) = things else { return within };
            let things = within.map_or(things, |within| things.and(within));
            let new = things.without(all);
            if new.is_empty() {
                continue;
            }
            let left = match self.subject(arg) {
                Some(subject) => left_along(subject, &mut self.memory, edge, new),
                None => new,
            };
            all = all.or(left);
        }
        Some(all)
    }

    /// The roots that `value` may be, each of which is what it is where it is defined; and whether those are all.
    pub(crate) fn origins(&self, value: Value) -> (Vec<Value>, bool) {
        let mut seen = vec![self.context.root(value)];
        let mut origins = Vec::new();
        let mut are_all = true;
        let mut at = 0;
        while at < seen.len() {
            let value = seen[at];
            at += 1;
            let mut add = |value: Value| {
                if !seen.contains(&value) && seen.len() < 2 * MAX_PARAMS {
                    seen.push(value);
                }
            };
            match self.source(value) {
                Source::Is(_) => origins.push(value),
                Source::Unknown => are_all = false,
                Source::Choice(_, arms) => {
                    arms.into_iter().for_each(|arm| add(self.context.root(arm)));
                }
                Source::Param => {
                    for (_, arg) in self.passed(value).unwrap_or_default() {
                        match arg {
                            Some(arg) => add(arg),
                            None => are_all = false,
                        }
                    }
                }
            }
        }
        (origins, are_all)
    }
}

/// What a constant is.
fn constant_thing(func: &Function, value: Value, n: u64) -> Thing {
    match func.dfg.value_type(value) {
        types::I32 => thing_of_word(n),
        _ if n == 0 => Thing::Null,
        _ => Thing::Number,
    }
}

fn thing_of_word(n: u64) -> Thing {
    match n {
        0 => Thing::Null,
        n if n % 2 == 1 => Thing::I31,
        _ => Thing::Number,
    }
}

/// A reference to an object of this kind.
pub(crate) fn object_of(kind: GcKind) -> GcFact {
    GcFact::reference(kind, GcNullability::NonNull)
}

/// Is this a kind of objects in the heap that have a header?
pub(crate) fn is_in_heap(heap: GcHeapType) -> bool {
    match heap {
        GcHeapType::Func | GcHeapType::NoFunc | GcHeapType::Cont | GcHeapType::NoCont => false,
        GcHeapType::Any
        | GcHeapType::Eq
        | GcHeapType::I31
        | GcHeapType::Struct
        | GcHeapType::Array
        | GcHeapType::None
        | GcHeapType::Extern
        | GcHeapType::NoExtern
        | GcHeapType::Exn
        | GcHeapType::NoExn => true,
    }
}
