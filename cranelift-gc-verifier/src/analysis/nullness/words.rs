//! The words that references are tried as, and whether conditions hold for each.

use super::eval::Truth;
use crate::finding::hazard::{Hazard, Hazards};
use std::cell::{Cell, RefCell};

/// How many words references are tried as.
pub(super) const COUNT: usize = NULL.len() + I31.len();

const NULL: &[u32] = Hazard::Null.representatives();

const I31: &[u32] = Hazard::I31.representatives();

/// All of them.
pub(super) const ALL: [u32; COUNT] = {
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
pub(crate) struct Truths(pub(super) [Truth; COUNT]);

impl Truths {
    /// The words with which the condition certainly `holds`, or does not.
    pub(crate) fn certainly(&self, holds: bool) -> Words {
        let mut words = Words::default();
        for (index, &truth) in self.0.iter().enumerate() {
            words.0 |= u8::from(truth == Truth::Certain(holds)) << index;
        }
        words
    }

    pub(super) fn of(&self, word: u32) -> Option<Truth> {
        let index = ALL.iter().position(|&other| other == word)?;
        Some(self.0[index])
    }
}

/// What was asked.
pub(crate) struct ConditionCache {
    /// By condition: an index into `truths`, and 1.
    pub(super) known: Vec<Cell<u32>>,
    pub(super) truths: RefCell<Vec<Truths>>,
}

impl ConditionCache {
    /// Nothing, of so many values.
    pub(crate) fn new(values: usize) -> Self {
        ConditionCache {
            known: vec![Cell::new(0); values],
            truths: RefCell::default(),
        }
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
