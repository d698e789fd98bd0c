//! Bits that are the same whatever a value is computed of.
//!
//! **Claim.** A bit of a value that is known to be zero, or one, is that on every execution that comes to the point which was
//! asked about.
//!
//! **Strength.** Integers of at most 64 bits. Constants, facts of references, and tests of single bits that dominate the point
//! are the sources. Arithmetic, choices and block parameters are followed, for at most [`MAX_VALUES`] values.
//!
//! **Math.** The lattice of pairs of sets `(zeros, ones)` of bits, ordered by inclusion; where ways meet, what both know. A block
//! parameter is the greatest fixed point of what is passed for it.

use super::kind::is_in_heap;
use crate::analysis::kind::dominating::argument;
use crate::ir::cfg::{Cfg, Edge, constant};
use crate::ir::instruction::access;
use crate::ir::integer::narrow::{fits, mask};
use crate::ir::path::Point;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    Function, GcFact, GcHeapType, GcNullability, Inst, InstructionData, Opcode, Type, Value,
    ValueDef, types,
};

/// How many values are looked at for one.
const MAX_VALUES: u32 = 160;

/// How deep computations are followed.
const MAX_DEPTH: u32 = 24;

/// How often block parameters are looked at again.
const MAX_ROUNDS: u32 = 16;

/// After so many times, the bits above one that is not the same are given up.
const EXACT_ROUNDS: u32 = 2;

/// How many blocks that dominate a point are looked at for tests.
const MAX_BLOCKS: usize = 48;

/// Bits that are zero, and bits that are one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) zeros: u64,
    pub(crate) ones: u64,
    /// Is some bit one, whichever it is?
    pub(crate) is_nonzero: bool,
}

impl Known {
    fn number(n: u64, ty: Type) -> Known {
        Known {
            zeros: !n & mask(ty),
            ones: n & mask(ty),
            is_nonzero: n & mask(ty) != 0,
        }
    }

    /// The lowest bit, if it is known.
    pub(crate) fn lowest(self) -> Option<bool> {
        match (self.zeros & 1, self.ones & 1) {
            (_, 1) => Some(true),
            (1, _) => Some(false),
            _ => None,
        }
    }

    /// Are all bits of a number of this type known?
    pub(crate) fn is_all(self, ty: Type) -> bool {
        self.zeros | self.ones == mask(ty)
    }

    /// May it be zero?
    pub(crate) fn may_be_zero(self) -> bool {
        self.ones == 0 && !self.is_nonzero
    }

    /// May it be a number of this type that is even, and not zero?
    pub(crate) fn may_be_even(self, ty: Type) -> bool {
        self.lowest() != Some(true) && self.zeros | 1 != mask(ty)
    }

    /// What both know.
    fn meet(self, other: Known) -> Known {
        Known {
            zeros: self.zeros & other.zeros,
            ones: self.ones & other.ones,
            is_nonzero: !self.may_be_zero() && !other.may_be_zero(),
        }
    }

    /// What is left of `old`, of which less is known now: the bits below those that changed.
    fn below_changes(self, old: Known) -> Known {
        let lost = (old.zeros | old.ones) & !(self.zeros | self.ones);
        let kept = low_ones(lost.trailing_zeros());
        Known {
            zeros: self.zeros & kept,
            ones: self.ones & kept,
            is_nonzero: self.is_nonzero,
        }
    }

    /// What one or the other knows. What contradicts itself is on no path, and nothing is said of it.
    fn join(self, other: Known) -> Known {
        let (zeros, ones) = (self.zeros | other.zeros, self.ones | other.ones);
        match zeros & ones {
            0 => Known {
                zeros,
                ones,
                is_nonzero: !self.may_be_zero() || !other.may_be_zero(),
            },
            _ => self,
        }
    }

    fn not(self) -> Known {
        Known {
            zeros: self.ones,
            ones: self.zeros,
            is_nonzero: false,
        }
    }

    fn trailing_zeros(self) -> u32 {
        self.zeros.trailing_ones()
    }

    /// How many of the lowest bits are known.
    fn trailing(self) -> u32 {
        (self.zeros | self.ones).trailing_ones()
    }
}

/// What is tested on every way to a point: a value, and what is known of its bits.
pub(crate) type Tests = Vec<(Value, Known)>;

/// The bits of `value` that are known where `tests` were passed. Nothing, if it has no such type, or is never computed.
pub(crate) fn of(func: &Function, cfg: &Cfg, tests: &Tests, value: Value) -> Option<Known> {
    let value = func.dfg.resolve_aliases(value);
    if !fits(func.dfg.value_type(value)) {
        return None;
    }
    let mut finder = Finder {
        func,
        cfg,
        tests,
        asked: value,
        left: MAX_VALUES,
        known: FxHashMap::default(),
        is_tested: true,
        params: FxHashMap::default(),
        order: Vec::new(),
    };
    for round in 0..MAX_ROUNDS {
        finder.known.clear();
        finder.is_tested = true;
        let found = finder.value(value, MAX_DEPTH);
        if !finder.again(round > EXACT_ROUNDS) {
            return found;
        }
    }
    Some(Known::default())
}

struct Finder<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    tests: &'a Tests,
    /// What a fact says of this one is what is in question.
    asked: Value,
    left: u32,
    /// What was found in this round, with the tests and without them.
    known: FxHashMap<(Value, bool), Option<Known>>,
    /// Do the tests hold of what is looked at? What a way into a block passes comes from before them.
    is_tested: bool,
    /// Block parameters, with what is known of them so far: nothing, as long as nothing is passed.
    params: FxHashMap<Value, Option<Known>>,
    /// The same, in the order in which they were found.
    order: Vec<Value>,
}

impl Finder<'_> {
    /// Look at the block parameters again, and give more up if `widens`. Returns whether something changed.
    fn again(&mut self, widens: bool) -> bool {
        let mut changed = false;
        let mut at = 0;
        self.is_tested = false;
        while at < self.order.len() {
            let param = self.order[at];
            at += 1;
            let mut new = self.passed(param);
            let old = self.params[&param];
            if let (true, Some(old), Some(found)) = (widens, old, new) {
                new = Some(found.below_changes(old));
            }
            changed |= new != old;
            self.params.insert(param, new);
        }
        changed
    }

    /// What all ways into its block pass for `param`.
    fn passed(&mut self, param: Value) -> Option<Known> {
        let func = self.func;
        let ValueDef::Param(block, number) = func.dfg.value_def(param) else {
            return Some(Known::default());
        };
        let cfg = self.cfg;
        let Some(node) = cfg.node(block).filter(|&node| node != 0) else {
            return Some(Known::default());
        };
        let mut met: Option<Known> = None;
        for edge in cfg.preds(node) {
            let passed = match argument(func, cfg.block(edge.from), edge, number) {
                Some(arg) => self.value(arg, MAX_DEPTH),
                None => Some(Known::default()),
            };
            met = match (met, passed) {
                (Some(met), Some(passed)) => Some(met.meet(passed)),
                (met, passed) => met.or(passed),
            };
        }
        met
    }

    /// Nothing, if no value gets there as far as is known.
    fn value(&mut self, value: Value, depth: u32) -> Option<Known> {
        let func = self.func;
        let value = func.dfg.resolve_aliases(value);
        let ty = func.dfg.value_type(value);
        if let Some(n) = constant(func, value).filter(|_| fits(ty)) {
            return Some(Known::number(n, ty));
        }
        if let Some(&known) = self.known.get(&(value, self.is_tested)) {
            return known;
        }
        let (Some(depth), Some(left)) = (depth.checked_sub(1), self.left.checked_sub(1)) else {
            return Some(Known::default());
        };
        self.left = left;
        let mut known = match func.dfg.value_def(value) {
            _ if !fits(ty) && !is_float(ty) => Some(Known::default()),
            ValueDef::Result(inst, 0) => self.result(inst, ty, depth),
            ValueDef::Param(block, _) if func.layout.entry_block() != Some(block) => {
                let order = &mut self.order;
                *self.params.entry(value).or_insert_with(|| {
                    order.push(value);
                    None
                })
            }
            ValueDef::Param(..) | ValueDef::Result(..) | ValueDef::Union(..) => {
                Some(Known::default())
            }
        };
        if value != self.asked
            && ty == types::I32
            && let Some(fact) = func.dfg.gc_info.fact(value)
        {
            known = known.map(|known| known.join(by_fact(fact)));
        }
        for &(tested, bits) in self.tests {
            if self.is_tested && tested == value {
                known = known.map(|known| known.join(bits));
            }
        }
        self.known.insert((value, self.is_tested), known);
        known
    }

    fn result(&mut self, inst: Inst, ty: Type, depth: u32) -> Option<Known> {
        let func = self.func;
        let data = func.dfg.insts[inst];
        match data {
            InstructionData::Unary { opcode, arg } => {
                let from = func.dfg.value_type(arg);
                let known = self.value(arg, depth)?;
                Some(unary(opcode, from, ty, known))
            }
            InstructionData::LoadNoOffset {
                opcode: Opcode::Bitcast,
                arg,
                ..
            } => self.value(arg, depth),
            InstructionData::UnaryIeee32 { imm, .. } => {
                Some(Known::number(imm.bits().into(), types::I32))
            }
            InstructionData::UnaryIeee64 { imm, .. } => Some(Known::number(imm.bits(), types::I64)),
            InstructionData::Binary { opcode, args } => {
                let [a, b] = args.map(|arg| func.dfg.resolve_aliases(arg));
                let (x, y) = (self.value(a, depth)?, self.value(b, depth)?);
                Some(self.binary(opcode, ty, (a, x), (b, y)))
            }
            InstructionData::IntAddTrap { args, .. } => {
                let [a, b] = args.map(|arg| func.dfg.resolve_aliases(arg));
                let (x, y) = (self.value(a, depth)?, self.value(b, depth)?);
                Some(self.binary(Opcode::Iadd, ty, (a, x), (b, y)))
            }
            InstructionData::IntCompare { .. } | InstructionData::FloatCompare { .. } => {
                let zeros = mask(ty) & !1;
                Some(Known {
                    zeros,
                    ones: 0,
                    ..Known::default()
                })
                .filter(|_| !ty.is_vector())
            }
            InstructionData::Ternary {
                opcode: Opcode::Select | Opcode::SelectSpectreGuard,
                args: [condition, yes, no],
            } => {
                let condition = self.value(condition, depth);
                let [yes, no] = [yes, no].map(|arm| self.value(arm, depth));
                match condition {
                    Some(condition) if condition.ones != 0 => yes,
                    _ => match (yes, no) {
                        (Some(yes), Some(no)) => Some(yes.meet(no)),
                        (yes, no) => yes.or(no),
                    },
                }
            }
            InstructionData::Ternary {
                opcode: Opcode::Bitselect,
                args,
            } => {
                let [c, a, b] = args.map(|arg| self.value(arg, depth));
                let (c, a, b) = (c?, a?, b?);
                let (zeros, ones) = (a.zeros & b.zeros, a.ones & b.ones);
                Some(Known {
                    zeros: zeros | c.ones & a.zeros | c.zeros & b.zeros,
                    ones: ones | c.ones & a.ones | c.zeros & b.ones,
                    ..Known::default()
                })
            }
            _ => {
                let size = access(func, inst).map(|access| access.size);
                let bits = match (data.opcode(), size) {
                    (Opcode::Uload8 | Opcode::Uload16 | Opcode::Uload32, Some(size)) => 8 * size,
                    _ => return Some(Known::default()),
                };
                let zeros = mask(ty) & !((1 << bits) - 1);
                Some(Known {
                    zeros,
                    ones: 0,
                    ..Known::default()
                })
            }
        }
    }

    fn binary(
        &self,
        opcode: Opcode,
        ty: Type,
        (a, x): (Value, Known),
        (b, y): (Value, Known),
    ) -> Known {
        let low = mask(ty);
        let amount = || {
            let by = constant(self.func, b)?;
            Some((by % u64::from(ty.bits().max(1))) as u32)
        };
        let known = match opcode {
            Opcode::Band => Known {
                zeros: x.zeros | y.zeros,
                ones: x.ones & y.ones,
                ..Known::default()
            },
            Opcode::Bor => Known {
                zeros: x.zeros & y.zeros,
                ones: x.ones | y.ones,
                ..Known::default()
            },
            Opcode::Bxor if a == b => Known::number(0, ty),
            Opcode::Bxor => Known {
                zeros: x.zeros & y.zeros | x.ones & y.ones,
                ones: x.zeros & y.ones | x.ones & y.zeros,
                ..Known::default()
            },
            // Twice the same.
            Opcode::Iadd | Opcode::UaddOverflow | Opcode::SaddOverflow if a == b => left(x, 1),
            Opcode::Iadd | Opcode::UaddOverflow | Opcode::SaddOverflow => sum(x, y, low, false),
            Opcode::Isub | Opcode::UsubOverflow | Opcode::SsubOverflow if a == b => {
                Known::number(0, ty)
            }
            Opcode::Isub | Opcode::UsubOverflow | Opcode::SsubOverflow => {
                sum(x, y.not(), low, true)
            }
            Opcode::Imul | Opcode::UmulOverflow | Opcode::SmulOverflow => product(x, y),
            // What is chosen is one of both.
            Opcode::Umin | Opcode::Umax | Opcode::Smin | Opcode::Smax => x.meet(y),
            Opcode::Ishl => match amount() {
                Some(by) => left(x, by),
                None => Known {
                    zeros: low_ones(x.trailing_zeros()),
                    ones: 0,
                    ..Known::default()
                },
            },
            Opcode::Ushr => match amount() {
                Some(by) => Known {
                    zeros: x.zeros >> by | low & !(low >> by),
                    ones: x.ones >> by,
                    ..Known::default()
                },
                None => Known {
                    zeros: leading_zeros(x, ty),
                    ones: 0,
                    ..Known::default()
                },
            },
            Opcode::Sshr => match amount() {
                Some(by) => {
                    let sign = 1u64 << (ty.bits() - 1);
                    let filled = low & !(low >> by);
                    Known {
                        zeros: x.zeros >> by | filled & flag(x.zeros & sign != 0),
                        ones: x.ones >> by | filled & flag(x.ones & sign != 0),
                        ..Known::default()
                    }
                }
                None => Known::default(),
            },
            Opcode::Rotl | Opcode::Rotr => match amount() {
                Some(by) => {
                    let by = match opcode {
                        Opcode::Rotl => by,
                        _ => (ty.bits() - by) % ty.bits(),
                    };
                    let turn = |bits: u64| match by {
                        0 => bits,
                        by => bits << by | bits >> (ty.bits() - by),
                    };
                    Known {
                        zeros: turn(x.zeros),
                        ones: turn(x.ones),
                        ..Known::default()
                    }
                }
                None => Known::default(),
            },
            Opcode::Urem => match constant(self.func, b) {
                Some(n) if n.is_power_of_two() => Known {
                    zeros: x.zeros | low & !(n - 1),
                    ones: x.ones & (n - 1),
                    ..Known::default()
                },
                _ => Known {
                    zeros: leading_zeros(x, ty),
                    ones: 0,
                    ..Known::default()
                },
            },
            Opcode::Udiv => Known {
                zeros: leading_zeros(x, ty),
                ones: 0,
                ..Known::default()
            },
            _ => Known::default(),
        };
        let (a, b) = (!x.may_be_zero(), !y.may_be_zero());
        let is_nonzero = match opcode {
            Opcode::Bor | Opcode::Umax => a || b,
            Opcode::Umin | Opcode::Smin | Opcode::Smax => a && b,
            Opcode::Rotl | Opcode::Rotr => a,
            _ => false,
        };
        Known {
            zeros: known.zeros & low,
            ones: known.ones & low,
            is_nonzero,
        }
    }
}

fn is_float(ty: Type) -> bool {
    ty == types::F32 || ty == types::F64
}

fn flag(is: bool) -> u64 {
    if is { u64::MAX } else { 0 }
}

fn low_ones(count: u32) -> u64 {
    1u64.checked_shl(count).map_or(u64::MAX, |bit| bit - 1)
}

/// The bits from the highest one on that are known to be zero.
fn leading_zeros(x: Known, ty: Type) -> u64 {
    let shift = 64 - ty.bits();
    let count = (x.zeros << shift).leading_ones().min(ty.bits());
    mask(ty) & !low_ones(ty.bits() - count)
}

fn left(x: Known, by: u32) -> Known {
    Known {
        zeros: x.zeros << by | low_ones(by),
        ones: x.ones << by,
        ..Known::default()
    }
}

/// What is known of the sum of both, and of one more if so.
///
/// The largest and the least sum that are possible have the same carries where these are known.
fn sum(x: Known, y: Known, low: u64, is_one_more: bool) -> Known {
    let more = u64::from(is_one_more);
    let largest = (!x.zeros & low)
        .wrapping_add(!y.zeros & low)
        .wrapping_add(more)
        & low;
    let least = x.ones.wrapping_add(y.ones).wrapping_add(more) & low;
    let no_carry = !(largest ^ x.zeros ^ y.zeros);
    let carry = least ^ x.ones ^ y.ones;
    let known = (x.zeros | x.ones) & (y.zeros | y.ones) & (no_carry | carry) & low;
    Known {
        zeros: !largest & known,
        ones: least & known,
        ..Known::default()
    }
}

fn product(x: Known, y: Known) -> Known {
    let (zeros_x, zeros_y) = (x.trailing_zeros(), y.trailing_zeros());
    let zeros = zeros_x.saturating_add(zeros_y);
    let known = (x.trailing() - zeros_x).min(y.trailing() - zeros_y);
    let bits = low_ones(zeros.saturating_add(known).min(64));
    let n = x.ones.wrapping_mul(y.ones);
    match x.zeros == u64::MAX || y.zeros == u64::MAX {
        true => Known::default(),
        false => Known {
            zeros: !n & bits,
            ones: n & bits,
            ..Known::default()
        },
    }
}

fn unary(opcode: Opcode, from: Type, to: Type, known: Known) -> Known {
    if !fits(from) {
        return Known::default();
    }
    let (bits, low) = (from.bits(), mask(to));
    let is_nonzero = !known.may_be_zero();
    let count = |most: u32| Known {
        zeros: low & !low_ones(u32::BITS - most.leading_zeros()),
        ones: 0,
        ..Known::default()
    };
    let known = match opcode {
        Opcode::Uextend => Known {
            zeros: known.zeros | !mask(from),
            ones: known.ones,
            ..Known::default()
        },
        Opcode::Sextend => {
            let sign = 1u64 << (bits - 1);
            Known {
                zeros: known.zeros | !mask(from) & flag(known.zeros & sign != 0),
                ones: known.ones | !mask(from) & flag(known.ones & sign != 0),
                ..Known::default()
            }
        }
        Opcode::Ireduce => known,
        Opcode::Bnot => known.not(),
        Opcode::Ineg => sum(Known::number(0, from), known.not(), low, true),
        // The lowest bit of a number is that of its opposite.
        Opcode::Iabs => {
            let zeros = low_ones(known.trailing_zeros());
            Known {
                zeros,
                ones: (zeros + 1) & known.ones,
                ..Known::default()
            }
        }
        Opcode::Popcnt => count((!known.zeros & mask(from)).count_ones()),
        Opcode::Clz | Opcode::Ctz | Opcode::Cls => count(bits),
        Opcode::Bswap => Known {
            zeros: known.zeros.swap_bytes() >> (64 - bits),
            ones: known.ones.swap_bytes() >> (64 - bits),
            ..Known::default()
        },
        Opcode::Bitrev => Known {
            zeros: known.zeros.reverse_bits() >> (64 - bits),
            ones: known.ones.reverse_bits() >> (64 - bits),
            ..Known::default()
        },
        _ => Known::default(),
    };
    let keeps = matches!(
        opcode,
        Opcode::Uextend
            | Opcode::Sextend
            | Opcode::Ineg
            | Opcode::Iabs
            | Opcode::Popcnt
            | Opcode::Bswap
            | Opcode::Bitrev
    );
    Known {
        zeros: known.zeros & low,
        ones: known.ones & low,
        is_nonzero: keeps && is_nonzero,
    }
}

/// What the fact of a reference says of its bits: an i31 is odd, and an object and null are even.
fn by_fact(fact: GcFact) -> Known {
    let GcFact::Ref {
        kind, nullability, ..
    } = fact
    else {
        return Known::default();
    };
    if !is_in_heap(kind.heap) {
        return Known::default();
    }
    match (nullability, kind.heap) {
        (GcNullability::Null, _) => Known::number(0, types::I32),
        (GcNullability::NonNull, GcHeapType::I31) => Known {
            zeros: 0,
            ones: 1,
            ..Known::default()
        },
        _ if !kind.heap.may_be_i31() => Known {
            zeros: 1,
            ones: 0,
            ..Known::default()
        },
        _ => Known::default(),
    }
}

// --- Tests ------------------------------------------------------------------------------------

/// What is tested on every way to `point`, in the blocks that dominate it.
pub(crate) fn tests_before(func: &Function, cfg: &Cfg, point: Point) -> Tests {
    let mut tests = Vec::new();
    let (mut node, mut until) = (point.node, point.inst);
    for _ in 0..MAX_BLOCKS {
        for inst in func.layout.block_insts(cfg.block(node)) {
            if Some(inst) == until {
                break;
            }
            if let InstructionData::CondTrap { opcode, arg, .. } = func.dfg.insts[inst] {
                note(func, arg, opcode == Opcode::Trapz, &mut tests);
            }
        }
        until = None;
        let mut edges = cfg.preds(node);
        if let (Some(edge), None) = (edges.next(), edges.next())
            && let Some((condition, is)) = condition_of(func, cfg, edge)
        {
            note(func, condition, is, &mut tests);
        }
        match cfg.idom(node) {
            Some(idom) if idom != node => node = idom,
            _ => break,
        }
    }
    tests
}

/// The condition under which `edge` is taken, and what it is then.
fn condition_of(func: &Function, cfg: &Cfg, edge: Edge) -> Option<(Value, bool)> {
    let last = func.layout.last_inst(cfg.block(edge.from))?;
    match func.dfg.insts[last] {
        InstructionData::Brif { arg, .. } => Some((arg, edge.dest == 0)),
        _ => None,
    }
}

/// Add what follows from `condition` being other than zero, or zero.
fn note(func: &Function, condition: Value, is: bool, tests: &mut Tests) {
    let mut pending = vec![(condition, is)];
    for _ in 0..MAX_DEPTH {
        let Some((value, is)) = pending.pop() else {
            return;
        };
        let value = func.dfg.resolve_aliases(value);
        let ty = func.dfg.value_type(value);
        if !fits(ty) {
            continue;
        }
        match is {
            false => tests.push((value, Known::number(0, ty))),
            true => {
                let is_nonzero = true;
                tests.push((
                    value,
                    Known {
                        is_nonzero,
                        ..Known::default()
                    },
                ));
            }
        }
        let Some(inst) = func.dfg.value_def(value).inst() else {
            continue;
        };
        match func.dfg.insts[inst] {
            InstructionData::Unary {
                opcode: Opcode::Uextend | Opcode::Sextend,
                arg,
            } => pending.push((arg, is)),
            InstructionData::Binary { opcode, args } => {
                let [a, b] = args.map(|arg| func.dfg.resolve_aliases(arg));
                let (of, number) = match (constant(func, a), constant(func, b)) {
                    (_, Some(n)) => (a, Some(n)),
                    (Some(n), None) => (b, Some(n)),
                    (None, None) => (a, None),
                };
                match (opcode, number) {
                    (Opcode::Band, Some(bits)) => masked(of, bits, ty, is, tests),
                    (Opcode::Bor, _) if !is => pending.extend([(a, false), (b, false)]),
                    _ => {}
                }
            }
            InstructionData::IntCompare { cond, args, .. } => {
                let [a, b] = args.map(|arg| func.dfg.resolve_aliases(arg));
                let ty = func.dfg.value_type(a);
                let (of, n) = match (constant(func, a), constant(func, b)) {
                    (_, Some(n)) => (a, n),
                    (Some(n), None) => (b, n),
                    (None, None) => continue,
                };
                let is_equal = match cond {
                    IntCC::Equal => is,
                    IntCC::NotEqual => !is,
                    _ => continue,
                };
                equals(func, (of, ty), n, is_equal, tests);
                if n == 0 {
                    pending.push((of, !is_equal));
                }
            }
            _ => {}
        }
    }
}

/// Add what follows from `of & bits` being other than zero, or zero.
fn masked(of: Value, bits: u64, ty: Type, is: bool, tests: &mut Tests) {
    let bits = bits & mask(ty);
    match is {
        false => tests.push((
            of,
            Known {
                zeros: bits,
                ones: 0,
                ..Known::default()
            },
        )),
        true if bits.is_power_of_two() => tests.push((
            of,
            Known {
                zeros: 0,
                ones: bits,
                ..Known::default()
            },
        )),
        true => {}
    }
}

/// Add what follows from `of` being `n`, or something else.
fn equals(func: &Function, (of, ty): (Value, Type), n: u64, is: bool, tests: &mut Tests) {
    if is && fits(ty) {
        tests.push((of, Known::number(n, ty)));
    }
    let Some(inst) = func.dfg.value_def(of).inst() else {
        return;
    };
    let InstructionData::Binary {
        opcode: Opcode::Band,
        args: [a, b],
    } = func.dfg.insts[inst]
    else {
        return;
    };
    let (of, bits) = match (constant(func, a), constant(func, b)) {
        (_, Some(bits)) => (a, bits),
        (Some(bits), None) => (b, bits),
        (None, None) => return,
    };
    let bits = bits & mask(ty);
    let of = func.dfg.resolve_aliases(of);
    match is {
        true => tests.push((
            of,
            Known {
                zeros: bits & !n,
                ones: bits & n,
                ..Known::default()
            },
        )),
        // Of one bit there are two values.
        false if bits.is_power_of_two() && n & !bits == 0 => tests.push((
            of,
            Known {
                zeros: bits & n,
                ones: bits & !n,
                ..Known::default()
            },
        )),
        false => {}
    }
}

#[cfg(test)]
mod tests;
