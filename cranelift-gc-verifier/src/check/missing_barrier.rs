//! References that are stored, or loaded, without the barrier that reference counting asks for (GCV19).
//!
//! **Claim.** A store is reported if it stores what may be a reference to an object to a place where the
//! producer says that memory holds references, and if one of these is shown: an execution after which an
//! object's count is not the number of places that hold references to it; that no change of the count by one
//! dominates the store, or is on the edges to it; or that nothing loads and releases what was there. A load is
//! reported if it loads such a reference and hands it on, and nothing changes the header of its object, as the
//! list of what the stack holds does. A call is reported if the callee writes references and knows none.
//!
//! **Strength.** Only the producer's CLIF is judged, under a collector that counts references and does not move
//! objects (`gc_header … count`). Where nothing seems wrong, few executions are tried. A store that executions
//! reach with the right counts is in a barrier, however its instructions are arranged.
//!
//! **Math.** A store of `v` is counted if every edge into its block is taken only while `v` is no object, or
//! passes a store of one more to the count of `v`'s object; or if such a store dominates it. Executions balance
//! counts and stores ([`executions`]).

mod executions;

use super::out_of_object::Fallback;
use crate::analysis::facts::Facts;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::field::{held, kind_of_object};
use crate::analysis::kind::subject::Context;
use crate::analysis::kind::thing::{Things, Universe};
use crate::analysis::kind::{Kinds, dominating};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::Flaw;
use crate::evidence::steps::{push_path, step, through};
use crate::finding::code::Code;
use crate::finding::error::GcError;
use crate::finding::object::{Barrier, MissingBarrier};
use crate::finding::report::Inconclusive;
use crate::finding::typed::Thing;
use crate::finding::witness::Role;
use crate::ir::cfg::{Cfg, Node, constant};
use crate::ir::gc_info::accessed_kind;
use crate::ir::instruction::{Access, Kind, Stored, stored_by};
use crate::ir::linear::Linear;
use crate::ir::path::Point;
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::FxHashMap;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{
    AtomicRmwOp, Function, GcCollector, GcFact, Inst, InstructionData, Value, ValueDef,
};

/// Check all accesses of memory that holds references.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let func = facts.func;
    let info = &func.dfg.gc_info;
    let header = info.header.and_then(|header| header.count);
    let (Some(count), GcCollector::NonMoving) = (header, facts.collector) else {
        return;
    };
    // NB: The optimizer merges loads, and with them what is known of a reference.
    if facts.history.proofs.is_later {
        return;
    }
    let mut accesses = Vec::new();
    for node in facts.cfg.nodes() {
        for item in facts.body.items_of(node) {
            let inst = item.inst;
            if item.kind.is(Kind::CALLS) {
                if info.place(inst).is_some_and(GcFact::is_traced) {
                    findings.counts.positions += 1;
                    missing(func, inst, None, Barrier::WrittenByCallee, findings);
                }
            } else if let Some(access) = facts.body.access(item) {
                let held = held(facts.func, &facts.body, inst, access);
                match held {
                    Some(fact) if fact.is_traced() => accesses.push((node, inst, *access, true)),
                    None if is_to_object(facts, inst, access, count) => {
                        accesses.push((node, inst, *access, false));
                    }
                    Some(_) | None => {}
                }
            }
        }
    }
    if accesses.is_empty() {
        return;
    }
    let fallback = facts.context().is_none().then(|| Fallback::new(facts));
    let context = match &fallback {
        Some(fallback) => fallback.context(facts),
        None => facts.context().expect("there is no other"),
    };
    let cfg = &facts.cfg;
    let mut barriers = Barriers {
        kinds: Kinds::new(context),
        uses: Uses::new(context, count),
        objects: objects(context.universe),
        suspects: Vec::new(),
    };
    for (node, inst, access, is_said) in accesses {
        if let Some(Stored::Value(data) | Stored::Perhaps(data)) = stored_by(func, inst, &access) {
            barriers.store((node, inst), &access, data, is_said);
        }
        if let Some(result) = access.result.filter(|_| is_said) {
            barriers.load(inst, result);
        }
    }
    let suspects = barriers.suspects;
    let found = match facts.history.asks_input && !suspects.is_empty() {
        true => executions::Found::default(),
        false => executions::find(facts, context.headers, count, !suspects.is_empty()),
    };
    for (suspect, is_sure) in &suspects {
        if found.denies(suspect) {
            continue;
        }
        let is_shown = found
            .faults
            .iter()
            .any(|(fault, _)| fault.inst == suspect.inst);
        match suspect.value {
            Some(value) if !is_sure && !is_shown => {
                let inst = suspect.inst;
                findings.undecided(Code::Gcv19, Inconclusive::UndecidedBarrier { inst, value });
            }
            value => missing(func, suspect.inst, value, suspect.barrier, findings),
        }
    }
    for (fault, path) in found.faults {
        if suspects
            .iter()
            .all(|(suspect, _)| suspect.inst != fault.inst)
        {
            let mut steps = vec![through(cfg, path[0])];
            push_path(func, cfg, &mut steps, &path, Role::Use, fault.inst);
            findings.reject(GcError::MissingBarrier(fault), || Some(steps));
        }
    }
}

/// Is a reference stored to a word of an object that is none of its header, and of which nobody says what it holds?
fn is_to_object(facts: &Facts, inst: Inst, access: &Access, count: u32) -> bool {
    let func = facts.func;
    let Some(Stored::Value(data)) = stored_by(func, inst, access) else {
        return false;
    };
    let fact = func.dfg.gc_info.fact(facts.body.resolve(func, data));
    if access.size != 4 || !fact.is_some_and(GcFact::is_traced) {
        return false;
    }
    // What comes after the count is the list of what the stack holds.
    let header_end = i64::from(count) + 16;
    let address = Address::of(func, &facts.body, access.addr);
    let kind = kind_of_object(func, inst, &address);
    let is_known = kind.is_some_and(|kind| kind.concrete.is_some());
    let offset = address
        .offset
        .map(|offset| offset.wrapping_add(access.offset.into()));
    address.reference.is_some() && !is_known && offset.is_some_and(|at| at >= header_end)
}

/// Is `missing` of an instruction that writes or reads references?
pub(crate) fn recheck(func: &Function, cfg: &Cfg, missing: &MissingBarrier) -> Result<(), Flaw> {
    let info = &func.dfg.gc_info;
    let is_counted = info.header.is_some_and(|header| header.count.is_some());
    // NB: What is counted and held nowhere is told where it is counted.
    let stores = || {
        let access = crate::ir::instruction::access(func, missing.inst);
        access.is_some_and(|access| access.data.is_some())
    };
    let is_held = || {
        let access = crate::ir::instruction::access(func, missing.inst);
        access.is_some_and(|access| {
            let body = crate::ir::reader::read(func, cfg);
            let held = held(func, &body, missing.inst, &access);
            body.put_back();
            held.is_some_and(GcFact::is_traced)
        })
    };
    let is_said = info.place(missing.inst).is_some()
        || accessed_kind(func, missing.inst).is_some()
        || matches!(
            missing.barrier,
            Barrier::Miscounted | Barrier::NewNotCounted
        ) && stores()
        || is_held();
    (is_counted && is_said)
        .then_some(())
        .ok_or("nothing says that there are references")
}

fn missing(
    func: &Function,
    inst: Inst,
    value: Option<Value>,
    barrier: Barrier,
    findings: &mut Findings,
) {
    let error = GcError::MissingBarrier(MissingBarrier {
        inst,
        value,
        barrier,
    });
    let steps = step(func, Role::Use, inst).map(|step| vec![step]);
    findings.reject(error, || steps);
}

fn objects(universe: &Universe) -> Things {
    let mut objects = Things::default();
    for number in 0..universe.len() {
        match universe.thing(number) {
            Thing::Null | Thing::I31 | Thing::Number => {}
            Thing::Other(_) | Thing::Exactly(..) | Thing::Below(..) => objects.insert(number),
        }
    }
    objects
}

/// What `data` is more than what is loaded from where it is stored.
fn amount(context: Context, inst: Inst, access: &Access, data: Value) -> Option<i64> {
    let (func, body) = (context.func, context.body);
    if let InstructionData::AtomicRmw { op, .. } = func.dfg.insts[inst] {
        let n = constant(func, data)? as i64;
        return match op {
            AtomicRmwOp::Add => Some(n),
            AtomicRmwOp::Sub => Some(n.wrapping_neg()),
            _ => None,
        };
    }
    let made = |value: Value| func.dfg.value_def(body.resolve(func, value)).inst();
    let (loaded, amount) = Linear::of_value(func, body.resolve(func, data)).plus_number(func)?;
    let load = crate::ir::instruction::access(func, made(loaded)?)?;
    let place = |access: &Access| {
        let address = Address::of(func, body, access.addr);
        let reference = address.reference.map(|reference| context.root(reference));
        let offset = address.offset;
        (
            reference,
            offset.map(|offset| offset.wrapping_add(access.offset.into())),
        )
    };
    let is_it = load.data.is_none() && load.size == access.size && place(&load) == place(access);
    is_it.then_some(amount)
}

/// Where references are loaded from.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    /// By this address.
    By(Value, i32),
    /// By an address that is added up in the same way.
    At(Address, i32),
}

/// A load of what may be released.
struct Load {
    inst: Inst,
    /// The root of what is loaded.
    root: Value,
    size: u32,
}

/// What happens to references and to the headers of their objects, by the roots of the references. It is found once, as each store
/// asks for it.
#[derive(Default)]
struct Uses {
    /// Where one is added to the count of the object.
    counted: FxHashMap<Value, Vec<Point>>,
    /// Those to words of whose objects something is stored.
    changed: EntitySet<Value>,
    /// Those of whose objects the count is lowered by one, or that callees are given.
    released: EntitySet<Value>,
    /// Those that are given to somebody else, or stored.
    handed_on: EntitySet<Value>,
    /// What is loaded, by where.
    loads: FxHashMap<Place, Vec<Load>>,
}

impl Uses {
    /// `count` is the offset of the count.
    fn new(context: Context, count: u32) -> Uses {
        let mut uses = Uses::default();
        let (func, body) = (context.func, context.body);
        steps::count(Analysis::Barriers, body.items().len());
        for node in context.cfg.nodes() {
            for item in body.items_of(node) {
                if let Some(access) = body.access(item) {
                    let point = Point {
                        node,
                        inst: Some(item.inst),
                    };
                    uses.access(context, point, access, count);
                } else if item.kind.is(Kind::CALLS.or(Kind::RETURNS)) {
                    for &arg in func.dfg.inst_args(item.inst) {
                        let root = context.root(arg);
                        uses.handed_on.insert(root);
                        if item.kind.is(Kind::CALLS) {
                            uses.released.insert(root);
                        }
                    }
                }
            }
            for pass in body.passed_from(node) {
                uses.handed_on.insert(context.root(pass.arg));
            }
        }
        uses
    }

    fn access(&mut self, context: Context, point: Point, access: &Access, count: u32) {
        let address = Address::of(context.func, context.body, access.addr);
        let Some(inst) = point.inst else { return };
        if let Some(result) = access.result {
            let root = context.root(result);
            let size = access.size;
            let by = Place::By(access.addr, access.offset);
            let at = address.offset.map(|_| Place::At(address, access.offset));
            for place in [Some(by), at].into_iter().flatten() {
                let load = Load { inst, root, size };
                self.loads.entry(place).or_default().push(load);
            }
        }
        let Some(data) = access.data else { return };
        self.handed_on.insert(context.root(data));
        let (Some(reference), Some(offset)) = (address.reference, address.offset) else {
            return;
        };
        let root = context.root(reference);
        self.changed.insert(root);
        if offset.wrapping_add(access.offset.into()) != i64::from(count) {
            return;
        }
        match amount(context, inst, access, data) {
            Some(1) => self.counted.entry(root).or_default().push(point),
            Some(-1) => {
                self.released.insert(root);
            }
            _ => {}
        }
    }
}

struct Barriers<'a> {
    kinds: Kinds<'a>,
    uses: Uses,
    objects: Things,
    /// What seems to be missing, each with whether the ways to it were understood.
    suspects: Vec<(MissingBarrier, bool)>,
}

impl Barriers<'_> {
    fn suspect(&mut self, inst: Inst, value: Value, barrier: Barrier, is_sure: bool) {
        let missing = MissingBarrier {
            inst,
            value: Some(value),
            barrier,
        };
        self.suspects.push((missing, is_sure));
    }

    /// `is_said` says that the producer says what the memory holds.
    fn store(&mut self, (node, inst): (Node, Inst), access: &Access, data: Value, is_said: bool) {
        let context = self.kinds.context;
        let func = context.func;
        let root = context.root(data);
        let things = self.kinds.at(data, node, inst, None, Some(self.objects));
        let may_be_object = things.is_some_and(|things| !things.is_empty());
        if may_be_object && !self.is_counted(root, node, inst) {
            // NB: What it is may be counted as what it is made of.
            let is_made = match func.dfg.value_def(root) {
                ValueDef::Param(block, _) => func.layout.entry_block() != Some(block),
                ValueDef::Result(made, _) => {
                    let opcode = func.dfg.insts[made].opcode();
                    !opcode.can_load() && !opcode.is_call()
                }
                ValueDef::Union(..) => true,
            };
            self.suspect(inst, data, Barrier::NewNotCounted, !is_made);
        }
        if is_said && !self.is_initializing(access) && !self.is_old_released(inst, access) {
            self.suspect(inst, data, Barrier::OldNotReleased, true);
        }
    }

    /// Is the reference `root` counted wherever `inst` is come to while it refers to an object?
    fn is_counted(&mut self, root: Value, node: Node, inst: Inst) -> bool {
        let context = self.kinds.context;
        let (func, cfg) = (context.func, context.cfg);
        let at = Point {
            node,
            inst: Some(inst),
        };
        let Some(points) = self.uses.counted.get(&root) else {
            return false;
        };
        let dominates = |point: &Point| {
            steps::count(Analysis::Barriers, 1);
            point.dominates(func, cfg, at)
        };
        if points.iter().any(dominates) {
            return true;
        }
        // The test and the count are just before the store, or some way up.
        let Some(subject) = self.kinds.subject(root) else {
            return true;
        };
        let mut memory = dominating::Memory::default();
        let mut node = node;
        for _ in 0..MAX_BLOCKS {
            let is_fine = cfg.preds(node).all(|edge| {
                let passes = points.iter().any(|point| {
                    steps::count(Analysis::Barriers, 1);
                    cfg.dominates(point.node, edge.from)
                });
                passes
                    || dominating::left_along(subject, &mut memory, edge, self.objects).is_empty()
            });
            if is_fine && cfg.preds(node).next().is_some() {
                return true;
            }
            match cfg.idom(node) {
                Some(idom) if idom != node && node != subject.start.node => node = idom,
                _ => break,
            }
        }
        // NB: It is counted somewhere: which ways lead there is not understood.
        points.iter().any(|point| {
            let reaches = crate::ir::path::Search::new(
                func,
                cfg,
                *point,
                crate::ir::path::Forbidden {
                    inst: &|_| false,
                    block: None,
                },
            );
            reaches.path_to(inst).is_some()
        })
    }

    /// Does the store go to an object that is new?
    fn is_initializing(&self, access: &Access) -> bool {
        let context = self.kinds.context;
        let info = &context.func.dfg.gc_info;
        let address = Address::of(context.func, context.body, access.addr);
        let is_new = |value: Value| info.new_object(value).is_some();
        match (address.reference, address.pointer) {
            (Some(reference), _) => is_new(reference) || is_new(context.root(reference)),
            // A pointer that comes with a new object, or that a loop moves through an array.
            (None, Some(pointer)) => {
                matches!(context.func.dfg.value_def(pointer), ValueDef::Param(block, _)
                    if context.func.layout.entry_block() != Some(block))
            }
            (None, None) => true,
        }
    }

    /// Was what is overwritten loaded before, and is it released?
    fn is_old_released(&self, inst: Inst, access: &Access) -> bool {
        let context = self.kinds.context;
        let (func, cfg, body) = (context.func, context.cfg, context.body);
        let Some(at) = Point::at(func, cfg, inst) else {
            return true;
        };
        // What is exchanged only for something else is released if that is.
        if let InstructionData::AtomicCas { args, .. } = func.dfg.insts[inst]
            && (constant(func, args[1]) == Some(0)
                || self.uses.released.contains(context.root(args[1])))
        {
            return true;
        }
        let address = Address::of(func, body, access.addr);
        let is_released = |place: Place| {
            let loads = self.uses.loads.get(&place).map_or(&[][..], Vec::as_slice);
            loads.iter().any(|load| {
                steps::count(Analysis::Barriers, 1);
                // NB: What an exchange takes out is what was there.
                let is_before = load.inst == inst
                    || Point::at(func, cfg, load.inst)
                        .is_some_and(|point| point.dominates(func, cfg, at));
                is_before && load.size == access.size && self.uses.released.contains(load.root)
            })
        };
        is_released(Place::By(access.addr, access.offset))
            || address.offset.is_some() && is_released(Place::At(address, access.offset))
    }

    fn load(&mut self, inst: Inst, result: Value) {
        let context = self.kinds.context;
        let root = context.root(result);
        let is_object = match self.kinds.facts(result)[..] {
            [] => false,
            ref facts => facts.iter().all(|fact| {
                !self
                    .objects
                    .and(context.universe.of(&context.func.dfg.gc_info, *fact))
                    .is_empty()
            }),
        };
        let is_listed = self.uses.changed.contains(root);
        if is_object && !is_listed && self.uses.handed_on.contains(root) {
            self.suspect(inst, result, Barrier::NotListed, true);
        }
    }
}

/// How many blocks before a store are looked at.
const MAX_BLOCKS: usize = 8;
