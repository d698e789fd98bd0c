//! What follows from a condition that holds, or that does not.
//!
//! **Claim.** Every form that is noted is not negative wherever the condition is as said.
//!
//! **Strength.** That of [`bounds`](super): comparisons, flags of overflow, and what is made of these by bits.
//!
//! **Math.** `a < b` is `b - a - 1 ≥ 0`, and the negation of a condition is a condition.

use super::{Bounds, MAX_TESTS, largest, signed};
use crate::check::out_of_object::form::Form;
use crate::ir::constant::number;
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::{Inst, InstructionData, Opcode, Value, ValueDef};

impl Bounds<'_, '_> {
    pub(super) fn note(&mut self, form: Option<Form>) {
        let Some(form) = form.filter(|form| !form.terms.is_empty()) else {
            return;
        };
        let form = form.reduced();
        if self.tests.len() < MAX_TESTS && !self.tests.contains(&form) {
            self.tests.push(form);
        }
    }

    pub(super) fn equal(&mut self, a: &Form, b: &Form) {
        self.note(a.minus(b));
        self.note(b.minus(a));
    }

    /// `value` is other than zero, or it is zero.
    pub(super) fn assume(&mut self, value: Value, is: bool, depth: u32) {
        let func = self.context.func;
        let value = self.context.root(value);
        let Some(depth) = depth.checked_sub(1) else {
            return;
        };
        if self.bits(value) > 64 || !func.dfg.value_type(value).is_int() {
            return;
        }
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, 0) => {
                if self.assume_result(inst, is, depth) {
                    return;
                }
            }
            ValueDef::Result(inst, 1) => return self.assume_flag(inst, is),
            ValueDef::Result(..) | ValueDef::Param(..) | ValueDef::Union(..) => {}
        }
        let form = self.exact(value);
        match is {
            true => self.note(form.shifted(-1)),
            false => self.equal(&form, &Form::number(0)),
        }
    }

    /// What follows from a result; or nothing is known of how it is made.
    fn assume_result(&mut self, inst: Inst, is: bool, depth: u32) -> bool {
        let func = self.context.func;
        let number = |bounds: &Self, value: Value| number(func, bounds.context.root(value));
        let data = func.dfg.insts[inst];
        match (data.opcode(), data) {
            (
                _,
                InstructionData::IntCompare {
                    cond, args: [a, b], ..
                },
            ) => {
                let is_zero = number(self, b) == Some(0);
                match cond {
                    IntCC::NotEqual if is_zero && self.is_truth(a) => self.assume(a, is, depth),
                    IntCC::Equal if is_zero && self.is_truth(a) => self.assume(a, !is, depth),
                    _ => {
                        let cond = if is { cond } else { cond.complement() };
                        self.compare(cond, a, b);
                    }
                }
            }
            (
                Opcode::Uextend | Opcode::Sextend | Opcode::Bmask,
                InstructionData::Unary { arg, .. },
            ) => {
                self.assume(arg, is, depth);
            }
            (Opcode::Bor, InstructionData::Binary { args, .. }) if !is => {
                args.into_iter()
                    .for_each(|arg| self.assume(arg, false, depth));
            }
            (Opcode::Band, InstructionData::Binary { args, .. })
                if is && args.iter().all(|&arg| number(self, arg).is_none()) =>
            {
                args.into_iter()
                    .for_each(|arg| self.assume(arg, true, depth));
            }
            (Opcode::Bxor, InstructionData::Binary { args: [a, b], .. })
                if number(self, b) == Some(1) && self.is_truth(a) =>
            {
                self.assume(a, !is, depth);
            }
            (Opcode::Ushr, InstructionData::Binary { args: [a, by], .. }) if !is => {
                let Some(by) = number(self, by) else {
                    return false;
                };
                let below = 1i128 << (by % u64::from(self.bits(a)));
                let form = self.exact(a);
                self.note(Form::number(below - 1).minus(&form));
            }
            (Opcode::Band, InstructionData::Binary { args: [a, b], .. }) if !is => {
                let (value, mask) = match (number(self, a), number(self, b)) {
                    (_, Some(mask)) => (a, mask),
                    (Some(mask), None) => (b, mask),
                    (None, None) => return false,
                };
                let most = largest(self.bits(value));
                let below = !i128::from(mask) & most;
                // All bits from some one on.
                if below & (below + 1) != 0 {
                    return false;
                }
                let form = self.exact(value);
                self.note(Form::number(below).minus(&form));
            }
            _ => return false,
        }
        true
    }

    /// A flag that says whether an operation overflows.
    fn assume_flag(&mut self, inst: Inst, is: bool) {
        let func = self.context.func;
        let InstructionData::Binary {
            opcode,
            args: [a, b],
        } = func.dfg.insts[inst]
        else {
            return;
        };
        if is {
            return;
        }
        let most = Form::number(largest(self.bits(a)));
        let number = |value: Value| number(func, value).map(i128::from);
        let times = number(self.context.root(a)).or(number(self.context.root(b)));
        let is_first = number(self.context.root(a)).is_some();
        let (x, y) = (self.exact(a), self.exact(b));
        let left = match opcode {
            Opcode::UaddOverflow => x.plus(&y).and_then(|sum| most.minus(&sum)),
            Opcode::UsubOverflow => x.minus(&y),
            Opcode::UmulOverflow => times.and_then(|times| {
                let of = if is_first { y } else { x };
                of.times(times).and_then(|product| most.minus(&product))
            }),
            _ => None,
        };
        self.note(left);
    }

    /// Is it zero or one?
    fn is_truth(&self, value: Value) -> bool {
        let func = self.context.func;
        match func.dfg.value_def(self.context.root(value)) {
            ValueDef::Result(inst, 0) => match func.dfg.insts[inst] {
                InstructionData::Unary {
                    opcode: Opcode::Uextend,
                    arg,
                } => self.is_truth(arg),
                ref data => data.opcode() == Opcode::Icmp,
            },
            _ => false,
        }
    }

    /// `value`, as a signed number, if a form is known that is it.
    fn signed_form(&mut self, value: Value) -> Option<Form> {
        let value = self.context.root(value);
        let half = largest(self.bits(value)) >> 1;
        let form = match signed(self.context.func, value) {
            Some(n) => Form::number(n),
            None => self.modular_anew(value)?,
        };
        let fits = self.is_at_least(&form, -half - 1) && self.is_at_most(&form, half);
        fits.then_some(form)
    }

    fn compare(&mut self, cond: IntCC, a: Value, b: Value) {
        let bits = self.bits(a);
        if bits > 64 {
            return;
        }
        let half = largest(bits) >> 1;
        use IntCC::*;
        let (cond, a, b) = match cond {
            UnsignedGreaterThan
            | UnsignedGreaterThanOrEqual
            | SignedGreaterThan
            | SignedGreaterThanOrEqual => (cond.swap_args(), b, a),
            _ => (cond, a, b),
        };
        let (x, y) = (self.exact(a), self.exact(b));
        let less = |by: i128| y.minus(&x).and_then(|left| left.shifted(-by));
        match cond {
            Equal => self.equal(&x, &y),
            NotEqual => {
                self.unequal.extend(y.minus(&x));
                for (low, high) in [(&x, &y), (&y, &x)] {
                    let Some(gap) = high.minus(low) else { continue };
                    if self.is_at_least(&gap, 0) {
                        self.note(gap.shifted(-1));
                    }
                }
            }
            UnsignedLessThan => self.note(less(1)),
            UnsignedLessThanOrEqual => self.note(less(0)),
            SignedLessThan | SignedLessThanOrEqual => {
                self.is_signed = true;
                if let (Some(x), Some(y)) = (self.signed_form(a), self.signed_form(b)) {
                    let left = y.minus(&x);
                    let by = i128::from(cond == SignedLessThan);
                    self.note(left.and_then(|left| left.shifted(-by)));
                }
                // What is less is not negative: so the other one is neither.
                if self.is_at_most(&x, half) {
                    self.note(less(i128::from(cond == SignedLessThan)));
                    self.note(Form::number(half).minus(&y));
                }
            }
            UnsignedGreaterThan
            | UnsignedGreaterThanOrEqual
            | SignedGreaterThan
            | SignedGreaterThanOrEqual => {}
        }
    }
}
