//! What inlining does to stack maps.
//!
//! **Claim.** Where a call with stack map `M` is inlined, every safepoint that comes in its place has all
//! entries of `M` in its own map. Its other entries, the callee's, are the concern of the checks on the whole
//! function: their slots are new.
//!
//! **Strength.** Exact for what it claims. The inliner asks before it inlines a call, and makes the inlined
//! instructions before it asks about another one: the instructions that are new at the next question, or when
//! the pass ends, came in the place of that call.
//!
//! **Math.** `M ⊆ map(i)` for each safepoint `i` among the instructions that are new.

use crate::finding::map_fault::MapFault;
use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::{Function, Inst, UserStackMapEntry};

/// A call that is being inlined.
struct Open {
    call: Inst,
    map: Vec<UserStackMapEntry>,
    /// How many instructions there were.
    insts: usize,
}

/// Follows the inliner.
#[derive(Default)]
pub(crate) struct InlineWatch {
    open: Option<Open>,
    faults: Vec<(Inst, MapFault)>,
}

impl InlineWatch {
    /// `call` is going to be inlined.
    pub(crate) fn inline(&mut self, func: &Function, call: Inst) {
        self.close(func);
        let map = func.dfg.user_stack_map_entries(call).unwrap_or(&[]);
        self.open = Some(Open {
            call,
            map: map.to_vec(),
            insts: func.dfg.num_insts(),
        });
    }

    /// All is inlined; what was lost?
    pub(crate) fn end(&mut self, func: &Function) -> Vec<(Inst, MapFault)> {
        self.close(func);
        core::mem::take(&mut self.faults)
    }

    fn close(&mut self, func: &Function) {
        let Some(Open { call, map, insts }) = self.open.take() else {
            return;
        };
        if map.is_empty() {
            return;
        }
        for inst in (insts..func.dfg.num_insts()).map(Inst::new) {
            let is_there = func.layout.inst_block(inst).is_some();
            if !is_there || !func.dfg.insts[inst].opcode().is_safepoint() {
                continue;
            }
            let kept = func.dfg.user_stack_map_entries(inst).unwrap_or(&[]);
            if let Some(lost) = map.iter().find(|entry| !kept.contains(entry)) {
                let UserStackMapEntry { ty, slot, offset } = *lost;
                self.faults.push((
                    inst,
                    MapFault::NotInlined {
                        call,
                        ty,
                        slot,
                        offset,
                    },
                ));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parse;
    use cranelift_codegen::cursor::{Cursor, FuncCursor};
    use cranelift_codegen::ir::{FuncRef, InstBuilder, Opcode};

    const CALLER: &str = "function %caller(i32) -> i32 {
            ss0 = explicit_slot 4
            ss1 = explicit_slot 4
            fn0 = %callee()
            fn1 = %collect()
        block0(v0: i32):
            v1 = stack_addr.i64 ss0
            store v0, v1
            call fn0(), stack_map=[i32 @ ss0+0]
            v2 = load.i32 v1
            return v2
        }";

    /// Inline the callee, a call of `fn1`, with an entry in each of these slots.
    fn inlined(slots: &[u32]) -> Vec<(Inst, MapFault)> {
        let mut func = parse(CALLER);
        let block = func.layout.entry_block().expect("there is one");
        let is_call = |inst: &Inst| func.dfg.insts[*inst].opcode() == Opcode::Call;
        let call = func.layout.block_insts(block).find(is_call);
        let call = call.expect("there is one");
        let mut watch = InlineWatch::default();
        watch.inline(&func, call);
        let mut cursor = FuncCursor::new(&mut func).at_inst(call);
        let new = cursor.ins().call(FuncRef::from_u32(1), &[]);
        for slot in slots {
            let entry = UserStackMapEntry {
                ty: cranelift_codegen::ir::types::I32,
                slot: cranelift_codegen::ir::StackSlot::from_u32(*slot),
                offset: 0,
            };
            func.dfg.append_user_stack_map_entry(new, entry);
        }
        let faults = watch.end(&func);
        assert!(faults.iter().all(|(inst, _)| *inst == new));
        faults
    }

    #[test]
    fn the_entries_of_the_call_are_kept() {
        assert_eq!(inlined(&[0]), []);
        assert_eq!(inlined(&[1, 0]), []);
    }

    #[test]
    fn an_entry_of_the_call_is_lost() {
        for slots in [&[] as &[u32], &[1]] {
            let faults = inlined(slots);
            assert_eq!(faults.len(), 1);
            assert!(matches!(
                faults[0].1,
                MapFault::NotInlined { offset: 0, .. }
            ));
        }
    }
}
