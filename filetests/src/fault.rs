//! Faults of lowering and emission, put into their evidence.
//!
//! A correct compiler loses no stack map, so that no CLIF makes the verifier's check of lowering
//! and emission fail. These faults change what the compiler left as evidence, as a compiler with
//! the fault would have left it; the verifier then has to find it. They are part of the test
//! runner alone.

use anyhow::{Result, bail};
use cranelift_codegen::ir::{Function, Inst, types};
use cranelift_gc_verifier::{Emitted, Lowered, LoweredCall, MapEntry};

/// A fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Lowering loses the first stack map.
    LoseMap,
    /// Lowering loses the map of the first branch: wasmtime#12934.
    LoseBranchMap,
    /// Lowering loses the map of the first call in a cold block.
    LoseColdMap,
    /// Lowering loses an entry of the first map.
    LoseEntry,
    /// Lowering makes an entry four bytes off.
    ShiftSlot,
    /// Lowering makes an entry of another type.
    ChangeType,
    /// Lowering attaches the first map to the next call.
    AttachToNextCall,
    /// Lowering attaches the first map to two calls.
    DoubleMap,
    /// Lowering makes no call of the first safepoint.
    DropCall,
    /// Two stack slots are at one place.
    OverlapSlots,
    /// Emission loses the first record.
    DropRecord,
    /// Emission has the first record twice.
    DoubleRecord,
    /// Emission makes the first record four bytes off.
    ShiftReturnAddress,
    /// Emission exchanges what the first two records say.
    SwapRecords,
    /// Emission has an entry four bytes off.
    ShiftEntry,
    /// Emission forgets the outgoing arguments below the stack slots.
    ForgetOutgoingArgs,
    /// Emission has an entry of another type.
    ChangeRecordType,
    /// Emission has the frame eight bytes too small.
    ShrinkFrame,
}

impl Fault {
    /// Every fault, and what it is called.
    pub const ALL: [(Fault, &'static str); 18] = [
        (Fault::LoseMap, "lose-map"),
        (Fault::LoseBranchMap, "lose-branch-map"),
        (Fault::LoseColdMap, "lose-cold-map"),
        (Fault::LoseEntry, "lose-entry"),
        (Fault::ShiftSlot, "shift-slot"),
        (Fault::ChangeType, "change-type"),
        (Fault::AttachToNextCall, "attach-to-next-call"),
        (Fault::DoubleMap, "double-map"),
        (Fault::DropCall, "drop-call"),
        (Fault::OverlapSlots, "overlap-slots"),
        (Fault::DropRecord, "drop-record"),
        (Fault::DoubleRecord, "double-record"),
        (Fault::ShiftReturnAddress, "shift-return-address"),
        (Fault::SwapRecords, "swap-records"),
        (Fault::ShiftEntry, "shift-entry"),
        (Fault::ForgetOutgoingArgs, "forget-outgoing-args"),
        (Fault::ChangeRecordType, "change-record-type"),
        (Fault::ShrinkFrame, "shrink-frame"),
    ];

    /// The fault of this name.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        match Fault::ALL.iter().find(|(_, known)| *known == name) {
            Some((fault, _)) => Ok(*fault),
            None => bail!("unknown fault `{name}`"),
        }
    }

    /// Put the fault into the evidence; false if there is no place for it.
    pub fn corrupt(self, func: &Function, lowered: &mut Lowered, emitted: &mut Emitted) -> bool {
        // NB: `None` tells that there is no place for the fault.
        self.in_lowering(func, lowered)
            .or_else(|| self.in_emission(emitted))
            .is_some()
    }

    fn in_lowering(self, func: &Function, lowered: &mut Lowered) -> Option<()> {
        match self {
            Fault::LoseMap => {
                let first = first(lowered)?;
                lowered.calls[first].map = None;
            }
            Fault::LoseBranchMap => {
                let is_branch = |inst| func.dfg.insts[inst].opcode().is_branch();
                mapped_call(lowered, is_branch)?.map = None;
            }
            Fault::LoseColdMap => {
                let block = |inst| func.layout.inst_block(inst);
                let is_cold = |inst| block(inst).is_some_and(|block| func.layout.is_cold(block));
                mapped_call(lowered, is_cold)?.map = None;
            }
            Fault::LoseEntry => {
                let calls = lowered
                    .calls
                    .iter_mut()
                    .filter_map(|call| call.map.as_mut());
                calls.rev().find(|map| map.len() > 1)?.pop()?;
            }
            Fault::ShiftSlot => first_entry(lowered)?.offset += 4,
            Fault::ChangeType => change_type(first_entry(lowered)?),
            Fault::AttachToNextCall => {
                let (first, next) = first_two(lowered)?;
                lowered.calls[next].map = lowered.calls[first].map.take();
            }
            Fault::DoubleMap => {
                let first = lowered.calls[first(lowered)?].clone();
                lowered.calls.push(first);
            }
            Fault::DropCall => {
                let first = first(lowered)?;
                lowered.calls.remove(first);
            }
            Fault::OverlapSlots => {
                let mut slots = lowered.slots.keys();
                let (a, b) = (slots.next()?, slots.next()?);
                let (to, from) = (lowered.slots[a], lowered.slots[b]);
                lowered.slots[b] = to;
                let maps = lowered
                    .calls
                    .iter_mut()
                    .filter_map(|call| call.map.as_mut());
                for entry in maps.flatten().filter(|entry| entry.offset == from) {
                    entry.offset = to;
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn in_emission(self, emitted: &mut Emitted) -> Option<()> {
        let records = &mut emitted.records;
        let record = records.first_mut()?;
        match self {
            Fault::DropRecord => {
                records.remove(0);
            }
            Fault::DoubleRecord => {
                let record = record.clone();
                records.insert(0, record);
            }
            Fault::ShiftReturnAddress => record.return_address += 4,
            Fault::SwapRecords => {
                let [a, b, ..] = &mut records[..] else {
                    return None;
                };
                core::mem::swap(&mut a.entries, &mut b.entries);
            }
            Fault::ShiftEntry => record.entries.first_mut()?.offset += 4,
            Fault::ForgetOutgoingArgs => {
                let size = emitted.frame.outgoing_args_size;
                if size == 0 {
                    return None;
                }
                for entry in &mut record.entries {
                    entry.offset -= size;
                }
            }
            Fault::ChangeRecordType => change_type(record.entries.first_mut()?),
            Fault::ShrinkFrame => record.frame_size -= 8,
            _ => return None,
        }
        Some(())
    }
}

fn change_type(entry: &mut MapEntry) {
    entry.ty = match entry.ty {
        types::I32 => types::I64,
        _ => types::I32,
    };
}

/// The first call with a map, as it is executed: the last that was made.
fn first(lowered: &Lowered) -> Option<usize> {
    lowered.calls.iter().rposition(|call| call.map.is_some())
}

/// That, and the call after it.
fn first_two(lowered: &Lowered) -> Option<(usize, usize)> {
    let first = first(lowered)?;
    Some((first, first.checked_sub(1)?))
}

fn first_entry(lowered: &mut Lowered) -> Option<&mut MapEntry> {
    let first = first(lowered)?;
    lowered.calls[first].map.as_mut()?.first_mut()
}

/// The first call with a map of an instruction that is `wanted`.
fn mapped_call(lowered: &mut Lowered, wanted: impl Fn(Inst) -> bool) -> Option<&mut LoweredCall> {
    let mut calls = lowered.calls.iter_mut().rev();
    calls.find(|call| call.map.is_some() && call.inst.is_some_and(&wanted))
}
