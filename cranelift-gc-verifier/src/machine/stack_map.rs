//! Stack maps as sets of entries, and what is wrong with them.

use crate::finding::code::Code;
use crate::finding::error::GcError;
use crate::finding::map_fault::MapFault;
use crate::finding::options::Options;
use crate::finding::report::{Inconclusive, Report, Violation};
use crate::finding::witness::{Role, Step, Witness};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::gc_verifier::{Lowered, MapEntry};
use cranelift_codegen::ir::{Function, Inst, UserStackMapEntry};
use smallvec::SmallVec;

/// Most maps are small.
pub(crate) type Entries = SmallVec<[MapEntry; 8]>;

/// The entries in one order, each once.
pub(crate) fn normal(entries: impl IntoIterator<Item = MapEntry>) -> Entries {
    let mut entries: Entries = entries.into_iter().collect();
    entries.sort_unstable_by_key(|entry| (entry.offset, entry.ty.index()));
    entries.dedup();
    entries
}

/// What each of two maps has and the other lacks, if they differ: the first of it.
pub(crate) fn difference(
    expected: &[MapEntry],
    found: &[MapEntry],
) -> Option<(Option<MapEntry>, Option<MapEntry>)> {
    let first_not_in = |these: &[MapEntry], those: &[MapEntry]| {
        let mut these = these.iter();
        these.find(|entry| !those.contains(entry)).copied()
    };
    if expected == found {
        return None;
    }
    Some((first_not_in(expected, found), first_not_in(found, expected)))
}

/// The entries of the stack map of `inst`.
pub(super) fn entries(func: &Function, inst: Inst) -> &[UserStackMapEntry] {
    func.dfg.user_stack_map_entries(inst).unwrap_or(&[])
}

/// Faults of one function, to become a report.
pub(crate) struct Faults<'a> {
    func: &'a Function,
    found: Vec<(Inst, MapFault)>,
}

impl<'a> Faults<'a> {
    pub(crate) fn new(func: &'a Function) -> Self {
        let found = Vec::new();
        Faults { func, found }
    }

    pub(crate) fn push(&mut self, inst: Inst, fault: MapFault) {
        self.found.push((inst, fault));
    }

    /// The safepoint to blame for what belongs to none: the function's first instruction.
    pub(crate) fn nobody(&self) -> Option<Inst> {
        let entry = self.func.layout.entry_block()?;
        self.func.layout.first_inst(entry)
    }

    /// The violations, in the order of the layout.
    ///
    /// The witness of a lost map is the safepoint alone: no path leads to the fault, which is there
    /// whenever the safepoint is.
    pub(crate) fn into_report(mut self, options: &Options, mut report: Report) -> Report {
        if self.found.is_empty() || !options.checks.contains(Code::Gcv09) {
            return report;
        }
        let mut place = SecondaryMap::with_default(u32::MAX);
        let blocks = self.func.layout.blocks();
        let insts = blocks.flat_map(|block| self.func.layout.block_insts(block));
        for (n, inst) in insts.enumerate() {
            place[inst] = n as u32;
        }
        self.found.sort_by_key(|(inst, _)| place[*inst]);
        for (inst, fault) in self.found {
            let error = GcError::LostStackMap { inst, fault };
            let witness = self.func.layout.inst_block(inst).map(|block| {
                Witness::from(vec![Step {
                    role: match self.func.dfg.insts[inst].opcode().is_safepoint() {
                        true => Role::Safepoint,
                        false => Role::Through,
                    },
                    block,
                    inst: Some(inst),
                }])
            });
            match witness {
                Some(witness) => report.violations.push(Violation {
                    error,
                    witness,
                    rule: None,
                }),
                None => report.inconclusive.push(Inconclusive::Internal {
                    what: format!("{error}, which is not in the function"),
                }),
            }
        }
        report
    }
}

/// `report`, and what else is wrong with the stack maps of `func`.
pub(crate) fn with_faults(
    func: &Function,
    options: &Options,
    report: Report,
    found: Vec<(Inst, MapFault)>,
) -> Report {
    Faults { func, found }.into_report(options, report)
}

/// An entry of CLIF, from the start of the stack slots.
pub(super) fn place(lowered: &Lowered, entry: &UserStackMapEntry) -> Option<MapEntry> {
    let offset = lowered.slots.get(entry.slot)?.checked_add(entry.offset)?;
    let ty = entry.ty;
    Some(MapEntry { ty, offset })
}
