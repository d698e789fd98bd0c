//! GCV15, `unequal-rewrite`: both sides of a rewrite compute the same bits.

use super::about::About;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV15",
    name: "unequal-rewrite",
    invariant: "both sides of a rewrite compute the same bits",
    meaning: "\
Both sides of a rewrite are computed under a few assignments of the values that they are made
of. If they differ in one of them, the rewrite is wrong, and the assignment is the counterexample.

By default this is asked where references, or what is derived from them, take part. With
`clif-gc verify --all-rewrites` it is asked of every rewrite.

The example asks about a rewrite that no rule of Cranelift makes; filetests can do that.",
    bugs: &[
        ("#8005, #12504, #13031, #9030", "wrong rules of the mid-end"),
        (
            "#14162",
            "a load was forwarded from a store of another byte order",
        ),
    ],
};
