//! What the producer says of values.

use cranelift_codegen::ir::{Function, GcFact, GcNullability, Value};

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
