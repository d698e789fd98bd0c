//! Accesses outside of their object, and stores without their barrier.

use core::fmt;
use cranelift_codegen::ir::{Inst, Value};

/// Why an access is outside of its object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outside {
    /// The type of the object, the one with this index, has no field there.
    NoField {
        /// The index of the concrete type.
        index: u32,
        /// The offset in bytes.
        offset: i64,
        /// The number of bytes.
        size: u32,
    },
    /// An array with this length has no such element.
    NoElement {
        /// The index of its concrete type.
        index: u32,
        /// The length for which it goes wrong.
        length: u32,
        /// The distance in bytes from the start of the object.
        offset: i64,
        /// The number of bytes.
        size: u32,
    },
    /// Parts of two elements that are references.
    PartsOfElements {
        /// The index of the concrete type of the array.
        index: u32,
        /// The distance in bytes from the start of the object.
        offset: i64,
        /// The number of bytes.
        size: u32,
    },
    /// A place at which no object is, and which need not trap.
    NoObject {
        /// The address for which it goes wrong.
        address: u64,
    },
    /// What is filled is no multiple of the size of an element.
    PartOfElement {
        /// The number of bytes that are filled.
        filled: u64,
        /// The size of an element in bytes.
        size: u32,
    },
    /// The object is new, and not so many bytes are asked for it.
    TooSmall {
        /// The number of bytes that are asked for.
        size: u64,
        /// The number of bytes of its fields or elements, with what is before them.
        needed: u64,
    },
    /// The object is new, and its header is another one where a callee makes it.
    OtherHeader {
        /// The bits that are stored where it has its kind.
        stored: u32,
        /// The bits that the callee is handed for that.
        handed: u32,
    },
}

/// [`Code::Gcv18`](crate::Code::Gcv18): an access of an object does not stay inside it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfObject {
    /// The access.
    pub inst: Inst,
    /// The reference to the object, or the address.
    pub value: Value,
    /// Where it is.
    pub outside: Outside,
}

impl fmt::Display for OutOfObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let OutOfObject {
            inst,
            value,
            outside,
        } = self;
        match outside {
            Outside::NoField {
                index,
                offset,
                size,
            } => write!(
                f,
                "{inst} accesses {size} bytes at offset {offset} of the object of {value}, which can be of type {index} and has no field there"
            ),
            Outside::NoElement { length, offset, .. } => write!(
                f,
                "{inst} accesses offset {offset} of the array of {value}, which is outside of it if its length is {length}"
            ),
            Outside::PartsOfElements { offset, .. } => write!(
                f,
                "{inst} can access offset {offset} of the array of {value}, where no reference begins"
            ),
            Outside::NoObject { address } => write!(
                f,
                "{inst} accesses an object at {value}, which can be the address {address:#x}, where no object is"
            ),
            Outside::TooSmall { size, needed } => write!(
                f,
                "{inst} can ask for {size} bytes for the object of {value}, which needs {needed}"
            ),
            Outside::OtherHeader { stored, handed } => write!(
                f,
                "{inst} stores {stored:#x} to the header of the object of {value}, for which a callee that makes it is handed {handed:#x}"
            ),
            Outside::PartOfElement { filled, size } => write!(
                f,
                "{inst} can fill {filled} bytes from {value} on, which is no multiple of the {size} bytes of an element"
            ),
        }
    }
}

/// What is missing of a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Barrier {
    /// The reference that is stored is not counted.
    NewNotCounted,
    /// The reference that was there is not released.
    OldNotReleased,
    /// The reference that is loaded is not put on the list of what the stack holds.
    NotListed,
    /// The reference is counted, or released, otherwise than once for each place that holds it.
    Miscounted,
    /// A callee writes references, and knows nothing of them.
    WrittenByCallee,
}

/// [`Code::Gcv19`](crate::Code::Gcv19): a reference is stored or loaded without the barrier that the collector asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MissingBarrier {
    /// The access, or the call.
    pub inst: Inst,
    /// What is stored or loaded; of a call, nothing.
    pub value: Option<Value>,
    /// What is missing.
    pub barrier: Barrier,
}

impl fmt::Display for MissingBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inst = self.inst;
        match (self.barrier, self.value) {
            (Barrier::NewNotCounted, Some(value)) => {
                write!(
                    f,
                    "{inst} stores GC reference {value}, which is not counted"
                )
            }
            (Barrier::OldNotReleased, Some(value)) => write!(
                f,
                "{inst} stores GC reference {value} over one that is not released"
            ),
            (Barrier::NotListed, Some(value)) => write!(
                f,
                "{inst} loads GC reference {value}, which is not put on the list of what the stack holds"
            ),
            (Barrier::Miscounted, Some(value)) => write!(
                f,
                "{inst} leaves GC reference {value} counted otherwise than places hold it"
            ),
            (Barrier::WrittenByCallee, _) | (_, None) => {
                write!(f, "{inst} writes GC references without a barrier")
            }
        }
    }
}
