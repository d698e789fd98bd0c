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
        Code::Gcv07 => entry!(
            "gcv07",
            "\
A collection rewrites more than stack slots: where the collector's space begins and ends, the base
of a heap that it has to grow, and, if it moves objects, every reference in memory. The flags
`readonly` and `can_move` tell the optimizer that a load yields the same whenever it is executed.
So it may be merged with an earlier one, or moved out of a loop, over a safepoint.

The usual cause: what holds for one collector or configuration is declared for all.",
            &[
                (
                    "#13165",
                    "the heap base was loaded `readonly can_move` though the heap may move"
                ),
                (
                    "#13381 (a)",
                    "an immutable global of a reference was loaded `readonly can_move`"
                ),
                (
                    "#13381 (b)",
                    "the end of the active space was loaded `readonly can_move`, but collections flip it"
                ),
            ]
        ),
        Code::Gcv10 => entry!(
            "gcv10",
            "\
A reference is an index into the heap only if it is not null (0) and no i31 (odd). Dereferencing
either reads or writes what happens to be there: the heap's first bytes, or the middle of an object. The
type of the reference excludes that, or code before the dereference does: a trap, or a branch.
A guard counts if no reference of the class passes it: it is evaluated for 0, and for i31s with several
payloads. That the access can trap, or that its bounds are checked, is no guard.

The usual cause: a test for i31 that is wrong for some payloads, or left out because the type seemed
to exclude i31s.",
            &[
                (
                    "#10171, #10181, #10221",
                    "barriers took an i31 with a payload for a reference: the mask tested all bits but the tag"
                ),
                ("#10371", "barriers took it that an externref is never an i31"),
            ]
        ),
        Code::Gcv16 => entry!(
            "gcv16",
            "\
A dereference was guarded before an optimization pass, and is not after it: the pass removed
the trap or branch, took its condition for a constant, or moved the dereference out of its
protection. The example is what a pass left behind; `; guarded: v0 null` says what was guarded before it.

Or a bounds check that puts null in the place of an address (`select_spectre_guard`) guards nothing, because no
access of that address is there that can trap.

The usual cause: a rewrite of a comparison or a branch that is wrong for some operands.",
            &[(
                "#10353",
                "the trap of an access that is out of bounds was lost together with the unused load"
            )]
        ),
        Code::Gcv17 => entry!(
            "gcv17",
            "\
A new object holds whatever its memory held before. A collector that comes to it before its fields
are written takes that for references and follows them.

The usual cause: what is emitted at the head of every loop, such as an epoch check, is emitted for
the loop that fills an array, too.",
            &[(
                "#14045, GHSA-2hw9-mc66-jc2q",
                "epoch checks in loops of bulk operations collected while an array was half filled"
            )]
        ),
        Code::Gcv08 => entry!(
            "gcv08",
            "\
To alias analysis the slots that stack maps name are ordinary memory, and what it knows of memory
rests on the alias regions that the producer claims. It replaces a load by the value that it takes
to be there, and removes a store that it takes to be repeated, or dead. Here addresses are
worked out anew, without alias regions, and the way between is searched for what contradicts it: a
store to the same bytes, a safepoint whose stack map names the slot, a reader of a dead store.

With gc_verifier=check this is a violation. With enforce the load or store stays, and the function
comes out right.",
            &[
                (
                    "#14323",
                    "a load without a region was forwarded across a store with one; in 0.135.8"
                ),
                (
                    "#10593",
                    "try_call was no memory fence: the spill was forwarded to the reload across it"
                ),
                (
                    "#13508, #13512",
                    "a store without a region did not count as a write to all regions"
                ),
                (
                    "#13610",
                    "inline copies without regions stood beside accesses with them"
                ),
                ("#14005", "an atomic store was removed as dead"),
                (
                    "#14162",
                    "a load was forwarded from a store of another byte order"
                ),
            ]
        ),
        Code::Gcv13 => entry!(
            "gcv13",
            "\
A rewrite keeps the CLIF type of a value. A traced reference may become null (0) or an i31 (an odd
number) by a rewrite, and no other constant: to the collector it would be an object.

The example asks about a rewrite that no rule of Cranelift makes; filetests can do that.",
            &[(
                "synthetic",
                "a rule that folds a comparison with null into the reference itself"
            )]
        ),
        Code::Gcv14 => entry!(
            "gcv14",
            "\
Two loads of the same memory yield the same reference only if no collection came between them. A
rewrite that puts the first in the place of the second revives a reference from before the
safepoint, under a collector that moves objects.

The example asks about a rewrite that no rule of Cranelift makes; filetests can do that.",
            &[(
                "#13381",
                "an immutable global of a reference was loaded `readonly can_move`"
            )]
        ),
        Code::Gcv15 => entry!(
            "gcv15",
            "\
Both sides of a rewrite are computed under a few assignments of the values that they are made
of. If they differ in one of them, the rewrite is wrong, and the assignment is the counterexample.

By default this is asked where references, or what is derived from them, take part. With
`clif-gc verify --all-rewrites` it is asked of every rewrite.

The example asks about a rewrite that no rule of Cranelift makes; filetests can do that.",
            &[
                ("#8005, #12504, #13031, #9030", "wrong rules of the mid-end"),
                (
                    "#14162",
                    "a load was forwarded from a store of another byte order"
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
