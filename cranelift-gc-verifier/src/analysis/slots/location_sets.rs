//! Sets of locations, one for each block.

use super::location::Loc;
use crate::ir::cfg::Node;

/// Bits in each word.
const BITS: usize = u64::BITS as usize;

/// A set for each node.
pub(super) struct Sets {
    /// The words of each set.
    words: usize,
    all: Vec<u64>,
}

impl Sets {
    /// Empty sets of up to `locations`, for so many nodes.
    pub(super) fn new(nodes: usize, locations: usize) -> Self {
        let words = locations.div_ceil(BITS);
        Sets {
            words,
            all: vec![0; nodes * words],
        }
    }

    pub(super) fn of(&self, node: Node) -> &[u64] {
        &self.all[node as usize * self.words..][..self.words]
    }

    pub(super) fn of_mut(&mut self, node: Node) -> &mut [u64] {
        &mut self.all[node as usize * self.words..][..self.words]
    }

    /// The words of each set.
    pub(super) fn words(&self) -> usize {
        self.words
    }

    /// The steps that it takes to look at a set: a step is a line of a cache, which has eight words.
    ///
    /// NB: With as many blocks as locations, sets take quadratic time and memory, of a very small factor.
    pub(super) fn lines(&self) -> usize {
        lines(self.words)
    }

    /// How many locations are in the set of `node`.
    pub(super) fn count_of(&self, node: Node) -> u32 {
        self.of(node).iter().map(|word| word.count_ones()).sum()
    }

    /// Add to the set of `to` what `other` has for `from`.
    pub(super) fn add_from(&mut self, to: Node, other: &Sets, from: Node) {
        unite(self.of_mut(to), other.of(from));
    }

    /// Keep of the set of `node` what is in that of `other`, too.
    pub(super) fn retain(&mut self, node: Node, other: &Sets) {
        for (word, kept) in self.of_mut(node).iter_mut().zip(other.of(node)) {
            *word &= kept;
        }
    }

    /// Add to the set of `to` what is in that of `from` and not in that of `without` for `to`. Returns
    /// whether that is news.
    pub(super) fn flow(&mut self, to: Node, from: Node, without: &Sets) -> bool {
        let mut is_news = false;
        for word in 0..self.words {
            let added = self.of(from)[word] & !without.of(to)[word];
            let word = &mut self.of_mut(to)[word];
            is_news |= added & !*word != 0;
            *word |= added;
        }
        is_news
    }
}

/// The lines of a cache that so many words take.
pub(super) fn lines(words: usize) -> usize {
    words.div_ceil(8)
}

pub(super) fn contains(set: &[u64], loc: Loc) -> bool {
    set[loc as usize / BITS] >> (loc as usize % BITS) & 1 != 0
}

pub(super) fn insert(set: &mut [u64], loc: Loc) {
    set[loc as usize / BITS] |= 1 << (loc as usize % BITS);
}

pub(super) fn remove(set: &mut [u64], loc: Loc) {
    set[loc as usize / BITS] &= !(1 << (loc as usize % BITS));
}

/// Add `other` to `set`.
pub(super) fn unite(set: &mut [u64], other: &[u64]) {
    for (word, other) in set.iter_mut().zip(other) {
        *word |= other;
    }
}

/// The locations in `set`, in order.
pub(super) fn each(set: &[u64]) -> impl Iterator<Item = Loc> + '_ {
    set.iter().enumerate().flat_map(|(index, &word)| {
        let rest = |&word: &u64| Some(word & (word - 1)).filter(|&rest| rest != 0);
        core::iter::successors(Some(word).filter(|&word| word != 0), rest)
            .map(move |word| (index * BITS) as Loc + word.trailing_zeros())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in() {
        let mut sets = Sets::new(2, 130);
        for loc in [129, 0, 63, 64, 127] {
            insert(sets.of_mut(1), loc);
        }
        remove(sets.of_mut(1), 127);
        let mut without = Sets::new(2, 130);
        insert(without.of_mut(0), 63);
        assert!(sets.flow(0, 1, &without));
        assert!(!sets.flow(0, 1, &without));
        assert_eq!(each(sets.of(0)).collect::<Vec<_>>(), [0, 64, 129]);
        assert!(contains(sets.of(0), 64) && !contains(sets.of(0), 65));
        without.add_from(0, &sets, 1);
        assert_eq!(without.count_of(0), 4);
        insert(sets.of_mut(0), 1);
        sets.retain(0, &without);
        assert_eq!(each(sets.of(0)).collect::<Vec<_>>(), [0, 64, 129]);
    }
}
