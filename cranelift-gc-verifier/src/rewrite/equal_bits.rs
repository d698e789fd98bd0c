//! Whether both sides of a rewrite compute the same bits (GCV15).
//!
//! **Claim.** What is refused is wrong: under the assignment that the error shows, the two sides
//! differ, or a branch goes another way, or a trap is lost.
//!
//! **Strength.** That of [`signature`](super::signature): a rewrite that is right is never refused;
//! one that is wrong only on inputs that no lane has is not noticed.
//!
//! **Math.** Let `A` be the assignments of [`signature`](super::signature). A rewrite of `e` to `e'` is refused if `e[a] ≠ e'[a]`
//! for some `a` in `A` for which both are defined.

use super::signature::{LANES, Lanes, Signatures, is_computed};
use crate::finding::error::{GcError, Given};
use cranelift_codegen::ir::{BlockCall, Function, Inst, InstructionData, Opcode, Value, ValueDef};
use smallvec::SmallVec;

/// Are both the same pure instruction on the same operands, as most values that are merged are?
///
/// Nothing is computed then: what is the same needs no signature.
pub(crate) fn are_twins(func: &Function, signatures: &Signatures, a: Value, b: Value) -> bool {
    let (a, b) = (signatures.root(func, a), signatures.root(func, b));
    let (ValueDef::Result(first, i), ValueDef::Result(second, j)) =
        (func.dfg.value_def(a), func.dfg.value_def(b))
    else {
        return a == b;
    };
    let is_same = |(&a, &b)| signatures.root(func, a) == signatures.root(func, b);
    a == b
        || i == j
            && func.dfg.value_type(a) == func.dfg.value_type(b)
            && is_same_but_for_operands(func, first, second)
            && core::iter::zip(func.dfg.inst_args(first), func.dfg.inst_args(second)).all(is_same)
}

/// Are both of one of the common pure formats, and the same but for their operands?
fn is_same_but_for_operands(func: &Function, a: Inst, b: Inst) -> bool {
    use InstructionData::*;
    match (func.dfg.insts[a], func.dfg.insts[b]) {
        (Unary { opcode: a, .. }, Unary { opcode: b, .. })
        | (Binary { opcode: a, .. }, Binary { opcode: b, .. })
        | (Ternary { opcode: a, .. }, Ternary { opcode: b, .. }) => a == b,
        (
            UnaryImm { opcode: a, imm },
            UnaryImm {
                opcode: b,
                imm: other,
            },
        ) => (a, imm) == (b, other),
        (
            IntCompare {
                opcode: a, cond, ..
            },
            IntCompare {
                opcode: b,
                cond: other,
                ..
            },
        ) => (a, cond) == (b, other),
        // NB: Others are computed and compared.
        _ => false,
    }
}

/// May `new` stand for `orig`, which `inst` makes?
pub(crate) fn values(
    func: &Function,
    signatures: &mut Signatures,
    inst: Inst,
    orig: Value,
    new: Value,
) -> Option<GcError> {
    let lane = signatures.difference(func, orig, new)?;
    let expected = signatures.of(func, orig)?;
    let found = signatures.of(func, new)?;
    Some(GcError::UnequalRewrite {
        inst,
        orig: Some(orig),
        new: Some(new),
        expected: expected.bits[lane],
        found: found.bits[lane],
        given: given(func, signatures, orig, lane),
    })
}

/// May the skeleton instruction `inst` be replaced by `new`, which is not in the layout yet?
pub(crate) fn instructions(
    func: &Function,
    signatures: &mut Signatures,
    inst: Inst,
    new: Inst,
) -> Option<GcError> {
    if let InstructionData::Jump { destination, .. } = func.dfg.insts[new] {
        return jump(func, signatures, inst, destination);
    }
    let (old_results, new_results) = (func.dfg.inst_results(inst), func.dfg.inst_results(new));
    if old_results.len() != new_results.len() || !is_computed(func, inst) || !is_computed(func, new)
    {
        return None;
    }
    let pairs = old_results.iter().zip(new_results);
    pairs
        .map(|(&old, &new)| (old, new))
        .find_map(|(old, new)| values(func, signatures, inst, old, new))
}

/// May the branch `inst` become a jump to `dest`?
fn jump(
    func: &Function,
    signatures: &mut Signatures,
    inst: Inst,
    dest: BlockCall,
) -> Option<GcError> {
    match func.dfg.insts[inst] {
        InstructionData::Brif { arg, blocks, .. } => {
            let wrong = match blocks.map(|call| is_same_call(func, call, dest)) {
                [true, false] => 0u128,
                [false, true] => 1,
                // NB: A jump to where no branch went is as if the condition were something else.
                [true, true] | [false, false] => return None,
            };
            let is_wrong = |bits| u128::from(bits != 0) == wrong;
            simplified(func, signatures, inst, arg, 1 - wrong, is_wrong)
        }
        InstructionData::BranchTable { arg, table, .. } => {
            let table = &func.dfg.jump_tables[table];
            let goes_there = |call| is_same_call(func, call, dest);
            let taken = table.as_slice().iter().position(|&call| goes_there(call));
            let default = table.default_block();
            let is_wrong = |bits| {
                let entry = usize::try_from(bits).ok();
                let entry = entry.and_then(|index| table.as_slice().get(index).copied());
                !goes_there(entry.unwrap_or(default))
            };
            let found = taken.unwrap_or(table.as_slice().len()) as u128;
            simplified(func, signatures, inst, arg, found, is_wrong)
        }
        _ => None,
    }
}

/// The branch `inst` on `arg` was simplified as if that were `found`, which is wrong where `is_wrong`
/// says so.
fn simplified(
    func: &Function,
    signatures: &mut Signatures,
    inst: Inst,
    arg: Value,
    found: u128,
    is_wrong: impl Fn(u128) -> bool,
) -> Option<GcError> {
    let lanes = signatures.of(func, arg)?;
    let lane = lane_where(&lanes, is_wrong)?;
    Some(GcError::UnequalRewrite {
        inst,
        orig: Some(arg),
        new: None,
        expected: lanes.bits[lane],
        found,
        given: given(func, signatures, arg, lane),
    })
}

/// May the branch `inst` become the conditional trap `trap`, and after it the jump `jump`?
///
/// They go where the branch goes exactly when they trap where it does not go to the jump's
/// destination. A destination that just traps itself is not judged: it does not matter then who traps.
pub(crate) fn trap_and_jump(
    func: &Function,
    signatures: &mut Signatures,
    inst: Inst,
    (trap, jump): (Inst, Inst),
) -> Option<GcError> {
    let InstructionData::Brif { arg, blocks, .. } = func.dfg.insts[inst] else {
        return None;
    };
    let InstructionData::CondTrap {
        opcode, arg: cond, ..
    } = func.dfg.insts[trap]
    else {
        return None;
    };
    let InstructionData::Jump { destination, .. } = func.dfg.insts[jump] else {
        return None;
    };
    let jumps_when = match blocks.map(|call| is_same_call(func, call, destination)) {
        [true, false] => true,
        [false, true] => false,
        _ => return None,
    };
    let first = func
        .layout
        .first_inst(destination.block(&func.dfg.value_lists))?;
    if func.dfg.insts[first].opcode() == Opcode::Trap {
        return None;
    }
    let expected = signatures.of(func, arg)?;
    let found = signatures.of(func, cond)?;
    let lane = expected.lanes_with(&found).find(|&lane| {
        let jumps = (expected.bits[lane] != 0) == jumps_when;
        jumps == traps(opcode, found.bits[lane])
    })?;
    Some(GcError::UnequalRewrite {
        inst,
        orig: Some(arg),
        new: None,
        expected: expected.bits[lane],
        found: u128::from(expected.bits[lane] == 0),
        given: given(func, signatures, arg, lane),
    })
}

/// Does the conditional trap `opcode` trap when its condition is `bits`?
pub(super) fn traps(opcode: Opcode, bits: u128) -> bool {
    match opcode {
        Opcode::Trapz => bits == 0,
        Opcode::Trapnz => bits != 0,
        _ => false,
    }
}

fn is_same_call(func: &Function, a: BlockCall, b: BlockCall) -> bool {
    let lists = &func.dfg.value_lists;
    a.block(lists) == b.block(lists) && a.args(lists).eq(b.args(lists))
}

/// May the branch or trap `inst` have the condition `cond`?
pub(crate) fn condition(
    func: &Function,
    signatures: &mut Signatures,
    inst: Inst,
    cond: Value,
) -> Option<GcError> {
    let (InstructionData::Brif { arg, .. } | InstructionData::CondTrap { arg, .. }) =
        func.dfg.insts[inst]
    else {
        return None;
    };
    let expected = signatures.of(func, arg)?;
    let found = signatures.of(func, cond)?;
    let lane = expected
        .lanes_with(&found)
        .find(|&lane| (expected.bits[lane] != 0) != (found.bits[lane] != 0))?;
    Some(GcError::UnequalRewrite {
        inst,
        orig: Some(arg),
        new: Some(cond),
        expected: expected.bits[lane],
        found: found.bits[lane],
        given: given(func, signatures, arg, lane),
    })
}

/// May `inst`, which may be a conditional trap, go away?
pub(crate) fn removed(func: &Function, signatures: &mut Signatures, inst: Inst) -> Option<GcError> {
    let InstructionData::CondTrap { opcode, arg, .. } = func.dfg.insts[inst] else {
        return None;
    };
    let is_wrong = |bits| traps(opcode, bits);
    let passes = u128::from(opcode == Opcode::Trapz);
    simplified(func, signatures, inst, arg, passes, is_wrong)
}

fn lane_where(lanes: &Lanes, is_it: impl Fn(u128) -> bool) -> Option<usize> {
    let valid = lanes.lanes_with(lanes);
    valid.into_iter().find(|&lane| is_it(lanes.bits[lane]))
}

/// The leaves of `value` under the assignment of `lane`: up to two of them, the first ones found.
pub(super) fn given(
    func: &Function,
    signatures: &mut Signatures,
    value: Value,
    lane: usize,
) -> Given {
    debug_assert!(lane < LANES);
    let mut given = Given::default();
    let mut pending: SmallVec<[Value; 8]> = SmallVec::from_slice(&[value]);
    let mut visits = 0;
    while let Some(value) = pending.pop() {
        visits += 1;
        if visits > 64 {
            break;
        }
        let value = signatures.root(func, value);
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, _) if is_computed(func, inst) => {
                pending.extend(func.dfg.inst_args(inst).iter().rev().copied());
            }
            ValueDef::Result(..) | ValueDef::Param(..) => {
                if let Some(lanes) = signatures.of(func, value) {
                    given.add(value, lanes.bits[lane]);
                }
            }
            ValueDef::Union(..) => {}
        }
    }
    given
}
