//! The entry points of the verifier: each is one look at one function.

use crate::analysis::facts::Facts;
use crate::analysis::graph::{Graph, Snapshot};
use crate::analysis::history::History;
use crate::analysis::nullness::proofs::Proofs;
use crate::check::check;
use crate::finding::options::Options;
use crate::finding::report::{Inconclusive, Report};
use crate::ir::steps::{self, Analysis, Span, Steps};
use crate::machine::call_ends::Machine;
use crate::machine::{emission, lowering};
use crate::rewrite::judge::Rewrites;
use cranelift_codegen::gc_verifier::{Emitted, Lowered};
use cranelift_codegen::ir::{Endianness, Function, GcCollector};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Verify one function as it stands.
pub fn verify_function(func: &Function, options: &Options) -> Report {
    verify_rewritten(func, options, &History::default())
}

/// Verify one function as it stands after the rewrites of `history`.
pub fn verify_rewritten(func: &Function, options: &Options, history: &History) -> Report {
    verify_layer(func, options, history, None).0
}

/// Verify one function as it stands after the rewrites of `history`, and tell what its values are and
/// which dereferences are guarded. `graph` may be its graph.
pub(crate) fn verify_layer(
    func: &Function,
    options: &Options,
    history: &History,
    graph: Option<Graph>,
) -> (Report, Snapshot, Proofs) {
    let span = Span::new(steps::budget(parts(func)));
    let (mut report, known, proofs) =
        guarded("verification", || check(func, options, history, graph))
            .unwrap_or_else(|why| (failed(why), Snapshot::default(), Proofs::default()));
    if steps::is_spent() || history.is_cut_off {
        let analysis = match steps::is_spent() {
            true => span.steps().most(),
            false => Analysis::History,
        };
        let analysis = analysis.name();
        report
            .inconclusive
            .push(Inconclusive::TooMuchWork { analysis });
    }
    (report, known, proofs)
}

/// What there is to know of `func`, as it was handed over, while its rewrites are judged: what its values are, and its graph.
///
/// Nothing, if that cannot be told for certain, or if `can_wait` says of its facts that it has to be verified at once.
pub(crate) fn known_of(
    func: &Function,
    options: &Options,
    can_wait: impl FnOnce(&Facts) -> bool,
) -> Option<Snapshot> {
    let _span = Span::new(steps::budget(parts(func)));
    let declared = func.dfg.gc_info.collector.or(options.collector);
    let collector = declared.unwrap_or(GcCollector::Moving);
    let known = guarded("reading", || {
        let history = History::default();
        let facts = Facts::new(func, collector, &history, None);
        let can_wait = facts.slots.inconclusive.is_empty() && can_wait(&facts);
        (can_wait, facts.into_known())
    });
    let (can_wait, known) = known.ok()?;
    (can_wait && !steps::is_spent()).then_some(known)
}

/// How many parts `func` has: instructions, values, and entries of stack maps.
pub(crate) fn parts(func: &Function) -> usize {
    let insts = func.dfg.insts_with_user_stack_maps();
    let entries = insts.map(|inst| func.dfg.user_stack_map_entries(inst).map_or(0, <[_]>::len));
    func.dfg.num_insts() + func.dfg.num_values() + entries.sum::<usize>()
}

/// What `work` yields, and the steps that analyses took for it on this thread.
pub fn counted<T>(work: impl FnOnce() -> T) -> (T, Steps) {
    let span = Span::new(u64::MAX);
    let done = work();
    (done, span.steps())
}

impl Rewrites {
    /// A judge of the rewrites of `func` as it stands, whose references are found first.
    pub fn of(func: &Function, options: Options, endianness: Endianness) -> Self {
        let mut rewrites = Rewrites::new(options, endianness);
        let history = History::default();
        rewrites.set_known(verify_layer(func, &options, &history, None).1);
        rewrites
    }
}

/// Verify that lowering kept the stack maps of `func`, from what it made of them.
pub fn verify_lowering(func: &Function, options: &Options, lowered: &Lowered) -> Report {
    guarded("lowering", || lowering::compare(func, options, lowered)).unwrap_or_else(failed)
}

/// Verify that emission kept the stack maps that lowering made, from what it recorded and from the
/// machine code.
pub fn verify_emission(
    func: &Function,
    options: &Options,
    lowered: &Lowered,
    emitted: &Emitted,
    code: (Machine, &[u8]),
) -> Report {
    guarded("emission", || {
        emission::compare(func, options, lowered, emitted, code)
    })
    .unwrap_or_else(failed)
}

/// What `call`, which has this `name`, returns, or why it returned nothing.
///
/// This is the only place where a panic is caught. A panic of the verifier must not take down a compiler that
/// would do without it. The function is only read, and what the caller keeps it has to give up.
pub(crate) fn guarded<T>(name: &str, call: impl FnOnce() -> T) -> Result<T, Inconclusive> {
    let result = catch_unwind(AssertUnwindSafe(|| {
        #[cfg(test)]
        crate::testing::panic_in(name);
        call()
    }));
    result.map_err(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied());
        let what = what.unwrap_or("panic");
        Inconclusive::Internal {
            what: format!("{name}: {what}"),
        }
    })
}

/// The report of a verification that came to no result.
fn failed(why: Inconclusive) -> Report {
    Report {
        inconclusive: vec![why],
        ..Report::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::code::Code;
    use crate::testing::parse;

    #[test]
    fn a_payload_that_lost_its_test_to_a_pass_is_found() {
        let function = |trap: &str| {
            parse(&format!(
                "function %f(i32) -> i32 {{
                    fn0 = %collect()
                block0(v0 ! gcref(i31, nullable): i32):
                    v1 = iconst.i32 1
                    v2 = sshr v0, v1
                    {trap}
                    call fn0()
                    return v2
                }}"
            ))
        };
        let options = Options::default();
        let tested = function("trapz v0, user1");
        let (report, _, proofs) = verify_layer(&tested, &options, &History::default(), None);
        assert_eq!(report.codes(), []);
        let mut history = History::default();
        history.proofs = proofs;
        assert_eq!(verify_rewritten(&tested, &options, &history).codes(), []);
        let untested = function("");
        let report = verify_rewritten(&untested, &options, &history);
        assert_eq!(report.codes(), [Code::Gcv16]);
    }
}
