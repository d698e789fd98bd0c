//! GCV07, `movable-load`: no load of what a collection rewrites is merged or moved across one.

use super::about::About;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV07",
    name: "movable-load",
    invariant: "a load of memory that a collection rewrites is not merged with one before a \
                 safepoint, nor moved across one",
    meaning: "\
A collection rewrites more than stack slots: where the collector's space begins and ends, the base
of a heap that it has to grow, and, if it moves objects, every reference in memory. The flags
`readonly` and `can_move` tell the optimizer that a load yields the same whenever it is executed.
So it may be merged with an earlier one, or moved out of a loop, over a safepoint.

The usual cause: what holds for one collector or configuration is declared for all.",
    bugs: &[
        (
            "#13165",
            "the heap base was loaded `readonly can_move` though the heap may move",
        ),
        (
            "#13381 (a)",
            "an immutable global of a reference was loaded `readonly can_move`",
        ),
        (
            "#13381 (b)",
            "the end of the active space was loaded `readonly can_move`, but collections flip it",
        ),
    ],
};
