//! Accesses that have to be judged, and what is a field.

use crate::ir::cfg::Node;
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
