//! New objects that are handed on before all that a collector reads of them is stored.
//!
//! **Claim.** The producer said of every word that is reported that it has to be stored (`! gcnew`), or that it is a
//! field of a struct that holds references. There is a
//! path from the definition of the reference to an instruction that hands the object on, on which nothing
//! stores some byte of the word. An object is handed on by a return, by a call that may collect, as an argument
//! or in its stack map, and by a safepoint or a return after it was stored to memory.
//!
//! **Strength.** The object is followed by path: through block parameters, stack slots, selects and sums. A
//! store whose address is not understood may be a store of any byte. A word that only such stores may have
//! stored is inconclusive. So is the rest of a function after [`STATES_A_BLOCK`] states for each block.
//!
//! **Math.** States are pairs of a block and of what holds the object there, which edges and instructions
//! decide. Each has the bytes that are stored on all paths to it: a forward must-analysis, whose sets only
//! shrink. So a byte that is missing from a set at any time is missing on some path.

mod bytes;
mod place;
mod replay;
#[cfg(test)]
mod tests;

use super::initialization::looks_into;
use crate::analysis::facts::Facts;
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS, defines, is_not_repeated};
use crate::evidence::steps::point_step;
use crate::finding::code::Code;
use crate::finding::error::GcError;
use crate::finding::report::Inconclusive;
use crate::finding::witness::{Finding, Role, Step};
use crate::ir::cfg::{Cfg, Node};
use crate::ir::instruction::{Access, Kind, Overwrites, access, overwrites};
use crate::ir::path::Point;
use crate::ir::safepoint::may_collect;
use crate::ir::steps::{self, Analysis};
use crate::ir::view::Item;
use bytes::Bytes;
use cranelift_codegen::ir::{Function, GcCollector, GcFact, GcHeapType, Inst, Opcode, Value};
use place::{Context, Held, Place, Subject};
use smallvec::SmallVec;
use std::collections::{BTreeMap, VecDeque};

/// How many ways to hold an object are told apart, for each block of the function.
const STATES_A_BLOCK: usize = 4;

/// Look at all new objects.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let context = Context {
        func: facts.func,
        cfg: &facts.cfg,
        body: &facts.body,
        collector: facts.collector,
    };
    let is_first = !facts.history.proofs.is_later;
    for (reference, _) in context.func.dfg.gc_info.new_objects() {
        let words = words_of(context.func, reference);
        if words.is_empty() {
            continue;
        }
        let is_used = |value| is_first && facts.is_used(value);
        if let Some(object) = Object::new(context, reference, words, &is_used) {
            findings.counts.objects += 1;
            object.check(findings);
        }
    }
}

/// The offsets of the words of a new object that have to be stored, sorted: what the producer says that a collector reads, and
/// the fields of a struct that hold references by its type.
fn words_of(func: &Function, reference: Value) -> SmallVec<[u32; 8]> {
    let info = &func.dfg.gc_info;
    let mut words = SmallVec::from_slice(info.new_object(reference).unwrap_or_default());
    if let Some(GcFact::Ref { kind, .. }) = info.fact(reference)
        && kind.heap == GcHeapType::Struct
        && let Some(fields) = kind.concrete.and_then(|index| info.fields(index))
    {
        let references = fields
            .iter()
            .filter(|field| field.size == 4 && field.fact.is_some_and(GcFact::is_traced));
        words.extend(references.map(|field| field.offset));
    }
    words.sort_unstable();
    words.dedup();
    words
}

/// A new object.
struct Object<'a> {
    context: Context<'a>,
    subject: Subject,
    /// Where the reference is defined.
    start: Point,
    /// The offsets of the words that have to be stored; sorted.
    words: SmallVec<[u32; 8]>,
    /// Does a value decide anything? Of a function that a pass had, nothing is asked of what is read.
    is_used: &'a dyn Fn(Value) -> bool,
}

/// What is stored on all paths.
#[derive(Clone, PartialEq, Eq)]
struct Stored {
    /// For certain.
    certain: Bytes,
    /// Perhaps: by a store that may go elsewhere, or of what is no reference.
    possible: Bytes,
}

/// A block, and what holds the object when it is entered.
type State = (Node, Held);

/// How far a walk got.
enum Walked {
    /// To the end of the block.
    Through,
    /// Until everything was stored, or another object is made.
    Done,
    /// Until the object is handed on.
    HandedOn(Inst),
    /// Until a byte is read that was not stored, and used.
    Read(Inst, usize),
}

impl<'a> Object<'a> {
    fn new(
        context: Context<'a>,
        reference: Value,
        words: SmallVec<[u32; 8]>,
        is_used: &'a dyn Fn(Value) -> bool,
    ) -> Option<Self> {
        let Context { func, cfg, .. } = context;
        let reference = func.dfg.resolve_aliases(reference);
        let start = Point::of_value(func, cfg, reference)?;
        let subject = Subject::new(context, reference, start);
        Some(Object {
            context,
            subject,
            start,
            words,
            is_used,
        })
    }

    /// Is the object handed on too early?
    fn check(&self, findings: &mut Findings) {
        let Context { cfg, .. } = self.context;
        let mut known = BTreeMap::<State, Stored>::new();
        // NB: In order, so that the same is found whatever was entered first.
        let mut pending = BTreeMap::<State, Stored>::new();
        let mut state: State = (self.start.node, self.subject.at_start());
        let certain = self.stored_before();
        let mut stored = Stored {
            possible: certain.clone(),
            certain,
        };
        let limit = (cfg.len() + 1) * STATES_A_BLOCK;
        let mut is_first = true;
        let mut is_undecided = false;
        loop {
            let (node, mut held) = state;
            match self.walk(node, core::mem::take(&mut is_first), &mut held, &mut stored) {
                Walked::Through => {
                    for (to, held) in self.entered(node, &held) {
                        enter((to, held), &stored, &mut known, &mut pending);
                    }
                }
                Walked::Done => {}
                Walked::Read(inst, byte) => {
                    match self.finding(byte) {
                        Some(finding) => findings.extend([finding]),
                        None => self.undecided(inst, findings),
                    }
                    return;
                }
                Walked::HandedOn(inst) => {
                    if let Some(byte) = stored.possible.first_missing() {
                        match self.finding(byte) {
                            Some(finding) => findings.extend([finding]),
                            None => self.undecided(inst, findings),
                        }
                        return;
                    }
                    if !core::mem::replace(&mut is_undecided, true) {
                        self.undecided(inst, findings);
                    }
                }
            }
            if known.len() > limit {
                let inst = self.context.func.layout.last_inst(cfg.block(node));
                self.undecided(inst.expect("a block has a terminator"), findings);
                return;
            }
            match pending.pop_first() {
                Some(next) => (state, stored) = next,
                None => return,
            }
        }
    }

    fn undecided(&self, inst: Inst, findings: &mut Findings) {
        let reason = Inconclusive::UndecidedStore {
            inst,
            value: self.subject.reference,
        };
        findings.undecided(Code::Gcv17, reason);
    }

    /// Add to `stored` what is stored from the start of `node`, or from the definition in it, and follow the
    /// object.
    fn walk(&self, node: Node, is_first: bool, held: &mut Held, stored: &mut Stored) -> Walked {
        let items = self.items(node, is_first);
        for item in items {
            steps::count(Analysis::Objects, 1);
            if stored.certain.is_all() {
                return Walked::Done;
            }
            if self.hands_on(item, held) {
                return Walked::HandedOn(item.inst);
            }
            if !self.goes_on(item, held) {
                return Walked::Done;
            }
            if let Some(read) = self.read(item, held)
                && let Some(byte) = read.first_missing_in(&stored.possible)
            {
                return Walked::Read(item.inst, byte);
            }
            self.store(item, held, stored);
            self.subject.follow(self.context, item, held);
        }
        match stored.certain.is_all() {
            true => Walked::Done,
            false => Walked::Through,
        }
    }

    /// Is the object anywhere once `item` was executed, which may make another one of the same name?
    fn goes_on(&self, item: &Item, held: &mut Held) -> bool {
        if Some(item.inst) == self.start.inst {
            held.rename();
        }
        held.is_named() || held.is_somewhere()
    }

    fn items(&self, node: Node, is_first: bool) -> &'a [Item] {
        let items = self.context.body.items_of(node);
        // NB: A block may have many objects, and is not walked from its start for each.
        let layout = &self.context.func.layout;
        let start = self.start.inst.filter(|_| is_first).map_or(0, |start| {
            items.partition_point(|item| layout.pp_cmp(item.inst, start).is_le())
        });
        &items[start..]
    }

    /// The blocks after `node`, with what holds the object in them, where something does.
    fn entered(&self, node: Node, held: &Held) -> SmallVec<[State; 2]> {
        let Context { cfg, .. } = self.context;
        let mut entered = SmallVec::<[State; 2]>::new();
        for edge in cfg.succs(node) {
            // Another object is made there.
            if self.start.inst.is_none() && edge.to == self.start.node {
                continue;
            }
            let passes = place::passes(self.context, node, edge);
            let state = (
                edge.to,
                self.subject.across(self.context, held, edge.to, passes),
            );
            let is_named = state.1.is_named() && cfg.dominates(self.start.node, edge.to);
            let is_there = is_named || state.1.is_somewhere();
            if is_there && !entered.contains(&state) {
                entered.push(state);
            }
        }
        entered
    }

    /// Does `item` hand the object on?
    fn hands_on(&self, item: &Item, held: &Held) -> bool {
        let Context {
            func, collector, ..
        } = self.context;
        let is_safepoint = item.kind.is(Kind::SAFEPOINT) && looks_into(func, item.inst, collector);
        if is_safepoint && (held.is_published() || self.is_root_of(item.inst, held)) {
            return true;
        }
        // Whoever goes on may have what it was stored to looked into.
        let is_read_later = collector != GcCollector::Null && held.is_published();
        let takes = match item.kind.is(Kind::RETURNS) {
            true if is_read_later => return true,
            true => true,
            false => item.kind.is(Kind::CALLS) && may_collect(func, item.inst),
        };
        takes && {
            let mut args = func.dfg.inst_args(item.inst).iter();
            args.any(|&arg| self.subject.may_be_object(self.context, held, arg))
        }
    }

    /// Does the stack map of `inst` name a slot that the object is in?
    fn is_root_of(&self, inst: Inst, held: &Held) -> bool {
        let entries = self.context.func.dfg.user_stack_map_entries(inst);
        let mut entries = entries.unwrap_or_default().iter();
        entries.any(|entry| held.is_in(entry.slot, entry.offset.into(), entry.ty.bytes()))
    }

    /// The bytes of the words that `item` reads, if it is a load of what is used.
    fn read(&self, item: &Item, held: &Held) -> Option<Bytes> {
        let access = self.context.body.access(item)?;
        let result = access.result.filter(|_| access.data.is_none())?;
        match self.subject.place(self.context, held, access.addr) {
            Place::Object(start) if (self.is_used)(result) => {
                let start = start.wrapping_add(access.offset.into());
                let mut read = Bytes::none(self.words.len());
                read.add(&self.words, start..start.saturating_add(access.size.into()));
                Some(read)
            }
            Place::Object(_) | Place::Elsewhere | Place::Unknown => None,
        }
    }

    /// Add what `item` stores.
    fn store(&self, item: &Item, held: &Held, stored: &mut Stored) {
        let Context { func, body, .. } = self.context;
        let Some(access) = body.access(item) else {
            let args = func.dfg.inst_args(item.inst);
            // What gets the object's address may store anything.
            let may_store = match item.kind.is(Kind::CALLS) {
                true => args.iter().any(|&arg| {
                    held.is_published() || self.subject.what(self.context, held, arg).is_some()
                }),
                false => func.dfg.insts[item.inst].opcode().can_store(),
            };
            if may_store {
                stored.possible.add_all();
            }
            return;
        };
        let Some(data) = access.data else {
            return;
        };
        match self.subject.place(self.context, held, access.addr) {
            Place::Object(start) => {
                let start = start.wrapping_add(access.offset.into());
                let range = start..start.saturating_add(access.size.into());
                let overwrites = overwrites(func, item.inst, access);
                if overwrites != Some(Overwrites::Nothing) {
                    stored.possible.add(&self.words, range.clone());
                }
                if self.is_certain(item.inst, access, data) {
                    stored.certain.add(&self.words, range);
                }
            }
            Place::Elsewhere => {}
            Place::Unknown => stored.possible.add_all(),
        }
    }

    /// Is something stored for certain that may be a reference or a length: bits, and not a number?
    fn is_certain(&self, inst: Inst, access: &Access, data: Value) -> bool {
        let Context { func, .. } = self.context;
        if overwrites(func, inst, access) != Some(Overwrites::All) {
            return false;
        }
        if !access.ty.is_float() {
            return true;
        }
        let def = func.dfg.value_def(data).inst();
        def.is_some_and(|def| {
            let opcode = func.dfg.insts[def].opcode();
            opcode == Opcode::Bitcast
                || opcode.can_load() && !opcode.is_call()
                || matches!(opcode, Opcode::F32const | Opcode::F64const)
        })
    }

    /// What was stored before the reference was there: by addresses that it is computed of.
    fn stored_before(&self) -> Bytes {
        let Context { func, cfg, .. } = self.context;
        let none = Bytes::none(self.words.len());
        if self.start.inst.is_some() {
            return self.stored_up_to(self.start, &self.subject, none);
        }
        let mut met: Option<Bytes> = None;
        for edge in cfg.preds(self.start.node) {
            let end = func.layout.last_inst(cfg.block(edge.from));
            let mut passes = place::passes(self.context, edge.from, edge);
            let passed = passes.find(|&(param, _)| param == self.subject.reference);
            let Some(((_, arg), end)) = passed.zip(end) else {
                return none;
            };
            let end = Point {
                node: edge.from,
                inst: Some(end),
            };
            let Some(start) = Point::of_value(func, cfg, arg) else {
                return none;
            };
            let subject = Subject::new(self.context, arg, start);
            let stored = self.stored_up_to(end, &subject, none.clone());
            match &mut met {
                Some(met) => _ = met.meet(&stored),
                None => met = Some(stored),
            }
        }
        met.unwrap_or(none)
    }

    /// Add to `stored` what the blocks store to the object of `subject` through which every path to `end` goes.
    fn stored_up_to(&self, end: Point, subject: &Subject, mut stored: Bytes) -> Bytes {
        let Context {
            func, cfg, body, ..
        } = self.context;
        // NB: What a call makes has no address before.
        if subject.is_opaque(self.context) {
            return stored;
        }
        let held = subject.at_start();
        let mut node = Some(end.node);
        for _ in 0..STORED_BEFORE {
            let Some(at) = node else {
                break;
            };
            for item in body.items_of(at) {
                let point = Point {
                    node: at,
                    inst: Some(item.inst),
                };
                if !point.dominates(func, cfg, end) {
                    break;
                }
                if let Some(access) = body.access(item)
                    && let Some(data) = access.data
                    && self.is_certain(item.inst, access, data)
                    && let Place::Object(start) = subject.place(self.context, &held, access.addr)
                {
                    let start = start.wrapping_add(access.offset.into());
                    stored.add(&self.words, start..start.saturating_add(access.size.into()));
                }
            }
            node = cfg.idom(at).filter(|&idom| idom != at);
        }
        stored
    }

    /// A path on which the byte at this index is not stored, and the object is handed on.
    fn finding(&self, byte: usize) -> Option<Finding> {
        let (nodes, inst) = self.path_without(byte)?;
        let Context { func, cfg, .. } = self.context;
        let mut steps = vec![point_step(cfg, self.start, Role::Definition)];
        steps.extend(nodes[1..].iter().map(|&node| Step {
            role: Role::Through,
            block: cfg.block(node),
            inst: None,
        }));
        steps.push(Step {
            role: match may_collect(func, inst) {
                true => Role::Safepoint,
                false => Role::Use,
            },
            block: func.layout.inst_block(inst)?,
            inst: Some(inst),
        });
        let error = GcError::UnstoredWord {
            inst,
            value: self.subject.reference,
            offset: self.words[byte / 4],
            is_read: access(func, inst).is_some_and(|access| access.data.is_none()),
        };
        Some((error, steps))
    }

    /// The blocks of a path that does not store the byte at this index, and what hands the object on.
    fn path_without(&self, byte: usize) -> Option<(Vec<Node>, Inst)> {
        let first: State = (self.start.node, self.subject.at_start());
        let mut came_from = BTreeMap::<State, Option<State>>::new();
        came_from.insert(first.clone(), None);
        let mut queue = VecDeque::from([first]);
        while let Some(state) = queue.pop_front() {
            let (node, mut held) = state.clone();
            let is_first = came_from[&state].is_none();
            let mut stored = Stored {
                certain: Bytes::none(self.words.len()),
                possible: Bytes::none(self.words.len()),
            };
            match self.walk_without(byte, node, is_first, &mut held, &mut stored) {
                Walked::Done | Walked::Read(..) => {}
                Walked::HandedOn(inst) => {
                    let mut nodes = vec![node];
                    let mut at = &state;
                    while let Some(Some(before)) = came_from.get(at) {
                        nodes.push(before.0);
                        at = before;
                    }
                    nodes.reverse();
                    return Some((nodes, inst));
                }
                Walked::Through => {
                    for next in self.entered(node, &held) {
                        came_from.entry(next.clone()).or_insert_with(|| {
                            queue.push_back(next);
                            Some(state.clone())
                        });
                    }
                }
            }
        }
        None
    }

    fn walk_without(
        &self,
        byte: usize,
        node: Node,
        is_first: bool,
        held: &mut Held,
        stored: &mut Stored,
    ) -> Walked {
        let items = self.items(node, is_first);
        for item in items {
            steps::count(Analysis::Objects, 1);
            if self.hands_on(item, held) {
                return Walked::HandedOn(item.inst);
            }
            if !self.goes_on(item, held) {
                return Walked::Done;
            }
            if self.read(item, held).is_some_and(|read| read.has(byte)) {
                return Walked::HandedOn(item.inst);
            }
            self.store(item, held, stored);
            if stored.possible.has(byte) {
                return Walked::Done;
            }
            self.subject.follow(self.context, item, held);
        }
        Walked::Through
    }
}

/// How many blocks are looked at for stores that come before the reference.
const STORED_BEFORE: usize = 64;

fn enter(
    state: State,
    stored: &Stored,
    known: &mut BTreeMap<State, Stored>,
    pending: &mut BTreeMap<State, Stored>,
) {
    let met = match known.get_mut(&state) {
        Some(known) => {
            let is_less = known.certain.meet(&stored.certain);
            if !(known.possible.meet(&stored.possible) | is_less) {
                return;
            }
            known.clone()
        }
        None => {
            known.insert(state.clone(), stored.clone());
            stored.clone()
        }
    };
    pending.insert(state, met);
}

/// Does the path of `steps` show `error`?
pub(super) fn recheck(
    func: &Function,
    cfg: &Cfg,
    error: &GcError,
    steps: &[Step],
) -> Result<(), Flaw> {
    match *error {
        GcError::UnstoredWord {
            inst,
            value,
            offset,
            ..
        } => {
            defines(func, steps, value)?;
            is_not_repeated(steps)?;
            replay::recheck(func, cfg, (value, offset), inst, steps)
        }
        _ => Err(NOT_OURS),
    }
}
