//! GCV06, `stale-derived-pointer`: no derived pointer is used across a may-collect safepoint.

use super::about::About;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV06",
    name: "stale-derived-pointer",
    invariant: "a pointer derived from a reference, or the base of a heap that can move, is not used \
                 after a safepoint that may collect",
    meaning: "\
A pointer into an object is computed from the heap's base and a reference. No stack map can name
it, so that nobody updates it when the object, or the heap, moves. It has to be computed again
from the reloaded reference.

The usual cause: an address is computed once for several accesses, and something between them
became a safepoint.",
    bugs: &[
        (
            "#13165",
            "the heap base was loaded `readonly can_move` though the heap may move",
        ),
        (
            "#14045, GHSA-2hw9-mc66-jc2q",
            "epoch checks in loops of bulk operations collected while pointers into arrays were held",
        ),
    ],
};

/// What is seen at the safepoint, if the base of the heap is used after it.
pub(super) const HEAP_MOVES: &str = "the heap can move here";
