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
    let region = func.dfg.insts[inst].alias_region(&func.dfg);
    let user_id = region.map(|region| func.dfg.alias_regions[region].user_id);
    match user_id.and_then(|user_id| info.type_id(user_id)) {
        Some(_) => None,
        None => Some(kind),
    }
}
