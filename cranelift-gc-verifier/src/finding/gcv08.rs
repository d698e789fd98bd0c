//! GCV08, `unsound-forwarding`: every forwarded load and removed store is justified.

use super::about::About;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV08",
    name: "unsound-forwarding",
    invariant: "a load is forwarded, and a store removed, only where no write, safepoint or \
                 reader on the way contradicts it",
    meaning: "\
To alias analysis the slots that stack maps name are ordinary memory, and what it knows of memory
rests on the alias regions that the producer claims. It replaces a load by the value that it takes
to be there, and removes a store that it takes to be repeated, or dead. Here addresses are
worked out anew, without alias regions, and the way between is searched for what contradicts it: a
store to the same bytes, a safepoint whose stack map names the slot, a reader of a dead store.

With gc_verifier=check this is a violation. With enforce the load or store stays, and the function
comes out right.",
    bugs: &[
        (
            "#14323",
            "a load without a region was forwarded across a store with one; in 0.135.8",
        ),
        (
            "#10593",
            "try_call was no memory fence: the spill was forwarded to the reload across it",
        ),
        (
            "#13508, #13512",
            "a store without a region did not count as a write to all regions",
        ),
        (
            "#13610",
            "inline copies without regions stood beside accesses with them",
        ),
        ("#14005", "an atomic store was removed as dead"),
        (
            "#14162",
            "a load was forwarded from a store of another byte order",
        ),
    ],
};
