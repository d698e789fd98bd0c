//! Stack-map entries judged by themselves.
//!
//! **Claim.** No reference can be where an entry says for which a reason is returned.
//!
//! **Strength.** By the entry, its slot and its stack map alone; what is stored there is another question.
//!
//! **Math.** An entry is the interval `[offset, offset + size)` of its slot. It is of an integer type that references have,
//! lies within the slot, and is disjoint from every other entry of the map, or equal to it.

use crate::finding::error::NonReference;
use cranelift_codegen::ir::{Function, StackSlot, Type, UserStackMapEntry, types};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// Why no reference can be where `entry` says, if so. `before` are the entries that precede it in
/// the same stack map.
pub(crate) fn judge(
    func: &Function,
    entry: &UserStackMapEntry,
    before: &Before,
) -> Option<NonReference> {
    if !matches!(entry.ty, types::I32 | types::I64) {
        return Some(NonReference::EntryType(entry.ty));
    }
    // NB: A stack map can name a slot that is not there; Cranelift's verifier does not look.
    let slot = func.sized_stack_slots.get(entry.slot);
    let slot_size = slot.map_or(0, |slot| slot.size);
    let end = u64::from(entry.offset) + u64::from(entry.ty.bytes());
    if end > u64::from(slot_size) {
        return Some(NonReference::OutOfBounds { slot_size });
    }
    before.overlaps(entry).then_some(NonReference::Overlaps)
}

/// No type has more bytes.
const MAX_BYTES: u32 = 64;

/// The entries of one stack map up to some entry.
#[derive(Default)]
pub(crate) struct Before {
    /// The types of those that start there.
    starts: BTreeMap<(StackSlot, u32), SmallVec<[Type; 2]>>,
    /// How many entries were added.
    count: usize,
    /// The number of bytes of the widest one.
    widest: u32,
}

impl Before {
    /// Those of `entries` that may overlap `entry`.
    pub(crate) fn of(entry: &UserStackMapEntry, entries: &[UserStackMapEntry]) -> Self {
        let is_near = |other: &&UserStackMapEntry| {
            other.slot == entry.slot && other.offset.abs_diff(entry.offset) <= MAX_BYTES
        };
        let near: Vec<_> = entries.iter().filter(is_near).cloned().collect();
        let mut before = Before::default();
        before.add(&near);
        before
    }

    /// Add those of `entries` that were not added yet.
    pub(crate) fn add(&mut self, entries: &[UserStackMapEntry]) {
        for entry in &entries[self.count..] {
            let types = self.starts.entry((entry.slot, entry.offset)).or_default();
            if !types.contains(&entry.ty) {
                types.push(entry.ty);
            }
            self.widest = self.widest.max(entry.ty.bytes());
        }
        self.count = entries.len();
    }

    /// Does `entry` share a byte with another one of these?
    fn overlaps(&self, entry: &UserStackMapEntry) -> bool {
        let start = entry.offset.saturating_sub(self.widest);
        let end = entry.offset.saturating_add(entry.ty.bytes());
        let mut near = self.starts.range((entry.slot, start)..(entry.slot, end));
        near.any(|(&(_, start), types)| {
            types.iter().any(|&ty| {
                let reaches = u64::from(start) + u64::from(ty.bytes()) > u64::from(entry.offset);
                // The same entry twice says nothing new.
                reaches && (start, ty) != (entry.offset, entry.ty)
            })
        })
    }
}
