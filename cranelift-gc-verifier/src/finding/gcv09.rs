//! GCV09, `lost-stack-map`: what is emitted has the stack map of each safepoint, and no other.

use super::about::About;

/// What is said of it.
pub(super) const ABOUT: About = About {
    code: "GCV09",
    name: "lost-stack-map",
    invariant: "the stack map of a safepoint is emitted once, for its return address, with its \
                 entries where their slots are",
    meaning: "\
What the collector reads is not the stack map of the CLIF, but what was emitted for it: a record
with a return address, the size of the frame, and offsets from the stack pointer. Lowering hands each
map from the safepoint to a call, and emission from the call to a record. A map that is lost on
the way is a frame that the collector does not see; one at another address or offset makes it
take other bytes for references.

What lowering and emission did is compared with the optimized CLIF, one to one, and the return
address with where the machine code itself says that the call ends. And a safepoint that is
inlined has to have all entries of the call in whose place it comes.

No CLIF makes a correct compiler lose a stack map. The rejected example is one with the fault
that its comment names, as the tests of the verifier put it in.",
    bugs: &[
        ("#11753, #12934", "the stack map of try_call, a branch, was not forwarded to VCode"),
    ],
};

/// What is seen at the safepoint.
pub(super) const AT_SAFEPOINT: &str = "the stack map of this safepoint is lost";
