//! Whether an offset into an object stays between bounds, by the tests that dominate the access.
//!
//! **Claim.** Where [`Bounds::holds`] says yes, the goal is true on every execution that gets there.
//!
//! **Strength.** Comparisons, overflow traps and the flags of overflow are understood, and sums, differences and products with
//! constants of what they compare. An array lies within the 2³² bytes of the heap. Choices are split. Of block parameters the goal is
//! proved by induction over the edges into their block.
//!
//! **Math.** A value is a linear form over atoms, with coefficients in ℤ. [`Bounds::modular`] gives a form that is the value modulo
//! 2ⁿ; [`Bounds::exact`] gives one that is the value, which is the same form where it is proved to be in `[0, 2ⁿ)`, and an atom where it is
//! not. A test is a form that is not negative. A goal `g ≥ 0` is proved if the intervals of its atoms say so, or if
//! `a·g + (a - 1) - b·f ≥ 0` is, for a test `f ≥ 0` and positive `a` and `b` with which one atom is eliminated: `g` is an integer.

mod assumptions;
mod values;

use super::form::{Form, gcd};
use crate::analysis::kind::address::Unchecked;
use crate::analysis::kind::dominating::argument;
use crate::analysis::kind::subject::Context;
use crate::ir::cfg::{Cfg, Edge, Node, constant};
use crate::ir::choice::Condition;
use crate::ir::constant::number;
use crate::ir::path::Point;
use crate::ir::view::Body;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Value, ValueDef};
use cranelift_codegen::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

/// How many blocks before an access are looked at.
const MAX_BLOCKS: usize = 64;

/// How deep values are looked into.
const MAX_DEPTH: u32 = 24;
/// How many atoms are eliminated one after the other.
const MAX_ELIMINATED: u32 = 3;
/// How many forms are looked at for one goal.
const FUEL: u32 = 3000;
/// How often a goal is split, or proved by induction.
pub(super) const MAX_SPLITS: u32 = 3;
/// How many goals are looked at for one access.
const WORK: u32 = 400;
/// How many blocks are looked at where ways meet, and how many goals that a test leaves.
const MAX_JOINS: usize = 12;
const MAX_LEFT: usize = 6;
/// How many lemmas are tried for a goal.
const MAX_LEMMAS: usize = 8;
/// How many tests are remembered.
const MAX_TESTS: usize = 400;
/// One more than the largest address in the heap.
const HEAP_SIZE: i128 = 1 << 32;

/// What an atom stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// A value, as an unsigned number.
    Value(Value),
    /// The length of the array that a root refers to.
    Length(Value),
}

/// The array that is accessed, if it is one.
#[derive(Clone, Copy)]
pub(super) struct Array {
    /// Where its first element is.
    pub(super) start: i128,
    /// The bytes of an element.
    pub(super) element: i128,
}

/// See the module.
pub(super) struct Bounds<'a, 's> {
    context: Context<'a>,
    /// The object that is accessed, a root.
    object: Value,
    array: Option<Array>,
    /// The values that are loaded from where arrays have their length, each with the array.
    lengths: &'s FxHashMap<Value, Value>,
    /// Where the length of a new array is stored, and what.
    stored: Option<(Point, Value)>,
    keys: FxHashMap<Key, u32>,
    /// Of each atom what it is and between which numbers.
    atoms: Vec<(Key, i128, i128)>,
    /// Forms that are never negative.
    always: Vec<Form>,
    /// Forms that are not negative where the goal is.
    tests: Vec<Form>,
    /// Forms that are not zero where the goal is.
    unequal: Vec<Form>,
    exact: FxHashMap<Value, Form>,
    /// The atoms of which it is noted what is true of them.
    described: FxHashSet<u32>,
    depth: u32,
    fuel: u32,
    /// Was there a signed comparison?
    is_signed: bool,
    /// How many goals may still be looked at.
    work: u32,
    /// How many of the tests before a point are looked at.
    most: usize,
}

impl<'a, 's> Bounds<'a, 's> {
    pub(super) fn new(
        context: Context<'a>,
        object: Value,
        array: Option<Array>,
        lengths: &'s FxHashMap<Value, Value>,
        stored: Option<(Point, Value)>,
    ) -> Self {
        let mut bounds = Bounds {
            context,
            object,
            array,
            lengths,
            stored,
            keys: FxHashMap::default(),
            atoms: Vec::new(),
            always: Vec::new(),
            tests: Vec::new(),
            unequal: Vec::new(),
            exact: FxHashMap::default(),
            described: FxHashSet::default(),
            depth: MAX_DEPTH,
            fuel: 0,
            is_signed: false,
            work: WORK,
            most: 0,
        };
        if let Some(end) = bounds.end() {
            // The whole of it is in the heap.
            let reference = Form::atom(bounds.atom(Key::Value(object)));
            let left = reference
                .plus(&end)
                .and_then(|end| Form::number(HEAP_SIZE).minus(&end));
            bounds.always.extend(left);
        }
        bounds
    }

    /// Where the array ends, from its start on.
    pub(super) fn end(&mut self) -> Option<Form> {
        let array = self.array?;
        let length = Form::atom(self.atom(Key::Length(self.object)));
        length.times(array.element)?.shifted(array.start)
    }

    /// How far from the start of the object the access is, if its address is the base of the heap, the object and that.
    pub(super) fn distance(
        &mut self,
        address: Value,
        offset: i32,
        bases: &EntitySet<Value>,
    ) -> Option<Form> {
        let address = Unchecked::of(self.context.func, self.context.body, address);
        let mut form = self.modular(address.addr).shifted(address.offset.into())?;
        for value in address.subtracted {
            form = form.minus(&self.modular(value))?;
        }
        let reference = Form::atom(self.atom(Key::Value(self.object)));
        let mut form = form.minus(&reference)?;
        let own = reference.terms[0].0;
        if form.coefficient(own).is_some() {
            return None;
        }
        let wide: SmallVec<[(u32, bool); 2]> = form
            .terms
            .iter()
            .filter_map(|&(atom, times)| match self.atoms[atom as usize].0 {
                Key::Value(value) if times == 1 && self.bits(value) == 64 => {
                    Some((atom, bases.contains(value)))
                }
                Key::Value(_) | Key::Length(_) => None,
            })
            .collect();
        let mut known = wide.iter().filter(|(_, is_base)| *is_base);
        let base = match (known.next(), known.next(), &wide[..]) {
            (Some(&(base, _)), None, _) | (None, None, &[(base, _)]) => base,
            _ => return None,
        };
        form = form.minus(&Form::atom(base))?;
        form.shifted(offset.into())
    }

    /// Note what the tests before `inst`, or before the end of `node`, say.
    pub(super) fn enter(&mut self, node: Node, inst: Option<Inst>, most: usize) {
        self.tests.clear();
        self.unequal.clear();
        self.exact.clear();
        self.described.clear();
        self.most = most;
        let Context {
            func, cfg, body, ..
        } = self.context;
        let conditions = conditions_before((func, cfg, body), node, inst, most);
        self.assume_all(node, inst, &conditions);
    }

    /// Note what the checks say that put null in place of `address`, which is accessed and not null.
    pub(super) fn enter_checks(&mut self, address: Value) {
        let address = Unchecked::of(self.context.func, self.context.body, address);
        for (condition, is) in address.conditions {
            self.assume(condition, is, MAX_DEPTH);
        }
    }

    /// The same of other conditions.
    pub(super) fn enter_given(&mut self, given: &[Condition]) {
        for &(condition, is) in given {
            self.assume(condition, is, MAX_DEPTH);
        }
    }

    fn assume_all(&mut self, node: Node, inst: Option<Inst>, conditions: &[(Value, bool)]) {
        let (func, cfg) = (self.context.func, self.context.cfg);
        if let Some((point, data)) = self.stored {
            let at = Point { node, inst };
            let is_before = match inst {
                Some(_) => point.dominates(func, cfg, at),
                None => cfg.dominates(point.node, node),
            };
            if is_before {
                let length = Form::atom(self.atom(Key::Length(self.object)));
                let data = self.exact(data);
                self.equal(&length, &data);
            }
        }
        self.is_signed = false;
        // NB: A signed comparison says more once it is known that an operand is not negative.
        for turn in 0..2 {
            for &(condition, is) in conditions {
                if turn == 0 || self.is_signed {
                    self.assume(condition, is, MAX_DEPTH);
                }
            }
        }
    }

    // --- Proofs ----------------------------------------------------------------------------

    /// Is `goal`, in terms of values that are there in `node`, never negative there? It may be split so often.
    pub(super) fn holds(&mut self, goal: &Form, node: Node, splits: u32) -> bool {
        self.fuel = FUEL;
        if self.work == 0 {
            return false;
        }
        self.work -= 1;
        if self.prove(goal, MAX_ELIMINATED) {
            return true;
        }
        let Some(splits) = splits.checked_sub(1) else {
            return false;
        };
        self.by_choices(goal, node, splits)
            || self.by_joins(goal, node, splits)
            || self.by_tests(goal, node, splits)
            || self.by_lemmas(goal, node, splits)
    }

    /// Does the goal follow from what is found to be true of the parameters of loops: that they are at most the length, and that
    /// what is not equal is less?
    fn by_lemmas(&mut self, goal: &Form, node: Node, splits: u32) -> bool {
        let mut lemmas = Vec::new();
        for unequal in self.unequal.clone() {
            lemmas.push((unequal.clone(), -1));
            lemmas.extend(unequal.times(-1).map(|form| (form, -1)));
        }
        if self.array.is_some() {
            let length = Form::atom(self.atom(Key::Length(self.object)));
            for atom in 0..self.atoms.len() as u32 {
                if let (Key::Value(value), _, _) = self.atoms[atom as usize]
                    && self.is_of_join(value, node)
                {
                    lemmas.extend(length.minus(&Form::atom(atom)).map(|form| (form, 0)));
                }
            }
        }
        lemmas.truncate(MAX_LEMMAS);
        let before = self.tests.len();
        for (lemma, by) in lemmas {
            if self.by_joins(&lemma, node, splits) {
                self.note(lemma.shifted(by));
            }
        }
        self.tests.len() > before && {
            self.fuel = FUEL;
            self.prove(goal, MAX_ELIMINATED + 1)
        }
    }

    /// Is `value` the parameter of a block where ways meet, which is passed before `node`?
    fn is_of_join(&self, value: Value, node: Node) -> bool {
        let (func, cfg) = (self.context.func, self.context.cfg);
        match func.dfg.value_def(value) {
            ValueDef::Param(block, _) => cfg
                .node(block)
                .is_some_and(|join| cfg.dominates(join, node) && cfg.preds(join).nth(1).is_some()),
            ValueDef::Result(..) | ValueDef::Union(..) => false,
        }
    }

    /// Is the goal true for each arm of a choice?
    fn by_choices(&mut self, goal: &Form, node: Node, splits: u32) -> bool {
        let func = self.context.func;
        let atoms: SmallVec<[u32; 4]> = goal.terms.iter().map(|term| term.0).collect();
        atoms.into_iter().any(|atom| {
            let Key::Value(value) = self.atoms[atom as usize].0 else {
                return false;
            };
            let ValueDef::Result(inst, _) = func.dfg.value_def(value) else {
                return false;
            };
            match func.dfg.insts[inst] {
                InstructionData::Ternary {
                    opcode: Opcode::Select | Opcode::SelectSpectreGuard,
                    args,
                } => self.by_arms(goal, atom, args, node, splits),
                _ => false,
            }
        })
    }

    /// Is the goal true wherever ways meet, on each of them?
    fn by_joins(&mut self, goal: &Form, node: Node, splits: u32) -> bool {
        let cfg = self.context.cfg;
        let mut node = node;
        for _ in 0..MAX_JOINS {
            if node != 0
                && cfg.preds(node).nth(1).is_some()
                && self.by_induction(goal, node, splits)
            {
                return true;
            }
            match cfg.idom(node) {
                Some(idom) if idom != node => node = idom,
                _ => break,
            }
        }
        false
    }

    /// Does the goal follow from a test and from something else that is true wherever ways meet?
    fn by_tests(&mut self, goal: &Form, node: Node, splits: u32) -> bool {
        let mut left = Vec::new();
        for &(atom, times) in &goal.terms {
            for test in &self.tests {
                let found = test.coefficient(atom);
                let Some(found) = found.filter(|found| found.signum() == times.signum()) else {
                    continue;
                };
                left.extend(goal.combined(found.abs(), test, -times.abs()));
            }
        }
        left.truncate(MAX_LEFT);
        left.into_iter()
            .any(|goal| self.by_joins(&goal, node, splits))
    }

    fn by_arms(
        &mut self,
        goal: &Form,
        atom: u32,
        [condition, yes, no]: [Value; 3],
        node: Node,
        splits: u32,
    ) -> bool {
        [(yes, true), (no, false)].into_iter().all(|(arm, is)| {
            let tests = self.tests.clone();
            let unequal = self.unequal.len();
            let exact = self.exact.clone();
            let described = self.described.clone();
            self.assume(condition, is, MAX_DEPTH);
            let arm = self.exact(arm);
            self.equal(&Form::atom(atom), &arm);
            let holds = self
                .replaced(goal, atom, &arm)
                .is_some_and(|goal| self.holds(&goal, node, splits));
            self.tests = tests;
            self.unequal.truncate(unequal);
            self.exact = exact;
            self.described = described;
            holds
        })
    }

    /// Is the goal true on every edge into `node`? Where the block was entered before, it was true then.
    fn by_induction(&mut self, goal: &Form, node: Node, splits: u32) -> bool {
        let (func, cfg) = (self.context.func, self.context.cfg);
        let block = cfg.block(node);
        // What else is in the goal does not change while the block is entered again.
        let is_fixed = goal.terms.iter().all(|term| {
            let (Key::Value(value) | Key::Length(value)) = self.atoms[term.0 as usize].0;
            match func.dfg.value_def(value) {
                ValueDef::Param(of, _) if of == block => true,
                _ => Point::of_value(func, cfg, value)
                    .is_some_and(|point| point.node != node && cfg.dominates(point.node, node)),
            }
        });
        if !is_fixed {
            return false;
        }
        let edges: Vec<Edge> = cfg.preds(node).collect();
        edges.into_iter().all(|edge| {
            let tests = core::mem::take(&mut self.tests);
            let unequal = core::mem::take(&mut self.unequal);
            let exact = core::mem::take(&mut self.exact);
            let described = core::mem::take(&mut self.described);
            let holds = self.holds_along(goal, edge, splits);
            self.tests = tests;
            self.unequal = unequal;
            self.exact = exact;
            self.described = described;
            holds
        })
    }

    fn holds_along(&mut self, goal: &Form, edge: Edge, splits: u32) -> bool {
        let (func, cfg) = (self.context.func, self.context.cfg);
        if cfg.dominates(edge.to, edge.from) {
            self.tests.push(goal.clone());
        }
        let body = self.context.body;
        let mut conditions = conditions_before((func, cfg, body), edge.from, None, self.most);
        let last = func.layout.last_inst(cfg.block(edge.from));
        if let Some(last) = last
            && let InstructionData::Brif { arg, .. } = func.dfg.insts[last]
            && is_only_edge(self.context, edge)
        {
            conditions.push((arg, edge.dest == 0));
        }
        self.assume_all(edge.from, None, &conditions);
        let block = cfg.block(edge.to);
        let mut goal = goal.clone();
        // NB: What is passed may be made of the parameters themselves: these get other names first.
        let mut passed = Vec::new();
        for (number, &param) in func.dfg.block_params(block).iter().enumerate() {
            for key in [Key::Value(param), Key::Length(param)] {
                let atom = self.keys.get(&key).copied();
                let Some(atom) = atom.filter(|&atom| goal.coefficient(atom).is_some()) else {
                    continue;
                };
                let Some(arg) = argument(func, cfg.block(edge.from), edge, number) else {
                    return false;
                };
                let arg = match key {
                    Key::Value(_) => self.exact(arg),
                    Key::Length(_) => {
                        let root = self.context.root(arg);
                        Form::atom(self.atom(Key::Length(root)))
                    }
                };
                let renamed = self.renamed(atom);
                let Some(next) = self.replaced(&goal, atom, &renamed) else {
                    return false;
                };
                passed.push((renamed.terms[0].0, arg));
                goal = next;
            }
        }
        for (atom, arg) in passed {
            let Some(next) = self.replaced(&goal, atom, &arg) else {
                return false;
            };
            goal = next;
        }
        self.holds(&goal, edge.from, splits)
    }

    fn replaced(&self, goal: &Form, atom: u32, by: &Form) -> Option<Form> {
        let Some(times) = goal.coefficient(atom) else {
            return Some(goal.clone());
        };
        goal.combined(1, &Form::atom(atom), -times)?
            .combined(1, by, times)
    }

    fn lowest(&self, form: &Form) -> Option<i128> {
        let mut lowest = form.constant;
        for &(atom, times) in &form.terms {
            let (_, low, high) = self.atoms[atom as usize];
            let at = if times > 0 { low } else { high };
            lowest = lowest.checked_add(times.checked_mul(at)?)?;
        }
        Some(lowest)
    }

    fn prove(&mut self, form: &Form, eliminated: u32) -> bool {
        if self.lowest(form).is_some_and(|lowest| lowest >= 0) {
            return true;
        }
        let (Some(left), Some(fuel)) = (eliminated.checked_sub(1), self.fuel.checked_sub(1)) else {
            return false;
        };
        self.fuel = fuel;
        for &(atom, times) in &form.terms {
            for index in 0..self.always.len() + self.tests.len() {
                let test = match self.always.get(index) {
                    Some(test) => test,
                    None => &self.tests[index - self.always.len()],
                };
                let Some(found) = test.coefficient(atom) else {
                    continue;
                };
                if found.signum() != times.signum() {
                    continue;
                }
                // NB: The form is an integer: what is more than -1 is not negative.
                let next = form
                    .combined(found.abs(), test, -times.abs())
                    .and_then(|next| next.shifted(found.abs() - 1));
                if next.is_some_and(|next| self.prove(&next, left)) {
                    return true;
                }
            }
        }
        false
    }

    fn is_at_least(&mut self, form: &Form, number: i128) -> bool {
        self.fuel = FUEL;
        form.shifted(-number)
            .is_some_and(|form| self.prove(&form, MAX_ELIMINATED))
    }

    fn is_at_most(&mut self, form: &Form, number: i128) -> bool {
        self.fuel = FUEL;
        Form::number(number)
            .minus(form)
            .is_some_and(|form| self.prove(&form, MAX_ELIMINATED))
    }

    /// Between which numbers the intervals of the atoms put `form`, and what it is a multiple of, besides its constant.
    pub(super) fn range(&self, form: &Form) -> Option<(i128, i128, i128)> {
        let low = self.lowest(form)?;
        let high = self.lowest(&form.times(-1)?)?.checked_neg()?;
        let mut step: i128 = 0;
        for &(atom, times) in &form.terms {
            let times = times.checked_mul(self.step_of(atom))?;
            step = gcd(step, times);
        }
        Some((low, high, step.max(1)))
    }

    /// What an atom is a multiple of.
    fn step_of(&self, atom: u32) -> i128 {
        let func = self.context.func;
        let Key::Value(value) = self.atoms[atom as usize].0 else {
            return 1;
        };
        if let ValueDef::Result(inst, 0) = func.dfg.value_def(value)
            && let InstructionData::Binary {
                opcode: Opcode::Band,
                args,
            } = func.dfg.insts[inst]
            && let Some(mask) = args.iter().find_map(|&arg| number(func, arg))
            && mask != 0
        {
            return 1 << mask.trailing_zeros();
        }
        1
    }
}

/// Is the edge the only one from its block to the other?
fn is_only_edge(context: Context, edge: Edge) -> bool {
    let edges = context.cfg.succs(edge.from);
    edges.filter(|other| other.to == edge.to).count() == 1
}

/// The largest unsigned number of so many bits.
fn largest(bits: u32) -> i128 {
    match bits {
        0..=64 => (1 << bits) - 1,
        _ => (1 << 100) - 1,
    }
}

/// A constant as a signed number.
fn signed(func: &Function, value: Value) -> Option<i128> {
    let n = constant(func, value)?;
    let bits = func.dfg.value_type(value).bits().min(64);
    let shift = 64 - bits;
    Some(i128::from((n << shift) as i64 >> shift))
}

/// The conditions that are passed for certain before `inst` in `node`, or before its end: so many of the nearest, in their order.
pub(super) fn conditions_before(
    (func, cfg, body): (&Function, &Cfg, &Body),
    node: Node,
    inst: Option<Inst>,
    most: usize,
) -> Vec<(Value, bool)> {
    let mut conditions = Vec::new();
    let (mut node, mut until) = (node, inst);
    for _ in 0..MAX_BLOCKS {
        let traps = body.traps.of(node);
        let end = until.map_or(traps.len(), |until| {
            traps.partition_point(|&trap| func.layout.pp_cmp(trap, until).is_lt())
        });
        for &trap in traps[..end].iter().rev() {
            if let InstructionData::CondTrap { opcode, arg, .. } = func.dfg.insts[trap]
                && conditions.len() < most
            {
                conditions.push((arg, opcode == Opcode::Trapz));
            }
        }
        until = None;
        let mut edges = cfg.preds(node);
        if let (Some(edge), None) = (edges.next(), edges.next())
            && let Some(inst) = func.layout.last_inst(cfg.block(edge.from))
            && let InstructionData::Brif { arg, .. } = func.dfg.insts[inst]
        {
            conditions.push((arg, edge.dest == 0));
        }
        match cfg.idom(node) {
            Some(idom) if idom != node && conditions.len() < most => node = idom,
            _ => break,
        }
    }
    conditions.reverse();
    conditions
}
