//! GCV02, `stale-reference`: no use of a reference after a may-collect safepoint without a reload.

use super::about::About;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV02",
    name: "stale-reference",
    invariant: "a reference is not used after a safepoint that may collect without being reloaded",
    meaning: "\
A collector that moves objects updates the slots that the stack map names, and nothing else. An
SSA value from before the safepoint still is the old address. Every use after the safepoint has to
be of a value that was loaded from the slot after it.

The usual cause: the rewriting of uses to reloads missed one, or an optimization that takes stack
slots for ordinary memory forwarded the spilled value to the reload.

Harmless, and accepted: comparing a reference with null or testing its i31 bit, comparing two
references of the same age, and uses under a collector that does not move.",
    bugs: &[
        (
            "#13228",
            "uses through an alias were not replaced by a reload",
        ),
        (
            "#10593",
            "try_call was no memory fence: the spill was forwarded to the reload across it",
        ),
        (
            "#13381",
            "an immutable global of a reference was loaded `readonly can_move`",
        ),
    ],
};
