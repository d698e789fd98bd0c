//! Addresses as sums: what two of them have in common, and how far they are apart.
//!
//! **Claim.** Two values with the same terms differ by their constants, whatever the leaves are, as long
//! as neither leaf is defined anew between the two.
//!
//! **Strength.** Exact: sums, differences, multiplication by constants, extensions without the sign and
//! truncations, modulo the width. Anything else is a leaf.
//!
//! **Math.** `k + Σ cᵢ·xᵢ (mod 2ⁿ)`, with the leaves in a fixed order. Truncation is a homomorphism,
//! so it goes through the sum. Extension is none, so that `uextend(a + b)` is a leaf that is named by the
//! sum in it; but where `a + b` traps on overflow, what comes out of it did not overflow, and it is
//! `uextend(a) + uextend(b)`. That is how Wasmtime checks the bounds of an array's element
//! before it computes its address. Loads of one address that cannot change are one leaf, so that an address does
//! not depend on where the base of the heap was loaded.

use super::equality::Equality;
use crate::ir::linear::Linear;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, StackSlot, Value, ValueDef};
use smallvec::SmallVec;

/// The number of a list of terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Terms(u32);

/// What is added up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Leaf {
    /// The address of a stack slot.
    Slot(StackSlot),
    /// A value; its low bits, if the sum has fewer.
    Value(Value),
    /// A sum of so many bits, extended without the sign.
    Extended(u32, Sum),
    /// So many bits at this address, which do not change: each load of them is the same value.
    Loaded(u32, Sum),
}

/// A sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sum {
    pub(crate) terms: Terms,
    /// What is added to them.
    pub(crate) constant: u64,
}

impl Sum {
    /// Is it a constant, and not a sum?
    fn is_constant(self) -> bool {
        self.terms == NOTHING
    }
}

/// What an address is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Base {
    /// A stack slot of this function.
    Slot(StackSlot),
    /// A sum of values.
    Terms(Terms),
    /// A value, of fewer bits than addresses are compared in.
    Value(Value),
}

/// No terms at all.
const NOTHING: Terms = Terms(0);

/// How deep an expression is looked into, and how many leaves are told apart: more than anyone writes.
const DEPTH: u32 = 24;
const WIDTH: usize = 8;

/// The terms of a sum: leaves, by their numbers and in order, with their coefficients, none of which is zero.
type List = SmallVec<[(u32, u64); 4]>;

/// The sums that were seen.
///
/// NB: Nothing depends on the order of the tables' entries.
pub(crate) struct Sums {
    /// Which values are the same.
    pub(crate) equality: Equality,
    leaves: Vec<Leaf>,
    /// The number of each leaf, and that of the sum that is nothing else.
    leaf_numbers: FxHashMap<Leaf, (u32, Terms)>,
    lists: Vec<List>,
    numbers: FxHashMap<List, Terms>,
    memo: Vec<Option<Sum>>,
    /// What addresses are relative to, for [`place`](super::place).
    bases: Vec<Option<(Base, i64)>>,
    /// By value: is it a leaf of some?
    is_leaf: Vec<bool>,
    /// By value: may the address of a slot take part in it, where that was asked?
    of_slot: Vec<Option<bool>>,
    /// Is each load another value, whatever its flags say?
    pub(crate) are_loads_opaque: bool,
}

impl Default for Sums {
    fn default() -> Self {
        Sums {
            equality: Equality::default(),
            leaves: Vec::new(),
            leaf_numbers: FxHashMap::default(),
            lists: vec![List::new()],
            numbers: FxHashMap::default(),
            memo: Vec::new(),
            bases: Vec::new(),
            is_leaf: Vec::new(),
            of_slot: Vec::new(),
            are_loads_opaque: false,
        }
    }
}

impl Sums {
    /// Does `inst` load what is the same whenever it is loaded?
    pub(crate) fn is_unchanging(&self, func: &Function, inst: Inst) -> bool {
        !self.are_loads_opaque && is_unchanging(func, inst)
    }

    /// Forget what values are if `value`, which is another one from now on, is a leaf of some. Returns
    /// whether it is.
    pub(crate) fn forget(&mut self, value: Value) -> bool {
        let is_leaf = self.is_leaf.get(value.as_u32() as usize) == Some(&true);
        if is_leaf {
            self.memo.clear();
            self.bases.clear();
            self.is_leaf.clear();
        }
        is_leaf
    }

    /// What the address `addr` is relative to, and what is added to that, if it was found before.
    pub(crate) fn base(&self, addr: Value) -> Option<(Base, i64)> {
        self.bases.get(addr.as_u32() as usize).copied().flatten()
    }

    /// Remember that, until one of its leaves is another one.
    pub(crate) fn set_base(&mut self, addr: Value, base: (Base, i64)) {
        let at = addr.as_u32() as usize;
        if self.bases.len() <= at {
            self.bases.resize(at + 1, None);
        }
        self.bases[at] = Some(base);
    }

    /// May the address of a slot take part in `value`, if that was found before?
    pub(super) fn known_of_slot(&self, value: Value) -> Option<bool> {
        self.of_slot.get(value.as_u32() as usize).copied().flatten()
    }

    /// Remember that, until something turns out to be such an address.
    pub(super) fn set_of_slot(&mut self, value: Value, may_be: bool) {
        let at = value.as_u32() as usize;
        if self.of_slot.len() <= at {
            self.of_slot.resize(at + 1, None);
        }
        self.of_slot[at] = Some(may_be);
    }

    /// What something turned out to be may be made of the address of a slot.
    pub(crate) fn forget_slots(&mut self) {
        self.of_slot.clear();
    }

    /// The stack slot whose address is all that `terms` are.
    pub(crate) fn slot(&self, terms: Terms) -> Option<StackSlot> {
        match self.lists[terms.0 as usize][..] {
            [(leaf, 1)] => match self.leaves[leaf as usize] {
                Leaf::Slot(slot) => Some(slot),
                Leaf::Value(_) | Leaf::Extended(..) | Leaf::Loaded(..) => None,
            },
            _ => None,
        }
    }

    fn intern(&mut self, list: List) -> Terms {
        if let [(leaf, 1)] = list[..] {
            return self.leaf_numbers[&self.leaves[leaf as usize]].1;
        }
        if list.is_empty() {
            return NOTHING;
        }
        if let Some(&terms) = self.numbers.get(&list) {
            return terms;
        }
        let terms = Terms(self.lists.len() as u32);
        self.lists.push(list.clone());
        self.numbers.insert(list, terms);
        terms
    }

    fn leaf(&mut self, leaf: Leaf) -> Sum {
        if let Leaf::Value(value) = leaf {
            let at = value.as_u32() as usize;
            if self.is_leaf.len() <= at {
                self.is_leaf.resize(at + 1, false);
            }
            self.is_leaf[at] = true;
        }
        let next = (self.leaves.len() as u32, Terms(self.lists.len() as u32));
        let (_, terms) = *self.leaf_numbers.entry(leaf).or_insert_with(|| {
            self.leaves.push(leaf);
            self.lists.push(SmallVec::from_slice(&[(next.0, 1)]));
            next
        });
        Sum { terms, constant: 0 }
    }

    /// `a + factor * b`, of `bits` bits; `None` if that has too many leaves.
    fn add(&mut self, a: Sum, factor: u64, b: Sum, bits: u32) -> Option<Sum> {
        let mask = mask(bits);
        let constant = a.constant.wrapping_add(b.constant.wrapping_mul(factor)) & mask;
        let (terms, others) = (
            &self.lists[a.terms.0 as usize],
            &self.lists[b.terms.0 as usize],
        );
        // NB: Most of what is added is a constant, or added to one. No coefficient has more bits than `a`.
        if others.is_empty() || terms.is_empty() && factor == 1 {
            let terms = if others.is_empty() { a.terms } else { b.terms };
            return Some(Sum { terms, constant });
        }
        let mut list = terms.clone();
        for &(leaf, coefficient) in others {
            let coefficient = coefficient.wrapping_mul(factor);
            match list.binary_search_by_key(&leaf, |&(leaf, _)| leaf) {
                Ok(at) => list[at].1 = list[at].1.wrapping_add(coefficient),
                Err(at) => list.insert(at, (leaf, coefficient)),
            }
        }
        list.retain(|(_, coefficient)| {
            *coefficient &= mask;
            *coefficient != 0
        });
        (list.len() <= WIDTH).then(|| Sum {
            terms: self.intern(list),
            constant,
        })
    }
}

/// Is `inst` a load that yields the same whenever it is made, to the optimizer?
fn is_unchanging(func: &Function, inst: Inst) -> bool {
    match func.dfg.insts[inst] {
        InstructionData::Load {
            opcode: Opcode::Load,
            flags,
            ..
        } => {
            let flags = func.dfg.mem_flags[flags];
            flags.readonly() && flags.notrap() && flags.can_move()
        }
        _ => false,
    }
}

fn mask(bits: u32) -> u64 {
    match bits {
        0..=63 => (1 << bits) - 1,
        _ => u64::MAX,
    }
}

fn constant(constant: u64) -> Sum {
    Sum {
        terms: NOTHING,
        constant,
    }
}

impl Sums {
    /// What `value` is as a sum.
    pub(crate) fn linear(&mut self, func: &Function, value: Value) -> Sum {
        self.linear_within(func, value, DEPTH)
    }

    fn linear_within(&mut self, func: &Function, value: Value, depth: u32) -> Sum {
        let value = self.equality.root(func, value);
        let at = value.as_u32() as usize;
        if let Some(&Some(known)) = self.memo.get(at) {
            return known;
        }
        let sum = depth
            .checked_sub(1)
            .and_then(|depth| self.sum(func, value, depth));
        let linear = match sum {
            Some(linear) => linear,
            None => self.leaf(Leaf::Value(value)),
        };
        // NB: What was cut off by the depth is right, too, and only less telling.
        if self.memo.len() <= at {
            self.memo.resize(at + 1, None);
        }
        self.memo[at] = Some(linear);
        linear
    }

    /// What `value` is if it is no leaf.
    fn sum(&mut self, func: &Function, value: Value, depth: u32) -> Option<Sum> {
        let ty = func.dfg.value_type(value);
        let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
            return None;
        };
        if !ty.is_int() || ty.bits() > 64 {
            return None;
        }
        let bits = ty.bits();
        match func.dfg.insts[inst] {
            InstructionData::UnaryImm {
                opcode: Opcode::Iconst,
                imm,
            } => Some(constant(imm.bits() as u64 & mask(bits))),
            InstructionData::Load { arg, offset, .. } if self.is_unchanging(func, inst) => {
                if func.dfg.value_type(arg).bits() != 64 {
                    return None;
                }
                let addr = self.linear_within(func, arg, depth);
                let offset = constant(i64::from(offset) as u64);
                let addr = self.add(addr, 1, offset, 64)?;
                Some(self.leaf(Leaf::Loaded(bits, addr)))
            }
            ref data => self.step(func, Linear::of(data, 0), bits, depth),
        }
    }

    /// What is made of others like that.
    fn step(&mut self, func: &Function, linear: Linear, bits: u32, depth: u32) -> Option<Sum> {
        let of = |sums: &mut Self, arg| sums.linear_within(func, arg, depth);
        match linear {
            Linear::Slot(slot, offset) => {
                let slot = self.leaf(Leaf::Slot(slot));
                self.add(slot, 1, constant(offset as u64), bits)
            }
            Linear::Sum([a, b]) | Linear::Exact([a, b]) => {
                let (a, b) = (of(self, a), of(self, b));
                self.add(a, 1, b, bits)
            }
            Linear::Difference([a, b]) => {
                let (a, b) = (of(self, a), of(self, b));
                self.add(a, u64::MAX, b, bits)
            }
            Linear::Product([a, b]) => {
                let (a, b) = (of(self, a), of(self, b));
                if b.is_constant() {
                    self.add(constant(0), b.constant, a, bits)
                } else if a.is_constant() {
                    self.add(constant(0), a.constant, b, bits)
                } else {
                    None
                }
            }
            Linear::Shifted([a, by]) => {
                let (a, by) = (of(self, a), of(self, by));
                let factor = 1 << (by.constant % u64::from(bits));
                by.is_constant()
                    .then(|| self.add(constant(0), factor, a, bits))?
            }
            Linear::Negative(a) => {
                let a = of(self, a);
                self.add(constant(0), u64::MAX, a, bits)
            }
            Linear::Extended(arg) => self.extended(func, arg, bits, depth),
            Linear::Truncated(arg) if func.dfg.value_type(arg).bits() <= 64 => {
                let wide = of(self, arg);
                self.truncated(wide, bits)
            }
            Linear::Truncated(_) | Linear::SignExtended(_) | Linear::Choice(_) | Linear::Other => {
                None
            }
        }
    }

    /// `arg`, extended to `bits` bits without the sign.
    fn extended(&mut self, func: &Function, arg: Value, bits: u32, depth: u32) -> Option<Sum> {
        let depth = depth.checked_sub(1)?;
        let arg = self.equality.root(func, arg);
        match Linear::of_value(func, arg) {
            Linear::Exact([a, b]) => {
                let a = self.extended(func, a, bits, depth)?;
                let b = self.extended(func, b, bits, depth)?;
                return self.add(a, 1, b, bits);
            }
            Linear::Extended(arg) => return self.extended(func, arg, bits, depth),
            _ => {}
        }
        let narrow = self.linear_within(func, arg, depth);
        if narrow.is_constant() {
            return Some(narrow);
        }
        let from = func.dfg.value_type(arg).bits();
        Some(self.leaf(Leaf::Extended(from, narrow)))
    }

    /// The low `bits` bits of `wide`.
    fn truncated(&mut self, wide: Sum, bits: u32) -> Option<Sum> {
        let mut sum = constant(wide.constant & mask(bits));
        for (leaf, coefficient) in self.lists[wide.terms.0 as usize].clone() {
            let leaf = match self.leaves[leaf as usize] {
                // What was added by the extension goes again.
                Leaf::Extended(from, narrow) if from >= bits => self.truncated(narrow, bits)?,
                leaf => self.leaf(leaf),
            };
            sum = self.add(sum, coefficient, leaf, bits)?;
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the last two values of a function differ by a constant, and by which.
    fn distance(body: &str) -> Option<u64> {
        let text = format!(
            "function %f(i64, i32, i32) {{\nblock0(v0: i64, v1: i32, v2: i32):\n{body}\n    return\n}}"
        );
        let functions = cranelift_reader::parse_functions(&text).expect("it parses");
        let func = &functions[0];
        let mut values = func.dfg.values().collect::<Vec<_>>();
        let (last, before) = (values.pop()?, values.pop()?);
        let mut sums = Sums::default();
        let [a, b] = [before, last].map(|value| sums.linear(func, value));
        (a.terms == b.terms).then(|| b.constant.wrapping_sub(a.constant))
    }

    #[test]
    fn sums_are_told_by_their_terms() {
        let cases = [
            (
                "v3 = iconst.i64 8\n v4 = iadd v0, v3\n v5 = iadd v3, v4",
                Some(8),
            ),
            (
                "v3 = uextend.i64 v1\n v4 = iadd v0, v3\n v5 = iadd v3, v0",
                Some(0),
            ),
            (
                "v3 = uextend.i64 v1\n v4 = uextend.i64 v2\n v5 = iadd v0, v3\n v6 = iadd v0, v4",
                None,
            ),
            // Four times and a shift by two.
            (
                "v3 = iconst.i64 4\n v4 = iconst.i64 2\n v5 = imul v3, v0\n v6 = ishl v0, v4",
                Some(0),
            ),
            // An extension does not distribute over a sum that may wrap …
            (
                "v3 = iadd v1, v2\n v4 = uextend.i64 v1\n v5 = uextend.i64 v2\n v6 = iadd v4, v5\n v7 = uextend.i64 v3",
                None,
            ),
            // … and does over one that traps.
            (
                "v3 = uadd_overflow_trap v1, v2, user1\n v4 = uextend.i64 v1\n v5 = uextend.i64 v2\n v6 = iadd v4, v5\n v7 = uextend.i64 v3",
                Some(0),
            ),
            // A truncation gives back what was extended.
            (
                "v3 = uextend.i64 v1\n v4 = ireduce.i32 v3\n v5 = iadd v2, v1\n v6 = iadd v4, v2",
                Some(0),
            ),
            // What cannot change is loaded once …
            (
                "v3 = load.i64 notrap readonly can_move v0+8\n v4 = iconst.i64 8\n v5 = iadd v0, v4\n \
                 v6 = load.i64 notrap readonly can_move v5\n v7 = iadd v4, v6\n v8 = iadd v3, v4",
                Some(0),
            ),
            // … and what can is not.
            (
                "v3 = load.i64 notrap readonly v0+8\n v4 = load.i64 notrap readonly v0+8",
                None,
            ),
            // The sign is something else.
            ("v3 = sextend.i64 v1\n v4 = uextend.i64 v1", None),
            (
                "v3 = iconst.i32 -1\n v4 = uextend.i64 v3\n v5 = iadd v0, v4\n v6 = iadd v5, v4",
                Some(0xffff_ffff),
            ),
        ];
        for (body, expected) in cases {
            assert_eq!(distance(body), expected, "{body}");
        }
    }

    #[test]
    fn an_element_is_where_the_copy_of_it_was() {
        let body = "
            v3 = iconst.i32 20
            v4 = iconst.i64 4
            v5 = uextend.i64 v2
            v6 = imul v4, v5
            v7 = ireduce.i32 v6
            v8 = uadd_overflow_trap v7, v3, user2
            v9 = uadd_overflow_trap v1, v8, user2
            v10 = uextend.i64 v9
            v11 = isub v8, v3
            v12 = uextend.i64 v11
            v13 = uextend.i64 v1
            v14 = iadd v0, v10
            v15 = iadd v0, v13
            v16 = isub v14, v12";
        assert_eq!(distance(body), Some(20));
    }
}
