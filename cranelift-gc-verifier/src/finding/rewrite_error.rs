//! What is wrong with a single rewrite.

use core::fmt;
use cranelift_codegen::ir::{Inst, Type, Value};

/// What alias analysis is about to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MemoryRewrite {
    /// Replace a load by a value.
    ForwardLoad,
    /// Remove a store of what is there already.
    IdempotentStore,
    /// Remove a store that a later one overwrites.
    DeadStore,
    /// Replace a branch to a block by a trap.
    RemoveBlock,
}

/// Why it must not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Unjustified {
    /// Something else is stored there on the way.
    Overwritten,
    /// A collection on the way updates the slot, or reads it.
    Safepoint,
    /// A callee on the way may write there, or read it.
    Call,
    /// The value was loaded from elsewhere.
    Elsewhere,
    /// The load extends what it reads, and the value is no such extension.
    Extension,
    /// It is an atomic operation, which others observe.
    Atomic,
    /// It is loaded on the way.
    Read,
    /// The later store leaves bytes of it.
    Uncovered,
    /// The function ends on the way, and others observe the memory.
    Observed,
    /// It is executed no more.
    Vanishes,
}

/// What a rewrite does not keep of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotPreserved {
    /// Its CLIF type.
    Type(Type, Type),
    /// That it is a reference: it becomes this constant, neither null nor an i31.
    Constant(u32),
}

impl fmt::Display for NotPreserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotPreserved::Type(was, is) => write!(f, "its type is {was}, not {is}"),
            NotPreserved::Constant(n) => {
                write!(
                    f,
                    "no GC reference is the constant {n}, neither null nor an i31"
                )
            }
        }
    }
}

/// An assignment of opaque values, as far as it is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given([Option<(Value, u128)>; 3]);

impl Given {
    /// Also show that `value` has these bits, if there is room.
    pub(crate) fn add(&mut self, value: Value, bits: u128) {
        if self.0.iter().flatten().any(|(other, _)| *other == value) {
            return;
        }
        if let Some(free) = self.0.iter_mut().find(|given| given.is_none()) {
            *free = Some((value, bits));
        }
    }
}

impl Given {
    /// Also show what `other` shows, if there is room.
    pub(crate) fn extend(&mut self, other: Given) {
        for (value, bits) in other.0.into_iter().flatten() {
            self.add(value, bits);
        }
    }
}

impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (value, bits)) in self.0.iter().flatten().enumerate() {
            let before = if index == 0 { " when " } else { ", " };
            write!(f, "{before}{value} is {}", Bits(*bits))?;
        }
        Ok(())
    }
}

/// Small numbers are decimal.
struct Bits(u128);

impl fmt::Display for Bits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            small @ 0..=9999 => write!(f, "{small}"),
            large => write!(f, "{large:#x}"),
        }
    }
}

pub(crate) fn unsound_forwarding(
    f: &mut fmt::Formatter<'_>,
    rewrite: MemoryRewrite,
    inst: Inst,
    value: Option<Value>,
    (other, why): (Inst, Unjustified),
) -> fmt::Result {
    match (rewrite, value) {
        (MemoryRewrite::ForwardLoad, Some(value)) => {
            write!(f, "load {inst} is replaced by {value}")?;
        }
        (MemoryRewrite::ForwardLoad, None) => write!(f, "load {inst} is replaced")?,
        (MemoryRewrite::IdempotentStore, _) => write!(f, "store {inst} is removed as repeated")?,
        (MemoryRewrite::DeadStore, _) => write!(f, "store {inst} is removed as dead")?,
        (MemoryRewrite::RemoveBlock, _) => {
            write!(f, "a destination of branch {inst} is replaced by a trap")?;
        }
    }
    match (why, rewrite) {
        (Unjustified::Overwritten, _) => write!(f, ", but {other} stores something else there"),
        (Unjustified::Safepoint, MemoryRewrite::DeadStore) => {
            write!(f, ", but the stack map of safepoint {other} names its slot")
        }
        (Unjustified::Safepoint, _) => write!(
            f,
            ", but a collection at safepoint {other} updates the slot, which its stack map names"
        ),
        (Unjustified::Call, MemoryRewrite::DeadStore) => {
            write!(f, ", but the callee of {other} may read it")
        }
        (Unjustified::Call, _) => write!(f, ", but the callee of {other} may write there"),
        (Unjustified::Elsewhere, _) => write!(f, ", but {other} loads that from elsewhere"),
        (Unjustified::Extension, _) => f.write_str(", which is not what it extends to"),
        (Unjustified::Atomic, _) => f.write_str(", but it is an atomic operation"),
        (Unjustified::Vanishes, _) => write!(f, ", so that {other} in it is not executed"),
        (Unjustified::Read, _) => write!(f, ", but {other} loads what it stores"),
        (Unjustified::Uncovered, _) => write!(f, ", but {other} does not overwrite all of it"),
        (Unjustified::Observed, _) => {
            write!(
                f,
                ", but the memory can be observed when {other} ends the function"
            )
        }
    }
}

pub(crate) fn unequal(
    f: &mut fmt::Formatter<'_>,
    (inst, orig, new): (Inst, Option<Value>, Option<Value>),
    (expected, found): (u128, u128),
    given: Given,
) -> fmt::Result {
    match (orig, new) {
        (Some(orig), Some(new)) => write!(
            f,
            "{orig} is replaced by {new}, which is {} and not {}{given}",
            Bits(found),
            Bits(expected)
        ),
        (Some(cond), None) => write!(
            f,
            "{inst} is simplified as if {cond} were {}, and not {}{given}",
            Bits(found),
            Bits(expected)
        ),
        (None, _) => write!(
            f,
            "{inst} is replaced by what computes something else{given}"
        ),
    }
}
