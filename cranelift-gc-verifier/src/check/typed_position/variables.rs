//! Stack slots that are variables, and results that are joined: what is there is what was stored or returned last, on one way or another.
//!
//! **Claim.** For each error there is an execution in which what was loaded from a slot, or returned to a block, is not what is relied upon.
//!
//! **Strength.** That of [`world`](crate::evidence::world), for a bounded number of executions. Judged is what is loaded from slots whose
//! address does not escape, in which only values are stored of which it is known what they are, and of which no analysis tells the only
//! one that is stored. A pointer to an object of null, and what is said to be no reference and is one, are inconclusive.
//!
//! **Math.** An execution ends at a position `p` with a word of the thing `t`, and `t` is not in what `p` allows.

use super::found::{Found, Position};
use super::made::word_of;
use crate::analysis::facts::Facts;
use crate::analysis::kind::Kinds;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::subject::Context;
use crate::evidence::steps::{point_step, push_path, through};
use crate::evidence::world::{Plan, Seen, Stage, Tag, Watch, Word, World, run};
use crate::finding::error::GcError;
use crate::finding::hazard::Hazard;
use crate::finding::report::Inconclusive;
use crate::finding::typed::{Thing, TypeBroken, Typed};
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::{Edge, Node, constant, destinations};
use crate::ir::gc_info::returned;
use crate::ir::path::Point;
use cranelift_codegen::ir::{BlockArg, GcFact, Inst, Opcode, StackSlot, Value, ValueDef, types};
use cranelift_codegen::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

/// How many executions are tried.
const MAX_PLANS: u64 = 400;
/// How many instructions are executed.
const FUEL: u32 = 40_000;

/// What is asked of an instruction.
#[derive(Clone, Copy)]
struct Question {
    value: Value,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// Does it arrive as what is relied upon?
    Arrives(GcFact, Typed),
    /// May it be dereferenced?
    Dereferenced,
    /// Does it point into an object?
    Pointer,
}

/// Judge what `loaded` are. Of what is `open`, other analyses do not tell what it is.
pub(super) fn judge(
    facts: &Facts,
    loaded: &FxHashSet<Value>,
    open: &[Position],
    found: &mut Found,
) {
    let Some(context) = facts.context() else {
        return;
    };
    let questions = questions(facts, context, loaded, open);
    if questions.is_empty() {
        return;
    }
    let stage = Stage::new(facts, context.headers);
    let mut fuel = FUEL;
    let mut answered = FxHashSet::default();
    let mut pointers = FxHashMap::default();
    let mut unclear = BTreeMap::default();
    for seed in 0..MAX_PLANS {
        let plan = Plan {
            seed,
            ..Plan::default()
        };
        let mut watcher = Watcher {
            context,
            questions: &questions,
            pointers: &mut pointers,
            unclear: &mut unclear,
            answers: Vec::new(),
        };
        run(&stage, &plan, &mut fuel, &mut watcher);
        for (inst, question, thing, path) in watcher.answers {
            if answered.insert((inst, question.value)) {
                answer(context, inst, question, thing, &path, found);
            }
        }
        if fuel == 0 {
            break;
        }
    }
    for (inst, value) in unclear {
        if !answered.contains(&(inst, value)) {
            let open = Inconclusive::UndecidedType { inst, value };
            found.inconclusive.push(open);
        }
    }
    let mut pointers: Vec<_> = pointers.into_iter().collect();
    pointers.sort_unstable_by_key(|&(inst, _)| inst);
    for (inst, seen) in pointers {
        if let Pointed {
            to_object: true,
            to_null: Some(value),
        } = seen
        {
            let open = Inconclusive::UndecidedGuard { inst, value };
            found.inconclusive.push(open);
        }
    }
}

/// What is loaded from slots of which no analysis tells the only value that is stored, and block parameters of which none tells what
/// calls return for them.
pub(super) fn variables(facts: &Facts) -> FxHashSet<Value> {
    let Some(context) = facts.context() else {
        return FxHashSet::default();
    };
    let body = &*facts.body;
    let mut loads: Vec<(StackSlot, Value)> = Vec::new();
    for at in &body.slot_accesses {
        let access = body.access_at(at);
        if let (Some(result), None) = (access.result, access.data)
            && !body.escapes.contains_key(&at.slot)
            && context.root(result) == result
        {
            loads.push((at.slot, result));
        }
    }
    let mut kinds = Kinds::new(context);
    let joined = joined_results(context, &mut kinds);
    if loads.is_empty() {
        return joined;
    }
    let of_slot: FxHashMap<Value, StackSlot> =
        loads.iter().map(|&(slot, value)| (value, slot)).collect();
    // The slots in which something unknown is stored, and those that are stored in others.
    let mut unknown: FxHashSet<StackSlot> = FxHashSet::default();
    let mut copies: Vec<(StackSlot, StackSlot)> = Vec::new();
    for at in &body.slot_accesses {
        let Some(data) = body.access_at(at).data else {
            continue;
        };
        let root = context.root(word_of(context.func, body, data));
        match of_slot.get(&root) {
            Some(&from) => copies.push((at.slot, from)),
            None if is_known(context, &mut kinds, root) => {}
            None => drop(unknown.insert(at.slot)),
        }
    }
    let mut before = usize::MAX;
    while before != unknown.len() {
        before = unknown.len();
        for &(slot, from) in &copies {
            if unknown.contains(&from) {
                unknown.insert(slot);
            }
        }
    }
    loads
        .into_iter()
        .filter(|(slot, _)| !unknown.contains(slot))
        .map(|(_, value)| value)
        .chain(joined)
        .collect()
}

/// The block parameters without facts that are, on one way or another, what a call returns that can throw; if it is known what they are
/// on all.
fn joined_results(context: Context, kinds: &mut Kinds) -> FxHashSet<Value> {
    let (func, cfg) = (context.func, context.cfg);
    let (mut joined, mut seen) = (FxHashSet::default(), FxHashSet::default());
    for node in cfg.nodes() {
        let Some(last) = func.layout.last_inst(cfg.block(node)) else {
            continue;
        };
        if !matches!(
            func.dfg.insts[last].opcode(),
            Opcode::TryCall | Opcode::TryCallIndirect
        ) {
            continue;
        }
        let dests = destinations(func, last);
        for edge in cfg.succs(node) {
            let params = func.dfg.block_params(cfg.block(edge.to));
            let args = dests[edge.dest as usize].args(&func.dfg.value_lists);
            for (arg, &param) in args.zip(params) {
                let is_known = |kinds: &mut Kinds| {
                    let passed = kinds.passed(param).unwrap_or_default();
                    passed.len() > 1
                        && passed.into_iter().all(|(edge, arg)| match arg {
                            Some(arg) => is_known(context, kinds, arg),
                            None => passes_result(context, edge, param),
                        })
                };
                if matches!(arg, BlockArg::TryCallRet(_))
                    && func.dfg.gc_info.fact(param).is_none()
                    && seen.insert(param)
                    && is_known(kinds)
                {
                    joined.insert(param);
                }
            }
        }
    }
    hand_on(context, kinds, &mut joined);
    joined
}

/// Add to `joined` the block parameters without facts that are passed one of them, or, on other ways, what is known.
fn hand_on(context: Context, kinds: &mut Kinds, joined: &mut FxHashSet<Value>) {
    let (func, cfg, body) = (context.func, context.cfg, context.body);
    let mut before = usize::MAX;
    while before != joined.len() && !joined.is_empty() {
        before = joined.len();
        for pass in cfg.nodes().flat_map(|node| body.passed_from(node)) {
            let param = pass.param;
            if joined.contains(&param)
                || !joined.contains(&context.root(pass.arg))
                || func.dfg.gc_info.fact(param).is_some()
            {
                continue;
            }
            let passed = kinds.passed(param).unwrap_or_default();
            let is_known = passed.into_iter().all(|(edge, arg)| match arg {
                Some(arg) => arg == param || joined.contains(&arg) || is_known(context, kinds, arg),
                None => passes_result(context, edge, param),
            });
            if is_known {
                joined.insert(param);
            }
        }
    }
}

/// Is it a result, of which the signature says what it is, that `edge` passes for `param`?
fn passes_result(context: Context, edge: Edge, param: Value) -> bool {
    let (func, cfg) = (context.func, context.cfg);
    let (ValueDef::Param(_, number), Some(last)) = (
        func.dfg.value_def(param),
        func.layout.last_inst(cfg.block(edge.from)),
    ) else {
        return false;
    };
    let dest = &destinations(func, last)[edge.dest as usize];
    match dest.args(&func.dfg.value_lists).nth(number) {
        Some(BlockArg::TryCallRet(index)) => returned(func, last, index as usize).is_some(),
        _ => false,
    }
}

/// Is it known what `value`, a root, may be?
fn is_known(context: Context, kinds: &mut Kinds, value: Value) -> bool {
    let func = context.func;
    if constant(func, value).is_some() {
        return true;
    }
    if func.dfg.value_type(value) == types::I64 {
        let address = Address::of(func, context.body, value);
        return address.offset.is_some()
            && address
                .reference
                .is_some_and(|reference| kinds.at_definition(reference).is_some());
    }
    kinds.at_definition(value).is_some()
}

/// What is asked of which instruction.
fn questions(
    facts: &Facts,
    context: Context,
    loaded: &FxHashSet<Value>,
    open: &[Position],
) -> FxHashMap<Inst, Vec<Question>> {
    let (func, body) = (context.func, context.body);
    let info = &func.dfg.gc_info;
    let mut questions: FxHashMap<Inst, Vec<Question>> = FxHashMap::default();
    let mut ask = |inst: Inst, question: Question| {
        let of_inst = questions.entry(inst).or_default();
        let is_new = of_inst.iter().all(|known| {
            (known.value, core::mem::discriminant(&known.what))
                != (question.value, core::mem::discriminant(&question.what))
        });
        if is_new {
            of_inst.push(question);
        }
    };
    for position in open {
        let root = context.root(word_of(func, body, position.value));
        if loaded.contains(&root) && position.along.is_none() {
            let what = What::Arrives(position.promise, position.what);
            let value = position.value;
            ask(position.inst, Question { value, what });
        }
    }
    for memory in body.accesses() {
        let (inst, access) = (memory.inst, &memory.access);
        if let (Some(value), None) = (access.result, access.data)
            && loaded.contains(&value)
            && facts.leaves_slots(value)
            && let Some(fact) = info.fact(value)
        {
            let what = What::Arrives(fact, Typed::Made(value));
            ask(inst, Question { value, what });
        }
        let address = Address::of(func, body, access.addr).with_word();
        if let (Some(reference), Some(_)) = (address.reference, address.pointer)
            && loaded.contains(&context.root(reference))
        {
            let what = What::Dereferenced;
            let value = reference;
            ask(inst, Question { value, what });
        }
        if let (None, Some(value)) = (address.reference, address.pointer)
            && loaded.contains(&context.root(value))
        {
            let what = What::Pointer;
            ask(inst, Question { value, what });
        }
    }
    questions
}

/// What a pointer was seen to point to.
#[derive(Default)]
struct Pointed {
    to_object: bool,
    /// To where null would be an object.
    to_null: Option<Value>,
}

struct Watcher<'a, 'b> {
    context: Context<'a>,
    questions: &'b FxHashMap<Inst, Vec<Question>>,
    pointers: &'b mut FxHashMap<Inst, Pointed>,
    /// Where something arrives that is made of parts of several things.
    unclear: &'b mut BTreeMap<Inst, Value>,
    answers: Vec<(Inst, Question, Thing, Vec<Node>)>,
}

impl Watcher<'_, '_> {
    fn ask(&mut self, world: &World, stage: &Stage, inst: Inst, question: Question, word: Word) {
        let context = self.context;
        let thing = thing_of(stage, world, word);
        if thing.is_none() && matches!(question.what, What::Arrives(GcFact::Ref { .. }, _)) {
            self.unclear.entry(inst).or_insert(question.value);
        }
        let wrong = match question.what {
            What::Arrives(promise @ GcFact::Ref { .. }, _) => thing.filter(|&thing| {
                let allowed = context.universe.of(&context.func.dfg.gc_info, promise);
                let number = context.universe.number(thing);
                number.is_some_and(|number| !allowed.contains(number))
            }),
            What::Arrives(GcFact::Scalar, _) => thing.filter(|thing| thing.heap().is_some()),
            What::Dereferenced => thing.filter(|thing| matches!(thing, Thing::Null | Thing::I31)),
            What::Arrives(..) => None,
            What::Pointer => {
                let seen = self.pointers.entry(inst).or_default();
                match word.tag {
                    Tag::Address(_) => seen.to_object = true,
                    Tag::Base => seen.to_null = Some(question.value),
                    _ => {}
                }
                None
            }
        };
        if let Some(thing) = wrong {
            let answer = (inst, question, thing, world.path.clone());
            self.answers.push(answer);
        }
    }
}

impl Watch for Watcher<'_, '_> {
    fn before(&mut self, world: &World, stage: &Stage, inst: Inst) {
        let questions = self.questions;
        for &question in questions.get(&inst).into_iter().flatten() {
            let is_made = matches!(question.what, What::Arrives(_, Typed::Made(made)) if made == question.value);
            if !is_made {
                let word = world.value(stage, question.value);
                self.ask(world, stage, inst, question, word);
            }
        }
    }

    fn access(&mut self, _: &mut World, _: &Stage, _: &Seen) -> bool {
        false
    }

    fn loaded(&mut self, world: &World, stage: &Stage, seen: &Seen, word: Word) {
        let questions = self.questions;
        for &question in questions.get(&seen.inst).into_iter().flatten() {
            if let What::Arrives(_, Typed::Made(made)) = question.what
                && made == question.value
            {
                self.ask(world, stage, seen.inst, question, word);
            }
        }
    }
}

/// What a word is, if that is known.
fn thing_of(stage: &Stage, world: &World, word: Word) -> Option<Thing> {
    match (word.tag, word.bits) {
        (Tag::Plain, 0) => Some(Thing::Null),
        (Tag::Plain, bits) if bits % 2 == 1 => Some(Thing::I31),
        (Tag::Reference(number), bits) => {
            let object = &world.objects[number as usize];
            if bits != object.word() {
                return Some(Thing::Number);
            }
            let heap = object.kind_of(stage);
            Some(match object.index {
                Some(index) => Thing::Exactly(heap, index),
                None => Thing::Other(heap),
            })
        }
        _ => None,
    }
}

fn answer(
    context: Context,
    inst: Inst,
    question: Question,
    thing: Thing,
    path: &[Node],
    found: &mut Found,
) {
    let (func, cfg) = (context.func, context.cfg);
    let Question { value, what } = question;
    let mut steps: Vec<Step> = vec![through(cfg, path[0])];
    match what {
        What::Arrives(promise @ GcFact::Ref { .. }, what) => {
            push_path(func, cfg, &mut steps, path, Role::Use, inst);
            let error = GcError::TypeBroken(TypeBroken {
                inst,
                value: Some(value),
                thing,
                promise,
                what,
            });
            found.errors.push((error, steps));
        }
        What::Arrives(..) => {
            let undecided = Inconclusive::UndecidedType { inst, value };
            found.inconclusive.push(undecided);
        }
        What::Dereferenced => {
            let defined = Point::of_value(func, cfg, value);
            let Some((defined, at)) = defined.and_then(|defined| {
                let at = path.iter().rposition(|&entered| entered == defined.node);
                Some((defined, at?))
            }) else {
                return;
            };
            let mut steps = vec![point_step(cfg, defined, Role::Definition)];
            push_path(func, cfg, &mut steps, &path[at..], Role::Use, inst);
            let (hazard, word) = match thing {
                Thing::Null => (Hazard::Null, 0),
                _ => (Hazard::I31, 1),
            };
            let error = GcError::UnguardedDereference {
                inst,
                value,
                hazard,
                word,
            };
            found.errors.push((error, steps));
        }
        What::Pointer => {}
    }
}
