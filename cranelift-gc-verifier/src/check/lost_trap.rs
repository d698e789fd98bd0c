//! Bounds checks that guard an access.
//!
//! A bounds check with a mitigation against Spectre is no branch: `select_spectre_guard` puts null in the place
//! of an address that is out of bounds, and the access traps. Without an access there is no trap, though Wasm
//! demands one (wasmtime#10353).
//!
//! **Claim.** No access of an address that is reported can trap, and the address is used for nothing else.
//!
//! **Strength.** Only of functions whose producer declares its collector; other CLIF may compute an address for
//! nothing. An address that is passed on, to an addition, a call or a block, counts as used.
//!
//! **Math.** GCV16 at `a = select_spectre_guard c, null, x`, unless some reachable instruction accesses `a`
//! with a trap code, or uses `a` other than as the address of an access.

use crate::analysis::facts::Facts;
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS};
use crate::finding::error::GcError;
use crate::finding::witness::{Role, Step};
use crate::ir::instruction::{access, relies_on};
use crate::ir::linear::guarded_address;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Value};
use smallvec::SmallVec;

/// Check all of `func`.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let Facts { func, cfg, .. } = facts;
    // NB: The body knows of no uses in code that cannot be reached, and so of too few.
    if !facts.body.has_lost_check() {
        return;
    }
    let lost = lost(func).into_iter();
    findings.extend(lost.filter_map(|(inst, value)| {
        let step = Step {
            role: Role::Use,
            block: cfg.block(cfg.node_of_inst(func, inst)?),
            inst: Some(inst),
        };
        Some((GcError::TrapLost { inst, value }, vec![step]))
    }));
}

/// The addresses that are null when they are out of bounds, and that nothing uses which could tell.
pub(crate) fn lost(func: &Function) -> Vec<(Inst, Value)> {
    if func.dfg.gc_info.collector.is_none() || !has_guarded(func) || !seems_lost(func) {
        return Vec::new();
    }
    let mut guarded: Vec<(Inst, Value)> = insts(func)
        .filter_map(|inst| Some((inst, guarded_address(func, inst, &func.dfg.insts[inst])?)))
        .collect();
    if guarded.is_empty() {
        return guarded;
    }
    guarded.sort_unstable_by_key(|&(_, value)| value);
    let mut is_used = vec![false; guarded.len()];
    for inst in insts(func) {
        for value in func.dfg.inst_values(inst) {
            let value = func.dfg.resolve_aliases(value);
            let found = guarded.binary_search_by_key(&value, |&(_, value)| value);
            if let Ok(index) = found {
                is_used[index] |= relies_on(func, access(func, inst).as_ref(), value);
            }
        }
    }
    let mut used = is_used.into_iter();
    guarded.retain(|_| used.next() == Some(false));
    guarded
}

/// Was any address made null when it is out of bounds, in the layout or not?
///
/// NB: This is asked of every function, too, and tells sooner than a walk.
fn has_guarded(func: &Function) -> bool {
    let mut insts = (0..func.dfg.num_insts()).map(|inst| Inst::from_u32(inst as u32));
    insts.any(|inst| {
        matches!(
            func.dfg.insts[inst],
            InstructionData::Ternary {
                opcode: Opcode::SelectSpectreGuard,
                ..
            }
        )
    })
}

/// Is there such an address, as far as one walk in the order of the layout tells?
///
/// NB: This is asked of every function, with references or without. Most addresses are relied on by one
/// of the next instructions, after which operands need not be looked at.
fn seems_lost(func: &Function) -> bool {
    let mut pending = SmallVec::<[Value; MAX_PENDING]>::new();
    for block in func.layout.blocks() {
        let mut next = func.layout.first_inst(block);
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
            let format = &func.dfg.insts[inst];
            if !pending.is_empty() {
                pending.retain(|&mut value| !is_relied_on_by(func, inst, value));
            }
            if let Some(value) = guarded_address(func, inst, format) {
                if pending.len() == MAX_PENDING {
                    return true;
                }
                pending.push(value);
            }
        }
    }
    !pending.is_empty()
}

/// With more of them, it is as well to look at all.
const MAX_PENDING: usize = 4;

fn is_relied_on_by(func: &Function, inst: Inst, value: Value) -> bool {
    let is_it = |operand| func.dfg.resolve_aliases(operand) == value;
    let is_operand = match func.dfg.insts[inst].opcode().is_branch() {
        true => func.dfg.inst_values(inst).any(is_it),
        false => func.dfg.inst_args(inst).iter().copied().any(is_it),
    };
    is_operand && relies_on(func, access(func, inst).as_ref(), value)
}

fn insts(func: &Function) -> impl Iterator<Item = Inst> + '_ {
    let blocks = func.layout.blocks();
    blocks.flat_map(|block| func.layout.block_insts(block))
}

/// Is `value` at `inst` such an address? For the witness, from the function alone.
fn is_lost(func: &Function, inst: Inst, value: Value) -> bool {
    let uses = |user: Inst| {
        let mut operands = func.dfg.inst_values(user);
        operands.any(|operand| func.dfg.resolve_aliases(operand) == value)
    };
    let relies_on = |user| relies_on(func, access(func, user).as_ref(), value);
    guarded_address(func, inst, &func.dfg.insts[inst]) == Some(value)
        && !insts(func).any(|user| uses(user) && relies_on(user))
}

/// Does no access trap in place of the check?
pub(super) fn recheck(func: &Function, error: &GcError) -> Result<(), Flaw> {
    match *error {
        GcError::TrapLost { inst, value } => is_lost(func, inst, value)
            .then_some(())
            .ok_or("the address is used"),
        _ => Err(NOT_OURS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parse;

    fn lost_in(body: &str) -> usize {
        let text = format!(
            "function %f(i64, i64, i64) -> i64 {{
                gc_collector = moving
                fn0 = %g(i64)
            block0(v0: i64, v1: i64, v2: i64):
                v3 = iconst.i64 0
                v4 = icmp uge v1, v2
                v5 = iadd v0, v1
                v6 = select_spectre_guard v4, v3, v5
                {body}
            }}"
        );
        lost(&parse(&text)).len()
    }

    #[test]
    fn an_address_that_nothing_accesses_is_lost() {
        assert_eq!(lost_in("return v0"), 1);
        assert_eq!(lost_in("v7 = load.i64 notrap v6\n return v7"), 1);
    }

    #[test]
    fn an_access_that_can_trap_is_enough() {
        assert_eq!(lost_in("v7 = load.i32 heap_oob v6\n return v0"), 0);
        assert_eq!(lost_in("store.i64 heap_oob v1, v6\n return v0"), 0);
        assert_eq!(
            lost_in("v7 = load.i64 notrap v6\n v8 = load.i64 heap_oob v6\n return v7"),
            0
        );
    }

    #[test]
    fn what_is_handed_on_may_be_accessed_elsewhere() {
        assert_eq!(lost_in("return v6"), 0);
        assert_eq!(lost_in("call fn0(v6)\n return v0"), 0);
        assert_eq!(lost_in("v7 = iadd v6, v1\n return v0"), 0);
        assert_eq!(lost_in("store.i64 notrap v6, v0\n return v0"), 0);
        assert_eq!(lost_in("jump block1(v6)\n block1(v9: i64):\n return v0"), 0);
    }
}
