//! GCV16, `guard-removed`: what guarded a dereference before a pass still does.

use super::about::About;
use crate::finding::hazard::Hazard;
use cranelift_codegen::ir::Value;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV16",
    name: "guard-removed",
    invariant: "a pass does not remove what guards a dereference against null or i31",
    meaning: "\
A dereference was guarded before an optimization pass, and is not after it: the pass removed
the trap or branch, took its condition for a constant, or moved the dereference out of its
protection. The example is what a pass left behind; `; guarded: v0 null` says what was guarded before it.

Or a bounds check that puts null in the place of an address (`select_spectre_guard`) guards nothing, because no
access of that address is there that can trap.

The usual cause: a rewrite of a comparison or a branch that is wrong for some operands.",
    bugs: &[
        (
            "#10353",
            "the trap of an access that is out of bounds was lost together with the unused load",
        ),
    ],
};

/// What is seen at the dereference.
pub(super) fn at_dereference(value: Value, hazard: Hazard) -> String {
    format!("{value} is dereferenced here, also if it is {hazard}")
}

/// What is seen where a bounds check guards no access.
pub(super) fn at_check(value: Value) -> String {
    format!("{value} is made null here, and no access of it can trap")
}
