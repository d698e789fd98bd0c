//! GCV01, `missing-root`: a reference live across a may-collect safepoint is in its stack map.

use super::about::About;
use cranelift_codegen::ir::Value;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV01",
    name: "missing-root",
    invariant: "a reference that is live across a safepoint that may collect is in that \
                 safepoint's stack map",
    meaning: "\
The collector finds references that are live in a stack frame only through the stack map of the
safepoint at which the frame waits. A reference that is not in it keeps nothing alive, and a
collector that moves objects does not update it. What is loaded from its slot afterwards refers to
a freed or moved object.

The usual cause: nobody declared the value as needing inclusion in stack maps, or the declaration
or its liveness was lost while FunctionBuilder made SSA form.",
    bugs: &[
        ("#8945", "liveness held unresolved aliases of values"),
        (
            "#9000",
            "the spiller skipped the first instruction of a block",
        ),
        ("#9071", "liveness ignored the back edges of loops"),
        (
            "#10397",
            "block parameters made for a variable of references were not declared",
        ),
        (
            "#12935, #12936",
            "the results of array.new_data and array.new_elem were not declared",
        ),
    ],
};

/// What is seen at the safepoint.
pub(super) fn at_safepoint(value: Value) -> String {
    format!("a collection can happen here, and the stack map lacks {value}")
}
