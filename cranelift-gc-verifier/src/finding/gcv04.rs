//! GCV04, `clobbered-root`: a reload sees the reference that was spilled for it.

use super::about::About;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV04",
    name: "clobbered-root",
    invariant: "a reload sees the reference that was spilled for it",
    meaning: "\
A reload stands for one reference. If the slot was given to another one in between, or on some path
holds another one, the reload yields a valid reference to the wrong object: nothing crashes, and
types are confused.

The usual cause: slots are shared between references whose lives overlap.",
    bugs: &[(
        "#13461, #13480, #13498",
        "a loop-invariant and a loop-local reference shared a slot",
    )],
};
