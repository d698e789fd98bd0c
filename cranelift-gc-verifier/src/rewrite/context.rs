//! What walks over a function share: the function, where they end, and how an instruction is met.

use crate::analysis::address::place::Place;
use crate::evidence::steps::step;
use crate::finding::error::{GcError, Unjustified};
use crate::finding::witness::{Role, Witness};
use crate::ir::cfg::Cfg;
use cranelift_codegen::ir::{Endianness, Function, GcCollector, Inst, InstructionData, StackSlot};

/// The function, as the optimizer has it.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) func: &'a Function,
    pub(crate) cfg: &'a Cfg,
    pub(crate) collector: GcCollector,
    /// The byte order of accesses that do not say theirs.
    pub(crate) endianness: Endianness,
}

/// A rewrite that is wrong.
pub(crate) type Refusal = (GcError, Witness);

/// Is it a store that nobody but this function's later loads can observe?
pub(super) fn is_plain_store(func: &Function, inst: Inst) -> bool {
    matches!(func.dfg.insts[inst], InstructionData::Store { .. })
}

pub(super) fn alone(func: &Function, inst: Inst) -> Option<Witness> {
    let step = step(func, Role::Use, inst)?;
    Some(vec![step].into())
}

/// Does the stack map of `inst` name bytes of `place`, in `slot`?
pub(super) fn is_mapped(func: &Function, inst: Inst, slot: StackSlot, place: &Place) -> bool {
    let entries = func.dfg.user_stack_map_entries(inst).unwrap_or_default();
    entries.iter().any(|entry| {
        let (start, end) = (
            i64::from(entry.offset),
            i64::from(entry.offset) + i64::from(entry.ty.bytes()),
        );
        entry.slot == slot && start < place.offset + i64::from(place.size) && place.offset < end
    })
}

/// What a walk makes of one instruction.
pub(super) enum Met {
    Go,
    Stop,
    Conflict(Inst, Unjustified, Role),
}
