//! GCV19, `missing-barrier`: a reference is stored, or loaded, with the barrier that the collector asks for.

use super::about::About;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV19",
    name: "missing-barrier",
    invariant: "where references are counted, each store of one to an object, global or table is in a barrier, and so is each load",
    meaning: "\
A collector that counts references is told of each one that is stored: the object that is stored is counted once more,
and the one that was there before once less. What is loaded is put on a list, because nobody counts what the stack holds. A
reference that is not counted lets its object be freed while it is in use; one that is not released keeps it for good.

The usual cause: a faster way to write memory, such as a callee that fills it, for which nobody asked whether references are in it.",
    bugs: &[
        (
            "#14325, #14328",
            "tables of references were filled with null by memset, without barriers; in 48.0.8",
        ),
    ],
};
