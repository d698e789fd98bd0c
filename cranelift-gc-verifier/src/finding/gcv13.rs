//! GCV13, `representation-changed`: a rewrite keeps the CLIF type, and references stay ones.

use super::about::About;
use core::fmt;
use cranelift_codegen::ir::{Type, Value};

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV13",
    name: "representation-changed",
    invariant: "a rewrite keeps the type of a value, and makes a reference no constant that is \
                 neither null nor an i31; a subtype has the fields of its supertype where that has them; \
                 what a fact says is not contradicted by the definition",
    meaning: "\
A rewrite keeps the CLIF type of a value. A traced reference may become null (0) or an i31 (an odd
number) by a rewrite, and no other constant: to the collector it would be an object.

The example asks about a rewrite that no rule of Cranelift makes; filetests can do that.",
    bugs: &[(
        "synthetic",
        "a rule that folds a comparison with null into the reference itself",
    )],
};

/// How a fact is contradicted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Contradiction {
    /// The value has a type that nothing has for which the fact holds.
    Type(Type),
    /// The value is a constant for which it does not hold.
    Constant(u64),
    /// It is an odd number, if so, or else an even one, for which it does not hold.
    Parity(bool),
    /// It is never 0, and is said to be null.
    NotNull,
    /// It is one of the numbers that are no such reference.
    Bits,
    /// It is said to be derived of itself.
    OfItself,
    /// It is said to be derived of this value, which is said to be no reference.
    OfNoReference(Value),
    /// It is said to have nothing to do with references, and is this one, or derived from it.
    IsReference(Value),
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Contradiction::Type(ty) => write!(f, "has type {ty}"),
            Contradiction::Constant(n) => write!(f, "is the constant {n}"),
            Contradiction::Parity(true) => f.write_str("is an odd number"),
            Contradiction::Parity(false) => f.write_str("is an even number"),
            Contradiction::NotNull => f.write_str("is never null"),
            Contradiction::Bits => f.write_str("is a number that is no such reference"),
            Contradiction::OfItself => f.write_str("would be derived from itself"),
            Contradiction::OfNoReference(base) => {
                write!(f, "would be derived from {base}, which is no reference")
            }
            Contradiction::IsReference(of) => write!(f, "is made of GC reference {of}"),
        }
    }
}

/// What is seen where a value is defined whose fact cannot hold.
pub(super) fn at_definition(value: Value, why: Contradiction) -> String {
    format!("{value} is not what its fact says: it {why}")
}

/// What is seen at the start of a function that names both types.
pub(super) fn at_start(subtype: u32, supertype: u32) -> String {
    format!("code from here on takes objects of type {subtype} for those of type {supertype}")
}
