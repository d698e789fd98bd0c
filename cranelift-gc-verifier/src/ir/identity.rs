//! Which results are operands as they are, by way of instructions that cancel each other.
//!
//! **Claim.** A result of which [`operand`] names a value has the bits of that value, whatever they are.
//!
//! **Strength.** One instruction whose constant or whose equal operands do nothing, and pairs of instructions of which the second one
//! undoes the first one. The type of both values is the same.
//!
//! **Math.** `x ∘ e = x` for a neutral `e`, `x ∘ x = x` for what is idempotent, `f(f(x)) = x` for an involution, and `(x ⊕ k) ⊖ k = x`.

use crate::ir::constant::constant;
use crate::ir::instruction::made;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Value, ValueDef, types};

/// The value whose bits the first result of `inst` has, if it is one of those that `inst` is made of. `resolve` tells what a value is
/// an alias of.
#[inline]
pub(crate) fn operand(
    func: &Function,
    inst: Inst,
    resolve: impl Fn(Value) -> Value,
) -> Option<Value> {
    let format = &func.dfg.insts[inst];
    // NB: Most instructions are none of these.
    if !may_be_neutral(format.opcode()) {
        return None;
    }
    let look = Look {
        func,
        resolve: &resolve,
    };
    let found = look.operand(format)?;
    let result = func.dfg.first_result(inst);
    (func.dfg.value_type(found) == func.dfg.value_type(result)).then_some(found)
}

/// Is it an opcode that this module knows?
fn may_be_neutral(opcode: Opcode) -> bool {
    use Opcode::*;
    matches!(
        opcode,
        Band | Bor
            | Bxor
            | Ishl
            | Ushr
            | Sshr
            | Rotl
            | Rotr
            | Imul
            | Udiv
            | Umin
            | Umax
            | Smin
            | Smax
            | AvgRound
            | Bnot
            | Ineg
            | Bitrev
            | Bswap
            | Bitselect
            | Select
            | Extractlane
            | Iconcat
            | Bitcast
    )
}

struct Look<'a> {
    func: &'a Function,
    resolve: &'a dyn Fn(Value) -> Value,
}

impl Look<'_> {
    fn operand(&self, format: &InstructionData) -> Option<Value> {
        match *format {
            InstructionData::Unary {
                opcode: opcode @ (Opcode::Bnot | Opcode::Ineg | Opcode::Bitrev | Opcode::Bswap),
                arg,
            } => match *self.made(arg)? {
                InstructionData::Unary {
                    opcode: before,
                    arg,
                } if before == opcode => Some(self.resolved(arg)),
                _ => None,
            },
            InstructionData::LoadNoOffset {
                opcode: Opcode::Bitcast,
                arg,
                ..
            } => match *self.made(arg)? {
                InstructionData::LoadNoOffset {
                    opcode: Opcode::Bitcast,
                    arg,
                    ..
                    // NB: The bits of a reference as those of a float are followed otherwise.
                } if self.func.dfg.value_type(arg) == types::I64 => Some(self.resolved(arg)),
                _ => None,
            },
            InstructionData::Ternary {
                opcode: Opcode::Select | Opcode::Bitselect,
                args: [_, yes, no],
            } => {
                let yes = self.resolved(yes);
                (yes == self.resolved(no)).then_some(yes)
            }
            InstructionData::BinaryImm8 {
                opcode: Opcode::Extractlane,
                arg,
                imm,
            } => self.lane(arg, imm),
            InstructionData::Binary { opcode, args } => {
                self.binary(opcode, args.map(|arg| self.resolved(arg)))
            }
            _ => None,
        }
    }

    fn binary(&self, opcode: Opcode, [a, b]: [Value; 2]) -> Option<Value> {
        use Opcode::*;
        let ty = self.func.dfg.value_type(a);
        if !ty.is_int() {
            return None;
        }
        let is = |value, number: u64| {
            let ones = u64::MAX >> (64 - ty.bits().clamp(1, 64));
            ty.bits() <= 64 && constant(self.func, value).is_some_and(|n| n & ones == number & ones)
        };
        let is_idempotent = matches!(opcode, Band | Bor | Umin | Umax | Smin | Smax | AvgRound);
        if is_idempotent && a == b {
            return Some(a);
        }
        match opcode {
            Band if is(b, u64::MAX) => Some(a),
            Band if is(a, u64::MAX) => Some(b),
            Bor | Bxor if is(b, 0) => Some(a),
            Bor | Bxor if is(a, 0) => Some(b),
            Imul if is(b, 1) => Some(a),
            Imul if is(a, 1) => Some(b),
            Udiv if is(b, 1) => Some(a),
            Ishl | Ushr | Sshr | Rotl | Rotr if self.amount(b, ty.bits()) == Some(0) => Some(a),
            Bxor => self.twice(a, b).or_else(|| self.twice(b, a)),
            Rotl | Rotr => self.turned_back(opcode, [a, b], ty.bits()),
            Iconcat => self.halves(a, b),
            _ => None,
        }
    }

    /// What `sum` is less `k`, if it is the exclusive or of both.
    fn twice(&self, sum: Value, k: Value) -> Option<Value> {
        let InstructionData::Binary {
            opcode: Opcode::Bxor,
            args,
        } = *self.made(sum)?
        else {
            return None;
        };
        match args.map(|arg| self.resolved(arg)) {
            [a, b] if b == k => Some(a),
            [a, b] if a == k => Some(b),
            _ => None,
        }
    }

    /// What is rotated there and back.
    fn turned_back(&self, opcode: Opcode, [of, by]: [Value; 2], bits: u32) -> Option<Value> {
        let InstructionData::Binary {
            opcode: before @ (Opcode::Rotl | Opcode::Rotr),
            args: [from, by_before],
        } = *self.made(of)?
        else {
            return None;
        };
        let by_before = self.resolved(by_before);
        let is_back = before != opcode && by_before == by;
        let amounts = self.amount(by, bits).zip(self.amount(by_before, bits));
        let is_around = amounts.is_some_and(|(a, b)| match before == opcode {
            true => (a + b) % bits == 0,
            false => a == b,
        });
        (is_back || is_around).then(|| self.resolved(from))
    }

    /// The value of which `low` and `high` are the halves.
    fn halves(&self, low: Value, high: Value) -> Option<Value> {
        let (ValueDef::Result(first, 0), ValueDef::Result(second, 1)) =
            (self.func.dfg.value_def(low), self.func.dfg.value_def(high))
        else {
            return self.shifted_halves(low, high);
        };
        match self.func.dfg.insts[first] {
            InstructionData::Unary {
                opcode: Opcode::Isplit,
                arg,
            } if first == second => Some(self.resolved(arg)),
            _ => None,
        }
    }

    /// The same, where the halves are cut out.
    fn shifted_halves(&self, low: Value, high: Value) -> Option<Value> {
        let cut = |value| match *self.made(value)? {
            InstructionData::Unary {
                opcode: Opcode::Ireduce,
                arg,
            } => Some(self.resolved(arg)),
            _ => None,
        };
        let (low_of, high_of) = (cut(low)?, cut(high)?);
        let InstructionData::Binary {
            opcode: Opcode::Ushr | Opcode::Sshr,
            args: [of, by],
        } = *self.made(high_of)?
        else {
            return None;
        };
        let half = self.func.dfg.value_type(low).bits();
        let is_half = self.amount(self.resolved(by), 2 * half) == Some(half);
        (is_half && self.resolved(of) == low_of).then_some(low_of)
    }

    /// What is in this lane of `vector`.
    fn lane(&self, vector: Value, number: u8) -> Option<Value> {
        match *self.made(vector)? {
            InstructionData::Unary {
                opcode: Opcode::Splat,
                arg,
            } => Some(self.resolved(arg)),
            InstructionData::Unary {
                opcode: Opcode::ScalarToVector,
                arg,
            } if number == 0 => Some(self.resolved(arg)),
            InstructionData::TernaryImm8 {
                opcode: Opcode::Insertlane,
                args: [before, lane],
                imm,
            } => match imm == number {
                true => Some(self.resolved(lane)),
                false => self.lane(before, number),
            },
            _ => None,
        }
    }

    fn resolved(&self, value: Value) -> Value {
        (self.resolve)(value)
    }

    /// By how many bits, of so many, is something shifted or rotated?
    fn amount(&self, by: Value, bits: u32) -> Option<u32> {
        constant(self.func, by).map(|n| (n % u64::from(bits)) as u32)
    }

    fn made(&self, value: Value) -> Option<&InstructionData> {
        made(self.func, self.resolved(value))
    }
}

#[cfg(test)]
mod tests {
    use super::operand;
    use crate::testing::{last_before_return, parse};
    use cranelift_codegen::ir::{Function, Value};

    /// What the last value of `body` is.
    fn found(body: &str) -> (Function, Option<Value>) {
        let func = parse(&format!(
            "function %f(i64, i64, i8) {{\nblock0(v0: i64, v1: i64, v2: i8):\n{body}\n    return\n}}"
        ));
        let inst = last_before_return(&func);
        let found = operand(&func, inst, |value| func.dfg.resolve_aliases(value));
        (func, found)
    }

    #[test]
    fn what_does_nothing_and_what_is_undone_is_the_operand() {
        for body in [
            "v3 = iconst.i64 0\n v4 = bor v0, v3",
            "v3 = iconst.i64 -1\n v4 = band v3, v0",
            "v3 = iconst.i64 1\n v4 = imul v0, v3",
            "v3 = iconst.i64 64\n v4 = rotl v0, v3",
            "v3 = umax v0, v0",
            "v3 = select v2, v0, v0",
            "v3 = bnot v0\n v4 = bnot v3",
            "v3 = ineg v0\n v4 = ineg v3",
            "v3 = bxor v1, v0\n v4 = bxor v3, v1",
            "v3 = rotl v0, v1\n v4 = rotr v3, v1",
            "v3 = iconst.i64 32\n v4 = rotl v0, v3\n v5 = rotl v4, v3",
            "v3 = bitcast.f64 v0\n v4 = bitcast.i64 v3",
            "v3 = splat.i64x2 v0\n v4 = extractlane v3, 1",
            "v3 = splat.i64x2 v0\n v4 = insertlane v3, v1, 0\n v5 = extractlane v4, 1",
            "v3, v4 = isplit v0\n v5 = iconcat v3, v4",
            "v3 = ireduce.i32 v0\n v4 = iconst.i64 32\n v5 = ushr v0, v4\n v6 = ireduce.i32 v5\n v7 = iconcat v3, v6",
        ] {
            assert_eq!(found(body).1, Some(Value::from_u32(0)), "{body}");
        }
    }

    #[test]
    fn what_changes_bits_is_none() {
        for body in [
            "v3 = iconst.i64 1\n v4 = bor v0, v3",
            "v3 = iconst.i64 1\n v4 = rotl v0, v3\n v5 = rotl v4, v3",
            "v3 = rotl v0, v1\n v4 = rotl v3, v1",
            "v3 = bxor v0, v0",
            "v3 = iconst.i64 8\n v4 = ishl v0, v3\n v5 = ushr v4, v3",
            "v3, v4 = isplit v0\n v5 = iconcat v4, v3",
            "v3 = splat.i64x2 v0\n v4 = insertlane v3, v1, 0\n v5 = extractlane v4, 0\n v6 = bnot v5",
            "v3 = select v2, v0, v1",
        ] {
            assert_eq!(found(body).1, None, "{body}");
        }
    }
}
