//! Which field of an object is accessed, and what the memory holds.
//!
//! **Claim.** The field that is returned is the one at the offset from the object's reference that the address
//! adds up to. An element is one of those that come after an array's length.
//!
//! **Strength.** Relative to the layouts that the producer declares, and to the kind that the producer says the
//! access takes its object for.
//!
//! **Math.** For an access of `n` bytes at `reference + d`: the field with offset `d` and size `n`. Of an array
//! with elements from `e` on, also its element field if `d ≥ e`, or if `d` has an index in it.

use super::address::Address;
use crate::ir::gc_info::accessed_kind;
use crate::ir::instruction::Access;
use crate::ir::view::Body;
use cranelift_codegen::ir::{Function, GcFact, GcField, GcHeapType, GcKind, Inst, ValueDef};

/// The field of an object of this kind that is accessed, and whether it is an element.
pub(crate) fn field_of<'a>(
    func: &'a Function,
    kind: GcKind,
    access: &Access,
    address: &Address,
) -> Option<(&'a GcField, bool)> {
    let fields = func.dfg.gc_info.fields(kind.concrete?)?;
    let offset = address
        .offset
        .map(|offset| offset.wrapping_add(access.offset.into()));
    let is_at = |field: &&GcField| offset == Some(field.offset.into()) && field.size == access.size;
    if kind.heap != GcHeapType::Array {
        return Some((fields.iter().find(is_at)?, false));
    }
    let [length, element] = fields else {
        return None;
    };
    if is_at(&length) {
        return Some((length, false));
    }
    let is_element = match (address.reference, offset) {
        (Some(_), Some(offset)) => offset >= element.offset.into(),
        // An address that is computed otherwise has an index in it.
        (Some(_), None) => true,
        // A loop that fills an array has the address of an element.
        (None, offset) => {
            let is_moved = |pointer| match func.dfg.value_def(pointer) {
                ValueDef::Param(block, _) => func.layout.entry_block() != Some(block),
                ValueDef::Result(..) | ValueDef::Union(..) => false,
            };
            offset == Some(0) && address.pointer.is_some_and(is_moved)
        }
    };
    (is_element && access.size == element.size).then_some((element, true))
}

/// The kind of the object that `inst` accesses: what the producer says, or that of the struct or array which the address is said to
/// be in.
pub(crate) fn kind_of_object(func: &Function, inst: Inst, address: &Address) -> Option<GcKind> {
    let info = &func.dfg.gc_info;
    let reference = address.reference;
    accessed_kind(func, inst).or_else(|| match info.fact(reference?)? {
        GcFact::Ref { kind, .. } => {
            matches!(kind.heap, GcHeapType::Struct | GcHeapType::Array).then_some(kind)
        }
        GcFact::Derived { .. } | GcFact::HeapBase | GcFact::Scalar => None,
    })
}

/// What the memory holds that `inst` accesses, if the producer says so.
pub(crate) fn held(func: &Function, body: &Body, inst: Inst, access: &Access) -> Option<GcFact> {
    let info = &func.dfg.gc_info;
    if let Some(place) = info.place(inst) {
        return Some(place);
    }
    // NB: Most accesses are of nothing that is known.
    info.types().next()?;
    let address = Address::of(func, body, access.addr);
    let kind = kind_of_object(func, inst, &address)?;
    field_of(func, kind, access, &address)?.0.fact
}
