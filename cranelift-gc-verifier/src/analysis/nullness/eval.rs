//! Pure expressions, evaluated for one value of a reference.
//!
//! **Claim.** Let the reference be `r`, and some block parameters be known. What [`eval`] calls a
//! constant is one on every execution that agrees with that.
//!
//! **Strength.** An operation of the reference that is not known here gives [`Bits::Unsure`], and
//! so does one that takes too long: from neither follows that a guard is missing. Values that do
//! not depend on the reference vary freely, so that conditions which exclude each other are not
//! seen to do so.
//!
//! **Math.** Bits are ordered unknown < constant < varying < unsure. Integers are evaluated exactly, modulo
//! their width.

use crate::finding::hazard::{Hazard, Hazards};
use crate::ir::cfg::constant;
use crate::ir::integer::narrow::{binary, compare, fits, mask, unary};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Type, Value, ValueDef};

/// What is known of the bits of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bits {
    /// Nothing flows there yet.
    Unknown,
    /// They are these, zero-extended.
    Const {
        n: u64,
        /// Are they made of the reference?
        of_reference: bool,
    },
    /// They can be anything.
    Varying,
    /// They depend on the reference in a way that is not understood.
    Unsure,
}

impl Bits {
    /// The bits of a value that is `self` or `other`, by path.
    pub(crate) fn meet(self, other: Bits) -> Bits {
        match (self, other) {
            (Bits::Unsure, _) | (_, Bits::Unsure) => Bits::Unsure,
            (Bits::Unknown, bits) | (bits, Bits::Unknown) => bits,
            (
                Bits::Const { n, of_reference },
                Bits::Const {
                    n: m,
                    of_reference: other,
                },
            ) if n == m => Bits::Const {
                n,
                of_reference: of_reference || other,
            },
            (Bits::Const { .. } | Bits::Varying, Bits::Const { .. } | Bits::Varying) => {
                Bits::Varying
            }
        }
    }
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Truth {
    Unknown,
    Certain(bool),
    Either,
    Unsure,
}

/// What is known of values beside their definitions.
pub(crate) trait Assumptions {
    /// The bits of `value`, which must not be an alias, if they are known.
    fn bits(&self, value: Value) -> Option<Bits>;

    /// What `value` is an alias of, or itself.
    fn resolve(&self, func: &Function, value: Value) -> Value {
        func.dfg.resolve_aliases(value)
    }

    /// Is it assumed that `value`, which must not be an alias, is other than zero, or that it is zero?
    fn holds(&self, value: Value) -> Option<bool> {
        let _ = value;
        None
    }

    /// Whether `condition` holds, if that was found before.
    fn truth(&self, condition: Value) -> Option<Truth> {
        let _ = condition;
        None
    }
}

impl<F: Fn(Value) -> Option<Bits>> Assumptions for F {
    fn bits(&self, value: Value) -> Option<Bits> {
        self(value)
    }
}

/// How many operations are evaluated for one value. Conditions are small.
const FUEL: u32 = 128;

/// How deep bits are followed that are zero whatever a value is.
const MAX_DEPTH: u32 = 8;

/// Evaluates in one function; `known` says what is known of a value beside its definition.
pub(crate) struct Eval<'a> {
    func: &'a Function,
    known: &'a dyn Assumptions,
    fuel: u32,
}

/// The bits of `value`.
pub(crate) fn eval(func: &Function, known: &dyn Assumptions, value: Value) -> Bits {
    let fuel = FUEL;
    Eval { func, known, fuel }.value(value)
}

/// Is `value` other than zero?
pub(crate) fn truth(func: &Function, known: &dyn Assumptions, value: Value) -> Truth {
    if let Some(truth) = known.truth(value) {
        return truth;
    }
    let fuel = FUEL;
    Eval { func, known, fuel }.truth(value)
}

impl Eval<'_> {
    fn truth(&mut self, value: Value) -> Truth {
        let value = self.known.resolve(self.func, value);
        if let Some(holds) = self.known.holds(value) {
            return Truth::Certain(holds);
        }
        match self.value(value) {
            Bits::Unknown => Truth::Unknown,
            Bits::Const { n, .. } => Truth::Certain(n != 0),
            Bits::Varying if self.is_certainly_nonzero(value) => Truth::Certain(true),
            Bits::Varying => Truth::Either,
            Bits::Unsure => Truth::Unsure,
        }
    }

    /// Is `value`, which varies, made of something that does not, by an operation that keeps it
    /// from being zero?
    fn is_certainly_nonzero(&mut self, value: Value) -> bool {
        let Some(inst) = self.definition(value) else {
            return false;
        };
        match self.func.dfg.insts[inst] {
            InstructionData::Binary {
                opcode: Opcode::Bor,
                args,
            } => args
                .into_iter()
                .any(|arg| self.truth(arg) == Truth::Certain(true)),
            InstructionData::Unary {
                opcode: Opcode::Uextend | Opcode::Sextend,
                arg,
            } => self.truth(arg) == Truth::Certain(true),
            _ => false,
        }
    }

    fn definition(&self, value: Value) -> Option<Inst> {
        match self.func.dfg.value_def(value) {
            ValueDef::Result(inst, _) => Some(inst),
            ValueDef::Param(..) | ValueDef::Union(..) => None,
        }
    }

    fn value(&mut self, value: Value) -> Bits {
        let value = self.known.resolve(self.func, value);
        if let Some(bits) = self.known.bits(value) {
            return bits;
        }
        let Some(inst) = self.definition(value) else {
            return Bits::Varying;
        };
        if matches!(self.func.dfg.insts[inst], InstructionData::UnaryImm { .. })
            && let Some(n) = constant(self.func, value)
        {
            return Bits::Const {
                n,
                of_reference: false,
            };
        }
        let Some(fuel) = self.fuel.checked_sub(1) else {
            return Bits::Unsure;
        };
        self.fuel = fuel;
        self.result(inst, value)
    }

    fn result(&mut self, inst: Inst, value: Value) -> Bits {
        let ty = self.func.dfg.value_type(value);
        match self.func.dfg.insts[inst] {
            InstructionData::Unary { opcode, arg } => self.unary(opcode, arg, ty),
            InstructionData::Binary { opcode, args } => self.binary(opcode, args, ty),
            // It traps instead of wrapping around, which is a check of bounds and no guard.
            InstructionData::IntAddTrap { args, .. } => self.binary(Opcode::Iadd, args, ty),
            InstructionData::IntCompare { cond, args, .. } => self.compare(cond, args),
            InstructionData::Ternary {
                opcode: Opcode::Select | Opcode::SelectSpectreGuard,
                args,
            } => self.select(args),
            InstructionData::LoadNoOffset {
                opcode: Opcode::Bitcast,
                arg,
                ..
            } if !ty.is_vector() && !self.func.dfg.value_type(arg).is_vector() => self.value(arg),
            // What is in memory, and what a callee returns, does not depend on the reference
            // unless it is handed to the latter.
            _ if is_load(self.func, inst) => Bits::Varying,
            _ => self.not_understood(inst),
        }
    }

    /// The result of an operation that is not known here.
    fn not_understood(&mut self, inst: Inst) -> Bits {
        let args = self.func.dfg.inst_args(inst);
        let depends = args.iter().any(|&arg| match self.value(arg) {
            Bits::Const { of_reference, .. } => of_reference,
            Bits::Unsure => true,
            Bits::Unknown | Bits::Varying => false,
        });
        if depends { Bits::Unsure } else { Bits::Varying }
    }

    fn unary(&mut self, opcode: Opcode, arg: Value, ty: Type) -> Bits {
        let from = self.func.dfg.value_type(arg);
        let bits = self.value(arg);
        let Bits::Const { n, of_reference } = bits else {
            return bits;
        };
        match unary(opcode, from, ty, n).bits() {
            Some(n) => Bits::Const { n, of_reference },
            None if of_reference => Bits::Unsure,
            None => Bits::Varying,
        }
    }

    fn binary(&mut self, opcode: Opcode, args: [Value; 2], ty: Type) -> Bits {
        let a = self.value(args[0]);
        if let Some(bits) = absorb(opcode, a, ty).or_else(|| stays_zero(opcode, a, ty)) {
            return bits;
        }
        // NB: This keeps the cost of what does not depend on the reference low.
        let absorbs = matches!(opcode, Opcode::Band | Opcode::Bor | Opcode::Imul);
        if a == Bits::Varying && !absorbs {
            return Bits::Varying;
        }
        let b = self.value(args[1]);
        if let Some(bits) = absorb(opcode, b, ty) {
            return bits;
        }
        if opcode == Opcode::Band
            && let Some(bits) = self.masked_out([(a, args[0]), (b, args[1])])
        {
            return bits;
        }
        self.combine(a, b, |a, b| binary(opcode, ty, a, b).bits())
    }

    /// Zero, if a mask leaves of a value that varies only bits that are zero whatever it is.
    fn masked_out(&self, operands: [(Bits, Value); 2]) -> Option<Bits> {
        let (mask, value) = match operands {
            [(Bits::Const { n, .. }, _), (Bits::Varying, value)]
            | [(Bits::Varying, value), (Bits::Const { n, .. }, _)] => (n, value),
            _ => return None,
        };
        let left = mask & !self.zeros(value, MAX_DEPTH);
        (left == 0).then_some(Bits::Const {
            n: 0,
            of_reference: false,
        })
    }

    /// Bits of `value` that are zero whatever it is made of.
    fn zeros(&self, value: Value, depth: u32) -> u64 {
        let value = self.known.resolve(self.func, value);
        let ty = self.func.dfg.value_type(value);
        if !fits(ty) {
            return 0;
        }
        if let Some(n) = constant(self.func, value) {
            return !n & mask(ty);
        }
        let (Some(inst), Some(depth)) = (self.definition(value), depth.checked_sub(1)) else {
            return 0;
        };
        match self.func.dfg.insts[inst] {
            InstructionData::Binary { opcode, args } => {
                let zeros = || args.map(|arg| self.zeros(arg, depth));
                match opcode {
                    Opcode::Band => {
                        let [a, b] = zeros();
                        a | b
                    }
                    Opcode::Bor => {
                        let [a, b] = zeros();
                        a & b
                    }
                    Opcode::Iadd => {
                        let [a, b] = zeros().map(u64::trailing_ones);
                        let [x, y] = args.map(|arg| self.known.resolve(self.func, arg));
                        // NB: Twice the same is a multiple of two.
                        let count = a.min(b) + u32::from(x == y);
                        1u64.checked_shl(count).map_or(u64::MAX, |bit| bit - 1) & mask(ty)
                    }
                    Opcode::Imul => {
                        let [a, b] = zeros().map(u64::trailing_ones);
                        1u64.checked_shl(a + b).map_or(u64::MAX, |bit| bit - 1) & mask(ty)
                    }
                    Opcode::Ishl => match constant(self.func, args[1]) {
                        Some(by) => {
                            let by = by % u64::from(ty.bits());
                            (self.zeros(args[0], depth) << by | ((1 << by) - 1)) & mask(ty)
                        }
                        None => 0,
                    },
                    _ => 0,
                }
            }
            InstructionData::Unary {
                opcode: Opcode::Uextend,
                arg,
            } => {
                let from = self.func.dfg.value_type(arg);
                match fits(from) {
                    true => self.zeros(arg, depth) | mask(ty) & !mask(from),
                    false => 0,
                }
            }
            _ => 0,
        }
    }

    fn combine(&self, a: Bits, b: Bits, f: impl FnOnce(u64, u64) -> Option<u64>) -> Bits {
        match (a, b) {
            (Bits::Unsure, _) | (_, Bits::Unsure) => Bits::Unsure,
            (Bits::Unknown, _) | (_, Bits::Unknown) => Bits::Unknown,
            (Bits::Varying, _) | (_, Bits::Varying) => Bits::Varying,
            (
                Bits::Const { n, of_reference },
                Bits::Const {
                    n: m,
                    of_reference: other,
                },
            ) => {
                let of_reference = of_reference || other;
                match f(n, m) {
                    Some(n) => Bits::Const { n, of_reference },
                    None if of_reference => Bits::Unsure,
                    None => Bits::Varying,
                }
            }
        }
    }

    fn compare(&mut self, cond: IntCC, args: [Value; 2]) -> Bits {
        let [a, b] = args.map(|arg| self.known.resolve(self.func, arg));
        let ty = self.func.dfg.value_type(a);
        if !fits(ty) {
            return match (self.value(a), self.value(b)) {
                (Bits::Varying, Bits::Varying) => Bits::Varying,
                (Bits::Unknown, _) | (_, Bits::Unknown) => Bits::Unknown,
                _ => Bits::Unsure,
            };
        }
        if a == b {
            let n = u64::from(compare(cond, ty, 0, 0));
            return Bits::Const {
                n,
                of_reference: false,
            };
        }
        let values = [a, b];
        let a = self.value(a);
        if a == Bits::Varying && self.func.dfg.gc_info.fact(values[0]).is_none() {
            return Bits::Varying;
        }
        let b = self.value(b);
        let are_unequal = match (a, b) {
            (Bits::Const { n, .. }, Bits::Varying) => self.is_never(values[1], n),
            (Bits::Varying, Bits::Const { n, .. }) => self.is_never(values[0], n),
            _ => false,
        };
        match cond {
            IntCC::Equal | IntCC::NotEqual if are_unequal => Bits::Const {
                n: u64::from(cond == IntCC::NotEqual),
                of_reference: true,
            },
            _ => self.combine(a, b, |a, b| Some(u64::from(compare(cond, ty, a, b)))),
        }
    }

    /// Does the type of `value` say that it is not `n`?
    fn is_never(&self, value: Value, n: u64) -> bool {
        let fact = self.func.dfg.gc_info.fact(value);
        let Some(hazards) = fact.and_then(Hazards::of) else {
            return false;
        };
        match n {
            0 => !hazards.contains(Hazard::Null),
            _ => n % 2 == 1 && !hazards.contains(Hazard::I31),
        }
    }

    fn select(&mut self, [cond, yes, no]: [Value; 3]) -> Bits {
        match self.truth(cond) {
            Truth::Unknown => Bits::Unknown,
            Truth::Certain(true) => self.value(yes),
            Truth::Certain(false) => self.value(no),
            Truth::Either => {
                let yes = self.value(yes);
                yes.meet(self.value(no))
            }
            Truth::Unsure => Bits::Unsure,
        }
    }
}

/// Is `inst` a load?
pub(crate) fn is_load(func: &Function, inst: Inst) -> bool {
    let opcode = func.dfg.insts[inst].opcode();
    opcode.can_load() && !opcode.is_call()
}

/// Is `value` loaded?
pub(crate) fn is_loaded(func: &Function, value: Value) -> bool {
    let inst = func.dfg.value_def(value).inst();
    inst.is_some_and(|inst| is_load(func, inst))
}

/// What `opcode` makes of zero as its first operand, whatever the second one is: zero, or a trap.
fn stays_zero(opcode: Opcode, bits: Bits, ty: Type) -> Option<Bits> {
    let Bits::Const { n: 0, .. } = bits else {
        return None;
    };
    let stays = fits(ty)
        && matches!(
            opcode,
            Opcode::Ishl
                | Opcode::Ushr
                | Opcode::Sshr
                | Opcode::Rotl
                | Opcode::Rotr
                | Opcode::Udiv
                | Opcode::Sdiv
                | Opcode::Urem
                | Opcode::Srem
        );
    stays.then_some(bits)
}

/// What `opcode` makes of one operand with these bits and any other one, if that is certain.
fn absorb(opcode: Opcode, bits: Bits, ty: Type) -> Option<Bits> {
    let Bits::Const { n, .. } = bits else {
        return None;
    };
    let absorbs = fits(ty)
        && match opcode {
            Opcode::Band | Opcode::Imul => n == 0,
            Opcode::Bor => n == mask(ty),
            _ => false,
        };
    absorbs.then_some(bits)
}
