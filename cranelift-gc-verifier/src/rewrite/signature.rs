//! Simulation signatures: what each pure value is under a few fixed assignments.
//!
//! **Claim.** Two values with different signatures are not equal: the lane in which they differ is an
//! assignment of the opaque leaves (block parameters, loads, calls) under which they compute
//! different bits.
//!
//! **Strength.** Equal signatures prove nothing, but a rewrite that is wrong on many inputs does not
//! get past [`LANES`] of them, among which are the corners. A value is without a signature if
//! something in it is not understood (see [`eval`](crate::ir::arithmetic::eval)).
//!
//! **Math.** A leaf's lane is a hash of its number, of the lane, and of nothing else; if it is a reference, what its
//! fact allows: null only if it can be, odd only if it can be an i31. The signature of
//! a pure instruction is its function applied lane by lane. A union is its first member. This
//! is how SAT sweeping finds candidates in circuits (Mishchenko et al., "FRAIGs", 2005).

use super::walks::Walks;
use crate::analysis::address::sum::Sums;
use crate::ir::arithmetic::{Operation, Outcome, eval, is_opaque};
use crate::ir::instruction::access;
use cranelift_codegen::ir::{
    Function, GcFact, GcHeapType, GcNullability, Inst, InstructionData, Opcode, Type, Value,
    ValueDef, types,
};
use smallvec::SmallVec;

/// The number of assignments.
pub(crate) const LANES: usize = 16;

/// A value under each assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lanes {
    pub(crate) bits: [u128; LANES],
    /// Which lanes hold: bit `i` for lane `i`.
    pub(crate) valid: u16,
}

impl Lanes {
    /// The first lane that holds on both sides and differs.
    pub(crate) fn difference(&self, other: &Lanes) -> Option<usize> {
        self.lanes_with(other)
            .find(|&lane| self.bits[lane] != other.bits[lane])
    }

    /// The lanes that hold on both sides.
    pub(crate) fn lanes_with(&self, other: &Lanes) -> impl Iterator<Item = usize> + use<> {
        let valid = self.valid & other.valid;
        (0..LANES).filter(move |lane| valid & (1 << lane) != 0)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Memo {
    Missing,
    Unknown,
    Known(u32),
}

/// The signatures of a function's values, computed as they are asked for.
#[derive(Default)]
pub(crate) struct Signatures {
    memo: Vec<Option<u32>>,
    known: Vec<Lanes>,
    /// What values are as sums, and which are the same.
    pub(crate) sums: Sums,
    /// What was found out about forwarded loads with all that.
    pub(crate) walks: Walks,
}

/// The memo of a value that has no signature.
const UNKNOWN: u32 = u32::MAX;

impl Signatures {
    /// Signatures for which flags of loads count for nothing.
    pub(crate) fn with_opaque_loads() -> Self {
        let mut signatures = Signatures::default();
        signatures.sums.are_loads_opaque = true;
        signatures
    }

    /// What stands for `value`.
    #[inline]
    pub(crate) fn root(&self, func: &Function, value: Value) -> Value {
        self.sums.equality.root(func, value)
    }

    /// From now on, the opaque `value` is `same`.
    pub(crate) fn merge(&mut self, func: &Function, value: Value, same: Value) {
        let (value, same) = (self.root(func, value), self.root(func, same));
        if value == same {
            return;
        }
        self.sums.equality.merge(value, same);
        if self.sums.forget(value) {
            self.walks.clear();
        }
        if self.sums.may_be_of_slot(func, same) {
            self.sums.forget_slots();
        }
        // What was computed with the leaf that is none would differ from what will be.
        if self.memo(value) != Memo::Missing {
            self.forget();
        }
    }

    /// Forget what was computed.
    pub(crate) fn forget(&mut self) {
        self.memo.clear();
        self.known.clear();
        self.walks.clear();
    }

    fn memo(&self, value: Value) -> Memo {
        match self.memo.get(value.as_u32() as usize).copied().flatten() {
            None => Memo::Missing,
            Some(UNKNOWN) => Memo::Unknown,
            Some(index) => Memo::Known(index),
        }
    }

    fn set(&mut self, value: Value, lanes: Option<Lanes>) {
        let at = value.as_u32() as usize;
        if self.memo.len() <= at {
            self.memo.resize(at + 1, None);
        }
        self.memo[at] = Some(match lanes {
            None => UNKNOWN,
            Some(lanes) => {
                self.known.push(lanes);
                self.known.len() as u32 - 1
            }
        });
    }

    /// The signature of `value`, if it has one.
    pub(crate) fn of(&mut self, func: &Function, value: Value) -> Option<Lanes> {
        let known = self.known_of(func, value)?;
        Some(self.known[known as usize])
    }

    /// The first lane that holds for both values and in which they differ, if both have signatures.
    pub(crate) fn difference(&mut self, func: &Function, a: Value, b: Value) -> Option<usize> {
        let a = self.known_of(func, a)?;
        let b = self.known_of(func, b)?;
        if a == b {
            return None;
        }
        self.known[a as usize].difference(&self.known[b as usize])
    }

    /// Does `value` have a signature?
    pub(crate) fn has(&mut self, func: &Function, value: Value) -> bool {
        let root = self.root(func, value);
        // NB: That of a leaf is not computed before it is compared.
        match func.dfg.value_def(root) {
            ValueDef::Param(..) => has_lanes(func.dfg.value_type(root)),
            ValueDef::Result(inst, _)
                if is_opaque(func.dfg.insts[inst].opcode())
                    && !self.sums.is_unchanging(func, inst) =>
            {
                has_lanes(func.dfg.value_type(root))
            }
            ValueDef::Result(..) | ValueDef::Union(..) => self.known_of(func, root).is_some(),
        }
    }

    /// The operands that the signature of `value` is made of.
    fn operands<'f>(&self, func: &'f Function, value: Value) -> &'f [Value] {
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, _)
                if !is_opaque(func.dfg.insts[inst].opcode())
                    || self.sums.is_unchanging(func, inst) =>
            {
                func.dfg.inst_args(inst)
            }
            ValueDef::Result(..) | ValueDef::Param(..) | ValueDef::Union(..) => &[],
        }
    }

    /// The index of the signature of `value`.
    fn known_of(&mut self, func: &Function, value: Value) -> Option<u32> {
        let value = self.root(func, value);
        // Own stack: the depth of an expression is its author's choice.
        let mut pending: SmallVec<[Value; 16]> = SmallVec::from_slice(&[value]);
        while let Some(&top) = pending.last() {
            if self.memo(top) != Memo::Missing {
                pending.pop();
                continue;
            }
            let before = pending.len();
            for &operand in self.operands(func, top) {
                let operand = self.root(func, operand);
                if self.memo(operand) == Memo::Missing {
                    pending.push(operand);
                }
            }
            if pending.len() == before {
                let lanes = self.compute(func, top);
                self.set(top, lanes);
                pending.pop();
            }
        }
        match self.memo(value) {
            Memo::Known(index) => Some(index),
            Memo::Unknown | Memo::Missing => None,
        }
    }

    /// The signature of `value`, all of whose operands have been visited.
    fn compute(&mut self, func: &Function, value: Value) -> Option<Lanes> {
        let ty = func.dfg.value_type(value);
        if !has_lanes(ty) {
            return None;
        }
        let ValueDef::Result(inst, result) = func.dfg.value_def(value) else {
            return Some(allowed(func, value, leaf(value, ty)));
        };
        if let Some(lanes) = address(func, inst, ty) {
            return Some(lanes);
        }
        if self.sums.is_unchanging(func, inst) {
            return self.pure_load(func, inst, ty);
        }
        let data = &func.dfg.insts[inst];
        if is_opaque(data.opcode()) {
            return Some(extended(func, inst, allowed(func, value, leaf(value, ty))));
        }
        let mut args = SmallVec::<[&Lanes; 3]>::new();
        let mut arg_types = SmallVec::<[Type; 3]>::new();
        for &arg in func.dfg.inst_args(inst) {
            match self.memo(self.root(func, arg)) {
                Memo::Known(index) => args.push(&self.known[index as usize]),
                Memo::Unknown | Memo::Missing => return None,
            }
            arg_types.push(func.dfg.value_type(arg));
        }
        let operation = Operation {
            data,
            arg_types: &arg_types,
            result,
            ty,
        };
        lanewise(&operation, &args)
    }

    /// A load that yields the same from the same address, whenever it is made.
    fn pure_load(&mut self, func: &Function, inst: Inst, ty: Type) -> Option<Lanes> {
        let access = access(func, inst)?;
        let addr = self.root(func, access.addr);
        let Memo::Known(index) = self.memo(addr) else {
            return None;
        };
        let addr = self.known[index as usize];
        let mut lanes = addr;
        for (lane, bits) in lanes.bits.iter_mut().enumerate() {
            let key = (addr.bits[lane] as u64).wrapping_add(access.offset as i64 as u64);
            let seed = mix(key ^ mix(kind_of(ty)));
            *bits = random(seed) & low_bits(ty);
        }
        Some(lanes)
    }
}

/// What is simple, and common: the same as [`lanewise`] makes of it.
fn simple(operation: &Operation<'_>, args: &[&Lanes]) -> Option<Lanes> {
    let are_ints = operation.ty.is_int() && operation.arg_types.iter().all(|ty| ty.is_int());
    if !are_ints {
        return None;
    }
    let low = low_bits(operation.ty);
    let binary = |f: fn(u128, u128) -> u128| {
        let &[a, b] = args else { return None };
        Some(Lanes {
            bits: core::array::from_fn(|lane| f(a.bits[lane], b.bits[lane]) & low),
            valid: a.valid & b.valid,
        })
    };
    match operation.data.opcode() {
        Opcode::Iadd => binary(u128::wrapping_add),
        Opcode::Isub => binary(u128::wrapping_sub),
        Opcode::Band => binary(|a, b| a & b),
        Opcode::Bor => binary(|a, b| a | b),
        Opcode::Bxor => binary(|a, b| a ^ b),
        Opcode::Uextend | Opcode::Ireduce => {
            let &[a] = args else { return None };
            Some(Lanes {
                bits: a.bits.map(|bits| bits & low),
                valid: a.valid,
            })
        }
        Opcode::Iconst => match *operation.data {
            InstructionData::UnaryImm { imm, .. } => Some(Lanes {
                bits: [imm.bits() as u64 as u128 & low; LANES],
                valid: u16::MAX,
            }),
            _ => None,
        },
        _ => None,
    }
}

/// Does a value of `ty` fit into lanes?
fn has_lanes(ty: Type) -> bool {
    !ty.is_dynamic_vector() && ty.bits() <= 128
}

fn lanewise(operation: &Operation<'_>, args: &[&Lanes]) -> Option<Lanes> {
    if let Some(lanes) = simple(operation, args) {
        return Some(lanes);
    }
    let mut lanes = Lanes {
        bits: [0; LANES],
        valid: 0,
    };
    let is_select = matches!(
        operation.data.opcode(),
        Opcode::Select | Opcode::SelectSpectreGuard
    );
    let mut operands: SmallVec<[u128; 3]> = args.iter().map(|_| 0).collect();
    for lane in 0..LANES {
        for (operand, arg) in operands.iter_mut().zip(args) {
            *operand = arg.bits[lane];
        }
        let holds = |index: usize| args[index].valid & (1 << lane) != 0;
        let all_hold = match is_select {
            // The arm that is not taken does not matter.
            true => holds(0) && holds(if operands[0] != 0 { 1 } else { 2 }),
            false => (0..args.len()).all(holds),
        };
        match eval(operation, &operands) {
            Outcome::Is(bits) if all_hold => {
                lanes.bits[lane] = bits;
                lanes.valid |= 1 << lane;
            }
            Outcome::Is(_) | Outcome::Undefined => {}
            Outcome::Opaque | Outcome::Unknown => return None,
        }
    }
    Some(lanes)
}

/// Can the first result of `inst` be computed from its operands?
pub(crate) fn is_computed(func: &Function, inst: Inst) -> bool {
    !is_opaque(func.dfg.insts[inst].opcode())
}

/// Addresses that the linker or the frame decides on: the same for the same name.
fn address(func: &Function, inst: Inst, ty: Type) -> Option<Lanes> {
    let (kind, name, offset): (u64, u64, i64) = match func.dfg.insts[inst] {
        InstructionData::StackAddr {
            stack_slot, offset, ..
        } => (1, stack_slot.as_u32().into(), offset.into()),
        InstructionData::FuncAddr { func_ref, .. } => (2, func_ref.as_u32().into(), 0),
        InstructionData::UnaryGlobalValue {
            opcode,
            global_value,
        } => (3 + ((opcode as u64) << 8), global_value.as_u32().into(), 0),
        InstructionData::DynamicStackAddr {
            dynamic_stack_slot, ..
        } => (4, dynamic_stack_slot.as_u32().into(), 0),
        InstructionData::NullAry {
            opcode:
                opcode @ (Opcode::GetFramePointer | Opcode::GetStackPointer | Opcode::GetReturnAddress),
        } => (5, opcode as u64, 0),
        _ => return None,
    };
    let mut lanes = Lanes {
        bits: [0; LANES],
        valid: u16::MAX,
    };
    for (lane, bits) in lanes.bits.iter_mut().enumerate() {
        let base = mix(mix(mix(kind) ^ name) ^ lane as u64) & !0xf;
        *bits = u128::from(base.wrapping_add(offset as u64)) & low_bits(ty);
    }
    Some(lanes)
}

/// `lanes` with the bits that `inst`, if it is a load that extends, can leave in them.
pub(crate) fn extended(func: &Function, inst: Inst, mut lanes: Lanes) -> Lanes {
    let (bits, is_signed) = match func.dfg.insts[inst].opcode() {
        Opcode::Uload8 => (8, false),
        Opcode::Uload16 => (16, false),
        Opcode::Uload32 => (32, false),
        Opcode::Sload8 => (8, true),
        Opcode::Sload16 => (16, true),
        Opcode::Sload32 => (32, true),
        _ => return lanes,
    };
    let ty = func.dfg.value_type(func.dfg.first_result(inst));
    for lane in &mut lanes.bits {
        let shift = 128 - bits;
        *lane = match is_signed {
            true => (((*lane << shift) as i128) >> shift) as u128 & low_bits(ty),
            false => (*lane << shift) >> shift,
        };
    }
    lanes
}

/// A number for `ty`.
fn kind_of(ty: Type) -> u64 {
    u64::from(ty.bits()) << 16 | u64::from(ty.lane_bits()) << 1 | u64::from(ty.is_float())
}

fn low_bits(ty: Type) -> u128 {
    match ty.bits() {
        bits @ 0..=127 => (1 << bits) - 1,
        _ => u128::MAX,
    }
}

/// `lanes` with what the fact of the opaque `value` allows: an index that is even, an i31, which is odd, or
/// null.
fn allowed(func: &Function, value: Value, mut lanes: Lanes) -> Lanes {
    let Some(GcFact::Ref {
        kind,
        nullability,
        traced,
    }) = func.dfg.gc_info.fact(value)
    else {
        return lanes;
    };
    let is_i31 = kind.heap == GcHeapType::I31;
    // NB: Function references, which are not traced, are something else.
    if func.dfg.value_type(value) != types::I32 || !traced && !is_i31 {
        return lanes;
    }
    for bits in &mut lanes.bits {
        if nullability == GcNullability::Null
            || nullability == GcNullability::Nullable && *bits == 0
        {
            *bits = 0;
            continue;
        }
        if *bits == 0 {
            *bits = NON_NULL;
        }
        if is_i31 {
            *bits |= 1;
        } else if !kind.heap.may_be_i31() {
            *bits &= !1;
            *bits |= NON_NULL * u128::from(*bits == 0);
        }
    }
    lanes
}

/// An index that an object can have.
const NON_NULL: u128 = 64;

/// The assignment to an opaque value: corners in the first lanes, random numbers in the others.
fn leaf(value: Value, ty: Type) -> Lanes {
    let mut lanes = Lanes {
        bits: [0; LANES],
        valid: u16::MAX,
    };
    let low = low_bits(ty);
    for (lane, bits) in lanes.bits.iter_mut().enumerate() {
        let seed = || mix(u64::from(value.as_u32()) ^ ((lane as u64 + 1) << 32));
        // In the first two lanes all leaves are alike, for what only shows between equals.
        *bits = low
            & match lane {
                0 => corner(ty, low, 0),
                1 => corner(ty, low, 1),
                2..=6 => corner(ty, low, seed() % 8),
                _ => random(seed()),
            };
    }
    lanes
}

/// A value of `ty`, whose bits are the `low` ones, that a rule may forget.
#[inline]
fn corner(ty: Type, low: u128, which: u64) -> u128 {
    let sign = (low >> 1).wrapping_add(1);
    let is_float = ty.is_float();
    match which {
        0 => 0,
        1 if is_float => float_bits(ty, 1.0),
        1 => 1,
        2 => low,
        3 => sign,
        4 => sign - 1,
        5 if is_float => float_bits(ty, -2.5),
        5 => 2,
        6 if is_float => float_bits(ty, f64::INFINITY),
        6 => 3,
        _ if is_float => float_bits(ty, 1e9),
        _ => 16,
    }
}

fn float_bits(ty: Type, x: f64) -> u128 {
    match ty.bits() {
        32 => (x as f32).to_bits().into(),
        64 => x.to_bits().into(),
        _ => 0,
    }
}

fn random(seed: u64) -> u128 {
    (u128::from(mix(seed)) << 64) | u128::from(mix(seed ^ 0x5555_5555))
}

/// Mix the bits of `x` (the finalizer of SplitMix64).
fn mix(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
