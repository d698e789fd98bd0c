//! Every single rewrite, judged before it is done.
//!
//! **Claim.** A rewrite that is refused breaks the invariant that the error names; refusing
//! it (`NoChange`) leaves the function as right as it was.
//!
//! **Strength.** What is asked:
//!
//! * forwarded loads and removed stores: all of them (GCV08, [`forwarding`](super::forwarding));
//! * values in the place of others: type and representation (GCV13, [`preserved`](super::preserved)), freshness (GCV14,
//!   [`preserved`](super::preserved)), and that both compute the same bits (GCV15, [`equal_bits`](super::equal_bits));
//! * branches and traps whose condition changes, or that go away: the same (GCV15).
//!
//! By default, values are compared where references, or what is derived from them, take part;
//! with [`Options::all_rewrites`](crate::Options::all_rewrites) everywhere, which makes it a test
//! of the optimizer's rules. Inlining is not asked about.
//!
//! **Hoisting and rematerialization.** They do not change a value; they change where it is computed. A pure value is as
//! fresh as what it is made of, wherever it is computed. They are wrong if the value is made of a load that a
//! collection rewrites, or if a use of it is across a safepoint. Whether that use is a dereference or a comparison, which is
//! legal, depends on the whole function. So these rewrites are accepted one by one, and the function is verified when the
//! pass has ended (GCV02, GCV06, GCV07). With `enforce` the pass is undone then, and only the optimization is lost.
//!
//! **Math.** A rewrite replaces `e` by `e'` at a place. It is right if `e` and `e'` have the same type, are references or not
//! alike, are fresh at the same version, and are equal under every assignment.

use super::classes::Classes;
use super::context::Context;
use super::event::{Subject, pass_of, rule_of, subject};
use super::merged_trap::Traps;
use super::phis::Phis;
use super::signature::Signatures;
use super::{dead_store, equal_bits, forwarding, lost_trap, preserved, signature};
use crate::analysis::graph::{Changes, Graph, Snapshot};
use crate::analysis::provenance::Class;
use crate::analysis::version::Safepoints;
use crate::evidence::recheck::path;
use crate::finding::code::Code;
use crate::finding::error::GcError;
use crate::finding::options::Options;
use crate::finding::report::{Inconclusive, Violation};
use crate::finding::witness::Witness;
use crate::ir::cfg::constant;
use crate::ir::steps::{self, Allowance, Steps};
use cranelift_codegen::gc_verifier::{Pass, Rewrite};
use cranelift_codegen::ir::{
    Endianness, Function, GcCollector, Inst, InstructionData, Opcode, Value, ValueDef,
};

/// Judges the rewrites of one function.
pub struct Rewrites {
    options: Options,
    endianness: Endianness,
    signatures: Signatures,
    classes: Classes,
    traps: Traps,
    phis: Phis,
    graph: Option<Graph>,
    /// What can have changed since.
    pub(crate) changes: Changes,
    pass: Pass,
    /// What went wrong in here, once.
    inconclusive: Vec<Inconclusive>,
    /// How many steps the rewrites of this pass may still take, and those that were taken before, once there was one.
    left: Option<(u64, Steps)>,
}

impl Rewrites {
    /// Nothing has been rewritten yet. `endianness` is the target's.
    pub fn new(options: Options, endianness: Endianness) -> Self {
        Rewrites {
            options,
            endianness,
            signatures: Signatures::default(),
            classes: Classes::default(),
            traps: Traps::default(),
            phis: Phis::default(),
            graph: None,
            changes: Changes::default(),
            pass: Pass::Input,
            inconclusive: Vec::new(),
            left: None,
        }
    }

    /// What the last look at the whole function found.
    pub(crate) fn set_known(&mut self, known: Snapshot) {
        self.classes = Classes::new(known.classes);
        self.graph = known.graph;
        self.changes = Changes::Everything;
    }

    /// The graph of the last look, which may hold no more.
    pub(crate) fn take_graph(&mut self) -> Option<Graph> {
        self.graph.take()
    }

    /// What each value is, as it was set.
    pub(crate) fn classes(&self) -> &[Class] {
        self.classes.as_slice()
    }

    /// Some question came to no answer: what was computed for it is given up.
    pub(crate) fn reset(&mut self) {
        self.signatures = Signatures::default();
        self.traps.clear();
        self.phis.clear();
        self.graph = None;
    }

    /// The pass was undone: it is as if nothing had been asked since `classes` were set.
    pub(crate) fn restart(&mut self, classes: Vec<Class>) {
        self.classes = Classes::new(classes);
        self.signatures = Signatures::default();
        self.traps.clear();
        self.phis.clear();
        self.graph = None;
        self.inconclusive.clear();
    }

    /// Do references take part in `rewrite`, or what is made of them?
    pub(crate) fn is_about_references(&mut self, func: &Function, rewrite: Rewrite) -> bool {
        let Subject { values, insts } = subject(rewrite);
        let mut values = values.into_iter().flatten();
        let mut insts = insts.into_iter().flatten();
        values.any(|value| self.classes.touches(func, value))
            || insts.any(|inst| {
                let mut results = func.dfg.inst_results(inst).iter();
                self.classes.operands_touch(func, inst)
                    || results.any(|&result| self.classes.touches(func, result))
            })
    }

    /// The rewrites of the e-graph pass, which begins, may take so many steps.
    #[cfg(test)]
    pub(crate) fn allow(&mut self, steps: u64) {
        self.pass = Pass::Egraph;
        self.left = Some((steps, steps::taken()));
    }

    /// Does `rewrite`, of `func`, put what is no reference, and no constant, in the place of one?
    ///
    /// Nothing need be wrong with that: an equal value may be of a type that no fact names.
    pub(crate) fn loses_reference(&self, func: &Function, rewrite: Rewrite) -> bool {
        if self.is_harmless(rewrite) {
            return false;
        }
        let Subject { values, insts } = subject(rewrite);
        let result = |inst: Inst| func.dfg.inst_results(inst).first().copied();
        let (orig, new) = match (values, insts) {
            ([Some(orig), Some(new)], _) => (orig, new),
            ([Some(new), None], [Some(inst), ..]) => match result(inst) {
                Some(orig) => (orig, new),
                None => return false,
            },
            _ => return false,
        };
        self.classes.what(func, orig) == Class::Reference
            && self.classes.what(func, new) == Class::Plain
            && constant(func, new).is_none()
    }

    /// Is `value` a reference?
    pub(crate) fn is_reference(&self, func: &Function, value: Value) -> bool {
        self.classes.what(func, value) == Class::Reference
    }

    /// Was there a rewrite that could not be judged?
    pub(crate) fn is_inconclusive(&self) -> bool {
        !self.inconclusive.is_empty()
    }

    /// What could not be judged.
    pub(crate) fn take_inconclusive(&mut self) -> Vec<Inconclusive> {
        core::mem::take(&mut self.inconclusive)
    }

    /// What is wrong with `rewrite`, which the optimizer is about to do to `func`.
    ///
    /// It is assumed to be done when nothing is.
    #[inline]
    pub fn judge(&mut self, func: &Function, rewrite: Rewrite) -> Option<Violation> {
        if self.is_harmless(rewrite) {
            return None;
        }
        self.judge_closely(func, rewrite)
    }

    /// Is it known that nothing is wrong with `rewrite`, and that nothing is learnt?
    ///
    /// Most rewrites are of values that were found to have nothing to do with references.
    #[inline]
    fn is_harmless(&self, rewrite: Rewrite) -> bool {
        match rewrite {
            Rewrite::Simplify { orig, new, .. }
            | Rewrite::Subsume { orig, new, .. }
            | Rewrite::Gvn { orig, kept: new } => {
                !self.options.all_rewrites
                    && self.classes.is_known_apart(orig)
                    && self.classes.is_known_apart(new)
            }
            Rewrite::Hoist { .. } | Rewrite::Remat { .. } => true,
            _ => false,
        }
    }

    fn judge_closely(&mut self, func: &Function, rewrite: Rewrite) -> Option<Violation> {
        let pass = pass_of(rewrite);
        if self.pass != pass {
            self.pass = pass;
            self.changes = Changes::Everything;
            self.signatures = Signatures::default();
            self.traps.clear();
            self.phis.clear();
            self.left = None;
        }
        match self.needs_no_look(func, rewrite) {
            true => None,
            false => self.look(func, rewrite),
        }
    }

    fn look(&mut self, func: &Function, rewrite: Rewrite) -> Option<Violation> {
        let (left, before) = self.left.unwrap_or_else(|| {
            let parts = func.dfg.num_insts() + func.dfg.num_values();
            (steps::budget(parts), steps::taken())
        });
        if left == 0 {
            return None;
        }
        let allowed = Allowance::new(left);
        let violation = self.judge_one(func, rewrite);
        let left = allowed.left();
        drop(allowed);
        self.left = Some((left, before));
        // NB: What was given up half way says nothing.
        if left == 0 {
            self.signatures = Signatures::default();
            let analysis = steps::taken().since(&before).most().name();
            self.inconclusive
                .push(Inconclusive::TooMuchWork { analysis });
            return None;
        }
        match violation {
            None => self.done(func, rewrite),
            // NB: It may be done all the same.
            Some(_) => self.signatures.walks.clear(),
        }
        violation
    }

    /// Is it clear without a closer look that nothing is wrong, and that nothing is learnt?
    #[inline]
    fn needs_no_look(&mut self, func: &Function, rewrite: Rewrite) -> bool {
        match rewrite {
            Rewrite::Simplify { orig, new, .. }
            | Rewrite::Subsume { orig, new, .. }
            | Rewrite::Gvn { orig, kept: new } => !self.touches(func, orig, new),
            _ => false,
        }
    }

    /// Does one of these take part in what happens to references, or is everything asked about?
    fn touches(&mut self, func: &Function, a: Value, b: Value) -> bool {
        self.options.all_rewrites || self.classes.touches(func, a) || self.classes.touches(func, b)
    }

    fn note(&mut self, what: &str) {
        // NB: Once is enough; there may be as many rewrites as instructions.
        if self.inconclusive.is_empty() {
            self.inconclusive.push(Inconclusive::Internal {
                what: what.to_string(),
            });
        }
    }

    fn judge_one(&mut self, func: &Function, rewrite: Rewrite) -> Option<Violation> {
        let mut refusal = self.refusal(func, rewrite)?;
        // What is wrong may be so only on a way that is there no more.
        if let Some(graph) = self.graph.as_mut().filter(|graph| graph.is_narrowed) {
            *graph = graph.again(func);
            self.signatures.walks.clear();
            refusal = self.refusal(func, rewrite)?;
        }
        let (error, witness) = refusal;
        if !self.options.checks.contains(error.code()) {
            return None;
        }
        let shown = match &self.graph {
            Some(Graph { cfg, .. }) if !witness.steps.is_empty() => path(func, cfg, &witness.steps)
                .and_then(|()| match error {
                    GcError::MembershipChanged { .. } => {
                        preserved::recheck(func, &error, &witness.steps)
                    }
                    _ => forwarding::recheck(&error, &witness.steps),
                }),
            // What shows an unequal rewrite is the assignment.
            _ => Ok(()),
        };
        match shown {
            Ok(()) => Some(Violation {
                error,
                witness,
                rule: rule_of(rewrite),
            }),
            Err(what) => {
                self.note(&format!("no witness for {}: {error}: {what}", error.code()));
                None
            }
        }
    }

    fn refusal(&mut self, func: &Function, rewrite: Rewrite) -> Option<(GcError, Witness)> {
        let plain = |error| (error, Witness::default());
        match rewrite {
            Rewrite::Simplify { orig, new, .. }
            | Rewrite::Subsume { orig, new, .. }
            | Rewrite::Gvn { orig, kept: new } => {
                let unequal = self.pure_value(func, orig, new).map(plain);
                unequal.or_else(|| self.merged_load(func, orig, new))
            }
            Rewrite::GvnSkeleton { inst, kept: None } => self.merged_trap(func, inst).map(plain),
            Rewrite::GvnSkeleton {
                inst,
                kept: Some(kept),
            } => {
                let by = func.dfg.value_def(self.signatures.root(func, kept)).inst();
                let by = by.filter(|&by| by != inst);
                let trap = match by {
                    Some(_) => lost_trap::merged(func, &mut self.signatures, inst, by),
                    None => None,
                };
                trap.map(plain).or_else(|| self.merged(func, inst, kept))
            }
            Rewrite::SkeletonRemoveWithVal { inst, val, .. } => {
                let trap = lost_trap::merged(func, &mut self.signatures, inst, None);
                trap.map(plain).or_else(|| self.merged(func, inst, val))
            }
            Rewrite::SkeletonRemove { inst, .. } => {
                if !self.is_asked(func, inst) {
                    return None;
                }
                equal_bits::removed(func, &mut self.signatures, inst).map(plain)
            }
            Rewrite::SkeletonReplace { inst, new_inst, .. } => {
                // NB: Sums that trap are those of sizes and offsets, which need not touch a reference.
                let is_sum = func.dfg.insts[inst].opcode() == Opcode::UaddOverflowTrap;
                if !is_sum && !self.is_asked(func, inst) {
                    return None;
                }
                let signatures = &mut self.signatures;
                lost_trap::replaced(func, signatures, inst, new_inst)
                    .or_else(|| equal_bits::instructions(func, signatures, inst, new_inst))
                    .map(plain)
            }
            Rewrite::SkeletonReplaceWithVal {
                inst,
                new_inst,
                val,
                ..
            } => {
                let trap = lost_trap::replaced(func, &mut self.signatures, inst, new_inst);
                trap.map(plain).or_else(|| self.merged(func, inst, val))
            }
            Rewrite::ReplaceBranchCond { inst, cond, .. } => {
                if !self.is_asked(func, inst) {
                    return None;
                }
                equal_bits::condition(func, &mut self.signatures, inst, cond).map(plain)
            }
            Rewrite::ForwardLoad { load, value } => self.forward_load(func, load, value),
            Rewrite::IdempotentStore { store } => {
                self.with_scene(func, |context, _, signatures, _| {
                    forwarding::idempotent_store(context, signatures, store)
                })
            }
            Rewrite::DeadStore { dead, overwriter } => {
                self.with_scene(func, |context, _, signatures, _| {
                    dead_store::dead_store(context, signatures, dead, overwriter)
                })
            }
            Rewrite::ConstantPhi { param, value } => self.constant_phi(func, param, value),
            Rewrite::ReplaceWithTwo {
                inst,
                first,
                second,
                ..
            } => {
                if let Some(lost) = self.lost_block(func, inst, first, second) {
                    return Some(lost);
                }
                if !self.is_asked(func, inst) {
                    return None;
                }
                equal_bits::trap_and_jump(func, &mut self.signatures, inst, (first, second))
                    .map(plain)
            }
            Rewrite::Hoist { .. } | Rewrite::Remat { .. } | Rewrite::Inline { .. } => None,
        }
    }

    /// Is the rewrite of `inst` asked about: does it take part in what happens to references?
    fn is_asked(&mut self, func: &Function, inst: Inst) -> bool {
        self.options.all_rewrites
            || self.classes.operands_touch(func, inst)
            || match func.dfg.insts[inst]
                .arguments(&func.dfg.value_lists)
                .first()
            {
                Some(&arg) => self.classes.touches(func, arg),
                None => false,
            }
    }

    fn pure_value(&mut self, func: &Function, orig: Value, new: Value) -> Option<GcError> {
        let root = self.signatures.root(func, orig);
        let ValueDef::Result(inst, _) = func.dfg.value_def(root) else {
            return None;
        };
        if equal_bits::are_twins(func, &self.signatures, orig, new) {
            return None;
        }
        preserved::representation(func, &self.classes, inst, orig, new)
            .filter(|error| self.options.checks.contains(error.code()))
            .or_else(|| equal_bits::values(func, &mut self.signatures, inst, orig, new))
    }

    /// Two loads of what is said never to change become one.
    fn merged_load(
        &mut self,
        func: &Function,
        orig: Value,
        kept: Value,
    ) -> Option<(GcError, Witness)> {
        let load = func.dfg.value_def(orig).inst()?;
        let is_load = |inst: Inst| matches!(func.dfg.insts[inst], InstructionData::Load { .. });
        let before = func.dfg.value_def(self.signatures.root(func, kept)).inst();
        if !is_load(load) || !before.is_some_and(is_load) || func.layout.inst_block(load).is_none()
        {
            return None;
        }
        self.with_scene(func, |context, _, signatures, _| {
            forwarding::merged_load(context, signatures, load, kept)
        })
    }

    fn merged(&mut self, func: &Function, inst: Inst, kept: Value) -> Option<(GcError, Witness)> {
        let orig = func.dfg.inst_results(inst).first().copied()?;
        let of_type = preserved::representation(func, &self.classes, inst, orig, kept);
        if let Some(error) = of_type.filter(|error| self.options.checks.contains(error.code())) {
            return Some((error, Witness::default()));
        }
        let stale = self.stale(func, inst, orig, kept);
        // What one call does another one does again, whatever they return.
        let is_compared = func.dfg.insts[inst].opcode().is_call()
            || signature::is_computed(func, inst) && self.is_asked(func, inst);
        if stale.is_some() || !is_compared {
            return stale;
        }
        equal_bits::values(func, &mut self.signatures, inst, orig, kept)
            .map(|error| (error, Witness::default()))
    }

    /// A conditional trap goes away as repeated. It is one if another one comes before it, or if it never traps.
    fn merged_trap(&mut self, func: &Function, inst: Inst) -> Option<GcError> {
        if !self.is_asked(func, inst) {
            return None;
        }
        let error = equal_bits::removed(func, &mut self.signatures, inst)?;
        self.prepare(func);
        let Graph { cfg, .. } = self.graph.as_ref()?;
        let is_repeated = self
            .traps
            .is_repeated(func, cfg, &mut self.signatures, inst);
        (!is_repeated).then_some(error)
    }

    /// What is lost with the block that the branch `inst` goes to no more, for which `trap` stands.
    fn lost_block(
        &mut self,
        func: &Function,
        inst: Inst,
        trap: Inst,
        jump: Inst,
    ) -> Option<(GcError, Witness)> {
        let InstructionData::Brif { blocks, .. } = func.dfg.insts[inst] else {
            return None;
        };
        let InstructionData::CondTrap { code, .. } = func.dfg.insts[trap] else {
            return None;
        };
        let InstructionData::Jump { destination, .. } = func.dfg.insts[jump] else {
            return None;
        };
        let lists = &func.dfg.value_lists;
        let kept = destination.block(lists);
        let blocks = blocks.map(|call| call.block(lists));
        let gone = blocks.into_iter().find(|&block| block != kept)?;
        self.with_scene(func, |context, _, _, _| {
            lost_trap::gone(context, inst, gone, code)
        })
    }

    fn stale(
        &mut self,
        func: &Function,
        inst: Inst,
        orig: Value,
        new: Value,
    ) -> Option<(GcError, Witness)> {
        if !self.options.checks.contains(Code::Gcv14)
            || self.collector(func) != GcCollector::Moving
            || self.classes.what(func, orig) == Class::Plain
        {
            return None;
        }
        self.with_scene(func, |context, safepoints, signatures, classes| {
            preserved::freshness(context, safepoints, signatures, classes, (inst, orig), new)
        })
    }

    fn forward_load(
        &mut self,
        func: &Function,
        load: Inst,
        value: Value,
    ) -> Option<(GcError, Witness)> {
        let orig = func.dfg.inst_results(load).first().copied()?;
        let of_type = preserved::representation(func, &self.classes, load, orig, value);
        if let Some(error) = of_type.filter(|error| self.options.checks.contains(error.code())) {
            return Some((error, Witness::default()));
        }
        if self.options.checks.contains(Code::Gcv08) {
            let unsound = self.with_scene(func, |context, _, signatures, _| {
                forwarding::forward_load(context, signatures, load, value)
            });
            if unsound.is_some() {
                return unsound;
            }
        }
        self.stale(func, load, orig, value)
    }

    /// Every way into the block must pass `value` for `param`, or what is always the same.
    fn constant_phi(
        &mut self,
        func: &Function,
        param: Value,
        value: Value,
    ) -> Option<(GcError, Witness)> {
        if !self.touches(func, param, value) {
            return None;
        }
        let (was, is) = (func.dfg.value_type(param), func.dfg.value_type(value));
        let ValueDef::Param(block, _) = func.dfg.value_def(param) else {
            return None;
        };
        let at = func.layout.first_inst(block)?;
        if was != is {
            let error = GcError::RepresentationChanged {
                inst: at,
                orig: param,
                new: value,
                why: crate::finding::error::NotPreserved::Type(was, is),
            };
            return Some((error, Witness::default()));
        }
        self.prepare(func);
        let Graph { cfg, .. } = self.graph.as_ref()?;
        let others = self.phis.others(func, cfg, param, value);
        let found = self.signatures.of(func, value)?;
        let differs = others.iter().find_map(|&arg| {
            let expected = self.signatures.of(func, arg)?;
            Some((expected, expected.difference(&found)?))
        });
        let (expected, lane) = differs?;
        // NB: Who asks again is to be told again.
        self.phis.clear();
        let error = GcError::UnequalRewrite {
            inst: at,
            orig: Some(param),
            new: Some(value),
            expected: expected.bits[lane],
            found: found.bits[lane],
            given: crate::finding::error::Given::default(),
        };
        Some((error, Witness::default()))
    }

    fn collector(&self, func: &Function) -> GcCollector {
        let declared = func.dfg.gc_info.collector.or(self.options.collector);
        declared.unwrap_or(GcCollector::Moving)
    }

    fn prepare(&mut self, func: &Function) {
        let question = core::mem::take(&mut self.changes);
        match &mut self.graph {
            None => self.graph = Some(Graph::new(func)),
            Some(graph) => {
                if !question.is_none() && !graph.keeps_up_with(func, &question) {
                    *graph = graph.again(func);
                    self.signatures.walks.clear();
                }
            }
        }
    }

    fn with_scene<T>(
        &mut self,
        func: &Function,
        judge: impl FnOnce(Context<'_>, &Safepoints, &mut Signatures, &Classes) -> Option<T>,
    ) -> Option<T> {
        self.prepare(func);
        let collector = self.collector(func);
        let Graph {
            cfg, safepoints, ..
        } = self.graph.as_ref()?;
        let context = Context {
            func,
            cfg,
            collector,
            endianness: self.endianness,
        };
        judge(context, safepoints, &mut self.signatures, &self.classes)
    }

    /// What is known once `rewrite` is done.
    fn done(&mut self, func: &Function, rewrite: Rewrite) {
        match rewrite {
            Rewrite::ForwardLoad { load, value } => self.merge_result(func, load, value),
            Rewrite::GvnSkeleton {
                inst,
                kept: Some(kept),
            } => self.merge_result(func, inst, kept),
            Rewrite::SkeletonRemoveWithVal { inst, val, .. } => self.merge_result(func, inst, val),
            Rewrite::ConstantPhi { param, value } => {
                self.signatures.merge(func, param, value);
                self.classes.merge(func, param, value);
            }
            Rewrite::SkeletonReplaceWithVal { inst, val, .. } => {
                if let Some(&result) = func.dfg.inst_results(inst).first() {
                    self.classes.merge(func, result, val);
                }
            }
            Rewrite::SkeletonReplace { inst, .. }
            | Rewrite::ReplaceBranchCond { inst, .. }
            | Rewrite::ReplaceWithTwo { inst, .. } => {
                let opcode = func.dfg.insts[inst].opcode();
                // NB: Where the branches go decides what is a path. Most go where they went.
                if opcode.is_branch() {
                    self.changes.add(func.layout.inst_block(inst));
                } else if self.is_end(func, inst) {
                    self.changes = Changes::Everything;
                } else if opcode.is_call() || opcode.can_load() || opcode.can_store() {
                    self.signatures.walks.clear();
                }
            }
            Rewrite::SkeletonRemove { inst, .. } | Rewrite::GvnSkeleton { inst, kept: None } => {
                if self.is_end(func, inst) {
                    self.changes = Changes::Everything;
                }
            }
            Rewrite::Simplify { .. }
            | Rewrite::Subsume { .. }
            | Rewrite::Gvn { .. }
            | Rewrite::IdempotentStore { .. }
            | Rewrite::DeadStore { .. }
            | Rewrite::Hoist { .. }
            | Rewrite::Remat { .. } => {}
            Rewrite::Inline { .. } => self.changes = Changes::Everything,
        }
    }

    /// Does a block of the graph end at `inst`? What is behind it is reached when it is gone.
    fn is_end(&self, func: &Function, inst: Inst) -> bool {
        let graph = self.graph.as_ref();
        graph.is_some_and(|graph| graph.cfg.is_end(func, inst))
    }

    fn merge_result(&mut self, func: &Function, inst: Inst, value: Value) {
        // What is computed has its signature already.
        if let Some(&result) = func.dfg.inst_results(inst).first() {
            if !signature::is_computed(func, inst) {
                self.signatures.merge(func, result, value);
            }
            self.classes.merge(func, result, value);
        }
    }
}
