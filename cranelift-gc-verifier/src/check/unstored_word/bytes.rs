//! Sets of bytes of the words that have to be stored.

use core::ops::Range;
use smallvec::SmallVec;

/// The size of a word in bytes.
const WORD: usize = 4;

/// A set: bit `4 * i + j` is byte `j` of the word at index `i`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Bytes {
    bits: SmallVec<[u64; 2]>,
    /// How many bytes there are.
    len: usize,
}

impl Bytes {
    /// None of the bytes of so many words.
    pub(super) fn none(words: usize) -> Self {
        let len = words * WORD;
        Bytes {
            bits: SmallVec::from_elem(0, len.div_ceil(64)),
            len,
        }
    }

    /// Add the bytes of `words`, which are sorted, that are in `range` of the object.
    pub(super) fn add(&mut self, words: &[u32], range: Range<i64>) {
        let first = words.partition_point(|&word| i64::from(word) + WORD as i64 <= range.start);
        for (index, &word) in words.iter().enumerate().skip(first) {
            let word = i64::from(word);
            if word >= range.end {
                break;
            }
            for byte in 0..WORD {
                if range.contains(&(word + byte as i64)) {
                    self.set(WORD * index + byte);
                }
            }
        }
    }

    /// Add all of them.
    pub(super) fn add_all(&mut self) {
        for index in 0..self.len {
            self.set(index);
        }
    }

    fn set(&mut self, index: usize) {
        self.bits[index / 64] |= 1 << (index % 64);
    }

    /// Is the byte at `index` one of them?
    pub(super) fn has(&self, index: usize) -> bool {
        self.bits[index / 64] & 1 << (index % 64) != 0
    }

    /// Take out what is not in `other`. Returns whether anything was.
    pub(super) fn meet(&mut self, other: &Bytes) -> bool {
        let mut is_less = false;
        for (bits, other) in self.bits.iter_mut().zip(&other.bits) {
            is_less |= *bits & !other != 0;
            *bits &= other;
        }
        is_less
    }

    /// The index of the first byte that is not in it.
    pub(super) fn first_missing(&self) -> Option<usize> {
        let mut bits = self.bits.iter().enumerate();
        let (at, bits) = bits.find(|&(_, &bits)| bits != u64::MAX)?;
        let index = 64 * at + bits.trailing_ones() as usize;
        (index < self.len).then_some(index)
    }

    /// The index of the first of these that is not in `other`.
    pub(super) fn first_missing_in(&self, other: &Bytes) -> Option<usize> {
        (0..self.len).find(|&index| self.has(index) && !other.has(index))
    }

    /// Are all of them in it?
    pub(super) fn is_all(&self) -> bool {
        self.first_missing().is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_there_when_all_of_its_bytes_are() {
        let words = [8, 16];
        let mut bytes = Bytes::none(2);
        bytes.add(&words, 8..9);
        assert_eq!(bytes.first_missing(), Some(1));
        bytes.add(&words, 9..17);
        assert_eq!(bytes.first_missing(), Some(5));
        let one = bytes.clone();
        bytes.add(&words, 0..64);
        assert!(bytes.is_all());
        assert!(bytes.meet(&one) && !bytes.is_all() && !bytes.meet(&one));
    }

    #[test]
    fn sets_of_a_round_size_end_where_they_end() {
        let words: Vec<u32> = (0..32).map(|index| 4 * index).collect();
        let mut bytes = Bytes::none(words.len());
        bytes.add(&words, 0..127);
        assert_eq!(bytes.first_missing(), Some(127));
        bytes.add_all();
        assert!(bytes.is_all());
    }
}
