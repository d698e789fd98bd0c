//! GCV10, `unguarded-dereference`: every dereference is guarded against null and i31, or the type
//! of its reference excludes them.

use super::about::About;
use crate::finding::hazard::Hazard;
use cranelift_codegen::ir::Value;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV10",
    name: "unguarded-dereference",
    invariant: "a reference is not dereferenced where it can be null or an i31: its type \
                 excludes that, or a guard does",
    meaning: "\
A reference is an index into the heap only if it is not null (0) and no i31 (odd). Dereferencing
either reads or writes what happens to be there: the heap's first bytes, or the middle of an object. The
type of the reference excludes that, or code before the dereference does: a trap, or a branch.
A guard counts if no reference of the class passes it: it is evaluated for 0, and for i31s with several
payloads. That the access can trap, or that its bounds are checked, is no guard.

The usual cause: a test for i31 that is wrong for some payloads, or left out because the type seemed
to exclude i31s.",
    bugs: &[
        (
            "#10171, #10181, #10221",
            "barriers took an i31 with a payload for a reference: the mask tested all bits but the tag",
        ),
        ("#10371", "barriers took it that an externref is never an i31"),
    ],
};

/// What is seen at the dereference.
pub(super) fn at_dereference(value: Value, hazard: Hazard) -> String {
    format!("{value} is dereferenced here, also if it is {hazard}")
}
