//! GCV12, `nullability-changed`: what arrives where null is excluded is not null.

use super::about::About;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV12",
    name: "nullability-changed",
    invariant: "what arrives at a typed position where null is excluded is not null, by its type or by a test",
    meaning: "\
Null arrives where it is excluded. Who relies on that does not test for null, and takes the number 0 for the
index of an object.

The usual cause: a null test that is left out, that tests another value, or whose branches are exchanged.",
    bugs: &[],
};
