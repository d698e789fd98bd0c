//! Whether references are guarded against null and i31 before they are dereferenced.
//!
//! **Claim.** Of every dereference that is judged: its reference's type excludes null and i31; or
//! guards do, on every path from the reference's definition; or there is a path on which none
//! does, and it is returned.
//!
//! **Strength.** Judged is what [`sites`] finds. The type is that of the fact at the definition of
//! the reference: what a cast or a null check refines it to has to be seen in the code.
//! Guards are conditional traps, branches, and what is computed for them; that an access can trap, or
//! that its bounds are checked, is none. Where neither a proof nor a path is found, the dereference is
//! inconclusive. A block parameter for which no way into its block passes null ([`Kinds`]) is guarded
//! against null, too.
//!
//! **Math.** Let `H` be what the type allows of null and i31, and `r` range over representatives of
//! `H`. A dereference is guarded if for every `r` conditional constant propagation from the
//! definition with `r` in place of the reference does not reach it (see [`flow`]).
//! After a pass, `H` of an instruction that was seen before is what had to be excluded by guards
//! then: the pass may have put an equal value of a weaker type in place of the reference, but not
//! have removed a guard.

#[cfg(test)]
mod tests;

use crate::analysis::facts::Facts;
use crate::analysis::kind::Kinds;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::subject::Context;
use crate::analysis::kind::thing::Universe;
use crate::analysis::nullness::dominating;
use crate::analysis::nullness::equal_words::EqualWords;
use crate::analysis::nullness::flow::Flow;
use crate::analysis::nullness::invariant::{Dependence, Invariants};
use crate::analysis::nullness::path::{self, Replay};
use crate::analysis::nullness::proofs::Proofs;
use crate::analysis::nullness::reload_roots::Roots;
use crate::analysis::nullness::scratch::{Scratch, Subject};
use crate::analysis::nullness::sites::{Site, Sites};
use crate::check::i31_payload;
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS, defines};
use crate::evidence::steps::point_step;
use crate::finding::error::GcError;
use crate::finding::hazard::{Hazard, Hazards};
use crate::finding::report::{Counts, Inconclusive, Unjudged};
use crate::finding::typed::Thing;
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::{Cfg, Node, constant};
use crate::ir::gc_info::reloaded_for;
use crate::ir::instruction::{Kind, access};
use crate::ir::path::Point;
use crate::ir::view::{Body, Traps};
use cranelift_codegen::ir::{Function, Inst, InstructionData, Value, ValueDef};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// What is found.
#[derive(Default)]
struct Guards {
    /// What was found of each reference that is dereferenced.
    outcomes: Vec<(Inst, Outcome)>,
    errors: Vec<(GcError, Vec<Step>)>,
    inconclusive: Vec<Inconclusive>,
    proofs: Proofs,
}

/// Check all dereferences.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let found = judge(facts);
    count(found.outcomes, &mut findings.counts);
    findings.inconclusive.extend(found.inconclusive);
    findings.extend(found.errors);
    findings.proofs = found.proofs;
}

/// What is found of a dereference, or of one of the references that it may dereference: the worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// The type allows it.
    Typed,
    /// It is guarded.
    Guarded,
    /// Nothing can be said about it.
    Unjudged(Unjudged),
    /// It is inconclusive.
    Open,
    /// It is wrong.
    Wrong,
}

/// Count the dereferences in `counts`, of which each is as good as the worst of its references.
fn count(mut outcomes: Vec<(Inst, Outcome)>, counts: &mut Counts) {
    outcomes.sort_unstable();
    for of_inst in outcomes.chunk_by(|a, b| a.0 == b.0) {
        counts.dereferences += 1;
        match of_inst.last() {
            Some((_, Outcome::Typed)) => counts.typed += 1,
            Some((_, Outcome::Guarded)) => counts.guarded += 1,
            Some((_, Outcome::Unjudged(why))) => {
                counts.unjudged += 1;
                counts.unjudged_by[*why as usize] += 1;
            }
            Some((_, Outcome::Open | Outcome::Wrong)) | None => {}
        }
    }
}

/// Judge the dereferences of a function, of which those in the proofs of its history were guarded before.
fn judge(facts: &Facts) -> Guards {
    let (func, cfg, body) = (facts.func, &facts.cfg, &*facts.body);
    let proofs = &facts.history.proofs;
    let sites = Sites::new(func, cfg, body, &facts.values, proofs);
    let mut proofs = proofs.clone();
    if !sites.typed.is_empty() || !sites.open.is_empty() {
        proofs.proofs.resize(func.dfg.num_insts());
    }
    for &(inst, reference) in &sites.typed {
        proofs.add(inst, reference, Hazards::default());
    }
    let typed = sites.typed.iter();
    let typed = typed.map(|&(inst, _)| (inst, Outcome::Typed));
    let unjudged = sites.unjudged.iter();
    let unjudged = unjudged.map(|&(inst, why)| (inst, Outcome::Unjudged(why)));
    let mut guards = Guards {
        outcomes: typed.chain(unjudged).collect(),
        proofs,
        ..Guards::default()
    };
    let open = guards.settle_by_trapz(&sites.open);
    let is_later = core::mem::replace(&mut guards.proofs.is_later, true);
    let payloads = i31_payload::sites(func, cfg, body, is_later);
    if !open.is_empty() || !payloads.is_empty() {
        let universe = Universe::of_no_type();
        let judge = Judge {
            func,
            cfg,
            body,
            roots: facts.roots(),
            facts,
            universe: &universe,
            kinds: RefCell::new(None),
        };
        judge.groups(open, &mut guards);
        judge.payloads(&payloads, &mut guards);
    }
    guards
}

/// Does the path dereference the reference as the word that is named?
///
/// It starts at the definition and ends at the dereference, and its blocks are those of `steps`.
pub(super) fn recheck(
    func: &Function,
    cfg: &Cfg,
    error: &GcError,
    steps: &[Step],
) -> Result<(), Flaw> {
    let (GcError::UnguardedDereference {
        inst, value, word, ..
    }
    | GcError::GuardRemoved {
        inst, value, word, ..
    }) = *error
    else {
        return Err(NOT_OURS);
    };
    defines(func, steps, value)?;
    let start = Point::of_value(func, cfg, value).ok_or("the reference is not defined")?;
    let mut traps = Traps::default();
    for node in cfg.nodes() {
        traps.start_node();
        for inst in cfg.insts(func, node) {
            if let InstructionData::CondTrap { .. } = func.dfg.insts[inst] {
                traps.push(inst);
            }
        }
    }
    traps.end();
    let is = |candidate: Value| {
        let origin = reloaded_for(func, candidate);
        candidate == value || origin.map(|o| func.dfg.resolve_aliases(o)) == Some(value)
    };
    let subject = Subject {
        func,
        cfg,
        reference: value,
        is: &is,
        start,
        traps: &traps,
        chosen: None,
    };
    let mut replay = Replay::new(subject, word);
    for step in steps.iter().filter(|step| step.role == Role::Through) {
        replay.enter(cfg.node(step.block).ok_or("it leaves the reachable code")?)?;
    }
    replay.arrive(inst)
}

impl Guards {
    /// Settle the sites that need no more than the `trapz` before them, and return the others.
    fn settle_by_trapz(&mut self, sites: &[Site]) -> Vec<Site> {
        let mut open = Vec::new();
        for &site in sites {
            let mut rest = site.hazards;
            if site.has_trapz {
                rest.remove(Hazard::Null);
            }
            if rest.is_empty() {
                self.settle(&site);
            } else {
                open.push(site);
            }
        }
        open
    }

    fn settle(&mut self, site: &Site) {
        self.outcomes.push((site.inst, Outcome::Guarded));
        self.prove(site);
    }

    /// NB: What may dereference one of several references is not held against a pass.
    fn prove(&mut self, site: &Site) {
        if site.is_certain && site.chosen.is_none() {
            self.proofs.add(site.inst, site.reference, site.hazards);
        }
    }

    fn leave_open(&mut self, site: &Site) {
        if !site.has_type {
            return self.leave_unjudged(site, Unjudged::UnknownType);
        }
        // NB: What a pass made of what was judged need not be understood again.
        if site.was_guarded && (!site.is_certain || site.chosen.is_some()) {
            return self.leave_unjudged(site, Unjudged::Computed);
        }
        self.outcomes.push((site.inst, Outcome::Open));
        let open = Inconclusive::UndecidedGuard {
            inst: site.inst,
            value: site.reference,
        };
        if !self.inconclusive.contains(&open) {
            self.inconclusive.push(open);
        }
    }

    fn leave_unjudged(&mut self, site: &Site, why: Unjudged) {
        self.outcomes.push((site.inst, Outcome::Unjudged(why)));
    }
}

/// What the judgement of a function's sites needs.
struct Judge<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    body: &'a Body,
    roots: &'a Roots,
    facts: &'a Facts<'a>,
    universe: &'a Universe,
    /// What block parameters may be, as far as it was asked.
    kinds: RefCell<Option<Kinds<'a>>>,
}

/// How many blocks are visited for one function: so many for each of its blocks, and some more. The
/// region of each reference is visited a few times, so that references that live long in large
/// functions would make it quadratic.
const VISITS_PER_BLOCK: u64 = 64;
const MIN_VISITS: u64 = 20_000;

/// How many sites before one of the same reference are looked at, whether they dominate it.
const MAX_BEFORE: usize = 8;

/// How many blocks are looked at for a way back to where a choice is decided.
const MAX_BETWEEN: usize = 256;

impl Judge<'_> {
    /// Judge the sites of one reference after another.
    fn groups(&self, open: Vec<Site>, guards: &mut Guards) {
        let mut sites = Vec::with_capacity(open.len());
        for mut site in open {
            let reference = self.roots.of(site.reference);
            site.hazards = self.roots.narrow(self.func, site.reference, site.hazards);
            if site.hazards.is_empty() {
                guards.outcomes.push((site.inst, Outcome::Typed));
                guards.prove(&site);
                continue;
            }
            if site.was_guarded && self.roots.is_from_elsewhere(self.func, reference) {
                guards.leave_unjudged(&site, Unjudged::UnknownSlot);
                continue;
            }
            sites.push((reference, site));
        }
        // NB: The sites of one reference stay in the order of the walk.
        sites.sort_by_key(|&(reference, _)| reference);
        let (references, sites): (Vec<Value>, Vec<Site>) = sites.into_iter().unzip();
        let mut scratch = self.scratch(references.iter().copied());
        let unusual = self.unusual_words(scratch.invariants());
        let mut rest = &sites[..];
        for references in references.chunk_by(|a, b| a == b) {
            let reference = references[0];
            let (sites, others) = rest.split_at(references.len());
            rest = others;
            let start = Point::of_value(self.func, self.cfg, reference);
            let Some(start) = start else {
                // NB: What it is reloaded for is gone.
                for site in sites {
                    guards.leave_unjudged(site, Unjudged::Replaced);
                }
                continue;
            };
            let unusual = unusual.iter().filter(|&&(of, _)| of == reference);
            let unusual: Vec<u32> = unusual.map(|&(_, word)| word).collect();
            self.group((reference, start), (sites, &unusual), &mut scratch, guards);
        }
    }

    /// The i31s that references, which are told with them, are compared with, or that such are made of as are: those
    /// pass where others do not.
    fn unusual_words(&self, invariants: &Invariants) -> Vec<(Value, u32)> {
        let mut words = Vec::new();
        for item in self.body.items() {
            if !item.kind.is(Kind::COMPARES) {
                continue;
            }
            let [a, b] = self.body.operands(item);
            for (value, other) in [(a, b), (b, a)] {
                let Some(n) = constant(self.func, other).filter(|&n| n != 0) else {
                    continue;
                };
                let Dependence::One(reference) = invariants.depends_on(value) else {
                    continue;
                };
                let n = n as u32;
                let candidates = [
                    n,
                    n.wrapping_add(1),
                    n.wrapping_sub(1),
                    n.wrapping_mul(2).wrapping_add(1),
                ];
                let is_unusual =
                    |word: &u32| word % 2 == 1 && !Hazard::I31.representatives().contains(word);
                let candidates = candidates.into_iter().filter(is_unusual);
                words.extend(candidates.map(|word| (reference, word)));
            }
        }
        words.sort_unstable();
        words.dedup();
        words
    }

    /// What it takes to follow `references`, for all of them.
    fn scratch(&self, references: impl Iterator<Item = Value>) -> Scratch<'_> {
        let invariants = Invariants::new(self.func, self.cfg, self.body, self.roots, references);
        let mut scratch = Scratch::new(self.func, self.cfg, invariants);
        scratch.budget = MIN_VISITS + VISITS_PER_BLOCK * self.cfg.len() as u64;
        scratch
    }

    /// Judge where integers are taken out of references.
    fn payloads(&self, sites: &[Site], guards: &mut Guards) {
        if sites.is_empty() {
            return;
        }
        let mut groups = BTreeMap::<Value, Vec<Site>>::new();
        for site in sites {
            let reference = self.roots.of(site.reference);
            groups.entry(reference).or_default().push(*site);
        }
        let mut scratch = self.scratch(groups.keys().copied());
        let unusual = self.unusual_words(scratch.invariants());
        for (&reference, sites) in &groups {
            let Some(start) = Point::of_value(self.func, self.cfg, reference) else {
                continue;
            };
            let subject = Subject {
                func: self.func,
                cfg: self.cfg,
                reference,
                is: &|value| self.roots.of(value) == reference,
                start,
                traps: &self.body.traps,
                chosen: None,
            };
            scratch.find_region(self.cfg, start, sites);
            let (hazard, word) = (Hazard::Null, 0);
            let Some(flow) = Flow::run(subject, &mut scratch, word) else {
                continue;
            };
            let mut reached = Vec::new();
            for site in sites.iter().filter(|site| flow.reaches(site)) {
                if let path::Found::Path(path) = path::path(&flow, subject, word, site) {
                    let found = Found { hazard, word };
                    reached.push((site, error(subject, found, site, &path)));
                }
            }
            // NB: Where no i31 gets to, nothing is taken out of one: a shift may be a test as well.
            let is_taken = |site: &Site, scratch: &mut Scratch| {
                let unusual = unusual.iter().filter(|(of, _)| *of == reference);
                let words = Hazard::I31.representatives().iter().copied();
                let mut words = words.chain(unusual.map(|&(_, word)| word));
                words.any(|word| {
                    Flow::run(subject, scratch, word).is_none_or(|flow| flow.reaches(site))
                })
            };
            reached.retain(|(site, _)| is_taken(site, &mut scratch));
            guards
                .errors
                .extend(reached.into_iter().map(|(_, error)| error));
        }
    }

    /// Judge all sites of `reference`.
    fn group(
        &self,
        (reference, start): (Value, Point),
        (sites, unusual): (&[Site], &[u32]),
        scratch: &mut Scratch,
        guards: &mut Guards,
    ) {
        let is = |value: Value| self.roots.of(value) == reference;
        let subject = Subject {
            func: self.func,
            cfg: self.cfg,
            reference,
            is: &is,
            start,
            traps: &self.body.traps,
            chosen: None,
        };
        let mut far = Vec::new();
        let mut near = Vec::<&Site>::new();
        for site in sites {
            if !self.cfg.dominates(start.node, site.node) {
                guards.leave_unjudged(site, Unjudged::BlockParameter);
                continue;
            }
            if site.chosen.is_some() {
                self.chosen_site(subject, site, scratch, guards);
                continue;
            }
            if !unusual.is_empty() && site.hazards.contains(Hazard::I31) {
                far.push(*site);
                continue;
            }
            // NB: Sites come in the order of the walk: of two in one block, the first one dominates.
            let is_behind = |before: &&Site| {
                before.hazards.and(site.hazards) == site.hazards
                    && self.cfg.dominates(before.node, site.node)
            };
            if near.iter().rev().take(MAX_BEFORE).any(is_behind) {
                guards.settle(site);
            } else if dominating::is_guarded(subject, scratch.invariants(), site) {
                guards.settle(site);
                near.push(site);
            } else {
                far.push(*site);
            }
        }
        if !far.is_empty() {
            self.far_sites(subject, (&far, unusual), scratch, guards);
        }
    }

    /// Judge a site at which the reference is one of several that are chosen between.
    fn chosen_site(
        &self,
        subject: Subject,
        site: &Site,
        scratch: &mut Scratch,
        guards: &mut Guards,
    ) {
        let is_known = |(condition, _): &(Value, bool)| {
            let point = Point::of_value(self.func, self.cfg, *condition);
            // NB: What is computed again on the way may be something else by then.
            point.is_some_and(|point| {
                point.node == site.node
                    || self.cfg.dominates(point.node, subject.start.node)
                    || self.is_passed_once(point.node, subject.start.node, scratch)
            })
        };
        let subject = Subject {
            chosen: site.chosen.filter(is_known),
            ..subject
        };
        // NB: Where the choice is not known, a path on which the other one was made shows nothing.
        let site = &Site {
            is_certain: site.is_certain && subject.chosen.is_some(),
            ..*site
        };
        match dominating::is_guarded(subject, scratch.invariants(), site) {
            true => guards.settle(site),
            false => {
                let sites = core::slice::from_ref(site);
                self.far_sites(subject, (sites, &[]), scratch, guards);
            }
        }
    }

    /// Is `node` entered once at most before `start`, which dominates it, is entered again?
    fn is_passed_once(&self, node: Node, start: Node, scratch: &mut Scratch) -> bool {
        let mut seen = BTreeSet::new();
        let mut pending = vec![node];
        while let Some(at) = pending.pop() {
            for edge in self.cfg.succs(at) {
                if edge.to == node || seen.len() == MAX_BETWEEN {
                    return false;
                }
                if edge.to != start && self.cfg.dominates(start, edge.to) && seen.insert(edge.to) {
                    scratch.budget = scratch.budget.saturating_sub(1);
                    pending.push(edge.to);
                }
            }
        }
        true
    }

    fn with_kinds<T>(&self, f: impl FnOnce(&mut Kinds) -> T) -> T {
        let mut kinds = self.kinds.borrow_mut();
        f(kinds.get_or_insert_with(|| {
            Kinds::new(Context {
                func: self.func,
                cfg: self.cfg,
                body: self.body,
                roots: self.roots,
                headers: self.facts.headers(),
                universe: self.universe,
            })
        }))
    }

    /// Is the block parameter guarded that the address is made of, for which the reference is passed?
    fn is_guarded_as_it_is(&self, site: &Site) -> bool {
        let Some(access) = access(self.func, site.inst) else {
            return false;
        };
        let address = Address::of(self.func, self.body, access.addr).with_word();
        let Some(param) = address.reference else {
            return false;
        };
        if !matches!(self.func.dfg.value_def(param), ValueDef::Param(..)) {
            return false;
        }
        // NB: Of i31s only a few are tried here.
        if site.hazards.contains(Hazard::I31) {
            return false;
        }
        let outside = self.universe.only(Thing::Null);
        self.with_kinds(|kinds| {
            let things = kinds.at(param, site.node, site.inst, None, Some(outside));
            things.is_some_and(|things| things.is_empty())
        })
    }

    /// Is `reference` a block parameter, and does every way into the block exclude null before it passes it?
    fn is_never_null(&self, reference: Value) -> bool {
        let ValueDef::Param(..) = self.func.dfg.value_def(reference) else {
            return false;
        };
        let null = self.universe.only(Thing::Null);
        self.with_kinds(|kinds| {
            let things = kinds.at_definition(reference);
            things.is_some_and(|things| things.and(null).is_empty())
        })
    }

    /// Judge the sites whose guards are not just before them.
    fn far_sites(
        &self,
        subject: Subject,
        (sites, unusual): (&[Site], &[u32]),
        scratch: &mut Scratch,
        guards: &mut Guards,
    ) {
        let is_never_null = || self.is_never_null(subject.reference);
        let mut group = Group {
            subject,
            sites,
            is_never_null: &is_never_null,
            states: vec![State::Guarded; sites.len()],
            has_region: false,
            alike: None,
        };
        for hazard in Hazard::ALL {
            group.alike = None;
            if sites.iter().any(|site| site.hazards.contains(hazard)) {
                let unusual = match hazard {
                    Hazard::Null => &[],
                    Hazard::I31 => unusual,
                };
                for &word in hazard.representatives().iter().chain(unusual) {
                    group.try_word(Found { hazard, word }, scratch, guards);
                }
            }
        }
        for (site, state) in sites.iter().zip(group.states) {
            match state {
                State::Guarded => guards.settle(site),
                State::Open if self.is_guarded_as_it_is(site) => guards.settle(site),
                State::Open => guards.leave_open(site),
                State::Wrong(_) => guards.outcomes.push((site.inst, Outcome::Wrong)),
            }
        }
    }
}

/// The sites of one reference.
struct Group<'a> {
    subject: Subject<'a>,
    sites: &'a [Site],
    /// Is the reference one that nothing passes null for?
    is_never_null: &'a dyn Fn() -> bool,
    /// Of each site.
    states: Vec<State>,
    /// Was the region of the sites found?
    has_region: bool,
    /// What the analysis of the last word of the same class depends on.
    alike: Option<EqualWords>,
}

impl Group<'_> {
    /// See where `found` gets.
    fn try_word(&mut self, found: Found, scratch: &mut Scratch, guards: &mut Guards) {
        let last = self.alike.as_ref();
        if last.is_some_and(|last| last.is_like(self.subject, scratch, found.word)) {
            return;
        }
        self.alike = None;
        if scratch.budget > 0 {
            if !core::mem::replace(&mut self.has_region, true) {
                scratch.find_region(self.subject.cfg, self.subject.start, self.sites);
            }
            if self.try_region(found, scratch, guards) {
                return;
            }
        }
        for (site, state) in self.sites.iter().zip(&mut self.states) {
            if site.hazards.contains(found.hazard) && *state == State::Guarded {
                *state = State::Open;
            }
        }
    }

    /// Returns whether that was not too much.
    fn try_region(&mut self, found: Found, scratch: &mut Scratch, guards: &mut Guards) -> bool {
        let Found { hazard, word } = found;
        let Some(flow) = Flow::run(self.subject, scratch, word) else {
            return false;
        };
        for (site, state) in self.sites.iter().zip(&mut self.states) {
            // One word of each class is enough.
            let is_tried = site.hazards.contains(hazard) && *state != State::Wrong(hazard);
            if !is_tried || !flow.reaches(site) {
                continue;
            }
            match path::path(&flow, self.subject, word, site) {
                path::Found::Path(_) | path::Found::Unclear
                    if hazard == Hazard::Null && (self.is_never_null)() => {}
                path::Found::Path(path) if site.is_certain => {
                    *state = State::Wrong(hazard);
                    guards.errors.push(error(self.subject, found, site, &path));
                }
                path::Found::Path(_) | path::Found::Unclear if *state == State::Guarded => {
                    *state = State::Open;
                }
                path::Found::Path(_) | path::Found::Unclear | path::Found::None => {}
            }
        }
        self.alike = flow.into_equal_words();
        true
    }
}

/// What is reported of a dereference that `path` leads to.
fn error(
    subject: Subject,
    Found { hazard, word }: Found,
    site: &Site,
    path: &[Node],
) -> (GcError, Vec<Step>) {
    let (inst, value) = (site.inst, subject.reference);
    let error = match site.was_guarded {
        true => GcError::GuardRemoved {
            inst,
            value,
            hazard,
            word,
        },
        false => GcError::UnguardedDereference {
            inst,
            value,
            hazard,
            word,
        },
    };
    let mut steps = vec![point_step(subject.cfg, subject.start, Role::Definition)];
    steps.extend(path[1..].iter().map(|&node| Step {
        role: Role::Through,
        block: subject.cfg.block(node),
        inst: None,
    }));
    steps.push(Step {
        role: Role::Use,
        block: subject.cfg.block(site.node),
        inst: Some(inst),
    });
    (error, steps)
}

/// A word that a reference is tried as.
#[derive(Clone, Copy)]
struct Found {
    hazard: Hazard,
    word: u32,
}

/// What is known of a site.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing was found that gets there.
    Guarded,
    /// Something may get there.
    Open,
    /// Something of this class gets there.
    Wrong(Hazard),
}
