//! GCV17, `uninitialized-object`: no may-collect safepoint while an object is being initialized.

use super::about::About;
use cranelift_codegen::ir::Value;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV17",
    name: "uninitialized-object",
    invariant: "no safepoint that may collect comes between the allocation of an object and the end \
                 of its initialization, and what a collector reads of the object is stored before the \
                 object is handed on",
    meaning: "\
A new object holds whatever its memory held before. A collector that comes to it before its fields
are written takes that for references and follows them.

The usual cause: what is emitted at the head of every loop, such as an epoch check, is emitted for
the loop that fills an array, too.",
    bugs: &[(
        "#14045, GHSA-2hw9-mc66-jc2q",
        "epoch checks in loops of bulk operations collected while an array was half filled",
    )],
};

/// What is seen at the safepoint.
pub(super) fn at_safepoint(value: Value) -> String {
    format!("a collection can happen here, before {value} is initialized")
}

/// What is seen where a word of the object is read.
pub(super) fn at_read(value: Value, offset: u32) -> String {
    format!("what is read here, at offset {offset} of the object of {value}, was not stored")
}

/// What is seen where the object is handed on.
pub(super) fn at_hand_on(value: Value, offset: u32) -> String {
    format!(
        "the object of {value} is handed on here, and what is at offset {offset} was not stored"
    )
}
