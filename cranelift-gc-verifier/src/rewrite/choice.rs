//! Stores to one of two places.
//!
//! **Claim.** Each arm of a choice that is said to be free is taken by some execution, whichever way the branches go.
//!
//! **Strength.** Choices of constants that are added to an address, and of addresses, by a parameter of the function, or by whether
//! that equals a constant. A parameter that decides a branch or a trap as well is not free.
//!
//! **Math.** What no other condition is made of is independent of these.

use crate::ir::cfg::{Cfg, constant};
use crate::ir::instruction::Access;
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Function, InstructionData, Opcode, Value, ValueDef};

/// How many values of a condition are looked at.
const MAX_VALUES: usize = 64;

/// The condition of the choice in the address of `access`, and the accesses that it makes with each arm.
pub(super) fn arms(func: &Function, access: &Access) -> Option<(Value, [Access; 2])> {
    let data = |value: Value| {
        let value = func.dfg.resolve_aliases(value);
        Some(func.dfg.insts[func.dfg.value_def(value).inst()?])
    };
    let choice = |value: Value| match data(value)? {
        InstructionData::Ternary {
            opcode: Opcode::Select,
            args,
        } => Some(args),
        _ => None,
    };
    if let Some([condition, yes, no]) = choice(access.addr) {
        return Some((condition, [yes, no].map(|addr| Access { addr, ..*access })));
    }
    let InstructionData::Binary {
        opcode: Opcode::Iadd,
        args: [a, b],
    } = data(access.addr)?
    else {
        return None;
    };
    let (base, [condition, yes, no]) = match (choice(b), choice(a)) {
        (Some(args), _) => (a, args),
        (None, Some(args)) => (b, args),
        (None, None) => return None,
    };
    let arm = |value: Value| {
        let added = i32::try_from(constant(func, value)? as i64).ok()?;
        let offset = access.offset.checked_add(added)?;
        Some(Access {
            addr: base,
            offset,
            ..*access
        })
    };
    Some((condition, [arm(yes)?, arm(no)?]))
}

/// Can `condition` be so and not so, whichever way the branches go?
pub(super) fn is_free(func: &Function, cfg: &Cfg, condition: Value) -> bool {
    let condition = func.dfg.resolve_aliases(condition);
    let made = func.dfg.value_def(condition).inst();
    let leaf = match made.map(|inst| func.dfg.insts[inst]) {
        None => condition,
        Some(InstructionData::IntCompare {
            cond: IntCC::Equal | IntCC::NotEqual,
            args: [a, b],
            ..
        }) if constant(func, b).is_some() => func.dfg.resolve_aliases(a),
        Some(_) => return false,
    };
    let is_given = matches!(func.dfg.value_def(leaf), ValueDef::Param(block, _)
        if func.layout.entry_block() == Some(block));
    is_given && func.dfg.gc_info.fact(leaf).is_none() && !decides(func, cfg, leaf)
}

/// Does some branch or trap depend on `leaf`, or can that not be told?
fn decides(func: &Function, cfg: &Cfg, leaf: Value) -> bool {
    for node in cfg.nodes() {
        for inst in func.layout.block_insts(cfg.block(node)) {
            steps::count(Analysis::Forwarding, 1);
            let condition = match func.dfg.insts[inst] {
                InstructionData::CondTrap { arg, .. }
                | InstructionData::Brif { arg, .. }
                | InstructionData::BranchTable { arg, .. } => arg,
                _ => continue,
            };
            if may_depend(func, condition, leaf) {
                return true;
            }
        }
    }
    false
}

fn may_depend(func: &Function, condition: Value, leaf: Value) -> bool {
    let mut pending = vec![condition];
    for _ in 0..MAX_VALUES {
        let Some(value) = pending.pop() else {
            return false;
        };
        let value = func.dfg.resolve_aliases(value);
        if value == leaf {
            return true;
        }
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, _) => pending.extend(func.dfg.inst_args(inst)),
            // NB: What is passed for it may be the leaf.
            ValueDef::Param(block, _) if func.layout.entry_block() != Some(block) => return true,
            ValueDef::Param(..) | ValueDef::Union(..) => {}
        }
    }
    true
}
