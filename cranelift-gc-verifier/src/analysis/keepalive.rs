//! What a pointer can be derived from.
//!
//! **Claim.** [`ancestors`] visits every value that a value is made of: backwards through pure instructions,
//! block parameters and reloads.
//!
//! **Strength.** A value that is made in a way that is not followed counts as made of nothing else.
//!
//! **Math.** The least set that contains the value and, with each member, its parents: the arguments for a
//! block parameter, the operands that an instruction hands on, and the spilled values for a reload.

use crate::analysis::facts::Facts;
use crate::analysis::provenance::Class;
use crate::ir::instruction::{Passed, passed_on};
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::FxHashSet;
use cranelift_codegen::ir::{Value, ValueDef};

/// Call `visit` with `value`, with all that it is made of, and with whether that is made of nothing
/// else, until `visit` returns false.
pub(crate) fn ancestors(
    facts: &Facts<'_>,
    value: Value,
    mut visit: impl FnMut(Value, bool) -> bool,
) {
    let mut seen = FxHashSet::default();
    let mut pending = vec![facts.func.dfg.resolve_aliases(value)];
    while let Some(value) = pending.pop() {
        if !seen.insert(value) {
            continue;
        }
        steps::count(Analysis::Keepalive, 1);
        let before = pending.len();
        parents(facts, value, &mut pending);
        if !visit(value, pending.len() == before) {
            return;
        }
    }
}

/// Add what `value` is made of: what is passed for a block parameter, what an instruction hands on, and what was
/// spilled for a reload.
fn parents(facts: &Facts<'_>, value: Value, parents: &mut Vec<Value>) {
    let func = facts.func;
    match func.dfg.value_def(value) {
        ValueDef::Param(..) => parents.extend(facts.args().of(value)),
        ValueDef::Result(inst, _) => {
            let passed = passed_on(func, inst);
            let operands = passed.operands();
            let operands = operands.iter().map(|&v| facts.body.resolve(func, v));
            parents.extend(operands.filter(|&v| facts.values.class(v) != Class::Plain));
            if let (Passed::Nothing, Some(reload)) = (passed, facts.slots.reload_of(value)) {
                parents.extend(reload.hold.origins());
                parents.extend(reload.expected);
            }
        }
        ValueDef::Union(..) => {}
    }
}
