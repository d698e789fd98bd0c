//! Collects what the checks find.

use crate::analysis::facts::Facts;
use crate::analysis::nullness::proofs::Proofs;
use crate::analysis::slots::Loc;
use crate::evidence::slot_path;
use crate::finding::code::{Checks, Code};
use crate::finding::error::GcError;
use crate::finding::report::{Counts, Inconclusive, Report, Violation};
use crate::finding::witness::{Finding, Step, Witness};
use crate::ir::cfg::Node;
use cranelift_codegen::ir::{Inst, Value};

/// What was found, before the witnesses are checked again.
pub(crate) struct Findings {
    /// The checks that are on.
    checks: Checks,
    /// What was looked at.
    pub(crate) counts: Counts,
    /// What could not be checked.
    pub(crate) inconclusive: Vec<Inconclusive>,
    /// The dereferences that were found safe.
    pub(crate) proofs: Proofs,
    found: Vec<(GcError, Witness)>,
}

impl Findings {
    /// Nothing was found yet. `checks` are on.
    pub(crate) fn new(checks: Checks) -> Self {
        Findings {
            checks,
            counts: Counts::default(),
            inconclusive: Vec::new(),
            proofs: Proofs::default(),
            found: Vec::new(),
        }
    }

    /// Report `error`, if its check is on, with the path that `steps` finds.
    pub(crate) fn reject(&mut self, error: GcError, steps: impl FnOnce() -> Option<Vec<Step>>) {
        if self.checks.contains(error.code()) {
            let steps = steps().unwrap_or_default();
            self.found.push((error, Witness { steps }));
        }
    }

    /// Report `found`, as [`reject`](Self::reject) does.
    pub(crate) fn extend(&mut self, found: impl IntoIterator<Item = Finding>) {
        for (error, steps) in found {
            self.reject(error, || Some(steps));
        }
    }

    /// Say that the check `code`, if it is on, could not be made in full.
    pub(crate) fn undecided(&mut self, code: Code, reason: Inconclusive) {
        if self.checks.contains(code) {
            self.inconclusive.push(reason);
        }
    }

    /// Say that the verifier contradicted itself.
    pub(crate) fn contradiction(&mut self, what: &str) {
        self.inconclusive.push(Inconclusive::Internal {
            what: what.to_string(),
        });
    }

    /// A slot that holds nothing on some path.
    pub(crate) fn reject_unset(&mut self, facts: &Facts, error: GcError, loc: Loc) {
        let inst = error.inst();
        self.reject(error, || slot_path::unset(facts, inst, loc));
    }

    /// A slot that holds what `error` says, by the last store to it.
    pub(crate) fn reject_last_store(&mut self, facts: &Facts, error: GcError, loc: Loc) {
        let inst = error.inst();
        self.reject(error, || slot_path::last_store(facts, inst, loc, None));
    }

    /// A slot that holds what was stored for `culprit` in place of another value.
    pub(crate) fn reject_clobber(
        &mut self,
        facts: &Facts,
        error: GcError,
        loc: Loc,
        culprit: Value,
    ) {
        let inst = error.inst();
        self.reject(error, || {
            slot_path::last_store(facts, inst, loc, Some(culprit))
        });
    }

    /// A slot whose contents are used at `inst` after a safepoint that does not have it in its map.
    pub(crate) fn reject_unmapped(&mut self, facts: &Facts, inst: Inst, value: Value, loc: Loc) {
        let Some((safepoint, steps)) = slot_path::unmapped(facts, inst, loc) else {
            return self.contradiction("a slot is stale without a safepoint");
        };
        let error = GcError::MissingRoot {
            inst,
            value,
            safepoint,
        };
        self.reject(error, || Some(steps));
    }

    /// The report, in the order of the code, of those errors whose witness `recheck` accepts.
    ///
    /// An error whose witness it does not accept is withheld, with the reason.
    pub(crate) fn into_report(
        self,
        facts: &Facts,
        recheck: impl Fn(&GcError, &Witness) -> Result<(), &'static str>,
    ) -> (Report, Proofs) {
        let mut report = Report {
            counts: self.counts,
            violations: Vec::new(),
            inconclusive: self.inconclusive,
        };
        for (error, witness) in self.found {
            match recheck(&error, &witness) {
                Ok(()) => report.violations.push(Violation {
                    error,
                    witness,
                    rule: None,
                }),
                Err(what) => report.inconclusive.push(Inconclusive::Internal {
                    what: format!("no witness for {}: {error}: {what}", error.code()),
                }),
            }
        }
        let position = |violation: &Violation| {
            let inst = violation.error.inst();
            let node = facts.cfg.node_of_inst(facts.func, inst);
            node.unwrap_or(Node::MAX)
        };
        let layout = &facts.func.layout;
        report.violations.sort_by(|a, b| {
            position(a)
                .cmp(&position(b))
                .then_with(|| layout.pp_cmp(a.error.inst(), b.error.inst()))
                .then_with(|| a.error.code().cmp(&b.error.code()))
        });
        report.violations.dedup_by(|a, b| a.error == b.error);
        (report, self.proofs)
    }
}
