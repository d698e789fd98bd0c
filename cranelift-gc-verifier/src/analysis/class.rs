//! What values are to a collector.

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// Neither of the others, as far as is known.
    Plain,
    /// An integer that was taken out of a reference as out of an i31, or that is computed of one.
    Payload,
    /// A GC reference.
    Reference,
    /// A pointer that is computed from references.
    Derived,
    /// Something that is computed of references, and that may give them away.
    Opaque,
}
