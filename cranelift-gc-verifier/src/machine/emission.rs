//! From calls in VCode to emitted records.
//!
//! **Claim.** Each call with a stack map was emitted once, as a call; one record stands at its
//! return address, and no record stands anywhere else. The record tells the size of the frame and
//! just the entries of the map, each where its stack slot is: among the stack slots, not among
//! outgoing arguments, spill slots or saved registers, and aligned.
//!
//! **Strength.** Exact. On x86_64 and aarch64 a return address is where the machine code says
//! that the call ends ([`crate::machine::call_ends`]); on other targets it is the first call site
//! after the call begins. A switch of stacks ends where its own code says that control comes back.
//! The areas of the frame are added up here from their sizes.
//!
//! **Math.** With `a` the size of outgoing arguments, `s` that of stack slots, `f` that of the
//! fixed storage, and `r` that of saved registers, from the stack pointer upwards:
//! `[0, a)` outgoing arguments, `[a, a+s)` stack slots, `[a+s, a+f)` spill slots, `[a+f, a+f+r)`
//! saved registers, and the frame's size is `a + f + r`. For a call with map `m`, the record at its
//! return address is `{(ty, a + offset) | (ty, offset) ∈ m}`.

use crate::finding::map_fault::{Area, MapFault};
use crate::finding::options::Options;
use crate::finding::report::{Counts, Report};
use crate::machine::call_ends::{Machine, call_len, switch_len};
use crate::machine::stack_map::{Faults, difference, normal};
use cranelift_codegen::gc_verifier::{
    Emitted, EmittedFrame, EmittedRecord, Lowered, LoweredCall, MapEntry,
};
use cranelift_codegen::ir::{Function, Inst, Opcode};

/// Compare what was emitted with what lowering made.
pub(crate) fn compare(
    func: &Function,
    options: &Options,
    lowered: &Lowered,
    emitted: &Emitted,
    code: (Machine, &[u8]),
) -> Report {
    let mut emission = Emission {
        func,
        lowered,
        emitted,
        code,
        is_claimed: vec![false; emitted.records.len()],
        is_sorted: emitted
            .records
            .is_sorted_by_key(|record| record.return_address),
        report: Report {
            counts: Counts {
                records: emitted.records.len() as u64,
                record_entries: emitted.records.iter().map(|r| r.entries.len() as u64).sum(),
                ..Counts::default()
            },
            ..Report::default()
        },
        faults: Faults::new(func),
    };
    emission.emitted_once();
    emission.calls();
    emission.other_records();
    emission.order();
    emission.storage();
    emission.faults.into_report(options, emission.report)
}

struct Emission<'a> {
    func: &'a Function,
    lowered: &'a Lowered,
    emitted: &'a Emitted,
    code: (Machine, &'a [u8]),
    /// Which records belong to a call.
    is_claimed: Vec<bool>,
    /// Are the records in the order of their return addresses?
    is_sorted: bool,
    report: Report,
    faults: Faults<'a>,
}

impl<'a> Emission<'a> {
    /// Each call with a map is emitted once.
    fn emitted_once(&mut self) {
        let mut times = vec![0; self.lowered.calls.len()];
        for call in &self.emitted.calls {
            if let Some(times) = call.call.and_then(|call| times.get_mut(call)) {
                *times += 1;
            }
        }
        for (call, times) in self.lowered.calls.iter().zip(times) {
            if let (Some(inst), Some(_), true) = (call.inst, &call.map, times != 1) {
                self.faults.push(inst, MapFault::Emitted { times });
            }
        }
    }

    /// Each call with a map has its record.
    fn calls(&mut self) {
        for index in 0..self.emitted.calls.len() {
            let Some((inst, map)) = self.mapped_call(index) else {
                continue;
            };
            let address = match self.func.dfg.insts[inst].opcode() {
                Opcode::StackSwitch => self.end_of_switch(index),
                _ => self.return_address(index),
            };
            match address {
                Err(fault) => self.faults.push(inst, fault),
                Ok(return_address) => self.record(index, inst, map, return_address),
            }
        }
    }

    /// The CLIF instruction and the map of an emitted call, if it has one.
    fn mapped_call(&self, index: usize) -> Option<(Inst, &'a [MapEntry])> {
        let call = self.emitted.calls[index].call?;
        let LoweredCall { inst, map, .. } = self.lowered.calls.get(call)?;
        Some(((*inst)?, map.as_deref()?))
    }

    /// Where the call ends.
    fn return_address(&self, index: usize) -> Result<u32, MapFault> {
        let start = self.emitted.calls[index].start;
        let (machine, code) = self.code;
        let sites = &self.emitted.call_sites;
        let return_address = match machine {
            Machine::Other => {
                let after = sites.partition_point(|site| *site <= start);
                sites.get(after).copied()
            }
            Machine::X64 | Machine::Aarch64 => code
                .get(start as usize..)
                .and_then(|code| call_len(machine, code))
                .map(|len| start + len),
        };
        let return_address = return_address.ok_or(MapFault::NotACall { start })?;
        if return_address > self.end(index) {
            return Err(MapFault::NotACall { start });
        }
        match sites.binary_search(&return_address) {
            Ok(_) => Ok(return_address),
            Err(_) => Err(MapFault::NoCallSite { return_address }),
        }
    }

    /// Where control comes back after a switch of stacks: by a jump, so that there is no call site.
    fn end_of_switch(&self, index: usize) -> Result<u32, MapFault> {
        let start = self.emitted.calls[index].start;
        let (machine, code) = self.code;
        let code = code.get(start as usize..);
        let end = code.and_then(|code| switch_len(machine, code));
        end.map(|len| start + len)
            .filter(|end| *end <= self.end(index))
            .ok_or(MapFault::NotACall { start })
    }

    /// Where the next call begins, or the code ends.
    fn end(&self, index: usize) -> u32 {
        match self.emitted.calls.get(index + 1) {
            Some(next) => next.start,
            None => self.code.1.len() as u32,
        }
    }

    /// The call of `inst`, with `map`, has one record, and it is right.
    fn record(&mut self, index: usize, inst: Inst, map: &[MapEntry], return_address: u32) {
        let records = self.records_at(return_address);
        let fault = match records[..] {
            [] if map.is_empty() => return,
            [] => self.elsewhere(index, return_address),
            [record] => {
                self.is_claimed[record] = true;
                let record = &self.emitted.records[record];
                wrong_frame_size(&self.emitted.frame, record)
                    .or_else(|| wrong_places(&self.emitted.frame, record))
                    .or_else(|| wrong_entries(&self.emitted.frame, record, map))
            }
            [..] => {
                for record in &records {
                    self.is_claimed[*record] = true;
                }
                Some(MapFault::ManyRecords {
                    return_address,
                    records: records.len() as u32,
                })
            }
        };
        if let Some(fault) = fault {
            self.faults.push(inst, fault);
        }
    }

    /// The records at this address, as indices.
    fn records_at(&self, return_address: u32) -> Vec<usize> {
        let records = &self.emitted.records;
        // NB: Not a binary search where the order itself is in question.
        if self.is_sorted {
            let start = records.partition_point(|record| record.return_address < return_address);
            let len = records[start..].partition_point(|r| r.return_address == return_address);
            return (start..start + len).collect();
        }
        let is_there = |index: &usize| records[*index].return_address == return_address;
        (0..records.len()).filter(is_there).collect()
    }

    /// A call without a record at its return address may have one nearby.
    fn elsewhere(&mut self, index: usize, expected: u32) -> Option<MapFault> {
        let range = self.emitted.calls[index].start + 1..=self.end(index);
        let records = self.emitted.records.iter();
        let mut found =
            records
                .enumerate()
                .filter(|(record, EmittedRecord { return_address, .. })| {
                    range.contains(return_address) && !self.is_claimed[*record]
                });
        Some(match found.next() {
            Some((record, EmittedRecord { return_address, .. })) => {
                self.is_claimed[record] = true;
                MapFault::WrongReturnAddress {
                    expected,
                    found: *return_address,
                }
            }
            None => MapFault::NoRecord {
                return_address: expected,
            },
        })
    }

    /// No record stands anywhere else.
    fn other_records(&mut self) {
        for (record, is_claimed) in self.is_claimed.iter().enumerate() {
            if *is_claimed {
                continue;
            }
            let return_address = self.emitted.records[record].return_address;
            if let Some(inst) = self.nearest(return_address) {
                self.faults
                    .push(inst, MapFault::SpuriousRecord { return_address });
            }
        }
    }

    /// Who looks a record up searches for its return address by halves.
    fn order(&mut self) {
        for pair in self.emitted.records.windows(2) {
            let return_address = pair[1].return_address;
            if pair[0].return_address > return_address
                && let Some(inst) = self.nearest(return_address)
            {
                self.faults
                    .push(inst, MapFault::Unordered { return_address });
            }
        }
    }

    /// The stack slots and the spill slots do not share bytes.
    fn storage(&mut self) {
        let frame = &self.emitted.frame;
        let needed = frame.slots_size.saturating_add(frame.spills_size);
        let size = frame.storage_size;
        if self.report.counts.record_entries > 0
            && needed > size
            && let Some(inst) = self.nearest(u32::MAX)
        {
            self.faults
                .push(inst, MapFault::StorageTooSmall { size, needed });
        }
    }

    /// The safepoint whose call begins last before `address`.
    fn nearest(&self, address: u32) -> Option<Inst> {
        let before = self
            .emitted
            .calls
            .iter()
            .filter(|call| call.start < address);
        let mut insts = before.filter_map(|call| self.lowered.calls.get(call.call?)?.inst);
        insts.next_back().or_else(|| self.faults.nobody())
    }
}

fn wrong_frame_size(frame: &EmittedFrame, record: &EmittedRecord) -> Option<MapFault> {
    let sizes = [
        frame.outgoing_args_size,
        frame.storage_size,
        frame.clobber_size,
    ];
    let expected = sizes.iter().sum();
    (record.frame_size != expected).then_some(MapFault::FrameSize {
        return_address: record.return_address,
        expected,
        found: record.frame_size,
    })
}

fn wrong_entries(
    frame: &EmittedFrame,
    record: &EmittedRecord,
    map: &[MapEntry],
) -> Option<MapFault> {
    let expected = normal(map.iter().map(|entry| MapEntry {
        offset: entry.offset.saturating_add(frame.outgoing_args_size),
        ..*entry
    }));
    let found = normal(record.entries.iter().copied());
    let (expected, found) = difference(&expected, &found)?;
    Some(MapFault::Recorded {
        return_address: record.return_address,
        expected,
        found,
    })
}

/// The first entry that is not among the stack slots, or is misaligned.
fn wrong_places(frame: &EmittedFrame, record: &EmittedRecord) -> Option<MapFault> {
    let return_address = record.return_address;
    let mut entries = record.entries.iter();
    entries.find_map(|&entry| match area(frame, entry) {
        Some(area) => Some(MapFault::OutsideSlots {
            return_address,
            entry,
            area,
        }),
        None if is_misaligned(frame, entry) => Some(MapFault::Misaligned {
            return_address,
            entry,
        }),
        None => None,
    })
}

/// Is an entry misaligned that is not so among the stack slots already?
fn is_misaligned(frame: &EmittedFrame, entry: MapEntry) -> bool {
    let size = entry.ty.bytes().max(1);
    let in_slots = entry.offset - frame.outgoing_args_size;
    in_slots.is_multiple_of(size) && !entry.offset.is_multiple_of(size)
}

/// Where an entry is that is not among the stack slots.
fn area(frame: &EmittedFrame, entry: MapEntry) -> Option<Area> {
    let [outgoing, slots, storage, saved] = [
        frame.outgoing_args_size,
        frame.slots_size,
        frame.storage_size,
        frame.clobber_size,
    ]
    .map(u64::from);
    let start = u64::from(entry.offset);
    let end = start + u64::from(entry.ty.bytes());
    if start >= outgoing && end <= outgoing + slots {
        None
    } else if start < outgoing {
        Some(Area::OutgoingArgs)
    } else if start < outgoing + storage {
        Some(Area::Spills)
    } else if start < outgoing + storage + saved {
        Some(Area::Saved)
    } else {
        Some(Area::Outside)
    }
}
