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

mod choices;
mod execution;
pub(crate) mod stage;

use crate::analysis::kind::header::Headers;
use crate::analysis::kind::is_in_heap;
use crate::ir::cfg::{Cfg, Node};
use crate::ir::instruction::Access;
use crate::ir::view::Body;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Function, GcFact, GcHeapType, GcKind, GcNullability, Inst, Value};
use smallvec::SmallVec;
use std::collections::BTreeMap;

/// Where the heap is.
const HEAP: u64 = 1 << 40;
/// Below this nothing is.
const NULL_PAGE: u64 = 1 << 16;
/// The number of a type is this and its index.
const TYPE: u64 = 0x5_0000;
/// For how many values there is room at first.
const MAX_VALUES: usize = 128;

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
}

/// Is no memory at this address? The upper half belongs to the kernel.
pub(crate) fn is_null_page(address: u64) -> bool {
    (address as i64) < NULL_PAGE as i64
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

/// Is each object of the kind `sub` one of the kind `sup`?
fn is_below(sub: GcHeapType, sup: GcHeapType) -> bool {
    match sup {
        GcHeapType::Any | GcHeapType::Eq => {
            matches!(sub, GcHeapType::Struct | GcHeapType::Array) || sub == sup
        }
        _ => sub == sup,
    }
}
