//! Words that a reference need not be tried as.
//!
//! **Claim.** Where one word is said to be equivalent to another one, the analysis of both is the same: every
//! condition that was evaluated with the one has the same truth with the other.
//!
//! **Strength.** It is said only if the reference decides alone whatever it decides: no condition that was made
//! of it was made of a block parameter as well, and no parameter was passed anything that is made of it.
//! Conditions that are not made of it are the same anyway.
//!
//! **Math.** Let `C` be the conditions that were read. The analyses of `v` and `w` are the same if `c[r := v] =
//! c[r := w]` for every `c` in `C`.

use super::eval::{Bits, truth};
use super::scratch::{Scratch, Subject};
use cranelift_codegen::ir::Value;
use std::cell::{Cell, RefCell};

/// What one analysis read.
#[derive(Default)]
pub(crate) struct Reads {
    reference: Cell<bool>,
    param: Cell<bool>,
    /// The conditions that are made of the reference.
    conditions: RefCell<Vec<Value>>,
    /// Was it read otherwise?
    is_mixed: Cell<bool>,
}

impl Reads {
    pub(crate) fn reference(&self) {
        self.reference.set(true);
    }

    pub(crate) fn param(&self) {
        self.param.set(true);
    }

    /// What was read since this was called last was read for `condition`, or for a parameter.
    pub(crate) fn settle(&self, condition: Option<Value>) {
        let has_param = self.param.take();
        if !self.reference.take() {
            return;
        }
        match condition {
            Some(condition) if !has_param => {
                let mut conditions = self.conditions.borrow_mut();
                if !conditions.contains(&condition) {
                    conditions.push(condition);
                }
            }
            Some(_) | None => self.is_mixed.set(true),
        }
    }

    /// The conditions that decide the analysis, if these alone do.
    pub(crate) fn into_equal_words(self, word: u32) -> Option<EqualWords> {
        (!self.is_mixed.get()).then(|| EqualWords {
            word,
            conditions: self.conditions.into_inner(),
        })
    }
}

/// What the analysis of `word` depends on.
pub(crate) struct EqualWords {
    word: u32,
    conditions: Vec<Value>,
}

impl EqualWords {
    /// Is the analysis of `word` the same?
    pub(crate) fn is_like(&self, subject: Subject, scratch: &Scratch, word: u32) -> bool {
        let has_param = Cell::new(false);
        let truth_with = |word, condition| {
            let known = |value: Value| -> Option<Bits> {
                has_param.set(has_param.get() || scratch.is_param(subject, value));
                let of_reference = subject.known(word, value, None);
                of_reference.or_else(|| scratch.invariants().bits(value))
            };
            let invariants = scratch.invariants();
            let decided = invariants.truth_while(subject.reference, word, condition);
            decided.unwrap_or_else(|| truth(subject.func, &known, condition))
        };
        let mut conditions = self.conditions.iter();
        conditions.all(|&at| truth_with(self.word, at) == truth_with(word, at)) && !has_param.get()
    }
}
