//! Conditions that one reference alone decides.
//!
//! **Claim.** While the reference is a word, such a condition has the truth that is noted here, whatever the
//! block parameters and all other references are.
//!
//! **Strength.** That of [`eval`](super::eval). A condition is evaluated once for all words, and in one go if
//! it is made of common operations.
//!
//! **Math.** For the words `w` that references are tried as: the vector of `eval(c[r := w])`.

use super::eval::{Assumptions, Bits, Truth, truth};
use super::invariant::{Dependence, Invariants};
use super::words::{ALL, COUNT, Truths};
use crate::ir::integer::narrow::{binary, compare, fits, unary};
use cranelift_codegen::ir::{Function, InstructionData, Opcode, Type, Value, ValueDef};

impl Invariants<'_> {
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
        let known = &self.conditions.known[condition.as_u32() as usize];
        if let Some(index) = known.get().checked_sub(1) {
            return self.conditions.truths.borrow()[index as usize];
        }
        let truths = match self.words(reference, condition, MAX_DEPTH) {
            Some(words) => Truths(words.map(|n| Truth::Certain(n != 0))),
            None => Truths(ALL.map(|word| {
                let while_word = While::new(self, reference, word);
                truth(self.func, &while_word, condition)
            })),
        };
        let mut all = self.conditions.truths.borrow_mut();
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
                each(words, |n| unary(opcode, from, ty, n).bits())
            }
            InstructionData::Binary { opcode, args } => {
                self.both(reference, args, depth, |a, b| {
                    binary(opcode, ty, a, b).bits()
                })
            }
            InstructionData::IntCompare { cond, args, .. } => {
                let ty: Type = func.dfg.value_type(args[0]);
                let compare = |a, b| fits(ty).then(|| u64::from(compare(cond, ty, a, b)));
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
    invariants: &'s Invariants<'a>,
    reference: Value,
    word: u32,
    chosen: Option<(Value, bool)>,
}

impl<'a, 's> While<'a, 's> {
    pub(crate) fn new(invariants: &'s Invariants<'a>, reference: Value, word: u32) -> Self {
        While {
            invariants,
            reference,
            word,
            chosen: None,
        }
    }

    /// And while this condition holds, or does not.
    pub(crate) fn and(self, chosen: Option<(Value, bool)>) -> Self {
        While { chosen, ..self }
    }
}

impl Assumptions for While<'_, '_> {
    fn bits(&self, value: Value) -> Option<Bits> {
        if self.invariants.roots.of(value) == self.reference {
            return Some(Bits::Const {
                n: self.word.into(),
                of_reference: true,
            });
        }
        self.invariants.bits(value)
    }

    fn holds(&self, value: Value) -> Option<bool> {
        let (condition, holds) = self.chosen?;
        (condition == value).then_some(holds)
    }

    fn resolve(&self, _: &Function, value: Value) -> Value {
        self.invariants.resolve(value)
    }
}
