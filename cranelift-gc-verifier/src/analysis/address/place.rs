//! Where a memory access goes, from the address alone.
//!
//! **Claim.** Two accesses that do not trap and have the same base go to the memory that their offsets say, if
//! nothing that the base is made of is defined again between them. Alias regions are not asked: they are what
//! the producer, and the optimizer after it, claim.
//!
//! **Strength.** Accesses with different bases may go to the same memory, unless both are stack slots.
//!
//! **Math.** An access is a pair of a base and the interval `[offset, offset + size)`. Two intervals on one
//! base are compared as intervals.

use super::equality::Equality;
use super::sum::{Base, Sums};
use crate::ir::cfg::constant;
use crate::ir::instruction::Access;
use crate::ir::linear::{Linear, null_check_by};
use cranelift_codegen::ir::{
    Block, Function, Inst, MemFlagsData, Opcode, StackSlot, Value, ValueDef,
};
use smallvec::SmallVec;

/// A range of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) base: Base,
    pub(crate) offset: i64,
    pub(crate) size: u32,
}

/// How one range lies to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Relation {
    /// They have no byte in common.
    Disjoint,
    /// This one starts so many bytes after the other one, and they have bytes in common.
    Overlaps(i64),
    /// That is not known.
    Unknown,
}

impl Place {
    /// Where `access` goes.
    pub(crate) fn of(func: &Function, sums: &mut Sums, access: &Access) -> Place {
        let (base, offset) = base_of(func, sums, access.addr, access.flags);
        Place {
            base,
            offset: offset.wrapping_add(access.offset.into()),
            size: access.size,
        }
    }

    /// How this range lies to `other`.
    pub(crate) fn relation(&self, other: &Place) -> Relation {
        match (self.base, other.base) {
            (Base::Slot(a), Base::Slot(b)) if a != b => Relation::Disjoint,
            (a, b) if a == b => {
                let distance = i128::from(self.offset) - i128::from(other.offset);
                if distance >= i128::from(other.size) || -distance >= i128::from(self.size) {
                    Relation::Disjoint
                } else {
                    Relation::Overlaps(distance as i64)
                }
            }
            _ => Relation::Unknown,
        }
    }

    /// Does this range contain all of `other`?
    pub(crate) fn covers(&self, other: &Place) -> bool {
        match self.relation(other) {
            Relation::Overlaps(distance) => {
                distance <= 0 && i64::from(self.size) + distance >= i64::from(other.size)
            }
            Relation::Disjoint | Relation::Unknown => false,
        }
    }

    /// The stack slot that it is in.
    pub(crate) fn slot(&self) -> Option<StackSlot> {
        match self.base {
            Base::Slot(slot) => Some(slot),
            Base::Terms(_) | Base::Value(_) => None,
        }
    }
}

/// What an address is relative to, and what is added to that.
pub(crate) fn base_of(
    func: &Function,
    sums: &mut Sums,
    addr: Value,
    flags: MemFlagsData,
) -> (Base, i64) {
    if let Some(known) = sums.base(addr) {
        return known;
    }
    let (accessed, is_for_all) = guarded(func, &sums.equality, addr, flags);
    // Addresses of fewer bits wrap where these do not.
    if func.dfg.value_type(accessed).bits() != 64 {
        return (Base::Value(sums.equality.root(func, accessed)), 0);
    }
    let sum = sums.linear(func, accessed);
    let base = match sums.slot(sum.terms) {
        Some(slot) => Base::Slot(slot),
        None => Base::Terms(sum.terms),
    };
    let found = (base, sum.constant as i64);
    if is_for_all {
        sums.set_base(addr, found);
    }
    found
}

/// How deep an expression is looked into for a slot.
const DEPTH: u32 = 24;

impl Sums {
    /// May the address of a slot take part in `value`?
    pub(crate) fn may_be_of_slot(&mut self, func: &Function, value: Value) -> bool {
        self.may_be_of_slot_within(func, value, DEPTH)
    }

    fn may_be_of_slot_within(&mut self, func: &Function, value: Value, depth: u32) -> bool {
        let value = self.equality.root(func, value);
        if let Some(known) = self.known_of_slot(value) {
            return known;
        }
        let Some(depth) = depth.checked_sub(1) else {
            return true;
        };
        let found = match func.dfg.value_def(value) {
            ValueDef::Result(inst, _) => {
                let opcode = func.dfg.insts[inst].opcode();
                let is_leaf = opcode.is_call() || opcode.can_load();
                let mut args = func.dfg.inst_args(inst).iter();
                opcode == Opcode::StackAddr
                    || !is_leaf && args.any(|&arg| self.may_be_of_slot_within(func, arg, depth))
            }
            ValueDef::Param(..) => false,
            ValueDef::Union(..) => true,
        };
        self.set_of_slot(value, found);
        found
    }
}

/// Where an access of `addr` goes if it does not trap: behind a check of bounds that makes it null.
/// Returns also whether that is the same for every access.
fn guarded(
    func: &Function,
    equality: &Equality,
    addr: Value,
    flags: MemFlagsData,
) -> (Value, bool) {
    let addr = equality.root(func, addr);
    let ValueDef::Result(inst, _) = func.dfg.value_def(addr) else {
        return (addr, true);
    };
    let format = &func.dfg.insts[inst];
    if !matches!(Linear::of(format, 0), Linear::Choice(_)) {
        return (addr, true);
    }
    let number = |value| constant(func, equality.root(func, value));
    let check = null_check_by(format, number).filter(|_| flags.trap_code().is_some());
    (check.map_or(addr, |check| check.checked), false)
}

/// Where the value of an expression can change: the definitions that it is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaves {
    pub(crate) blocks: SmallVec<[Block; 4]>,
    pub(crate) insts: SmallVec<[Inst; 4]>,
}

impl Leaves {
    /// Is nothing made anew?
    pub(crate) fn is_empty(&self) -> bool {
        self.blocks.is_empty() && self.insts.is_empty()
    }

    /// Add what `value` is made of. Returns whether that is all.
    pub(crate) fn add(&mut self, func: &Function, sums: &Sums, value: Value) -> bool {
        let mut pending: SmallVec<[Value; 8]> = SmallVec::from_slice(&[value]);
        let mut visits = 0;
        while let Some(value) = pending.pop() {
            visits += 1;
            if visits > 64 {
                return false;
            }
            let value = sums.equality.root(func, value);
            match func.dfg.value_def(value) {
                ValueDef::Param(block, _) => self.blocks.push(block),
                ValueDef::Result(inst, _) => {
                    let opcode = func.dfg.insts[inst].opcode();
                    let is_computed = !opcode.can_load()
                        && !opcode.is_call()
                        && !opcode.other_side_effects()
                        && !opcode.can_trap();
                    let is_pure = is_computed || sums.is_unchanging(func, inst);
                    if !is_pure {
                        self.insts.push(inst);
                    }
                    // What a pure load reads depends on its address, wherever it is made.
                    if is_pure || opcode.can_load() {
                        pending.extend(func.dfg.inst_args(inst).iter().copied());
                    }
                }
                ValueDef::Union(..) => return false,
            }
        }
        true
    }
}
