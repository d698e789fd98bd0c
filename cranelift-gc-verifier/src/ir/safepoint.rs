//! Safepoints, and what may happen at them.

use crate::ir::cfg::Node;
use cranelift_codegen::ir::{FuncRef, Function, Inst, InstructionData, Value};

/// A safepoint that may collect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Safepoint {
    pub(crate) inst: Inst,
    pub(crate) node: Node,
}

/// May the instruction collect?
///
/// Every call may, save a tail call, whose frame is gone by then, and a callee that the producer
/// knows not to.
pub(crate) fn may_collect(func: &Function, inst: Inst) -> bool {
    let data = &func.dfg.insts[inst];
    data.opcode().is_safepoint() && collects(func, data)
}

/// May a safepoint of this `format` collect?
pub(crate) fn collects(func: &Function, format: &InstructionData) -> bool {
    match *format {
        InstructionData::Call { func_ref, .. } | InstructionData::TryCall { func_ref, .. } => {
            !func.dfg.gc_info.is_nogc(func_ref)
        }
        InstructionData::CallIndirect { ref args, .. }
        | InstructionData::TryCallIndirect { ref args, .. } => {
            let callee = args.first(&func.dfg.value_lists);
            let known = callee.and_then(|callee| function_at(func, callee));
            known.is_none_or(|func_ref| !func.dfg.gc_info.is_nogc(func_ref))
        }
        _ => true,
    }
}

/// The function whose address `callee` is, if that is all it can be.
fn function_at(func: &Function, callee: Value) -> Option<FuncRef> {
    let callee = func.dfg.resolve_aliases(callee);
    let inst = func.dfg.value_def(callee).inst()?;
    match func.dfg.insts[inst] {
        InstructionData::FuncAddr { func_ref, .. } => Some(func_ref),
        _ => None,
    }
}

/// May the instruction move the heap as a whole, which a collection alone does not?
pub(crate) fn may_move(func: &Function, inst: Inst) -> bool {
    may_collect(func, inst)
        && match func.dfg.insts[inst] {
            InstructionData::Call { func_ref, .. } | InstructionData::TryCall { func_ref, .. } => {
                !func.dfg.gc_info.is_nomove(func_ref)
            }
            _ => true,
        }
}
