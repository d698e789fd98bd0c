//! What was looked at, so that nothing passes by being overlooked.

use cranelift_gc_verifier::{Report, Verdict};
use std::ops::AddAssign;

/// Counts of what a target looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Looked {
    /// Functions that were judged.
    pub functions: u64,
    /// Those of them that were verified.
    pub verified: u64,
    /// Their safepoints.
    pub safepoints: u64,
    /// Entries of the stack maps of those.
    pub entries: u64,
    /// Their references.
    pub references: u64,
    /// Dereferences of those.
    pub dereferences: u64,
    /// Functions that were compiled under the verifier.
    pub compiled: u64,
    /// Rewrites that were asked for then.
    pub rewrites: u64,
    /// Those that were refused.
    pub refused: u64,
}

impl Looked {
    /// Counts what a report counts.
    pub fn add(&mut self, report: &Report) {
        self.functions += 1;
        self.verified += u64::from(report.verdict() == Verdict::Verified);
        self.safepoints += report.counts.safepoints;
        self.entries += report.counts.entries;
        self.references += report.counts.references;
        self.dereferences += report.counts.dereferences;
    }
}

impl AddAssign for Looked {
    fn add_assign(&mut self, other: Self) {
        let Self {
            functions,
            verified,
            safepoints,
            entries,
            references,
            dereferences,
            compiled,
            rewrites,
            refused,
        } = other;
        self.functions += functions;
        self.verified += verified;
        self.safepoints += safepoints;
        self.entries += entries;
        self.references += references;
        self.dereferences += dereferences;
        self.compiled += compiled;
        self.rewrites += rewrites;
        self.refused += refused;
    }
}
