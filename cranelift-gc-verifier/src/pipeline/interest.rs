//! Which functions are looked at.

use crate::check::{i31_payload, lost_trap};
use cranelift_codegen::ir::Function;

/// What there is to say about a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interest {
    /// Nothing.
    None,
    /// It has no references, and yet its rewrites are judged: those of its stack slots, or all.
    Rewrites,
    /// Everything.
    References,
}

/// What there is to say about `func`.
pub(crate) fn interest(func: &Function) -> Interest {
    // NB: A bounds check that guards nothing is found as a whole, whether or not there are references; and
    // an i31 is none that ages.
    if is_of_interest(func)
        || !lost_trap::lost(func).is_empty()
        || i31_payload::are_taken(func)
        || func.dfg.gc_info.facts().next().is_some()
    {
        Interest::References
    } else if func.sized_stack_slots.is_empty() {
        Interest::None
    } else {
        Interest::Rewrites
    }
}

/// Is `func` verified when it is compiled?
pub fn is_watched(func: &Function) -> bool {
    interest(func) == Interest::References
}

/// Does `func` have references, safepoints with stack maps, state that a collection rewrites, or anything else
/// that a check asks about?
pub fn is_of_interest(func: &Function) -> bool {
    let has_stack_map = || {
        let mut insts = func.dfg.insts_with_user_stack_maps();
        insts.any(|inst| {
            func.dfg.insts[inst].opcode().is_safepoint() && func.layout.inst_block(inst).is_some()
        })
    };
    let info = &func.dfg.gc_info;
    // NB: A producer may declare such regions for all functions; what is used is in the table.
    let has_mutable_region = || {
        let mut regions = func.dfg.alias_regions.iter();
        let is_state = |id| info.is_gc_mutable(id) || info.is_gc_late(id);
        let is_known = !info.gc_mutable().is_empty() || !info.gc_late().is_empty();
        is_known && regions.any(|(_, data)| is_state(data.user_id))
    };
    // NB: A call through a table names the type that it tests; without a supertype or a field, nothing is said of it.
    let is_told = |(index, supertype): (u32, Option<u32>)| {
        supertype.is_some() || info.fields(index).is_some_and(|fields| !fields.is_empty())
    };
    // NB: What is not traced needs no root, and yet it may be dereferenced, and its fact may be wrong.
    !info.is_empty()
        || info.facts().next().is_some()
        || info.new_objects().next().is_some()
        || info.types().any(is_told)
        // NB: What arrives at a typed position may be a number without a fact.
        || !info.own_signature().is_empty()
        || info.signatures().any(|(_, facts)| !facts.is_empty())
        || info.objects().next().is_some()
        || info.places().next().is_some()
        || has_mutable_region()
        || has_stack_map()
}

#[cfg(test)]
mod tests {
    use super::is_of_interest;
    use crate::testing::parse;

    #[test]
    fn a_type_of_which_nothing_is_said_is_a_name() {
        let of = |types: &str| {
            is_of_interest(&parse(&format!(
                "function %f() {{\n{types}\nblock0:\nreturn\n}}"
            )))
        };
        assert!(!of("gctype 0"));
        assert!(of("gctype 0\ngctype 1 <: 0"));
        assert!(of("gctype 0 (8: 4)"));
    }
}
