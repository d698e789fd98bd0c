//! The implementation of Cranelift's facade.
//!
//! The guard of a function is shown the function as the producer made it and after each pass. It is asked
//! before each rewrite.
//!
//! With the setting at `check`, a wrong rewrite is reported as a violation and done all the same, so that the
//! code is what it would be without the verifier. With `enforce` it is refused. The function then comes out
//! right, the verdict is on what came out, and the report tells of the refusal.

use crate::analysis::history::History;
use crate::finding::map_fault::MapFault;
use crate::finding::options::{Options, VerifyInput};
use crate::finding::report::{Counts, Inconclusive, Report, Verdict, Violation};
use crate::ir::fingerprint::fingerprint;
use crate::machine::call_ends::Machine;
use crate::machine::inlining::InlineWatch;
use crate::machine::stack_map;
use crate::pipeline::accepted::Accepted;
use crate::pipeline::blame::{self, Equalities};
use crate::pipeline::boundary::{Boundary, Recover};
use crate::pipeline::interest::{Interest, interest};
use crate::pipeline::on_demand::{Unseen, can_wait};
use crate::pipeline::verify::{guarded, known_of, verify_emission, verify_layer, verify_lowering};
use crate::report::function_report::{FunctionReport, Judged, Refusal, Sink, Undone};
use crate::report::input::{Compiled, Input};
use crate::report::listing::{Line, listing};
use crate::rewrite::event::pass_of;
use crate::rewrite::judge::Rewrites;
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::gc_verifier::{
    Answer, Emitted, FunctionGuard, GcVerifier, GcVerifierError, GcVerifierErrors, Lowered, Pass,
    Rewrite, SetGcVerifierError, set_gc_verifier,
};
use cranelift_codegen::ir::{Endianness, Function, Inst, UserFuncName};
use cranelift_codegen::isa::TargetIsa;
use cranelift_codegen::settings;
use std::sync::Arc;

/// A verifier that Cranelift can be given.
pub struct Verifier {
    options: Options,
    sink: Arc<dyn Sink>,
}

impl Verifier {
    /// Verify with `options` and report to `sink`.
    pub fn new(options: Options, sink: Arc<dyn Sink>) -> Self {
        Verifier { options, sink }
    }
}

/// Install a verifier for this process; the setting `gc_verifier` then decides whether a
/// compilation uses it.
///
/// # Errors
///
/// Fails if a verifier is installed already.
pub fn install(options: Options, sink: Arc<dyn Sink>) -> Result<(), SetGcVerifierError> {
    set_gc_verifier(Arc::new(Verifier::new(options, sink)))
}

impl GcVerifier for Verifier {
    fn cache_key(&self) -> u64 {
        self.options.cache_key()
    }

    fn start(
        &self,
        func: &Function,
        isa: &dyn TargetIsa,
        mode: settings::GcVerifier,
    ) -> Option<Box<dyn FunctionGuard>> {
        let (interest, failure) = match guarded("start", || interest(func)) {
            Ok(Interest::None) if self.options.all_rewrites => (Interest::Rewrites, None),
            Ok(interest) => (interest, None),
            Err(why) => (Interest::References, Some(why)),
        };
        (interest != Interest::None).then(|| {
            Box::new(Boundary(Guard {
                interest,
                judge: Rewrites::new(self.options, isa.endianness()),
                hears: self.sink.hears_rewrites(),
                refusals: Vec::new(),
                refused_in: Vec::new(),
                undone: Vec::new(),
                accepted: Accepted::default(),
                wrong: Report::default(),
                options: self.options,
                sink: self.sink.clone(),
                mode,
                function: func.name.clone(),
                chosen: None,
                first_counts: None,
                listing: Vec::new(),
                target: self.options.keep_text.then(|| Compiled::new(isa)),
                input: None,
                fingerprint: None,
                is_optimized: isa.flags().opt_level() != settings::OptLevel::None,
                is_touched: false,
                endianness: isa.endianness(),
                original: None,
                unseen: None,
                equalities: Equalities::default(),
                is_input_to_blame: false,
                rewrites: 0,
                refused: 0,
                history: History::default(),
                inlining: InlineWatch::default(),
                machine: Machine::of_isa(isa.name()),
                emitted_counts: Counts::default(),
                failures: failure.into_iter().collect(),
            })) as Box<dyn FunctionGuard>
        })
    }
}

/// Watches one function.
struct Guard {
    interest: Interest,
    judge: Rewrites,
    /// Is the sink told of every rewrite?
    hears: bool,
    /// The rewrites that were refused.
    refusals: Vec<Refusal>,
    refused_in: Vec<Line>,
    /// The passes that were undone.
    undone: Vec<Undone>,
    /// What was known when the last pass that was accepted had ended.
    accepted: Accepted,
    /// The rewrites that were wrong and done all the same, since the last pass.
    wrong: Report,
    options: Options,
    sink: Arc<dyn Sink>,
    mode: settings::GcVerifier,
    function: UserFuncName,
    /// The report to hand on, so far.
    chosen: Option<(Pass, Report)>,
    /// What was looked at in the function as it was handed over.
    first_counts: Option<Counts>,
    listing: Vec<Line>,
    /// What the function is compiled for, if it is to be kept.
    target: Option<Compiled>,
    input: Option<Input>,
    /// That of the function that was verified last, where it is needed.
    fingerprint: Option<u64>,
    /// Does the optimizer look at the function once more, after it removed constant phis?
    is_optimized: bool,
    /// Was anything done to the function since it was verified?
    is_touched: bool,
    endianness: Endianness,
    /// The function as it was handed over, and what turned out to be equal in it.
    original: Option<Box<Function>>,
    equalities: Equalities,
    /// What became of that function, as long as it was not verified.
    unseen: Option<Unseen>,
    /// Is what is wrong wrong with the input, though it did not show there?
    is_input_to_blame: bool,
    rewrites: u64,
    refused: u64,
    history: History,
    inlining: InlineWatch,
    machine: Machine,
    /// How many records were compared.
    emitted_counts: Counts,
    /// Why some call came to no result.
    failures: Vec<Inconclusive>,
}

impl Recover for Guard {
    fn recover(&mut self, why: Inconclusive) {
        self.judge.reset();
        // NB: Once is enough; there may be as many calls as instructions.
        if !self.failures.contains(&why) {
            self.failures.push(why);
        }
    }
}

impl FunctionGuard for Guard {
    fn rewrite(&mut self, func: &Function, rewrite: Rewrite) -> Answer {
        self.rewrites += 1;
        // NB: Once it is judged, it is taken for done.
        let about_references = self.hears && self.judge.is_about_references(func, rewrite);
        let violation = self.judge.judge(func, rewrite);
        if violation.is_some() {
            self.look_at_input();
        }
        if let Some(unseen) = &mut self.unseen {
            unseen.note(func, rewrite, &self.judge);
        }
        if self.hears {
            let judged = Judged {
                rewrite,
                about_references,
                violation: violation.as_ref(),
            };
            self.sink.judged(func, judged);
        }
        if let Some(violation) = violation {
            if self.mode == settings::GcVerifier::Enforce {
                if self.is_input_to_blame {
                    return Answer::NoChange;
                }
                return self.refuse(func, pass_of(rewrite), violation);
            }
            self.note(func, rewrite, violation);
        } else if self.original.is_some() {
            self.equalities.note(func, rewrite);
        }
        if let Rewrite::Inline { call, .. } = rewrite {
            self.inlining.inline(func, call);
        }
        self.history.rewrite(func, rewrite);
        self.is_touched = true;
        Answer::Accept
    }

    fn pass_end(
        &mut self,
        func: &Function,
        pass: Pass,
        _cfg: &ControlFlowGraph,
        _domtree: &DominatorTree,
    ) -> Result<(), GcVerifierErrors> {
        let inlined = match pass {
            Pass::Inline => self.inlining.end(func),
            _ => Vec::new(),
        };
        if self.judge.is_inconclusive() {
            self.look_at_input();
        }
        // What is broken stays broken; the first point at which it is is the telling one.
        self.choose_rewrites(func, pass);
        if self.interest == Interest::References
            && !self.is_rejected()
            && self.is_changed(func, pass)
            && !(pass == Pass::Input && self.puts_off(func))
        {
            self.look(func, pass, inlined);
        }
        self.history.end_pass();
        self.enforced()?;
        self.accept();
        Ok(())
    }

    /// The verifier has its own.
    fn reads_graphs(&self) -> bool {
        false
    }

    fn restored(&mut self, _func: &Function, pass: Pass) {
        // NB: Without the pass, the input is as wrong as it was.
        if self.is_input_to_blame {
            return;
        }
        let violations = match self.chosen.take() {
            Some((_, report)) => report.violations,
            None => Vec::new(),
        };
        let accepted = self.accepted.clone();
        let listing = core::mem::replace(&mut self.listing, accepted.listing);
        self.undone.push(Undone {
            pass,
            violations,
            listing,
        });
        self.chosen = accepted.chosen;
        self.history = accepted.history;
        self.fingerprint = accepted.fingerprint;
        self.equalities = accepted.equalities;
        self.judge.restart(accepted.classes);
        self.is_touched = false;
    }

    fn lowered(&mut self, func: &Function, lowered: &Lowered) -> Result<(), GcVerifierErrors> {
        let report = verify_lowering(func, &self.options, lowered);
        if report.verdict() != Verdict::Verified {
            self.look_at_input();
        }
        if !self.is_rejected() {
            self.choose(func, Pass::Lowering, report);
        }
        self.enforced()
    }

    fn emitted(
        &mut self,
        func: &Function,
        lowered: &Lowered,
        emitted: &Emitted,
        code: &[u8],
    ) -> Result<(), GcVerifierErrors> {
        let code = (self.machine, code);
        let report = verify_emission(func, &self.options, lowered, emitted, code);
        self.emitted_counts = report.counts;
        if report.verdict() != Verdict::Verified {
            self.look_at_input();
        }
        if !self.is_rejected() {
            self.choose(func, Pass::Emission, report);
        }
        self.enforced()
    }
}

impl Guard {
    /// What is broken stays broken; the first point at which it is is the telling one.
    fn is_rejected(&self) -> bool {
        matches!(&self.chosen, Some((_, report)) if report.verdict() == Verdict::Rejected)
    }

    /// The errors, if they are to stop the compilation.
    fn enforced(&self) -> Result<(), GcVerifierErrors> {
        match &self.chosen {
            Some((pass, report))
                if self.mode == settings::GcVerifier::Enforce
                    && report.verdict() == Verdict::Rejected =>
            {
                Err(errors(*pass, report))
            }
            _ => Ok(()),
        }
    }

    /// Remember what is known, in case that the next pass is undone.
    fn accept(&mut self) {
        if self.mode == settings::GcVerifier::Enforce {
            self.accepted = Accepted {
                chosen: self.chosen.clone(),
                listing: self.listing.clone(),
                history: self.history.clone(),
                classes: self.judge.classes().to_vec(),
                fingerprint: self.fingerprint,
                equalities: self.equalities.clone(),
            };
        }
    }

    /// Verify `func`, which `pass` left behind. `inlined` is what is wrong with the calls that came from callees.
    fn look(&mut self, func: &Function, pass: Pass, inlined: Vec<(Inst, MapFault)>) {
        let graph = self.judge.take_graph();
        let mut found = verify_layer(func, &self.options, &self.history, graph);
        if let (Some(unseen), Some(input)) = (&self.unseen, &self.original) {
            let (report, known, _) = &found;
            let classes = self.judge.classes();
            if pass == Pass::Inline || !unseen.is_enough(input, classes, func, (report, known)) {
                self.look_at_input();
                if self.is_rejected() {
                    return;
                }
                // NB: What was guarded in the input is known now.
                found = verify_layer(func, &self.options, &self.history, None);
            }
        }
        let (report, known, proofs) = found;
        self.judge.set_known(known);
        self.history.proofs = proofs;
        self.first_counts.get_or_insert(report.counts);
        if let (Pass::Input, Some(target)) = (pass, &self.target) {
            self.input = Some(Input::new(func, &report, target));
        }
        let report = stack_map::with_faults(func, &self.options, report, inlined);
        self.choose(func, pass, report);
        match pass {
            Pass::Input => self.keep_original(func),
            _ => self.blame_input(),
        }
    }

    /// Is the input `func` verified only if that is asked for? What its rewrites need is found out, then.
    fn puts_off(&mut self, func: &Function) -> bool {
        let may_wait = self.options.verify_input == VerifyInput::OnDemand
            && self.is_optimized
            && !self.hears
            && self.target.is_none();
        let known = may_wait.then(|| known_of(func, &self.options, can_wait));
        let Some(known) = known.flatten() else {
            return false;
        };
        self.judge.set_known(known);
        self.keep_original(func);
        self.unseen = Some(Unseen::default());
        self.history.asks_input = true;
        true
    }

    /// Verify the input, if that was put off: whatever was found, the input may be to blame.
    fn look_at_input(&mut self) {
        let (Some(_), Some(original)) = (self.unseen.take(), self.original.take()) else {
            return;
        };
        self.history.asks_input = false;
        self.accepted.history.asks_input = false;
        let history = History::default();
        let (report, _, proofs) = verify_layer(&original, &self.options, &history, None);
        self.first_counts = Some(report.counts);
        let report = stack_map::with_faults(&original, &self.options, report, Vec::new());
        self.choose(&original, Pass::Input, report);
        if self.is_rejected() {
            // NB: It would not have been optimized.
            self.is_input_to_blame = true;
            self.refused = 0;
            self.refusals.clear();
            self.refused_in.clear();
            return;
        }
        self.original = Some(original);
        self.history.proofs = proofs;
        if self.mode == settings::GcVerifier::Enforce {
            // What is known is what would have been known before the passes.
            self.accepted.chosen = self.chosen.clone();
            self.accepted.listing = self.listing.clone();
            self.accepted.history.proofs = self.history.proofs.clone();
        }
    }

    /// Keep the input, in case that a pass brings to light what is wrong with it.
    fn keep_original(&mut self, func: &Function) {
        if !self.is_rejected() {
            self.original = Some(Box::new(func.clone()));
        }
    }

    /// Find out whether what is wrong after a pass was wrong before it.
    fn blame_input(&mut self) {
        if !self.is_rejected() {
            return;
        }
        let Some(original) = self.original.take() else {
            return;
        };
        let judged = blame::judge(&original, &self.equalities, &self.options, self.endianness);
        if let Some((report, listing)) = judged {
            self.is_input_to_blame = true;
            self.listing = listing;
            self.chosen = Some((Pass::Input, report));
        } else if self.mode == settings::GcVerifier::Enforce {
            // The pass is undone, and another one may come.
            self.original = Some(original);
        }
    }

    /// May `func` be another function than the one that was verified last?
    ///
    /// NB: A pass that asked for nothing is taken at its word only where a later look at the whole
    /// function does not: what comes before the e-graph pass. Elsewhere the fingerprints are compared.
    fn is_changed(&mut self, func: &Function, pass: Pass) -> bool {
        let is_touched = core::mem::take(&mut self.is_touched);
        match pass {
            // These leave nothing as it was.
            Pass::Egraph | Pass::Lowering | Pass::Emission => true,
            Pass::Input | Pass::Inline | Pass::ConstantPhis if self.is_optimized => {
                is_touched || pass == Pass::Input
            }
            Pass::Input | Pass::Inline | Pass::ConstantPhis => {
                let fingerprint = fingerprint(func);
                self.fingerprint.replace(fingerprint) != Some(fingerprint)
            }
        }
    }

    /// Do not do what `violation` tells of.
    fn refuse(&mut self, func: &Function, pass: Pass, violation: Violation) -> Answer {
        self.refused += 1;
        if self.refused_in.is_empty() {
            self.refused_in = listing(func);
        }
        // The optimizer may ask the same again.
        let refusal = Refusal { pass, violation };
        if !self.refusals.contains(&refusal) {
            self.refusals.push(refusal);
        }
        Answer::NoChange
    }

    /// Was anything refused or undone?
    fn has_refused(&self) -> bool {
        !self.refusals.is_empty() || !self.undone.is_empty()
    }

    /// Remember that what `violation` tells of is done all the same.
    fn note(&mut self, func: &Function, rewrite: Rewrite, violation: Violation) {
        let is_rejected = self.chosen.as_ref().is_some_and(|(pass, report)| {
            report.verdict() == Verdict::Rejected && *pass != pass_of(rewrite)
        });
        if is_rejected || self.wrong.violations.contains(&violation) {
            return;
        }
        if self.wrong.violations.is_empty() {
            // NB: What is rewritten may be gone when the pass has ended.
            self.listing = listing(func);
        }
        self.wrong.violations.push(violation);
    }

    /// Make the rewrites of `pass` that were wrong the findings, unless there are earlier ones.
    fn choose_rewrites(&mut self, func: &Function, pass: Pass) {
        let mut report = core::mem::take(&mut self.wrong);
        report.inconclusive = self.judge.take_inconclusive();
        let tells_more = self.chosen.as_ref().is_none_or(|(_, kept)| {
            report.verdict() > kept.verdict() || kept.verdict() == Verdict::Verified
        });
        if !tells_more {
            return;
        }
        if report.verdict() == Verdict::Inconclusive {
            self.listing = listing(func);
        }
        // NB: Of a function that only has slots, there is nothing to say when nothing is wrong.
        let is_told = self.interest == Interest::Rewrites
            && (self.options.all_rewrites || !self.refusals.is_empty());
        if report.verdict() != Verdict::Verified || is_told {
            self.chosen = Some((pass, report));
        }
    }

    /// Keep `report` if it tells more than the one that is kept.
    fn choose(&mut self, func: &Function, pass: Pass, report: Report) {
        let tells_more = self.chosen.as_ref().is_none_or(|(_, kept)| {
            report.verdict() > kept.verdict() || kept.verdict() == Verdict::Verified
        });
        if tells_more {
            if report.verdict() != Verdict::Verified {
                self.listing = listing(func);
            }
            self.chosen = Some((pass, report));
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // NB: A compilation that fails comes to no other look.
        if self.chosen.is_none() {
            self.look_at_input();
        }
        let (layer, mut report) = match self.chosen.take() {
            Some(chosen) => chosen,
            None if self.failures.is_empty() => return,
            None => (Pass::Input, Report::default()),
        };
        report.inconclusive.append(&mut self.failures);
        report.counts = Counts {
            records: self.emitted_counts.records,
            record_entries: self.emitted_counts.record_entries,
            ..self.first_counts.unwrap_or(report.counts)
        };
        // Nothing was looked at after all: what is known is about code that cannot be reached.
        let is_empty = report.counts == Counts::default();
        let is_asked = self.options.all_rewrites && self.rewrites > 0;
        let is_verified = report.verdict() == Verdict::Verified && !self.has_refused();
        if is_empty && is_verified && !is_asked {
            return;
        }
        self.sink.function(FunctionReport {
            function: self.function.clone(),
            layer,
            report,
            rewrites: self.rewrites,
            refused: self.refused,
            refusals: core::mem::take(&mut self.refusals),
            refused_in: core::mem::take(&mut self.refused_in),
            undone: core::mem::take(&mut self.undone),
            listing: core::mem::take(&mut self.listing),
            input: self.input.take(),
        });
    }
}

/// The errors of `report`, as Cranelift hands them on.
fn errors(pass: Pass, report: &Report) -> GcVerifierErrors {
    let errors = report.violations.iter().map(|violation| GcVerifierError {
        code: violation.error.code().as_str(),
        pass,
        inst: Some(violation.error.inst()),
        value: violation.error.value(),
        message: violation.error.to_string(),
    });
    GcVerifierErrors(errors.collect())
}
