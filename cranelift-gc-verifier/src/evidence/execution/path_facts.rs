//! What the branches and traps of one path say about its terms.
//!
//! **Claim.** Where [`PathFacts::assume`] returns false, no execution takes the path. Where it returns true, one
//! may or may not.
//!
//! **Strength.** Intervals, a few words that a term is not, and orders of pairs. What needs more, such as the
//! sum of two unknown terms being within bounds, contradicts nothing.
//!
//! **Math.** Each term has an unsigned and a signed interval and a few words that it is not. A pair of terms
//! has the set of orders, out of less, equal and greater, that it can be in. Whether two terms are equal is
//! asked of their difference. What was assumed before a term was known is evaluated again with what is known by
//! now ([`PathFacts::is_consistent`]).

use super::terms::{Byte, Replacement, Shape, Term, Terms, holds};
use cranelift_codegen::ir::Opcode;
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What is known of one term.
#[derive(Clone)]
struct Range {
    unsigned: (u64, u64),
    signed: (i64, i64),
    /// A few of the words that it is not.
    excluded: SmallVec<[u64; 2]>,
}

/// How many words are remembered that a term is not.
const EXCLUDED: usize = 16;
/// How far into a condition is looked.
const DEPTH: u32 = 24;

const LESS: u8 = 1;
const EQUAL: u8 = 2;
const GREATER: u8 = 4;

/// What is known on a path.
#[derive(Clone, Default)]
pub(super) struct PathFacts {
    ranges: BTreeMap<Term, Range>,
    /// The orders that a pair can be in, unsigned and signed.
    orders: BTreeMap<(Term, Term), [u8; 2]>,
    assumed: Option<Rc<Assumed>>,
}

/// What was assumed, the last one first.
struct Assumed {
    condition: Term,
    truth: bool,
    before: Option<Rc<Assumed>>,
    /// How many there are.
    count: u32,
}

/// So many are remembered.
const MAX_ASSUMED: u32 = 256;
/// How often they are evaluated again, at most.
const ROUNDS: usize = 4;
/// For how many choices both arms are tried then.
const MAX_CHOICES: u32 = 4;

/// The condition of a choice in `term` that is not among `truths`.
fn undecided_choice(terms: &Terms, term: Term, truths: &BTreeMap<Term, bool>) -> Option<Term> {
    let mut pending = vec![term];
    let mut seen = BTreeSet::new();
    while let Some(term) = pending.pop() {
        if !seen.insert(term) {
            continue;
        }
        if let Shape::Select { condition, .. } = *terms.shape(term) {
            if !truths.contains_key(&condition) && terms.bits(condition).is_none() {
                return Some(condition);
            }
            pending.push(condition);
        }
        pending.extend(terms.children(term));
    }
    None
}

fn full(width: u32) -> Range {
    let bits = 8 * width.min(8);
    let max = u64::MAX >> (64 - bits);
    let half = (max >> 1) as i64;
    Range {
        unsigned: (0, max),
        signed: (-half - 1, half),
        excluded: SmallVec::new(),
    }
}

/// The bits of `n`, so many bytes wide, as a signed number.
fn signed(width: u32, n: u64) -> i64 {
    let shift = 64 - 8 * width.min(8);
    ((n << shift) as i64) >> shift
}

impl PathFacts {
    fn range(&self, terms: &Terms, term: Term) -> Range {
        if let Some(bits) = terms.bits(term) {
            let bits = bits as u64;
            let signed = signed(terms.width(term), bits);
            return Range {
                unsigned: (bits, bits),
                signed: (signed, signed),
                excluded: SmallVec::new(),
            };
        }
        if let Some(range) = self.ranges.get(&term) {
            return range.clone();
        }
        let mut range = full(terms.width(term));
        if matches!(terms.shape(term), Shape::Compare(..)) {
            range.unsigned = (0, 1);
            range.signed = (0, 1);
        }
        if let Some(inner) = terms.unextended(term) {
            let inner = self.range(terms, inner);
            range.unsigned = inner.unsigned;
            if let (Ok(low), Ok(high)) = (inner.unsigned.0.try_into(), inner.unsigned.1.try_into())
            {
                range.signed = (low, high);
            }
        }
        if let Shape::Apply {
            opcode: Opcode::Band,
            args,
            ..
        } = terms.shape(term)
            && let Some(mask) = args.iter().find_map(|&arg| terms.bits(arg))
            && mask <= i64::MAX as u128
        {
            range.unsigned.1 = range.unsigned.1.min(mask as u64);
            if terms.width(term) == 8
                || mask as u64 <= u64::MAX >> (65 - 8 * terms.width(term).min(8))
            {
                range.signed = (0, mask as i64);
            }
        }
        range
    }

    /// The only word that `term` can be, if there is one.
    pub(super) fn word(&self, terms: &Terms, term: Term) -> Option<u64> {
        if terms.width(term) > 8 {
            return None;
        }
        let (low, high) = self.range(terms, term).unsigned;
        (low == high).then_some(low)
    }

    /// Is it known whether `condition` is other than zero?
    pub(super) fn truth(&self, terms: &mut Terms, condition: Term) -> Option<bool> {
        let yes = self.clone().assume(terms, condition, true);
        let no = self.clone().assume(terms, condition, false);
        match (yes, no) {
            (true, false) => Some(true),
            (false, true) => Some(false),
            // NB: Where neither can be, the path cannot be taken, and either will do.
            (false, false) => Some(true),
            (true, true) => None,
        }
    }

    /// Note that `condition` is other than zero, or that it is zero. Returns false if it cannot be.
    pub(super) fn assume(&mut self, terms: &mut Terms, condition: Term, truth: bool) -> bool {
        // Whether a reference is null is what it was before it was moved.
        let condition = terms.identity(condition);
        let count = self.assumed.as_ref().map_or(0, |last| last.count);
        if count < MAX_ASSUMED && terms.bits(condition).is_none() {
            let before = self.assumed.take();
            self.assumed = Some(Rc::new(Assumed {
                condition,
                truth,
                before,
                count: count + 1,
            }));
        }
        self.assume_within(terms, condition, truth, DEPTH)
    }

    /// Can all that was assumed be so, by what is known of each term by now?
    pub(super) fn is_consistent(&self, terms: &mut Terms) -> bool {
        self.is_consistent_where(terms, &BTreeMap::new(), MAX_CHOICES)
    }

    /// The same where these conditions hold, or do not. Both arms of so many more choices are tried.
    fn is_consistent_where(
        &self,
        terms: &mut Terms,
        truths: &BTreeMap<Term, bool>,
        choices: u32,
    ) -> bool {
        let mut known = self.clone();
        let mut conditions = Vec::new();
        let mut last = self.assumed.as_ref();
        while let Some(assumed) = last {
            conditions.push((assumed.condition, assumed.truth));
            last = assumed.before.as_ref();
        }
        let mut words = None;
        for _ in 0..ROUNDS {
            let single = known.ranges.iter();
            let single = single.filter(|(_, range)| range.unsigned.0 == range.unsigned.1);
            let now: BTreeMap<Term, u64> = single
                .map(|(&term, range)| (term, range.unsigned.0))
                .filter(|&(term, _)| terms.width(term) <= 8)
                .collect();
            if words.as_ref() == Some(&now) {
                break;
            }
            let mut replacement = Replacement::new(&now, truths);
            for (condition, truth) in &mut conditions {
                let replaced = terms.replaced(*condition, &mut replacement);
                *condition = terms.identity(replaced);
                if !known.assume_within(terms, *condition, *truth, DEPTH) {
                    return false;
                }
            }
            words = Some(now);
        }
        let Some(choices) = choices.checked_sub(1) else {
            return true;
        };
        let of = |&(condition, _): &(Term, bool)| undecided_choice(terms, condition, truths);
        let Some(choice) = conditions.iter().find_map(of) else {
            return true;
        };
        [true, false].into_iter().any(|truth| {
            let mut known = self.clone();
            let mut truths = truths.clone();
            truths.insert(choice, truth);
            known.assume(terms, choice, truth) && known.is_consistent_where(terms, &truths, choices)
        })
    }

    fn assume_within(
        &mut self,
        terms: &mut Terms,
        condition: Term,
        truth: bool,
        depth: u32,
    ) -> bool {
        if let Some(bits) = terms.bits(condition) {
            return (bits != 0) == truth;
        }
        let Some(depth) = depth.checked_sub(1) else {
            return true;
        };
        let shape = terms.shape(condition).clone();
        let follows = match shape {
            Shape::Compare(cond, [a, b]) => {
                let cond = if truth { cond } else { cond.complement() };
                self.assume_order(terms, cond, a, b, depth)
            }
            Shape::Apply {
                opcode, ref args, ..
            } => self.assume_of(terms, (opcode, args), truth, depth),
            Shape::Select {
                condition: on,
                arms,
            } => {
                let arms = arms.map(|arm| terms.bits(arm).map(|bits| bits != 0));
                match arms {
                    [Some(yes), Some(no)] if yes == no => yes == truth,
                    [Some(yes), Some(_)] => self.assume_within(terms, on, yes == truth, depth),
                    _ => true,
                }
            }
            Shape::Bytes(ref bytes) => {
                if bytes.iter().any(|byte| matches!(byte, Byte::Is(1..))) {
                    truth
                } else if let Some(inner) = terms.unextended(condition) {
                    self.assume_within(terms, inner, truth, depth)
                } else {
                    true
                }
            }
            Shape::Slot(_) => truth,
            Shape::Constant(_) | Shape::Atom(_) | Shape::Sum { .. } => true,
        };
        if !follows || terms.width(condition) > 8 {
            return follows;
        }
        let zero = terms.constant(terms.width(condition), 0);
        let cond = if truth { IntCC::NotEqual } else { IntCC::Equal };
        self.assume_equality(terms, cond == IntCC::Equal, condition, zero, depth, true)
    }

    fn assume_of(
        &mut self,
        terms: &mut Terms,
        (opcode, args): (Opcode, &[Term]),
        truth: bool,
        depth: u32,
    ) -> bool {
        match (opcode, args) {
            (Opcode::Bor, &[a, b]) if !truth => {
                self.assume_within(terms, a, false, depth)
                    && self.assume_within(terms, b, false, depth)
            }
            (Opcode::Bor, &[a, b]) => match (self.word(terms, a), self.word(terms, b)) {
                (Some(0), _) => self.assume_within(terms, b, true, depth),
                (_, Some(0)) => self.assume_within(terms, a, true, depth),
                _ => true,
            },
            (Opcode::Band, &[a, b]) if truth => {
                self.assume_within(terms, a, true, depth)
                    && self.assume_within(terms, b, true, depth)
            }
            (Opcode::Band, &[a, b]) => match (self.word(terms, a), self.word(terms, b)) {
                (Some(a), Some(b)) => a & b == 0,
                (Some(1), None) if self.is_truth(terms, b) => {
                    self.assume_within(terms, b, false, depth)
                }
                (None, Some(1)) if self.is_truth(terms, a) => {
                    self.assume_within(terms, a, false, depth)
                }
                (Some(word), None) | (None, Some(word)) if word == u64::MAX => true,
                _ => true,
            },
            (Opcode::Bxor, &[a, b]) => match (terms.bits(a), terms.bits(b)) {
                (Some(1), _) if self.is_truth(terms, b) => {
                    self.assume_within(terms, b, !truth, depth)
                }
                (_, Some(1)) if self.is_truth(terms, a) => {
                    self.assume_within(terms, a, !truth, depth)
                }
                _ if !truth => self.assume_equality(terms, true, a, b, depth, false),
                _ => self.assume_equality(terms, false, a, b, depth, false),
            },
            (Opcode::Bmask | Opcode::Sextend, &[a]) => self.assume_within(terms, a, truth, depth),
            (Opcode::Umin, &[a, b]) if truth => {
                self.assume_within(terms, a, true, depth)
                    && self.assume_within(terms, b, true, depth)
            }
            (Opcode::Umin, &[a, b]) | (Opcode::Umax, &[a, b]) => {
                let is_least = opcode == Opcode::Umin;
                let zero = |known: &Self, term| known.range(terms, term).unsigned.0 == 0;
                match (is_least, truth) {
                    (false, false) => {
                        self.assume_within(terms, a, false, depth)
                            && self.assume_within(terms, b, false, depth)
                    }
                    // One of them is zero.
                    (true, _) => match (zero(self, a), zero(self, b)) {
                        (false, false) => false,
                        (false, true) => self.assume_within(terms, b, false, depth),
                        (true, false) => self.assume_within(terms, a, false, depth),
                        (true, true) => true,
                    },
                    // One of them is another word.
                    (false, true) => match (self.word(terms, a), self.word(terms, b)) {
                        (Some(0), _) => self.assume_within(terms, b, true, depth),
                        (_, Some(0)) => self.assume_within(terms, a, true, depth),
                        _ => true,
                    },
                }
            }
            _ => true,
        }
    }

    /// Is `term` zero or one?
    fn is_truth(&self, terms: &Terms, term: Term) -> bool {
        terms.width(term) <= 8 && self.range(terms, term).unsigned.1 <= 1
    }

    fn assume_order(
        &mut self,
        terms: &mut Terms,
        cond: IntCC,
        a: Term,
        b: Term,
        depth: u32,
    ) -> bool {
        if let (Some(x), Some(y)) = (terms.bits(a), terms.bits(b)) {
            return holds(cond, terms.width(a), x, y);
        }
        if a == b {
            return holds(cond, terms.width(a), 0, 0);
        }
        if terms.width(a) > 8 {
            return true;
        }
        use IntCC::*;
        match cond {
            Equal | NotEqual => self.assume_equality(terms, cond == Equal, a, b, depth, false),
            UnsignedGreaterThan
            | UnsignedGreaterThanOrEqual
            | SignedGreaterThan
            | SignedGreaterThanOrEqual => self.assume_order(terms, cond.swap_args(), b, a, depth),
            UnsignedLessThan => self.assume_less(terms, a, b, true, false),
            UnsignedLessThanOrEqual => self.assume_less(terms, a, b, false, false),
            SignedLessThan => self.assume_less(terms, a, b, true, true),
            SignedLessThanOrEqual => self.assume_less(terms, a, b, false, true),
        }
    }

    fn assume_less(
        &mut self,
        terms: &mut Terms,
        a: Term,
        b: Term,
        strict: bool,
        is_signed: bool,
    ) -> bool {
        let (x, y) = (self.range(terms, a), self.range(terms, b));
        let gap = u64::from(strict);
        let fits = match is_signed {
            false => {
                let (Some(high), Some(low)) =
                    (y.unsigned.1.checked_sub(gap), x.unsigned.0.checked_add(gap))
                else {
                    return false;
                };
                self.narrow(terms, a, (0, high)) && self.narrow(terms, b, (low, u64::MAX))
            }
            true => {
                let gap = gap as i64;
                let (Some(high), Some(low)) =
                    (y.signed.1.checked_sub(gap), x.signed.0.checked_add(gap))
                else {
                    return false;
                };
                self.narrow_signed(terms, a, (i64::MIN, high))
                    && self.narrow_signed(terms, b, (low, i64::MAX))
            }
        };
        let allowed = if strict { LESS } else { LESS | EQUAL };
        fits && self.narrow_order(terms, a, b, is_signed, allowed)
    }

    /// Only these orders of `a` and `b` are left.
    fn narrow_order(
        &mut self,
        terms: &Terms,
        a: Term,
        b: Term,
        is_signed: bool,
        allowed: u8,
    ) -> bool {
        if terms.bits(a).is_some() || terms.bits(b).is_some() {
            return true;
        }
        let swapped = |set: u8| (set & LESS) << 2 | set & EQUAL | (set & GREATER) >> 2;
        let (key, allowed) = match a < b {
            true => ((a, b), allowed),
            false => ((b, a), swapped(allowed)),
        };
        let orders = self
            .orders
            .entry(key)
            .or_insert([LESS | EQUAL | GREATER; 2]);
        orders[usize::from(is_signed)] &= allowed;
        // Both kinds agree on what is equal.
        let equal = orders[0] & orders[1] & EQUAL;
        for set in orders.iter_mut() {
            *set = *set & !EQUAL | equal;
        }
        let is_equal = orders[0] == EQUAL || orders[1] == EQUAL;
        !orders.contains(&0) && (!is_equal || equal != 0)
    }

    /// `a` and `b` are equal, or they are not.
    fn assume_equality(
        &mut self,
        terms: &mut Terms,
        are_equal: bool,
        a: Term,
        b: Term,
        depth: u32,
        is_done: bool,
    ) -> bool {
        if terms.width(a) > 8 {
            return true;
        }
        let allowed = if are_equal { EQUAL } else { LESS | GREATER };
        if !self.narrow_order(terms, a, b, false, allowed)
            || !self.narrow_order(terms, a, b, true, allowed)
        {
            return false;
        }
        let (x, y) = (self.range(terms, a), self.range(terms, b));
        if are_equal {
            let both = (
                x.unsigned.0.max(y.unsigned.0),
                x.unsigned.1.min(y.unsigned.1),
            );
            if !self.narrow(terms, a, both) || !self.narrow(terms, b, both) {
                return false;
            }
        } else {
            for (term, other) in [(a, &y), (b, &x)] {
                let (low, high) = other.unsigned;
                if low == high && !self.exclude(terms, term, low) {
                    return false;
                }
            }
        }
        let difference = terms.difference(a, b);
        if let Some(bits) = terms.bits(difference) {
            return (bits == 0) == are_equal;
        }
        let width = terms.width(difference);
        let max = full(width).unsigned.1;
        let (mut parts, constant) = terms.parts(difference);
        let mut word = constant.wrapping_neg() & max;
        // Of a sum and what is left when it is taken away from zero, one is asked.
        if parts[0].1 > max >> 1 {
            for (_, times) in &mut parts {
                *times = times.wrapping_neg() & max;
            }
            word = constant & max;
        }
        let term = terms.sum(width, &parts, 0);
        self.assume_word(terms, term, word, are_equal, depth, is_done)
    }

    /// `term` is `word`, or it is not.
    fn assume_word(
        &mut self,
        terms: &mut Terms,
        term: Term,
        word: u64,
        is_it: bool,
        depth: u32,
        is_done: bool,
    ) -> bool {
        let follows = match is_it {
            true => self.narrow(terms, term, (word, word)),
            false => self.exclude(terms, term, word),
        };
        let Some(depth) = depth.checked_sub(1).filter(|_| follows && !is_done) else {
            return follows;
        };
        let truth = match (word, is_it) {
            (0, _) => Some(!is_it),
            (1, true) => Some(true),
            (1, false) => Some(false).filter(|_| self.is_truth(terms, term)),
            _ => None,
        };
        match terms.shape(term).clone() {
            Shape::Compare(..) => match truth {
                Some(truth) => self.assume_within(terms, term, truth, depth),
                None => true,
            },
            Shape::Apply { .. } if word == 0 => self.assume_within(terms, term, !is_it, depth),
            Shape::Select { condition, arms } => {
                let arms = arms.map(|arm| terms.bits(arm).map(|bits| bits as u64 == word));
                match arms {
                    [Some(yes), Some(no)] if yes == no => yes == is_it,
                    [Some(yes), Some(_)] => {
                        self.assume_within(terms, condition, yes == is_it, depth)
                    }
                    _ => true,
                }
            }
            Shape::Bytes(_) => match terms.unextended(term) {
                Some(inner) => {
                    let fits = word <= full(terms.width(inner)).unsigned.1;
                    match fits {
                        true => self.assume_word(terms, inner, word, is_it, depth, false),
                        false => !is_it,
                    }
                }
                None => true,
            },
            Shape::Slot(_) if word == 0 => !is_it,
            _ => true,
        }
    }

    fn exclude(&mut self, terms: &Terms, term: Term, word: u64) -> bool {
        let mut range = self.range(terms, term);
        let (mut low, mut high) = range.unsigned;
        if !(low..=high).contains(&word) {
            return true;
        }
        if low == high {
            return false;
        }
        if range.excluded.len() < EXCLUDED && !range.excluded.contains(&word) {
            range.excluded.push(word);
        }
        while low < high && range.excluded.contains(&low) {
            low += 1;
        }
        while high > low && range.excluded.contains(&high) {
            high -= 1;
        }
        if range.excluded.contains(&low) && low == high {
            return false;
        }
        range.unsigned = (low, high);
        self.ranges.insert(term, range);
        self.narrow(terms, term, (low, high))
    }

    fn narrow(&mut self, terms: &Terms, term: Term, (low, high): (u64, u64)) -> bool {
        let mut range = self.range(terms, term);
        range.unsigned = (range.unsigned.0.max(low), range.unsigned.1.min(high));
        if range.unsigned.0 > range.unsigned.1 {
            return false;
        }
        self.settle(terms, term, range)
    }

    fn narrow_signed(&mut self, terms: &Terms, term: Term, (low, high): (i64, i64)) -> bool {
        let mut range = self.range(terms, term);
        range.signed = (range.signed.0.max(low), range.signed.1.min(high));
        if range.signed.0 > range.signed.1 {
            return false;
        }
        self.settle(terms, term, range)
    }

    /// Make both intervals say what either does, and note them.
    fn settle(&mut self, terms: &Terms, term: Term, mut range: Range) -> bool {
        let width = terms.width(term);
        let max = full(width).unsigned.1;
        let half = max >> 1;
        let (low, high) = range.unsigned;
        if high <= half || low > half {
            let (low, high) = (signed(width, low), signed(width, high));
            range.signed = (range.signed.0.max(low), range.signed.1.min(high));
        }
        if range.signed.0 > range.signed.1 {
            return false;
        }
        let (low, high) = range.signed;
        if low >= 0 || high < 0 {
            let (low, high) = (low as u64 & max, high as u64 & max);
            range.unsigned = (range.unsigned.0.max(low), range.unsigned.1.min(high));
        }
        let (low, high) = range.unsigned;
        if low > high || low == high && range.excluded.contains(&low) {
            return false;
        }
        if terms.bits(term).is_none() {
            // NB: What is known of an extension is known of what it extends.
            let inner = terms.unextended(term);
            self.ranges.insert(term, range);
            if let Some(inner) = inner {
                return self.narrow(terms, inner, (low, high));
            }
        }
        true
    }

    /// Is `reference` null or an i31 on this path?
    pub(super) fn is_unboxed(&self, terms: &mut Terms, reference: Term) -> bool {
        let reference = terms.identity(reference);
        if let Some(word) = self.word(terms, reference) {
            return word == 0 || word % 2 == 1;
        }
        // NB: No object is at 1, and below it is null.
        if self.range(terms, reference).unsigned.1 <= 1 {
            return true;
        }
        let one = terms.constant(terms.width(reference), 1);
        let tag = terms.bits_of(Opcode::Band, reference, one);
        let mut odd = self.clone();
        // It is, if it cannot be even other than zero.
        !(odd.assume(terms, tag, false) && odd.assume(terms, reference, true))
    }
}
