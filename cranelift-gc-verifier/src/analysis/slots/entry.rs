//! Stack-map entries judged by themselves.

use crate::finding::error::NonReference;
use cranelift_codegen::ir::{Function, UserStackMapEntry, types};

/// Why no reference can be where `entry` says, if so. `before` are the entries that precede it in
/// the same stack map.
pub(crate) fn judge(
    func: &Function,
    entry: &UserStackMapEntry,
    before: &[UserStackMapEntry],
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
    let overlaps = |other: &UserStackMapEntry| {
        let other_end = u64::from(other.offset) + u64::from(other.ty.bytes());
        other.slot == entry.slot
            && u64::from(other.offset) < end
            && u64::from(entry.offset) < other_end
            // The same entry twice says nothing new.
            && other != entry
    };
    before
        .iter()
        .any(overlaps)
        .then_some(NonReference::Overlaps)
}
