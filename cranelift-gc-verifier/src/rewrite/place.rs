//! Where a memory access goes, from the address alone.
//!
//! **Claim.** Two accesses with the same base, between which nothing that the base is made of is
//! defined anew, go to the memory that their offsets say. Alias regions are not asked: they are
//! what the producer, and the optimizer after it, claim.
//!
//! **Strength.** Accesses with different bases may go to the same memory, unless both are stack slots.

use super::signature::Signatures;
use crate::cfg::constant;
use crate::memory::Access;
use cranelift_codegen::ir::{
    Block, Function, Inst, InstructionData, Opcode, StackSlot, Value, ValueDef,
};
use smallvec::SmallVec;

/// What an address is relative to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Base {
    /// A stack slot of this function.
    Slot(StackSlot),
    /// A value.
    Value(Value),
}

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
    pub(crate) fn of(func: &Function, signatures: &mut Signatures, access: &Access) -> Place {
        let (base, offset) = known_base_of(func, signatures, access.addr);
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
            Base::Value(_) => None,
        }
    }
}

/// What `addr` is relative to, and what is added to that. It is remembered.
pub(crate) fn known_base_of(
    func: &Function,
    signatures: &mut Signatures,
    addr: Value,
) -> (Base, i64) {
    if let Some(known) = signatures.places[addr] {
        // NB: What it is relative to may have been found to be another value since.
        match known.0 {
            Base::Value(base) if signatures.root(func, base) != base => {}
            Base::Value(_) | Base::Slot(_) => return known,
        }
    }
    let (mut base, mut offset) = base_of(func, signatures, addr);
    // Addresses of fewer bits wrap where these do not.
    if func.dfg.value_type(addr).bits() != 64 && !matches!(base, Base::Slot(_)) {
        base = Base::Value(signatures.root(func, addr));
        offset = 0;
    }
    signatures.places[addr] = Some((base, offset));
    (base, offset)
}

/// What `addr` is relative to, and what is added to that.
fn base_of(func: &Function, signatures: &Signatures, addr: Value) -> (Base, i64) {
    let mut offset = 0i64;
    let mut addr = signatures.root(func, addr);
    let mut base = Base::Value(addr);
    // NB: Longer chains than this are none that anyone wrote.
    for _ in 0..32 {
        let ValueDef::Result(inst, _) = func.dfg.value_def(addr) else {
            break;
        };
        let (next, add) = match func.dfg.insts[inst] {
            InstructionData::StackAddr {
                stack_slot,
                offset: start,
                ..
            } => {
                offset = offset.wrapping_add(start.into());
                base = Base::Slot(stack_slot);
                break;
            }
            InstructionData::Binary {
                opcode: Opcode::Iadd,
                args: [a, b],
            } => {
                let (a, b) = (signatures.root(func, a), signatures.root(func, b));
                match constant(func, b) {
                    Some(n) => (a, n as i64),
                    None => match constant(func, a) {
                        Some(n) => (b, n as i64),
                        None => break,
                    },
                }
            }
            InstructionData::Binary {
                opcode: Opcode::Isub,
                args: [a, b],
            } => match constant(func, signatures.root(func, b)) {
                Some(n) => (signatures.root(func, a), (n as i64).wrapping_neg()),
                None => break,
            },
            _ => break,
        };
        addr = next;
        offset = offset.wrapping_add(add);
        base = Base::Value(addr);
    }
    (base, offset)
}

/// Where the value of an expression can change: the definitions that it is made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct Leaves {
    pub(crate) blocks: SmallVec<[Block; 4]>,
    pub(crate) insts: SmallVec<[Inst; 4]>,
}

impl Leaves {
    /// Add what `value` is made of. Returns whether that is all.
    pub(crate) fn add(&mut self, func: &Function, signatures: &Signatures, value: Value) -> bool {
        let mut pending: SmallVec<[Value; 8]> = SmallVec::from_slice(&[value]);
        let mut visits = 0;
        while let Some(value) = pending.pop() {
            visits += 1;
            if visits > 64 {
                return false;
            }
            let value = signatures.root(func, value);
            match func.dfg.value_def(value) {
                ValueDef::Param(block, _) => self.blocks.push(block),
                ValueDef::Result(inst, _) => {
                    let opcode = func.dfg.insts[inst].opcode();
                    let is_pure = !opcode.can_load()
                        && !opcode.is_call()
                        && !opcode.other_side_effects()
                        && !opcode.can_trap();
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
