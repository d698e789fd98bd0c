//! What values are whatever a function is given.
//!
//! **Claim.** [`evaluate`] gives the bits of a value that is the same in each execution, and
//! [`always_traps`] names instructions that no execution gets past.
//!
//! **Strength.** Of integers. Constants are followed through pure instructions, up to [`MAX_VISITS`] of
//! them for each question; block parameters, loads and calls are not.
//!
//! **Math.** An instruction on constants is what [`eval`] makes of them. Besides, whatever `x` is:
//! `x - x = x ^ x = 0`, `x & 0 = x * 0 = 0`, `x = x`, and a choice between equal constants is that constant.

use crate::ir::arithmetic::{Operation, Outcome, eval, is_integer_function};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Type, Value, ValueDef};
use smallvec::SmallVec;

/// How many instructions one question may look at.
const MAX_VISITS: u32 = 160;

/// The value of `value` if it is an integer constant, zero-extended from its type.
///
/// NB: What is computed of constants is none. See [`evaluate`].
pub(crate) fn constant(func: &Function, value: Value) -> Option<u64> {
    // NB: An alias has the type and the definition of what it stands for.
    let ValueDef::Result(inst, _) = func.dfg.value_def(value) else {
        return None;
    };
    match func.dfg.insts[inst] {
        InstructionData::UnaryImm {
            opcode: Opcode::Iconst,
            imm,
        } => {
            let bits = func.dfg.value_type(value).bits();
            let mask = if bits >= 64 {
                u64::MAX
            } else {
                (1 << bits) - 1
            };
            Some(imm.bits() as u64 & mask)
        }
        _ => None,
    }
}

/// The bits of the integer `value`, if they are the same in each execution.
pub(crate) fn evaluate(func: &Function, value: Value) -> Option<u128> {
    let visits = MAX_VISITS;
    Evaluation { func, visits }.value(value)
}

/// The same for an integer of at most 64 bits.
pub(crate) fn number(func: &Function, value: Value) -> Option<u64> {
    let fits = func.dfg.value_type(value).bits() <= 64;
    evaluate(func, value)
        .filter(|_| fits)
        .map(|bits| bits as u64)
}

/// Is an instruction of this `format` one of which [`always_traps`] need be asked?
#[inline]
pub(crate) fn may_always_trap(format: &InstructionData) -> bool {
    match format {
        InstructionData::CondTrap { .. } => true,
        InstructionData::Binary { opcode, .. } => {
            matches!(
                opcode,
                Opcode::Udiv | Opcode::Sdiv | Opcode::Urem | Opcode::Srem
            )
        }
        _ => false,
    }
}

/// Does no execution get past `inst`?
///
/// Of instructions that trap, those are known that trap on integers.
pub(crate) fn always_traps(func: &Function, inst: Inst) -> bool {
    match func.dfg.insts[inst] {
        InstructionData::CondTrap { opcode, arg, .. } => {
            let condition = evaluate(func, arg);
            condition.is_some_and(|bits| (bits != 0) == (opcode == Opcode::Trapnz))
        }
        InstructionData::Binary {
            opcode: Opcode::Udiv | Opcode::Sdiv | Opcode::Urem | Opcode::Srem,
            args: [_, by],
        } => evaluate(func, by) == Some(0),
        _ => false,
    }
}

/// The answer to one question.
struct Evaluation<'a> {
    func: &'a Function,
    visits: u32,
}

impl Evaluation<'_> {
    fn value(&mut self, value: Value) -> Option<u128> {
        let func = self.func;
        let value = func.dfg.resolve_aliases(value);
        let ValueDef::Result(inst, result) = func.dfg.value_def(value) else {
            return None;
        };
        let data = &func.dfg.insts[inst];
        // NB: Most values are loaded, returned or passed.
        if !is_integer_function(data.opcode()) {
            return None;
        }
        let ty = func.dfg.value_type(value);
        if !ty.is_int() {
            return None;
        }
        self.visits = self.visits.checked_sub(1)?;
        self.whatever(data)
            .or_else(|| self.of_constants(data, result, ty))
    }

    /// What `data` computes, if that is known without all of its operands.
    fn whatever(&mut self, data: &InstructionData) -> Option<u128> {
        let func = self.func;
        let is_same =
            |[a, b]: [Value; 2]| func.dfg.resolve_aliases(a) == func.dfg.resolve_aliases(b);
        match *data {
            InstructionData::IntCompare { cond, args, .. } if is_same(args) => {
                Some(u128::from(is_reflexive(cond)))
            }
            InstructionData::Binary {
                opcode: Opcode::Isub | Opcode::Bxor,
                args,
            } if is_same(args) => Some(0),
            InstructionData::Ternary {
                opcode: Opcode::Select | Opcode::SelectSpectreGuard,
                args: [condition, a, b],
            } => match self.value(condition) {
                Some(0) => self.value(b),
                Some(_) => self.value(a),
                None => {
                    let a = self.value(a)?;
                    self.value(b).filter(|&b| a == b)
                }
            },
            _ => None,
        }
    }

    fn of_constants(&mut self, data: &InstructionData, result: usize, ty: Type) -> Option<u128> {
        let func = self.func;
        // NB: Each operand is asked for once, so that a chain of products is followed in as many steps as it has instructions.
        let is_zero_of_one = matches!(data.opcode(), Opcode::Band | Opcode::Imul);
        let mut args = SmallVec::<[u128; 3]>::new();
        let mut arg_types = SmallVec::<[Type; 3]>::new();
        let mut is_known = true;
        for &arg in data.arguments(&func.dfg.value_lists) {
            arg_types.push(func.dfg.value_type(arg));
            match self.value(arg) {
                Some(0) if is_zero_of_one => return Some(0),
                Some(bits) => args.push(bits),
                None if is_zero_of_one => is_known = false,
                None => return None,
            }
        }
        if !is_known {
            return None;
        }
        let operation = Operation {
            data,
            arg_types: &arg_types,
            result,
            ty,
        };
        match eval(&operation, &args) {
            Outcome::Is(bits) => Some(bits),
            Outcome::Undefined | Outcome::Opaque | Outcome::Unknown => None,
        }
    }
}

/// Does `x cond x` hold?
fn is_reflexive(cond: IntCC) -> bool {
    match cond {
        IntCC::Equal
        | IntCC::SignedGreaterThanOrEqual
        | IntCC::SignedLessThanOrEqual
        | IntCC::UnsignedGreaterThanOrEqual
        | IntCC::UnsignedLessThanOrEqual => true,
        IntCC::NotEqual
        | IntCC::SignedLessThan
        | IntCC::SignedGreaterThan
        | IntCC::UnsignedLessThan
        | IntCC::UnsignedGreaterThan => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parse;

    /// The bits of the last value of a function.
    fn last(body: &str) -> Option<u128> {
        let func = parse(&format!(
            "function %f(i32, i64) {{
                ss0 = explicit_slot 4
            block0(v0: i32, v1: i64):
                {body}
                return
            }}"
        ));
        let value = func.dfg.values().last().expect("there are parameters");
        evaluate(&func, value)
    }

    #[test]
    fn what_is_made_of_constants_is_one() {
        let cases = [
            ("v2 = iconst.i32 -1", Some(0xffff_ffff)),
            (
                "v2 = iconst.i32 -1\n v3 = uextend.i64 v2",
                Some(0xffff_ffff),
            ),
            (
                "v2 = iconst.i32 -1\n v3 = sextend.i64 v2",
                Some(u64::MAX.into()),
            ),
            ("v2 = iconst.i32 7\n v3 = icmp eq v2, v2", Some(1)),
            (
                "v2 = iconst.i8 1\n v3 = iconst.i32 5\n v4 = select v2, v3, v0",
                Some(5),
            ),
            (
                "v2 = iconst.i8 0\n v3 = iconst.i32 5\n v4 = select v2, v0, v3",
                Some(5),
            ),
            (
                "v2 = iconst.i32 5\n v3 = iconst.i32 5\n v4 = select v0, v2, v3",
                Some(5),
            ),
            (
                "v2 = iconst.i32 5\n v3 = iconst.i32 6\n v4 = select v0, v2, v3",
                None,
            ),
            (
                "v2 = iconst.i32 5\n v3 = iconst.i32 6\n v4 = icmp ult v2, v3",
                Some(1),
            ),
            (
                "v2 = iconst.i32 5\n v3 = iconst.i32 -1\n v4 = iadd v2, v3",
                Some(4),
            ),
            ("v2 = isub v0, v0", Some(0)),
            ("v2 = icmp ule v0, v0", Some(1)),
            ("v2 = icmp slt v0, v0", Some(0)),
            ("v2 = iconst.i32 0\n v3 = band v0, v2", Some(0)),
            ("v2 = iconst.i32 0\n v3 = udiv v2, v2", None),
            ("v2 = iadd v0, v0", None),
            ("v2 = iconst.i32 0\n v3 = imul v0, v2", Some(0)),
            ("v2 = iconst.i32 0\n v3 = imul v2, v0", Some(0)),
            ("v2 = iconst.i32 2\n v3 = imul v2, v0", None),
            ("v2 = stack_addr.i64 ss0\n v3 = load.i32 v2", None),
        ];
        for (body, expected) in cases {
            assert_eq!(last(body), expected, "{body}");
        }
    }

    #[test]
    fn a_question_ends() {
        // What is made of itself twice, again and again, has more paths than anyone can follow.
        let mut body = String::from("v2 = iconst.i32 3\n");
        for value in 3..80 {
            body += &format!("v{value} = iadd v{}, v{}\n", value - 1, value - 1);
        }
        assert_eq!(last(&body), None);
    }

    #[test]
    fn a_chain_of_products_is_followed_to_its_end() {
        let mut body = String::from("v2 = iconst.i32 3\n");
        for value in (3..83).step_by(2) {
            body += &format!("v{value} = iconst.i32 5\n");
            body += &format!("v{} = imul v{value}, v{}\n", value + 1, value - 1);
        }
        let product = 3 * 5_u128.pow(40) % (1 << 32);
        assert_eq!(last(&body), Some(product));
    }

    #[test]
    fn what_always_traps_is_told_from_what_may() {
        let cases = [
            ("trapz v2, user1", true),
            ("trapnz v2, user1", false),
            ("trapz v3, user1", false),
            ("trapnz v3, user1", true),
            ("trapz v0, user1", false),
            ("v4 = udiv v0, v2", true),
            ("v4 = udiv v0, v3", false),
        ];
        for (inst, expected) in cases {
            let func = parse(&format!(
                "function %f(i32) {{
                block0(v0: i32):
                    v2 = iconst.i32 0
                    v3 = iconst.i32 1
                    {inst}
                    return
                }}"
            ));
            let block = func.layout.entry_block().expect("there is one");
            let trap = func.layout.block_insts(block).nth(2).expect("it is there");
            assert_eq!(always_traps(&func, trap), expected, "{inst}");
        }
    }
}
