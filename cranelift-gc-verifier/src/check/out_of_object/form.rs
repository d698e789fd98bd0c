//! Linear forms.
//!
//! **Claim.** What is computed of forms has the value that the same operations make of theirs.
//!
//! **Strength.** Nothing is returned where a coefficient gets too large.
//!
//! **Math.** A form is `Σ cᵢ·xᵢ + c` over atoms `xᵢ`, with coefficients in ℤ. [`Form::reduced`] divides by the greatest common divisor of
//! the `cᵢ` and rounds `c` down: the form is not negative if and only if the original one is.

use smallvec::SmallVec;

/// A linear form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Form {
    /// Each atom once, in order.
    pub(super) terms: SmallVec<[(u32, i128); 4]>,
    pub(super) constant: i128,
}

impl Form {
    pub(super) fn number(constant: i128) -> Form {
        Form {
            terms: SmallVec::new(),
            constant,
        }
    }

    pub(super) fn atom(atom: u32) -> Form {
        Form {
            terms: SmallVec::from_slice(&[(atom, 1)]),
            constant: 0,
        }
    }

    pub(super) fn coefficient(&self, atom: u32) -> Option<i128> {
        let found = self.terms.iter().find(|term| term.0 == atom);
        found.map(|term| term.1)
    }

    pub(super) fn times(&self, factor: i128) -> Option<Form> {
        self.combined(factor, &Form::default(), 0)
    }

    pub(super) fn plus(&self, other: &Form) -> Option<Form> {
        self.combined(1, other, 1)
    }

    pub(super) fn minus(&self, other: &Form) -> Option<Form> {
        self.combined(1, other, -1)
    }

    pub(super) fn shifted(&self, by: i128) -> Option<Form> {
        self.plus(&Form::number(by))
    }

    /// `a` times this, and `b` times `other`. Nothing, if that is too large.
    pub(super) fn combined(&self, a: i128, other: &Form, b: i128) -> Option<Form> {
        let mut terms: SmallVec<[(u32, i128); 4]> = SmallVec::new();
        let (mut left, mut right) = (self.terms.iter().peekable(), other.terms.iter().peekable());
        loop {
            let atom = match (left.peek(), right.peek()) {
                (Some(l), Some(r)) => l.0.min(r.0),
                (Some(l), None) => l.0,
                (None, Some(r)) => r.0,
                (None, None) => break,
            };
            let mut total: i128 = 0;
            if let Some(term) = left.next_if(|term| term.0 == atom) {
                total = total.checked_add(term.1.checked_mul(a)?)?;
            }
            if let Some(term) = right.next_if(|term| term.0 == atom) {
                total = total.checked_add(term.1.checked_mul(b)?)?;
            }
            if total != 0 {
                terms.push((atom, total));
            }
        }
        let constant = self.constant.checked_mul(a)?;
        let constant = constant.checked_add(other.constant.checked_mul(b)?)?;
        Some(Form { terms, constant })
    }

    /// The strongest form that is never negative if this one is: what is a multiple of a number is one of zero or more.
    pub(super) fn reduced(self) -> Form {
        let factor = self
            .terms
            .iter()
            .fold(0, |factor, term| gcd(factor, term.1));
        if factor <= 1 {
            return self;
        }
        let terms = self.terms.iter();
        Form {
            terms: terms.map(|&(atom, times)| (atom, times / factor)).collect(),
            constant: self.constant.div_euclid(factor),
        }
    }

    /// Is it a multiple of `factor`, whatever its atoms are?
    pub(super) fn is_multiple_of(&self, factor: i128) -> bool {
        let mut parts = self.terms.iter().map(|term| term.1);
        self.constant % factor == 0 && parts.all(|times| times % factor == 0)
    }

    /// The form, if it is a number.
    pub(super) fn as_number(&self) -> Option<i128> {
        self.terms.is_empty().then_some(self.constant)
    }
}

/// The greatest common divisor, which is not negative.
pub(super) fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.abs(), b.abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
