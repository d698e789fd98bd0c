//! What the producer says of values.

use cranelift_codegen::ir::{Function, GcFact, GcKind, GcLoad, GcNullability, Inst, Value};

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
    let kind = func.dfg.gc_info.object(inst)?;
    match type_read_by(func, inst) {
        Some(_) => None,
        None => Some(kind),
    }
}

/// The concrete type whose number `inst` loads.
pub(crate) fn type_read_by(func: &Function, inst: Inst) -> Option<u32> {
    match read_by(func, inst)? {
        GcLoad::TypeId(index) => Some(index),
        GcLoad::Late | GcLoad::TypeOf => None,
    }
}

/// The value that `value` is loaded in place of, if the producer says that it is reloaded.
pub(crate) fn reloaded_for(func: &Function, value: Value) -> Option<Value> {
    let inst = func.dfg.value_def(value).inst()?;
    func.dfg.gc_info.spill_origin(inst)
}

/// What `inst`, which loads, reads, if the producer says so of it or of its alias region.
pub(crate) fn read_by(func: &Function, inst: Inst) -> Option<GcLoad> {
    let region = func.dfg.insts[inst].alias_region(&func.dfg);
    let region = region.map(|region| func.dfg.alias_regions[region].user_id);
    func.dfg.gc_info.read_by(inst, region)
}

/// What the signature of the call `inst` says of the result with this number.
pub(crate) fn returned(func: &Function, inst: Inst, number: usize) -> Option<GcFact> {
    let signature = func.dfg.call_signature(inst)?;
    let facts = func.dfg.gc_info.signature(signature)?;
    facts.returns.get(number).copied().flatten()
}
