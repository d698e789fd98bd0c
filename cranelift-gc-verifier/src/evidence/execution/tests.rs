//! Random terms, and what is said about them, compared with what they are for one choice of words.

use super::path_facts::PathFacts;
use super::terms::{AtomKind, Byte, Shape, Term, Terms, holds};
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Opcode, Value};
use std::collections::BTreeMap;

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len() as u64) as usize]
    }
}

const CONDITIONS: [IntCC; 10] = [
    IntCC::Equal,
    IntCC::NotEqual,
    IntCC::UnsignedLessThan,
    IntCC::UnsignedLessThanOrEqual,
    IntCC::UnsignedGreaterThan,
    IntCC::UnsignedGreaterThanOrEqual,
    IntCC::SignedLessThan,
    IntCC::SignedLessThanOrEqual,
    IntCC::SignedGreaterThan,
    IntCC::SignedGreaterThanOrEqual,
];

fn mask(width: u32) -> u128 {
    match width {
        16 => u128::MAX,
        _ => (1 << (8 * width)) - 1,
    }
}

/// Terms, each with the bits that it has for one choice of the atoms' words.
struct Sample {
    random: Random,
    terms: Terms,
    bits: Vec<(Term, u128)>,
    atoms: BTreeMap<Term, u128>,
}

impl Sample {
    fn new(seed: u64) -> Self {
        let mut sample = Sample {
            random: Random(seed),
            terms: Terms::default(),
            bits: Vec::new(),
            atoms: BTreeMap::new(),
        };
        for index in 0..4 {
            let width = sample.random.choose(&[1, 4, 4, 8]);
            let kind = AtomKind::Value(Value::new(index));
            let atom = sample.terms.atom(width, kind, 0);
            let word = sample.word() & mask(width);
            sample.atoms.insert(atom, word);
            sample.bits.push((atom, word));
        }
        sample
    }

    /// A word of which many are small, or nearly the greatest.
    fn word(&mut self) -> u128 {
        let small = u128::from(self.random.below(4));
        match self.random.below(4) {
            0 => small,
            1 => small.wrapping_neg(),
            2 => 1 << self.random.below(64),
            _ => u128::from(self.random.below(u64::MAX)),
        }
    }

    fn any(&mut self) -> (Term, u128) {
        let all = &self.bits;
        all[self.random.below(all.len() as u64) as usize]
    }

    /// Something of this width.
    fn any_of(&mut self, width: u32) -> (Term, u128) {
        let all: Vec<_> = self
            .bits
            .iter()
            .copied()
            .filter(|&(term, _)| self.terms.width(term) == width)
            .collect();
        match self.random.below(all.len() as u64 + 1) as usize {
            index if index < all.len() => all[index],
            _ => {
                let word = self.word() & mask(width);
                (self.terms.constant(width, word), word)
            }
        }
    }

    /// Make one more.
    fn grow(&mut self) {
        let (a, x) = self.any();
        let width = self.terms.width(a);
        let (b, y) = self.any_of(width);
        let made = match self.random.below(11) {
            0 => {
                let (s, t) = (self.random.below(5), self.random.below(5).wrapping_neg());
                let constant = self.word() as u64;
                let scaled = |n: u128, times: u64| (n as u64).wrapping_mul(times);
                let sum = scaled(x, s).wrapping_add(scaled(y, t));
                if width > 8 {
                    return;
                }
                let term = self.terms.sum(width, &[(a, s), (b, t)], constant);
                (term, sum.wrapping_add(constant).into())
            }
            1 if width <= 8 => (self.terms.difference(a, b), x.wrapping_sub(y)),
            2 => (self.terms.bits_of(Opcode::Band, a, b), x & y),
            3 => (self.terms.bits_of(Opcode::Bor, a, b), x | y),
            4 => (self.terms.bits_of(Opcode::Bxor, a, b), x ^ y),
            5 => {
                let cond = self.random.choose(&CONDITIONS);
                let truth = holds(cond, width, x, y);
                (self.terms.compare(cond, a, b), truth.into())
            }
            6 => {
                let (condition, truth) = self.any_of(1);
                let term = self.terms.select(condition, [a, b]);
                (term, if truth != 0 { x } else { y })
            }
            7 if width < 8 => {
                let wide = self.random.choose(&[4, 8]).max(width);
                (self.terms.extended(wide, a), x)
            }
            9 => (self.terms.apply(width, Opcode::Umin, 0, &[a, b]), x.min(y)),
            10 => (self.terms.apply(width, Opcode::Umax, 0, &[a, b]), x.max(y)),
            8 if width > 1 => {
                let narrow = self.random.choose(&[1, 4]).min(width);
                (self.terms.low_part(narrow, a), x)
            }
            _ => return,
        };
        let (term, bits) = made;
        self.bits.push((term, bits & mask(self.terms.width(term))));
    }

    /// What `term` is for this choice, by its shape.
    fn evaluate(&self, term: Term) -> u128 {
        let width = self.terms.width(term);
        let bits = match self.terms.shape(term) {
            Shape::Constant(bits) => *bits,
            Shape::Atom(_) => self.atoms[&term],
            Shape::Slot(_) => unreachable!("no address was made"),
            Shape::Sum { parts, constant } => parts
                .iter()
                .map(|&(part, times)| self.evaluate(part).wrapping_mul(times.into()))
                .fold(u128::from(*constant), u128::wrapping_add),
            Shape::Bytes(bytes) => {
                let byte = |&byte: &Byte| match byte {
                    Byte::Is(bits) => u128::from(bits),
                    Byte::Of(term, index) => self.evaluate(term) >> (8 * u32::from(index)) & 0xff,
                };
                bytes
                    .iter()
                    .rev()
                    .fold(0, |bits, next| bits << 8 | byte(next))
            }
            Shape::Apply { opcode, args, .. } => {
                let args: Vec<u128> = args.iter().map(|&arg| self.evaluate(arg)).collect();
                match (opcode, &args[..]) {
                    (Opcode::Band, [a, b]) => a & b,
                    (Opcode::Bor, [a, b]) => a | b,
                    (Opcode::Bxor, [a, b]) => a ^ b,
                    (Opcode::Umin, [a, b]) => *a.min(b),
                    (Opcode::Umax, [a, b]) => *a.max(b),
                    other => unreachable!("{other:?} was not made"),
                }
            }
            &Shape::Compare(cond, [a, b]) => {
                let width = self.terms.width(a);
                holds(cond, width, self.evaluate(a), self.evaluate(b)).into()
            }
            &Shape::Select { condition, arms } => match self.evaluate(condition) {
                0 => self.evaluate(arms[1]),
                _ => self.evaluate(arms[0]),
            },
        };
        bits & mask(width)
    }
}

#[test]
fn terms_have_the_bits_that_they_were_made_of() {
    let mut different = 0;
    for seed in 0..2_000 {
        let mut sample = Sample::new(seed);
        for _ in 0..24 {
            sample.grow();
        }
        for &(term, bits) in &sample.bits {
            assert_eq!(sample.evaluate(term), bits, "{seed}: {term:?}");
        }
        let mut words: Vec<u128> = sample.bits.iter().map(|&(_, bits)| bits).collect();
        words.sort_unstable();
        words.dedup();
        different += words.len();
    }
    assert!(different > 8 * 2_000, "{different}");
}

/// Where nothing contradicts the conditions of a path, the path is not said to be one that cannot be taken.
#[test]
fn what_happens_is_not_excluded() {
    let (mut known, mut words, mut open) = (0, 0, 0);
    for seed in 0..4_000 {
        let mut sample = Sample::new(seed);
        let mut on_path = PathFacts::default();
        for step in 0..24 {
            sample.grow();
            let &(condition, bits) = sample.bits.last().expect("it has atoms");
            if sample.terms.width(condition) > 8 {
                continue;
            }
            let truth = bits != 0;
            let at = format!("seed {seed}, step {step}: {condition:?}");
            match on_path.truth(&mut sample.terms, condition) {
                Some(said) => {
                    assert_eq!(said, truth, "{at}");
                    known += usize::from(sample.terms.bits(condition).is_none());
                }
                None => open += 1,
            }
            assert!(on_path.assume(&mut sample.terms, condition, truth), "{at}");
            assert!(on_path.is_consistent(&mut sample.terms), "{at}");
            for &(term, bits) in &sample.bits {
                if let Some(word) = on_path.word(&sample.terms, term) {
                    assert_eq!(u128::from(word), bits, "{at}: {term:?}");
                    words += usize::from(sample.terms.bits(term).is_none());
                }
            }
            for (&atom, &word) in &sample.atoms {
                let is_unboxed = on_path.is_unboxed(&mut sample.terms, atom);
                assert!(!is_unboxed || word == 0 || word % 2 == 1, "{at}: {atom:?}");
            }
        }
    }
    // Something was said, and not everything.
    assert!(
        known > 1_000 && words > 1_000 && open > 1_000,
        "{known}, {words}, {open}"
    );
}

/// What the rules are there for: each of these paths cannot be taken.
#[test]
fn contradictions_are_seen() {
    use IntCC::*;
    let mut terms = Terms::default();
    let atom = |terms: &mut Terms, index| terms.atom(4, AtomKind::Value(Value::new(index)), 0);
    let (a, b) = (atom(&mut terms, 0), atom(&mut terms, 1));
    let five = terms.constant(4, 5);
    let nine = terms.constant(4, 9);
    let one = terms.constant(4, 1);
    let next = terms.sum(4, &[(a, 1)], 1);
    let wide = terms.extended(8, a);
    let wide_five = terms.constant(8, 5);
    let low = terms.bits_of(Opcode::Band, a, one);
    let both = terms.bits_of(Opcode::Bor, a, b);
    for conditions in [
        &[(Equal, a, five, true), (Equal, a, nine, true)][..],
        &[
            (UnsignedLessThan, a, five, true),
            (UnsignedLessThan, nine, a, true),
        ],
        &[
            (SignedLessThan, a, b, true),
            (SignedLessThanOrEqual, b, a, true),
        ],
        &[(UnsignedLessThan, a, b, true), (Equal, b, a, true)],
        &[(Equal, a, b, true), (NotEqual, a, b, true)],
        &[
            (Equal, next, five, true),
            (NotEqual, a, terms.constant(4, 4), true),
        ],
        &[(Equal, wide, wide_five, true), (Equal, a, five, false)],
        &[
            (Equal, low, one, true),
            (Equal, a, terms.constant(4, 0), true),
        ],
        &[
            (Equal, both, terms.constant(4, 0), true),
            (Equal, b, five, true),
        ],
        &[
            (UnsignedLessThanOrEqual, a, five, true),
            (SignedLessThan, a, terms.constant(4, 0), true),
        ],
    ] {
        for order in [false, true] {
            let mut known = PathFacts::default();
            let mut conditions = conditions.to_vec();
            if order {
                conditions.reverse();
            }
            let mut can_be = true;
            for &(cond, x, y, truth) in &conditions {
                let condition = terms.compare(cond, x, y);
                can_be = can_be && known.assume(&mut terms, condition, truth);
            }
            can_be = can_be && known.is_consistent(&mut terms);
            assert!(!can_be, "{conditions:?}");
        }
    }
}
