//! What is computed along one path, as terms.
//!
//! **Claim.** Equal terms have equal bits wherever the path is taken. Unequal ones may be equal, too.
//!
//! **Strength.** Sums and moves of whole bytes have a normal form. Other operations are equal if their operands
//! are.
//!
//! **Math.** Terms are hash-consed. A sum is kept as a linear combination modulo the width, so that what is
//! added and taken away again is gone. Everything that moves whole bytes (extensions, truncations, shifts by
//! bytes, masks of bytes, stores and loads of another width) is kept as the list of its bytes. Every other
//! operation is a term of its own.

use crate::ir::integer::narrow;
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::{Opcode, StackSlot, Type, Value};
use smallvec::SmallVec;
use std::collections::{BTreeMap, HashMap};

/// A term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Term(u32);

/// One byte of a term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Byte {
    /// It is known.
    Is(u8),
    /// It is the one of this number, from the least significant one, of a term.
    Of(Term, u8),
}

/// The bytes of a term, the least significant one first.
pub(super) type Bytes = SmallVec<[Byte; 16]>;

/// What a term is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Shape {
    /// These bits.
    Constant(u128),
    /// Something unknown, which came to be at one point of the path.
    Atom(Atom),
    /// The address of a slot.
    Slot(StackSlot),
    /// The sum of terms, each so many times, and of a constant.
    Sum {
        parts: Vec<(Term, u64)>,
        constant: u64,
    },
    /// These bytes, which are not those of one term in order.
    Bytes(Vec<Byte>),
    /// What this instruction makes of operands. What the opcode leaves open is in `detail`.
    Apply {
        opcode: Opcode,
        detail: u64,
        args: SmallVec<[Term; 3]>,
    },
    /// Is this true of both operands?
    Compare(IntCC, [Term; 2]),
    /// The first one where the condition holds, else the second one.
    Select { condition: Term, arms: [Term; 2] },
}

/// Something unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Atom {
    number: u32,
    pub(super) kind: AtomKind,
    /// How many safepoints were passed before it came to be.
    pub(super) birth: u32,
}

/// Where something unknown comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum AtomKind {
    /// It came to be as this value.
    Value(Value),
    /// It came to be as this value, which memory keeps alive for good.
    Immortal(Value),
    /// What a slot held that nothing was stored to.
    Unset,
    /// What a slot holds after something that is not understood.
    Vague,
    /// What the collector made of a reference in a slot.
    Moved(Term),
}

/// What takes the place of terms.
pub(super) struct Replacement<'a> {
    /// The words that terms are.
    words: &'a BTreeMap<Term, u64>,
    /// Whether conditions of choices hold.
    truths: &'a BTreeMap<Term, bool>,
    /// What was made of terms before.
    made: BTreeMap<Term, Term>,
}

impl<'a> Replacement<'a> {
    pub(super) fn new(words: &'a BTreeMap<Term, u64>, truths: &'a BTreeMap<Term, bool>) -> Self {
        Replacement {
            words,
            truths,
            made: BTreeMap::new(),
        }
    }
}

/// All terms.
#[derive(Default)]
pub(super) struct Terms {
    /// Each with its width in bytes.
    all: Vec<(u32, Shape)>,
    known: HashMap<(u32, Shape), Term>,
    atoms: u32,
}

fn mask(width: u32) -> u128 {
    match width {
        16.. => u128::MAX,
        _ => (1 << (8 * width)) - 1,
    }
}

impl Terms {
    pub(super) fn shape(&self, term: Term) -> &Shape {
        &self.all[term.0 as usize].1
    }

    /// Its width in bytes.
    pub(super) fn width(&self, term: Term) -> u32 {
        self.all[term.0 as usize].0
    }

    fn make(&mut self, width: u32, shape: Shape) -> Term {
        let key = (width, shape);
        if let Some(&term) = self.known.get(&key) {
            return term;
        }
        let term = Term(self.all.len() as u32);
        self.all.push(key.clone());
        self.known.insert(key, term);
        term
    }

    pub(super) fn constant(&mut self, width: u32, bits: u128) -> Term {
        self.make(width, Shape::Constant(bits & mask(width)))
    }

    pub(super) fn atom(&mut self, width: u32, kind: AtomKind, birth: u32) -> Term {
        self.atoms += 1;
        let number = self.atoms;
        let atom = Atom {
            number,
            kind,
            birth,
        };
        self.make(width, Shape::Atom(atom))
    }

    pub(super) fn slot(&mut self, width: u32, slot: StackSlot) -> Term {
        self.make(width, Shape::Slot(slot))
    }

    /// The bits of `term`, if it is a constant.
    pub(super) fn bits(&self, term: Term) -> Option<u128> {
        match *self.shape(term) {
            Shape::Constant(bits) => Some(bits),
            _ => None,
        }
    }

    pub(super) fn as_atom(&self, term: Term) -> Option<Atom> {
        match *self.shape(term) {
            Shape::Atom(atom) => Some(atom),
            _ => None,
        }
    }

    /// What `term` was before a collector moved it.
    ///
    /// A collector makes null of null and an i31 of an i31, and nothing else: of what it made of a reference, both can be
    /// asked of the reference.
    pub(super) fn identity(&self, mut term: Term) -> Term {
        while let Some(atom) = self.as_atom(term)
            && let AtomKind::Moved(before) = atom.kind
        {
            term = before;
        }
        term
    }

    // --- Sums ------------------------------------------------------------------------------

    /// The sum of `parts`, each so many times.
    pub(super) fn sum(&mut self, width: u32, parts: &[(Term, u64)], constant: u64) -> Term {
        let mut all = BTreeMap::new();
        let mut total = constant;
        for &(part, times) in parts {
            match self.shape(part) {
                Shape::Constant(bits) => {
                    total = total.wrapping_add((*bits as u64).wrapping_mul(times));
                }
                Shape::Sum { parts, constant } => {
                    total = total.wrapping_add(constant.wrapping_mul(times));
                    for &(inner, inner_times) in parts {
                        let entry: &mut u64 = all.entry(inner).or_default();
                        *entry = entry.wrapping_add(inner_times.wrapping_mul(times));
                    }
                }
                _ => {
                    let entry: &mut u64 = all.entry(part).or_default();
                    *entry = entry.wrapping_add(times);
                }
            }
        }
        let mask = mask(width) as u64;
        total &= mask;
        let mut parts: Vec<(Term, u64)> = Vec::new();
        for (part, times) in all {
            if times & mask != 0 {
                parts.push((part, times & mask));
            }
        }
        match parts[..] {
            [] => self.constant(width, total.into()),
            [(part, 1)] if total == 0 => part,
            _ => self.make(
                width,
                Shape::Sum {
                    parts,
                    constant: total,
                },
            ),
        }
    }

    /// `a` less `b`.
    pub(super) fn difference(&mut self, a: Term, b: Term) -> Term {
        self.sum(self.width(a), &[(a, 1), (b, u64::MAX)], 0)
    }

    /// What is added to what: the terms of a sum, each so many times, and the constant.
    pub(super) fn parts(&self, term: Term) -> (Vec<(Term, u64)>, u64) {
        match self.shape(term) {
            Shape::Sum { parts, constant } => (parts.clone(), *constant),
            Shape::Constant(bits) => (Vec::new(), *bits as u64),
            _ => (vec![(term, 1)], 0),
        }
    }

    // --- Bytes -----------------------------------------------------------------------------

    pub(super) fn bytes(&self, term: Term) -> Bytes {
        let width = self.width(term);
        match self.shape(term) {
            Shape::Constant(bits) => {
                let byte = |index| Byte::Is((bits >> (8 * index)) as u8);
                (0..width).map(byte).collect()
            }
            Shape::Bytes(bytes) => bytes.iter().copied().collect(),
            _ => (0..width)
                .map(|index| Byte::Of(term, index as u8))
                .collect(),
        }
    }

    /// The term that has these bytes.
    pub(super) fn of_bytes(&mut self, bytes: &[Byte]) -> Term {
        let width = bytes.len() as u32;
        let known = |byte: &Byte| match *byte {
            Byte::Is(bits) => Some(u128::from(bits)),
            Byte::Of(..) => None,
        };
        if let Some(all) = bytes.iter().map(known).collect::<Option<Vec<u128>>>() {
            let bits = all.iter().rev().fold(0, |bits, byte| bits << 8 | byte);
            return self.constant(width, bits);
        }
        if let Byte::Of(term, 0) = bytes[0]
            && bytes
                .iter()
                .zip(0..)
                .all(|(&byte, index)| byte == Byte::Of(term, index))
        {
            let is_sum = matches!(self.shape(term), Shape::Sum { .. });
            if self.width(term) == width {
                return term;
            } else if is_sum {
                return self.low_part(width, term);
            }
        }
        self.make(width, Shape::Bytes(bytes.to_vec()))
    }

    /// The least significant bytes of `term`.
    pub(super) fn low_part(&mut self, width: u32, term: Term) -> Term {
        if width >= self.width(term) {
            return term;
        }
        if let Shape::Sum { parts, constant } = self.shape(term) {
            let (parts, constant) = (parts.clone(), *constant);
            let parts: Vec<_> = parts
                .into_iter()
                .map(|(part, times)| (self.low_part(width, part), times))
                .collect();
            return self.sum(width, &parts, constant);
        }
        let bytes = self.bytes(term);
        self.of_bytes(&bytes[..width as usize])
    }

    /// `term` with zeros before its most significant byte.
    pub(super) fn extended(&mut self, width: u32, term: Term) -> Term {
        let mut bytes = self.bytes(term);
        bytes.resize(width as usize, Byte::Is(0));
        self.of_bytes(&bytes)
    }

    /// What `term` is an extension of with zeros, if it is one.
    pub(super) fn unextended(&self, term: Term) -> Option<Term> {
        let Shape::Bytes(bytes) = self.shape(term) else {
            return None;
        };
        let &Byte::Of(inner, 0) = bytes.first()? else {
            return None;
        };
        let width = self.width(inner) as usize;
        if width >= bytes.len() {
            return None;
        }
        let (low, high) = bytes.split_at(width);
        let is_whole = low
            .iter()
            .zip(0..)
            .all(|(&byte, index)| byte == Byte::Of(inner, index));
        (is_whole && high.iter().all(|&byte| byte == Byte::Is(0))).then_some(inner)
    }

    /// The same byte by byte, if it is as simple.
    pub(super) fn bytewise(&mut self, opcode: Opcode, a: Term, b: Term) -> Option<Term> {
        let combine = |(&a, &b): (&Byte, &Byte)| match (opcode, a, b) {
            (Opcode::Band, Byte::Is(a), Byte::Is(b)) => Some(Byte::Is(a & b)),
            (Opcode::Bor, Byte::Is(a), Byte::Is(b)) => Some(Byte::Is(a | b)),
            (Opcode::Bxor, Byte::Is(a), Byte::Is(b)) => Some(Byte::Is(a ^ b)),
            (Opcode::Bor | Opcode::Bxor, x, Byte::Is(0))
            | (Opcode::Bor | Opcode::Bxor, Byte::Is(0), x)
            | (Opcode::Band, x, Byte::Is(0xff))
            | (Opcode::Band, Byte::Is(0xff), x) => Some(x),
            (Opcode::Band, _, Byte::Is(0)) | (Opcode::Band, Byte::Is(0), _) => Some(Byte::Is(0)),
            (Opcode::Bor, _, Byte::Is(0xff)) | (Opcode::Bor, Byte::Is(0xff), _) => {
                Some(Byte::Is(0xff))
            }
            (Opcode::Band | Opcode::Bor, a, b) if a == b => Some(a),
            (Opcode::Bxor, a, b) if a == b => Some(Byte::Is(0)),
            _ => None,
        };
        let (x, y) = (self.bytes(a), self.bytes(b));
        let bytes = x
            .iter()
            .zip(&y)
            .map(combine)
            .collect::<Option<Vec<Byte>>>()?;
        Some(self.of_bytes(&bytes))
    }

    /// What an operation on bits makes of `a` and `b`.
    pub(super) fn bits_of(&mut self, opcode: Opcode, a: Term, b: Term) -> Term {
        if let Some(term) = self.bytewise(opcode, a, b) {
            return term;
        }
        let width = self.width(a);
        // Where all bits that can be set are, whatever the other one is.
        if opcode == Opcode::Bor {
            for (one, other) in [(a, b), (b, a)] {
                if let Some(bits) = self.bits(one)
                    && self.possible_bits(other) & !bits == 0
                {
                    return one;
                }
            }
        }
        // Each of the bits that are left is made of the same bits of both.
        if opcode == Opcode::Band
            && let (Some(mask), other) = match self.bits(a) {
                Some(mask) => (Some(mask), b),
                None => (self.bits(b), a),
            }
            && let Shape::Apply {
                opcode: inner @ (Opcode::Bor | Opcode::Bxor),
                ref args,
                ..
            } = *self.shape(other)
        {
            let args = args.clone();
            let mask = self.constant(width, mask);
            let (x, y) = (
                self.bits_of(Opcode::Band, args[0], mask),
                self.bits_of(Opcode::Band, args[1], mask),
            );
            return self.bits_of(inner, x, y);
        }
        // A mask's high zeros make zeros: what is left is the same whatever the width.
        if opcode == Opcode::Band
            && let Some(mask) = self.bits(a).or_else(|| self.bits(b))
        {
            let other = if self.bits(a).is_some() { b } else { a };
            if let Shape::Sum { parts, constant } = self.shape(other) {
                // What is added to the constant does not touch the bits that are left.
                let lowest = parts.iter().map(|(_, times)| times.trailing_zeros()).min();
                if lowest.is_some_and(|lowest| mask >> lowest == 0) {
                    let bits = u128::from(*constant) & mask;
                    return self.constant(width, bits);
                }
            }
            // The lowest bit of a reference is what it was before it was moved.
            if mask == 1
                && let Byte::Of(part, 0) = self.bytes(other)[0]
                && self.identity(part) != part
            {
                let before = self.identity(part);
                let (low, one) = (self.low_part(1, before), self.constant(1, 1));
                let low = self.bits_of(opcode, low, one);
                return self.extended(width, low);
            }
            let used = (16 - (mask.leading_zeros() / 8)).max(1);
            if used < width {
                let (a, b) = (self.low_part(used, a), self.low_part(used, b));
                let low = self.bits_of(opcode, a, b);
                return self.extended(width, low);
            }
        }
        self.apply(width, opcode, 0, &[a, b])
    }

    /// The bits that may be set in `term`.
    fn possible_bits(&self, term: Term) -> u128 {
        let all = mask(self.width(term));
        match self.shape(term) {
            Shape::Constant(bits) => *bits,
            Shape::Compare(..) => 1,
            Shape::Apply {
                opcode: Opcode::Band,
                args,
                ..
            } => {
                let masks = args.iter().filter_map(|&arg| self.bits(arg));
                masks.fold(all, |bits, mask| bits & mask)
            }
            Shape::Bytes(bytes) => bytes.iter().rev().fold(0, |bits, byte| {
                let byte = match *byte {
                    Byte::Is(bits) => bits.into(),
                    Byte::Of(part, index) => {
                        self.possible_bits(part) >> (8 * u32::from(index)) & 0xff
                    }
                };
                bits << 8 | byte
            }),
            Shape::Atom(_)
            | Shape::Slot(_)
            | Shape::Sum { .. }
            | Shape::Apply { .. }
            | Shape::Select { .. } => all,
        }
    }

    // --- The rest --------------------------------------------------------------------------

    pub(super) fn apply(&mut self, width: u32, opcode: Opcode, detail: u64, args: &[Term]) -> Term {
        let mut args = SmallVec::from_slice(args);
        if opcode.commutes() {
            args.sort_unstable();
        }
        self.make(
            width,
            Shape::Apply {
                opcode,
                detail,
                args,
            },
        )
    }

    /// Is `cond` true of `a` and `b`?
    pub(super) fn compare(&mut self, cond: IntCC, a: Term, b: Term) -> Term {
        let width = self.width(a);
        if let (Some(x), Some(y)) = (self.bits(a), self.bits(b)) {
            let holds = holds(cond, width, x, y);
            return self.constant(1, holds.into());
        }
        if a == b {
            let holds = holds(cond, width, 0, 0);
            return self.constant(1, holds.into());
        }
        // Whether a reference is null is what it was before it was moved.
        let (a, b) = match (cond, self.bits(a), self.bits(b)) {
            (IntCC::Equal | IntCC::NotEqual, Some(0), None) => (a, self.identity(b)),
            (IntCC::Equal | IntCC::NotEqual, None, Some(0)) => (self.identity(a), b),
            _ => (a, b),
        };
        if let (IntCC::Equal | IntCC::NotEqual, 1..=8) = (cond, width) {
            let difference = self.difference(a, b);
            if let Some(bits) = self.bits(difference) {
                return self.constant(1, ((bits == 0) == (cond == IntCC::Equal)).into());
            }
        }
        use IntCC::*;
        let (cond, args) = match cond {
            Equal | NotEqual => (cond, [a.min(b), a.max(b)]),
            UnsignedLessThan | UnsignedLessThanOrEqual | SignedLessThan | SignedLessThanOrEqual => {
                (cond, [a, b])
            }
            UnsignedGreaterThan
            | UnsignedGreaterThanOrEqual
            | SignedGreaterThan
            | SignedGreaterThanOrEqual => (cond.swap_args(), [b, a]),
        };
        self.make(1, Shape::Compare(cond, args))
    }

    pub(super) fn select(&mut self, condition: Term, arms: [Term; 2]) -> Term {
        if arms[0] == arms[1] {
            return arms[0];
        }
        let width = self.width(arms[0]);
        self.make(width, Shape::Select { condition, arms })
    }

    /// What `term` is with `by`.
    pub(super) fn replaced(&mut self, term: Term, by: &mut Replacement<'_>) -> Term {
        if let Some(&known) = by.made.get(&term) {
            return known;
        }
        let width = self.width(term);
        let new = match self.shape(term).clone() {
            Shape::Atom(_) if by.words.contains_key(&term) => {
                self.constant(width, by.words[&term].into())
            }
            Shape::Constant(_) | Shape::Slot(_) => term,
            // A collector makes null of null, and an i31 of an i31.
            Shape::Atom(Atom {
                kind: AtomKind::Moved(before),
                ..
            }) => {
                let before = self.replaced(before, by);
                match self.bits(before) {
                    Some(bits) if bits == 0 || bits % 2 == 1 => before,
                    _ => term,
                }
            }
            Shape::Atom(_) => term,
            Shape::Sum { parts, constant } => {
                let parts: Vec<_> = parts
                    .into_iter()
                    .map(|(part, times)| (self.replaced(part, by), times))
                    .collect();
                self.sum(width, &parts, constant)
            }
            Shape::Bytes(bytes) => {
                let bytes: Bytes = bytes
                    .into_iter()
                    .map(|byte| match byte {
                        Byte::Is(_) => byte,
                        Byte::Of(part, index) => {
                            let part = self.replaced(part, by);
                            self.bytes(part)[index as usize]
                        }
                    })
                    .collect();
                self.of_bytes(&bytes)
            }
            Shape::Apply {
                opcode,
                detail,
                args,
            } => {
                let args: SmallVec<[Term; 3]> =
                    args.into_iter().map(|arg| self.replaced(arg, by)).collect();
                self.applied(width, opcode, detail, &args)
            }
            Shape::Compare(cond, [a, b]) => {
                let (a, b) = (self.replaced(a, by), self.replaced(b, by));
                self.compare(cond, a, b)
            }
            Shape::Select { condition, arms } => {
                let truth = by.truths.get(&condition).copied();
                let condition = self.replaced(condition, by);
                let truth = truth.or(by.truths.get(&condition).copied());
                let truth = truth.or(self.bits(condition).map(|bits| bits != 0));
                match truth {
                    Some(truth) => self.replaced(arms[usize::from(!truth)], by),
                    None => {
                        let arms = arms.map(|arm| self.replaced(arm, by));
                        self.select(condition, arms)
                    }
                }
            }
        };
        // NB: What is known of a term that is computed is compared with what it is computed of.
        let word = by.words.get(&term).filter(|_| new == term);
        let new = match word {
            Some(&word) if self.bits(new).is_none() => self.constant(width, word.into()),
            _ => new,
        };
        by.made.insert(term, new);
        new
    }

    /// What an operation makes of operands of which some became constants.
    fn applied(&mut self, width: u32, opcode: Opcode, detail: u64, args: &[Term]) -> Term {
        let int = |width: u32| Type::int_with_byte_size(width.min(16) as u16);
        let bits = |terms: &Self, index: usize| {
            let bits = terms.bits(*args.get(index)?)?;
            u64::try_from(bits).ok()
        };
        // NB: Only of these nothing but the opcode and the operands' widths decides what they compute.
        let computed = match (args, int(width)) {
            (&[a, b], Some(ty)) if matches!(opcode, Opcode::Band | Opcode::Bor | Opcode::Bxor) => {
                debug_assert_eq!(self.width(a), self.width(b), "they are of {ty}");
                return self.bits_of(opcode, a, b);
            }
            (&[a, _], Some(_)) if detail == 0 => match (bits(self, 0), bits(self, 1)) {
                (Some(x), Some(y)) => {
                    int(self.width(a)).and_then(|from| narrow::binary(opcode, from, x, y).bits())
                }
                _ => None,
            },
            (&[a], Some(ty)) if detail == 0 => bits(self, 0).and_then(|x| {
                let from = int(self.width(a))?;
                narrow::unary(opcode, from, ty, x).bits()
            }),
            _ => None,
        };
        match computed {
            Some(bits) => self.constant(width, bits.into()),
            None => self.apply(width, opcode, detail, args),
        }
    }

    /// The terms that `term` is made of, next to it.
    pub(super) fn children(&self, term: Term) -> SmallVec<[Term; 4]> {
        match self.shape(term) {
            Shape::Constant(_) | Shape::Atom(_) | Shape::Slot(_) => SmallVec::new(),
            Shape::Sum { parts, .. } => parts.iter().map(|&(part, _)| part).collect(),
            Shape::Bytes(bytes) => {
                let mut children = SmallVec::new();
                for byte in bytes {
                    if let Byte::Of(term, _) = *byte
                        && !children.contains(&term)
                    {
                        children.push(term);
                    }
                }
                children
            }
            Shape::Apply { args, .. } => args.iter().copied().collect(),
            Shape::Compare(_, args) => args.iter().copied().collect(),
            Shape::Select { arms, .. } => arms.iter().copied().collect(),
        }
    }
}

trait Commutes {
    fn commutes(self) -> bool;
}

impl Commutes for Opcode {
    fn commutes(self) -> bool {
        use Opcode::*;
        matches!(self, Band | Bor | Bxor | Imul | Iadd)
    }
}

/// Is `cond` true of these bits, so many bytes wide?
pub(super) fn holds(cond: IntCC, width: u32, a: u128, b: u128) -> bool {
    let shift = 128 - 8 * width.clamp(1, 16);
    let signed = |x: u128| (x << shift) as i128 >> shift;
    let (x, y) = (signed(a), signed(b));
    match cond {
        IntCC::Equal => a == b,
        IntCC::NotEqual => a != b,
        IntCC::UnsignedLessThan => a < b,
        IntCC::UnsignedLessThanOrEqual => a <= b,
        IntCC::UnsignedGreaterThan => a > b,
        IntCC::UnsignedGreaterThanOrEqual => a >= b,
        IntCC::SignedLessThan => x < y,
        IntCC::SignedLessThanOrEqual => x <= y,
        IntCC::SignedGreaterThan => x > y,
        IntCC::SignedGreaterThanOrEqual => x >= y,
    }
}
