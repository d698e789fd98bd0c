//! The errors: entities, not sentences.

use crate::code::Code;
use crate::fault::MapFault;
use core::fmt;
use cranelift_codegen::ir::{Inst, StackSlot, Type, Value};

/// What a stack slot was found to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Held {
    /// Nothing that was stored.
    Unset,
    /// What was stored for this value.
    Value(Value),
    /// On different paths, what was stored for different values.
    Conflict(Value, Value),
    /// On some path, nothing that was stored.
    MaybeUnset,
    /// Bytes of a store that does not cover exactly the entry.
    Partial,
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Unset => f.write_str("nothing that was stored"),
            Held::Value(value) => write!(f, "{value}"),
            Held::Conflict(a, b) => write!(f, "{a} or {b}, by path"),
            Held::MaybeUnset => f.write_str("on some path nothing that was stored"),
            Held::Partial => f.write_str("a store of another size or offset"),
        }
    }
}

/// Why the contents of a mapped slot cannot be a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NonReference {
    /// The entry's type is one that no reference has.
    EntryType(Type),
    /// The entry does not lie within its slot.
    OutOfBounds {
        /// The slot's size in bytes.
        slot_size: u32,
    },
    /// The entry overlaps another one of the same stack map.
    Overlaps,
    /// A value of another type was stored.
    StoredType(Type),
    /// A constant was stored that is neither null nor an i31.
    Constant(i64),
    /// A pointer derived from a reference was stored.
    Derived,
    /// A store covers only part of the entry, or more than it.
    Partial,
}

impl fmt::Display for NonReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NonReference::EntryType(ty) => write!(f, "no reference has type {ty}"),
            NonReference::OutOfBounds { slot_size } => {
                write!(f, "the entry ends outside the slot's {slot_size} bytes")
            }
            NonReference::Overlaps => f.write_str("the entry overlaps another one"),
            NonReference::StoredType(ty) => write!(f, "a value of type {ty} was stored there"),
            NonReference::Constant(n) => {
                write!(
                    f,
                    "the constant {n} was stored there, neither null nor an i31"
                )
            }
            NonReference::Derived => f.write_str("a derived pointer was stored there"),
            NonReference::Partial => f.write_str("a store of another size or offset wrote there"),
        }
    }
}

/// A broken invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GcError {
    /// [`Code::Gcv01`]: `value`, or the slot that it is reloaded from, is used at `inst`, and
    /// `safepoint` on the way there does not have it in its stack map.
    MissingRoot {
        /// The use.
        inst: Inst,
        /// The reference.
        value: Value,
        /// The safepoint.
        safepoint: Inst,
    },
    /// [`Code::Gcv02`]: `value` is used at `inst` after `safepoint` without a reload.
    StaleReference {
        /// The use.
        inst: Inst,
        /// The reference.
        value: Value,
        /// The safepoint.
        safepoint: Inst,
    },
    /// [`Code::Gcv03`]: the stack map of `inst`, or a reload there, relies on a slot that holds
    /// no reference on some path.
    UninitializedRoot {
        /// The safepoint or reload.
        inst: Inst,
        /// The slot.
        slot: StackSlot,
        /// The offset in the slot, in bytes.
        offset: u32,
        /// What it holds.
        held: Held,
    },
    /// [`Code::Gcv04`]: the reload `inst` does not see what was spilled for it.
    ClobberedRoot {
        /// The reload.
        inst: Inst,
        /// The reloaded value.
        value: Value,
        /// The slot.
        slot: StackSlot,
        /// The offset in the slot, in bytes.
        offset: u32,
        /// The value that the reload stands for, if that is known.
        expected: Option<Value>,
        /// What the slot holds.
        held: Held,
    },
    /// [`Code::Gcv05`]: an entry of the stack map of `inst` names no reference.
    NonReferenceRoot {
        /// The safepoint.
        inst: Inst,
        /// The slot.
        slot: StackSlot,
        /// The offset in the slot, in bytes.
        offset: u32,
        /// The stored value, if one is to blame.
        value: Option<Value>,
        /// Why it is none.
        why: NonReference,
    },
    /// [`Code::Gcv06`]: `value`, derived from the reference `base`, is used at `inst` after
    /// `safepoint`.
    StaleDerivedPointer {
        /// The use.
        inst: Inst,
        /// The derived pointer.
        value: Value,
        /// The reference that it is derived from.
        base: Value,
        /// The safepoint.
        safepoint: Inst,
    },
    /// [`Code::Gcv09`]: the stack map of `inst` is not what became of it after CLIF.
    LostStackMap {
        /// The safepoint.
        inst: Inst,
        /// How it got lost.
        fault: MapFault,
    },
}

impl GcError {
    /// The check that found it.
    pub fn code(&self) -> Code {
        match self {
            GcError::MissingRoot { .. } => Code::Gcv01,
            GcError::StaleReference { .. } => Code::Gcv02,
            GcError::UninitializedRoot { .. } => Code::Gcv03,
            GcError::ClobberedRoot { .. } => Code::Gcv04,
            GcError::NonReferenceRoot { .. } => Code::Gcv05,
            GcError::StaleDerivedPointer { .. } => Code::Gcv06,
            GcError::LostStackMap { .. } => Code::Gcv09,
        }
    }

    /// The guilty instruction.
    pub fn inst(&self) -> Inst {
        match *self {
            GcError::MissingRoot { inst, .. }
            | GcError::StaleReference { inst, .. }
            | GcError::UninitializedRoot { inst, .. }
            | GcError::ClobberedRoot { inst, .. }
            | GcError::NonReferenceRoot { inst, .. }
            | GcError::StaleDerivedPointer { inst, .. }
            | GcError::LostStackMap { inst, .. } => inst,
        }
    }

    /// The mistreated value, if there is one.
    pub fn value(&self) -> Option<Value> {
        match *self {
            GcError::MissingRoot { value, .. }
            | GcError::StaleReference { value, .. }
            | GcError::ClobberedRoot { value, .. }
            | GcError::StaleDerivedPointer { value, .. } => Some(value),
            GcError::NonReferenceRoot { value, .. } => value,
            GcError::UninitializedRoot { .. } | GcError::LostStackMap { .. } => None,
        }
    }
}

impl core::error::Error for GcError {}

impl fmt::Display for GcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            GcError::MissingRoot {
                inst,
                value,
                safepoint,
            } => write!(
                f,
                "{inst} uses GC reference {value}, which is not in the stack map of safepoint \
                 {safepoint}"
            ),
            GcError::StaleReference {
                inst,
                value,
                safepoint,
            } => write!(
                f,
                "{inst} uses GC reference {value} after safepoint {safepoint} without a reload"
            ),
            GcError::UninitializedRoot {
                inst,
                slot,
                offset,
                held,
            } => write!(f, "{inst} relies on {slot}+{offset}, which holds {held}"),
            GcError::ClobberedRoot {
                inst,
                value,
                slot,
                offset,
                expected,
                held,
            } => match expected {
                Some(expected) => write!(
                    f,
                    "{inst} reloads {value} for {expected} from {slot}+{offset}, which holds {held}"
                ),
                None => write!(
                    f,
                    "{inst} reloads {value} from {slot}+{offset}, which holds {held}"
                ),
            },
            GcError::NonReferenceRoot {
                inst,
                slot,
                offset,
                value,
                why,
            } => {
                write!(f, "{inst} has {slot}+{offset} in its stack map, but {why}")?;
                match value {
                    Some(value) => write!(f, " ({value})"),
                    None => Ok(()),
                }
            }
            GcError::StaleDerivedPointer {
                inst,
                value,
                base,
                safepoint,
            } => write!(
                f,
                "{inst} uses {value}, derived from GC reference {base}, after safepoint {safepoint}"
            ),
            GcError::LostStackMap { inst, fault } => write!(f, "{inst} {fault}"),
        }
    }
}
