//! GCV05, `non-reference-root`: no scalar, derived or wrongly sized value in a mapped slot.

use super::about::About;
use cranelift_codegen::ir::StackSlot;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV05",
    name: "non-reference-root",
    invariant: "a stack slot that a stack map names holds no scalar, no derived pointer and no \
                 value of another size",
    meaning: "\
The collector takes what is in a mapped slot for a reference, follows it, and may overwrite it. A
number, a pointer into an object or half a value there makes it corrupt memory. Null (0) and i31s
(odd numbers) are references, too.

The usual cause: a stack-map entry with the wrong type or offset, or a constant that the optimizer
put in the place of a reference.",
    bugs: &[(
        "synthetic",
        "a stack-map entry with the wrong offset, or of type i64",
    )],
};

/// What is seen at the safepoint whose stack map is wrong.
pub(super) fn at_safepoint(slot: StackSlot, offset: u32) -> String {
    format!("the stack map names {slot}+{offset}")
}
