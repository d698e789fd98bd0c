//! GCV13, `representation-changed`: a rewrite keeps the CLIF type, and references stay ones.

use super::about::About;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV13",
    name: "representation-changed",
    invariant: "a rewrite keeps the type of a value, and makes a reference no constant that is \
                 neither null nor an i31; a subtype has the fields of its supertype where that has them",
    meaning: "\
A rewrite keeps the CLIF type of a value. A traced reference may become null (0) or an i31 (an odd
number) by a rewrite, and no other constant: to the collector it would be an object.

The example asks about a rewrite that no rule of Cranelift makes; filetests can do that.",
    bugs: &[(
        "synthetic",
        "a rule that folds a comparison with null into the reference itself",
    )],
};

/// What is seen at the start of a function that names both types.
pub(super) fn at_start(subtype: u32, supertype: u32) -> String {
    format!("code from here on takes objects of type {subtype} for those of type {supertype}")
}
