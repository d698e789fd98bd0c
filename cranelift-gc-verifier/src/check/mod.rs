//! The checks over a whole function.
//!
//! **Claim.** Under the assumptions of [`Options`], every violation that is returned is one: its witness is a
//! path of the function on which the invariant is broken.
//!
//! **Strength.** Relative to the references that [`provenance`](crate::analysis::provenance) finds, and to what
//! the producer declares. A reference that no fact and no stack map names, and that nobody declared, is not
//! found in CLIF without facts. Rewrites are judged by [`rewrite`](crate::rewrite), and machine code by
//! [`machine`](crate::machine).
//!
//! **Math.** Each check is a function of the same [`Facts`]. Checks do not depend on each other, but for the
//! count of dereferences, and the report is sorted.

pub(crate) mod collector_state;
pub(crate) mod dereference;
pub(crate) mod fact;
pub(crate) mod i31_payload;
pub(crate) mod initialization;
pub(crate) mod layout;
pub(crate) mod lost_trap;
pub(crate) mod missing_barrier;
pub(crate) mod out_of_object;
pub(crate) mod recheck;
pub(crate) mod reload;
pub(crate) mod stack_map;
pub(crate) mod stale_use;
pub(crate) mod typed_position;
pub(crate) mod unstored_word;

use crate::analysis::facts::Facts;
use crate::analysis::graph::{Graph, Snapshot};
use crate::analysis::history::History;
use crate::analysis::nullness::proofs::Proofs;
use crate::evidence::findings::Findings;
use crate::finding::options::Options;
use crate::finding::report::Report;
use crate::ir::steps;
use cranelift_codegen::ir::{Function, GcCollector};

/// Every check. A check reads the facts and reports what it finds.
const CHECKS: &[fn(&Facts, &mut Findings)] = &[
    stack_map::check,
    reload::check,
    collector_state::check,
    lost_trap::check,
    initialization::check,
    unstored_word::check,
    layout::check,
    fact::check,
    stale_use::check,
    // NB: This one counts what `stale_use` has not counted as a dereference.
    dereference::check,
    typed_position::check,
    out_of_object::check,
    missing_barrier::check,
];

/// Verify `func` as it stands.
///
/// Returns also what is known of it, and which dereferences are guarded. `graph` may be the graph of
/// `func`, from before.
pub(crate) fn check(
    func: &Function,
    options: &Options,
    history: &History,
    graph: Option<Graph>,
) -> (Report, Snapshot, Proofs) {
    let declared = func.dfg.gc_info.collector.or(options.collector);
    let collector = declared.unwrap_or(GcCollector::Moving);
    let facts = Facts::new(func, collector, history, graph);
    let mut findings = Findings::new(options.checks);
    findings.counts.safepoints = facts.safepoints.all.len() as u64;
    findings.counts.entries = facts.slots.entries;
    findings.counts.references = facts.values.references();
    let inconclusive = facts.slots.inconclusive.iter().cloned();
    findings.inconclusive.extend(inconclusive);
    // NB: What rests on what was not found says nothing.
    if history.is_cut_off || steps::is_spent() {
        let report = Report {
            counts: findings.counts,
            ..Report::default()
        };
        return (report, Snapshot::default(), Proofs::default());
    }
    for check in CHECKS {
        if !steps::is_spent() {
            check(&facts, &mut findings);
        }
    }
    let (report, proofs) = findings.into_report(&facts, |error, witness| {
        recheck::recheck(func, &facts.cfg, error, witness)
    });
    (report, facts.into_known(), proofs)
}
