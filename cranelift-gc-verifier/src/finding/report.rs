//! What a verification found.

use crate::finding::code::Code;
use crate::finding::error::GcError;
use crate::finding::witness::Witness;
use core::fmt;
use core::ops::AddAssign;
use cranelift_codegen::ir::{Inst, StackSlot, Value};

/// Why the guards of a dereference were not looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Unjudged {
    /// Nothing is known of the type of the reference.
    UnknownType,
    /// The address is a block parameter, and what it is made of is not the same on all ways, or not known.
    BlockParameter,
    /// The address is loaded from memory, or comes from a callee.
    UnknownAddress,
    /// The address is made of too many values.
    LongAddress,
    /// A pass put something else in the place of the reference.
    Replaced,
    /// A pass chose between references, or computed one.
    Computed,
    /// The reference is reloaded from a slot that is not followed.
    UnknownSlot,
}

impl Unjudged {
    /// All of them.
    pub const ALL: [Unjudged; 7] = [
        Unjudged::UnknownType,
        Unjudged::BlockParameter,
        Unjudged::UnknownAddress,
        Unjudged::LongAddress,
        Unjudged::Replaced,
        Unjudged::Computed,
        Unjudged::UnknownSlot,
    ];

    /// A stable word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Unjudged::UnknownType => "unknown-type",
            Unjudged::BlockParameter => "address-by-block-parameter",
            Unjudged::UnknownAddress => "unknown-address",
            Unjudged::LongAddress => "long-address",
            Unjudged::Replaced => "replaced-reference",
            Unjudged::Computed => "computed-reference",
            Unjudged::UnknownSlot => "unknown-slot",
        }
    }
}

/// How many subjects a verification looked at, so that nothing passes by being overlooked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Safepoints that may collect, in reachable code.
    pub safepoints: u64,
    /// Entries of the stack maps of those safepoints.
    pub entries: u64,
    /// Values known to be GC references.
    pub references: u64,
    /// Loads and stores whose address is derived from a known reference.
    pub dereferences: u64,
    /// Loads of what a collection rewrites: the base of a heap that can move, the state of a
    /// collector that copies, references in memory under a collector that moves.
    pub rewritten_loads: u64,
    /// Dereferences whose reference's type excludes null and i31.
    pub typed: u64,
    /// New objects whose words were looked at: are they stored before the object is handed on?
    pub objects: u64,
    /// Dereferences that are guarded against what the type does not exclude.
    pub guarded: u64,
    /// Dereferences whose guards were not looked for.
    pub unjudged: u64,
    /// The same by reason, in the order of [`Unjudged::ALL`].
    pub unjudged_by: [u64; Unjudged::ALL.len()],
    /// Typed positions, at which something is relied upon.
    pub positions: u64,
    /// Typed positions at which the type of what arrives is enough.
    pub positions_typed: u64,
    /// Typed positions at which a test, or what makes the value, proves what arrives.
    pub positions_proved: u64,
    /// Typed positions at which nothing is known of what arrives.
    pub positions_unjudged: u64,
    /// Emitted records of stack maps that were compared.
    pub records: u64,
    /// Entries of those records.
    pub record_entries: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Counts) {
        let Counts {
            safepoints,
            entries,
            references,
            dereferences,
            rewritten_loads,
            typed,
            objects,
            guarded,
            unjudged,
            unjudged_by,
            positions,
            positions_typed,
            positions_proved,
            positions_unjudged,
            records,
            record_entries,
        } = other;
        self.safepoints += safepoints;
        self.entries += entries;
        self.references += references;
        self.dereferences += dereferences;
        self.rewritten_loads += rewritten_loads;
        self.typed += typed;
        self.objects += objects;
        self.guarded += guarded;
        self.unjudged += unjudged;
        for (sum, count) in self.unjudged_by.iter_mut().zip(unjudged_by) {
            *sum += count;
        }
        self.positions += positions;
        self.positions_typed += positions_typed;
        self.positions_proved += positions_proved;
        self.positions_unjudged += positions_unjudged;
        self.records += records;
        self.record_entries += record_entries;
    }
}

/// The verdict on a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// Every check was made and holds.
    Verified,
    /// Some check could not be made; none that was made fails.
    Inconclusive,
    /// Some check fails.
    Rejected,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Verified => "verified",
            Verdict::Inconclusive => "inconclusive",
            Verdict::Rejected => "rejected",
        })
    }
}

/// A check that could not be made, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Inconclusive {
    /// The address of a slot that a stack map names is used for something other than an access at
    /// a known offset, so that its contents cannot be followed.
    SlotEscapes {
        /// The slot.
        slot: StackSlot,
        /// Where it escapes.
        inst: Inst,
    },
    /// A value is derived from references of which more than one may be the base.
    ManyBases {
        /// The derived value.
        value: Value,
    },
    /// A dereference for which neither a guard was found nor a path without one.
    UndecidedGuard {
        /// The dereference.
        inst: Inst,
        /// The reference.
        value: Value,
    },
    /// A new object is handed on, and whether all of its words were stored before is not known.
    UndecidedStore {
        /// What hands it on.
        inst: Inst,
        /// The object.
        value: Value,
    },
    /// Something seems wrong, but no path that can be taken was found on which it is.
    NoPath {
        /// Where it seems wrong.
        inst: Inst,
        /// What seems wrong.
        what: String,
    },
    /// The producer says that this spills or reloads a value, but it accesses no slot that is followed.
    MisplacedNote {
        /// The access.
        inst: Inst,
    },
    /// A reference is stored to, or loaded from, a slot whose size is only known at run time: its contents are not
    /// followed.
    DynamicSlot {
        /// The access.
        inst: Inst,
    },
    /// Something that is computed of a reference, in a way that is not followed, is used after a safepoint that
    /// the reference did not survive.
    OpaqueReference {
        /// The use.
        inst: Inst,
        /// What is used.
        value: Value,
        /// What it is computed of.
        of: Value,
    },
    /// A stack map names a slot that holds something that is computed of a reference, in a way that is not
    /// followed.
    OpaqueRoot {
        /// The safepoint.
        inst: Inst,
        /// What the slot holds.
        value: Value,
    },
    /// A typed position for which neither a proof was found nor a path on which something else arrives.
    UndecidedType {
        /// Where the value arrives.
        inst: Inst,
        /// The value.
        value: Value,
    },
    /// An access of which neither is proved that it stays inside its object nor an execution was found in which it does not.
    UndecidedAccess {
        /// The access.
        inst: Inst,
        /// The reference to the object, or the address.
        value: Value,
    },
    /// A store of a reference of which neither is proved that it is counted on every way nor an execution was found in which it is
    /// not.
    UndecidedBarrier {
        /// The store.
        inst: Inst,
        /// What is stored.
        value: Value,
    },
    /// Lowering made several calls of a safepoint, and its stack map is attached to one that
    /// need not be the safepoint itself.
    AmbiguousCall {
        /// The safepoint.
        inst: Inst,
    },
    /// The function is too large, or too involved, for its analyses to end in reasonable time.
    TooMuchWork {
        /// What most of the steps were taken for.
        analysis: &'static str,
    },
    /// The CLIF is not well-formed, so that nothing can be said of it.
    Malformed {
        /// What is wrong.
        what: String,
    },
    /// The verifier contradicted itself; the finding was withheld.
    Internal {
        /// What it contradicted.
        what: String,
    },
}

impl Inconclusive {
    /// The kind of reason, as a stable word.
    pub fn reason(&self) -> &'static str {
        match self {
            Inconclusive::SlotEscapes { .. } => "slot-escapes",
            Inconclusive::ManyBases { .. } => "many-bases",
            Inconclusive::UndecidedGuard { .. } => "undecided-guard",
            Inconclusive::UndecidedStore { .. } => "undecided-store",
            Inconclusive::NoPath { .. } => "no-path",
            Inconclusive::MisplacedNote { .. } => "misplaced-note",
            Inconclusive::DynamicSlot { .. } => "dynamic-slot",
            Inconclusive::OpaqueReference { .. } => "opaque-reference",
            Inconclusive::OpaqueRoot { .. } => "opaque-root",
            Inconclusive::UndecidedType { .. } => "undecided-type",
            Inconclusive::UndecidedAccess { .. } => "undecided-access",
            Inconclusive::UndecidedBarrier { .. } => "undecided-barrier",
            Inconclusive::AmbiguousCall { .. } => "ambiguous-call",
            Inconclusive::TooMuchWork { .. } => "too-much-work",
            Inconclusive::Malformed { .. } => "malformed",
            Inconclusive::Internal { .. } => "internal",
        }
    }
}

impl fmt::Display for Inconclusive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Inconclusive::SlotEscapes { slot, inst } => {
                write!(f, "the address of {slot} escapes at {inst}")
            }
            Inconclusive::ManyBases { value } => {
                write!(f, "{value} is derived from more than one reference")
            }
            Inconclusive::UndecidedGuard { inst, value } => {
                write!(
                    f,
                    "whether {value} is guarded at {inst} could not be decided"
                )
            }
            Inconclusive::UndecidedStore { inst, value } => write!(
                f,
                "whether all words of new object {value} are stored before {inst} could not be decided"
            ),
            Inconclusive::NoPath { what, .. } => {
                write!(f, "no path was found on which {what}")
            }
            Inconclusive::MisplacedNote { inst } => write!(
                f,
                "{inst} is said to spill or reload a value, but accesses no slot that is followed"
            ),
            Inconclusive::DynamicSlot { inst } => write!(
                f,
                "{inst} accesses a reference in a dynamic stack slot, which is not followed"
            ),
            Inconclusive::OpaqueReference { inst, value, of } => write!(
                f,
                "{inst} uses {value}, which is computed of {of} in a way that is not followed, after a safepoint"
            ),
            Inconclusive::OpaqueRoot { inst, value } => write!(
                f,
                "the stack map of {inst} names a slot that holds {value}, which is computed of a reference in a way that is not followed"
            ),
            Inconclusive::UndecidedType { inst, value } => write!(
                f,
                "whether {value} is what {inst} relies upon could not be decided"
            ),
            Inconclusive::UndecidedAccess { inst, value } => write!(
                f,
                "whether {inst} stays inside of the object of {value} could not be decided"
            ),
            Inconclusive::UndecidedBarrier { inst, value } => write!(
                f,
                "whether {value} is counted on every way to {inst} could not be decided"
            ),
            Inconclusive::AmbiguousCall { inst } => write!(
                f,
                "the stack map of {inst} is attached to one of several calls that lowering made of it"
            ),
            Inconclusive::TooMuchWork { analysis } => {
                write!(f, "the analysis of {analysis} takes too many steps")
            }
            Inconclusive::Malformed { what } => write!(f, "the function is malformed: {what}"),
            Inconclusive::Internal { what } => write!(f, "internal: {what}"),
        }
    }
}

/// One broken invariant, with the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// What is broken.
    pub error: GcError,
    /// The path that shows it; it was checked again before it got here.
    pub witness: Witness,
    /// The position of the ISLE rule that asked for it, if it is a rewrite of one: `file line N`, with lines from 0
    /// ([`rule_name`](crate::rule_name) makes its name).
    pub rule: Option<&'static str>,
}

/// What was found in one function at one point of the pipeline.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// What was looked at.
    pub counts: Counts,
    /// What is broken, in reverse post-order of the guilty instructions.
    pub violations: Vec<Violation>,
    /// What could not be checked.
    pub inconclusive: Vec<Inconclusive>,
}

impl Report {
    /// The verdict.
    pub fn verdict(&self) -> Verdict {
        if !self.violations.is_empty() {
            Verdict::Rejected
        } else if !self.inconclusive.is_empty() {
            Verdict::Inconclusive
        } else {
            Verdict::Verified
        }
    }

    /// The codes of the violations, in their order.
    pub fn codes(&self) -> Vec<Code> {
        self.violations.iter().map(|v| v.error.code()).collect()
    }
}
