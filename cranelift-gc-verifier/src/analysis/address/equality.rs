//! Which values were found to be others.
//!
//! **Claim.** A value and its root are equal wherever both are defined.
//!
//! **Strength.** That of whoever merges: it is told of replacements that were judged right.
//!
//! **Math.** The least equivalence that contains aliases, unions with their first members, and what was merged.

use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Function, Value, ValueDef};
use cranelift_codegen::packed_option::PackedOption;

/// The classes of equal values.
#[derive(Default)]
pub(crate) struct Equality {
    /// Values that were found to be others.
    same: SecondaryMap<Value, PackedOption<Value>>,
}

impl Equality {
    /// What stands for `value`: the end of aliases, of unions, and of what was found to be the same.
    #[inline]
    pub(crate) fn root(&self, func: &Function, value: Value) -> Value {
        let value = func.dfg.resolve_aliases(value);
        let is_union = matches!(func.dfg.value_def(value), ValueDef::Union(..));
        match is_union || self.same[value].is_some() {
            true => self.root_of(func, value),
            false => value,
        }
    }

    fn root_of(&self, func: &Function, mut value: Value) -> Value {
        // NB: What is the same was the same before; that there is an end is not ours to trust.
        for _ in 0..64 {
            value = func.dfg.resolve_aliases(value);
            if let Some(same) = self.same[value].expand() {
                value = same;
            } else if let ValueDef::Union(first, _) = func.dfg.value_def(value) {
                value = first;
            } else {
                break;
            }
        }
        value
    }

    /// From now on, the root `value` is the root `same`.
    pub(crate) fn merge(&mut self, value: Value, same: Value) {
        self.same[value] = same.into();
    }
}
