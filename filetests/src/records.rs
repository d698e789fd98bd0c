//! The emitted records of a function, by the instruction of the call.

use crate::shown::Compiled;
use cranelift_codegen::ir::Inst;
use cranelift_gc_verifier::EmittedRecord;
use std::fmt::Write as _;

/// Each record, and the instruction whose call ends at its return address.
pub(crate) fn records(compiled: &Compiled) -> Vec<(Option<Inst>, String)> {
    let records = compiled.emitted.records.iter();
    records
        .map(|record| (inst(compiled, record), text(record)))
        .collect()
}

/// The call that was emitted last before the return address.
fn inst(compiled: &Compiled, record: &EmittedRecord) -> Option<Inst> {
    let calls = compiled.emitted.calls.iter();
    let before = calls.filter(|call| call.start < record.return_address);
    let call = before.max_by_key(|call| call.start)?.call?;
    compiled.lowered.calls.get(call)?.inst
}

fn text(record: &EmittedRecord) -> String {
    let EmittedRecord {
        return_address,
        frame_size,
        entries,
    } = record;
    let mut text = format!("{return_address:#x}, frame of {frame_size} bytes");
    for entry in entries {
        write!(text, ", {} @ sp+{}", entry.ty, entry.offset).expect("a string takes it");
    }
    text
}
