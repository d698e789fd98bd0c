//! What a reference may be: null, an unboxed integer, or an object of some type.
//!
//! **Claim.** Every word that a position of a kind may be given is one of the [`Thing`]s of that kind, and no two things
//! are told apart by the kinds that a function names unless they are listed apart here.
//!
//! **Strength.** Exact, for functions that name at most [`MAX_TYPES`] concrete types. An object may be of a type that the
//! function does not name: below a type that it names, or below none of them.
//!
//! **Math.** The Wasm heap types are a lattice. Of a concrete type `t` there are the objects of exactly `t`, and
//! those of a subtype of `t` that is not named; a set of things is a union of such classes, and one
//! kind is below another if its set is a subset.

use crate::finding::typed::Thing;
use cranelift_codegen::ir::{Function, GcFact, GcHeapType, GcInfo, GcKind, GcNullability};
use std::cell::RefCell;
use std::collections::BTreeMap;

/// How many words a set of things has.
const WORDS: usize = 4;

/// A set of things, by their numbers in a [`Universe`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Things([u64; WORDS]);

impl Things {
    pub(crate) fn is_empty(self) -> bool {
        self == Things::default()
    }

    pub(crate) fn or(self, other: Things) -> Things {
        self.with(other, |a, b| a | b)
    }

    pub(crate) fn and(self, other: Things) -> Things {
        self.with(other, |a, b| a & b)
    }

    pub(crate) fn without(self, other: Things) -> Things {
        self.with(other, |a, b| a & !b)
    }

    fn with(self, other: Things, word: impl Fn(u64, u64) -> u64) -> Things {
        Things(core::array::from_fn(|at| word(self.0[at], other.0[at])))
    }

    pub(crate) fn contains(self, number: usize) -> bool {
        self.0[number / 64] & (1 << (number % 64)) != 0
    }

    pub(crate) fn insert(&mut self, number: usize) {
        self.0[number / 64] |= 1 << (number % 64);
    }

    /// The numbers, in ascending order.
    pub(crate) fn numbers(self) -> impl Iterator<Item = usize> {
        let mut rest = self.0;
        let mut at = 0;
        core::iter::from_fn(move || {
            while *rest.get(at)? == 0 {
                at += 1;
            }
            let number = rest[at].trailing_zeros() as usize;
            rest[at] &= rest[at] - 1;
            Some(64 * at + number)
        })
    }

    /// Those for which `is_it` says so.
    pub(crate) fn filter(self, mut is_it: impl FnMut(usize) -> bool) -> Things {
        let mut kept = Things::default();
        for number in self.numbers() {
            if is_it(number) {
                kept.insert(number);
            }
        }
        kept
    }
}

/// The things that are there in every function.
const ALWAYS: [Thing; 9] = [
    Thing::Null,
    Thing::I31,
    Thing::Number,
    Thing::Other(GcHeapType::Any),
    Thing::Other(GcHeapType::Struct),
    Thing::Other(GcHeapType::Array),
    Thing::Other(GcHeapType::Exn),
    Thing::Other(GcHeapType::Func),
    Thing::Other(GcHeapType::Cont),
];

/// How many concrete types are told apart.
pub(crate) const MAX_TYPES: usize = (WORDS * u64::BITS as usize - ALWAYS.len()) / 2;

/// For how many facts it is remembered what these allow.
const MAX_KNOWN: usize = 32;

/// All things that a function tells apart.
pub(crate) struct Universe {
    /// Those that are always there, and two for each concrete type, in ascending order of their indices.
    things: Vec<Thing>,
    /// What was asked for.
    known: RefCell<Vec<(GcFact, Things)>>,
}

impl Universe {
    /// Tell the objects of `types` apart; `None` if these are too many.
    pub(crate) fn new(types: &BTreeMap<u32, GcHeapType>) -> Option<Universe> {
        if types.len() > MAX_TYPES {
            return None;
        }
        let mut things = ALWAYS.to_vec();
        for (&index, &heap) in types {
            things.extend([Thing::Exactly(heap, index), Thing::Below(heap, index)]);
        }
        Some(Universe::with(things))
    }

    /// Tell no objects apart by their types.
    pub(crate) fn of_no_type() -> Universe {
        Universe::with(ALWAYS.to_vec())
    }

    fn with(things: Vec<Thing>) -> Universe {
        Universe {
            things,
            known: RefCell::default(),
        }
    }

    /// How many things there are.
    pub(crate) fn len(&self) -> usize {
        self.things.len()
    }

    /// The thing with this number.
    pub(crate) fn thing(&self, number: usize) -> Thing {
        self.things[number]
    }

    /// The number of `thing`.
    pub(crate) fn number(&self, thing: Thing) -> Option<usize> {
        match thing {
            Thing::Exactly(_, index) | Thing::Below(_, index) => {
                let at = self.position(index)?;
                (at..at + 2).find(|&number| self.things[number] == thing)
            }
            _ => ALWAYS.iter().position(|&other| other == thing),
        }
    }

    /// Is the concrete type with this index told apart?
    pub(crate) fn has_type(&self, index: u32) -> bool {
        self.position(index).is_some()
    }

    /// Where the two things of the concrete type with this index are.
    fn position(&self, index: u32) -> Option<usize> {
        let of_types = &self.things[ALWAYS.len()..];
        let index_of = |thing: &Thing| match *thing {
            Thing::Exactly(_, index) | Thing::Below(_, index) => Some(index),
            _ => None,
        };
        let at = of_types.partition_point(|thing| index_of(thing) < Some(index));
        (of_types.get(at).and_then(index_of) == Some(index)).then_some(ALWAYS.len() + at)
    }

    /// Just this one.
    pub(crate) fn only(&self, thing: Thing) -> Things {
        let mut things = Things::default();
        if let Some(number) = self.number(thing) {
            things.insert(number);
        }
        things
    }

    /// What something with `fact` may be; everything that is not told apart from it is among that.
    pub(crate) fn of(&self, info: &GcInfo, fact: GcFact) -> Things {
        let GcFact::Ref {
            kind,
            nullability,
            traced,
        } = fact
        else {
            return self.only(Thing::Number);
        };
        let mut known = self.known.borrow_mut();
        if let Some(&(_, things)) = known.iter().find(|&&(of, _)| of == fact) {
            return things;
        }
        let has_objects = traced || !is_traced_kind(kind.heap);
        let mut things = Things::default();
        for (number, &thing) in self.things.iter().enumerate() {
            let is_object = !matches!(thing, Thing::Null | Thing::I31 | Thing::Number);
            if (has_objects || !is_object) && self.allows(info, kind, nullability, thing) {
                things.insert(number);
            }
        }
        if known.len() < MAX_KNOWN {
            known.push((fact, things));
        }
        things
    }

    fn allows(
        &self,
        info: &GcInfo,
        kind: GcKind,
        nullability: GcNullability,
        thing: Thing,
    ) -> bool {
        match thing {
            Thing::Null => nullability != GcNullability::NonNull,
            _ if nullability == GcNullability::Null => false,
            Thing::I31 => kind.heap.may_be_i31(),
            Thing::Number => false,
            Thing::Other(heap) => {
                is_below(heap, kind.heap)
                    && kind.concrete.is_none_or(|index| {
                        // Objects of a type that is not told apart may be below none that is.
                        !self.has_type(index)
                    })
            }
            Thing::Exactly(heap, index) | Thing::Below(heap, index) => {
                let is_below_index = |above: u32| {
                    heap == kind.heap
                        && (info.is_subtype(index, above)
                            // The other way round: what is not told apart is below the type somewhere.
                            || !self.has_type(above)
                                && matches!(thing, Thing::Below(..))
                                && info.is_subtype(above, index))
                };
                is_below(heap, kind.heap) && kind.concrete.is_none_or(is_below_index)
            }
        }
    }
}

/// Are objects of this kind found by what a collector traces? What is said not to be traced is none of them then.
fn is_traced_kind(heap: GcHeapType) -> bool {
    use GcHeapType::*;
    match heap {
        Any | Eq | Struct | Array | Extern | Exn => true,
        I31 | None | NoExtern | NoExn | Func | NoFunc | Cont | NoCont => false,
    }
}

/// Is every object of the kind `sub` one of the kind `sup`?
///
/// NB: A reference of the host and an internal one have the same bits, and the conversions between them are none: either may
/// be the other. `any` stands for an object of the host.
fn is_below(sub: GcHeapType, sup: GcHeapType) -> bool {
    use GcHeapType::*;
    match sup {
        Any | Extern => matches!(sub, Any | Struct | Array),
        Eq => matches!(sub, Struct | Array),
        Struct | Array | Func | Exn | Cont => sub == sup,
        I31 | None | NoExtern | NoFunc | NoExn | NoCont => false,
    }
}

/// Whether everything that one fact allows another one allows, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fits {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// One of them names a type of which nothing is known.
    Unknown,
}

/// Does `promise` allow everything that `fact` does?
pub(crate) fn fits(info: &GcInfo, fact: GcFact, promise: GcFact) -> Fits {
    let (
        GcFact::Ref {
            kind,
            nullability,
            traced,
        },
        GcFact::Ref {
            kind: wanted,
            nullability: wanted_nullability,
            traced: is_wanted_traced,
        },
    ) = (fact, promise)
    else {
        return match (fact, promise) {
            (_, GcFact::Scalar | GcFact::Derived { .. } | GcFact::HeapBase) => Fits::Yes,
            _ => Fits::No,
        };
    };
    if nullability != GcNullability::NonNull && wanted_nullability == GcNullability::NonNull {
        return Fits::No;
    }
    let has_nothing_but_null = nullability == GcNullability::Null
        || !kind.heap.may_be_i31()
            && !ALWAYS
                .iter()
                .any(|thing| matches!(*thing, Thing::Other(heap) if is_below(heap, kind.heap)));
    if has_nothing_but_null {
        return Fits::Yes;
    }
    if traced && !is_wanted_traced && is_traced_kind(kind.heap) && is_traced_kind(wanted.heap) {
        return Fits::No;
    }
    let is_fine = wanted_nullability != GcNullability::Null
        && (!kind.heap.may_be_i31() || wanted.heap.may_be_i31())
        && ALWAYS.iter().all(|thing| match *thing {
            Thing::Other(heap) => !is_below(heap, kind.heap) || is_below(heap, wanted.heap),
            _ => true,
        });
    match (is_fine, kind.concrete, wanted.concrete) {
        (false, ..) => Fits::No,
        (true, _, None) => Fits::Yes,
        // The kind i31 has no concrete types.
        (true, None, Some(_)) => Fits::No,
        (true, Some(index), Some(above)) => {
            if index == above || info.is_subtype(index, above) {
                Fits::Yes
            } else if info.has_type(index) {
                Fits::No
            } else {
                Fits::Unknown
            }
        }
    }
}

/// The concrete types that facts of `func` name, and those above them, each with the kind that it is of.
pub(crate) fn named_types(func: &Function) -> BTreeMap<u32, GcHeapType> {
    let info = &func.dfg.gc_info;
    let mut types = BTreeMap::new();
    let mut name = |fact: GcFact| {
        if let GcFact::Ref { kind, .. } = fact
            && let Some(index) = kind.concrete
        {
            types.insert(index, kind.heap);
        }
    };
    info.facts().for_each(|(_, fact)| name(fact));
    for (_, signature) in info.signatures() {
        let facts = signature.params.iter().chain(&signature.returns);
        facts.flatten().for_each(|&fact| name(fact));
    }
    for (_, kind) in info.objects() {
        name(GcFact::reference(kind, GcNullability::NonNull));
    }
    info.places().for_each(|(_, fact)| name(fact));
    let own = info.own_signature();
    let facts = own.params.iter().chain(&own.returns);
    facts.flatten().for_each(|&fact| name(fact));
    let above: BTreeMap<u32, Option<u32>> = info.types().collect();
    let mut pending: Vec<u32> = types.keys().copied().collect();
    while let Some(index) = pending.pop() {
        if let Some(&Some(supertype)) = above.get(&index)
            && !types.contains_key(&supertype)
        {
            types.insert(supertype, types[&index]);
            pending.push(supertype);
        }
    }
    // Those below are of the same kind. NB: A text may hold a cycle.
    for _ in 0..above.len() {
        let before = types.len();
        for (&index, &supertype) in &above {
            if let Some(&heap) = supertype.and_then(|supertype| types.get(&supertype)) {
                types.entry(index).or_insert(heap);
            }
        }
        if types.len() == before {
            break;
        }
    }
    types
}
