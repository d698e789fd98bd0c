//! A function, executed with numbers.
//!
//! **Claim.** What [`run`] does, some execution does: the function is called with what the choices of the
//! [`Plan`] give, finds in memory what they give, and takes the path that [`World::path`] is.
//!
//! **Strength.** An execution ends as [`End::Vague`] where it depends on what is not understood: on what an
//! unknown operation makes of a reference or of the number of a type, on what a callee makes of a reference, or
//! on something that contradicts a fact. Callees change no memory, and no object moves: both are possible
//! behaviours.
//!
//! **Math.** A word has its bits and a tag: the base of the heap, a reference to an object, an address in an
//! object, or an address in a slot. Sums and differences of words keep the tag. Memory is a map from pairs of
//! an object, a slot or nothing, and an offset, to words. What nobody stored is chosen when it is first loaded.
//! An object has a type that its facts allow, and an array has a length with which it fits into the heap.

use crate::analysis::class::Class;
use crate::analysis::facts::Facts;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::dominating::argument;
use crate::analysis::kind::given::given;
use crate::analysis::kind::header::{Headers, Word as HeaderWord};
use crate::analysis::kind::is_in_heap;
use crate::analysis::kind::thing::named_types;
use crate::ir::arithmetic::{Outcome, eval_inst};
use crate::ir::cfg::{Cfg, Node, destinations};
use crate::ir::constant::constant;
use crate::ir::gc_info::returned;
use crate::ir::instruction::{Access, Kind, Stored, access, stored_by};
use crate::ir::integer::narrow::{binary, fits};
use crate::ir::steps::{self, Analysis};
use crate::ir::view::Body;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{
    AtomicRmwOp, BlockArg, Function, GcFact, GcHeapType, GcKind, GcNullability, Inst,
    InstructionData, Opcode, Type, Value, ValueDef, types,
};
use cranelift_codegen::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// Where the heap is.
const HEAP: u64 = 1 << 40;
/// How far from each other objects are. They do not overlap, as memory is kept by object.
const GAP: u64 = 0x40;
/// Where other memory is, and how far apart.
const OTHER: u128 = 1 << 62;
const APART: u128 = 1 << 32;
/// Below this nothing is.
const NULL_PAGE: u64 = 1 << 16;
/// The number of a type is this and its index.
const TYPE: u64 = 0x5_0000;
/// How many numbers are taken from the function.
const MAX_NUMBERS: usize = 64;
/// For how many values there is room at first.
const MAX_VALUES: usize = 128;
/// How many blocks an execution enters.
const MAX_ENTERED: usize = 96;

/// What all executions of a function have in common.
pub(crate) struct Stage<'a> {
    pub(crate) func: &'a Function,
    cfg: &'a Cfg,
    pub(crate) body: &'a Body,
    headers: &'a Headers,
    /// The values that are the base of the heap.
    bases: EntitySet<Value>,
    /// The values that point to other memory.
    pointers: EntitySet<Value>,
    /// The types that facts name, each with its kind.
    types: BTreeMap<u32, GcHeapType>,
    /// Numbers to choose from.
    numbers: Vec<u64>,
}

/// What is chosen in one execution.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    /// The lengths of some arrays, by the numbers of the objects.
    pub(crate) lengths: SmallVec<[(u32, u32); 2]>,
}

/// What a word is besides its bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Plain,
    /// It is made of the base of the heap and a number.
    Base,
    /// It is made of a reference to this object and a number.
    Reference(u32),
    /// It is made of the base of the heap, a reference to this object, and a number.
    Address(u32),
    /// It is an address in this slot.
    Slot(u32),
    /// It is the number of a type.
    Type,
    /// It is not known.
    Vague,
}

/// A value, at one time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) bits: u128,
    pub(crate) tag: Tag,
}

const VAGUE: Word = Word {
    bits: 0,
    tag: Tag::Vague,
};

impl Word {
    fn plain(bits: u128) -> Word {
        Word {
            bits,
            tag: Tag::Plain,
        }
    }

    /// The object that it refers to, if it is a reference.
    pub(crate) fn object(self) -> Option<u32> {
        match self.tag {
            Tag::Reference(object) => Some(object),
            _ => None,
        }
    }
}

/// Where memory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// So far into an object.
    Object(u32, i64),
    /// So far into a slot.
    Slot(u32, i64),
    /// At this address.
    Elsewhere(i64),
}

impl Place {
    fn at(self, gap: i64) -> Place {
        match self {
            Place::Object(object, offset) => Place::Object(object, offset.wrapping_add(gap)),
            Place::Slot(slot, offset) => Place::Slot(slot, offset.wrapping_add(gap)),
            Place::Elsewhere(offset) => Place::Elsewhere(offset.wrapping_add(gap)),
        }
    }
}

/// An object.
#[derive(Clone, Debug)]
pub(crate) struct Object {
    /// Its index in the heap.
    at: u64,
    /// What the fact says that it came with.
    kind: GcKind,
    /// Its type, if it has one that facts name.
    pub(crate) index: Option<u32>,
    /// Was it allocated on the way?
    pub(crate) is_new: bool,
    /// What may stand beside the bits of its kind.
    others: u32,
}

/// An access that is about to happen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) inst: Inst,
    pub(crate) access: Access,
    pub(crate) place: Place,
    /// What is stored.
    pub(crate) data: Option<Word>,
}

/// What looks on.
pub(crate) trait Watch {
    /// An access happens. Returns whether the execution is to end.
    fn access(&mut self, world: &mut World, stage: &Stage, seen: &Seen) -> bool;

    /// An instruction is executed next.
    fn before(&mut self, world: &World, stage: &Stage, inst: Inst) {
        let _ = (world, stage, inst);
    }

    /// Something was loaded.
    fn loaded(&mut self, world: &World, stage: &Stage, seen: &Seen, word: Word) {
        let _ = (world, stage, seen, word);
    }

    /// A function is called with these.
    fn called(&mut self, world: &World, inst: Inst, args: &[Word]) {
        let _ = (world, inst, args);
    }

    /// The function returns these.
    fn returned(&mut self, world: &World, inst: Inst, args: &[Word]) {
        let _ = (world, inst, args);
    }
}

/// How an execution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Returned,
    Trapped,
    /// Who looks on has seen enough.
    Stopped,
    /// It is not known how it goes on.
    Vague,
    /// It takes too long.
    Spent,
}

/// An execution.
pub(crate) struct World {
    values: FxHashMap<Value, Word>,
    memory: BTreeMap<Place, (u32, Word)>,
    pub(crate) objects: Vec<Object>,
    /// The blocks that were entered.
    pub(crate) path: Vec<Node>,
    plan: Plan,
    random: u64,
    /// The numbers that were chosen.
    chosen: Vec<u64>,
    /// How many objects the function was given.
    given: u32,
}

impl<'a> Stage<'a> {
    pub(crate) fn new(facts: &'a Facts<'a>, headers: &'a Headers) -> Stage<'a> {
        let (func, cfg) = (facts.func, &facts.cfg);
        let bases = bases(facts);
        Stage {
            func,
            cfg,
            body: &facts.body,
            headers,
            pointers: pointers(func, &facts.body, &bases),
            bases,
            types: named_types(func),
            numbers: numbers(func, cfg),
        }
    }

    /// The only word of an object at its start that says how long it is.
    pub(crate) fn length_at(&self, object: &Object) -> Option<(i64, u32, u32)> {
        let fields = self.func.dfg.gc_info.fields(object.index?)?;
        match (object.kind_of(self), fields) {
            (GcHeapType::Array, [length, element]) => {
                Some((length.offset.into(), element.offset, element.size.max(1)))
            }
            _ => None,
        }
    }
}

impl Object {
    /// A reference to it.
    pub(crate) fn word(&self) -> u128 {
        self.at.into()
    }

    /// The kind of its type.
    pub(crate) fn kind_of(&self, stage: &Stage) -> GcHeapType {
        let of_type = self.index.and_then(|index| stage.types.get(&index));
        of_type.copied().unwrap_or(self.kind.heap)
    }

    /// Is its type one that a fact gave, and not only a kind?
    pub(crate) fn is_typed(&self) -> bool {
        self.kind.concrete.is_some()
    }
}

/// The values that are the base of the heap: those that are added to references.
pub(crate) fn bases(facts: &Facts) -> EntitySet<Value> {
    let (func, body) = (facts.func, &*facts.body);
    let mut bases = EntitySet::with_capacity(func.dfg.num_values());
    let mut add = |value: Value| {
        bases.insert(value);
    };
    for memory in body.accesses() {
        let address = Address::of(func, body, memory.access.addr);
        if let (Some(_), Some(pointer)) = (address.reference, address.pointer) {
            add(pointer);
        }
    }
    for (value, fact) in func.dfg.gc_info.facts() {
        if fact == GcFact::HeapBase {
            add(body.resolve(func, value));
        }
    }
    for item in body.items() {
        if !item.kind.is(Kind::ADDS_UP) {
            continue;
        }
        match func.dfg.insts[item.inst] {
            InstructionData::Binary {
                opcode: Opcode::Iadd,
                ..
            }
            | InstructionData::IntAddTrap { .. } => {}
            _ => continue,
        }
        let [a, b] = body.operands(item);
        for (index, base) in [(a, b), (b, a)] {
            if func.dfg.value_type(base) == types::I64
                && is_given(func, base)
                && facts.values.class(base) == Class::Plain
                && is_index(facts, index, MAX_INDEX)
            {
                add(base);
            }
        }
    }
    // What is loaded from the same place is the same.
    let loads = || {
        body.accesses().iter().filter_map(|memory| {
            let access = &memory.access;
            let result = access.result.filter(|_| access.data.is_none())?;
            let place = (access.flags.alias_region()?, access.offset, access.ty);
            Some((result, place))
        })
    };
    let known: FxHashSet<_> = loads()
        .filter(|(result, _)| bases.contains(*result))
        .map(|(_, place)| place)
        .collect();
    for (result, place) in loads() {
        if known.contains(&place) {
            bases.insert(result);
        }
    }
    bases
}

/// How deep it is looked whether a value is an index into the heap.
const MAX_INDEX: u32 = 4;

/// Is `value` what the function is given, or finds?
fn is_given(func: &Function, value: Value) -> bool {
    match func.dfg.value_def(value) {
        ValueDef::Param(block, _) => func.layout.entry_block() == Some(block),
        ValueDef::Result(inst, _) => {
            let opcode = func.dfg.insts[inst].opcode();
            opcode.can_load() || opcode.is_call()
        }
        ValueDef::Union(..) => false,
    }
}

/// Is `value` a reference, extended, and nothing else but numbers added to it?
fn is_index(facts: &Facts, value: Value, depth: u32) -> bool {
    let (func, cfg, body) = (facts.func, &facts.cfg, &*facts.body);
    let value = body.resolve(func, value);
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, 0) => match func.dfg.insts[inst] {
            InstructionData::Unary {
                opcode: Opcode::Uextend,
                arg,
            } => facts.values.class(body.resolve(func, arg)) != Class::Plain,
            InstructionData::Binary {
                opcode: Opcode::Iadd,
                args,
            }
            | InstructionData::IntAddTrap { args, .. } => {
                args.iter().any(|&arg| constant(func, arg).is_some())
                    && args.iter().any(|&arg| is_index(facts, arg, depth))
            }
            _ => false,
        },
        ValueDef::Param(block, number) => {
            let Some(node) = cfg.node(block).filter(|&node| node != 0) else {
                return false;
            };
            let mut edges = cfg.preds(node);
            edges.any(|edge| {
                let arg = argument(func, cfg.block(edge.from), edge, number);
                arg.is_some_and(|arg| is_index(facts, arg, depth))
            })
        }
        ValueDef::Result(..) | ValueDef::Union(..) => false,
    }
}

/// The values that addresses of other memory are made of.
fn pointers(func: &Function, body: &Body, bases: &EntitySet<Value>) -> EntitySet<Value> {
    let mut pointers = EntitySet::with_capacity(func.dfg.num_values());
    for memory in body.accesses() {
        let address = Address::of(func, body, memory.access.addr);
        if let (None, Some(pointer)) = (address.reference, address.pointer)
            && !bases.contains(pointer)
        {
            pointers.insert(pointer);
        }
    }
    pointers
}

/// The constants of `func` that it compares or computes with, and what is next to them.
fn numbers(func: &Function, cfg: &Cfg) -> Vec<u64> {
    let mut numbers = vec![
        0x3fff_ffff,
        0x4000_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        u64::MAX,
    ];
    for node in cfg.nodes() {
        for inst in func.layout.block_insts(cfg.block(node)) {
            if func.dfg.insts[inst].opcode().is_call() {
                continue;
            }
            for &arg in func.dfg.inst_args(inst) {
                let Some(n) = constant(func, arg) else {
                    continue;
                };
                for n in [n, n.wrapping_add(1), n.wrapping_sub(1), n.wrapping_neg()] {
                    if numbers.len() < MAX_NUMBERS && !numbers.contains(&n) {
                        numbers.push(n);
                    }
                }
            }
        }
    }
    numbers
}

/// Execute the function as planned, with at most so many instructions.
pub(crate) fn run(
    stage: &Stage,
    plan: &Plan,
    fuel: &mut u32,
    watch: &mut dyn Watch,
) -> (End, World) {
    // NB: It grows for nothing where many executions are short.
    let values = stage.func.dfg.num_values().min(MAX_VALUES);
    let mut world = World {
        values: FxHashMap::with_capacity_and_hasher(values, Default::default()),
        memory: BTreeMap::new(),
        objects: Vec::new(),
        path: vec![0],
        plan: plan.clone(),
        random: (plan.seed + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
        chosen: Vec::new(),
        given: u32::MAX,
    };
    let end = match stage.cfg.len() {
        0 => End::Vague,
        _ => world.run(stage, fuel, watch),
    };
    (end, world)
}

impl World {
    // --- Choices ---------------------------------------------------------------------------

    fn roll(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    /// A number of so many bits.
    fn number(&mut self, stage: &Stage, bits: u32) -> u64 {
        let (how, which) = (self.roll() % 8, self.roll());
        // NB: Some executions are of small numbers only, so that their loops come to an end.
        let is_small = self.plan.seed.is_multiple_of(3);
        let mut n = match how {
            0..=2 => which % 5,
            3..=4 if !self.chosen.is_empty() => {
                let near = self.chosen[(which >> 8) as usize % self.chosen.len()];
                near.wrapping_add(which % 3).wrapping_sub(1)
            }
            _ if is_small => which % 5,
            _ => stage.numbers[which as usize % stage.numbers.len()],
        };
        if bits < 64 {
            n &= (1 << bits) - 1;
        }
        self.chosen.push(n);
        n
    }

    /// A new object of a kind that facts allow.
    fn object(&mut self, stage: &Stage, kind: GcKind, is_new: bool) -> Word {
        let info = &stage.func.dfg.gc_info;
        let fits = |&(&index, &heap): &(&u32, &GcHeapType)| match kind.concrete {
            Some(concrete) => index == concrete || !is_new && info.is_subtype(index, concrete),
            None => is_below(heap, kind.heap),
        };
        let types: SmallVec<[u32; 8]> = stage
            .types
            .iter()
            .filter(fits)
            .map(|(&index, _)| index)
            .collect();
        let which = self.roll() as usize;
        let index = match types.is_empty() {
            true => kind.concrete,
            // NB: What facts say is true of the type itself most often.
            false if which.is_multiple_of(2) && kind.concrete.is_some() => kind.concrete,
            false => Some(types[(which >> 1) % types.len()]),
        };
        let number = self.objects.len() as u32;
        let at = GAP * (u64::from(number) + 1);
        let others = if self.roll().is_multiple_of(2) {
            0
        } else {
            0x03ff_ffff
        };
        let object = Object {
            at,
            kind,
            index,
            is_new,
            others,
        };
        if let (Some((length_at, start, size)), false) = (stage.length_at(&object), is_new) {
            let most = ((1u64 << 32) - at - u64::from(start)) / u64::from(size);
            let mut length = self.number(stage, 32).min(most);
            let planned = self.plan.lengths.iter().find(|plan| plan.0 == number);
            if let Some(&(_, planned)) = planned {
                length = u64::from(planned).min(most);
            }
            self.chosen.pop();
            self.chosen.push(length);
            let word = Word::plain(length.into());
            self.memory
                .insert(Place::Object(number, length_at), (4, word));
        }
        self.objects.push(object);
        Word {
            bits: at.into(),
            tag: Tag::Reference(number),
        }
    }

    /// The length of an array, if it is known.
    pub(crate) fn length(&self, stage: &Stage, number: u32) -> Option<u32> {
        let (length_at, ..) = stage.length_at(&self.objects[number as usize])?;
        match self.memory.get(&Place::Object(number, length_at)) {
            Some(&(
                4,
                Word {
                    bits,
                    tag: Tag::Plain,
                },
            )) => u32::try_from(bits).ok(),
            _ => None,
        }
    }

    /// A reference of which this is said.
    pub(crate) fn reference(
        &mut self,
        stage: &Stage,
        kind: GcKind,
        nullability: GcNullability,
    ) -> Word {
        let how = self.roll() % 12;
        let which = self.roll();
        // NB: What is found later may be what the function was given. What memory held may be on no list, and nobody else has it.
        let known = self.given.min(self.objects.len() as u32);
        let known: SmallVec<[u32; 8]> = (0..known)
            .filter(|&number| {
                let object = &self.objects[number as usize];
                !object.is_new && object.kind == kind
            })
            .collect();
        match (how, nullability) {
            (_, GcNullability::Null) | (0..=2, GcNullability::Nullable) => Word::plain(0),
            (3, _) if kind.heap.may_be_i31() && kind.concrete.is_none() => {
                Word::plain(u128::from(which as u32 | 1))
            }
            _ if kind.heap == GcHeapType::I31 => Word::plain(u128::from(which as u32 | 1)),
            (4..=5, _) if !known.is_empty() => {
                let number = known[which as usize % known.len()];
                Word {
                    bits: self.objects[number as usize].at.into(),
                    tag: Tag::Reference(number),
                }
            }
            _ => self.object(stage, kind, false),
        }
    }

    /// Something that nobody knows: what the function is given, finds in memory, or gets from a callee.
    fn unknown_word(&mut self, stage: &Stage, value: Value) -> Word {
        let func = stage.func;
        let info = &func.dfg.gc_info;
        let ty = func.dfg.value_type(value);
        if let Some(index) = stage.headers.type_id(func, value) {
            return Word {
                bits: (TYPE + u64::from(index)).into(),
                tag: Tag::Type,
            };
        }
        let fact = info.fact(value).or_else(|| given(func, value));
        if let Some(GcFact::Ref {
            kind, nullability, ..
        }) = fact
            && ty == types::I32
            && is_in_heap(kind.heap)
        {
            return self.reference(stage, kind, nullability);
        }
        if stage.bases.contains(value) {
            return Word {
                bits: HEAP.into(),
                tag: Tag::Base,
            };
        }
        if stage.pointers.contains(value) {
            return Word::plain(OTHER + u128::from(value.as_u32()) * APART);
        }
        if ty.bits() > 64 {
            let bits = self.roll();
            return match ty.bits() > 128 {
                true => VAGUE,
                false => Word::plain(bits.into()),
            };
        }
        Word::plain(self.number(stage, ty.bits()).into())
    }

    /// A word of the header of an object, if `value` is one.
    fn header(&self, stage: &Stage, value: Value, place: Place) -> Option<Word> {
        let Place::Object(number, _) = place else {
            return None;
        };
        let (_, word) = stage.headers.word(stage.func, stage.body, value)?;
        let object = &self.objects[number as usize];
        Some(match word {
            HeaderWord::Type => {
                let index = object.index.map_or(0, u64::from);
                Word {
                    bits: (TYPE + index).into(),
                    tag: if object.index.is_some() {
                        Tag::Type
                    } else {
                        Tag::Vague
                    },
                }
            }
            HeaderWord::Kind => {
                let bits = stage.func.dfg.gc_info.kind_bits(object.kind_of(stage));
                match bits {
                    Some(bits) => Word::plain((bits | object.others).into()),
                    None => return None,
                }
            }
        })
    }

    // --- Values ----------------------------------------------------------------------------

    pub(crate) fn value(&self, stage: &Stage, value: Value) -> Word {
        let value = stage.body.resolve(stage.func, value);
        self.values.get(&value).copied().unwrap_or(VAGUE)
    }

    /// Returns false if what `value` is said to be is not so.
    fn define(&mut self, stage: &Stage, value: Value, mut word: Word) -> bool {
        let info = &stage.func.dfg.gc_info;
        let fact = info.fact(value);
        if info.new_object(value).is_some()
            && let Some(GcFact::Ref { kind, .. }) = fact
        {
            word = self.object(stage, kind, true);
        }
        let is_so = match fact {
            Some(GcFact::Ref {
                kind, nullability, ..
            }) if is_in_heap(kind.heap) => self.may_be(stage, word, kind, nullability),
            _ => true,
        };
        self.values.insert(value, word);
        is_so
    }

    fn may_be(&self, stage: &Stage, word: Word, kind: GcKind, nullability: GcNullability) -> bool {
        match (word.tag, word.bits) {
            (Tag::Reference(number), _) => {
                let object = &self.objects[number as usize];
                let of_type = match (kind.concrete, object.index) {
                    (Some(concrete), Some(index)) => {
                        index == concrete || stage.func.dfg.gc_info.is_subtype(index, concrete)
                    }
                    (Some(_), None) => false,
                    (None, _) => is_below(object.kind_of(stage), kind.heap),
                };
                of_type && nullability != GcNullability::Null
            }
            (Tag::Plain, 0) => nullability != GcNullability::NonNull,
            (Tag::Plain, bits) => {
                bits % 2 == 1 && kind.heap.may_be_i31() && kind.concrete.is_none()
            }
            _ => false,
        }
    }

    // --- Memory ----------------------------------------------------------------------------

    fn place(&self, word: Word, offset: i32) -> Option<Place> {
        let bits = (word.bits as u64).wrapping_add(i64::from(offset) as u64);
        match word.tag {
            Tag::Plain | Tag::Base => Some(Place::Elsewhere(bits as i64)),
            Tag::Address(object) => {
                let start = HEAP + self.objects[object as usize].at;
                Some(Place::Object(object, bits.wrapping_sub(start) as i64))
            }
            Tag::Slot(slot) => Some(Place::Slot(slot, bits as i64)),
            Tag::Reference(_) | Tag::Type | Tag::Vague => None,
        }
    }

    /// What is there, if it was stored as a whole; nothing, if it was not stored.
    pub(crate) fn held(&self, place: Place, size: u32) -> Option<Word> {
        if let Some(&(known, word)) = self.memory.get(&place)
            && known == size
        {
            return Some(word);
        }
        self.overlapping(place, size).first().map(|_| VAGUE)
    }

    fn overlapping(&self, place: Place, size: u32) -> SmallVec<[Place; 4]> {
        let range = place.at(-16)..place.at(size.into());
        if range.start > range.end {
            return SmallVec::new();
        }
        let cells = self.memory.range(range);
        cells
            .filter(|&(&at, &(known, _))| at.at(known.into()) > place)
            .map(|(&at, _)| at)
            .collect()
    }

    pub(crate) fn store(&mut self, place: Place, size: u32, word: Word) {
        for at in self.overlapping(place, size) {
            if let Some(cell) = self.memory.get_mut(&at) {
                cell.1 = VAGUE;
            }
        }
        self.memory.insert(place, (size, word));
    }

    /// Choose what is there, which nobody knows.
    pub(crate) fn set(&mut self, place: Place, size: u32, word: Word) {
        self.memory.insert(place, (size, word));
    }

    // --- Execution -------------------------------------------------------------------------

    fn run(&mut self, stage: &Stage, fuel: &mut u32, watch: &mut dyn Watch) -> End {
        let func = stage.func;
        let entry = stage.cfg.block(0);
        for &param in func.dfg.block_params(entry) {
            let word = self.unknown_word(stage, param);
            if !self.define(stage, param, word) {
                return End::Vague;
            }
        }
        self.given = self.objects.len() as u32;
        let mut node = 0;
        loop {
            for inst in func.layout.block_insts(stage.cfg.block(node)) {
                let Some(left) = fuel.checked_sub(1) else {
                    return End::Spent;
                };
                *fuel = left;
                steps::count(Analysis::Evidence, 1);
                watch.before(self, stage, inst);
                if let Some(end) = self.step(stage, inst, watch) {
                    return end;
                }
            }
            match self.leave(stage, node) {
                Ok(next) if self.path.len() < MAX_ENTERED => node = next,
                Ok(_) => return End::Spent,
                Err(end) => return end,
            }
        }
    }

    fn step(&mut self, stage: &Stage, inst: Inst, watch: &mut dyn Watch) -> Option<End> {
        let func = stage.func;
        let data = &func.dfg.insts[inst];
        let opcode = data.opcode();
        let args = |world: &World| -> SmallVec<[Word; 4]> {
            let args = func.dfg.inst_args(inst).iter();
            args.map(|&arg| world.value(stage, arg)).collect()
        };
        if opcode.is_return() {
            let args = args(self);
            if opcode.is_call() {
                watch.called(self, inst, &args);
            }
            watch.returned(self, inst, &args);
            return Some(End::Returned);
        }
        if opcode.is_call() {
            let args = args(self);
            watch.called(self, inst, &args);
            for &result in func.dfg.inst_results(inst) {
                let word = self.called(stage, result, &args);
                if !self.define(stage, result, word) {
                    return Some(End::Vague);
                }
            }
            return None;
        }
        if opcode.can_load() || opcode.can_store() {
            return self.access(stage, inst, watch);
        }
        match *data {
            InstructionData::CondTrap { arg, .. } => {
                let condition = self.value(stage, arg);
                let is = match is_true(condition) {
                    Some(is) => is,
                    None => return Some(End::Vague),
                };
                let traps = is == (opcode == Opcode::Trapnz);
                return traps.then_some(End::Trapped);
            }
            InstructionData::Trap { .. } => return Some(End::Trapped),
            InstructionData::StackAddr {
                stack_slot, offset, ..
            } => {
                let word = Word {
                    bits: u128::from(i64::from(i32::from(offset)) as u64),
                    tag: Tag::Slot(stack_slot.as_u32()),
                };
                self.values.insert(func.dfg.first_result(inst), word);
                return None;
            }
            _ if opcode.is_branch() => return None,
            _ => {}
        }
        let args = args(self);
        for index in 0..func.dfg.inst_results(inst).len() {
            let result = func.dfg.inst_results(inst)[index];
            let word = match self.computed(stage, (inst, index), &args) {
                Ok(word) => word,
                Err(end) => return Some(end),
            };
            if !self.define(stage, result, word) {
                return Some(End::Vague);
            }
        }
        None
    }

    /// What a callee returns.
    fn called(&mut self, stage: &Stage, result: Value, args: &[Word]) -> Word {
        let func = stage.func;
        if stage.headers.compared(func, result).is_some()
            && let [.., sub, sup] = args
        {
            let index = |word: &Word| match word.tag {
                Tag::Type => Some((word.bits as u64).wrapping_sub(TYPE) as u32),
                _ => None,
            };
            return match (index(sub), index(sup)) {
                (Some(sub), Some(sup)) => {
                    let is = sub == sup || func.dfg.gc_info.is_subtype(sub, sup);
                    Word::plain(is.into())
                }
                _ => VAGUE,
            };
        }
        let word = self.unknown_word(stage, result);
        let tells = args
            .iter()
            .any(|arg| !matches!(arg.tag, Tag::Plain | Tag::Base | Tag::Slot(_)));
        match word.tag {
            // NB: It may be the length of an array that is passed.
            Tag::Plain if tells && func.dfg.gc_info.fact(result).is_none() => VAGUE,
            _ => word,
        }
    }

    fn access(&mut self, stage: &Stage, inst: Inst, watch: &mut dyn Watch) -> Option<End> {
        let func = stage.func;
        let Some(access) = access(func, inst) else {
            return Some(End::Vague);
        };
        let address = self.value(stage, access.addr);
        // NB: An address that a bounds check makes null is not there. What is added to it may lead out of that page.
        let at = (address.bits as u64).wrapping_add(i64::from(access.offset) as u64);
        if address.tag == Tag::Plain && is_null_page(at) {
            return Some(End::Trapped);
        }
        let Some(place) = self.place(address, access.offset) else {
            if let (None, Some(result)) = (access.data, access.result) {
                self.values.insert(result, VAGUE);
                return None;
            }
            return Some(End::Vague);
        };
        let mut seen = Seen {
            inst,
            access,
            place,
            data: None,
        };
        // NB: What does both loads first.
        let mut found = None;
        if let Some(result) = access.result {
            match self.load(stage, &seen, result, watch) {
                Ok(word) => found = Some(word),
                Err(end) => return Some(end),
            }
        }
        let data = match (stored_by(func, inst, &access)?, found) {
            (Stored::Value(data), _) => self.value(stage, data),
            (Stored::Perhaps(data), Some(found)) => {
                let expected = self.value(stage, func.dfg.inst_args(inst)[1]);
                match are_equal(found, expected) {
                    Some(true) => self.value(stage, data),
                    Some(false) => return None,
                    None => return Some(End::Vague),
                }
            }
            (Stored::Computed, Some(found)) => self.modified(stage, inst, &access, found),
            (Stored::Perhaps(_) | Stored::Computed, None) => return Some(End::Vague),
        };
        seen.data = Some(data);
        if watch.access(self, stage, &seen) {
            return Some(End::Stopped);
        }
        self.store(place, access.size, cut(data, access.size));
        None
    }

    /// What an atomic operation leaves where it found `found`.
    fn modified(&self, stage: &Stage, inst: Inst, access: &Access, found: Word) -> Word {
        let func = stage.func;
        let (InstructionData::AtomicRmw { op, .. }, Some(data)) =
            (func.dfg.insts[inst], access.data)
        else {
            return VAGUE;
        };
        let opcode = match op {
            AtomicRmwOp::Add => Opcode::Iadd,
            AtomicRmwOp::Sub => Opcode::Isub,
            AtomicRmwOp::And => Opcode::Band,
            AtomicRmwOp::Or => Opcode::Bor,
            AtomicRmwOp::Xor => Opcode::Bxor,
            AtomicRmwOp::Umin => Opcode::Umin,
            AtomicRmwOp::Umax => Opcode::Umax,
            AtomicRmwOp::Smin => Opcode::Smin,
            AtomicRmwOp::Smax => Opcode::Smax,
            AtomicRmwOp::Xchg | AtomicRmwOp::Nand => return VAGUE,
        };
        let data = self.value(stage, data);
        let ty = access.ty;
        let bits = binary(opcode, ty, found.bits as u64, data.bits as u64).bits();
        match (found.tag, data.tag, bits) {
            (Tag::Plain, Tag::Plain, Some(bits)) if fits(ty) => Word::plain(bits.into()),
            _ => VAGUE,
        }
    }

    /// Load `result`, and return what is found.
    fn load(
        &mut self,
        stage: &Stage,
        seen: &Seen,
        result: Value,
        watch: &mut dyn Watch,
    ) -> Result<Word, End> {
        let func = stage.func;
        let Seen {
            inst,
            access,
            place,
            ..
        } = *seen;
        if watch.access(self, stage, seen) {
            return Err(End::Stopped);
        }
        let found = match self.header(stage, result, place) {
            Some(word) => word,
            None => match self.held(place, access.size) {
                Some(word) => word,
                None => {
                    let mut word = self.unknown_word(stage, result);
                    if access.size < 16 && word.tag == Tag::Plain {
                        word.bits &= (1u128 << (8 * access.size)) - 1;
                    }
                    self.set(place, access.size, word);
                    word
                }
            },
        };
        let ty = func.dfg.value_type(result);
        let is_signed = matches!(
            func.dfg.insts[inst].opcode(),
            Opcode::Sload8 | Opcode::Sload16 | Opcode::Sload32
        );
        let found = match found.tag {
            Tag::Plain if is_signed && ty.bits() <= 64 => {
                let shift = 128 - 8 * access.size;
                let bits = ((found.bits << shift) as i128 >> shift) as u128;
                Word::plain(bits & ((1 << ty.bits()) - 1))
            }
            _ => found,
        };
        watch.loaded(self, stage, seen, found);
        match self.define(stage, result, found) {
            true => Ok(found),
            false => Err(End::Vague),
        }
    }

    /// What an instruction computes of its operands.
    fn computed(
        &mut self,
        stage: &Stage,
        (inst, index): (Inst, usize),
        args: &[Word],
    ) -> Result<Word, End> {
        let func = stage.func;
        let data = &func.dfg.insts[inst];
        let opcode = data.opcode();
        let result = func.dfg.inst_results(inst)[index];
        if let (Opcode::Select | Opcode::SelectSpectreGuard, &[condition, yes, no]) = (opcode, args)
        {
            return Ok(match is_true(condition) {
                Some(true) => yes,
                Some(false) => no,
                None if yes == no => yes,
                None => VAGUE,
            });
        }
        if args.iter().any(|arg| arg.tag == Tag::Vague) {
            return Ok(VAGUE);
        }
        if let Some(word) = unchanged(data, func.dfg.value_type(result), args) {
            return Ok(word);
        }
        let tag = tag_of(data, args);
        if tag == Tag::Vague {
            return Ok(VAGUE);
        }
        let bits: SmallVec<[u128; 4]> = args.iter().map(|arg| arg.bits).collect();
        match eval_inst(func, inst, index, &bits) {
            Outcome::Is(bits) => Ok(Word { bits, tag }),
            Outcome::Undefined if opcode.can_trap() => Err(End::Trapped),
            Outcome::Opaque | Outcome::Unknown if args.is_empty() => {
                Ok(self.unknown_word(stage, result))
            }
            Outcome::Undefined | Outcome::Opaque | Outcome::Unknown => Ok(VAGUE),
        }
    }

    /// Take a branch.
    fn leave(&mut self, stage: &Stage, node: Node) -> Result<Node, End> {
        let func = stage.func;
        let last = func
            .layout
            .last_inst(stage.cfg.block(node))
            .ok_or(End::Vague)?;
        let dests = destinations(func, last);
        let dest = match func.dfg.insts[last] {
            InstructionData::Brif { arg, .. } => {
                let is = is_true(self.value(stage, arg)).ok_or(End::Vague)?;
                usize::from(!is)
            }
            InstructionData::BranchTable { arg, .. } => {
                let index = self.value(stage, arg);
                if index.tag != Tag::Plain {
                    return Err(End::Vague);
                }
                // The default destination comes first.
                let index = usize::try_from(index.bits).unwrap_or(usize::MAX);
                if index < dests.len() - 1 {
                    index + 1
                } else {
                    0
                }
            }
            _ if dests.is_empty() => return Err(End::Vague),
            _ => self.roll() as usize % dests.len(),
        };
        let block = dests[dest].block(&func.dfg.value_lists);
        let to = stage.cfg.node(block).ok_or(End::Vague)?;
        let mut args = SmallVec::<[Option<Word>; 4]>::new();
        for arg in dests[dest].args(&func.dfg.value_lists) {
            args.push(match arg {
                BlockArg::Value(arg) => Some(self.value(stage, arg)),
                // NB: The parameter may have no fact of its own.
                BlockArg::TryCallRet(index) => match returned(func, last, index as usize) {
                    Some(GcFact::Ref {
                        kind, nullability, ..
                    }) if is_in_heap(kind.heap) => Some(self.reference(stage, kind, nullability)),
                    _ => None,
                },
                BlockArg::TryCallExn(_) => None,
            });
        }
        self.path.push(to);
        for (word, &param) in args.into_iter().zip(func.dfg.block_params(block)) {
            let word = match word {
                Some(word) => word,
                None => self.unknown_word(stage, param),
            };
            if !self.define(stage, param, word) {
                return Err(End::Vague);
            }
        }
        Ok(to)
    }
}

/// Is no memory at this address? The upper half belongs to the kernel.
pub(crate) fn is_null_page(address: u64) -> bool {
    (address as i64) < NULL_PAGE as i64
}

/// The bytes of `word` that are stored.
fn cut(word: Word, size: u32) -> Word {
    if size >= 16 {
        return word;
    }
    let mask = (1u128 << (8 * size)) - 1;
    match word.bits & !mask {
        0 => word,
        _ => Word {
            bits: word.bits & mask,
            tag: match word.tag {
                Tag::Plain => Tag::Plain,
                _ => Tag::Vague,
            },
        },
    }
}

/// Are both the same, if that is known?
fn are_equal(a: Word, b: Word) -> Option<bool> {
    match (a.tag, b.tag) {
        (Tag::Plain | Tag::Reference(_), Tag::Plain | Tag::Reference(_)) => Some(a.bits == b.bits),
        _ => None,
    }
}

/// Is it other than zero, if that is known?
pub(crate) fn is_true(word: Word) -> Option<bool> {
    match word.tag {
        Tag::Vague => None,
        Tag::Slot(_) => Some(true),
        Tag::Plain | Tag::Base | Tag::Reference(_) | Tag::Address(_) | Tag::Type => {
            Some(word.bits != 0)
        }
    }
}

/// The word of which an instruction makes the same bits again, whatever these are.
fn unchanged(data: &InstructionData, ty: Type, args: &[Word]) -> Option<Word> {
    let ones = match ty.bits() {
        bits @ 1..=64 => u128::from(u64::MAX >> (64 - bits)),
        _ => return None,
    };
    let is = |word: Word, bits: u128| word.tag == Tag::Plain && word.bits == bits;
    let opcode = data.opcode();
    match (opcode, args) {
        (Opcode::Bitcast, &[word]) => Some(word),
        (Opcode::Bitselect, &[mask, yes, no]) => match () {
            () if is(mask, ones) => Some(yes),
            () if is(mask, 0) => Some(no),
            () => None,
        },
        (Opcode::Umax | Opcode::Umin, &[a, b]) if a.bits != b.bits => {
            let is_first = (a.bits > b.bits) == (opcode == Opcode::Umax);
            Some(if is_first { a } else { b })
        }
        (_, &[a, b]) => {
            let neutral = match opcode {
                Opcode::Band => ones,
                Opcode::Bor
                | Opcode::Bxor
                | Opcode::Ishl
                | Opcode::Ushr
                | Opcode::Sshr
                | Opcode::Rotl
                | Opcode::Rotr => 0,
                Opcode::Imul | Opcode::Udiv => 1,
                _ => return None,
            };
            let is_ordered = !matches!(
                opcode,
                Opcode::Band | Opcode::Bor | Opcode::Bxor | Opcode::Imul
            );
            match () {
                () if is(b, neutral) => Some(a),
                () if !is_ordered && is(a, neutral) => Some(b),
                () if !is_ordered && opcode != Opcode::Bor && opcode != Opcode::Bxor => {
                    (is(a, 0) || is(b, 0)).then_some(Word::plain(0))
                }
                () => None,
            }
        }
        _ => None,
    }
}

/// What an instruction makes of what its operands are.
fn tag_of(data: &InstructionData, args: &[Word]) -> Tag {
    use Tag::*;
    let tags: SmallVec<[Tag; 4]> = args.iter().map(|arg| arg.tag).collect();
    if tags.iter().all(|&tag| tag == Plain) {
        return Plain;
    }
    match (data.opcode(), &tags[..]) {
        (Opcode::Iadd | Opcode::UaddOverflowTrap, &[a, b]) => match (a, b) {
            (tag @ (Base | Reference(_) | Address(_) | Slot(_)), Plain)
            | (Plain, tag @ (Base | Reference(_) | Address(_) | Slot(_))) => tag,
            (Base, Reference(object)) | (Reference(object), Base) => Address(object),
            _ => Vague,
        },
        (Opcode::Isub, &[a, b]) => match (a, b) {
            (tag @ (Base | Reference(_) | Address(_) | Slot(_)), Plain) => tag,
            (Base, Base) => Plain,
            (Reference(a), Reference(b)) | (Address(a), Address(b)) if a == b => Plain,
            (Address(object), Base) => Reference(object),
            (Address(a), Reference(b)) if a == b => Base,
            _ => Vague,
        },
        (Opcode::Uextend, &[tag @ (Reference(_) | Type)]) => tag,
        (Opcode::Ireduce, &[tag @ (Reference(_) | Type)]) => tag,
        (Opcode::Bitcast, &[tag @ (Base | Reference(_) | Address(_))]) => tag,
        (Opcode::Icmp, &[a, b]) => {
            let is_equality = matches!(data.cond_code(), Some(IntCC::Equal | IntCC::NotEqual));
            match (a, b) {
                (Slot(a), Slot(b)) if a == b => Plain,
                (Slot(_), _) | (_, Slot(_)) => Vague,
                (Type, Type) if is_equality => Plain,
                (Type, _) | (_, Type) => Vague,
                _ => Plain,
            }
        }
        // The tag of an i31, or how an address is aligned.
        (Opcode::Band, &[Reference(_), Plain]) if args[1].bits <= 7 => Plain,
        (Opcode::Band, &[Plain, Reference(_)]) if args[0].bits <= 7 => Plain,
        _ => Vague,
    }
}

/// Is each object of the kind `sub` one of the kind `sup`?
fn is_below(sub: GcHeapType, sup: GcHeapType) -> bool {
    match sup {
        GcHeapType::Any | GcHeapType::Eq => {
            matches!(sub, GcHeapType::Struct | GcHeapType::Array) || sub == sup
        }
        _ => sub == sup,
    }
}
