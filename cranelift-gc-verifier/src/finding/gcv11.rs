//! GCV11, `kind-changed`: what arrives at a typed position is of its kind.

use super::about::About;
use super::typed::TypeBroken;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV11",
    name: "kind-changed",
    invariant: "what arrives at a typed position is of the position's kind, by its type or by a test",
    meaning: "\
In CLIF every reference is a number of 32 bits, so that nothing stops one object from being taken for one of
another type: its fields are then read as what they are not. What a value is is said where it is defined (`! gcref`).
What is relied upon is said where it arrives: in signatures, at block parameters, of the fields of types (`gctype`), of
other memory (`! gcholds`), and of the objects that accesses take theirs for (`! gcobject`). What arrives has to be
proved to be that: by its type, by what makes it, or by a test of the object's type that dominates the position.

The usual cause: a cast to the wrong type, or one whose arms are exchanged; arguments, results or payloads
that are exchanged; a test of another reference than the one that is used.",
    bugs: &[],
};

/// What is seen where the value arrives.
pub(super) fn at_arrival(broken: &TypeBroken) -> String {
    let TypeBroken {
        value,
        thing,
        promise,
        ..
    } = broken;
    let value = value.map_or("the result".to_string(), |value| value.to_string());
    format!("{value} can be {thing} here, where {promise} is relied upon")
}
