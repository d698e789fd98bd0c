//! Evidence of lowering and emission that no correct compiler leaves is rejected, on each target that
//! the runner is built for.
//!
//! The evidence is real: functions are compiled, and what was recorded is accepted. Then one thing
//! is changed. `gc-verify/lowering/fault-*.clif` do the same for the faults that have a name.

use cranelift_codegen::ir::{Function, types};
use cranelift_codegen::isa::{OwnedTargetIsa, lookup_by_name};
use cranelift_codegen::settings::{Configurable, Flags, builder};
use cranelift_gc_verifier::{
    Area, Checks, Code, EmittedFrame, EmittedRecord, GcError, LoweredCall, MapEntry, MapFault,
    Options, verify_emission,
};
use gc_filetests::{Compiled, Fault, RunOptions, compiled, find_files, run_file, run_text};
use std::path::Path;

/// Those of files that name none.
const DEFAULT_TARGETS: [&str; 2] = ["x86_64", "aarch64"];

/// All that the runner is built for.
const TARGETS: &[&str] = &[
    "x86_64",
    "aarch64",
    #[cfg(feature = "riscv64")]
    "riscv64",
    #[cfg(feature = "s390x")]
    "s390x",
    #[cfg(feature = "pulley")]
    "pulley64",
];

/// Calls in a row, in a branch, and in a cold block; arguments and spills beside the stack slots.
const FUNCTION: &str = "function %f(i32, i64, i32) -> i64 tail {
        ss0 = explicit_slot 4, align = 4
        ss1 = explicit_slot 16, align = 8
        sig0 = () tail
        fn0 = %collect() tail
        fn1 = %many(i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64)
    block0(v0: i32, v1: i64, v2: i32):
        v3 = stack_addr.i64 ss0
        v4 = stack_addr.i64 ss1
        store notrap v0, v3
        store notrap v0, v4+4
        v5 = load.i64 v1
        v6 = load.i64 v1+8
        call fn0(), stack_map=[i32 @ ss0+0, i32 @ ss1+4]
        call fn1(v5, v5, v5, v5, v5, v5, v5, v5, v5, v5, v5, v5, v5, v5, v5, v5, v5), stack_map=[i32 @ ss0+0]
        brif v2, block1, block2
    block1 cold:
        call fn0(), stack_map=[i32 @ ss0+0]
        jump block2
    block2:
        try_call fn0(), sig0, block3, [ default: block3 ], stack_map=[i32 @ ss0+0]
    block3:
        v7 = load.i32 notrap v3
        v8 = uextend.i64 v7
        v9 = iadd v5, v6
        v10 = iadd v8, v9
        return v10
    }";

fn isa(target: &str) -> OwnedTargetIsa {
    let mut flags = builder();
    flags.set("gc_verifier", "check").expect("is a setting");
    let builder = lookup_by_name(target).expect("is a target");
    builder.finish(Flags::new(flags)).expect("is a target")
}

fn function() -> Function {
    let functions = cranelift_reader::parse_functions(FUNCTION).expect("is CLIF");
    functions.into_iter().next().expect("there is one")
}

fn options() -> Options {
    Options {
        collector: None,
        checks: Checks::all(),
        ..Options::default()
    }
}

/// The faults that are found.
fn faults(compiled: &Compiled) -> Vec<MapFault> {
    let report = compiled.verify(&options());
    assert!(report.inconclusive.is_empty(), "{:?}", report.inconclusive);
    let errors = report.violations.iter().map(|violation| violation.error);
    let faults = errors.map(|error| match error {
        GcError::LostStackMap { fault, .. } => fault,
        other => panic!("{other}"),
    });
    faults.collect()
}

/// What `corrupt` does is found on every target, as `is_it`, and not without the check.
#[track_caller]
fn rejected(corrupt: impl Fn(&mut Compiled), is_it: impl Fn(&MapFault) -> bool) {
    rejected_for(TARGETS, corrupt, is_it);
}

#[track_caller]
fn rejected_for(
    targets: &[&str],
    corrupt: impl Fn(&mut Compiled),
    is_it: impl Fn(&MapFault) -> bool,
) {
    for &target in targets {
        let mut compiled = compiled(&function(), &*isa(target)).expect("compiles");
        assert_eq!(faults(&compiled), [], "{target}");
        corrupt(&mut compiled);
        let faults = faults(&compiled);
        assert!(faults.iter().any(&is_it), "{target}: {faults:?}");
        let options = Options {
            checks: Checks::all().without(Code::Gcv09),
            ..options()
        };
        assert_eq!(compiled.verify(&options).violations, [], "{target}");
    }
}

#[test]
fn real_evidence_is_accepted_and_counted() {
    for &target in TARGETS {
        let compiled = compiled(&function(), &*isa(target)).expect("compiles");
        let report = compiled.verify(&options());
        assert_eq!(report.violations, [], "{target}");
        assert_eq!(report.counts.records, 4, "{target}");
        assert_eq!(report.counts.record_entries, 5, "{target}");
        // What the other tests move entries into is there.
        let frame = compiled.emitted.frame;
        assert!(frame.outgoing_args_size > 0, "{target}: {frame:?}");
        assert!(frame.storage_size > frame.slots_size, "{target}: {frame:?}");
    }
}

#[test]
fn a_call_that_is_overwritten() {
    let overwrite = |compiled: &mut Compiled| {
        let start = compiled.emitted.calls[0].start as usize;
        compiled.code[start..start + 4].fill(0);
    };
    // Elsewhere machine code is not decoded, and the recorded call sites are taken for what they say.
    rejected_for(&DEFAULT_TARGETS, overwrite, |fault| {
        matches!(fault, MapFault::NotACall { .. })
    });
}

#[test]
fn a_call_whose_site_is_not_recorded() {
    let remove = |compiled: &mut Compiled| {
        compiled.emitted.call_sites.remove(0);
    };
    rejected_for(&DEFAULT_TARGETS, remove, |fault| {
        matches!(fault, MapFault::NoCallSite { .. })
    });
    // Where machine code is not decoded, the call has no end then.
    rejected(remove, |fault| {
        matches!(
            fault,
            MapFault::NoCallSite { .. } | MapFault::NotACall { .. }
        )
    });
}

#[test]
fn a_call_that_is_not_emitted() {
    let remove = |compiled: &mut Compiled| {
        compiled.emitted.calls.remove(0);
    };
    rejected(remove, |fault| {
        matches!(fault, MapFault::Emitted { times: 0 })
    });
}

#[test]
fn a_call_that_is_emitted_twice() {
    let again = |compiled: &mut Compiled| {
        let call = compiled.emitted.calls[0];
        compiled.emitted.calls.insert(0, call);
    };
    rejected(again, |fault| {
        matches!(fault, MapFault::Emitted { times: 2 })
    });
}

#[test]
fn a_record_of_the_cold_call_that_is_lost() {
    let remove = |compiled: &mut Compiled| {
        // Cold code comes last.
        compiled.emitted.records.pop();
    };
    rejected(remove, |fault| matches!(fault, MapFault::NoRecord { .. }));
}

#[test]
fn a_record_of_no_call() {
    let add = |compiled: &mut Compiled| {
        let record = EmittedRecord {
            return_address: compiled.code.len() as u32,
            ..compiled.emitted.records[0].clone()
        };
        compiled.emitted.records.push(record);
    };
    rejected(add, |fault| {
        matches!(fault, MapFault::SpuriousRecord { .. })
    });
}

#[test]
fn records_out_of_order() {
    let swap = |compiled: &mut Compiled| compiled.emitted.records.swap(0, 1);
    rejected(swap, |fault| matches!(fault, MapFault::Unordered { .. }));
}

#[test]
fn a_record_at_the_next_call() {
    let swap = |compiled: &mut Compiled| {
        let records = &mut compiled.emitted.records;
        records[0].return_address = records[1].return_address;
    };
    rejected(swap, |fault| matches!(fault, MapFault::NoRecord { .. }));
}

/// Lowering and emission agree that entries are so many bytes after the stack slots begin: only
/// the areas of the frame tell that it is wrong.
#[track_caller]
fn misplaced(area: Area, offset: impl Fn(&EmittedFrame) -> u32) {
    for &target in TARGETS {
        let mut compiled = compiled(&function(), &*isa(target)).expect("compiles");
        // No register is saved in this calling convention.
        compiled.emitted.frame.clobber_size += 16;
        let frame = compiled.emitted.frame;
        let ty = types::I32;
        let offset = offset(&frame);
        for call in &mut compiled.lowered.calls {
            call.map = call.map.as_ref().map(|_| vec![MapEntry { ty, offset }]);
        }
        for record in &mut compiled.emitted.records {
            let offset = offset + frame.outgoing_args_size;
            record.entries = vec![MapEntry { ty, offset }];
            record.frame_size += 16;
        }
        let code = (compiled.machine, &compiled.code[..]);
        let (lowered, emitted) = (&compiled.lowered, &compiled.emitted);
        let report = verify_emission(&compiled.func, &options(), lowered, emitted, code);
        assert_eq!(report.violations.len(), 4, "{target}");
        for violation in report.violations {
            let found = match violation.error {
                GcError::LostStackMap {
                    fault: MapFault::OutsideSlots { area, .. },
                    ..
                } => Some(area),
                _ => None,
            };
            assert_eq!(found, Some(area), "{target}: {}", violation.error);
        }
    }
}

#[test]
fn entries_among_the_spill_slots() {
    misplaced(Area::Spills, |frame| frame.slots_size);
}

#[test]
fn entries_among_the_saved_registers() {
    misplaced(Area::Saved, |frame| frame.storage_size);
}

#[test]
fn entries_outside_the_frame() {
    misplaced(Area::Outside, |frame| {
        frame.storage_size + frame.clobber_size
    });
}

#[test]
fn spill_slots_that_overlap_stack_slots() {
    let shrink = |compiled: &mut Compiled| {
        let frame = &mut compiled.emitted.frame;
        frame.spills_size += frame.storage_size;
    };
    rejected(shrink, |fault| {
        matches!(fault, MapFault::StorageTooSmall { .. })
    });
}

#[test]
fn a_map_that_is_attached_to_no_call() {
    let attach = |compiled: &mut Compiled| {
        let stray = LoweredCall {
            inst: None,
            is_safepoint: false,
            ..compiled.lowered.calls[0].clone()
        };
        compiled.lowered.calls.push(stray);
    };
    rejected(attach, |fault| matches!(fault, MapFault::StrayMap));
}

#[test]
fn a_call_that_is_no_safepoint_to_the_target() {
    let unmark = |compiled: &mut Compiled| {
        for call in &mut compiled.lowered.calls {
            call.is_safepoint = false;
        }
    };
    rejected(unmark, |fault| matches!(fault, MapFault::NoSafepoint));
}

#[test]
fn every_fault_with_a_name_has_a_file_and_is_found_here_where_it_applies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("gc-verify/lowering");
    for (fault, name) in Fault::ALL {
        let file = root.join(format!("fault-{name}.clif"));
        let outcome = run_file(&file, &RunOptions::default()).expect("is a test");
        assert!(outcome.passed(), "{name}: {:?}", outcome.failures());
        let rejected = outcome.functions.iter();
        let rejected = rejected.filter(|f| !f.report.violations.is_empty());
        assert_eq!(rejected.count(), DEFAULT_TARGETS.len(), "{name}");

        for &target in TARGETS {
            let mut compiled = compiled(&function(), &*isa(target)).expect("compiles");
            assert!(compiled.corrupt(fault), "{name}");
            assert_ne!(faults(&compiled), [], "{name} for {target}");
        }
    }
}

/// The files of lowering say the same of every target: what is accepted, and which fault is found.
#[test]
fn the_files_hold_for_every_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("gc-verify/lowering");
    let files = find_files(&root, "clif").expect("it is part of the crate");
    assert!(files.len() >= 30, "{} files", files.len());
    for &target in TARGETS {
        let (mut records, mut rejected) = (0, 0);
        for path in &files {
            let text = std::fs::read_to_string(path).expect("is a file");
            let text = text.replacen("\nfunction ", &format!("\ntarget {target}\n\nfunction "), 1);
            let outcome = run_text(&text, &RunOptions::default()).expect("is a test");
            let name = path.display();
            assert!(
                outcome.passed(),
                "{target}: {name}: {:?}",
                outcome.failures()
            );
            records += outcome.counts.records;
            let functions = outcome.functions.iter();
            rejected += functions
                .filter(|f| !f.report.violations.is_empty())
                .count();
        }
        assert!(records >= 50, "{target}: {records} records");
        assert_eq!(rejected, Fault::ALL.len(), "{target}");
    }
}

/// `clif-gc explain GCV09` shows an example with a fault, and its accepted twin.
#[test]
fn the_examples_of_the_catalogue_are_what_it_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../clif-gc/src/explain");
    let examples = find_files(&root, "clif").expect("it is part of the project");
    let of_faults = examples.iter().filter(|path| {
        let text = std::fs::read_to_string(path).expect("is a file");
        text.contains("pass=emission")
    });
    let outcomes = of_faults.map(|path| run_file(path, &RunOptions::default()).expect("is a test"));
    let outcomes: Vec<_> = outcomes.collect();
    assert_eq!(outcomes.len(), 2);
    for outcome in outcomes {
        assert!(outcome.passed(), "{:?}", outcome.failures());
        assert!(outcome.counts.records > 0);
    }
}
