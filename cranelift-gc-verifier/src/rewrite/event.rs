//! Who asks for a rewrite, and what it names.

use cranelift_codegen::gc_verifier::{Pass, Rewrite, RuleLocation};
use cranelift_codegen::ir::{Inst, Value};

/// The pass that asks for `rewrite`.
pub(crate) fn pass_of(rewrite: Rewrite) -> Pass {
    match rewrite {
        Rewrite::Inline { .. } => Pass::Inline,
        Rewrite::ConstantPhi { .. } => Pass::ConstantPhis,
        Rewrite::Simplify { .. }
        | Rewrite::Subsume { .. }
        | Rewrite::Gvn { .. }
        | Rewrite::GvnSkeleton { .. }
        | Rewrite::SkeletonRemove { .. }
        | Rewrite::SkeletonRemoveWithVal { .. }
        | Rewrite::SkeletonReplace { .. }
        | Rewrite::SkeletonReplaceWithVal { .. }
        | Rewrite::ReplaceBranchCond { .. }
        | Rewrite::ReplaceWithTwo { .. }
        | Rewrite::ForwardLoad { .. }
        | Rewrite::IdempotentStore { .. }
        | Rewrite::DeadStore { .. }
        | Rewrite::Hoist { .. }
        | Rewrite::Remat { .. } => Pass::Egraph,
    }
}

/// The ISLE rule that asks for `rewrite`, where one does.
pub(crate) fn rule_of(rewrite: Rewrite) -> Option<RuleLocation> {
    match rewrite {
        Rewrite::Simplify { rule, .. }
        | Rewrite::Subsume { rule, .. }
        | Rewrite::SkeletonRemove { rule, .. }
        | Rewrite::SkeletonRemoveWithVal { rule, .. }
        | Rewrite::SkeletonReplace { rule, .. }
        | Rewrite::SkeletonReplaceWithVal { rule, .. }
        | Rewrite::ReplaceBranchCond { rule, .. }
        | Rewrite::ReplaceWithTwo { rule, .. } => rule,
        Rewrite::Gvn { .. }
        | Rewrite::GvnSkeleton { .. }
        | Rewrite::ForwardLoad { .. }
        | Rewrite::IdempotentStore { .. }
        | Rewrite::DeadStore { .. }
        | Rewrite::ConstantPhi { .. }
        | Rewrite::Hoist { .. }
        | Rewrite::Remat { .. }
        | Rewrite::Inline { .. } => None,
    }
}

/// What a rewrite names.
pub(crate) struct Subject {
    pub(crate) values: [Option<Value>; 2],
    pub(crate) insts: [Option<Inst>; 3],
}

/// What `rewrite` names.
pub(crate) fn subject(rewrite: Rewrite) -> Subject {
    let (values, insts) = match rewrite {
        Rewrite::Simplify { orig, new, .. }
        | Rewrite::Subsume { orig, new, .. }
        | Rewrite::Gvn { orig, kept: new } => ([Some(orig), Some(new)], [None; 3]),
        Rewrite::GvnSkeleton { inst, kept } => ([kept, None], [Some(inst), None, None]),
        Rewrite::SkeletonRemove { inst, .. } | Rewrite::IdempotentStore { store: inst } => {
            ([None; 2], [Some(inst), None, None])
        }
        Rewrite::SkeletonRemoveWithVal { inst, val, .. } => {
            ([Some(val), None], [Some(inst), None, None])
        }
        Rewrite::SkeletonReplace { inst, new_inst, .. } => {
            ([None; 2], [Some(inst), Some(new_inst), None])
        }
        Rewrite::SkeletonReplaceWithVal {
            inst,
            new_inst,
            val,
            ..
        } => ([Some(val), None], [Some(inst), Some(new_inst), None]),
        Rewrite::ReplaceBranchCond { inst, cond, .. } => {
            ([Some(cond), None], [Some(inst), None, None])
        }
        Rewrite::ReplaceWithTwo {
            inst,
            first,
            second,
            ..
        } => ([None; 2], [Some(inst), Some(first), Some(second)]),
        Rewrite::ForwardLoad { load, value } => ([Some(value), None], [Some(load), None, None]),
        Rewrite::DeadStore { dead, overwriter } => {
            ([None; 2], [Some(dead), Some(overwriter), None])
        }
        Rewrite::ConstantPhi { param, value } => ([Some(param), Some(value)], [None; 3]),
        Rewrite::Hoist { value, .. } => ([Some(value), None], [None; 3]),
        Rewrite::Remat { value, at } => ([Some(value), None], [Some(at), None, None]),
        Rewrite::Inline { call, .. } => ([None; 2], [Some(call), None, None]),
    };
    Subject { values, insts }
}
