//! How integers and addresses are made of others: the one table of sums.
//!
//! **Claim.** A result is what its [`Linear`] says of the operands, modulo two to the number of its bits.
//!
//! **Strength.** Sums, differences, products, shifts to the left, extensions, truncations, choices and the addresses of slots.
//! [`Linear::Other`] says nothing.
//!
//! **Math.** With `n` the bits of the result: [`Linear::Sum`] is `a + b mod 2ⁿ`, and [`Linear::Exact`] is `a + b < 2ⁿ`, as the instruction
//! traps otherwise. A check of bounds is a choice between null and an address: where it is accessed and does not trap, it is the address.
//!
//! NB: The sums themselves are kept by who asks: modulo two to the number of bits where rewrites are compared
//! ([`address`](crate::analysis::address)), in ℤ where bounds are proved, and with terms where one path is executed.

use crate::ir::choice::or_zero;
use crate::ir::constant::constant;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, StackSlot, Value, ValueDef};
use smallvec::SmallVec;

/// How a result is made of operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Linear {
    /// The address of a slot, so many bytes in.
    Slot(StackSlot, i64),
    /// The sum of both.
    Sum([Value; 2]),
    /// The sum of both, which does not wrap.
    Exact([Value; 2]),
    /// The first one less the second one.
    Difference([Value; 2]),
    /// The product of both.
    Product([Value; 2]),
    /// The first one, shifted to the left by the second one.
    Shifted([Value; 2]),
    /// Zero less this.
    Negative(Value),
    /// This, with zeros before it.
    Extended(Value),
    /// This, with copies of its sign before it.
    SignExtended(Value),
    /// The low bits of this.
    Truncated(Value),
    /// The second one if the first one is not zero, else the third one.
    Choice([Value; 3]),
    /// Something else.
    Other,
}

impl Linear {
    /// How the result with this index is made by an instruction of this format.
    #[inline]
    pub(crate) fn of(format: &InstructionData, index: usize) -> Linear {
        use Opcode::*;
        if index != 0 {
            return Linear::Other;
        }
        match *format {
            InstructionData::StackAddr {
                stack_slot, offset, ..
            } => Linear::Slot(stack_slot, offset.into()),
            InstructionData::IntAddTrap { args, .. } => Linear::Exact(args),
            InstructionData::Binary { opcode, args } => match opcode {
                Iadd | UaddOverflow | SaddOverflow => Linear::Sum(args),
                Isub | UsubOverflow | SsubOverflow => Linear::Difference(args),
                Imul | UmulOverflow | SmulOverflow => Linear::Product(args),
                Ishl => Linear::Shifted(args),
                _ => Linear::Other,
            },
            InstructionData::Unary { opcode, arg } => match opcode {
                Ineg => Linear::Negative(arg),
                Uextend => Linear::Extended(arg),
                Sextend => Linear::SignExtended(arg),
                Ireduce => Linear::Truncated(arg),
                _ => Linear::Other,
            },
            InstructionData::Ternary {
                opcode: Select | SelectSpectreGuard,
                args,
            } => Linear::Choice(args),
            _ => Linear::Other,
        }
    }

    /// How `value`, which must not be an alias, is made.
    #[inline]
    pub(crate) fn of_value(func: &Function, value: Value) -> Linear {
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, index) => Linear::of(&func.dfg.insts[inst], index),
            ValueDef::Param(..) | ValueDef::Union(..) => Linear::Other,
        }
    }

    /// The value to which this number is added, if that is all.
    pub(crate) fn plus_number(self, func: &Function) -> Option<(Value, i64)> {
        let number = |value| constant(func, value).map(|n| n as i64);
        match self {
            Linear::Sum([a, b]) | Linear::Exact([a, b]) => match (number(a), number(b)) {
                (_, Some(n)) => Some((a, n)),
                (Some(n), None) => Some((b, n)),
                (None, None) => None,
            },
            Linear::Difference([a, b]) => Some((a, number(b)?.wrapping_neg())),
            Linear::Slot(..)
            | Linear::Product(_)
            | Linear::Shifted(_)
            | Linear::Negative(_)
            | Linear::Extended(_)
            | Linear::SignExtended(_)
            | Linear::Truncated(_)
            | Linear::Choice(_)
            | Linear::Other => None,
        }
    }
}

/// A check of bounds: a choice between null and an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NullCheck {
    /// The address.
    pub(crate) checked: Value,
    /// The condition, and what it is where the address is chosen.
    pub(crate) condition: (Value, bool),
    /// Is it a guard against speculation? Any other choice between zero and a number may be just that, and is a check only where an
    /// access takes its result for the address.
    pub(crate) is_guard: bool,
}

/// The check of bounds that an instruction of this format is, where `number` tells constants.
///
/// A choice between two constants is none.
#[inline]
pub(crate) fn null_check_by(
    format: &InstructionData,
    number: impl Fn(Value) -> Option<u64>,
) -> Option<NullCheck> {
    let InstructionData::Ternary {
        opcode: opcode @ (Opcode::Select | Opcode::SelectSpectreGuard),
        args: [condition, yes, no],
    } = *format
    else {
        return None;
    };
    let (checked, is) = match (number(yes), number(no)) {
        (Some(0), None) => (no, false),
        (None, Some(0)) => (yes, true),
        _ => return None,
    };
    Some(NullCheck {
        checked,
        condition: (condition, is),
        is_guard: opcode == Opcode::SelectSpectreGuard,
    })
}

/// The same for constants of `func`, and for checks by masks and products.
pub(crate) fn null_check(func: &Function, format: &InstructionData) -> Option<NullCheck> {
    let by_mask = || {
        let (checked, condition) = or_zero(func, format)?;
        Some(NullCheck {
            checked,
            condition,
            is_guard: false,
        })
    };
    null_check_by(format, |value| constant(func, value)).or_else(by_mask)
}

/// The address that `value`, which must not be an alias, is where a guard against speculation lets it pass.
pub(crate) fn unguarded(func: &Function, value: Value) -> Option<Value> {
    let ValueDef::Result(inst, _) = func.dfg.value_def(value) else {
        return None;
    };
    let check = null_check(func, &func.dfg.insts[inst])?;
    check.is_guard.then_some(check.checked)
}

/// The address that `inst`, of this `format`, guards by putting null in its place.
#[inline]
pub(crate) fn guarded_address(
    func: &Function,
    inst: Inst,
    format: &InstructionData,
) -> Option<Value> {
    let check = null_check(func, format)?;
    check.is_guard.then(|| func.dfg.first_result(inst))
}

/// How many values of an address are looked at for a slot: more than an address is made of.
const MAX_VALUES: usize = 64;

/// The slot that `address` is in, and how far, if nothing but numbers is added to the address of the slot.
pub(crate) fn slot_address(func: &Function, address: Value) -> Option<(StackSlot, i64)> {
    let (mut address, mut added) = (address, 0_i64);
    for _ in 0..MAX_VALUES {
        let linear = Linear::of_value(func, func.dfg.resolve_aliases(address));
        if let Linear::Slot(slot, offset) = linear {
            return Some((slot, added.checked_add(offset)?));
        }
        let (rest, n) = linear.plus_number(func)?;
        added = added.checked_add(n)?;
        address = rest;
    }
    None
}

/// Is `address` that of a slot, with whatever is added to it?
pub(crate) fn is_in_slot(func: &Function, address: Value) -> bool {
    let mut pending: SmallVec<[Value; 4]> = SmallVec::from_slice(&[address]);
    for _ in 0..MAX_VALUES {
        let Some(value) = pending.pop() else {
            break;
        };
        match Linear::of_value(func, func.dfg.resolve_aliases(value)) {
            Linear::Slot(..) => return true,
            Linear::Sum(args) | Linear::Exact(args) => pending.extend(args.into_iter().rev()),
            Linear::Difference([a, _]) => pending.push(a),
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parse;

    fn values(body: &str) -> (Function, Vec<Value>) {
        let func = parse(&format!(
            "function %f(i64, i64, i8) {{\n    ss0 = explicit_slot 16\nblock0(v0: i64, v1: i64, v2: i8):\n{body}\n    return\n}}"
        ));
        let values = func.dfg.values().collect();
        (func, values)
    }

    #[test]
    fn numbers_are_added_on_either_side_and_taken_away() {
        let (func, v) = values(
            "v3 = iconst.i64 8\n v4 = iadd v0, v3\n v5 = iadd v3, v0\n v6 = isub v0, v3\n v7 = isub v3, v0\n \
             v8 = uadd_overflow_trap v0, v3, user1\n v9, v10 = uadd_overflow v0, v3",
        );
        let added = |index: usize| Linear::of_value(&func, v[index]).plus_number(&func);
        for (index, expected) in [
            (4, Some((v[0], 8))),
            (5, Some((v[0], 8))),
            (6, Some((v[0], -8))),
            (7, None),
            (8, Some((v[0], 8))),
            (9, Some((v[0], 8))),
            // Whether it overflows is no sum.
            (10, None),
        ] {
            assert_eq!(added(index), expected, "v{index}");
        }
    }

    #[test]
    fn a_check_of_bounds_has_null_on_either_arm() {
        let (func, v) = values(
            "v3 = iconst.i64 0\n v4 = iconst.i64 16\n v5 = select_spectre_guard v2, v3, v0\n \
             v6 = select_spectre_guard v2, v0, v3\n v7 = select v2, v3, v0\n v8 = select v2, v3, v4\n \
             v9 = select v2, v0, v1",
        );
        let check = |index: usize| {
            let inst = func.dfg.value_def(v[index]).unwrap_inst();
            null_check(&func, &func.dfg.insts[inst])
        };
        let found = |index: usize| {
            let check = check(index)?;
            Some((check.checked, check.condition.1, check.is_guard))
        };
        assert_eq!(found(5), Some((v[0], false, true)));
        assert_eq!(found(6), Some((v[0], true, true)));
        assert_eq!(found(7), Some((v[0], false, false)));
        assert_eq!((found(8), found(9)), (None, None));
        assert_eq!(unguarded(&func, v[6]), Some(v[0]));
        assert_eq!(unguarded(&func, v[7]), None);
    }

    #[test]
    fn addresses_of_slots_are_found_through_sums() {
        let (func, v) = values(
            "v3 = stack_addr.i64 ss0+4\n v4 = iconst.i64 8\n v5 = iadd v4, v3\n v6 = iadd v0, v5\n v7 = isub v0, v5",
        );
        let slot = StackSlot::from_u32(0);
        assert_eq!(slot_address(&func, v[5]), Some((slot, 12)));
        assert_eq!(slot_address(&func, v[6]), None);
        assert!(is_in_slot(&func, v[6]));
        assert!(!is_in_slot(&func, v[7]));
        assert!(!is_in_slot(&func, v[0]));
    }
}
