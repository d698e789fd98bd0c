//! The errors: entities, not sentences.

use super::{gcv01, gcv03, gcv05, gcv06, gcv09, gcv10, gcv11, gcv13, gcv16, gcv17};
use crate::finding::code::Code;
use crate::finding::hazard::Hazard;
use crate::finding::map_fault::MapFault;
use crate::finding::object::{MissingBarrier, OutOfObject};
use crate::finding::rewrite_error;
use crate::finding::typed::{Thing, TypeBroken};
use core::fmt;
use cranelift_codegen::ir::{Inst, StackSlot, Type, Value};

pub use super::gcv13::Contradiction;
pub use super::rewrite_error::{Given, MemoryRewrite, NotPreserved, Unjustified};

/// What a stack slot was found to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

/// What allows the optimizer to use a value that was loaded earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Movable {
    /// The flag that memory never changes.
    Readonly,
    /// The flag that the load may be moved.
    CanMove,
}

impl fmt::Display for Movable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Movable::Readonly => "`readonly`",
            Movable::CanMove => "`can_move`",
        })
    }
}

/// Why the contents of a mapped slot cannot be a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// What was stored is neither a reference nor made of one, as a fact says.
    Scalar,
    /// A reference was stored that is a pointer of the host, to a function or a continuation.
    RawPointer,
    /// The address of something else was stored: of code, of a slot, or of the heap.
    Address,
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
            NonReference::Scalar => f.write_str("something else than a reference was stored there"),
            NonReference::RawPointer => {
                f.write_str("a pointer to a function or a continuation was stored there")
            }
            NonReference::Address => f.write_str("an address was stored there"),
            NonReference::Partial => f.write_str("a store of another size or offset wrote there"),
        }
    }
}

/// A broken invariant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
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
    /// [`Code::Gcv06`]: `value`, the base of a heap that can move, is used at `inst` after
    /// `safepoint`.
    StaleHeapBase {
        /// The use.
        inst: Inst,
        /// The base.
        value: Value,
        /// The safepoint.
        safepoint: Inst,
    },
    /// [`Code::Gcv07`]: the load `inst` of what a collection rewrites may be merged or moved.
    MovableLoad {
        /// The load.
        inst: Inst,
        /// What it loads.
        value: Value,
        /// Is that a reference?
        is_reference: bool,
        /// What allows it.
        why: Movable,
    },
    /// [`Code::Gcv07`]: `value`, which a collection rewrites in memory, decides at `inst` after
    /// `safepoint`.
    StaleState {
        /// The use.
        inst: Inst,
        /// The loaded value.
        value: Value,
        /// The safepoint.
        safepoint: Inst,
    },
    /// [`Code::Gcv17`]: the safepoint `inst` comes while the object `value` is being initialized.
    UninitializedObject {
        /// The safepoint.
        inst: Inst,
        /// The reference to the object.
        value: Value,
    },
    /// [`Code::Gcv17`]: `inst` hands the object `value` on, and nothing was stored at `offset` in it.
    UnstoredWord {
        /// What hands it on, a call or a return, or reads the word.
        inst: Inst,
        /// The reference to the object.
        value: Value,
        /// The offset of a word that a collector reads, in bytes.
        offset: u32,
        /// Does the instruction read the word?
        is_read: bool,
    },
    /// [`Code::Gcv11`], and [`Code::Gcv12`] if it is null: something arrives at a typed position that is not what
    /// is relied upon there.
    TypeBroken(TypeBroken),
    /// [`Code::Gcv18`]: an access of an object does not stay inside it.
    OutOfObject(OutOfObject),
    /// [`Code::Gcv19`]: a reference is stored or loaded without its barrier.
    MissingBarrier(MissingBarrier),
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
        /// Is it only that nothing keeps the object alive there, as nothing moves?
        is_unrooted: bool,
    },
    /// [`Code::Gcv10`]: `inst` dereferences `value`, which can be null or an i31.
    UnguardedDereference {
        /// The dereference.
        inst: Inst,
        /// The reference.
        value: Value,
        /// What it can be.
        hazard: Hazard,
        /// Such a reference, which gets there.
        word: u32,
    },
    /// [`Code::Gcv16`]: `inst` dereferences `value`, which was guarded before the pass.
    GuardRemoved {
        /// The dereference.
        inst: Inst,
        /// The reference.
        value: Value,
        /// What it can be now.
        hazard: Hazard,
        /// Such a reference, which gets there.
        word: u32,
    },
    /// [`Code::Gcv16`]: `value` is null where it would be out of bounds, and no access traps of it.
    TrapLost {
        /// What makes it null.
        inst: Inst,
        /// The address.
        value: Value,
    },
    /// [`Code::Gcv08`]: `rewrite` is to be done to `inst`, and `other` contradicts it.
    UnsoundForwarding {
        /// What is to be done.
        rewrite: MemoryRewrite,
        /// The load or store that is to go away.
        inst: Inst,
        /// The value that stands for the result of a load.
        value: Option<Value>,
        /// The instruction on the way.
        other: Inst,
        /// What it does.
        why: Unjustified,
    },
    /// [`Code::Gcv13`]: `new` cannot stand for `orig`.
    RepresentationChanged {
        /// The instruction that makes `orig`.
        inst: Inst,
        /// The value that is replaced.
        orig: Value,
        /// Its replacement.
        new: Value,
        /// What is not kept.
        why: NotPreserved,
    },
    /// [`Code::Gcv14`]: `new`, from before `safepoint`, is to stand for the reference `orig`.
    MembershipChanged {
        /// The instruction that makes `orig`.
        inst: Inst,
        /// The reference that is replaced.
        orig: Value,
        /// Its replacement.
        new: Value,
        /// The safepoint.
        safepoint: Inst,
    },
    /// [`Code::Gcv15`]: the two sides of a rewrite of `inst` differ under the assignment `given`.
    UnequalRewrite {
        /// The instruction that is rewritten, or that makes the value that is.
        inst: Inst,
        /// The value, or condition, that is replaced.
        orig: Option<Value>,
        /// Its replacement; without one, what `inst` does by the condition is replaced.
        new: Option<Value>,
        /// The bits of `orig`.
        expected: u128,
        /// The bits of its replacement.
        found: u128,
        /// The assignment.
        given: Given,
    },
    /// [`Code::Gcv13`]: objects of a type are taken for those of its supertype, and have a field elsewhere.
    FieldMoved {
        /// The function's first instruction: it is the types that are wrong.
        inst: Inst,
        /// The concrete type.
        subtype: u32,
        /// Its direct supertype.
        supertype: u32,
        /// The number of the first such field, as the supertype counts.
        field: u32,
    },
    /// [`Code::Gcv13`]: objects of a type are taken for those of its supertype, and a field holds what the supertype's does not.
    FieldOtherwise {
        /// The function's first instruction: it is the types that are wrong.
        inst: Inst,
        /// The concrete type.
        subtype: u32,
        /// Its direct supertype.
        supertype: u32,
        /// The number of the first such field, as the supertype counts.
        field: u32,
    },
    /// [`Code::Gcv13`]: a concrete type is below itself.
    SupertypeCycle {
        /// The function's first instruction: it is the types that are wrong.
        inst: Inst,
        /// The concrete type.
        index: u32,
    },
    /// [`Code::Gcv13`]: the fact of `value`, which `inst` defines, is contradicted.
    FactContradicted {
        /// The instruction that defines it, or the first one of the block that does.
        inst: Inst,
        /// The value.
        value: Value,
        /// By what.
        why: Contradiction,
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
            GcError::StaleDerivedPointer { .. } | GcError::StaleHeapBase { .. } => Code::Gcv06,
            GcError::MovableLoad { .. } | GcError::StaleState { .. } => Code::Gcv07,
            GcError::UninitializedObject { .. } | GcError::UnstoredWord { .. } => Code::Gcv17,
            GcError::UnguardedDereference { .. } => Code::Gcv10,
            GcError::GuardRemoved { .. } | GcError::TrapLost { .. } => Code::Gcv16,
            GcError::UnsoundForwarding { .. } => Code::Gcv08,
            GcError::RepresentationChanged { .. }
            | GcError::FieldMoved { .. }
            | GcError::FieldOtherwise { .. }
            | GcError::SupertypeCycle { .. }
            | GcError::FactContradicted { .. } => Code::Gcv13,
            GcError::MembershipChanged { .. } => Code::Gcv14,
            GcError::UnequalRewrite { .. } => Code::Gcv15,
            GcError::LostStackMap { .. } => Code::Gcv09,
            GcError::OutOfObject(_) => Code::Gcv18,
            GcError::MissingBarrier(_) => Code::Gcv19,
            GcError::TypeBroken(TypeBroken { thing, .. }) => match thing {
                Thing::Null => Code::Gcv12,
                Thing::I31
                | Thing::Number
                | Thing::Other(_)
                | Thing::Exactly(..)
                | Thing::Below(..) => Code::Gcv11,
            },
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
            | GcError::StaleHeapBase { inst, .. }
            | GcError::MovableLoad { inst, .. }
            | GcError::StaleState { inst, .. }
            | GcError::UninitializedObject { inst, .. }
            | GcError::UnstoredWord { inst, .. }
            | GcError::UnguardedDereference { inst, .. }
            | GcError::GuardRemoved { inst, .. }
            | GcError::TrapLost { inst, .. }
            | GcError::UnsoundForwarding { inst, .. }
            | GcError::RepresentationChanged { inst, .. }
            | GcError::FieldMoved { inst, .. }
            | GcError::FieldOtherwise { inst, .. }
            | GcError::SupertypeCycle { inst, .. }
            | GcError::FactContradicted { inst, .. }
            | GcError::MembershipChanged { inst, .. }
            | GcError::UnequalRewrite { inst, .. }
            | GcError::LostStackMap { inst, .. }
            | GcError::OutOfObject(OutOfObject { inst, .. })
            | GcError::MissingBarrier(MissingBarrier { inst, .. })
            | GcError::TypeBroken(TypeBroken { inst, .. }) => inst,
        }
    }

    /// The mistreated value, if there is one.
    pub fn value(&self) -> Option<Value> {
        match *self {
            GcError::MissingRoot { value, .. }
            | GcError::StaleReference { value, .. }
            | GcError::ClobberedRoot { value, .. }
            | GcError::StaleDerivedPointer { value, .. }
            | GcError::StaleHeapBase { value, .. }
            | GcError::MovableLoad { value, .. }
            | GcError::StaleState { value, .. }
            | GcError::UninitializedObject { value, .. }
            | GcError::UnstoredWord { value, .. }
            | GcError::UnguardedDereference { value, .. }
            | GcError::GuardRemoved { value, .. }
            | GcError::TrapLost { value, .. }
            | GcError::FactContradicted { value, .. }
            | GcError::OutOfObject(OutOfObject { value, .. }) => Some(value),
            GcError::TypeBroken(TypeBroken { value, .. })
            | GcError::MissingBarrier(MissingBarrier { value, .. }) => value,
            GcError::NonReferenceRoot { value, .. } | GcError::UnsoundForwarding { value, .. } => {
                value
            }
            GcError::RepresentationChanged { new, .. } | GcError::MembershipChanged { new, .. } => {
                Some(new)
            }
            GcError::UnequalRewrite { orig, new, .. } => new.or(orig),
            GcError::UninitializedRoot { .. }
            | GcError::FieldMoved { .. }
            | GcError::FieldOtherwise { .. }
            | GcError::SupertypeCycle { .. }
            | GcError::LostStackMap { .. } => None,
        }
    }
}

/// What an excerpt says on the line of a step of the witness.
impl GcError {
    /// At the step of a safepoint. `is_guilty` tells whether that is the guilty instruction.
    pub fn at_safepoint(&self, is_guilty: bool) -> String {
        match *self {
            GcError::MissingRoot { value, .. } => gcv01::at_safepoint(value),
            GcError::UninitializedRoot { slot, offset, .. } if is_guilty => {
                gcv03::at_safepoint(slot, offset)
            }
            GcError::NonReferenceRoot { slot, offset, .. } if is_guilty => {
                gcv05::at_safepoint(slot, offset)
            }
            GcError::StaleHeapBase { .. } => gcv06::HEAP_MOVES.to_string(),
            GcError::UninitializedObject { value, .. } => gcv17::at_safepoint(value),
            GcError::UnstoredWord {
                value,
                offset,
                is_read,
                ..
            } => match is_read {
                true => gcv17::at_read(value, offset),
                false => gcv17::at_hand_on(value, offset),
            },
            GcError::LostStackMap { .. } => gcv09::AT_SAFEPOINT.to_string(),
            GcError::UninitializedRoot { .. }
            | GcError::NonReferenceRoot { .. }
            | GcError::StaleReference { .. }
            | GcError::ClobberedRoot { .. }
            | GcError::MovableLoad { .. }
            | GcError::StaleState { .. }
            | GcError::StaleDerivedPointer { .. }
            | GcError::UnguardedDereference { .. }
            | GcError::GuardRemoved { .. }
            | GcError::TrapLost { .. }
            | GcError::TypeBroken(_)
            | GcError::OutOfObject(_)
            | GcError::MissingBarrier(_)
            | GcError::UnsoundForwarding { .. }
            | GcError::RepresentationChanged { .. }
            | GcError::FieldMoved { .. }
            | GcError::FieldOtherwise { .. }
            | GcError::SupertypeCycle { .. }
            | GcError::FactContradicted { .. }
            | GcError::MembershipChanged { .. }
            | GcError::UnequalRewrite { .. } => "a collection can happen here".to_string(),
        }
    }

    /// At the step of a use that does not name the value.
    pub fn at_use(&self) -> String {
        match *self {
            GcError::UnguardedDereference { value, hazard, .. } => {
                gcv10::at_dereference(value, hazard)
            }
            GcError::GuardRemoved { value, hazard, .. } => gcv16::at_dereference(value, hazard),
            GcError::TrapLost { value, .. } => gcv16::at_check(value),
            GcError::FieldMoved {
                subtype, supertype, ..
            }
            | GcError::FieldOtherwise {
                subtype, supertype, ..
            } => gcv13::at_start(subtype, supertype),
            GcError::SupertypeCycle { index, .. } => gcv13::at_start(index, index),
            GcError::FactContradicted { value, why, .. } => gcv13::at_definition(value, why),
            GcError::TypeBroken(ref broken) => gcv11::at_arrival(broken),
            _ => "the value is used here".to_string(),
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
            GcError::StaleHeapBase {
                inst,
                value,
                safepoint,
            } => write!(
                f,
                "{inst} uses heap base {value} after safepoint {safepoint}, which may move the heap"
            ),
            GcError::MovableLoad {
                inst,
                value,
                is_reference,
                why,
            } => {
                let what = match is_reference {
                    true => "GC reference ",
                    false => "",
                };
                write!(
                    f,
                    "{inst} loads {what}{value}, which a collection rewrites, as {why}"
                )
            }
            GcError::StaleState {
                inst,
                value,
                safepoint,
            } => write!(
                f,
                "{inst} relies on {value}, which safepoint {safepoint} may have rewritten in memory"
            ),
            GcError::UninitializedObject { inst, value } => write!(
                f,
                "{inst} may collect before the object of GC reference {value} is initialized"
            ),
            GcError::TypeBroken(ref broken) => write!(f, "{broken}"),
            GcError::OutOfObject(ref outside) => write!(f, "{outside}"),
            GcError::MissingBarrier(ref missing) => write!(f, "{missing}"),
            GcError::UnstoredWord {
                inst,
                value,
                offset,
                is_read,
            } => {
                let does = match is_read {
                    true => "reads",
                    false => "hands on",
                };
                write!(
                    f,
                    "{inst} {does} the new object of GC reference {value}, in which nothing was stored at offset {offset}"
                )
            }
            GcError::FieldMoved {
                subtype,
                supertype,
                field,
                ..
            } => write!(
                f,
                "objects of concrete type {subtype} do not have field {field} where those of its supertype {supertype} have it"
            ),
            GcError::FieldOtherwise {
                subtype,
                supertype,
                field,
                ..
            } => write!(
                f,
                "field {field} of objects of concrete type {subtype} can hold what field {field} of its supertype {supertype} cannot"
            ),
            GcError::SupertypeCycle { index, .. } => {
                write!(f, "concrete type {index} is declared to be below itself")
            }
            GcError::FactContradicted { value, why, .. } => {
                write!(f, "the fact of {value} cannot hold: it {why}")
            }
            GcError::StaleDerivedPointer {
                inst,
                value,
                base,
                safepoint,
                is_unrooted,
            } => {
                write!(
                    f,
                    "{inst} uses {value}, derived from GC reference {base}, after safepoint {safepoint}"
                )?;
                match is_unrooted {
                    true => f.write_str(", whose stack map does not keep its object alive"),
                    false => Ok(()),
                }
            }
            GcError::UnguardedDereference {
                inst,
                value,
                hazard,
                word,
            } => {
                write!(f, "{inst} dereferences GC reference {value}, which can be ")?;
                write_word(f, hazard, word)
            }
            GcError::GuardRemoved {
                inst,
                value,
                hazard,
                word,
            } => {
                write!(
                    f,
                    "{inst} dereferences GC reference {value}, whose guard is gone: it can be "
                )?;
                write_word(f, hazard, word)
            }
            GcError::TrapLost { inst, value } => write!(
                f,
                "{inst} makes address {value} null where it is out of bounds, and no access of it \
                 can trap"
            ),
            GcError::UnsoundForwarding {
                rewrite,
                inst,
                value,
                other,
                why,
            } => rewrite_error::unsound_forwarding(f, rewrite, inst, value, (other, why)),
            GcError::RepresentationChanged { orig, new, why, .. } => {
                write!(f, "{orig} is replaced by {new}, but {why}")
            }
            GcError::MembershipChanged {
                orig,
                new,
                safepoint,
                ..
            } => write!(
                f,
                "{orig} is replaced by GC reference {new}, which is from before safepoint \
                 {safepoint}"
            ),
            GcError::UnequalRewrite {
                inst,
                orig,
                new,
                expected,
                found,
                given,
            } => rewrite_error::unequal(f, (inst, orig, new), (expected, found), given),
            GcError::LostStackMap { inst, fault } => write!(f, "{inst} {fault}"),
        }
    }
}

fn write_word(f: &mut fmt::Formatter<'_>, hazard: Hazard, word: u32) -> fmt::Result {
    match hazard {
        Hazard::Null => f.write_str("null"),
        Hazard::I31 => write!(f, "an i31, such as {word:#x}"),
    }
}
