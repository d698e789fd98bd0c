//! Whether the branches of a path can all go the way that they go.
//!
//! **Claim.** Where the conditions of a path are said to agree, there are values for everything that they are
//! made of under which each of them is what the path takes it to be.
//!
//! **Strength.** Two conditions that have nothing in common agree. Where one reference decides several
//! conditions, some [`Thing`](super::thing::Thing) that the reference may be has to pass them all. For other
//! conditions, values near the constants in them are tried. Conditions that are not understood do not agree.
//!
//! **Math.** The leaves of a condition are the references, loads, results of calls and block parameters that it
//! is made of. Conditions are grouped by the least equivalence that relates two with a common leaf. A group
//! agrees if some assignment of its leaves, out of finitely many that are tried, makes each of its conditions
//! what it is on the path.

use super::subject::{Context, Looks, NUMBERINGS, Numbering, Subject, Trial, While};
use super::thing::Things;
use crate::analysis::nullness::eval::{Assumptions, Bits, Truth, eval, truth};
use crate::ir::cfg::constant;
use crate::ir::path::Point;
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::{Function, GcFact, InstructionData, Opcode, Value, ValueDef};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// A condition, and what it is on a path.
pub(crate) type Condition = (Value, bool);

/// How many values of a condition are looked at.
const MAX_VALUES: usize = 64;

/// How many leaves are given values at once, and how many ways are tried.
const MAX_LEAVES: usize = 4;
const MAX_TRIALS: usize = 20_000;

/// Whether the conditions of a path agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// They can all be what they are.
    Yes,
    /// They contradict each other.
    No,
    /// That is not understood.
    Unknown,
}

/// What is known where a path ends.
pub(crate) struct Given<'a> {
    /// The reference that the path is of, and what it is.
    pub(crate) subject: (Value, Trial),
    /// What block parameters are on the path.
    pub(crate) params: &'a BTreeMap<Value, Value>,
    /// What other references are taken for.
    pub(crate) taken_for: &'a BTreeMap<Value, Things>,
}

/// Can all of `conditions` be as they are, with what is given?
///
/// The first `before` of them hold wherever the path starts, and so agree with each other.
pub(crate) fn agree(
    context: Context,
    conditions: &[Condition],
    before: usize,
    given: &Given,
) -> Agreement {
    let mut facts = BTreeMap::<Key, bool>::new();
    let mut rest = Vec::new();
    for (at, &(condition, is)) in conditions.iter().enumerate() {
        let (key, is) = key(context, condition, is);
        match facts.get(&key) {
            None => {
                facts.insert(key, is);
                rest.push(at);
            }
            Some(&known) if known != is => return Agreement::No,
            // It was said before.
            Some(_) => {}
        }
    }
    let Some(leaves) = conditions
        .iter()
        .map(|&(condition, _)| leaves(context, condition, given.params))
        .collect::<Option<Vec<_>>>()
    else {
        return Agreement::Unknown;
    };
    while let Some(first) = rest.pop() {
        // All that have something in common with it, directly or not.
        let mut group = vec![first];
        let mut of_group = leaves[first].clone();
        while let Some(at) = rest
            .iter()
            .position(|&at| !leaves[at].is_disjoint(&of_group))
        {
            let other = rest.remove(at);
            of_group.extend(&leaves[other]);
            group.push(other);
        }
        if group.iter().all(|&at| at < before) {
            continue;
        }
        let group: Vec<Condition> = group.into_iter().map(|at| conditions[at]).collect();
        let is_alone = group.len() == 1
            && !of_group.contains(&given.subject.0)
            && !given.taken_for.keys().any(|value| of_group.contains(value));
        if is_alone {
            continue;
        }
        let agreement = group_agrees(context, &group, &of_group, given);
        if agreement != Agreement::Yes {
            return agreement;
        }
    }
    Agreement::Yes
}

/// What tells a condition apart from others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Value(Value),
    Comparison(u8, Operand, Operand),
}

/// What is compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Operand {
    Value(Value),
    /// NB: The same number may be another value elsewhere.
    Constant(u64),
}

/// A condition that is one exactly if `condition` `is` what is returned with it.
fn key(context: Context, condition: Value, mut is: bool) -> (Key, bool) {
    let func = context.func;
    let mut value = context.body.resolve(func, condition);
    for _ in 0..MAX_VALUES {
        let ValueDef::Result(inst, _) = func.dfg.value_def(value) else {
            break;
        };
        match func.dfg.insts[inst] {
            InstructionData::Unary {
                opcode: Opcode::Uextend | Opcode::Sextend,
                arg,
            } => value = context.body.resolve(func, arg),
            InstructionData::IntCompare { cond, args, .. } => {
                let [a, b] = args.map(|arg| context.body.resolve(func, arg));
                let is_equality = matches!(cond, IntCC::Equal | IntCC::NotEqual);
                if is_equality && constant(func, b) == Some(0) {
                    is ^= cond == IntCC::Equal;
                    value = a;
                    continue;
                }
                let [a, b] = [a, b].map(|value| match constant(func, value) {
                    Some(n) => Operand::Constant(n),
                    None => Operand::Value(value),
                });
                let (cond, a, b) = match a > b {
                    true => (cond.swap_args(), b, a),
                    false => (cond, a, b),
                };
                // One of each pair stands for both.
                let other = cond.complement();
                let (cond, is) = match (cond as u8) < (other as u8) {
                    true => (cond, is),
                    false => (other, !is),
                };
                return (Key::Comparison(cond as u8, a, b), is);
            }
            _ => break,
        }
    }
    (Key::Value(value), is)
}

/// What `condition` is made of in the end; references by their roots.
fn leaves(
    context: Context,
    condition: Value,
    given: &BTreeMap<Value, Value>,
) -> Option<BTreeSet<Value>> {
    let func = context.func;
    let mut leaves = BTreeSet::new();
    let mut pending = SmallVec::<[Value; 8]>::from_slice(&[condition]);
    for _ in 0..MAX_VALUES {
        let Some(value) = pending.pop() else {
            return Some(leaves);
        };
        let value = context.root(value);
        if let Some(&arg) = given.get(&value) {
            pending.push(arg);
        } else if constant(func, value).is_some() || context.type_id(value).is_some() {
        } else if let Some((of, _)) = context.word(value) {
            pending.push(of);
        } else if let Some(types) = context.headers.compared(func, value) {
            pending.extend(types);
        } else {
            match func.dfg.value_def(value) {
                ValueDef::Result(inst, _) => {
                    let opcode = func.dfg.insts[inst].opcode();
                    match opcode.is_call() || opcode.can_load() {
                        true => drop(leaves.insert(value)),
                        false => pending.extend_from_slice(func.dfg.inst_args(inst)),
                    }
                }
                ValueDef::Param(..) | ValueDef::Union(..) => drop(leaves.insert(value)),
            }
        }
    }
    None
}

/// Can all of these, which have leaves in common, be as they are?
fn group_agrees(
    context: Context,
    group: &[Condition],
    leaves: &BTreeSet<Value>,
    given: &Given,
) -> Agreement {
    if leaves.len() > MAX_LEAVES {
        return Agreement::Unknown;
    }
    let leaves: Vec<Value> = leaves.iter().copied().collect();
    let mut numbers = numbers(context, group);
    if leaves.len() == 1 {
        numbers.extend([1 << 31, i64::MAX as u64, 1 << 63]);
    }
    let choices: Vec<Vec<Choice>> = leaves
        .iter()
        .map(|&leaf| choices(context, leaf, &numbers, given))
        .collect();
    let count = choices
        .iter()
        .try_fold(1usize, |count, of| count.checked_mul(of.len()));
    if count.is_none_or(|count| count == 0 || count > MAX_TRIALS) {
        return Agreement::Unknown;
    }
    // NB: Of references everything is tried; of numbers there are others.
    let is_number = |choices: &Vec<Choice>| matches!(choices[..], [Choice::Number(_), ..]);
    // NB: Most conditions look at no type.
    let of_subject = [given.subject.1.numbering];
    let is_of_types = group
        .iter()
        .any(|&(condition, _)| is_of_types(context, condition));
    let numberings = match is_of_types {
        true if NUMBERINGS.contains(&of_subject[0]) => &NUMBERINGS[..],
        true => &of_subject,
        false => &NUMBERINGS[..1],
    };
    let is_all = || {
        group
            .iter()
            .all(|&condition| is_of_constants(context, condition.0))
    };
    let mut otherwise = match choices.iter().filter(|choices| is_number(choices)).count() {
        0 => Agreement::No,
        // Between the constants that a number is compared with, one number is like another.
        1 if leaves.len() == 1 && is_all() => Agreement::No,
        _ => Agreement::Unknown,
    };
    let mut at = vec![0; leaves.len()];
    loop {
        let assignment: Vec<(Value, Choice)> = leaves
            .iter()
            .zip(&choices)
            .zip(&at)
            .map(|((&leaf, choices), &at)| (leaf, choices[at]))
            .collect();
        for &numbering in numberings {
            match holds_all(context, &assignment, numbering, given.params, group) {
                Agreement::Yes => return Agreement::Yes,
                Agreement::No => {}
                Agreement::Unknown => otherwise = Agreement::Unknown,
            }
        }
        let mut digit = 0;
        loop {
            if digit == at.len() {
                return otherwise;
            }
            at[digit] += 1;
            if at[digit] < choices[digit].len() {
                break;
            }
            at[digit] = 0;
            digit += 1;
        }
    }
}

/// What a leaf may be.
#[derive(Clone, Copy)]
enum Choice {
    Number(u64),
    Reference(Trial),
}

fn choices(context: Context, leaf: Value, numbers: &BTreeSet<u64>, given: &Given) -> Vec<Choice> {
    let (subject, trial) = given.subject;
    if leaf == subject {
        return vec![Choice::Reference(trial)];
    }
    let info = &context.func.dfg.gc_info;
    if let Some(fact @ GcFact::Ref { .. }) = info.fact(leaf) {
        let mut things = context.universe.of(info, fact);
        if let Some(&others) = given.taken_for.get(&leaf) {
            things = things.and(others);
        }
        let things = things
            .numbers()
            .map(|number| context.universe.thing(number));
        return things
            .flat_map(|thing| Trial::of(context, leaf, thing))
            .map(Choice::Reference)
            .collect();
    }
    let ty = context.func.dfg.value_type(leaf);
    if !ty.is_int() || ty.bits() > 64 {
        return Vec::new();
    }
    let mask = u64::MAX >> (64 - ty.bits());
    let numbers: BTreeSet<u64> = numbers.iter().map(|number| number & mask).collect();
    numbers.into_iter().map(Choice::Number).collect()
}

/// The constants in these conditions, and what is next to them.
fn numbers(context: Context, group: &[Condition]) -> BTreeSet<u64> {
    let func = context.func;
    let mut numbers = BTreeSet::from([0, 1, 2, 3, 5, 0x7fff_ffff, u64::MAX]);
    let mut pending: Vec<Value> = group.iter().map(|&(condition, _)| condition).collect();
    for _ in 0..MAX_VALUES {
        let Some(value) = pending.pop() else {
            break;
        };
        let value = context.body.resolve(func, value);
        if let Some(n) = constant(func, value) {
            numbers.extend([n, n.wrapping_add(1), n.wrapping_sub(1)]);
        } else if let ValueDef::Result(inst, _) = func.dfg.value_def(value) {
            let opcode = func.dfg.insts[inst].opcode();
            if !opcode.is_call() && !opcode.can_load() {
                pending.extend_from_slice(func.dfg.inst_args(inst));
            }
        }
    }
    numbers
}

/// Is a type looked at in `condition`?
fn is_of_types(context: Context, condition: Value) -> bool {
    let mut pending = SmallVec::<[Value; 8]>::from_slice(&[condition]);
    for _ in 0..MAX_VALUES {
        let Some(value) = pending.pop() else {
            return false;
        };
        let value = context.root(value);
        if context.word(value).is_some() || context.type_id(value).is_some() {
            return true;
        }
        if let ValueDef::Result(inst, _) = context.func.dfg.value_def(value) {
            pending.extend_from_slice(context.func.dfg.inst_args(inst));
        }
    }
    true
}

/// Is `condition` a comparison of a value that is not computed with a constant?
fn is_of_constants(context: Context, condition: Value) -> bool {
    let func = context.func;
    let operand = |operand| match operand {
        Operand::Constant(_) => true,
        Operand::Value(value) => match func.dfg.value_def(value) {
            ValueDef::Param(..) => true,
            ValueDef::Result(inst, _) => {
                let opcode = func.dfg.insts[inst].opcode();
                opcode.is_call() || opcode.can_load()
            }
            ValueDef::Union(..) => false,
        },
    };
    match key(context, condition, true).0 {
        Key::Value(value) => operand(Operand::Value(value)),
        Key::Comparison(_, a, b) => operand(a) && operand(b),
    }
}

/// Are two references one object, and different things?
fn is_contradictory(assignment: &[(Value, Choice)]) -> bool {
    let trials = assignment.iter().filter_map(|(_, choice)| match choice {
        Choice::Reference(trial) => Some(trial),
        Choice::Number(_) => None,
    });
    let trials: SmallVec<[&Trial; 4]> = trials.collect();
    trials.iter().enumerate().any(|(at, a)| {
        let mut others = trials[..at].iter();
        others.any(|b| a.word == b.word && a.thing != b.thing)
    })
}

/// Are all conditions certainly what they are, with these leaves?
fn holds_all(
    context: Context,
    assignment: &[(Value, Choice)],
    numbering: Numbering,
    given: &BTreeMap<Value, Value>,
    group: &[Condition],
) -> Agreement {
    if is_contradictory(assignment) {
        return Agreement::No;
    }
    let known = Assigned {
        context,
        assignment,
        numbering,
        given,
        depth: MAX_DEPTH,
    };
    let mut all = Agreement::Yes;
    for &(condition, is) in group {
        match truth(context.func, &known, condition) {
            Truth::Certain(found) if found == is => {}
            Truth::Certain(_) => return Agreement::No,
            Truth::Unknown | Truth::Either | Truth::Unsure => all = Agreement::Unknown,
        }
    }
    all
}

/// How often it is looked through what a parameter was given.
const MAX_DEPTH: u32 = 8;

/// What is known while leaves are what they are assigned.
struct Assigned<'a, 'x> {
    context: Context<'a>,
    assignment: &'x [(Value, Choice)],
    numbering: Numbering,
    given: &'x BTreeMap<Value, Value>,
    depth: u32,
}

impl Assumptions for Assigned<'_, '_> {
    fn bits(&self, value: Value) -> Option<Bits> {
        let number = |n| Bits::Const {
            n,
            of_reference: false,
        };
        match self.choice(value) {
            Some(Choice::Number(n)) => return Some(number(n)),
            Some(Choice::Reference(trial)) => return Some(number(trial.word)),
            None => {}
        }
        if let Some(&arg) = self.given.get(&value) {
            let Some(depth) = self.depth.checked_sub(1) else {
                return Some(Bits::Unsure);
            };
            return Some(eval(self.context.func, &Assigned { depth, ..*self }, arg));
        }
        if let Some(bits) = self.context.type_number(value, self.numbering) {
            return Some(bits);
        }
        let reference = self.looked_at(value)?;
        let Some(Choice::Reference(trial)) = self.choice(reference) else {
            return None;
        };
        let start = Point::ENTRY;
        let known = While {
            subject: Subject {
                context: self.context,
                reference,
                start,
            },
            trial: Trial {
                numbering: self.numbering,
                ..trial
            },
            looks: &Looks::default(),
            params: &|_| None,
            is_memory_unsure: false,
        };
        known.bits(value)
    }

    fn resolve(&self, func: &Function, value: Value) -> Value {
        self.context.body.resolve(func, value)
    }
}

impl Assigned<'_, '_> {
    fn choice(&self, value: Value) -> Option<Choice> {
        let root = self.context.root(value);
        let found = self.assignment.iter().find(|(leaf, _)| *leaf == root);
        found.map(|&(_, choice)| choice)
    }

    /// The reference whose object's header `value` is a word of, or tells about.
    fn looked_at(&self, value: Value) -> Option<Value> {
        let context = self.context;
        if let Some((of, _)) = context.word(value) {
            return Some(self.chosen(of));
        }
        let types = context.headers.compared(context.func, value)?;
        types.into_iter().find_map(|ty| {
            let ty = context.body.resolve(context.func, ty);
            Some(self.chosen(context.word(ty)?.0))
        })
    }

    /// Which reference `value` is: that which was passed for it, or that which is chosen.
    fn chosen(&self, value: Value) -> Value {
        let context = self.context;
        let mut value = context.root(value);
        for _ in 0..MAX_DEPTH {
            let next = match (self.given.get(&value), context.func.dfg.value_def(value)) {
                (Some(&arg), _) => arg,
                (None, ValueDef::Result(inst, _)) => match context.func.dfg.insts[inst] {
                    InstructionData::Ternary {
                        opcode: Opcode::Select | Opcode::SelectSpectreGuard,
                        args: [condition, yes, no],
                    } => match truth(context.func, self, condition) {
                        Truth::Certain(true) => yes,
                        Truth::Certain(false) => no,
                        Truth::Unknown | Truth::Either | Truth::Unsure => break,
                    },
                    _ => break,
                },
                (None, ValueDef::Param(..) | ValueDef::Union(..)) => break,
            };
            value = context.root(next);
        }
        value
    }
}
