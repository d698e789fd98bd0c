//! Asks the `recheck` beside each check whether a witness shows what its error says.

use super::{
    collector_state, dereference, fact, initialization, layout, lost_trap, missing_barrier,
    out_of_object, reload, stack_map, stale_use, typed_position, unstored_word,
};
use crate::evidence::recheck::{Flaw, NOT_OURS, ends_at, path};
use crate::finding::error::GcError;
use crate::finding::witness::Witness;
use crate::ir::cfg::Cfg;
use cranelift_codegen::ir::Function;

/// Is `witness` a path of `func` that shows what `error` says?
pub(crate) fn recheck(
    func: &Function,
    cfg: &Cfg,
    error: &GcError,
    witness: &Witness,
) -> Result<(), Flaw> {
    let steps = &witness.steps[..];
    path(func, cfg, steps)?;
    ends_at(steps, error.inst())?;
    match error {
        GcError::StaleReference { .. }
        | GcError::StaleDerivedPointer { .. }
        | GcError::MissingRoot { .. } => stale_use::recheck(func, error, steps),
        GcError::UninitializedRoot { .. } | GcError::NonReferenceRoot { .. } => {
            stack_map::recheck(func, error, steps)
        }
        GcError::ClobberedRoot { .. } => reload::recheck(func, error, steps),
        GcError::StaleHeapBase { .. }
        | GcError::StaleState { .. }
        | GcError::MovableLoad { .. } => collector_state::recheck(func, error, steps),
        GcError::UnguardedDereference { .. } | GcError::GuardRemoved { .. } => {
            dereference::recheck(func, cfg, error, steps)
        }
        GcError::TrapLost { .. } => lost_trap::recheck(func, error),
        GcError::UninitializedObject { .. } => initialization::recheck(func, error, steps),
        GcError::UnstoredWord { .. } => unstored_word::recheck(func, cfg, error, steps),
        GcError::FieldMoved { .. }
        | GcError::FieldOtherwise { .. }
        | GcError::SupertypeCycle { .. } => layout::recheck(func, error),
        GcError::FactContradicted { .. } => fact::recheck(func, cfg, error),
        GcError::TypeBroken(broken) => typed_position::recheck(func, cfg, broken, steps),
        GcError::OutOfObject(outside) => out_of_object::recheck(func, outside),
        GcError::MissingBarrier(missing) => missing_barrier::recheck(func, cfg, missing),
        GcError::MembershipChanged { .. }
        | GcError::UnsoundForwarding { .. }
        | GcError::RepresentationChanged { .. }
        | GcError::UnequalRewrite { .. }
        | GcError::LostStackMap { .. } => Err(NOT_OURS),
    }
}
