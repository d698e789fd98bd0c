//! The kinds of rewrites.

use cranelift_codegen::gc_verifier::{Rewrite, RuleLocation};
use std::fmt;

/// A [`Rewrite`] without its entities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(
    missing_docs,
    reason = "each is named as the rewrite that it stands for"
)]
pub enum Kind {
    Simplify,
    Subsume,
    Gvn,
    GvnSkeleton,
    SkeletonRemove,
    SkeletonRemoveWithVal,
    SkeletonReplace,
    SkeletonReplaceWithVal,
    ReplaceBranchCond,
    ReplaceWithTwo,
    ForwardLoad,
    IdempotentStore,
    DeadStore,
    ConstantPhi,
    Hoist,
    Remat,
    Inline,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 17] = [
        Self::Simplify,
        Self::Subsume,
        Self::Gvn,
        Self::GvnSkeleton,
        Self::SkeletonRemove,
        Self::SkeletonRemoveWithVal,
        Self::SkeletonReplace,
        Self::SkeletonReplaceWithVal,
        Self::ReplaceBranchCond,
        Self::ReplaceWithTwo,
        Self::ForwardLoad,
        Self::IdempotentStore,
        Self::DeadStore,
        Self::ConstantPhi,
        Self::Hoist,
        Self::Remat,
        Self::Inline,
    ];

    /// The kinds that no compilation can ask for today.
    ///
    /// `ReplaceWithVal` is a way to simplify a skeleton instruction that no ISLE rule takes (the
    /// two that would are commented out in `skeleton.isle`).
    pub const UNUSED: [Self; 1] = [Self::SkeletonReplaceWithVal];

    /// The kind of `rewrite`.
    pub fn of(rewrite: &Rewrite) -> Self {
        match rewrite {
            Rewrite::Simplify { .. } => Self::Simplify,
            Rewrite::Subsume { .. } => Self::Subsume,
            Rewrite::Gvn { .. } => Self::Gvn,
            Rewrite::GvnSkeleton { .. } => Self::GvnSkeleton,
            Rewrite::SkeletonRemove { .. } => Self::SkeletonRemove,
            Rewrite::SkeletonRemoveWithVal { .. } => Self::SkeletonRemoveWithVal,
            Rewrite::SkeletonReplace { .. } => Self::SkeletonReplace,
            Rewrite::SkeletonReplaceWithVal { .. } => Self::SkeletonReplaceWithVal,
            Rewrite::ReplaceBranchCond { .. } => Self::ReplaceBranchCond,
            Rewrite::ReplaceWithTwo { .. } => Self::ReplaceWithTwo,
            Rewrite::ForwardLoad { .. } => Self::ForwardLoad,
            Rewrite::IdempotentStore { .. } => Self::IdempotentStore,
            Rewrite::DeadStore { .. } => Self::DeadStore,
            Rewrite::ConstantPhi { .. } => Self::ConstantPhi,
            Rewrite::Hoist { .. } => Self::Hoist,
            Rewrite::Remat { .. } => Self::Remat,
            Rewrite::Inline { .. } => Self::Inline,
        }
    }

    /// Does an ISLE rule ask for it?
    pub fn has_rule(self) -> bool {
        match self {
            Self::Simplify
            | Self::Subsume
            | Self::SkeletonRemove
            | Self::SkeletonRemoveWithVal
            | Self::SkeletonReplace
            | Self::SkeletonReplaceWithVal
            | Self::ReplaceBranchCond
            | Self::ReplaceWithTwo => true,
            Self::Gvn
            | Self::GvnSkeleton
            | Self::ForwardLoad
            | Self::IdempotentStore
            | Self::DeadStore
            | Self::ConstantPhi
            | Self::Hoist
            | Self::Remat
            | Self::Inline => false,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The rule that asks for `rewrite`, if one does.
pub fn rule(rewrite: &Rewrite) -> Option<RuleLocation> {
    match *rewrite {
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
