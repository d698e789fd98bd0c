//! What an instruction computes.
//!
//! **Claim.** The term of a result has the bits that the instruction makes of its operands.
//!
//! **Strength.** Sums and moves of whole bytes get the normal form of [`terms`](super::super::terms). Any other operation is a term of its
//! operands, and equals no term of another operation.
//!
//! **Math.** A map from the terms of the operands to the term of the result, for each instruction.

use super::super::context::Context;
use super::super::terms::{Byte, Bytes, Term, Terms};
use super::{State, width_of};
use crate::ir::arithmetic::{Outcome, eval_inst};
use crate::ir::linear::Linear;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Inst, InstructionData, Opcode};

impl State {
    /// The term of the result of `inst` with this index; nothing, if it is not known.
    pub(super) fn result(
        &mut self,
        context: &Context<'_>,
        terms: &mut Terms,
        (inst, index): (Inst, usize),
        args: &[Term],
    ) -> Option<Term> {
        use Opcode::*;
        let func = context.func;
        let data = &func.dfg.insts[inst];
        let opcode = data.opcode();
        let result = func.dfg.inst_results(inst)[index];
        let ty = func.dfg.value_type(result);
        let width = width_of(ty);
        if let Some(bits) = folded(context, terms, (inst, index), args) {
            return Some(terms.constant(width, bits));
        }
        let is_narrow = ty.is_int() && width <= 8;
        let minus_one = u64::MAX;
        if let (&InstructionData::IntCompare { cond, .. }, &[a, b]) = (data, args) {
            return Some(terms.compare(cond, a, b));
        }
        match (Linear::of(data, index), args) {
            (Linear::Slot(slot, offset), _) => {
                let slot = terms.slot(width, slot);
                Some(terms.sum(width, &[(slot, 1)], offset as u64))
            }
            (Linear::Exact(_), &[a, b]) if is_narrow => {
                let sum = terms.sum(width, &[(a, 1), (b, 1)], 0);
                // It goes on where it does not overflow.
                let fits = terms.compare(IntCC::UnsignedGreaterThanOrEqual, sum, a);
                self.known.assume(terms, fits, true);
                Some(sum)
            }
            (Linear::Sum(_), &[a, b]) if is_narrow => Some(terms.sum(width, &[(a, 1), (b, 1)], 0)),
            (Linear::Difference(_), &[a, b]) if is_narrow => Some(terms.difference(a, b)),
            (Linear::Negative(_), &[a]) if is_narrow => {
                Some(terms.sum(width, &[(a, minus_one)], 0))
            }
            (Linear::Product(_), &[a, b]) if is_narrow => {
                let times = |term: Term| terms.bits(term).map(|bits| bits as u64);
                match (times(a), times(b)) {
                    (_, Some(times)) => Some(terms.sum(width, &[(a, times)], 0)),
                    (Some(times), _) => Some(terms.sum(width, &[(b, times)], 0)),
                    _ => Some(terms.apply(width, opcode, 0, args)),
                }
            }
            (Linear::Extended(_), &[a]) => Some(terms.extended(width, a)),
            (Linear::Truncated(_), &[a]) => Some(terms.low_part(width, a)),
            (_, &[a, b]) if ty.is_int() && matches!(opcode, Ishl | Ushr | Rotl | Rotr) => {
                self.shifted(terms, opcode, a, b)
            }
            // NB: In memory and as an integer, lanes come in the same order on a little-endian machine.
            (_, &[a]) if opcode == Bitcast && terms.width(a) == width => Some(a),
            (_, &[a, b]) if matches!(opcode, Band | Bor | Bxor) => {
                Some(terms.bits_of(opcode, a, b))
            }
            (_, &[a, b]) if opcode == Iconcat => {
                let mut bytes = terms.bytes(a);
                bytes.extend(terms.bytes(b));
                Some(terms.of_bytes(&bytes))
            }
            (_, &[a]) if opcode == Isplit => {
                let bytes = terms.bytes(a);
                let start = index * width as usize;
                Some(terms.of_bytes(&bytes[start..start + width as usize]))
            }
            (_, &[a]) if opcode == Bswap => {
                let mut bytes = terms.bytes(a);
                bytes.reverse();
                Some(terms.of_bytes(&bytes))
            }
            _ if opcode.other_side_effects() => None,
            _ => {
                let detail = match data {
                    InstructionData::Unary { .. }
                    | InstructionData::Binary { .. }
                    | InstructionData::Ternary { .. } => index as u64,
                    _ => u64::from(inst.as_u32()) << 8 | 0x80 | index as u64,
                };
                Some(terms.apply(width, opcode, detail, args))
            }
        }
    }

    /// A shift or rotation by a known number of bits.
    fn shifted(&mut self, terms: &mut Terms, opcode: Opcode, a: Term, b: Term) -> Option<Term> {
        let width = terms.width(a);
        let amount = terms
            .bits(b)
            .map(|bits| (bits % u128::from(8 * width)) as u32);
        Some(match (opcode, amount) {
            (_, Some(0)) => a,
            (Opcode::Ishl, Some(amount)) if amount % 8 == 0 => {
                let mut bytes = Bytes::from_elem(Byte::Is(0), amount as usize / 8);
                bytes.extend(terms.bytes(a));
                terms.of_bytes(&bytes[..width as usize])
            }
            (Opcode::Ushr, Some(amount)) if amount % 8 == 0 => {
                let mut bytes: Bytes = terms.bytes(a)[amount as usize / 8..].into();
                bytes.resize(width as usize, Byte::Is(0));
                terms.of_bytes(&bytes)
            }
            (Opcode::Rotl | Opcode::Rotr, Some(amount)) if amount % 8 == 0 => {
                let mut bytes = terms.bytes(a);
                let amount = amount as usize / 8;
                match opcode {
                    Opcode::Rotl => bytes.rotate_right(amount),
                    _ => bytes.rotate_left(amount),
                }
                terms.of_bytes(&bytes)
            }
            (Opcode::Ishl, Some(amount)) if width <= 8 => terms.sum(width, &[(a, 1 << amount)], 0),
            _ => terms.apply(width, opcode, 0, &[a, b]),
        })
    }
}

/// The bits of a result whose operands are constants.
fn folded(
    context: &Context<'_>,
    terms: &Terms,
    (inst, index): (Inst, usize),
    args: &[Term],
) -> Option<u128> {
    let bits: Option<Vec<u128>> = args.iter().map(|&arg| terms.bits(arg)).collect();
    match eval_inst(context.func, inst, index, &bits?) {
        Outcome::Is(bits) => Some(bits),
        Outcome::Undefined | Outcome::Opaque | Outcome::Unknown => None,
    }
}
