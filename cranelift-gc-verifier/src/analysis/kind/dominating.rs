//! Which things a reference may still be where it arrives.
//!
//! **Claim.** What is not left is excluded: traps and branches that every path to the point passes exclude it.
//!
//! **Strength.** Tests that dominate the point, and tests that decide a block parameter which such a test
//! reads, as a cast does. Nothing is said of other tests.
//!
//! **Math.** As in [`nullness::dominating`](crate::analysis::nullness::dominating), with sets of [`Things`]
//! instead of words.

use super::subject::{Looks, Subject, Trial, While};
use super::thing::Things;
use crate::analysis::nullness::branch::{Way, way_along};
use crate::analysis::nullness::eval::{Bits, Truth, eval, is_load, truth};
use crate::ir::cfg::{Edge, Node, constant, destinations};
use crate::ir::path::Point;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{
    BlockArg, Function, GcHeapType, Inst, InstructionData, Opcode, Value, ValueDef,
};
use smallvec::SmallVec;

/// How many blocks are looked at for one position, and for each block parameter that is met there.
const MAX_BLOCKS: u32 = 600;
const MAX_NESTED: u32 = 64;

/// How many traps of each, and how many where those do not suffice.
const MAX_TRAPS: [usize; 2] = [12, 512];

/// How many ways into the block of a parameter.
const MAX_WAYS: usize = 12;

/// How often the condition that a parameter depends on is made of another parameter.
const MAX_DEPTH: u32 = 5;

/// How many values of a condition are looked at.
const MAX_LEAVES: usize = 24;

/// How many values are looked at to tell whether one depends on a reference.
const MAX_SEEN: usize = 64;

/// What was found of conditions while references are things.
#[derive(Default)]
pub(crate) struct Memory {
    /// By reference and condition: the things that were tried, and those with which it may be true, and false.
    truths: FxHashMap<(Value, Value), Truths>,
    /// By reference, condition, what it is, and how deep parameters are followed: the things that were tried, and those that
    /// may pass where it is made of a block parameter.
    params: FxHashMap<(Value, Value, bool, u32), [Things; 2]>,
    /// By reference and value: does the value depend on the reference, without block parameters?
    sees: FxHashMap<(Value, Value), bool>,
}

#[derive(Clone, Copy, Default)]
struct Truths {
    tried: Things,
    may_be: [Things; 2],
}

/// Those of `things` as which the reference of `subject` may get to `until` in `node`, or to the end of it.
pub(crate) fn left(
    subject: Subject,
    memory: &mut Memory,
    node: Node,
    until: Option<Inst>,
    things: Things,
) -> Things {
    // NB: What is passed before the reference is there tells nothing of it.
    if !subject.context.cfg.dominates(subject.start.node, node) {
        return things;
    }
    DominatorWalk::walk(subject, memory, |walk| {
        walk.left(node, until, things, MAX_DEPTH)
    })
}

/// Those of `things` as which the reference may take `edge`, and get there.
pub(crate) fn left_along(
    subject: Subject,
    memory: &mut Memory,
    edge: Edge,
    things: Things,
) -> Things {
    if !subject.context.cfg.dominates(subject.start.node, edge.from) {
        return things;
    }
    DominatorWalk::walk(subject, memory, |walk| {
        let along = walk.along(edge, things, MAX_DEPTH);
        walk.left(edge.from, None, along, MAX_DEPTH)
    })
}

struct DominatorWalk<'a, 'm> {
    subject: Subject<'a>,
    memory: &'m mut Memory,
    budget: u32,
    /// How many traps of each block are looked at.
    most: usize,
    /// Were there more?
    are_more: bool,
}

impl<'a, 'm> DominatorWalk<'a, 'm> {
    /// What `find` leaves, with more of the traps if something is left and there are more.
    fn walk(
        subject: Subject<'a>,
        memory: &'m mut Memory,
        find: impl Fn(&mut Self) -> Things,
    ) -> Things {
        let mut walk = DominatorWalk {
            subject,
            memory,
            budget: MAX_BLOCKS,
            most: MAX_TRAPS[0],
            are_more: false,
        };
        let left = find(&mut walk);
        if left.is_empty() || !walk.are_more {
            return left;
        }
        walk.budget = MAX_BLOCKS;
        walk.most = MAX_TRAPS[1];
        find(&mut walk)
    }

    fn left(
        &mut self,
        mut node: Node,
        mut until: Option<Inst>,
        mut things: Things,
        depth: u32,
    ) -> Things {
        let Subject { context, start, .. } = self.subject;
        let cfg = context.cfg;
        while !things.is_empty() {
            self.budget = match self.budget.checked_sub(1) {
                Some(left) => left,
                None => return things,
            };
            things = self.past_traps(node, until, things, depth);
            if node == start.node || things.is_empty() {
                return things;
            }
            let mut edges = cfg.preds(node);
            node = match (edges.next(), edges.next()) {
                (Some(edge), None) => {
                    things = self.along(edge, things, depth);
                    edge.from
                }
                _ => match cfg.idom(node) {
                    Some(idom) => idom,
                    None => return things,
                },
            };
            until = None;
        }
        things
    }

    fn past_traps(
        &mut self,
        node: Node,
        until: Option<Inst>,
        mut things: Things,
        depth: u32,
    ) -> Things {
        let Subject { context, start, .. } = self.subject;
        let func = context.func;
        let traps = context.body.traps.of(node);
        let Point { node: first, inst } = start;
        let begin = inst.filter(|_| node == first).map_or(0, |start| {
            traps.partition_point(|&trap| func.layout.pp_cmp(trap, start).is_le())
        });
        let end = until.map_or(traps.len(), |until| {
            traps.partition_point(|&trap| func.layout.pp_cmp(trap, until).is_lt())
        });
        let traps = traps.get(begin..end).unwrap_or_default();
        self.are_more |= traps.len() > self.most;
        for &trap in traps.iter().rev().take(self.most) {
            if let InstructionData::CondTrap { opcode, arg, .. } = func.dfg.insts[trap] {
                things = self.with(arg, opcode == Opcode::Trapz, things, depth);
            }
        }
        things
    }

    fn along(&mut self, edge: Edge, things: Things, depth: u32) -> Things {
        let context = self.subject.context;
        let (func, cfg) = (context.func, context.cfg);
        let inst = func.layout.last_inst(cfg.block(edge.from));
        match inst.map(|inst| func.dfg.insts[inst]) {
            Some(InstructionData::Brif { arg, .. }) => {
                self.with(arg, edge.dest == 0, things, depth)
            }
            Some(InstructionData::BranchTable { .. }) => things.filter(|number| {
                let thing = context.universe.thing(number);
                Trial::of(context, self.subject.reference, thing).any(|trial| {
                    let looks = Looks::default();
                    let known = self.known(trial, &looks, &|_| None);
                    way_along(func, cfg, &known, edge) != Way::Never
                })
            }),
            _ => things,
        }
    }

    fn known<'p>(
        &self,
        trial: Trial,
        looks: &'p Looks,
        params: &'p dyn Fn(Value) -> Option<Bits>,
    ) -> While<'_, 'p> {
        While {
            subject: self.subject,
            trial,
            looks,
            params,
            is_memory_unsure: false,
        }
    }

    /// Those of `things` with which `condition` may be `wanted`.
    fn with(&mut self, condition: Value, wanted: bool, things: Things, depth: u32) -> Things {
        let context = self.subject.context;
        let condition = context.body.resolve(context.func, condition);
        let things = self.by_condition(condition, wanted, things);
        if things.is_empty() {
            return things;
        }
        match self.param_of(condition) {
            Some(param) => {
                let key = (self.subject.reference, condition, wanted, depth);
                let [tried, passed] = self.memory.params.get(&key).copied().unwrap_or_default();
                let untried = things.without(tried);
                if untried.is_empty() {
                    return things.and(passed);
                }
                let outer = self.budget;
                if depth == MAX_DEPTH {
                    self.budget = MAX_NESTED;
                }
                let more = self.with_param(param, condition, wanted, untried, depth);
                let passed = passed.or(more.unwrap_or(untried));
                // NB: What was given up half way may be found out where more blocks are left.
                if depth == MAX_DEPTH || self.budget > 0 {
                    let known = [tried.or(untried), passed];
                    self.memory.params.insert(key, known);
                }
                if depth == MAX_DEPTH {
                    self.budget = outer;
                }
                things.and(passed)
            }
            None => things,
        }
    }

    fn by_condition(&mut self, condition: Value, wanted: bool, things: Things) -> Things {
        // NB: Most of what is passed for a parameter is a number.
        if let Some(is) = self.number(condition) {
            return match (is != 0) == wanted {
                true => things,
                false => Things::default(),
            };
        }
        let key = (self.subject.reference, condition);
        let mut truths = self.memory.truths.get(&key).copied().unwrap_or_default();
        let context = self.subject.context;
        let untried = things.without(truths.tried);
        if !untried.is_empty() {
            let sees = self.sees(condition);
            let with = |trial, looks: &Looks| {
                let known = self.known(trial, looks, &|_| None);
                let truth = truth(context.func, &known, condition);
                [false, true].map(|is| truth != Truth::Certain(!is))
            };
            // NB: Most conditions are about something else, and the same for all things.
            if sees {
                let of_things = self.by_thing(untried, with);
                for (may_be, of_things) in truths.may_be.iter_mut().zip(of_things) {
                    *may_be = may_be.or(of_things);
                }
            } else if let Some(trial) = self.any_trial(untried) {
                let may_be = with(trial, &Looks::default());
                for (of_all, may_be) in truths.may_be.iter_mut().zip(may_be) {
                    if may_be {
                        *of_all = of_all.or(untried);
                    }
                }
            }
            truths.tried = truths.tried.or(untried);
            self.memory.truths.insert(key, truths);
        }
        things.and(truths.may_be[usize::from(wanted)])
    }

    /// The number that `value`, which must not be an alias, is, and not as the reference.
    fn number(&self, value: Value) -> Option<u64> {
        let Subject {
            context, reference, ..
        } = self.subject;
        let number = constant(context.func, value)?;
        (context.roots.of(value) != reference).then_some(number)
    }

    /// The first trial of any of `things`.
    fn any_trial(&self, things: Things) -> Option<Trial> {
        let Subject {
            context, reference, ..
        } = self.subject;
        let thing = context.universe.thing(things.numbers().next()?);
        Trial::usual(context, reference, thing).next()
    }

    /// Those of `things` for which `with` says of a trial that the answer may be the first one, and the second one.
    ///
    /// `with` depends on nothing of a trial but its word, its numbering, and what the looks tell: objects that these do not tell
    /// apart are tried once.
    fn by_thing(&self, things: Things, with: impl Fn(Trial, &Looks) -> [bool; 2]) -> [Things; 2] {
        let Subject {
            context, reference, ..
        } = self.subject;
        let mut may_be = [Things::default(); 2];
        let info = &context.func.dfg.gc_info;
        let mut tried = SmallVec::<[(Looks, GcHeapType, [bool; 2]); 4]>::new();
        for number in things.numbers() {
            let thing = context.universe.thing(number);
            let heap = thing.heap();
            let known = heap.and_then(|heap| {
                let equal = tried.iter().find(|(looks, of, _)| {
                    let tests = looks.tests.borrow();
                    let mut tests = tests.iter();
                    (*of == heap || !looks.at_kind.get())
                        && tests.all(|&(test, answer)| test.answer(info, thing) == answer)
                });
                equal.map(|&(.., answers)| answers)
            });
            let answers = known.unwrap_or_else(|| {
                let looks = Looks::default();
                let mut answers = [false; 2];
                let mut attempt = |trial| {
                    for (answer, of_trial) in answers.iter_mut().zip(with(trial, &looks)) {
                        *answer |= of_trial;
                    }
                };
                Trial::usual(context, reference, thing).for_each(&mut attempt);
                if looks.at_type.get() || looks.at_kind.get() {
                    Trial::mistaken(context, reference, thing).for_each(attempt);
                }
                if let (Some(heap), false) = (heap, looks.at_type.get()) {
                    tried.push((looks, heap, answers));
                }
                answers
            });
            for (may_be, answer) in may_be.iter_mut().zip(answers) {
                if answer {
                    may_be.insert(number);
                }
            }
        }
        may_be
    }

    /// May `value` be another one while the reference is another thing? Block parameters are taken as they are.
    fn sees(&mut self, value: Value) -> bool {
        let Subject {
            context, reference, ..
        } = self.subject;
        if let Some(&known) = self.memory.sees.get(&(reference, value)) {
            return known;
        }
        let mut pending = SmallVec::<[Value; 8]>::from_slice(&[value]);
        let mut sees = true;
        for _ in 0..MAX_SEEN {
            let Some(value) = pending.pop() else {
                sees = false;
                break;
            };
            let value = context.body.resolve(context.func, value);
            let word_of = context.word(value);
            if context.roots.of(value) == reference
                || word_of.is_some_and(|(of, _)| context.root(of) == reference)
            {
                break;
            }
            if let Some(types) = context.headers.compared(context.func, value) {
                pending.extend(types);
                continue;
            }
            // NB: Whatever a load depends on, what it yields does not vary.
            if let ValueDef::Result(inst, _) = context.func.dfg.value_def(value)
                && !is_load(context.func, inst)
            {
                pending.extend_from_slice(context.func.dfg.inst_args(inst));
            }
        }
        self.memory.sees.insert((reference, value), sees);
        sees
    }

    /// The block parameter that `condition` is made of, if it is made of one alone.
    fn param_of(&self, condition: Value) -> Option<Value> {
        let Subject {
            context,
            reference,
            start,
        } = self.subject;
        let mut pending = SmallVec::<[Value; 8]>::from_slice(&[condition]);
        let mut param = None;
        for _ in 0..MAX_LEAVES {
            let Some(value) = pending.pop() else {
                return param;
            };
            let value = context.body.resolve(context.func, value);
            if context.roots.of(value) == reference {
                continue;
            }
            match context.func.dfg.value_def(value) {
                ValueDef::Param(block, _) => {
                    // NB: Elsewhere, the reference may not have been what it is now.
                    let node = context.cfg.node(block)?;
                    let is_after = node != start.node && context.cfg.dominates(start.node, node);
                    if is_after && param.replace(value).is_some_and(|other| other != value) {
                        return None;
                    }
                }
                ValueDef::Result(inst, _) => {
                    let opcode = context.func.dfg.insts[inst].opcode();
                    if !opcode.is_call() && !opcode.can_load() {
                        pending.extend_from_slice(context.func.dfg.inst_args(inst));
                    }
                }
                ValueDef::Union(..) => return None,
            }
        }
        None
    }

    /// The same as [`DominatorWalk::with`] for a condition that is made of `param`.
    fn with_param(
        &mut self,
        param: Value,
        condition: Value,
        wanted: bool,
        things: Things,
        depth: u32,
    ) -> Option<Things> {
        let depth = depth.checked_sub(1)?;
        let context = self.subject.context;
        let (func, cfg) = (context.func, context.cfg);
        let ValueDef::Param(block, number) = func.dfg.value_def(param) else {
            return None;
        };
        let node = cfg.node(block)?;
        if cfg.preds(node).count() > MAX_WAYS {
            return None;
        }
        let edges: SmallVec<[Edge; 4]> = cfg.preds(node).collect();
        let mut passed = Things::default();
        for edge in edges {
            let left = things.without(passed);
            let arg = argument(func, cfg.block(edge.from), edge, number)?;
            let arg = context.body.resolve(func, arg);
            // NB: What a loop hands around is what came in.
            if arg == param {
                continue;
            }
            let may_pass = self.passing(arg, param, condition, wanted, left);
            if may_pass.is_empty() {
                continue;
            }
            // NB: What was passed may itself be a parameter, that of another test.
            let may_pass = match self.param_of(arg) {
                Some(inner) if condition == param && inner != param => {
                    let inner = self.with_param(inner, arg, wanted, may_pass, depth);
                    inner.unwrap_or(may_pass)
                }
                _ => may_pass,
            };
            let along = self.along(edge, may_pass, depth);
            passed = passed.or(self.left(edge.from, None, along, depth));
            if passed == things {
                return None;
            }
        }
        Some(passed)
    }

    /// Those of `things` with which `condition` may be `wanted` while `param` is `arg`.
    fn passing(
        &mut self,
        arg: Value,
        param: Value,
        condition: Value,
        wanted: bool,
        things: Things,
    ) -> Things {
        // NB: This is remembered.
        if condition == param {
            return self.by_condition(arg, wanted, things);
        }
        let context = self.subject.context;
        let func = context.func;
        let sees = self.sees(arg) || self.sees(condition);
        let may_be = |trial, looks: &Looks| {
            let bits = eval(func, &self.known(trial, looks, &|_| None), arg);
            let params = |value: Value| (value == param).then_some(bits);
            truth(func, &self.known(trial, looks, &params), condition) != Truth::Certain(!wanted)
        };
        if sees {
            return self.by_thing(things, |trial, looks| [may_be(trial, looks), false])[0];
        }
        let trial = self.any_trial(things);
        match trial.is_some_and(|trial| may_be(trial, &Looks::default())) {
            true => things,
            false => Things::default(),
        }
    }
}

/// What `edge`, out of `from`, passes for the parameter with this number.
pub(crate) fn argument(
    func: &Function,
    from: cranelift_codegen::ir::Block,
    edge: Edge,
    number: usize,
) -> Option<Value> {
    let inst = func.layout.last_inst(from)?;
    let dest = destinations(func, inst)[edge.dest as usize];
    match dest.args(&func.dfg.value_lists).nth(number)? {
        BlockArg::Value(arg) => Some(arg),
        BlockArg::TryCallRet(_) | BlockArg::TryCallExn(_) => None,
    }
}

/// Those of `things` as which the reference may be while `condition` is as said.
pub(crate) fn with_condition(
    subject: Subject,
    memory: &mut Memory,
    condition: Value,
    is: bool,
    things: Things,
) -> Things {
    DominatorWalk::walk(subject, memory, |walk| {
        walk.with(condition, is, things, MAX_DEPTH)
    })
}
