//! What pure CLIF computes, on one assignment of its operands.
//!
//! **Claim.** [`eval`] gives the bits of a result, or says that this assignment gives none (the instruction
//! traps, or makes a NaN whose payload is not determined), that the instruction is no function of its operands,
//! or that it is not understood.
//!
//! **Strength.** Exact for the scalar integer opcodes on `i8` … `i128` and for `f32` and `f64`; the host's IEEE
//! arithmetic is Cranelift's. Vectors are not understood, save as wholes.
//!
//! **Math.** A partial function from the bits of the operands to the bits of the result, modulo 2ⁿ for integers
//! of `n` bits.

use crate::ir::integer::Computed;
use crate::ir::integer::wide::{binary, compare, mask, signed, unary};
use cranelift_codegen::ir::condcodes::FloatCC;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Type, types};
use smallvec::SmallVec;

/// What an instruction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// These bits, of the width of the result.
    Is(u128),
    /// Nothing, with these operands.
    Undefined,
    /// It is no function of its operands.
    Opaque,
    /// It may be one, but it is not known here which.
    Unknown,
}

use Outcome::{Is, Opaque, Undefined, Unknown};

/// An instruction to evaluate: its data, the types of its operands, and which result is asked for.
pub(crate) struct Operation<'a> {
    pub(crate) data: &'a InstructionData,
    pub(crate) arg_types: &'a [Type],
    pub(crate) result: usize,
    pub(crate) ty: Type,
}

fn truth(x: bool) -> Outcome {
    Is(u128::from(x))
}

/// The result of `operation` when its operands are `args`.
pub(crate) fn eval(operation: &Operation<'_>, args: &[u128]) -> Outcome {
    let opcode = operation.data.opcode();
    match class(opcode) {
        Class::Opaque => Opaque,
        Class::Unknown => Unknown,
        Class::Whole => whole(operation, args),
        Class::Int => int(operation, args),
        Class::Wide => wide(operation, args),
        Class::Float => float(operation, args),
        Class::Convert => convert(operation, args),
    }
}

/// The result with this number of `inst` when its operands are `args`.
pub(crate) fn eval_inst(func: &Function, inst: Inst, result: usize, args: &[u128]) -> Outcome {
    let operands = func.dfg.inst_args(inst).iter();
    let arg_types: SmallVec<[Type; 4]> = operands.map(|&arg| func.dfg.value_type(arg)).collect();
    let operation = Operation {
        data: &func.dfg.insts[inst],
        arg_types: &arg_types,
        result,
        ty: func.dfg.value_type(func.dfg.inst_results(inst)[result]),
    };
    eval(&operation, args)
}

/// Is the instruction no function of its operands?
pub(crate) fn is_opaque(opcode: Opcode) -> bool {
    class(opcode) == Class::Opaque
}

/// May the instruction make an integer of its operands alone?
pub(crate) fn is_integer_function(opcode: Opcode) -> bool {
    match class(opcode) {
        Class::Whole | Class::Int | Class::Wide | Class::Convert => true,
        Class::Float => opcode == Opcode::Fcmp,
        Class::Opaque | Class::Unknown => false,
    }
}

/// Which of the functions below knows an opcode.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    /// None: it reads more than its operands, or does more than to compute.
    Opaque,
    /// None.
    Unknown,
    /// Any type, as a whole.
    Whole,
    /// Integers.
    Int,
    /// Integers, with two results or a trap.
    Wide,
    /// Floating point.
    Float,
    /// One type into another.
    Convert,
}

/// NB: No opcode may be forgotten: each new one must be put in its place.
fn class(opcode: Opcode) -> Class {
    use Opcode::*;
    match opcode {
        Jump | Brif | BrTable | Debugtrap | Trap | Trapz | Trapnz | Return | Call
        | CallIndirect | ReturnCall | ReturnCallIndirect | TryCall | TryCallIndirect | Load
        | Store | Uload8 | Sload8 | Istore8 | Uload16 | Sload16 | Istore16 | Uload32 | Sload32
        | Istore32 | StackSwitch | Uload8x8 | Sload8x8 | Uload16x4 | Sload16x4 | Uload32x2
        | Sload32x2 | GetPinnedReg | SetPinnedReg | AtomicRmw | AtomicCas | AtomicLoad
        | AtomicStore | Fence | SequencePoint | Nop => Class::Opaque,
        // The addresses and names among these are known to `signature`.
        FuncAddr
        | StackAddr
        | DynamicStackAddr
        | SymbolValue
        | TlsValue
        | GetFramePointer
        | GetStackPointer
        | GetReturnAddress
        | GetExceptionHandlerAddress => Class::Unknown,
        Splat | Swizzle | X86Pshufb | Insertlane | Extractlane | UaddSat | SaddSat | UsubSat
        | SsubSat | F128const | Vconst | Shuffle | Blendv | VanyTrue | VallTrue | VhighBits
        | SqmulRoundSat | X86Pmulhrsw | ScalarToVector | Snarrow | Unarrow | Uunarrow
        | SwidenLow | SwidenHigh | UwidenLow | UwidenHigh | IaddPairwise | X86Pmaddubsw
        | Fvdemote | FvpromoteLow | X86Cvtt2dq | ExtractVector => Class::Unknown,
        Iconst | F16const | F32const | F64const | Select | SelectSpectreGuard | Bitselect
        | Band | Bor | Bxor | Bnot | Bitcast => Class::Whole,
        Smin | Umin | Smax | Umax | AvgRound | Icmp | Iadd | Isub | Ineg | Iabs | Imul | Umulhi
        | Smulhi | Udiv | Sdiv | Urem | Srem | Rotl | Rotr | Ishl | Ushr | Sshr | Bitrev | Clz
        | Cls | Ctz | Bswap | Popcnt => Class::Int,
        SaddOverflowCin | UaddOverflowCin | UaddOverflow | SaddOverflow | UsubOverflow
        | SsubOverflow | UmulOverflow | SmulOverflow | UaddOverflowTrap | SsubOverflowBin
        | UsubOverflowBin | Isplit | Iconcat => Class::Wide,
        Fcmp | Fadd | Fsub | Fmul | Fdiv | Sqrt | Fma | Fneg | Fabs | Fcopysign | Fmin | Fmax
        | Ceil | Floor | Trunc | Nearest => Class::Float,
        Bmask | Ireduce | Uextend | Sextend | Fpromote | Fdemote | FcvtToUint | FcvtToSint
        | FcvtToUintSat | FcvtToSintSat | FcvtFromUint | FcvtFromSint => Class::Convert,
    }
}

fn whole(operation: &Operation<'_>, args: &[u128]) -> Outcome {
    let Operation {
        data,
        arg_types,
        ty,
        ..
    } = *operation;
    if ty.bits() > 128 {
        return Unknown;
    }
    match (data.opcode(), args) {
        (Opcode::Iconst, _) => match *data {
            InstructionData::UnaryImm { imm, .. } => Is(imm.bits() as u64 as u128 & mask(ty)),
            _ => Unknown,
        },
        (Opcode::F16const | Opcode::F32const | Opcode::F64const, _) => match *data {
            InstructionData::UnaryIeee16 { imm, .. } => Is(imm.bits().into()),
            InstructionData::UnaryIeee32 { imm, .. } => Is(imm.bits().into()),
            InstructionData::UnaryIeee64 { imm, .. } => Is(imm.bits().into()),
            _ => Unknown,
        },
        (Opcode::Select | Opcode::SelectSpectreGuard, &[cond, a, b]) => {
            Is(if cond != 0 { a } else { b })
        }
        (Opcode::Bitselect, &[mask, a, b]) => Is((mask & a) | (!mask & b)),
        (Opcode::Band, &[a, b]) => Is(a & b),
        (Opcode::Bor, &[a, b]) => Is(a | b),
        (Opcode::Bxor, &[a, b]) => Is(a ^ b),
        (Opcode::Bnot, &[a]) => Is(!a & mask(ty)),
        // The lanes of a vector have an order of their own.
        (Opcode::Bitcast, &[a]) if !ty.is_vector() && !arg_types[0].is_vector() => Is(a),
        _ => Unknown,
    }
}

fn int(operation: &Operation<'_>, args: &[u128]) -> Outcome {
    let Operation {
        data,
        arg_types,
        ty,
        ..
    } = *operation;
    let Some(&arg_ty) = arg_types.first() else {
        return Unknown;
    };
    if !arg_ty.is_int() || !ty.is_int() {
        return Unknown;
    }
    match *args {
        [a] => outcome(unary(data.opcode(), arg_ty, ty, a)),
        [a, b] => match *data {
            InstructionData::IntCompare { cond, .. } => truth(compare(cond, arg_ty, a, b)),
            _ => outcome(binary(data.opcode(), ty, a, b)),
        },
        _ => Unknown,
    }
}

fn outcome(computed: Computed<u128>) -> Outcome {
    match computed {
        Computed::Is(bits) => Is(bits),
        Computed::Traps => Undefined,
        Computed::Unknown => Unknown,
    }
}

fn wide(operation: &Operation<'_>, args: &[u128]) -> Outcome {
    let Operation {
        data,
        arg_types,
        result,
        ty,
    } = *operation;
    let arg_ty = arg_types[0];
    if !arg_ty.is_int() {
        return Unknown;
    }
    match (data.opcode(), args) {
        (Opcode::Isplit, &[a]) => Is((a >> (result as u32 * ty.bits())) & mask(ty)),
        (Opcode::Iconcat, &[low, high]) => Is(low | (high << arg_ty.bits())),
        (opcode, &[a, b]) => overflow(opcode, arg_ty, result, [a, b, 0]),
        (opcode, &[a, b, carry]) => {
            overflow(opcode, arg_ty, result, [a, b, u128::from(carry != 0)])
        }
        _ => Unknown,
    }
}

fn overflow(opcode: Opcode, ty: Type, result: usize, [a, b, carry]: [u128; 3]) -> Outcome {
    // Half the width leaves room for the exact result.
    if ty.bits() > 64 {
        return Unknown;
    }
    let exact = |a: i128, b: i128| match opcode {
        Opcode::UaddOverflow
        | Opcode::SaddOverflow
        | Opcode::UaddOverflowCin
        | Opcode::SaddOverflowCin
        | Opcode::UaddOverflowTrap => Some(a + b + carry as i128),
        Opcode::UsubOverflow
        | Opcode::SsubOverflow
        | Opcode::UsubOverflowBin
        | Opcode::SsubOverflowBin => Some(a - b - carry as i128),
        Opcode::SmulOverflow => Some(a * b),
        _ => None,
    };
    let is_signed = matches!(
        opcode,
        Opcode::SaddOverflow
            | Opcode::SaddOverflowCin
            | Opcode::SsubOverflow
            | Opcode::SsubOverflowBin
            | Opcode::SmulOverflow
    );
    let (bits, overflows) = if opcode == Opcode::UmulOverflow {
        let product = a * b;
        (product & mask(ty), product > mask(ty))
    } else if is_signed {
        let Some(exact) = exact(signed(ty, a), signed(ty, b)) else {
            return Unknown;
        };
        let bits = exact as u128 & mask(ty);
        (bits, signed(ty, bits) != exact)
    } else {
        let Some(exact) = exact(a as i128, b as i128) else {
            return Unknown;
        };
        let bits = exact as u128 & mask(ty);
        (bits, bits as i128 != exact)
    };
    match (opcode, result) {
        (Opcode::UaddOverflowTrap, _) if overflows => Undefined,
        (_, 0) => Is(bits),
        _ => truth(overflows),
    }
}

/// A number that is one, and not a NaN: those have no determined payload.
fn number32(x: f32) -> Outcome {
    if x.is_nan() {
        Undefined
    } else {
        Is(x.to_bits().into())
    }
}

fn number64(x: f64) -> Outcome {
    if x.is_nan() {
        Undefined
    } else {
        Is(x.to_bits().into())
    }
}

fn float(operation: &Operation<'_>, args: &[u128]) -> Outcome {
    let Operation {
        data, arg_types, ..
    } = *operation;
    let ty = arg_types[0];
    if !ty.is_float() {
        return Unknown;
    }
    let sign = 1u128 << (ty.bits() - 1);
    match (data.opcode(), args) {
        (Opcode::Fneg, &[a]) => return Is(a ^ sign),
        (Opcode::Fabs, &[a]) => return Is(a & !sign),
        (Opcode::Fcopysign, &[a, b]) => return Is((a & !sign) | (b & sign)),
        _ => {}
    }
    macro_rules! on {
        ($float:ty, $bits:ty, $number:ident) => {{
            let x = |i: usize| <$float>::from_bits(args[i] as $bits);
            match (data.opcode(), args.len()) {
                (Opcode::Fcmp, 2) => match *data {
                    InstructionData::FloatCompare { cond, .. } => {
                        truth(compare_floats(cond, x(0).partial_cmp(&x(1))))
                    }
                    _ => Unknown,
                },
                (Opcode::Fadd, 2) => $number(x(0) + x(1)),
                (Opcode::Fsub, 2) => $number(x(0) - x(1)),
                (Opcode::Fmul, 2) => $number(x(0) * x(1)),
                (Opcode::Fdiv, 2) => $number(x(0) / x(1)),
                (Opcode::Fma, 3) => $number(x(0).mul_add(x(1), x(2))),
                (Opcode::Sqrt, 1) => $number(x(0).sqrt()),
                (Opcode::Ceil, 1) => $number(x(0).ceil()),
                (Opcode::Floor, 1) => $number(x(0).floor()),
                (Opcode::Trunc, 1) => $number(x(0).trunc()),
                (Opcode::Nearest, 1) => $number(x(0).round_ties_even()),
                (Opcode::Fmin | Opcode::Fmax, 2) if x(0).is_nan() || x(1).is_nan() => Undefined,
                // The zeros compare equal, and yet -0 is the lesser.
                (Opcode::Fmin, 2) if x(0) == x(1) => Is(args[0] | args[1]),
                (Opcode::Fmax, 2) if x(0) == x(1) => Is(args[0] & args[1]),
                (Opcode::Fmin, 2) => $number(x(0).min(x(1))),
                (Opcode::Fmax, 2) => $number(x(0).max(x(1))),
                _ => Unknown,
            }
        }};
    }
    match ty {
        types::F32 => on!(f32, u32, number32),
        types::F64 => on!(f64, u64, number64),
        _ => Unknown,
    }
}

fn compare_floats(cond: FloatCC, order: Option<core::cmp::Ordering>) -> bool {
    use core::cmp::Ordering::{Equal, Greater, Less};
    match cond {
        FloatCC::Ordered => order.is_some(),
        FloatCC::Unordered => order.is_none(),
        FloatCC::Equal => order == Some(Equal),
        FloatCC::NotEqual => order != Some(Equal),
        FloatCC::OrderedNotEqual => matches!(order, Some(Less | Greater)),
        FloatCC::UnorderedOrEqual => matches!(order, None | Some(Equal)),
        FloatCC::LessThan => order == Some(Less),
        FloatCC::LessThanOrEqual => matches!(order, Some(Less | Equal)),
        FloatCC::GreaterThan => order == Some(Greater),
        FloatCC::GreaterThanOrEqual => matches!(order, Some(Greater | Equal)),
        FloatCC::UnorderedOrLessThan => matches!(order, None | Some(Less)),
        FloatCC::UnorderedOrLessThanOrEqual => order != Some(Greater),
        FloatCC::UnorderedOrGreaterThan => matches!(order, None | Some(Greater)),
        FloatCC::UnorderedOrGreaterThanOrEqual => order != Some(Less),
    }
}

fn convert(operation: &Operation<'_>, args: &[u128]) -> Outcome {
    let Operation {
        data,
        arg_types,
        ty,
        ..
    } = *operation;
    let (&[a], &[from]) = (args, arg_types) else {
        return Unknown;
    };
    if ty.is_vector() || from.is_vector() {
        return Unknown;
    }
    match data.opcode() {
        opcode @ (Opcode::Bmask | Opcode::Ireduce | Opcode::Uextend | Opcode::Sextend) => {
            outcome(unary(opcode, from, ty, a))
        }
        Opcode::Fpromote if (from, ty) == (types::F32, types::F64) => {
            number64(f32::from_bits(a as u32).into())
        }
        Opcode::Fdemote if (from, ty) == (types::F64, types::F32) => {
            number32(f64::from_bits(a as u64) as f32)
        }
        Opcode::FcvtFromUint if from.bits() <= 64 => match ty {
            types::F32 => number32(a as u64 as f32),
            types::F64 => number64(a as u64 as f64),
            _ => Unknown,
        },
        Opcode::FcvtFromSint if from.bits() <= 64 => match ty {
            types::F32 => number32(signed(from, a) as i64 as f32),
            types::F64 => number64(signed(from, a) as i64 as f64),
            _ => Unknown,
        },
        opcode => {
            // Every f32 is an f64.
            let x = match from {
                types::F32 => f64::from(f32::from_bits(a as u32)),
                types::F64 => f64::from_bits(a as u64),
                _ => return Unknown,
            };
            to_int(opcode, ty, x)
        }
    }
}

fn to_int(opcode: Opcode, ty: Type, x: f64) -> Outcome {
    if ty.bits() > 64 {
        return Unknown;
    }
    let is_signed = matches!(opcode, Opcode::FcvtToSint | Opcode::FcvtToSintSat);
    let (least, greatest) = match is_signed {
        true => (-(1i128 << (ty.bits() - 1)), (1i128 << (ty.bits() - 1)) - 1),
        false => (0, mask(ty) as i128),
    };
    // The cast saturates at bounds that are out of any range here, and NaN becomes 0.
    let exact = x.trunc() as i128;
    let fits = !x.is_nan() && (least..=greatest).contains(&exact);
    let bits = exact.clamp(least, greatest) as u128 & mask(ty);
    match opcode {
        Opcode::FcvtToUint | Opcode::FcvtToSint if fits => Is(bits),
        Opcode::FcvtToUint | Opcode::FcvtToSint => Undefined,
        Opcode::FcvtToUintSat | Opcode::FcvtToSintSat => Is(bits),
        _ => Unknown,
    }
}
