//! What values are while one reference is some [`Thing`].
//!
//! **Claim.** While the reference is the thing, each value has the bits that are said of it.
//!
//! **Strength.** Assumptions are the reference itself, the words of its object's header, and what a comparison of types makes of
//! these. What is loaded through the reference otherwise, and what a callee makes of it, is *unsure*: it may tell what the
//! reference is in a way that is not followed.
//!
//! **Math.** A thing is tried as a few words, each of which stands for it: one that only some of them pass is not excluded.

use super::header::{Headers, Word};
use super::mistakable::{Mistakable, Tests};
use super::thing::Universe;
use crate::analysis::nullness::eval::{Assumptions, Bits, eval};
use crate::analysis::nullness::reload_roots::Roots;
use crate::finding::typed::Thing;
use crate::ir::cfg::Cfg;
use crate::ir::path::Point;
use crate::ir::view::Body;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Function, GcHeapType, GcInfo, Inst, InstructionData, Value, ValueDef};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};

/// A function, and what is known of all of it.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) func: &'a Function,
    pub(crate) cfg: &'a Cfg,
    pub(crate) body: &'a Body,
    pub(crate) roots: &'a Roots,
    pub(crate) headers: &'a Headers,
    pub(crate) universe: &'a Universe,
}

impl<'a> Context<'a> {
    /// What `value` is an alias of and a reload for, or itself.
    pub(crate) fn root(&self, value: Value) -> Value {
        self.roots.of(self.body.resolve(self.func, value))
    }

    /// Of which reference `value`, which must not be an alias, is what word of its object's header.
    pub(crate) fn word(&self, value: Value) -> Option<(Value, Word)> {
        self.headers.word(self.func, self.body, value)
    }

    /// The concrete type whose number `value`, which must not be an alias, is.
    pub(crate) fn type_id(&self, value: Value) -> Option<u32> {
        self.headers.type_id(self.func, value)
    }

    /// What `value` is, if it is the number of a type.
    pub(crate) fn type_number(&self, value: Value, numbering: Numbering) -> Option<Bits> {
        let index = self.type_id(value)?;
        // NB: The number of a type that is not told apart is that of some object all the same.
        Some(match self.universe.has_type(index) {
            true => Bits::Const {
                n: numbering.number(index, true),
                of_reference: false,
            },
            false => Bits::Unsure,
        })
    }

    /// What the function may mistake for what it looks for in headers.
    fn mistakable(&self) -> &'a Mistakable {
        let (func, body) = (self.func, self.body);
        let is_type = |value: Value| matches!(self.word(value), Some((_, Word::Type)));
        let tested = |value: Value| {
            let index = self.type_id(value)?;
            self.universe.has_type(index).then_some(index)
        };
        self.headers.mistakable(|| {
            Mistakable::new(&Tests {
                func,
                cfg: self.cfg,
                body,
                is_type: &is_type,
                tested: &tested,
                number: &|index| Numbering::Low.number(index, true) as u32,
                others: self.others(),
            })
        })
    }

    /// The bits that may stand in the header beside those of the kind: those that no kind has.
    fn others(&self) -> u32 {
        self.headers.others(|| {
            let kinds = self.func.dfg.gc_info.kinds();
            let of_kinds = kinds.map(|(_, bits)| bits).reduce(|a, b| a | b);
            of_kinds.map_or(OTHERS, |bits| !bits)
        })
    }

    /// Is `root` an address of its own, of something that is no object of the heap?
    fn is_wide(&self, root: Value) -> bool {
        self.func.dfg.value_type(root).bits() > 32
    }
}

/// A reference, from its definition on.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) context: Context<'a>,
    /// A root.
    pub(crate) reference: Value,
    pub(crate) start: Point,
}

/// As what a thing is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    pub(crate) thing: Thing,
    /// The reference.
    pub(crate) word: u64,
    /// What the header's word for the kind holds besides.
    pub(crate) others: u32,
    /// How types are numbered.
    pub(crate) numbering: Numbering,
}

/// How types are numbered. Nobody knows: what tells types apart must do so with any numbering.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Numbering {
    /// The numbers differ in their lower halves.
    Low,
    /// They differ in their upper halves.
    High,
    /// As `Low`, with these two numbers exchanged.
    Exchanged(u32, u32),
}

/// What may stand in the header beside the bits of the kind, where the producer does not say which these are.
const OTHERS: u32 = 0x03ff_ffff;

/// How types are numbered in turn.
pub(crate) const NUMBERINGS: [Numbering; 2] = [Numbering::Low, Numbering::High];

impl Trial {
    /// All trials of `thing`.
    pub(crate) fn of<'a>(
        context: Context<'a>,
        reference: Value,
        thing: Thing,
    ) -> impl Iterator<Item = Trial> + use<'a> {
        Trial::usual(context, reference, thing).chain(Trial::mistaken(context, reference, thing))
    }

    /// The trials of `thing` that tell what the tests do that compilers make.
    pub(crate) fn usual<'a>(
        context: Context<'a>,
        reference: Value,
        thing: Thing,
    ) -> impl Iterator<Item = Trial> + use<'a> {
        let words: &[u64] = match thing {
            Thing::Null => &[0],
            Thing::I31 => &[1, 0x7fff_ffff, 0xffff_ffff],
            Thing::Number => &[2],
            Thing::Other(_) | Thing::Exactly(..) | Thing::Below(..) => {
                match context.is_wide(reference) {
                    true => &[0x1_0000, 0x7fff_0000_0000],
                    false => &[0x40, 0xffff_ffc0],
                }
            }
        };
        let trials = words.iter().enumerate();
        let others = context.others();
        trials.map(move |(index, &word)| Trial {
            thing,
            word,
            others: if index % 2 == 0 { 0 } else { others },
            numbering: NUMBERINGS[index % NUMBERINGS.len()],
        })
    }

    /// The trials of `thing` as one that other tests take for another.
    pub(crate) fn mistaken<'a>(
        context: Context<'a>,
        reference: Value,
        thing: Thing,
    ) -> impl Iterator<Item = Trial> + use<'a> {
        let first = Trial::usual(context, reference, thing).next();
        let Mistakable { numbers, others } = context.mistakable();
        let of_object = |list: &'a [u32]| match thing.heap() {
            Some(_) => list,
            None => &[],
        };
        let number = Numbering::Low.number_of(thing).unwrap_or_default() as u32;
        let (numbers, others) = (of_object(numbers), of_object(others));
        first.into_iter().flat_map(move |first| {
            let numbered = numbers.iter().map(move |&other| Trial {
                numbering: Numbering::Exchanged(number, other),
                ..first
            });
            numbered.chain(others.iter().map(move |&others| Trial { others, ..first }))
        })
    }
}

/// What was looked at of the object that the reference is.
#[derive(Debug, Default)]
pub(crate) struct Looks {
    /// Was it its type, otherwise than by the tests?
    pub(crate) at_type: Cell<bool>,
    /// Was it its kind?
    pub(crate) at_kind: Cell<bool>,
    /// Which tests of its type were made, with their answers.
    pub(crate) tests: RefCell<SmallVec<[(TypeTest, bool); 2]>>,
}

/// A test of the type of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TypeTest {
    /// Is its number that of this type?
    Is(u32),
    /// Is it this type, or one below it?
    IsBelow(u32),
}

impl TypeTest {
    /// The answer for an object that `thing` stands for. It is the same however types are numbered.
    pub(crate) fn answer(self, info: &GcInfo, thing: Thing) -> bool {
        let numbering = Numbering::Low;
        match self {
            TypeTest::Is(index) => {
                numbering.number_of(thing) == Some(numbering.number(index, true))
            }
            TypeTest::IsBelow(above) => {
                let number = numbering.number_of(thing);
                let sub = number.and_then(|number| numbering.type_of(number));
                sub.is_some_and(|(sub, _)| info.is_subtype(sub, above))
            }
        }
    }
}

/// What is known while the reference is as in the trial, and block parameters are what `params` says.
pub(crate) struct While<'a, 'p> {
    pub(crate) subject: Subject<'a>,
    pub(crate) trial: Trial,
    pub(crate) looks: &'p Looks,
    pub(crate) params: &'p dyn Fn(Value) -> Option<Bits>,
    /// Was something of the reference stored, so that what is loaded may tell of it?
    pub(crate) is_memory_unsure: bool,
}

/// How many values are looked at to tell whether one depends on the reference.
const MAX_DEPENDENCES: u32 = 48;

impl Assumptions for While<'_, '_> {
    fn bits(&self, value: Value) -> Option<Bits> {
        let Subject {
            context, reference, ..
        } = self.subject;
        if context.roots.of(value) == reference {
            return Some(self.of_reference(self.trial.word));
        }
        // NB: What a call returns to a block is passed as a parameter, of which the way there knows nothing.
        if let Some(types) = context.headers.compared(context.func, value)
            && let Some(bits) = self.compared(types)
        {
            return Some(bits);
        }
        if let Some(bits) = (self.params)(value) {
            return Some(bits);
        }
        let ValueDef::Result(inst, _) = context.func.dfg.value_def(value) else {
            return None;
        };
        let data = &context.func.dfg.insts[inst];
        if let InstructionData::IntCompare { cond, args, .. } = *data {
            return self.equal_type(cond, args);
        }
        let opcode = data.opcode();
        if !opcode.is_call() && !opcode.can_load() {
            return None;
        }
        if let Some(bits) = context.type_number(value, self.trial.numbering) {
            return Some(bits);
        }
        if let Some((of, word)) = context.word(value)
            && self.is_reference(context.root(of))
        {
            return Some(self.header(word));
        }
        let is_constant_memory = opcode.can_load()
            && context.func.dfg.insts[inst]
                .memflags_data(&context.func.dfg)
                .is_some_and(|flags| flags.readonly());
        let is_unsure = self.is_memory_unsure && !is_constant_memory
            || self.depends(inst, &mut MAX_DEPENDENCES.clone());
        is_unsure.then_some(Bits::Unsure)
    }

    fn resolve(&self, func: &Function, value: Value) -> Value {
        self.subject.context.body.resolve(func, value)
    }
}

impl While<'_, '_> {
    fn of_reference(&self, n: u64) -> Bits {
        Bits::Const {
            n,
            of_reference: true,
        }
    }

    /// Is `root` the reference, or a block parameter for which it was passed?
    fn is_reference(&self, root: Value) -> bool {
        let word = self.trial.word;
        root == self.subject.reference
            || matches!((self.params)(root), Some(Bits::Const { n, of_reference: true }) if n == word)
    }

    /// The word of the header of the object that the reference is.
    fn header(&self, word: Word) -> Bits {
        let info = &self.subject.context.func.dfg.gc_info;
        let numbering = self.trial.numbering;
        match word {
            Word::Type => self.looks.at_type.set(true),
            Word::Kind => self.looks.at_kind.set(true),
        }
        let thing = self.trial.thing;
        let (Some(heap), Some(number)) = (thing.heap(), numbering.number_of(thing)) else {
            // There is none.
            return Bits::Varying;
        };
        match word {
            Word::Type => self.of_reference(number),
            Word::Kind => {
                // An object of the host comes as one or as the other.
                let heap = match (heap, self.trial.others) {
                    (GcHeapType::Any, 0) => GcHeapType::Extern,
                    _ => heap,
                };
                match info.kind_bits(heap) {
                    Some(bits) => self.of_reference(u64::from(bits | self.trial.others)),
                    None => Bits::Unsure,
                }
            }
        }
    }

    /// The answer to `test` of the object that the reference is.
    fn test(&self, test: TypeTest) -> bool {
        let info = &self.subject.context.func.dfg.gc_info;
        let answer = test.answer(info, self.trial.thing);
        let mut tests = self.looks.tests.borrow_mut();
        if !tests.contains(&(test, answer)) {
            tests.push((test, answer));
        }
        answer
    }

    /// Is one of these the type of the object that the reference is, and the other one the number of a concrete type?
    fn tested_type(&self, types: [Value; 2]) -> Option<u32> {
        let context = self.subject.context;
        self.trial.thing.heap()?;
        let [of_object, number] = types.map(|value| context.body.resolve(context.func, value));
        let (of, Word::Type) = context.word(of_object)? else {
            return None;
        };
        let is_it = context.root(of) == self.subject.reference;
        let index = context.type_id(number).filter(|_| is_it)?;
        context.universe.has_type(index).then_some(index)
    }

    /// Whether the type of the object that the reference is equals a concrete type, if it is that which is compared.
    fn equal_type(&self, cond: IntCC, [a, b]: [Value; 2]) -> Option<Bits> {
        let is_equal = match cond {
            IntCC::Equal => true,
            IntCC::NotEqual => false,
            _ => return None,
        };
        let index = self
            .tested_type([a, b])
            .or_else(|| self.tested_type([b, a]))?;
        let answer = self.test(TypeTest::Is(index)) == is_equal;
        Some(self.of_reference(answer.into()))
    }

    /// Whether the first type is the second one or below it, if something is known of both.
    fn compared(&self, types: [Value; 2]) -> Option<Bits> {
        if let Some(index) = self.tested_type(types) {
            let answer = self.test(TypeTest::IsBelow(index));
            return Some(self.of_reference(answer.into()));
        }
        let func = self.subject.context.func;
        let [sub, sup] = types.map(|value| eval(func, self, value));
        let (
            Bits::Const {
                n: sub,
                of_reference,
            },
            Bits::Const { n: sup, .. },
        ) = (sub, sup)
        else {
            return None;
        };
        let type_of = |number| self.trial.numbering.type_of(number);
        let is_below = match (type_of(sub), type_of(sup)) {
            (Some((sub, _)), Some((sup, true))) => func.dfg.gc_info.is_subtype(sub, sup),
            (None, Some((_, true))) => false,
            // Of what is below a type nothing more is known.
            _ => return Some(Bits::Unsure),
        };
        Some(Bits::Const {
            n: is_below.into(),
            of_reference,
        })
    }

    /// Does what `inst` results in depend on the reference, beyond what is followed?
    pub(crate) fn depends(&self, inst: Inst, fuel: &mut u32) -> bool {
        let Subject {
            context, reference, ..
        } = self.subject;
        context.func.dfg.inst_args(inst).iter().any(|&arg| {
            let arg = context.body.resolve(context.func, arg);
            if context.roots.of(arg) == reference {
                return true;
            }
            match (self.params)(arg) {
                Some(
                    Bits::Unsure
                    | Bits::Const {
                        of_reference: true, ..
                    },
                ) => return true,
                Some(Bits::Unknown | Bits::Varying | Bits::Const { .. }) => return false,
                None => {}
            }
            let Some(left) = fuel.checked_sub(1) else {
                return true;
            };
            *fuel = left;
            match context.func.dfg.value_def(arg) {
                ValueDef::Result(inst, _) => self.depends(inst, fuel),
                ValueDef::Param(..) | ValueDef::Union(..) => false,
            }
        })
    }
}

/// Where the numbers of concrete types begin; those below are of other objects.
const FIRST_NUMBER: u32 = 0x1000;

impl Numbering {
    /// The number of a concrete type, or of one below it that is not named.
    fn number(self, index: u32, is_exact: bool) -> u64 {
        let number = index
            .wrapping_mul(2)
            .wrapping_add(FIRST_NUMBER)
            .wrapping_add(u32::from(!is_exact));
        self.mix(number).into()
    }

    /// The number of the type of an object that `thing` stands for.
    fn number_of(self, thing: Thing) -> Option<u64> {
        match thing {
            Thing::Null | Thing::I31 | Thing::Number => None,
            Thing::Other(heap) => Some(self.of_no_type(heap)),
            Thing::Exactly(_, index) => Some(self.number(index, true)),
            Thing::Below(_, index) => Some(self.number(index, false)),
        }
    }

    /// The number of an object of this kind that is of no concrete type.
    fn of_no_type(self, heap: GcHeapType) -> u64 {
        self.mix(1 + heap as u32).into()
    }

    /// The concrete type with this number, and whether it is exactly that.
    fn type_of(self, number: u64) -> Option<(u32, bool)> {
        let number = self.mix(u32::try_from(number).ok()?);
        let number = number.checked_sub(FIRST_NUMBER)?;
        Some((number / 2, number % 2 == 0))
    }

    /// NB: Its own inverse.
    fn mix(self, number: u32) -> u32 {
        match self {
            Numbering::Low => number,
            Numbering::High => number.rotate_left(16),
            Numbering::Exchanged(a, b) => match number {
                n if n == a => b,
                n if n == b => a,
                n => n,
            },
        }
    }
}
