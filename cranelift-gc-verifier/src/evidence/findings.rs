//! Collects what the checks find.

use crate::analysis::facts::Facts;
use crate::analysis::nullness::proofs::Proofs;
use crate::analysis::slots::Loc;
use crate::evidence::execution::Context;
use crate::evidence::shown::{self, Elsewhere};
use crate::evidence::slot_path;
use crate::evidence::steps::Leads;
use crate::finding::code::{Checks, Code};
use crate::finding::error::GcError;
use crate::finding::report::{Counts, Inconclusive, Report, Violation};
use crate::finding::witness::{Finding, Step, Witness};
use crate::ir::cfg::Node;
use cranelift_codegen::ir::{Inst, Value};
use std::cell::OnceCell;

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
    /// Each error with its path, and with the error that it is if it is not so there.
    found: Vec<(GcError, Witness, Option<GcError>)>,
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
            self.found.push((error, steps.into(), None));
        }
    }

    /// Report `error` with the path that `steps` are, or, where it is not so on any path, `other`.
    pub(crate) fn reject_either(
        &mut self,
        error: GcError,
        steps: Vec<Step>,
        other: Option<GcError>,
    ) {
        if self.checks.contains(error.code()) {
            self.found.push((error, steps.into(), other));
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

    /// A slot in which `data` is in place of another value, for which the producer says it was stored.
    pub(crate) fn reject_stored(&mut self, facts: &Facts, error: GcError, loc: Loc, data: Value) {
        let inst = error.inst();
        self.reject(error, || slot_path::store_of(facts, inst, loc, data));
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

    /// Was anything found, whether or not it can be shown?
    pub(crate) fn has_any(&self) -> bool {
        !self.found.is_empty() || !self.inconclusive.is_empty()
    }

    /// The report, in the order of the code, of those errors whose witness `recheck` accepts, and that are so
    /// on a path that can be taken: on that of the witness, or on another one.
    ///
    /// An error of which every path was followed without finding it is none. One whose witness is not accepted
    /// is withheld, with the reason.
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
        let context = OnceCell::new();
        let context = || {
            context.get_or_init(|| {
                let references = facts.values.certain().clone();
                let numbers = facts.numbers();
                Context::new(facts.func, &facts.cfg, facts.collector, references, numbers)
            })
        };
        let lead = OnceCell::new();
        let judge = |error: GcError, mut witness: Witness| {
            let leads = lead.get_or_init(|| Leads::new(&facts.cfg));
            witness.lead = leads.to(&facts.cfg, &witness);
            let is_one = |error: &GcError, witness: &Witness| {
                recheck(error, witness)?;
                shown::along(context(), &facts.cfg, error, witness)
            };
            let what = match is_one(&error, &witness) {
                Ok(()) => return Judged::So(error, witness),
                Err(what) => what,
            };
            let internal = |error: &GcError, what: &str| {
                Judged::Unknown(Inconclusive::Internal {
                    what: format!("no witness for {}: {error}: {what}", error.code()),
                })
            };
            match shown::elsewhere(context(), &facts.cfg, &error, &witness) {
                Elsewhere::Nowhere => Judged::NotSo,
                Elsewhere::Shown(error, witness) => match is_one(&error, &witness) {
                    Ok(()) => Judged::So(error, witness),
                    Err(what) => internal(&error, what),
                },
                Elsewhere::Unknown if shown::is_of_path(facts.func, &error) => {
                    Judged::Unknown(Inconclusive::NoPath {
                        inst: error.inst(),
                        what: error.to_string(),
                    })
                }
                Elsewhere::Unknown => internal(&error, what),
            }
        };
        for (error, witness, other) in self.found {
            let mut judged = judge(error, witness);
            if let (Judged::NotSo | Judged::Unknown(_), Some(other)) = (&judged, other) {
                let again = judge(other, Witness::default());
                if let Judged::NotSo = judged {
                    judged = again;
                } else if let Judged::So(..) = again {
                    judged = again;
                }
            }
            match judged {
                Judged::So(error, witness) => report.violations.push(Violation {
                    error,
                    witness,
                    rule: None,
                }),
                Judged::NotSo => {}
                Judged::Unknown(reason) => report.inconclusive.push(reason),
            }
        }
        report.inconclusive.sort();
        report.inconclusive.dedup();
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

/// What became of an error when its path was looked at.
#[expect(
    clippy::large_enum_variant,
    reason = "it is matched at once, and there is one for each error"
)]
enum Judged {
    /// It is so, on this path.
    So(GcError, Witness),
    /// It is so on no path.
    NotSo,
    /// It is not known.
    Unknown(Inconclusive),
}
