//! What is chosen in an execution: what the function is given, and what it finds in memory.
//!
//! **Claim.** What is chosen for a value agrees with its fact: an object is of its kind and type, and an array fits into the heap.
//!
//! **Strength.** Numbers are those that the function compares with, their neighbours, those that were chosen before, and some at random.
//!
//! **Math.** A choice is a function of the seed of the plan and of the choices before it.

use super::{HEAP, Object, Place, Stage, TYPE, Tag, VAGUE, Word, World, is_below};
use crate::analysis::kind::given::given;
use crate::analysis::kind::header::Word as HeaderWord;
use crate::analysis::kind::is_in_heap;
use cranelift_codegen::ir::{GcFact, GcHeapType, GcKind, GcNullability, Value, types};
use smallvec::SmallVec;

/// How far from each other objects are. They do not overlap, as memory is kept by object.
const GAP: u64 = 0x40;
/// Where other memory is, and how far apart.
const OTHER: u128 = 1 << 62;
const APART: u128 = 1 << 32;

impl World {
    pub(super) fn roll(&mut self) -> u64 {
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
    pub(super) fn object(&mut self, stage: &Stage, kind: GcKind, is_new: bool) -> Word {
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
    pub(super) fn unknown_word(&mut self, stage: &Stage, value: Value) -> Word {
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
    pub(super) fn header(&self, stage: &Stage, value: Value, place: Place) -> Option<Word> {
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
}
