//! GCV03, `uninitialized-root`: a slot that a stack map names definitely holds a valid reference.

use super::about::About;
use cranelift_codegen::ir::StackSlot;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV03",
    name: "uninitialized-root",
    invariant: "a stack slot that a stack map names holds a valid reference there",
    meaning: "\
The collector takes what is in a mapped slot for a reference and follows it. If nothing was stored
there, it follows whatever the stack frame held before.

The usual cause: a spill was removed, because to dead-store elimination a call does not read the
frame's slots; or the spill was placed on some paths to the safepoint only.",
    bugs: &[
        (
            "#9000",
            "the spiller skipped the first instruction of a block",
        ),
        (
            "synthetic",
            "when calls do not observe spills, dead-store elimination removes them",
        ),
    ],
};

/// What is seen at the safepoint whose stack map is wrong.
pub(super) fn at_safepoint(slot: StackSlot, offset: u32) -> String {
    format!("the stack map names {slot}+{offset}")
}
