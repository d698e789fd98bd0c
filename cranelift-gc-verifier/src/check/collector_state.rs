//! State that a collection rewrites: the base of a heap that can move, and what a collector keeps of
//! its spaces.
//!
//! **Claim.** Every load that is reported is of such state, and its flags let the optimizer use a value
//! from before a collection (GCV07); every use that is reported takes a value of it that was loaded
//! before a safepoint which rewrites it (GCV06 for pointers, GCV07 for the rest).
//!
//! **Strength.** What such state is, is the producer's word: loads and alias regions that a collection
//! rewrites, and facts of loads, parameters and results. A load of a reference needs no word: under a collector that moves, no
//! reference in memory stays what it was. State that comes with the heap is rewritten once, by the callee that makes
//! the heap, and its loads may be declared not to change. Relied on are addresses, what is returned, passed to a callee or stored
//! outside of the frame, and what decides a branch. Of a slot, what is loaded is what all stores that get there
//! agree on. Without a safepoint that rewrites it, no state goes stale.
//!
//! **Math.** A load of such state is fresh at the version at which it stands (see
//! [`safepoint`](crate::analysis::version)), and what is computed from loads at the meet of theirs.
//! Versions count the safepoints that may rewrite it: one that only collects leaves a heap where it
//! is unless the collector moves.

use crate::analysis::facts::Facts;
use crate::analysis::kind::given::given_to;
use crate::analysis::version::{Safepoints, Version};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS, crosses};
use crate::evidence::steps::{point_step, push_path};
use crate::finding::error::{GcError, Movable};
use crate::finding::witness::{Finding, Role, Step};
use crate::ir::cfg::{Cfg, Node};
use crate::ir::instruction::{Access, Kind, access};
use crate::ir::linear::is_in_slot;
use crate::ir::path::{Forbidden, Point, Search};
use crate::ir::safepoint::may_move;
use crate::ir::steps::{self, Analysis};
use crate::ir::view::{BlockPass, Body, Item, Memory, SlotAccess};
use cranelift_codegen::ir::{
    Function, GcCollector, GcFact, GcLoad, Inst, InstructionData, Opcode, Type, Value, ValueDef,
    types,
};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet};

/// Check all loads of state, and the uses of what is made of it.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let Facts { func, cfg, .. } = facts;
    let (body, collector) = (&facts.body, facts.collector);
    let mut sources = Vec::new();
    let mut movable_loads = Vec::new();
    let info = &func.dfg.gc_info;
    let regions = func.dfg.alias_regions.iter();
    let regions: SmallVec<[Region; 32]> = regions
        .map(|(_, data)| match data.user_id {
            id if info.is_gc_mutable(id) => Region::Rewritten,
            id if info.is_gc_late(id) => Region::Late,
            _ => Region::Other,
        })
        .collect();
    for Memory { inst, access } in body.accesses() {
        let Some(what) = source(func, body, (*inst, access), collector, &regions) else {
            continue;
        };
        findings.counts.rewritten_loads += 1;
        // NB: State that comes with the heap is loaded as if it never changed, and rightly so once it is there. What
        // counts is where the load is.
        if what != Source::Late {
            movable_loads.extend(movable(func, cfg, *inst, access, what));
        }
        if let (Source::State | Source::Late, Some(result)) = (what, access.result) {
            sources.push(result);
        }
    }
    sources.extend(given(func, cfg));
    if sources.is_empty() && movable_loads.is_empty() {
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
    if safepoints.all.is_empty() {
        return;
    }
    findings.extend(movable_loads);
    if !sources.is_empty() {
        let mut stale = Vec::new();
        Ages::new(func, cfg, body, safepoints, &sources).check(&mut stale);
        findings.extend(stale);
    }
}

/// The parameters and the results of calls that facts say are the heap's base.
fn given<'a>(func: &'a Function, cfg: &'a Cfg) -> impl Iterator<Item = Value> + 'a {
    let bases = func.dfg.gc_info.facts();
    let bases = bases.filter(|&(_, fact)| fact == GcFact::HeapBase);
    let values = bases.map(|(value, _)| value);
    values.filter(move |&value| {
        let is_given = match func.dfg.value_def(value) {
            ValueDef::Param(..) => true,
            ValueDef::Result(inst, _) => func.dfg.insts[inst].opcode().is_call(),
            ValueDef::Union(..) => false,
        };
        is_given && !func.dfg.value_is_alias(value) && Point::of_value(func, cfg, value).is_some()
    })
}

/// What a load loads that a collection rewrites.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// State of the heap.
    State,
    /// State that comes with the heap, which a callee may make.
    Late,
    /// A reference in memory.
    Reference,
}

/// What happens to an alias region.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Region {
    /// A collection rewrites it.
    Rewritten,
    /// It is rewritten when the heap is made.
    Late,
    /// Nothing that is known of.
    Other,
}

fn source(
    func: &Function,
    body: &Body,
    (inst, access): (Inst, &Access),
    collector: GcCollector,
    regions: &[Region],
) -> Option<Source> {
    let result = access.result?;
    let region = access.flags.alias_region();
    if func.dfg.gc_info.is_gc_mutable_load(inst) {
        return Some(Source::State);
    }
    if func.dfg.gc_info.load(inst) == Some(GcLoad::Late) {
        return Some(Source::Late);
    }
    match region.map(|region| regions[region.as_u32() as usize]) {
        Some(Region::Rewritten) => return Some(Source::State),
        Some(Region::Late) => return Some(Source::Late),
        Some(Region::Other) | None => {}
    }
    match func.dfg.gc_info.fact(result) {
        Some(GcFact::HeapBase) => Some(Source::State),
        Some(GcFact::Ref { traced: true, .. }) if collector == GcCollector::Moving => {
            Some(Source::Reference)
        }
        // NB: What was declared to be a reference need have no fact.
        None if collector == GcCollector::Moving && func.dfg.gc_info.is_declared(result) => {
            Some(Source::Reference)
        }
        // NB: Few loads may be moved, and memory says what they load.
        None if collector == GcCollector::Moving
            && access.size == 4
            && (access.flags.readonly() || access.flags.can_move())
            && (body.is_made(access.addr) || func.dfg.gc_info.place(inst).is_some())
            && given_to(func, body, result).is_some_and(GcFact::is_traced) =>
        {
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
    /// Where state comes from.
    sources: BTreeSet<Value>,
    /// For each pointer that is loaded from a slot, what may have been stored there.
    slots: BTreeMap<Value, Vec<Value>>,
}

/// After so many sweeps, values are followed one by one.
const MAX_SWEEPS: u32 = 4;

/// Where a value goes: to an instruction, or an index into the passes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Goes {
    Inst(Inst),
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
        sources: &[Value],
    ) -> Self {
        let mut ages = Ages {
            func,
            cfg,
            body,
            safepoints,
            ages: vec![Version::AGELESS; func.dfg.num_values()],
            sources: BTreeSet::new(),
            slots: loads_from_slots(func, cfg, body),
        };
        for &value in sources {
            // What is loaded from a slot is as old as what was stored there.
            if !ages.slots.contains_key(&value) {
                ages.sources.insert(value);
                ages.ages[value.as_u32() as usize] = ages.defined_at(value);
            }
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
        let func = self.func;
        let mut uses = Vec::new();
        let mut passes = Vec::new();
        for node in self.cfg.nodes() {
            for inst in func.layout.block_insts(self.cfg.block(node)) {
                let parts = parts(func, inst).iter();
                let parts = parts.map(|&part| func.dfg.resolve_aliases(part));
                uses.extend(parts.map(|part| (part, Goes::Inst(inst))));
            }
            for pass in self.body.passed_from(node) {
                uses.push((pass.arg, Goes::Pass(passes.len() as u32)));
                passes.push((node, *pass));
            }
        }
        for (result, stored) in &self.slots {
            if let Some(inst) = func.dfg.value_def(*result).inst() {
                uses.extend(stored.iter().map(|&data| (data, Goes::Inst(inst))));
            }
        }
        uses.sort_unstable();
        let is_aged = |&value: &Value| self.age_of(value) != Version::AGELESS;
        let mut pending: Vec<Value> = func.dfg.values().filter(is_aged).collect();
        while let Some(value) = pending.pop() {
            let first = uses.partition_point(|&(of, _)| of < value);
            for &(_, goes) in uses[first..].iter().take_while(|&&(of, _)| of == value) {
                steps::count(Analysis::CollectorState, 1);
                let changed = match goes {
                    Goes::Inst(inst) => self.visit_inst(inst),
                    Goes::Pass(index) => {
                        let (from, pass) = &passes[index as usize];
                        self.visit_pass(*from, pass)
                    }
                };
                pending.extend(changed);
            }
        }
    }

    /// The version at the definition of `value`.
    fn defined_at(&self, value: Value) -> Version {
        let version = match self.func.dfg.value_def(value) {
            ValueDef::Param(block, _) => {
                let node = self.cfg.node(block);
                node.map(|node| self.safepoints.at_start(node))
            }
            ValueDef::Result(inst, _) => {
                match self.safepoints.index_of(self.func, self.cfg, inst) {
                    Some(index) => Some(Safepoints::version_after(index)),
                    None => self.safepoints.before(self.func, self.cfg, inst),
                }
            }
            ValueDef::Union(..) => None,
        };
        version.unwrap_or(Version::AGELESS)
    }

    /// That of `value`, which must not be an alias.
    fn age_of(&self, value: Value) -> Version {
        self.ages[value.as_u32() as usize]
    }

    /// Returns whether a block that was visited already has to be visited again.
    fn visit(&mut self, node: Node) -> bool {
        let mut again = false;
        let body = self.body;
        let mut answers = body.answers_in(node).iter().peekable();
        for (index, item) in (body.first_item_of(node)..).zip(body.items_of(node)) {
            while let Some(answer) = answers.next_if(|answer| answer.before <= index) {
                self.visit_inst(answer.inst);
            }
            if item.kind.is(Kind::MAKES) {
                match body.two_operands(item) {
                    Some([a, b]) => {
                        let age = self.age_of(a).meet(self.age_of(b));
                        let result = item.result.expand();
                        if let (Some(result), true) = (result, age != Version::AGELESS) {
                            self.ages[result.as_u32() as usize] = age;
                        }
                    }
                    None => {
                        self.visit_inst(item.inst);
                    }
                }
            } else if item.kind.is(Kind::LOADS) && !self.slots.is_empty() {
                let changed = self.visit_inst(item.inst);
                // NB: What is loaded from a slot may have been stored in a block that comes later.
                again |= changed.is_some_and(|result| self.slots.contains_key(&result));
            }
        }
        for answer in answers {
            self.visit_inst(answer.inst);
        }
        for pass in body.passed_from(node) {
            if self.visit_pass(node, pass).is_some() {
                again |= pass.to <= node;
            }
        }
        again
    }

    /// Returns the result of `inst` if its age changed.
    fn visit_inst(&mut self, inst: Inst) -> Option<Value> {
        let (result, age) = self.computed(inst)?;
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

    /// The version of what `inst` computes, if it is made of state.
    fn computed(&self, inst: Inst) -> Option<(Value, Version)> {
        let func = self.func;
        let &result = func.dfg.inst_results(inst).first()?;
        if !self.slots.is_empty()
            && let Some(stored) = self.slots.get(&result)
        {
            let mut ages = stored.iter().map(|&data| self.age_of(data));
            let age = ages.next()?;
            let is_one = ages.all(|other| other == age);
            return (is_one && age != Version::AGELESS).then_some((result, age));
        }
        let parts = parts(func, inst);
        let ages = parts
            .iter()
            .map(|&part| self.age_of(func.dfg.resolve_aliases(part)));
        let age = ages.reduce(Version::meet)?;
        // NB: None of these instructions has more results than one that is of interest.
        (age != Version::AGELESS).then_some((result, age))
    }

    fn check(&self, findings: &mut Vec<Finding>) {
        for node in self.cfg.nodes() {
            let mut now = self.safepoints.at_start(node);
            let mut index = self.safepoints.first_in(node);
            for item in self.body.items_of(node) {
                if let Some(value) = self.stale_operand(item, now) {
                    findings.extend(self.finding(item.inst, value));
                }
                let next = self.safepoints.all.get(index);
                if next.is_some_and(|safepoint| safepoint.inst == item.inst) {
                    now = Safepoints::version_after(index);
                    index += 1;
                }
            }
        }
    }

    /// An operand that the instruction relies on and that is stale: an address, what leaves the function, or what decides
    /// a branch.
    fn stale_operand(&self, item: &Item, now: Version) -> Option<Value> {
        let func = self.func;
        let is_stale = |&value: &Value| !self.age_of(value).is_fresh_at(now);
        if let Some(access) = self.body.access(item) {
            let data = access.data.filter(is_stale);
            return Some(access.addr)
                .filter(is_stale)
                .or_else(|| data.filter(|_| !is_in_slot(func, access.addr)));
        }
        if item.kind.is(Kind::CALLS.or(Kind::RETURNS)) {
            let args = func.dfg.inst_args(item.inst).iter();
            let mut args = args.map(|&arg| self.body.resolve(func, arg));
            return args.find(is_stale);
        }
        match func.dfg.insts[item.inst] {
            InstructionData::Brif { arg, .. } | InstructionData::BranchTable { arg, .. } => {
                let condition = self.body.resolve(func, arg);
                Some(condition)
                    .filter(is_stale)
                    .or_else(|| self.stale_comparison(condition, now))
            }
            _ => None,
        }
    }

    /// A stale operand of the comparison that `condition` is.
    fn stale_comparison(&self, condition: Value, now: Version) -> Option<Value> {
        let func = self.func;
        let inst = func.dfg.value_def(condition).inst()?;
        let InstructionData::IntCompare { args, .. } = func.dfg.insts[inst] else {
            return None;
        };
        let args = args.map(|arg| func.dfg.resolve_aliases(arg));
        args.into_iter()
            .find(|&arg| !self.age_of(arg).is_fresh_at(now))
    }

    fn finding(&self, inst: Inst, value: Value) -> Option<Finding> {
        let origin = self.origin(value)?;
        let direct = self.sources.contains(&origin).then(|| {
            let (safepoint, steps) = self.crossing(origin, inst, Role::Use)?;
            Some((origin, safepoint, steps))
        });
        let found = direct.flatten();
        let (origin, safepoint, steps) = found.or_else(|| self.crossing_by_param(origin, inst))?;
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

    /// The source or the block parameter that the stale `value` is made of by pure instructions alone.
    fn origin(&self, mut value: Value) -> Option<Value> {
        let func = self.func;
        for _ in 0..func.dfg.num_values() {
            if self.sources.contains(&value) {
                return Some(value);
            }
            let is_aged = |&part: &Value| self.age_of(part) != Version::AGELESS;
            let inst = match func.dfg.value_def(value) {
                ValueDef::Result(inst, _) => inst,
                ValueDef::Param(..) => return Some(value),
                ValueDef::Union(..) => return None,
            };
            value = match self.slots.get(&value) {
                Some(stored) => stored.iter().copied().find(is_aged)?,
                None => {
                    let parts = parts(func, inst);
                    let mut parts = parts.iter().map(|&part| func.dfg.resolve_aliases(part));
                    parts.find(is_aged)?
                }
            };
        }
        None
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
            let value = self.origin(pass.arg)?;
            if !self.sources.contains(&value) {
                return None;
            }
            let end = self.func.layout.last_inst(cfg.block(from))?;
            let (safepoint, steps) = self.crossing_by_edge(value, end, pass.to, inst)?;
            Some((value, safepoint, steps))
        })
    }

    /// A path from `source` to `end`, a branch, and from there by way of `to` to `inst`, over a safepoint before
    /// `to` or after.
    fn crossing_by_edge(
        &self,
        source: Value,
        end: Inst,
        to: Node,
        inst: Inst,
    ) -> Option<(Inst, Vec<Step>)> {
        let (func, cfg) = (self.func, self.cfg);
        let start = Point::of_value(func, cfg, source)?;
        let again = |at| Some(at) == start.inst;
        let once = |block| Forbidden {
            inst: &again,
            block,
        };
        let entry = Point {
            node: to,
            inst: None,
        };
        let before = || {
            let (safepoint, mut steps) = self.crossing(source, end, Role::Through)?;
            let path = Search::new(func, cfg, entry, once(Some(to))).path_to(inst)?;
            steps.push(self.entered(to));
            push_path(func, cfg, &mut steps, &path, Role::Use, inst);
            Some((safepoint, steps))
        };
        let after = || {
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

    /// A path from `source` over a safepoint to `inst`, without another definition of it.
    fn crossing(&self, source: Value, inst: Inst, role: Role) -> Option<(Inst, Vec<Step>)> {
        let start = Point::of_value(self.func, self.cfg, source)?;
        let again = |at| Some(at) == start.inst;
        let forbidden = Forbidden {
            inst: &again,
            block: start.inst.is_none().then_some(start.node),
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
            if Some(at) == start.inst {
                return None;
            }
            let to_safepoint = from_start.path_to(at)?;
            let point = Point::at(func, cfg, at)?;
            let to_use = Search::new(func, cfg, point, forbidden).path_to(inst)?;
            push_path(func, cfg, steps, &to_safepoint, Role::Safepoint, at);
            push_path(func, cfg, steps, &to_use, role, inst);
            Some(at)
        })
    }
}

/// What the result of the pure `inst` is made of: nothing, where it is an answer, as that of a comparison.
fn parts(func: &Function, inst: Inst) -> &[Value] {
    let opcode = func.dfg.insts[inst].opcode();
    let args = func.dfg.inst_args(inst);
    let is_pure = !opcode.can_load()
        && !opcode.can_store()
        && !opcode.is_call()
        && !opcode.is_branch()
        && !opcode.is_terminator();
    match opcode {
        Opcode::Select | Opcode::SelectSpectreGuard => &args[1..],
        Opcode::Icmp => &[],
        _ if is_pure => args,
        _ => &[],
    }
}

/// For each pointer that is loaded from a slot of the frame what may have been stored there, if all of that is known.
fn loads_from_slots(func: &Function, cfg: &Cfg, body: &Body) -> BTreeMap<Value, Vec<Value>> {
    let mut loads = BTreeMap::new();
    for load in &body.slot_accesses {
        let access = body.access_at(load);
        let Some(result) = access.result else {
            continue;
        };
        let is_followed = access.ty == POINTER
            && access.plain
            && access.data.is_none()
            && !body.escapes.contains_key(&load.slot);
        if is_followed {
            loads.insert(result, stored_before(func, cfg, body, load));
        }
    }
    loads
}

/// What may be in the slot that `load` loads from; nothing, if something else was stored there.
fn stored_before(func: &Function, cfg: &Cfg, body: &Body, load: &SlotAccess) -> Vec<Value> {
    let stores: Vec<&SlotAccess> = body
        .slot_accesses
        .iter()
        .filter(|at| at.slot == load.slot && body.access_at(at).data.is_some())
        .collect();
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut pending = vec![(load.node, Some(load.inst))];
    while let Some((node, before)) = pending.pop() {
        let is_before = |at: &&&SlotAccess| {
            at.node == node
                && before.is_none_or(|before| func.layout.pp_cmp(at.inst, before).is_lt())
        };
        // NB: They are in order.
        if let Some(store) = stores.iter().rfind(is_before) {
            let access = body.access_at(store);
            let is_same = store.offset == load.offset && access.plain && access.ty == POINTER;
            match access.data.filter(|_| is_same) {
                Some(data) => _ = found.insert(data),
                None => return Vec::new(),
            }
            continue;
        }
        steps::count(Analysis::CollectorState, 1);
        let preds = cfg.preds(node).map(|edge| edge.from);
        pending.extend(
            preds
                .filter(|&from| seen.insert(from))
                .map(|from| (from, None)),
        );
    }
    found.into_iter().collect()
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
