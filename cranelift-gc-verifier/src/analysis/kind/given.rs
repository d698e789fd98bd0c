//! What values without a fact are given.
//!
//! **Claim.** What is returned for a value holds of it, if callers, callees and memory hold what the producer
//! declares of them.
//!
//! **Strength.** Parameters of the function, results of calls, and loads. Nothing is returned for other values.
//!
//! **Math.** For a parameter, the fact of the function's own signature; for a result, that of the callee's
//! signature; for a load, that of the field or of the other memory that it reads.

use super::field::held;
use crate::ir::gc_info;
use crate::ir::instruction::access;
use crate::ir::view::Body;
use cranelift_codegen::ir::{Function, GcFact, Value, ValueDef};

/// What is given for `value` by the function's callers, by a callee or by memory.
pub(crate) fn given(func: &Function, value: Value) -> Option<GcFact> {
    let info = &func.dfg.gc_info;
    match func.dfg.value_def(value) {
        ValueDef::Param(block, number) => {
            let is_entry = func.layout.entry_block() == Some(block);
            let params = is_entry.then(|| &info.own_signature().params)?;
            params.get(number).copied().flatten()
        }
        ValueDef::Result(inst, number) => {
            let opcode = func.dfg.insts[inst].opcode();
            if opcode.is_call() {
                return gc_info::returned(func, inst, number);
            }
            // NB: An atomic operation returns what it found.
            if opcode.can_load() && number == 0 {
                return info.place(inst);
            }
            None
        }
        ValueDef::Union(..) => None,
    }
}

/// What is given for `value` by the function's callers, by a callee or by memory, with what a call returns that ends its block.
pub(crate) fn given_to(func: &Function, body: &Body, value: Value) -> Option<GcFact> {
    given(func, value)
        .or_else(|| loaded(func, body, value))
        .or_else(|| returned(body, value))
}

/// What a call that ends its block returns for the block parameter `value`, to which it is the only way.
pub(crate) fn returned(body: &Body, value: Value) -> Option<GcFact> {
    let mut returned = body.returned.iter();
    let found = returned.find(|returned| returned.param == value && returned.is_only_way)?;
    Some(found.fact)
}

/// What memory gives for `value`, if that is loaded from a field or an element of which the producer says what it holds.
pub(crate) fn loaded(func: &Function, body: &Body, value: Value) -> Option<GcFact> {
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return None;
    };
    let access = access(func, inst)?;
    // NB: An atomic operation returns what it found.
    let is_loaded = access.result.is_some() && access.size == 4;
    is_loaded.then(|| held(func, body, inst, &access)).flatten()
}
