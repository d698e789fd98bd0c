//! The checks over a whole function.
//!
//! **Claim.** Under the assumptions of [`Options`], every violation that is returned is one: its
//! witness is a path of the function on which the invariant is broken.
//!
//! **Strength.** Relative to the references that [`values`](crate::analysis::provenance) finds. Not checked: that
//! a reference which no stack map names and which nobody declared is rooted; that an
//! address is in bounds or its reference not null; what passes did to get here.
//!
//! **Math.** Let `version(p)` be the safepoint last passed at `p` (see
//! [`safepoint`](crate::analysis::version)). A reference that comes from elsewhere has the version of its
//! definition, and what is made of references the meet of theirs. A use that needs a fresh reference
//! is right when both versions are equal. The contents of a slot are followed in the same terms (see
//! [`slots`](crate::analysis::slots)).

pub(crate) mod collector_state;
pub(crate) mod dereference;
pub(crate) mod i31_payload;
pub(crate) mod initialization;
pub(crate) mod layout;
pub(crate) mod lost_trap;
pub(crate) mod unstored_word;

use crate::analysis::demand::{Demand, UseKind};
use crate::analysis::graph::{Graph, Known};
use crate::analysis::history::History;
use crate::analysis::keepalive;
use crate::analysis::nullness::proofs::Proofs;
use crate::analysis::provenance::{Class, Values};
use crate::analysis::slots::{Hold, Loc, Location, Reload, Root, Slots};
use crate::analysis::version::{Safepoints, Version};
use crate::evidence::{recheck, stale_path};
use crate::finding::error::{GcError, Held, NonReference};
use crate::finding::options::Options;
use crate::finding::report::{Counts, Inconclusive, Report, Violation};
use crate::finding::witness::{Step, Witness};
use crate::ir::cfg::{Cfg, Node, constant};
use crate::ir::instruction::Kind;
use crate::ir::instruction::{Access, passed_on};
use crate::ir::reader::read;
use crate::ir::view::{BlockPass, Body, Item};
use cranelift_codegen::ir::{Function, GcCollector, Inst, Type, Value, types};
use std::cell::OnceCell;

/// Verify `func` as it stands.
///
/// Returns also what each value is, and which dereferences are guarded. `graph` may be the graph of `func`,
/// from before.
pub(crate) fn check(
    func: &Function,
    options: &Options,
    history: &History,
    graph: Option<Graph>,
) -> (Report, Known, Proofs) {
    let (cfg, body, safepoints) = Graph::renewed(graph, func, |cfg| {
        let body = read(func, cfg);
        let safepoints = body.safepoints.clone();
        (body, safepoints)
    });
    let declared = func.dfg.gc_info.collector.or(options.collector);
    let collector = declared.unwrap_or(GcCollector::Moving);
    let slots = Slots::new(func, &cfg, &body, &safepoints, collector, history);
    let values = Values::new(func, &cfg, &body, &slots, history);
    let mut checker = Checker {
        func,
        options,
        collector,
        ages: vec![Version::AGELESS; func.dfg.num_values()],
        demand: OnceCell::new(),
        comparisons: OnceCell::new(),
        report: Report {
            counts: Counts {
                safepoints: safepoints.all.len() as u64,
                entries: slots.entries,
                references: values.references(),
                ..Counts::default()
            },
            ..Report::default()
        },
        cfg,
        body: &body,
        safepoints,
        slots,
        values,
    };
    checker.run();
    let proofs = checker.check_dereferences(&history.proofs);
    let found = checker.finish(proofs);
    body.put_back();
    found
}

pub(crate) struct Checker<'a> {
    pub(crate) func: &'a Function,
    options: &'a Options,
    pub(crate) collector: GcCollector,
    pub(crate) cfg: Cfg,
    body: &'a Body,
    pub(crate) safepoints: Safepoints,
    pub(crate) slots: Slots,
    pub(crate) values: Values,
    /// The version at which each value is fresh.
    ages: Vec<Version>,
    demand: OnceCell<Demand>,
    comparisons: OnceCell<Vec<(Value, Value)>>,
    report: Report,
}

/// A use of a value that is not fresh.
#[derive(Clone, Copy)]
pub(crate) struct StaleUse {
    pub(crate) inst: Inst,
    pub(crate) value: Value,
    pub(crate) now: Version,
    /// Is it used after `inst`, as the argument of a block call of it?
    pub(crate) after: bool,
}

impl Checker<'_> {
    fn run(&mut self) {
        let inconclusive = core::mem::take(&mut self.slots.inconclusive);
        self.report.inconclusive.extend(inconclusive);
        self.check_entries();
        self.check_roots();
        self.check_reloads();
        self.check_rewritten();
        let mut passed = 0;
        for node in self.cfg.nodes() {
            self.check_block(node, &mut passed);
        }
    }

    fn finish(mut self, proofs: Proofs) -> (Report, Known, Proofs) {
        let position = |violation: &Violation| {
            let inst = violation.error.inst();
            let node = self.cfg.node_of_inst(self.func, inst);
            node.unwrap_or(Node::MAX)
        };
        let layout = &self.func.layout;
        self.report.violations.sort_by(|a, b| {
            position(a)
                .cmp(&position(b))
                .then_with(|| layout.pp_cmp(a.error.inst(), b.error.inst()))
                .then_with(|| a.error.code().cmp(&b.error.code()))
        });
        self.report.violations.dedup_by(|a, b| a.error == b.error);
        let classes = self.values.take(self.body);
        let graph = Graph {
            cfg: self.cfg,
            safepoints: self.safepoints,
            insts: self.func.dfg.num_insts(),
            is_narrowed: false,
        };
        let known = Known {
            classes,
            graph: Some(graph),
        };
        (self.report, known, proofs)
    }

    /// What a collection rewrites, and objects that it could see half made.
    fn check_rewritten(&mut self) {
        let rewritten = collector_state::check(
            self.func,
            &self.cfg,
            self.body,
            &self.safepoints,
            self.collector,
        );
        let mut findings = rewritten.findings;
        findings.extend(lost_trap::check(self.func, &self.cfg, self.body));
        self.report.counts.rewritten_loads = rewritten.loads;
        findings.extend(initialization::check(
            self.func,
            &self.cfg,
            &self.safepoints,
            self.collector,
        ));
        let new_objects = unstored_word::check(unstored_word::Scene {
            func: self.func,
            cfg: &self.cfg,
            body: self.body,
            safepoints: &self.safepoints,
            slots: &self.slots,
            collector: self.collector,
        });
        findings.extend(new_objects.findings);
        findings.extend(layout::check(self.func));
        self.report.counts.objects = new_objects.objects;
        for (error, steps) in findings {
            self.reject(error, |_| Some(steps));
        }
    }

    // --- Stack maps and slots --------------------------------------------------------------

    fn check_entries(&mut self) {
        for bad in core::mem::take(&mut self.slots.bad_entries) {
            let Location { slot, offset, .. } = bad.location;
            self.reject(
                GcError::NonReferenceRoot {
                    inst: bad.inst,
                    slot,
                    offset,
                    value: None,
                    why: bad.why,
                },
                |checker| stale_path::entry(checker, bad.inst),
            );
        }
    }

    fn check_roots(&mut self) {
        // NB: Most maps see what others see; what it is need be found out once.
        let mut is_fine = vec![None; self.slots.contents()];
        let mut roots = Vec::new();
        for index in 0..self.safepoints.all.len() {
            let inst = self.safepoints.all[index].inst;
            roots.clear();
            let suspects = self.slots.roots_of(index).filter(|root| {
                let is_fine = &mut is_fine[root.content as usize];
                let is_fine = *is_fine.get_or_insert_with(|| self.is_reference(root));
                root.is_stale || !is_fine
            });
            roots.extend(suspects);
            for root in &roots {
                self.check_root(inst, root);
            }
        }
    }

    /// Is what `root` names a reference on every path, as far as can be told?
    fn is_reference(&self, root: &Root) -> bool {
        let ty = self.slots.locations[root.loc as usize].ty;
        match root.hold {
            Hold::Is { data, .. } => self.why_no_reference(data, ty).is_none(),
            Hold::Conflict(a, b) => [a, b]
                .iter()
                .all(|&value| self.why_no_reference(value, ty).is_none()),
            Hold::Unset | Hold::Partial | Hold::MaybeUnset => false,
        }
    }

    fn check_root(&mut self, inst: Inst, root: &Root) {
        let Location {
            slot, offset, ty, ..
        } = self.slots.locations[root.loc as usize];
        let uninitialized = |held| GcError::UninitializedRoot {
            inst,
            slot,
            offset,
            held,
        };
        let non_reference = |value, why| GcError::NonReferenceRoot {
            inst,
            slot,
            offset,
            value,
            why,
        };
        match root.hold {
            Hold::Unset => self.reject_unset(uninitialized(Held::Unset), root.loc),
            Hold::MaybeUnset => self.reject_unset(uninitialized(Held::MaybeUnset), root.loc),
            Hold::Partial => {
                let error = non_reference(None, NonReference::Partial);
                self.reject_last_store(error, root.loc);
            }
            Hold::Is { origin, data } => {
                if let Some(why) = self.why_no_reference(data, ty) {
                    let error = non_reference(Some(data), why);
                    self.reject_last_store(error, root.loc);
                } else if root.is_stale {
                    self.reject_unmapped(inst, origin, root.loc);
                }
            }
            // Which of them it is does not matter to the collector; what they are does.
            Hold::Conflict(a, b) => {
                let culprit = [a, b]
                    .into_iter()
                    .find_map(|value| Some((value, self.why_no_reference(value, ty)?)));
                if let Some((value, why)) = culprit {
                    self.reject_clobber(non_reference(Some(value), why), root.loc, value);
                }
            }
        }
    }

    /// Why `data` cannot be a reference of type `ty`, if so.
    fn why_no_reference(&self, data: Value, ty: Type) -> Option<NonReference> {
        let stored = self.func.dfg.value_type(data);
        if stored != ty {
            return Some(NonReference::StoredType(stored));
        }
        if self.values.class(data) == Class::Derived {
            return Some(NonReference::Derived);
        }
        // NB: Nothing that is known to be a reference is a constant.
        if self.values.class(data) == Class::Reference {
            return None;
        }
        // Null is 0, and i31s are odd, of the references that are indices into a heap.
        let n = constant(self.func, data)?;
        (ty == types::I32 && n != 0 && n % 2 == 0).then_some(NonReference::Constant(n as i64))
    }

    fn check_reloads(&mut self) {
        for index in 0..self.slots.reloads.len() {
            let reload = self.slots.reloads[index];
            self.check_reload(&reload);
        }
    }

    fn check_reload(&mut self, reload: &Reload) {
        let Location { slot, offset, .. } = self.slots.locations[reload.loc as usize];
        let &Reload {
            inst,
            result,
            loc,
            hold,
            is_stale,
            expected,
            ..
        } = reload;
        let uninitialized = |held| GcError::UninitializedRoot {
            inst,
            slot,
            offset,
            held,
        };
        let clobbered = |held| GcError::ClobberedRoot {
            inst,
            value: result,
            slot,
            offset,
            expected,
            held,
        };
        match hold {
            Hold::Unset if self.is_used(result) => {
                self.reject_unset(uninitialized(Held::Unset), loc);
            }
            Hold::MaybeUnset if self.is_used(result) => {
                self.reject_unset(uninitialized(Held::MaybeUnset), loc);
            }
            Hold::Partial if self.is_used(result) => {
                self.reject_last_store(clobbered(Held::Partial), loc);
            }
            Hold::Conflict(a, b) if self.is_used(result) => {
                let error = clobbered(Held::Conflict(a, b));
                // With the expected value known, the other one is to blame.
                let culprit = if expected == Some(b) { a } else { b };
                self.reject_clobber(error, loc, culprit);
            }
            Hold::Is { origin, .. } => {
                let other = expected.is_some_and(|expected| expected != origin);
                if other && self.is_used(result) {
                    self.reject_clobber(clobbered(Held::Value(origin)), loc, origin);
                } else if is_stale
                    && self.values.class(result) == Class::Reference
                    && self.is_relied_on(result)
                {
                    self.reject_unmapped(inst, origin, loc);
                }
            }
            Hold::Unset | Hold::MaybeUnset | Hold::Partial | Hold::Conflict(..) => {}
        }
    }

    // --- Values ----------------------------------------------------------------------------

    /// `passed` counts the safepoints, which are numbered in the order of this walk.
    fn check_block(&mut self, node: Node, passed: &mut usize) {
        let func = self.func;
        let block = self.cfg.block(node);
        let mut now = self.safepoints.at_start(node);
        for &param in func.dfg.block_params(block) {
            self.set_age(param, now);
        }
        let body = self.body;
        for item in body.items_of(node) {
            self.check_uses(item, now);
            if item.kind.is(Kind::SAFEPOINT) {
                let next = self.safepoints.all.get(*passed);
                if next.is_some_and(|at| at.inst == item.inst) {
                    *passed += 1;
                    now = Safepoints::version_after(*passed - 1);
                }
            }
            self.set_result_ages(item, now);
        }
        self.check_block_args(node);
    }

    fn set_age(&mut self, value: Value, age: Version) {
        let ages = self.collector != GcCollector::Null && self.values.class(value) != Class::Plain;
        if ages {
            self.ages[value.as_u32() as usize] = age;
        }
    }

    pub(crate) fn age(&self, value: Value) -> Version {
        self.ages[value.as_u32() as usize]
    }

    fn set_result_ages(&mut self, item: &Item, now: Version) {
        let func = self.func;
        let Some(first) = item.result.expand() else {
            return;
        };
        let is_plain = |&result: &Value| self.values.class(result) == Class::Plain;
        // NB: Nothing but a call makes more than one.
        if is_plain(&first) && !item.kind.is(Kind::CALLS) {
            return;
        }
        if item.kind.is(Kind::CALLS) {
            for &result in func.dfg.inst_results(item.inst) {
                self.set_age(result, now);
            }
            return;
        }
        let age = match self.passed_age(item) {
            Some(age) => age,
            None if self.stays_valid(item) => Version::AGELESS,
            None => now,
        };
        self.set_age(first, age);
    }

    /// The version at which what `item` hands on is fresh. Nothing, if it makes a reference by cutting
    /// a plain value to size.
    fn passed_age(&self, item: &Item) -> Option<Version> {
        if !item.kind.is(Kind::PASSES) {
            return None;
        }
        let [a, b] = self.body.operands(item);
        let is_cut_to_size = [a, b].iter().all(|&v| self.values.class(v) == Class::Plain);
        (!is_cut_to_size).then(|| self.age(a).meet(self.age(b)))
    }

    /// Does `inst` make a reference by cutting a plain value to size?
    pub(crate) fn is_cut_to_size(&self, inst: Inst) -> bool {
        let mut operands = passed_on(self.func, inst).operands();
        operands.all(|operand| {
            let operand = self.func.dfg.resolve_aliases(operand);
            self.values.class(operand) == Class::Plain
        })
    }

    /// Does `item` load a reference from where it stays for good, so that it is alive for good?
    fn stays_valid(&self, item: &Item) -> bool {
        self.collector == GcCollector::NonMoving
            && self
                .body
                .access(item)
                .is_some_and(|access| access.result.is_some() && access.flags.readonly())
    }

    /// Check what [`uses`](crate::analysis::demand::uses) says are uses.
    fn check_uses(&mut self, item: &Item, now: Version) {
        let func = self.func;
        if let Some(&Access { addr, data, .. }) = self.body.access(item) {
            self.check_use(item.inst, addr, UseKind::Address, now);
            if let Some(data) = data {
                self.check_use(item.inst, data, UseKind::Escape, now);
            }
            if item.kind.is(Kind::SWAPS) {
                let expected = func.dfg.inst_args(item.inst)[1];
                self.check_use(item.inst, expected, UseKind::Escape, now);
            }
        } else if item.kind.is(Kind::CALLS.or(Kind::RETURNS)) {
            for &arg in func.dfg.inst_args(item.inst) {
                self.check_use(item.inst, arg, UseKind::Escape, now);
            }
        } else if item.kind.is(Kind::COMPARES) {
            self.check_comparison(item, now);
        }
    }

    fn check_use(&mut self, inst: Inst, value: Value, kind: UseKind, now: Version) {
        let value = self.body.resolve(self.func, value);
        if self.values.class(value) == Class::Plain {
            return;
        }
        if kind == UseKind::Address {
            self.report.counts.dereferences += 1;
        }
        if self.is_stale(value, now) {
            self.reject_stale(StaleUse {
                inst,
                value,
                now,
                after: false,
            });
        }
    }

    pub(crate) fn is_stale(&self, value: Value, now: Version) -> bool {
        self.values.class(value) != Class::Plain && !self.age(value).is_fresh_at(now)
    }

    fn check_block_args(&mut self, node: Node) {
        let Some(inst) = self.func.layout.last_inst(self.cfg.block(node)) else {
            return;
        };
        let now = self.safepoints.at_end(node);
        let mut stale = Vec::new();
        for &BlockPass { arg, param, .. } in self.body.passed_from(node) {
            let is_checked = self.values.class(param) != Class::Plain;
            if is_checked
                && self.is_stale(arg, now)
                && (self.is_relied_on(param) || self.is_compared_wrongly(node, arg, param))
            {
                stale.push(StaleUse {
                    inst,
                    value: arg,
                    now,
                    after: true,
                });
            }
        }
        for stale_use in stale {
            self.reject_stale(stale_use);
        }
    }

    /// Two references of different age must not be compared: one was moved since.
    fn check_comparison(&mut self, item: &Item, now: Version) {
        let inst = item.inst;
        let args = self.body.operands(item);
        if self.collector != GcCollector::Moving
            || args
                .iter()
                .any(|&arg| self.values.class(arg) != Class::Reference)
        {
            return;
        }
        let ages = args.map(|arg| self.age(arg));
        if ages[0] == ages[1] || ages.contains(&Version::AGELESS) {
            return;
        }
        if self.is_used(self.func.dfg.first_result(inst)) {
            let value = if ages[0] == now { args[1] } else { args[0] };
            self.reject_stale(StaleUse {
                inst,
                value,
                now,
                after: false,
            });
        }
    }

    /// Is `param`, for which the stale `arg` is passed, compared with a reference of another age?
    fn is_compared_wrongly(&self, node: Node, arg: Value, param: Value) -> bool {
        if self.collector != GcCollector::Moving {
            return false;
        }
        let age = self.age(arg);
        let comparisons = self.comparisons.get_or_init(|| self.find_comparisons());
        let start = comparisons.partition_point(|&(first, _)| first < param);
        let of_param = comparisons[start..].iter();
        let mut of_param = of_param.take_while(|&&(first, _)| first == param);
        of_param.any(|&(_, other)| {
            let passes = self.body.passed_from(node).iter();
            let mut passed = passes.filter(|pass| pass.param == other).peekable();
            let differs = |value: Value| ![age, Version::AGELESS].contains(&self.age(value));
            match passed.peek() {
                // NB: Two references of the same age are compared as they were.
                Some(_) => passed.all(|pass| differs(pass.arg)),
                None => differs(other),
            }
        })
    }

    /// The references that are compared with each other, both ways, sorted.
    fn find_comparisons(&self) -> Vec<(Value, Value)> {
        let mut comparisons = Vec::new();
        for item in self.body.items() {
            if !item.kind.is(Kind::COMPARES) {
                continue;
            }
            let [a, b] = self.body.operands(item);
            let are_references = [a, b].map(|arg| self.values.class(arg)) == [Class::Reference; 2];
            if are_references && self.is_used(self.func.dfg.first_result(item.inst)) {
                comparisons.extend([(a, b), (b, a)]);
            }
        }
        comparisons.sort_unstable();
        comparisons
    }

    // --- Guards ----------------------------------------------------------------------------

    /// Returns what is guarded.
    fn check_dereferences(&mut self, before: &Proofs) -> Proofs {
        let found = dereference::judge(
            self.func,
            &self.cfg,
            self.body,
            &self.slots,
            &self.values,
            before,
        );
        let counts = &mut self.report.counts;
        let judged = found.errors.len() + found.inconclusive.len();
        let judged = judged as u64 + found.typed + found.guarded;
        (counts.typed, counts.guarded) = (found.typed, found.guarded);
        // NB: What a fact says is a reference may be dereferenced though it does not age, as what the null
        // collector allocates; and an address that is no site is a dereference all the same.
        counts.dereferences = counts.dereferences.max(judged + found.unjudged);
        counts.unjudged = counts.dereferences - judged;
        self.report.inconclusive.extend(found.inconclusive);
        for (error, steps) in found.errors {
            self.reject(error, |_| Some(steps));
        }
        found.proofs
    }

    // --- Demand ----------------------------------------------------------------------------

    fn demand(&self) -> &Demand {
        self.demand
            .get_or_init(|| Demand::new(self.func, &self.cfg))
    }

    fn is_relied_on(&self, value: Value) -> bool {
        self.demand().is_relied_on(value)
    }

    fn is_used(&self, value: Value) -> bool {
        self.demand().is_used(value)
    }

    // --- Rejections ------------------------------------------------------------------------

    /// Report `error`, if its check is on and its witness stands.
    fn reject(&mut self, error: GcError, witness: impl FnOnce(&Self) -> Option<Vec<Step>>) {
        if !self.options.checks.contains(error.code()) {
            return;
        }
        let witness = Witness {
            steps: witness(self).unwrap_or_default(),
        };
        match recheck::witness(self.func, &self.cfg, &error, &witness) {
            Ok(()) => self.report.violations.push(Violation {
                error,
                witness,
                rule: None,
            }),
            Err(what) => self.report.inconclusive.push(Inconclusive::Internal {
                what: format!("no witness for {}: {error}: {what}", error.code()),
            }),
        }
    }

    /// A slot that holds nothing on some path.
    fn reject_unset(&mut self, error: GcError, loc: Loc) {
        self.reject(error, |checker| {
            stale_path::unset(checker, error.inst(), loc)
        });
    }

    /// A slot that holds what `error` says, by the last store to it.
    fn reject_last_store(&mut self, error: GcError, loc: Loc) {
        self.reject(error, |checker| {
            stale_path::last_store(checker, error.inst(), loc, None)
        });
    }

    /// A slot that holds what was stored for `culprit` in place of another value.
    fn reject_clobber(&mut self, error: GcError, loc: Loc, culprit: Value) {
        self.reject(error, |checker| {
            stale_path::last_store(checker, error.inst(), loc, Some(culprit))
        });
    }

    /// A slot whose contents are used at `inst` after a safepoint that does not have it in its map.
    fn reject_unmapped(&mut self, inst: Inst, value: Value, loc: Loc) {
        let Some((safepoint, steps)) = stale_path::unmapped(self, inst, loc) else {
            return self.contradiction("a slot is stale without a safepoint");
        };
        let error = GcError::MissingRoot {
            inst,
            value,
            safepoint,
        };
        self.reject(error, |_| Some(steps));
    }

    /// A value that is used after a safepoint which it did not survive.
    fn reject_stale(&mut self, stale: StaleUse) {
        let Some(origin) = stale_path::stale_origin(self, stale) else {
            return self.contradiction("a value is stale, but nothing that it is made of");
        };
        let is_derived =
            origin.derived.is_some() || self.values.class(origin.base) == Class::Derived;
        let crossing = if self.collector == GcCollector::NonMoving && is_derived {
            // A raw pointer that was derived while its base was fresh stays valid where nothing moves, as
            // long as something keeps the object alive.
            let Some(family) = keepalive::Family::of(self, stale.value) else {
                return;
            };
            stale_path::crossing(self, &origin, |index| family.is_kept_by(self, index))
        } else {
            let is_root = |index| stale_path::is_origin_root(self, &origin, index);
            stale_path::crossing(self, &origin, is_root)
        };
        let Some(crossing) = crossing else {
            return self.contradiction("a value is stale without a safepoint");
        };
        // Under a collector that does not move, a root is enough.
        if self.collector == GcCollector::NonMoving && crossing.is_root {
            return;
        }
        let safepoint = crossing.safepoint;
        let (inst, base) = (origin.inst, origin.base);
        // A block parameter may be fed by derived pointers.
        let derived = origin
            .derived
            .or_else(|| (self.values.class(base) == Class::Derived).then_some(base));
        let error = match (derived, crossing.is_root) {
            (Some(value), _) => GcError::StaleDerivedPointer {
                inst,
                value,
                base: stale_path::reference_of(self, base),
                safepoint,
                is_unrooted: self.collector == GcCollector::NonMoving,
            },
            (None, true) => GcError::StaleReference {
                inst,
                value: base,
                safepoint,
            },
            (None, false) => GcError::MissingRoot {
                inst,
                value: base,
                safepoint,
            },
        };
        self.reject(error, |_| Some(crossing.steps));
    }

    fn contradiction(&mut self, what: &str) {
        self.report.inconclusive.push(Inconclusive::Internal {
            what: what.to_string(),
        });
    }
}
