//! Telling whether a pass changed a function.
//!
//! **Claim.** Two functions with the same fingerprint have the same blocks, parameters, instructions, operands,
//! destinations and stack maps, in the same order. What was found in one holds of the other.
//!
//! **Strength.** Up to a collision of 64-bit hashes. Aliases are resolved, so that a new name for a value is no
//! change.
//!
//! **Math.** A hash of the sequence of all these, in the order of the layout.

use crate::ir::cfg::destinations;
use core::hash::{BuildHasher, Hash, Hasher};
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{BlockArg, Function};

/// The fingerprint of `func`.
pub(crate) fn fingerprint(func: &Function) -> u64 {
    let mut state = FxHashMap::<(), ()>::default().hasher().build_hasher();
    let dfg = &func.dfg;
    for block in func.layout.blocks() {
        block.hash(&mut state);
        dfg.block_params(block).hash(&mut state);
        for inst in func.layout.block_insts(block) {
            inst.hash(&mut state);
            dfg.insts[inst].hash(&mut state, &dfg.value_lists);
            for &arg in dfg.inst_args(inst) {
                dfg.resolve_aliases(arg).hash(&mut state);
            }
            let opcode = dfg.insts[inst].opcode();
            // The instruction names jump tables and exception tables by their number only.
            let dests = if opcode.is_branch() {
                destinations(func, inst)
            } else {
                &[]
            };
            for dest in dests {
                dest.block(&dfg.value_lists).hash(&mut state);
                for arg in dest.args(&dfg.value_lists) {
                    match arg {
                        BlockArg::Value(value) => dfg.resolve_aliases(value).hash(&mut state),
                        BlockArg::TryCallRet(_) | BlockArg::TryCallExn(_) => arg.hash(&mut state),
                    }
                }
            }
            if opcode.is_safepoint() {
                dfg.user_stack_map_entries(inst).hash(&mut state);
            }
        }
    }
    state.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parse;

    const FUNCTION: &str = "function %f(i32, i32) -> i32 {
        ss0 = explicit_slot 8
        fn0 = %g()
    block0(v0: i32, v1: i32):
        v2 = stack_addr.i64 ss0
        store notrap v0, v2
        call fn0(), stack_map=[i32 @ ss0+0]
        br_table v1, block1(v0), [block1(v0), block1(v0)]
    block1(v3: i32):
        return v3
    }";

    #[test]
    fn every_change_is_seen() {
        let original = fingerprint(&parse(FUNCTION));
        assert_eq!(fingerprint(&parse(FUNCTION)), original);
        let changes = [
            ("store notrap v0", "store notrap v1"),
            ("ss0+0", "ss0+4"),
            (", stack_map=[i32 @ ss0+0]", ""),
            ("[block1(v0), block1(v0)]", "[block1(v0), block1(v1)]"),
            ("[block1(v0), block1(v0)]", "[block1(v0)]"),
            ("return v3", "return v0"),
            ("br_table v1", "br_table v0"),
        ];
        for (from, to) in changes {
            assert!(FUNCTION.contains(from), "{from}");
            let changed = fingerprint(&parse(&FUNCTION.replacen(from, to, 1)));
            assert_ne!(changed, original, "{from} to {to}");
        }
    }
}
