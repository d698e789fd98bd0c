//! Who asks for a rewrite.

use cranelift_codegen::gc_verifier::{Pass, Rewrite, RuleLocation};

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
