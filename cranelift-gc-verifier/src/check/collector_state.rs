//! State that a collection rewrites: the base of a heap that can move, and what a collector keeps of
//! its spaces.
//!
//! **Claim.** Every load that is reported is of such state, and its flags let the optimizer use a value
//! from before a collection (GCV07); every use that is reported takes a value of it that was loaded
//! before a safepoint which rewrites it (GCV06 for pointers, GCV07 for the rest).
//!
//! **Strength.** What such state is, is the producer's word: alias regions that a collection rewrites, and
//! facts. A load of a reference needs no word: under a collector that moves, no reference in memory stays
//! what it was.
//!
//! **Math.** A load of such state is fresh at the version at which it stands (see
//! [`safepoint`](crate::analysis::version)), and what is computed from loads at the meet of theirs.
//! Versions count the safepoints that may rewrite it: one that only collects leaves a heap where it
//! is unless the collector moves.

use crate::analysis::facts::Facts;
use crate::analysis::version::{Safepoints, Version};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS, crosses};
use crate::evidence::steps::{point_step, push_path};
use crate::finding::error::{GcError, Movable};
use crate::finding::witness::{Finding, Role, Step};
use crate::ir::cfg::{Cfg, Node};
use crate::ir::instruction::Kind;
use crate::ir::instruction::{Access, access, passed_on};
use crate::ir::path::{Forbidden, Point, Search};
use crate::ir::safepoint::may_move;
use crate::ir::steps::{self, Analysis};
use crate::ir::view::{BlockPass, Body, Def, Item, Memory};
use cranelift_codegen::ir::{Function, GcCollector, GcFact, Inst, Type, Value, ValueDef, types};
use smallvec::SmallVec;

/// Check all loads of state, and the uses of what is made of it.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let Facts { func, cfg, .. } = facts;
    let (body, collector) = (&facts.body, facts.collector);
    let mut sources = Vec::new();
    let info = &func.dfg.gc_info;
    let regions = func.dfg.alias_regions.iter();
    let is_rewritten: SmallVec<[bool; 32]> = regions
        .map(|(_, data)| info.is_gc_mutable(data.user_id))
        .collect();
    for Memory { inst, access } in body.accesses() {
        let Some(what) = source(func, access, collector, &is_rewritten) else {
            continue;
        };
        findings.counts.rewritten_loads += 1;
        findings.extend(movable(func, cfg, *inst, access, what));
        if what != Source::Reference {
            sources.push(*inst);
        }
    }
    if sources.is_empty() {
        return;
    }
    let moves;
    let safepoints = match collector {
        GcCollector::Moving => &facts.safepoints,
        GcCollector::NonMoving | GcCollector::Null => {
            let all = body.safepoints.iter().copied();
            let all = all.filter(|safepoint| may_move(func, safepoint.inst));
            moves = Safepoints::numbered(cfg, all.collect());
            &moves
        }
    };
    // NB: Without a safepoint, nothing goes stale.
    if !safepoints.all.is_empty() {
        let mut stale = Vec::new();
        Ages::new(func, cfg, body, safepoints, &sources).check(&mut stale);
        findings.extend(stale);
    }
}

/// What a load loads that a collection rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// State of the heap.
    State,
    /// A reference in memory.
    Reference,
}

/// `is_rewritten` tells what a collection does to each alias region.
fn source(
    func: &Function,
    access: &Access,
    collector: GcCollector,
    is_rewritten: &[bool],
) -> Option<Source> {
    let result = access.result?;
    let region = access.flags.alias_region();
    if region.is_some_and(|region| is_rewritten[region.as_u32() as usize]) {
        return Some(Source::State);
    }
    match func.dfg.gc_info.fact(result) {
        Some(GcFact::HeapBase) => Some(Source::State),
        Some(GcFact::Ref { traced: true, .. }) if collector == GcCollector::Moving => {
            Some(Source::Reference)
        }
        Some(GcFact::Ref { .. } | GcFact::Derived { .. } | GcFact::Scalar) | None => None,
    }
}

/// A load that the optimizer may take for one that it made earlier, or move to an earlier point.
fn movable(
    func: &Function,
    cfg: &Cfg,
    inst: Inst,
    access: &Access,
    what: Source,
) -> Option<Finding> {
    let why = if access.flags.readonly() {
        Movable::Readonly
    } else if access.flags.can_move() {
        Movable::CanMove
    } else {
        return None;
    };
    let error = GcError::MovableLoad {
        inst,
        value: access.result?,
        is_reference: what == Source::Reference,
        why,
    };
    let step = Step {
        role: Role::Use,
        block: cfg.block(cfg.node_of_inst(func, inst)?),
        inst: Some(inst),
    };
    Some((error, vec![step]))
}

/// Does `inst` load what the optimizer may load earlier, or take from an earlier load?
fn is_movable_load(func: &Function, inst: Inst) -> bool {
    access(func, inst).is_some_and(|access| {
        access.result.is_some() && (access.flags.readonly() || access.flags.can_move())
    })
}

/// The versions at which values that are made of such state are fresh.
struct Ages<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    body: &'a Body,
    safepoints: &'a Safepoints,
    /// By value; `AGELESS` for what is not made of it.
    ages: Vec<Version>,
}

/// After so many sweeps, values are followed one by one.
const MAX_SWEEPS: u32 = 4;

/// Where a value goes: an index into the items, or into the passes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Goes {
    Item(u32),
    Pass(u32),
}

/// The type of pointers, which alone are handed on to block parameters.
const POINTER: Type = types::I64;

impl<'a> Ages<'a> {
    fn new(
        func: &'a Function,
        cfg: &'a Cfg,
        body: &'a Body,
        safepoints: &'a Safepoints,
        sources: &[Inst],
    ) -> Self {
        let mut ages = Ages {
            func,
            cfg,
            body,
            safepoints,
            ages: vec![Version::AGELESS; func.dfg.num_values()],
        };
        for &inst in sources {
            let version = ages.safepoints.before(func, cfg, inst);
            let value = func.dfg.first_result(inst);
            ages.ages[value.as_u32() as usize] = version.unwrap_or(Version::AGELESS);
        }
        // NB: Nearly all functions are done after two sweeps.
        let mut sweeps = 0;
        let mut again = true;
        while again && sweeps < MAX_SWEEPS {
            again = false;
            sweeps += 1;
            steps::count(Analysis::CollectorState, body.items().len());
            for node in cfg.nodes() {
                again |= ages.visit(node);
            }
        }
        if again {
            ages.follow();
        }
        ages
    }

    /// Find the ages of what is made of that, value after value.
    ///
    /// NB: A sweep may reach no more than one parameter of a loop that passes its parameters round.
    fn follow(&mut self) {
        let mut uses = Vec::new();
        for (index, item) in (0..).zip(self.body.items()) {
            if item.kind.is(Kind::PASSES) {
                uses.extend(
                    self.body
                        .operands(item)
                        .map(|value| (value, Goes::Item(index))),
                );
            }
        }
        let mut passes = Vec::new();
        for node in self.cfg.nodes() {
            for pass in self.body.passed_from(node) {
                uses.push((pass.arg, Goes::Pass(passes.len() as u32)));
                passes.push((node, *pass));
            }
        }
        uses.sort_unstable();
        let is_aged = |&value: &Value| self.age_of(value) != Version::AGELESS;
        let mut pending: Vec<Value> = self.func.dfg.values().filter(is_aged).collect();
        while let Some(value) = pending.pop() {
            let first = uses.partition_point(|&(of, _)| of < value);
            for &(_, goes) in uses[first..].iter().take_while(|&&(of, _)| of == value) {
                steps::count(Analysis::CollectorState, 1);
                let changed = match goes {
                    Goes::Item(index) => self.visit_item(&self.body.items()[index as usize]),
                    Goes::Pass(index) => {
                        let (from, pass) = &passes[index as usize];
                        self.visit_pass(*from, pass)
                    }
                };
                pending.extend(changed);
            }
        }
    }

    /// That of `value`, which must not be an alias.
    fn age_of(&self, value: Value) -> Version {
        self.ages[value.as_u32() as usize]
    }

    /// Returns whether a block that was visited already has to be visited again.
    fn visit(&mut self, node: Node) -> bool {
        let body = self.body;
        for item in body.items_of(node) {
            self.visit_item(item);
        }
        let mut again = false;
        for pass in body.passed_from(node) {
            if self.visit_pass(node, pass).is_some() {
                again |= pass.to <= node;
            }
        }
        again
    }

    /// Returns the result of `item` if its age changed.
    fn visit_item(&mut self, item: &Item) -> Option<Value> {
        let (result, age) = self.computed(item)?;
        let old = core::mem::replace(&mut self.ages[result.as_u32() as usize], age);
        (old != age).then_some(result)
    }

    /// Returns the parameter of `pass`, at the end of `from`, if its age changed.
    fn visit_pass(&mut self, from: Node, pass: &BlockPass) -> Option<Value> {
        let BlockPass { to, arg, param } = *pass;
        let age = self.ages[arg.as_u32() as usize];
        // NB: Only pointers are handed on. A bump pointer becomes a reference at a block
        // parameter, and is followed as one from there.
        if age == Version::AGELESS || self.func.dfg.value_type(param) != POINTER {
            return None;
        }
        let arrives = match age == self.safepoints.at_end(from) {
            true => self.safepoints.at_start(to),
            false => Version::MIXED,
        };
        let old = &mut self.ages[param.as_u32() as usize];
        let new = old.meet(arrives);
        (core::mem::replace(old, new) != new).then_some(param)
    }

    /// The version of what `item` computes, if it is made of state.
    fn computed(&self, item: &Item) -> Option<(Value, Version)> {
        if !item.kind.is(Kind::PASSES) {
            return None;
        }
        let operands = self.body.operands(item);
        let [a, b] = operands.map(|operand| self.ages[operand.as_u32() as usize]);
        let age = a.meet(b);
        // NB: None of these instructions has more results than one.
        (age != Version::AGELESS).then_some((item.result.expand()?, age))
    }

    fn check(&self, findings: &mut Vec<Finding>) {
        for node in self.cfg.nodes() {
            let mut now = self.safepoints.at_start(node);
            let mut index = self.safepoints.first_in(node);
            for item in self.body.items_of(node) {
                if let Some(value) = self.stale_operand(item, now) {
                    findings.extend(self.finding(item.inst, value));
                }
                if item.kind.is(Kind::SAFEPOINT) {
                    let next = self.safepoints.all.get(index);
                    if next.is_some_and(|s| s.inst == item.inst) {
                        now = Safepoints::version_after(index);
                        index += 1;
                    }
                }
            }
        }
    }

    /// An operand that `item` relies on and that is stale: an address, or what decides a branch.
    fn stale_operand(&self, item: &Item, now: Version) -> Option<Value> {
        if item.kind.is(Kind::DECIDES) {
            let [condition, _] = self.body.operands(item);
            return self.stale_comparison(condition, now);
        }
        let value = self.body.access(item)?.addr;
        (!self.age_of(value).is_fresh_at(now)).then_some(value)
    }

    /// A stale operand of the comparison that `condition` is.
    fn stale_comparison(&self, condition: Value, now: Version) -> Option<Value> {
        // NB: What is no item, or defined where nothing gets, is no comparison that is executed.
        let Def::Item(index) = self.body.def(condition) else {
            return None;
        };
        let item = &self.body.items()[index as usize];
        if !item.kind.is(Kind::COMPARES) {
            return None;
        }
        let args = self.body.operands(item);
        args.into_iter()
            .find(|&arg| !self.age_of(arg).is_fresh_at(now))
    }

    fn finding(&self, inst: Inst, value: Value) -> Option<Finding> {
        let (origin, safepoint, steps) = match self.origin(value)? {
            Origin::Load(load) => {
                let (safepoint, steps) = self.crossing(load, inst, Role::Use)?;
                (self.func.dfg.first_result(load), safepoint, steps)
            }
            Origin::Param(param) => self.crossing_by_param(param, inst)?,
        };
        let error = if self.func.dfg.value_type(origin) == POINTER {
            GcError::StaleHeapBase {
                inst,
                value: origin,
                safepoint,
            }
        } else {
            GcError::StaleState {
                inst,
                value: origin,
                safepoint,
            }
        };
        Some((error, steps))
    }

    /// The load or the block parameter that the stale `value` is made of by pure instructions alone.
    fn origin(&self, mut value: Value) -> Option<Origin> {
        loop {
            let inst = match self.func.dfg.value_def(value) {
                ValueDef::Result(inst, _) => inst,
                ValueDef::Param(..) => return Some(Origin::Param(value)),
                ValueDef::Union(..) => return None,
            };
            if self.func.dfg.insts[inst].opcode().can_load() {
                return Some(Origin::Load(inst));
            }
            value = passed_on(self.func, inst)
                .operands()
                .map(|operand| self.func.dfg.resolve_aliases(operand))
                .find(|&operand| self.age_of(operand) != Version::AGELESS)?;
        }
    }

    /// What `param` is made of on some way into its block, and a path from there over a safepoint to
    /// `inst`: before `param` is there, or after.
    fn crossing_by_param(&self, param: Value, inst: Inst) -> Option<(Value, Inst, Vec<Step>)> {
        let cfg = self.cfg;
        let passes = cfg.nodes().flat_map(|from| {
            let passes = self.body.passed_from(from).iter();
            passes.map(move |pass| (from, pass))
        });
        let mut passes = passes.filter(|(_, pass)| pass.param == param);
        passes.find_map(|(from, pass)| {
            let Origin::Load(load) = self.origin(pass.arg)? else {
                return None;
            };
            let value = self.func.dfg.first_result(load);
            let end = self.func.layout.last_inst(cfg.block(from))?;
            let (safepoint, steps) = self.crossing_by_edge(load, end, pass.to, inst)?;
            Some((value, safepoint, steps))
        })
    }

    /// A path from `load` to `end`, a branch, and from there by way of `to` to `inst`, over a safepoint before
    /// `to` or after.
    fn crossing_by_edge(
        &self,
        load: Inst,
        end: Inst,
        to: Node,
        inst: Inst,
    ) -> Option<(Inst, Vec<Step>)> {
        let (func, cfg) = (self.func, self.cfg);
        let again = |at| at == load;
        let once = |block| Forbidden {
            inst: &again,
            block,
        };
        let entry = Point {
            node: to,
            inst: None,
        };
        let before = || {
            let (safepoint, mut steps) = self.crossing(load, end, Role::Through)?;
            let path = Search::new(func, cfg, entry, once(Some(to))).path_to(inst)?;
            steps.push(self.entered(to));
            push_path(func, cfg, &mut steps, &path, Role::Use, inst);
            Some((safepoint, steps))
        };
        let after = || {
            let start = Point::at(func, cfg, load)?;
            let path = Search::new(func, cfg, start, once(None)).path_to(end)?;
            let mut steps = vec![point_step(self.cfg, start, Role::Definition)];
            push_path(func, cfg, &mut steps, &path, Role::Through, end);
            steps.push(self.entered(to));
            let safepoint =
                self.over_safepoint(entry, once(Some(to)), (inst, Role::Use), &mut steps)?;
            Some((safepoint, steps))
        };
        before().or_else(after)
    }

    fn entered(&self, node: Node) -> Step {
        Step {
            role: Role::Through,
            block: self.cfg.block(node),
            inst: None,
        }
    }

    /// A path from `load` over a safepoint to `inst`, without another execution of `load`.
    fn crossing(&self, load: Inst, inst: Inst, role: Role) -> Option<(Inst, Vec<Step>)> {
        let start = Point::at(self.func, self.cfg, load)?;
        let again = |at| at == load;
        let forbidden = Forbidden {
            inst: &again,
            block: None,
        };
        let mut steps = vec![point_step(self.cfg, start, Role::Definition)];
        let safepoint = self.over_safepoint(start, forbidden, (inst, role), &mut steps)?;
        Some((safepoint, steps))
    }

    /// Add a path from `start` over a safepoint to an instruction, in its role. Returns the safepoint.
    fn over_safepoint(
        &self,
        start: Point,
        forbidden: Forbidden,
        (inst, role): (Inst, Role),
        steps: &mut Vec<Step>,
    ) -> Option<Inst> {
        let (func, cfg) = (self.func, self.cfg);
        let from_start = Search::new(func, cfg, start, forbidden);
        self.safepoints.all.iter().find_map(|safepoint| {
            let at = safepoint.inst;
            let to_safepoint = from_start.path_to(at)?;
            let point = Point::at(func, cfg, at)?;
            let to_use = Search::new(func, cfg, point, forbidden).path_to(inst)?;
            push_path(func, cfg, steps, &to_safepoint, Role::Safepoint, at);
            push_path(func, cfg, steps, &to_use, role, inst);
            Some(at)
        })
    }
}

/// What a stale value is made of.
enum Origin {
    /// What this load loads.
    Load(Inst),
    /// This block parameter.
    Param(Value),
}

/// Can the load be moved, or does the path lead from it over the safepoint?
pub(super) fn recheck(func: &Function, error: &GcError, steps: &[Step]) -> Result<(), Flaw> {
    match *error {
        GcError::MovableLoad { inst, .. } => is_movable_load(func, inst)
            .then_some(())
            .ok_or("the load cannot be moved"),
        GcError::StaleHeapBase {
            value, safepoint, ..
        }
        | GcError::StaleState {
            value, safepoint, ..
        } => crosses(func, steps, value, safepoint),
        _ => Err(NOT_OURS),
    }
}
