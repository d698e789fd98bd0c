//! What each check means.

use cranelift_gc_verifier::Code;

/// What there is to say about a check.
pub struct Entry {
    /// What goes wrong, and where it comes from.
    pub meaning: &'static str,
    /// Upstream's bugs of this kind.
    pub bugs: &'static [(&'static str, &'static str)],
    /// CLIF that breaks just this invariant.
    pub rejected: &'static str,
    /// Its twin, which does not.
    pub accepted: &'static str,
}

macro_rules! entry {
    ($code:literal, $meaning:expr, $bugs:expr) => {
        Entry {
            meaning: $meaning,
            bugs: $bugs,
            rejected: include_str!(concat!($code, "-rejected.clif")),
            accepted: include_str!(concat!($code, "-accepted.clif")),
        }
    };
}

/// The entry of this check.
pub fn entry(code: Code) -> Entry {
    match code {
        Code::Gcv01 => entry!(
            "gcv01",
            "\
The collector finds references that are live in a stack frame only through the stack map of the
safepoint at which the frame waits. A reference that is not in it keeps nothing alive, and a
collector that moves objects does not update it. What is loaded from its slot afterwards refers to
a freed or moved object.

The usual cause: nobody declared the value as needing inclusion in stack maps, or the declaration
or its liveness was lost while FunctionBuilder made SSA form.",
            &[
                ("#8945", "liveness held unresolved aliases of values"),
                (
                    "#9000",
                    "the spiller skipped the first instruction of a block"
                ),
                ("#9071", "liveness ignored the back edges of loops"),
                (
                    "#10397",
                    "block parameters made for a variable of references were not declared"
                ),
                (
                    "#12935, #12936",
                    "the results of array.new_data and array.new_elem were not declared"
                ),
            ]
        ),
        Code::Gcv02 => entry!(
            "gcv02",
            "\
A collector that moves objects updates the slots that the stack map names, and nothing else. An
SSA value from before the safepoint still is the old address. Every use after the safepoint has to
be of a value that was loaded from the slot after it.

The usual cause: the rewriting of uses to reloads missed one, or an optimization that takes stack
slots for ordinary memory forwarded the spilled value to the reload.

Harmless, and accepted: comparing a reference with null or testing its i31 bit, comparing two
references of the same age, and uses under a collector that does not move.",
            &[
                (
                    "#13228",
                    "uses through an alias were not replaced by a reload"
                ),
                (
                    "#10593",
                    "try_call was no memory fence: the spill was forwarded to the reload across it"
                ),
                (
                    "#13381",
                    "an immutable global of a reference was loaded `readonly can_move`"
                ),
            ]
        ),
        Code::Gcv03 => entry!(
            "gcv03",
            "\
The collector takes what is in a mapped slot for a reference and follows it. If nothing was stored
there, it follows whatever the stack frame held before.

The usual cause: a spill was removed, because to dead-store elimination a call does not read the
frame's slots; or the spill was placed on some paths to the safepoint only.",
            &[
                (
                    "#9000",
                    "the spiller skipped the first instruction of a block"
                ),
                (
                    "synthetic",
                    "when calls do not observe spills, dead-store elimination removes them"
                ),
            ]
        ),
        Code::Gcv04 => entry!(
            "gcv04",
            "\
A reload stands for one reference. If the slot was given to another one in between, or on some path
holds another one, the reload yields a valid reference to the wrong object: nothing crashes, and
types are confused.

The usual cause: slots are shared between references whose lives overlap.",
            &[(
                "#13461, #13480, #13498",
                "a loop-invariant and a loop-local reference shared a slot"
            ),]
        ),
        Code::Gcv05 => entry!(
            "gcv05",
            "\
The collector takes what is in a mapped slot for a reference, follows it, and may overwrite it. A
number, a pointer into an object or half a value there makes it corrupt memory. Null (0) and i31s
(odd numbers) are references, too.

The usual cause: a stack-map entry with the wrong type or offset, or a constant that the optimizer
put in the place of a reference.",
            &[(
                "synthetic",
                "a stack-map entry with the wrong offset, or of type i64"
            )]
        ),
        Code::Gcv06 => entry!(
            "gcv06",
            "\
A pointer into an object is computed from the heap's base and a reference. No stack map can name
it, so that nobody updates it when the object, or the heap, moves. It has to be computed again
from the reloaded reference.

The usual cause: an address is computed once for several accesses, and something between them
became a safepoint.",
            &[
                (
                    "#13165",
                    "the heap base was loaded `readonly can_move` though the heap may move"
                ),
                (
                    "#14045, GHSA-2hw9-mc66-jc2q",
                    "epoch checks in loops of bulk operations collected while pointers into arrays were held"
                ),
            ]
        ),
        Code::Gcv09 => entry!(
            "gcv09",
            "\
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
            &[(
                "#11753, #12934",
                "the stack map of try_call, a branch, was not forwarded to VCode"
            )]
        ),
    }
}
