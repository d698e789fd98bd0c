//! What is relied upon where a value arrives.

use core::fmt;
use cranelift_codegen::ir::{GcFact, GcHeapType, Inst, Value};

/// A class of words that no kind tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Thing {
    /// Null.
    Null,
    /// An unboxed integer.
    I31,
    /// A number that is no reference at all.
    Number,
    /// An object that is below no concrete type that the function names; `any` is one of the host.
    Other(GcHeapType),
    /// An object of exactly this concrete type.
    Exactly(GcHeapType, u32),
    /// An object of a type below this one that the function does not name.
    Below(GcHeapType, u32),
}

impl Thing {
    /// The kind of the objects that it stands for, if it does.
    pub(crate) fn heap(self) -> Option<GcHeapType> {
        match self {
            Thing::Null | Thing::I31 | Thing::Number => None,
            Thing::Other(heap) | Thing::Exactly(heap, _) | Thing::Below(heap, _) => Some(heap),
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Thing::Null => f.write_str("null"),
            Thing::I31 => f.write_str("an i31"),
            Thing::Number => f.write_str("a number that is no reference"),
            Thing::Other(GcHeapType::Any) => f.write_str("an object of the host"),
            Thing::Other(heap) => write!(
                f,
                "an object of kind {} and of no type that is named",
                heap.as_str()
            ),
            Thing::Exactly(heap, index) => write!(f, "an object of type {} {index}", heap.as_str()),
            Thing::Below(heap, index) => {
                write!(f, "an object of a subtype of {} {index}", heap.as_str())
            }
        }
    }
}

/// A position at which something is relied upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Typed {
    /// The argument of a call with this number.
    Argument(u32),
    /// What a call returns, with this number.
    Result(u32),
    /// What the function returns, with this number.
    Returned(u32),
    /// What the callee of a tail call returns, with this number, and so the function.
    Handed(u32),
    /// What is passed for this block parameter.
    Param(Value),
    /// This value is one of others, or a constant.
    Made(Value),
    /// What memory holds, such as a global or an element of a table.
    Place,
    /// A field at this offset in its object.
    Field(u32),
    /// An element of an array.
    Element,
    /// The object that an access takes it for.
    Object,
    /// What the header of an object says that it is.
    Header,
}

/// Something arrives that is not what is relied upon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeBroken {
    /// Where it arrives.
    pub inst: Inst,
    /// What arrives; nothing, if a tail call hands it on.
    pub value: Option<Value>,
    /// What it is on the way that is shown.
    pub thing: Thing,
    /// What is relied upon.
    pub promise: GcFact,
    /// At which position.
    pub what: Typed,
}

impl fmt::Display for TypeBroken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let TypeBroken {
            inst,
            value,
            thing,
            promise,
            what,
        } = self;
        let value = value.map_or("the result".to_string(), |value| value.to_string());
        match what {
            Typed::Handed(number) => write!(f, "{inst} hands on result {number} of its callee"),
            Typed::Argument(number) => write!(f, "{inst} passes {value} for argument {number}"),
            Typed::Result(number) => write!(f, "{inst} returns {value} as result {number}"),
            Typed::Returned(number) => write!(f, "{inst} returns {value} as result {number}"),
            Typed::Param(param) => write!(f, "{inst} passes {value} for {param}"),
            Typed::Made(made) if Some(made) == self.value.as_ref() => {
                write!(f, "{inst} makes {made}")
            }
            Typed::Made(made) => write!(f, "{inst} makes {made} of {value}"),
            Typed::Place => write!(f, "{inst} finds {value} in memory, or stores it"),
            Typed::Field(offset) => write!(
                f,
                "{inst} accesses the field at offset {offset} with {value}"
            ),
            Typed::Element => write!(f, "{inst} accesses an element with {value}"),
            Typed::Object => write!(f, "{inst} accesses the object of {value}"),
            Typed::Header => write!(f, "{inst} stores {value} to the header of an object"),
        }?;
        match what {
            Typed::Header => write!(f, ", as {thing} has it, where {promise} is relied upon"),
            _ => write!(f, ", which can be {thing}, where {promise} is relied upon"),
        }
    }
}
