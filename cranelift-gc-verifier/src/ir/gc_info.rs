//! What the producer says of values.

use cranelift_codegen::ir::{Function, GcFact, GcKind, GcNullability, Inst, Value};

/// Is it known that `value` is nothing that ages?
///
/// NB: An i31 may come out of a reference that is traced, by a cast of its block parameter.
pub(crate) fn is_untraced(func: &Function, value: Value) -> bool {
    match func.dfg.gc_info.fact(value) {
        Some(GcFact::Ref {
            traced,
            nullability,
            ..
        }) => !traced || nullability == GcNullability::Null,
        Some(GcFact::Scalar) => true,
        Some(GcFact::Derived { .. } | GcFact::HeapBase) | None => false,
    }
}

/// The kind of the object that `inst` accesses, if the producer says so.
///
/// NB: A load of the number of a type says of which kind that type is, and accesses no object.
pub(crate) fn accessed_kind(func: &Function, inst: Inst) -> Option<GcKind> {
    let info = &func.dfg.gc_info;
    let kind = info.object(inst)?;
    match region_of(func, inst).and_then(|region| info.type_id(region)) {
        Some(_) => None,
        None => Some(kind),
    }
}

/// The `user_id` of the alias region that `inst` accesses.
pub(crate) fn region_of(func: &Function, inst: Inst) -> Option<u32> {
    let region = func.dfg.insts[inst].alias_region(&func.dfg)?;
    Some(func.dfg.alias_regions[region].user_id)
}

/// What the signature of the call `inst` says of the result with this number.
pub(crate) fn returned(func: &Function, inst: Inst, number: usize) -> Option<GcFact> {
    let signature = func.dfg.call_signature(inst)?;
    let facts = func.dfg.gc_info.signature(signature)?;
    facts.returns.get(number).copied().flatten()
}
