//! Conditions that one reference alone decides.
//!
//! **Claim.** While the reference is a word, such a condition is what is said of it here, whatever the
//! parameters of blocks and all other references are.
//!
//! **Strength.** That of [`eval`](super::eval), of which this is the memory: a condition is evaluated once
//! for all words, in one go if it is made of common operations.

use super::eval::{Bits, Known, Truth, binary, compare, truth, unary};
use super::invariant::{Dependence, Settled};
use crate::finding::hazard::{Hazard, Hazards};
use cranelift_codegen::ir::{Function, InstructionData, Opcode, Type, Value, ValueDef};
use std::cell::{Cell, RefCell};

/// How many words references are tried as.
const COUNT: usize = NULL.len() + I31.len();
const NULL: &[u32] = Hazard::Null.representatives();
const I31: &[u32] = Hazard::I31.representatives();

/// All of them.
const ALL: [u32; COUNT] = {
    let mut all = [0; COUNT];
    let mut index = 0;
    while index < COUNT {
        all[index] = match index < NULL.len() {
            true => NULL[index],
            false => I31[index - NULL.len()],
        };
        index += 1;
    }
    all
};

/// A set of these words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Words(u8);

impl Words {
    /// The representatives of `hazards`.
    pub(crate) fn of(hazards: Hazards) -> Self {
        let mut words = Words::default();
        for hazard in hazards.iter() {
            words.0 |= match hazard {
                Hazard::Null => (1 << NULL.len()) - 1,
                Hazard::I31 => ((1 << I31.len()) - 1) << NULL.len(),
            };
        }
        words
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) fn or(self, other: Words) -> Words {
        Words(self.0 | other.0)
    }

    pub(crate) fn without(self, other: Words) -> Words {
        Words(self.0 & !other.0)
    }

    /// Those for which `is_it` says so.
    pub(crate) fn filter(self, mut is_it: impl FnMut(u32) -> bool) -> Words {
        let mut kept = Words::default();
        for (index, &word) in ALL.iter().enumerate() {
            if self.0 & (1 << index) != 0 && is_it(word) {
                kept.0 |= 1 << index;
            }
        }
        kept
    }
}

/// Whether a condition holds, for each word.
#[derive(Clone, Copy)]
pub(crate) struct Truths([Truth; COUNT]);

impl Truths {
    /// The words with which the condition certainly `holds`, or does not.
    pub(crate) fn certainly(&self, holds: bool) -> Words {
        let mut words = Words::default();
        for (index, &truth) in self.0.iter().enumerate() {
            words.0 |= u8::from(truth == Truth::Certain(holds)) << index;
        }
        words
    }

    fn of(&self, word: u32) -> Option<Truth> {
        let index = ALL.iter().position(|&other| other == word)?;
        Some(self.0[index])
    }
}

/// What was asked.
pub(crate) struct Decided {
    /// By condition: an index into `truths`, and 1.
    known: Vec<Cell<u32>>,
    truths: RefCell<Vec<Truths>>,
}

impl Decided {
    /// Nothing, of so many values.
    pub(crate) fn new(values: usize) -> Self {
        Decided {
            known: vec![Cell::new(0); values],
            truths: RefCell::default(),
        }
    }
}

impl Settled<'_> {
    /// Whether `condition` holds while `reference` is `word`, if nothing else has a say in it.
    pub(crate) fn truth_while(
        &self,
        reference: Value,
        word: u32,
        condition: Value,
    ) -> Option<Truth> {
        let condition = self.resolve(condition);
        match self.depends_on(condition) {
            Dependence::One(value) if value == reference => {
                self.truths(reference, condition).of(word)
            }
            Dependence::One(_) | Dependence::Nothing | Dependence::Anything => None,
        }
    }

    /// Whether `condition`, which must not be an alias and which `reference` decides, holds.
    pub(crate) fn truths(&self, reference: Value, condition: Value) -> Truths {
        let known = &self.decided.known[condition.as_u32() as usize];
        if let Some(index) = known.get().checked_sub(1) {
            return self.decided.truths.borrow()[index as usize];
        }
        let truths = match self.words(reference, condition, MAX_DEPTH) {
            Some(words) => Truths(words.map(|n| Truth::Certain(n != 0))),
            None => Truths(ALL.map(|word| {
                let while_word = While::new(self, reference, word);
                truth(self.func, &while_word, condition)
            })),
        };
        let mut all = self.decided.truths.borrow_mut();
        all.push(truths);
        known.set(all.len() as u32);
        truths
    }

    /// The bits of `value`, an integer that fits in a word, for each word that `reference` is; nothing if
    /// it takes a closer look.
    fn words(&self, reference: Value, value: Value, depth: u32) -> Option<[u64; COUNT]> {
        let func = self.func;
        let value = self.resolve(value);
        if self.roots.of(value) == reference {
            return Some(ALL.map(u64::from));
        }
        if let Some(bits) = self.bits(value) {
            return match bits {
                Bits::Const { n, .. } => Some([n; COUNT]),
                Bits::Unknown | Bits::Varying | Bits::Unsure => None,
            };
        }
        let depth = depth.checked_sub(1)?;
        let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
            return None;
        };
        let ty = func.dfg.value_type(value);
        match func.dfg.insts[inst] {
            InstructionData::Unary { opcode, arg } => {
                let from = func.dfg.value_type(arg);
                let words = self.words(reference, arg, depth)?;
                each(words, |n| unary(opcode, from, ty, n))
            }
            InstructionData::Binary { opcode, args } => {
                self.both(reference, args, depth, |a, b| binary(opcode, ty, a, b))
            }
            InstructionData::IntCompare { cond, args, .. } => {
                let ty: Type = func.dfg.value_type(args[0]);
                let is_word = ty.is_int() && ty.bits() <= 64;
                let compare = |a, b| is_word.then(|| u64::from(compare(cond, ty, a, b)));
                self.both(reference, args, depth, compare)
            }
            InstructionData::Ternary {
                opcode: Opcode::Select,
                args: [cond, yes, no],
            } => {
                let [cond, yes, no] = [
                    self.words(reference, cond, depth)?,
                    self.words(reference, yes, depth)?,
                    self.words(reference, no, depth)?,
                ];
                Some(core::array::from_fn(|i| match cond[i] {
                    0 => no[i],
                    _ => yes[i],
                }))
            }
            _ => None,
        }
    }

    fn both(
        &self,
        reference: Value,
        [a, b]: [Value; 2],
        depth: u32,
        f: impl Fn(u64, u64) -> Option<u64>,
    ) -> Option<[u64; COUNT]> {
        let a = self.words(reference, a, depth)?;
        let b = self.words(reference, b, depth)?;
        let mut pairs = a.into_iter().zip(b);
        each([0; COUNT], |_| pairs.next().and_then(|(a, b)| f(a, b)))
    }
}

/// Conditions are small.
const MAX_DEPTH: u32 = 8;

fn each(mut words: [u64; COUNT], mut f: impl FnMut(u64) -> Option<u64>) -> Option<[u64; COUNT]> {
    for word in &mut words {
        *word = f(*word)?;
    }
    Some(words)
}

/// What is known while a reference is a word.
pub(crate) struct While<'a, 's> {
    settled: &'s Settled<'a>,
    reference: Value,
    word: u32,
}

impl<'a, 's> While<'a, 's> {
    pub(crate) fn new(settled: &'s Settled<'a>, reference: Value, word: u32) -> Self {
        While {
            settled,
            reference,
            word,
        }
    }
}

impl Known for While<'_, '_> {
    fn bits(&self, value: Value) -> Option<Bits> {
        if self.settled.roots.of(value) == self.reference {
            return Some(Bits::Const {
                n: self.word.into(),
                of_reference: true,
            });
        }
        self.settled.bits(value)
    }

    fn resolve(&self, _: &Function, value: Value) -> Value {
        self.settled.resolve(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_of_their_hazards() {
        let of = |hazard| {
            let mut hazards = Hazards::default();
            hazards.insert(hazard);
            let mut words = Vec::new();
            Words::of(hazards).filter(|word| {
                words.push(word);
                true
            });
            words
        };
        for hazard in Hazard::ALL {
            assert_eq!(of(hazard), hazard.representatives());
        }
    }
}
