//! GCV14, `membership-changed`: a rewrite never revives a reference from before a safepoint.

use super::about::About;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV14",
    name: "membership-changed",
    invariant: "a rewrite does not replace a reference by one from before a safepoint that may \
                 collect",
    meaning: "\
Two loads of the same memory yield the same reference only if no collection came between them. A
rewrite that puts the first in the place of the second revives a reference from before the
safepoint, under a collector that moves objects.

The example asks about a rewrite that no rule of Cranelift makes; filetests can do that.",
    bugs: &[(
        "#13381",
        "an immutable global of a reference was loaded `readonly can_move`",
    )],
};
