//! Which reference a reload is.
//!
//! **Claim.** A reload is null, or the i31 that it is, exactly if what it is reloaded for is: a
//! collection changes the bits of neither.

use crate::cfg::Cfg;
use crate::slots::{Hold, Slots};
use cranelift_codegen::ir::{Function, Value, ValueDef};
use std::collections::BTreeMap;

/// For each reload, the value that it is reloaded for.
pub(crate) struct Roots(BTreeMap<Value, Value>);

/// More reloads of reloads than that are not followed.
const MAX_STEPS: usize = 32;

impl Roots {
    /// Find those of `func`.
    pub(crate) fn new(func: &Function, cfg: &Cfg, slots: &Slots) -> Self {
        let is_there = |value: Value| {
            let node = match func.dfg.value_def(value) {
                ValueDef::Result(inst, _) => cfg.node_of_inst(func, inst),
                ValueDef::Param(block, _) => cfg.node(block),
                ValueDef::Union(..) => None,
            };
            node.is_some()
        };
        let origins = slots.reloads.iter().filter_map(|reload| {
            let (origin, data) = match reload.content.hold {
                Hold::Is { origin, data } => (Some(origin), Some(data)),
                Hold::Unset | Hold::Conflict(..) | Hold::Partial | Hold::MaybeUnset => (None, None),
            };
            // The optimizer may have put another value in place of the origin.
            let candidates = [reload.expected, origin, data].into_iter().flatten();
            let origin = candidates
                .map(|value| func.dfg.resolve_aliases(value))
                .find(|&value| is_there(value))?;
            Some((reload.result, origin))
        });
        Roots(origins.collect())
    }

    /// What `value`, which must not be an alias, is reloaded for, if it is a reload.
    pub(crate) fn of(&self, mut value: Value) -> Value {
        for _ in 0..MAX_STEPS {
            match self.0.get(&value) {
                Some(&origin) if origin != value => value = origin,
                _ => break,
            }
        }
        value
    }
}
