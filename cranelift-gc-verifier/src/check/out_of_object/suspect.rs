//! Accesses that have to be judged, and what is a field.

use crate::ir::cfg::Node;
use crate::ir::choice::Chosen;
use crate::ir::instruction::Access;
use cranelift_codegen::ir::{GcFact, GcField, GcInfo, GcKind, Inst, Value};

/// An access that its type alone does not allow.
pub(super) struct Suspect {
    pub(super) inst: Inst,
    pub(super) node: Node,
    pub(super) access: Access,
    /// The reference, or the address.
    pub(super) value: Value,
    pub(super) what: What,
}

pub(super) enum What {
    /// At an offset at which the type has no field.
    Field { offset: i64 },
    /// Of an array, at an index.
    Element { kind: GcKind },
    /// Of another object, at an offset that varies.
    Varying { kind: GcKind },
    /// By an address that is no sum of a reference and something else.
    Unclear,
    /// By one of two addresses.
    Chosen(Chosen),
    /// Of an array, by an address that a loop moves.
    Loop { element: GcField },
}

/// Is an access of so many bytes within `field`?
pub(super) fn is_at(field: &GcField, offset: i64, size: u32) -> bool {
    let (start, end) = (
        i64::from(field.offset),
        i64::from(field.offset) + i64::from(field.size),
    );
    offset >= start && offset.saturating_add(size.into()) <= end
}

/// Are so many bytes, `offset` from the start of an array, parts of two of its elements, which are references?
pub(super) fn parts_of_elements(element: &GcField, offset: i64, size: u32) -> bool {
    let each = i64::from(element.size.max(1));
    let into = offset.wrapping_sub(element.offset.into()).rem_euclid(each);
    matches!(element.fact, Some(GcFact::Ref { .. })) && into + i64::from(size) > each
}

/// Are so many bytes those of a field of this type?
pub(super) fn is_field(info: &GcInfo, index: u32, offset: i64, size: u32) -> bool {
    let fields = info.fields(index).unwrap_or_default();
    fields.iter().any(|field| is_at(field, offset, size))
}

/// Are so many bytes those of some fields of this type, each of them whole?
pub(super) fn are_fields(info: &GcInfo, index: u32, offset: i64, size: u32) -> bool {
    let fields = info.fields(index).unwrap_or_default();
    let end = offset.saturating_add(size.into());
    let mut at = offset;
    // NB: Each step is over at least one field.
    for _ in 0..fields.len() {
        let is_next = |field: &&GcField| i64::from(field.offset) == at && field.size > 0;
        let Some(field) = fields.iter().find(is_next) else {
            return false;
        };
        at += i64::from(field.size);
        if at >= end {
            return at == end;
        }
    }
    false
}

/// Are so many bytes there, in every object of this type? Of a type of which nothing is known they are.
pub(super) fn is_inside(info: &GcInfo, index: Option<u32>, offset: i64, size: u32) -> bool {
    let Some((index, fields)) = index.and_then(|index| Some((index, info.fields(index)?))) else {
        return index.is_some();
    };
    let Some(header_end) = fields.iter().map(|field| field.offset).min() else {
        return true;
    };
    let end = offset.saturating_add(size.into());
    offset >= 0 && end <= header_end.into() || is_field(info, index, offset, size)
}
