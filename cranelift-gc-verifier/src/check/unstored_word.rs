//! New objects that are handed on before all that a collector reads of them is stored.
//!
//! **Claim.** The producer said of every word that is reported that it has to be stored (`! gcnew`), and there is
//! a path from the definition of the reference to an instruction that hands the object on, on which nothing
//! stores the word. The object is handed on by a return, and by a call that may collect, as an argument or in
//! its stack map.
//!
//! **Strength.** A store whose address is not understood may be one of any word. A reference that goes on as
//! a block parameter, or in memory, is not followed. Of an object with more words than [`MAX_WORDS`],
//! the first ones are looked at.
//!
//! **Math.** The words that are stored on all paths from the definition: a forward must-analysis, whose sets only
//! shrink. So a word that is missing from a set at any time is missing on some path.

use super::initialization::{looks_into, way};

use crate::analysis::facts::Facts;
use crate::analysis::slots::{Hold, Slots};
use crate::analysis::version::Safepoints;
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS, defines, is_not_repeated};
use crate::finding::error::GcError;
use crate::finding::witness::Finding;
use crate::finding::witness::Role;
use crate::finding::witness::Step;
use crate::ir::cfg::{Cfg, Node, constant};
use crate::ir::instruction::Kind;
use crate::ir::path::{Forbidden, Point};
use crate::ir::safepoint::may_collect;
use crate::ir::steps::{self, Analysis};
use crate::ir::view::{Body, Def, Item};
use cranelift_codegen::ir::{Function, GcCollector, Inst, InstructionData, Opcode, Value, types};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// How many words of an object are looked at: as many as a set has bits.
const MAX_WORDS: usize = 64;

/// The size of a word in bytes.
const WORD: i64 = 4;

/// How many values of an address are looked at.
const MAX_TERMS: usize = 24;

/// A function, and what is known of it.
#[derive(Clone, Copy)]
struct Scene<'a> {
    func: &'a Function,
    cfg: &'a Cfg,
    body: &'a Body,
    safepoints: &'a Safepoints,
    slots: &'a Slots,
    collector: GcCollector,
}

/// Look at all new objects.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let scene = Scene {
        func: facts.func,
        cfg: &facts.cfg,
        body: &facts.body,
        safepoints: &facts.safepoints,
        slots: &facts.slots,
        collector: facts.collector,
    };
    for (reference, words) in scene.func.dfg.gc_info.new_objects() {
        let words = &words[..words.len().min(MAX_WORDS)];
        if words.is_empty() {
            continue;
        }
        if let Some(object) = Object::new(scene, reference, words) {
            findings.counts.objects += 1;
            findings.extend(object.check());
        }
    }
}

/// A new object.
struct Object<'a> {
    scene: Scene<'a>,
    reference: Value,
    /// Where the reference is defined.
    start: Point,
    /// Block parameters that are the object's address when the reference is one of the same block.
    addresses: SmallVec<[Value; 1]>,
    /// The offsets of the words that have to be stored.
    words: &'a [u32],
}

/// A set of words, by their indices.
type Set = u64;

/// What an instruction does to a new object.
enum Deed {
    /// It stores these words, or may do so.
    Store(Set),
    /// It hands the object on.
    HandOn,
}

impl<'a> Object<'a> {
    fn new(scene: Scene<'a>, reference: Value, words: &'a [u32]) -> Option<Self> {
        let Scene { func, cfg, .. } = scene;
        let reference = func.dfg.resolve_aliases(reference);
        let start = Point::of_value(func, cfg, reference)?;
        let mut object = Object {
            scene,
            reference,
            start,
            addresses: SmallVec::new(),
            words,
        };
        object.find_addresses();
        Some(object)
    }

    /// All words.
    fn all(&self) -> Set {
        match self.words.len() {
            MAX_WORDS.. => Set::MAX,
            len => (1 << len) - 1,
        }
    }

    /// The first way on which the object is handed on too early.
    fn check(&self) -> Option<Finding> {
        let Scene { cfg, body, .. } = self.scene;
        let mut stored = BTreeMap::<Node, Set>::new();
        // NB: In order, so that the same is found whatever was entered first.
        let mut pending = BTreeMap::<Node, Set>::new();
        let (mut node, mut set) = (self.start.node, 0);
        let mut items = body.items_of(node);
        if self.start.inst.is_some()
            && let Def::Item(index) = body.def(self.reference)
        {
            items = &items[index as usize + 1 - body.first_of(node)..];
        }
        loop {
            match self.walk(items, &mut set) {
                Walked::Through => {
                    for edge in cfg.succs(node) {
                        self.enter(edge.to, set, &mut stored, &mut pending);
                    }
                }
                Walked::Done => {}
                Walked::HandedOn(inst) => return self.finding(inst, set),
            }
            (node, set) = pending.pop_first().filter(|_| !steps::is_spent())?;
            items = body.items_of(node);
        }
    }

    fn enter(
        &self,
        node: Node,
        set: Set,
        stored: &mut BTreeMap<Node, Set>,
        pending: &mut BTreeMap<Node, Set>,
    ) {
        // Another object is made there.
        if self.start.inst.is_none() && node == self.start.node {
            return;
        }
        let known = stored.entry(node).or_insert(Set::MAX);
        // NB: Nobody comes with all words, so that the first to come is always noticed.
        let met = *known & set;
        if met != *known {
            *known = met;
            pending.insert(node, met);
        }
    }

    /// Add to `set` what `items` store.
    fn walk(&self, items: &[Item], set: &mut Set) -> Walked {
        for item in items {
            steps::count(Analysis::Objects, 1);
            if *set == self.all() || Some(item.inst) == self.start.inst {
                return Walked::Done;
            }
            match self.deed(item) {
                Deed::Store(words) => *set |= words,
                Deed::HandOn => return Walked::HandedOn(item.inst),
            }
        }
        match *set == self.all() {
            true => Walked::Done,
            false => Walked::Through,
        }
    }

    fn deed(&self, item: &Item) -> Deed {
        let Scene { func, body, .. } = self.scene;
        if let Some(access) = body.access(item) {
            return Deed::Store(match access.data {
                Some(_) => self.stored_at(access.addr, access.offset.into(), access.size),
                None => 0,
            });
        }
        if func.dfg.insts[item.inst].opcode().can_store() {
            return Deed::Store(self.all());
        }
        let is_call = item.kind.is(Kind::CALLS.or(Kind::SAFEPOINT));
        if !is_call && !item.kind.is(Kind::RETURNS) {
            return Deed::Store(0);
        }
        let args = func.dfg.inst_args(item.inst);
        let is_passed = args
            .iter()
            .any(|&arg| body.resolve(func, arg) == self.reference);
        let hands_on = match item.kind.is(Kind::RETURNS) {
            true => is_passed,
            false => is_passed && may_collect(func, item.inst) || self.is_root_of(item.inst),
        };
        if hands_on {
            return Deed::HandOn;
        }
        // What gets the object's address may store anything.
        let is_elsewhere = |&arg: &Value| {
            func.dfg.value_type(arg).bits() < 32 || self.place(arg) == Place::Elsewhere
        };
        match args.iter().all(is_elsewhere) {
            true => Deed::Store(0),
            false => Deed::Store(self.all()),
        }
    }

    /// Does the stack map of `inst` name the object, so that a collection there looks into it?
    fn is_root_of(&self, inst: Inst) -> bool {
        let Scene {
            func,
            cfg,
            safepoints,
            slots,
            collector,
            ..
        } = self.scene;
        if !looks_into(func, inst, collector) {
            return false;
        }
        let Some(index) = safepoints.index_of(func, cfg, inst) else {
            return false;
        };
        slots.roots_of(index).any(|root| match root.hold {
            Hold::Is { origin, .. } => self.scene.body.resolve(func, origin) == self.reference,
            _ => false,
        })
    }

    /// The words that a store of so many bytes stores, or may store.
    fn stored_at(&self, addr: Value, offset: i64, size: u32) -> Set {
        let start = match self.place(addr) {
            Place::Object(start) => start.wrapping_add(offset),
            Place::Elsewhere => return 0,
            Place::Unknown => return self.all(),
        };
        let end = start.saturating_add(size.into());
        let mut set = 0;
        for (index, &word) in self.words.iter().enumerate() {
            let word = i64::from(word);
            if start < word + WORD && word < end {
                set |= 1 << index;
            }
        }
        set
    }

    fn item_of(&self, inst: Inst) -> Option<&Item> {
        let Scene {
            func, cfg, body, ..
        } = self.scene;
        let node = cfg.node_of_inst(func, inst)?;
        body.items_of(node).iter().find(|item| item.inst == inst)
    }

    fn finding(&self, inst: Inst, set: Set) -> Option<Finding> {
        let Scene { func, cfg, .. } = self.scene;
        let missing = (!set).trailing_zeros() as usize;
        let offset = *self.words.get(missing)?;
        let stores = |at: Inst| {
            Some(at) == self.start.inst
                || self.item_of(at).is_some_and(|item| {
                    matches!(self.deed(item), Deed::Store(words) if words & 1 << missing != 0)
                })
        };
        let forbidden = Forbidden {
            inst: &stores,
            block: self.start.inst.is_none().then_some(self.start.node),
        };
        let role = match may_collect(func, inst) {
            true => Role::Safepoint,
            false => Role::Use,
        };
        let steps = way(func, cfg, self.start, forbidden, (inst, role))?;
        let error = GcError::UnstoredWord {
            inst,
            value: self.reference,
            offset,
        };
        Some((error, steps))
    }
}

/// How far a walk got.
enum Walked {
    /// To the end of the block.
    Through,
    /// Until everything was stored, or another object is made.
    Done,
    /// Until the object is handed on.
    HandedOn(Inst),
}

// --- Addresses -----------------------------------------------------------------------------

/// Where an address points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// So many bytes after the start of the object.
    Object(i64),
    /// Not into the object.
    Elsewhere,
    /// That is not known.
    Unknown,
}

impl Object<'_> {
    fn place(&self, addr: Value) -> Place {
        self.relative_to(addr, self.reference)
    }

    /// Where `addr` is if `reference` is the object.
    fn relative_to(&self, addr: Value, reference: Value) -> Place {
        let Scene { func, body, .. } = self.scene;
        let mut sum = 0i64;
        let (mut objects, mut bases, mut others) = (0, 0, 0);
        let mut pending = SmallVec::<[Value; 8]>::from_slice(&[addr]);
        let mut looked_at = 0;
        while let Some(value) = pending.pop() {
            looked_at += 1;
            if looked_at > MAX_TERMS {
                return Place::Unknown;
            }
            let value = body.resolve(func, value);
            if value == reference {
                objects += 1;
            } else if self.addresses.contains(&value) {
                (objects, bases) = (objects + 1, bases + 1);
            } else if let Some(value) = constant(func, value) {
                sum = sum.wrapping_add(value as i64);
            } else if let Some(term) = self.term(value) {
                match term {
                    Term::Sum(a, b) => pending.extend([a, b]),
                    Term::Less(a, constant) => {
                        pending.push(a);
                        sum = sum.wrapping_sub(constant as i64);
                    }
                    Term::Same(a) => pending.push(a),
                    Term::Slot => return Place::Elsewhere,
                }
            } else if self.is_older(value) {
                others += 1;
            } else if func.dfg.value_type(value) == types::I64 && self.is_loaded(value) {
                // NB: The base of the heap; or what it does not point to alone.
                bases += 1;
            } else {
                return Place::Unknown;
            }
        }
        match (objects, bases, others) {
            (1, 1, 0) | (1, 0, 1) => Place::Object(sum),
            (0, 0, _) | (0, 1, 1..) => Place::Elsewhere,
            _ => Place::Unknown,
        }
    }

    /// What an address that is no leaf is made of.
    fn term(&self, value: Value) -> Option<Term> {
        let func = self.scene.func;
        let inst = func.dfg.value_def(value).inst()?;
        let is_wide = func.dfg.value_type(value) == types::I64;
        match func.dfg.insts[inst] {
            // NB: A narrow sum may wrap, where it does not trap.
            InstructionData::Binary {
                opcode: Opcode::Iadd,
                args: [a, b],
            } if is_wide => Some(Term::Sum(a, b)),
            InstructionData::IntAddTrap { args: [a, b], .. } => Some(Term::Sum(a, b)),
            InstructionData::Binary {
                opcode: Opcode::Isub,
                args: [a, b],
            } if is_wide => Some(Term::Less(a, constant(func, b)?)),
            InstructionData::Unary {
                opcode: Opcode::Uextend,
                arg,
            } if func.dfg.value_type(arg) == types::I32 => Some(Term::Same(arg)),
            // What is out of bounds traps.
            InstructionData::Ternary {
                opcode: Opcode::SelectSpectreGuard,
                args: [_, null, checked],
            } if constant(func, null) == Some(0) => Some(Term::Same(checked)),
            InstructionData::StackAddr { .. } => Some(Term::Slot),
            _ => None,
        }
    }

    fn is_loaded(&self, value: Value) -> bool {
        match self.scene.body.def(value) {
            Def::Item(index) => self.scene.body.items()[index as usize].kind.is(Kind::LOADS),
            Def::Param | Def::Elsewhere => false,
        }
    }

    /// Was `value` there before the object, or is it a reload of such a value?
    fn is_older(&self, value: Value) -> bool {
        let func = self.scene.func;
        if self.is_defined_before(value) {
            return true;
        }
        let inst = func.dfg.value_def(value).inst();
        let origin = inst.and_then(|inst| func.dfg.gc_info.spill_origin(inst));
        origin.is_some_and(|origin| {
            let origin = self.scene.body.resolve(func, origin);
            origin != self.reference && self.is_defined_before(origin)
        })
    }

    fn is_defined_before(&self, value: Value) -> bool {
        let Scene { func, cfg, .. } = self.scene;
        let at = Point::of_value(func, cfg, value);
        at.is_some_and(|at| at != self.start && at.dominates(func, cfg, self.start))
    }

    /// Find the block parameters that are the object's address, by what each way into the block passes.
    ///
    /// Where the copying collector's fast and slow allocation meet, the reference and the address do.
    fn find_addresses(&mut self) {
        let Scene {
            func, cfg, body, ..
        } = self.scene;
        if self.start.inst.is_some() {
            return;
        }
        let node = self.start.node;
        for &param in func.dfg.block_params(cfg.block(node)) {
            if func.dfg.value_type(param) != types::I64 {
                continue;
            }
            let mut from = cfg.preds(node).map(|edge| edge.from).collect::<Vec<_>>();
            from.dedup();
            let is_address = from.iter().all(|&from| {
                let passed = |to: Value| {
                    let passes = body.passed_from(from).iter();
                    passes.filter(move |pass| pass.to == node && pass.param == to)
                };
                passed(param)
                    .zip(passed(self.reference))
                    .all(|(address, reference)| {
                        self.relative_to(address.arg, reference.arg) == Place::Object(0)
                    })
            });
            if is_address && !from.is_empty() {
                self.addresses.push(param);
            }
        }
    }
}

/// See [`Object::term`].
enum Term {
    /// The sum of both.
    Sum(Value, Value),
    /// The one without the other.
    Less(Value, u64),
    /// The same.
    Same(Value),
    /// The address of a slot.
    Slot,
}

/// Does the path lead from the allocation to where the object is handed on?
pub(super) fn recheck(func: &Function, error: &GcError, steps: &[Step]) -> Result<(), Flaw> {
    match *error {
        GcError::UnstoredWord { value, .. } => {
            defines(func, steps, value)?;
            is_not_repeated(steps)
        }
        _ => Err(NOT_OURS),
    }
}

#[cfg(test)]
mod tests {
    use crate::{GcError, Options, verify_function};

    /// How many objects are looked at in a function, and which words are missing.
    fn look(body: &str) -> (u64, Vec<u32>) {
        let text = format!(
            "function %f(i64, i32) -> i32 {{\n    fn0 = %allocate() -> i32 ! nogc\n\
             block0(v0: i64, v1: i32):\n{body}}}"
        );
        let functions = cranelift_reader::parse_functions(&text).expect("it parses");
        let report = verify_function(&functions[0], &Options::default());
        assert_eq!(report.inconclusive, [], "{text}");
        let errors = report.violations.into_iter().map(|found| found.error);
        let offsets = errors.map(|error| match error {
            GcError::UnstoredWord { offset, .. } => offset,
            error => panic!("{error}"),
        });
        (report.counts.objects, offsets.collect())
    }

    const ADDRESS: &str = "    v3 = uextend.i64 v2\n    v4 = iadd v0, v3\n";

    #[test]
    fn objects_are_counted_and_their_first_missing_word_is_named() {
        let new = "    v2 ! gcref(struct, nonnull) ! gcnew(8, 12, 16) = call fn0()\n";
        let store = |offset: u32| format!("    store notrap v1, v4+{offset}\n");
        let cases = [
            (vec![8, 12, 16], vec![]),
            (vec![16, 8], vec![12]),
            (vec![], vec![8]),
            (vec![16, 12, 8], vec![]),
        ];
        for (stored, missing) in cases {
            let stores: String = stored.iter().map(|&offset| store(offset)).collect();
            let body = format!("{new}{ADDRESS}{stores}    return v2\n");
            assert_eq!(look(&body), (1, missing), "{body}");
        }
    }

    #[test]
    fn nothing_is_asked_of_objects_without_words() {
        let none = "    v2 ! gcref(struct, nonnull) ! gcnew() = call fn0()\n    return v2\n";
        assert_eq!(look(none), (0, vec![]));
    }

    #[test]
    fn of_large_objects_the_first_words_are_looked_at() {
        let offsets = |count: u32| (0..count).map(|index| 4 * index);
        let list: Vec<String> = offsets(100).map(|offset| offset.to_string()).collect();
        let new = format!(
            "    v2 ! gcref(struct, nonnull) ! gcnew({}) = call fn0()\n",
            list.join(", ")
        );
        let stores = |count| -> String {
            offsets(count)
                .map(|offset| format!("    store notrap v1, v4+{offset}\n"))
                .collect()
        };
        let with = |count| format!("{new}{ADDRESS}{}    return v2\n", stores(count));
        assert_eq!(look(&with(63)), (1, vec![252]));
        assert_eq!(look(&with(64)), (1, vec![]));
    }
}
