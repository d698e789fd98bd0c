//! What can go wrong with a stack map after CLIF: entities, not sentences.

use core::fmt;
use cranelift_codegen::gc_verifier::MapEntry;
use cranelift_codegen::ir::{Inst, StackSlot, Type};

/// An area of an active frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Area {
    /// Arguments of calls that are being made.
    OutgoingArgs,
    /// The register allocator's spill slots, and padding.
    Spills,
    /// Saved registers.
    Saved,
    /// What is not part of the frame.
    Outside,
}

impl fmt::Display for Area {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Area::OutgoingArgs => "among the outgoing arguments",
            Area::Spills => "among the spill slots",
            Area::Saved => "among the saved registers",
            Area::Outside => "outside the frame",
        })
    }
}

/// How the stack map of a safepoint got lost, between its CLIF and the emitted record.
///
/// Offsets of machine code are from the start of the function's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapFault {
    /// The inliner put the safepoint in the place of `call`, and one of the entries of the call's
    /// stack map is not in that of the safepoint.
    NotInlined {
        /// The call.
        call: Inst,
        /// The entry's type.
        ty: Type,
        /// The entry's slot.
        slot: StackSlot,
        /// The entry's offset in the slot.
        offset: u32,
    },
    /// Lowering made no call of it.
    NoCall,
    /// The call that lowering made has no map.
    NoMap {
        /// How many entries the safepoint has.
        entries: u32,
    },
    /// Several calls that lowering made of it have a map.
    ManyMaps {
        /// How many.
        maps: u32,
    },
    /// The call that lowering made has a map, and the CLIF instruction has none.
    ForeignMap,
    /// The call that lowering made is no safepoint to the target.
    NoSafepoint,
    /// A map is attached to VCode that is no call.
    StrayMap,
    /// The maps of CLIF and VCode differ; offsets are from the start of the stack slots.
    Lowered {
        /// An entry of the former that the latter lacks.
        expected: Option<MapEntry>,
        /// An entry of the latter that the former lacks.
        found: Option<MapEntry>,
    },
    /// Two stack slots overlap in the frame.
    SlotsOverlap {
        /// The slot that the map names.
        slot: StackSlot,
        /// The other one.
        other: StackSlot,
    },
    /// A stack slot is not aligned as it asks for.
    SlotMisaligned {
        /// The slot that the map names.
        slot: StackSlot,
        /// Where it is, from the start of the stack slots.
        offset: u32,
    },
    /// The call was emitted more or less than once.
    Emitted {
        /// How often.
        times: u32,
    },
    /// The machine code where the call was emitted is no call.
    NotACall {
        /// Where it is.
        start: u32,
    },
    /// The machine code ends a call where no call site is recorded.
    NoCallSite {
        /// The return address.
        return_address: u32,
    },
    /// No record was emitted for the call.
    NoRecord {
        /// The return address of the call.
        return_address: u32,
    },
    /// The record is at another address than the call's return address.
    WrongReturnAddress {
        /// The return address of the call.
        expected: u32,
        /// That of the record.
        found: u32,
    },
    /// Several records were emitted for the call.
    ManyRecords {
        /// The return address of the call.
        return_address: u32,
        /// How many.
        records: u32,
    },
    /// A record was emitted for no safepoint with a stack map.
    SpuriousRecord {
        /// Its return address.
        return_address: u32,
    },
    /// The records are not in the order of their return addresses.
    Unordered {
        /// The return address of the later record.
        return_address: u32,
    },
    /// The maps of VCode and record differ; offsets are from the stack pointer.
    Recorded {
        /// The return address of the call.
        return_address: u32,
        /// An entry of the former that the latter lacks.
        expected: Option<MapEntry>,
        /// An entry of the latter that the former lacks.
        found: Option<MapEntry>,
    },
    /// The record has another size for the frame.
    FrameSize {
        /// The return address of the call.
        return_address: u32,
        /// The size of the frame.
        expected: u32,
        /// That of the record.
        found: u32,
    },
    /// An entry is not among the stack slots.
    OutsideSlots {
        /// The return address of the call.
        return_address: u32,
        /// The entry, from the stack pointer.
        entry: MapEntry,
        /// Where it is.
        area: Area,
    },
    /// An entry is not aligned for its type.
    Misaligned {
        /// The return address of the call.
        return_address: u32,
        /// The entry, from the stack pointer.
        entry: MapEntry,
    },
    /// The frame's fixed storage does not hold the stack slots and the spill slots.
    StorageTooSmall {
        /// Its size.
        size: u32,
        /// The size of what is in it.
        needed: u32,
    },
}

/// An entry, or none, at an offset from `base`.
struct Side(Option<MapEntry>, &'static str);

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0, self.1) {
            (Some(MapEntry { ty, offset }), base) => write!(f, "{ty} @ {base}+{offset}"),
            (None, _) => f.write_str("nothing"),
        }
    }
}

impl fmt::Display for MapFault {
    /// What there is to say about the safepoint, as a sentence without its subject.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            MapFault::NotInlined {
                call,
                ty,
                slot,
                offset,
            } => write!(
                f,
                "was inlined in the place of {call}, but its stack map lacks the entry {ty} @ \
                 {slot}+{offset} of that call"
            ),
            MapFault::NoCall => f.write_str("has a stack map, but lowering made no call of it"),
            MapFault::NoMap { entries } => write!(
                f,
                "has a stack map of {entries} entries, but the call that lowering made of it has \
                 none"
            ),
            MapFault::ManyMaps { maps } => write!(
                f,
                "has one stack map, but lowering attached it to {maps} calls"
            ),
            MapFault::ForeignMap => {
                f.write_str("has no stack map, but the call that lowering made of it has one")
            }
            MapFault::NoSafepoint => f.write_str(
                "has a stack map, but the call that lowering made of it is no safepoint to the \
                 target",
            ),
            MapFault::StrayMap => f.write_str(
                "is near a stack map that lowering attached to something else than a call",
            ),
            MapFault::Lowered { expected, found } => write!(
                f,
                "has {} in its stack map, but lowering made {} of it",
                Side(expected, "slots"),
                Side(found, "slots")
            ),
            MapFault::SlotsOverlap { slot, other } => {
                write!(
                    f,
                    "has {slot} in its stack map, which overlaps {other} in the frame"
                )
            }
            MapFault::SlotMisaligned { slot, offset } => write!(
                f,
                "has {slot} in its stack map, which is misaligned at slots+{offset}"
            ),
            MapFault::Emitted { times } => {
                write!(f, "has a stack map, but its call was emitted {times} times")
            }
            MapFault::NotACall { start } => write!(
                f,
                "has a stack map, but the machine code at {start:#x} is no call"
            ),
            MapFault::NoCallSite { return_address } => write!(
                f,
                "has a stack map, but no call site is recorded at its return address \
                 {return_address:#x}"
            ),
            MapFault::NoRecord { return_address } => write!(
                f,
                "has a stack map, but no record was emitted for its return address \
                 {return_address:#x}"
            ),
            MapFault::WrongReturnAddress { expected, found } => write!(
                f,
                "returns to {expected:#x}, but its record is at {found:#x}"
            ),
            MapFault::ManyRecords {
                return_address,
                records,
            } => write!(
                f,
                "has one stack map, but {records} records were emitted for its return address \
                 {return_address:#x}"
            ),
            MapFault::SpuriousRecord { return_address } => write!(
                f,
                "is the nearest before a record at {return_address:#x} that belongs to no \
                 safepoint with a stack map"
            ),
            MapFault::Unordered { return_address } => write!(
                f,
                "is the nearest before a record at {return_address:#x} that is out of order"
            ),
            MapFault::Recorded {
                return_address,
                expected,
                found,
            } => write!(
                f,
                "has {} in its stack map, but the record at {return_address:#x} has {}",
                Side(expected, "sp"),
                Side(found, "sp")
            ),
            MapFault::FrameSize {
                return_address,
                expected,
                found,
            } => write!(
                f,
                "has a frame of {expected} bytes, but the record at {return_address:#x} has \
                 {found}"
            ),
            MapFault::OutsideSlots {
                return_address,
                entry: MapEntry { ty, offset },
                area,
            } => write!(
                f,
                "has {ty} @ sp+{offset} in its record at {return_address:#x}, which is {area}"
            ),
            MapFault::Misaligned {
                return_address,
                entry: MapEntry { ty, offset },
            } => write!(
                f,
                "has {ty} @ sp+{offset} in its record at {return_address:#x}, which is misaligned"
            ),
            MapFault::StorageTooSmall { size, needed } => write!(
                f,
                "has a frame whose {size} bytes of storage do not hold the {needed} bytes of \
                 stack slots and spill slots"
            ),
        }
    }
}
