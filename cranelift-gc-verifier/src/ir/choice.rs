//! Choices that are no `select`: by masks, by products with a condition, and by size.
//!
//! **Claim.** A result of which [`chosen`] names two values is one of them; and where a condition is named, the first one if that is
//! not zero, and the second one if it is. A result of which [`or_zero`] names a value is that value where the condition is what is said,
//! and zero otherwise.
//!
//! **Strength.** Masks are `bmask`, and negated conditions of one bit; both may be inverted.
//!
//! **Math.** With a mask `m` that is all ones if `c ≠ 0` and else 0: `x & m` is `c ? x : 0`, `(x & m) | (y & ¬m)` and
//! `((x ^ y) & m) ^ y` are `c ? x : y`. With a bit `c`: `x · c` is `c ? x : 0`, and `x − x · c` is `c ? 0 : x`.

use crate::ir::constant::constant;
use crate::ir::instruction::made;
use cranelift_codegen::ir::{Function, InstructionData, Opcode, Value};

/// A condition, and what it is.
pub(crate) type Condition = (Value, bool);

/// One of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// The one that is chosen where the condition is not zero comes first.
    pub(crate) arms: [Value; 2],
    /// What decides, if that is a condition.
    pub(crate) condition: Option<Value>,
}

impl Chosen {
    fn by((condition, is): Condition, [yes, no]: [Value; 2]) -> Chosen {
        Chosen {
            arms: if is { [yes, no] } else { [no, yes] },
            condition: Some(condition),
        }
    }
}

/// The two values that an instruction of this `format` chooses between.
pub(crate) fn chosen(func: &Function, format: &InstructionData) -> Option<Chosen> {
    match *format {
        InstructionData::Ternary {
            opcode: Opcode::Select | Opcode::SelectSpectreGuard,
            args: [condition, yes, no],
        } => Some(Chosen::by((condition, true), [yes, no])),
        InstructionData::Ternary {
            opcode: Opcode::Bitselect,
            args: [mask, yes, no],
        } => Some(Chosen::by(mask_of(func, mask)?, [yes, no])),
        InstructionData::Binary {
            opcode: Opcode::Umin | Opcode::Umax | Opcode::Smin | Opcode::Smax,
            args,
        } => Some(Chosen {
            arms: args,
            condition: None,
        }),
        InstructionData::Binary {
            opcode: Opcode::Bor,
            args: [a, b],
        } => {
            let masked = |value| or_zero(func, made(func, value)?);
            let ((yes, (c, is)), (no, (other, is_other))) = (masked(a)?, masked(b)?);
            (c == other && is != is_other).then(|| Chosen::by((c, is), [yes, no]))
        }
        InstructionData::Binary {
            opcode: Opcode::Bxor,
            args: [a, b],
        } => differing(func, a, b).or_else(|| differing(func, b, a)),
        _ => None,
    }
}

/// `((yes ^ no) & mask) ^ no`.
fn differing(func: &Function, masked: Value, no: Value) -> Option<Chosen> {
    let (difference, condition) = or_zero(func, made(func, masked)?)?;
    let InstructionData::Binary {
        opcode: Opcode::Bxor,
        args: [a, b],
    } = *made(func, difference)?
    else {
        return None;
    };
    let same = |value| func.dfg.resolve_aliases(value) == func.dfg.resolve_aliases(no);
    let yes = match (same(a), same(b)) {
        (false, true) => a,
        (true, false) => b,
        _ => return None,
    };
    Some(Chosen::by(condition, [yes, no]))
}

/// The value that an instruction of this `format` has for a result where the condition is what is said. Otherwise the result is zero.
pub(crate) fn or_zero(func: &Function, format: &InstructionData) -> Option<(Value, Condition)> {
    let is_zero = |value| constant(func, value) == Some(0);
    // One operand where the other one is a condition.
    let either = |of: fn(&Function, Value) -> Option<Condition>, [a, b]: [Value; 2]| {
        let by = |value, condition| Some((value, of(func, condition)?));
        by(a, b).or_else(|| by(b, a))
    };
    match *format {
        InstructionData::Ternary {
            opcode: Opcode::Bitselect,
            args: [mask, yes, no],
        } => {
            let (condition, is) = mask_of(func, mask)?;
            match (is_zero(yes), is_zero(no)) {
                (true, false) => Some((no, (condition, !is))),
                (false, true) => Some((yes, (condition, is))),
                _ => None,
            }
        }
        InstructionData::Binary {
            opcode: Opcode::Band,
            args: [a, b],
        } => either(mask_of, [a, b]),
        InstructionData::Binary {
            opcode: Opcode::Imul,
            args: [a, b],
        } => either(bit_of, [a, b]),
        InstructionData::Binary {
            opcode: Opcode::Isub,
            args: [all, part],
        } => {
            let InstructionData::Binary {
                opcode: Opcode::Imul,
                ..
            } = *made(func, part)?
            else {
                return None;
            };
            let (of, (condition, is)) = or_zero(func, made(func, part)?)?;
            let is_all = func.dfg.resolve_aliases(of) == func.dfg.resolve_aliases(all);
            is_all.then_some((all, (condition, !is)))
        }
        _ => None,
    }
}

/// How deep masks and bits are looked into.
const MAX_DEPTH: u32 = 6;

/// The condition where `mask` is all ones. It is zero otherwise.
fn mask_of(func: &Function, mask: Value) -> Option<Condition> {
    mask_at(func, mask, MAX_DEPTH)
}

fn mask_at(func: &Function, mask: Value, depth: u32) -> Option<Condition> {
    let depth = depth.checked_sub(1)?;
    match *made(func, mask)? {
        InstructionData::Unary {
            opcode: Opcode::Bmask,
            arg,
        } => Some(match bit_of(func, arg) {
            Some(condition) => condition,
            None => (func.dfg.resolve_aliases(arg), true),
        }),
        InstructionData::Unary {
            opcode: Opcode::Bnot,
            arg,
        } => mask_at(func, arg, depth).map(|(condition, is)| (condition, !is)),
        InstructionData::Unary {
            opcode: Opcode::Sextend,
            arg,
        } => mask_at(func, arg, depth),
        InstructionData::Unary {
            opcode: Opcode::Ineg,
            arg,
        } => bit_of(func, arg),
        _ => None,
    }
}

/// The condition where `bit` is one. It is zero otherwise.
fn bit_of(func: &Function, bit: Value) -> Option<Condition> {
    bit_at(func, bit, MAX_DEPTH)
}

fn bit_at(func: &Function, bit: Value, depth: u32) -> Option<Condition> {
    let depth = depth.checked_sub(1)?;
    match *made(func, bit)? {
        InstructionData::IntCompare { .. } | InstructionData::FloatCompare { .. } => {
            Some((func.dfg.resolve_aliases(bit), true))
        }
        InstructionData::Unary {
            opcode: Opcode::Uextend | Opcode::Ireduce,
            arg,
        } => bit_at(func, arg, depth),
        InstructionData::Binary {
            opcode: opcode @ (Opcode::Isub | Opcode::Bxor),
            args: [a, b],
        } => {
            let is_one = |value| constant(func, value) == Some(1);
            let of = match opcode {
                Opcode::Isub if is_one(a) => b,
                Opcode::Bxor if is_one(a) => b,
                Opcode::Bxor if is_one(b) => a,
                _ => return None,
            };
            bit_at(func, of, depth).map(|(condition, is)| (condition, !is))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{last_before_return, parse};

    fn last(body: &str) -> (Function, InstructionData) {
        let func = parse(&format!(
            "function %f(i64, i64, i64) {{\nblock0(v0: i64, v1: i64, v2: i64):\n    v3 = icmp ult v0, v1\n{body}\n    return\n}}"
        ));
        let format = func.dfg.insts[last_before_return(&func)];
        (func, format)
    }

    #[test]
    fn zero_takes_the_place_of_a_value_by_masks_and_products() {
        let v = Value::from_u32;
        for (body, is) in [
            ("v4 = bmask.i64 v3\n v5 = band v0, v4", true),
            ("v4 = bmask.i64 v3\n v5 = bnot v4\n v6 = band v5, v0", false),
            (
                "v4 = uextend.i64 v3\n v5 = ineg v4\n v6 = band v0, v5",
                true,
            ),
            ("v4 = uextend.i64 v3\n v5 = imul v0, v4", true),
            (
                "v4 = uextend.i64 v3\n v5 = iconst.i64 1\n v6 = isub v5, v4\n v7 = imul v6, v0",
                false,
            ),
            (
                "v4 = uextend.i64 v3\n v5 = imul v4, v0\n v6 = isub v0, v5",
                false,
            ),
            (
                "v4 = bmask.i64 v3\n v5 = iconst.i64 0\n v6 = bitselect v4, v5, v0",
                false,
            ),
        ] {
            let (func, format) = last(body);
            assert_eq!(or_zero(&func, &format), Some((v(0), (v(3), is))), "{body}");
        }
    }

    #[test]
    fn one_of_two_is_chosen_by_masks_and_by_size() {
        let v = Value::from_u32;
        for (body, arms, condition) in [
            (
                "v4 = bmask.i64 v2\n v5 = bitselect v4, v0, v1",
                [0, 1],
                Some(2),
            ),
            ("v4 = umin v0, v1", [0, 1], None),
            (
                "v4 = bmask.i64 v2\n v5 = bxor v0, v1\n v6 = band v5, v4\n v7 = bxor v6, v0",
                [1, 0],
                Some(2),
            ),
            (
                "v4 = bmask.i64 v3\n v5 = bnot v4\n v6 = band v0, v5\n v7 = band v1, v4\n v8 = bor v6, v7",
                [1, 0],
                Some(3),
            ),
        ] {
            let (func, format) = last(body);
            let expected = Chosen {
                arms: arms.map(v),
                condition: condition.map(v),
            };
            assert_eq!(chosen(&func, &format), Some(expected), "{body}");
        }
    }

    #[test]
    fn other_masks_choose_nothing() {
        for body in [
            "v4 = band v0, v1",
            "v4 = uextend.i64 v3\n v5 = band v0, v4",
            "v4 = bmask.i64 v3\n v5 = imul v0, v4",
            "v4 = bmask.i64 v2\n v5 = bxor v0, v1\n v6 = band v5, v4\n v7 = bxor v6, v2",
            "v4 = bmask.i64 v3\n v5 = band v0, v4\n v6 = band v1, v4\n v7 = bor v5, v6",
        ] {
            let (func, format) = last(body);
            let found = (or_zero(&func, &format), chosen(&func, &format));
            assert_eq!(found, (None, None), "{body}");
        }
    }
}
