//! Sums over everything.

use crate::cli::Undecided;
use crate::configuration::Configuration;
use crate::exit::Exit;
use crate::outcome::Entry;
use crate::record::{Counts, FunctionRecord, Verdict, by_reason};
use serde::Serialize;
use std::collections::BTreeMap;

/// Sums over all files and configurations.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Totals {
    /// Files, where each module of a `.wast` file is one.
    pub files: u64,
    /// Functions, counted once for each configuration.
    pub functions: u64,
    /// Safepoints that may collect.
    pub safepoints: u64,
    /// Stack-map entries of those safepoints.
    pub entries: u64,
    /// GC references.
    pub references: u64,
    /// Loads and stores through GC references.
    pub dereferences: u64,
    /// Those of them whose type excludes null and i31.
    pub typed: u64,
    /// Those of them that are guarded against what the type does not exclude.
    pub guarded: u64,
    /// Those of them whose guards were not looked for.
    pub unjudged: u64,
    /// The same by reason.
    pub unjudged_by: BTreeMap<&'static str, u64>,
    /// Typed positions, at which something is relied upon.
    pub positions: u64,
    /// Those at which the type of what arrives is enough.
    pub positions_typed: u64,
    /// Those at which a test, or what makes the value, proves what arrives.
    pub positions_proved: u64,
    /// Those at which nothing is known of what arrives.
    pub positions_unjudged: u64,
    /// Emitted records of stack maps that were compared with CLIF.
    pub records: u64,
    /// Entries of those records.
    pub record_entries: u64,
    /// Rewrites that the optimizer asked for.
    pub rewrites: u64,
    /// Rewrites that were refused.
    pub refused: u64,
    /// Passes that were undone.
    pub undone: u64,
    /// Broken invariants.
    pub violations: u64,
    /// Broken invariants that were allowed.
    pub allowed: u64,
    /// Checks that could not be made.
    pub inconclusive: u64,
    /// Inputs and parts of inputs that could not be judged.
    pub errors: u64,
    /// Functions with a violation.
    pub functions_rejected: u64,
    /// Functions with a check that could not be made, and no violation.
    pub functions_inconclusive: u64,
    /// Files with a violation.
    pub files_rejected: u64,
    /// Files that could not be judged, or not in full.
    pub files_failed: u64,
}

impl Totals {
    /// The share of the dereferences that was judged, in percent. Of none, all were.
    pub fn judged_percent(&self) -> f64 {
        match self.dereferences {
            0 => 100.0,
            all => (all - self.unjudged) as f64 * 100.0 / all as f64,
        }
    }
}

/// What is kept of the files that were shown.
#[derive(Debug, Default)]
pub struct Tally {
    /// The sums.
    pub totals: Totals,
    /// How often each reason made a check impossible.
    pub reasons: BTreeMap<String, u64>,
    /// The configurations, in the order in which they came up.
    pub configurations: Vec<Configuration>,
}

impl Tally {
    /// Add what became of a file.
    pub fn add(&mut self, entry: &Entry) {
        self.totals.files += 1;
        self.totals.errors += entry.errors.len() as u64;
        self.totals.files_failed += u64::from(!entry.errors.is_empty());
        self.totals.files_rejected += u64::from(entry.judged() == Verdict::Rejected);
        for (_, function) in &entry.functions {
            self.add_function(function);
        }
        for configuration in &entry.configurations {
            if !self.configurations.contains(configuration) {
                self.configurations.push(configuration.clone());
            }
        }
    }

    fn add_function(&mut self, function: &FunctionRecord) {
        let Counts {
            safepoints,
            entries,
            references,
            dereferences,
            typed,
            guarded,
            unjudged,
            unjudged_by,
            positions,
            positions_typed,
            positions_proved,
            positions_unjudged,
            records,
            record_entries,
            rewrites,
            refused,
        } = function.counts;
        let totals = &mut self.totals;
        totals.functions += 1;
        totals.safepoints += safepoints;
        totals.entries += entries;
        totals.references += references;
        totals.dereferences += dereferences;
        totals.typed += typed;
        totals.guarded += guarded;
        totals.unjudged += unjudged;
        for (reason, count) in by_reason(unjudged_by) {
            *totals.unjudged_by.entry(reason).or_default() += count;
        }
        totals.positions += positions;
        totals.positions_typed += positions_typed;
        totals.positions_proved += positions_proved;
        totals.positions_unjudged += positions_unjudged;
        totals.records += records;
        totals.record_entries += record_entries;
        totals.rewrites += rewrites;
        totals.refused += refused;
        totals.undone += function.undone.len() as u64;
        totals.violations += function.violations.len() as u64;
        totals.allowed += function.allowed.len() as u64;
        totals.inconclusive += function.inconclusive.len() as u64;
        match function.verdict {
            Verdict::Verified => {}
            Verdict::Inconclusive => totals.functions_inconclusive += 1,
            Verdict::Rejected => totals.functions_rejected += 1,
        }
        for inconclusive in &function.inconclusive {
            *self.reasons.entry(inconclusive.reason.clone()).or_default() += 1;
        }
    }

    /// How the command ends, if at least `min_subjects` safepoints are asked for, and at least `min_judged` percent
    /// of the dereferences. `undecided` says how checks count that could not be made.
    pub fn exit(
        &self,
        min_subjects: Option<u64>,
        min_judged: Option<f64>,
        undecided: Undecided,
    ) -> Exit {
        let totals = &self.totals;
        let has_undecided = totals.functions_inconclusive > 0;
        if totals.functions_rejected > 0 || (has_undecided && undecided == Undecided::Denied) {
            Exit::Rejected
        } else if totals.errors > 0 {
            Exit::Unusable
        } else if (has_undecided && undecided == Undecided::Told)
            || self.lacks_subjects(min_subjects)
            || self.lacks_judged(min_judged)
        {
            Exit::Inconclusive
        } else {
            Exit::Verified
        }
    }

    /// Was a smaller share of the dereferences judged than `min_judged` percent?
    pub fn lacks_judged(&self, min_judged: Option<f64>) -> bool {
        min_judged.is_some_and(|min| self.totals.judged_percent() < min)
    }

    /// Were fewer safepoints looked at than `min_subjects`?
    pub fn lacks_subjects(&self, min_subjects: Option<u64>) -> bool {
        min_subjects.is_some_and(|min| self.totals.safepoints < min)
    }
}
