//! Accesses outside of the object that they are made through (GCV18).
//!
//! **Claim.** Of every access that is reported: its object can be of a type that has no field there, on the path that is
//! returned; or it is an array, and there are a length and an index with which all tests before the access are passed and
//! the access is outside of it; or what is filled is no multiple of an element.
//!
//! **Strength.** Of structs, exceptions and headers every access at a constant offset is judged. Of arrays, those of elements are, in
//! what the producer made: the optimizer may know a length. An index that is a block parameter is not judged, unless the tests before the access
//! exclude what is outside.
//!
//! **Math.** For structs, as in [`typed_position`](super::typed_position). For arrays, the address and all tests that dominate the
//! access are evaluated for the lengths and indices at which they go wrong: none, the last one and those next to it, the largest, and
//! those with which a product overflows.

use crate::analysis::facts::Facts;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::path::Target;
use crate::analysis::kind::subject::Scene;
use crate::analysis::kind::thing::Things;
use crate::analysis::kind::{Kinds, is_in_heap};
use crate::analysis::nullness::eval::{Bits, Known, Truth, eval, is_load, truth};
use crate::evidence::arrival::{self, Arrival};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::Flaw;
use crate::finding::error::GcError;
use crate::finding::object::{OutOfObject, Outside};
use crate::finding::typed::Thing;
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::{Node, constant};
use crate::ir::instruction::{Access, Kind};
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{
    Function, GcFact, GcField, GcHeapType, GcInfo, GcKind, Inst, InstructionData, Opcode, Value,
    ValueDef, types,
};
use smallvec::SmallVec;
use std::cell::{OnceCell, RefCell};

/// Check all accesses of objects.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let info = &facts.func.dfg.gc_info;
    if info.types().all(|(index, _)| info.fields(index).is_none()) {
        return;
    }
    let is_first = !facts.history.proofs.is_later;
    let mut suspects = Vec::new();
    for node in facts.cfg.nodes() {
        for item in facts.body.items_of(node) {
            if let Some(access) = facts.body.access(item) {
                match suspect(facts, node, item.inst, access, is_first) {
                    Judged::Inside => {
                        findings.counts.positions += 1;
                        findings.counts.positions_typed += 1;
                    }
                    Judged::Suspect(suspect) => suspects.push(suspect),
                    Judged::Nothing => {}
                }
            } else if item.kind.is(Kind::CALLS) && is_first {
                fill(facts, node, item.inst, findings);
            }
        }
    }
    if suspects.is_empty() {
        return;
    }
    let Some(scene) = facts.scene() else {
        return;
    };
    let mut kinds = Kinds::new(scene);
    let words = OnceCell::new();
    for suspect in suspects {
        match suspect.what {
            What::Field { offset } => field(&mut kinds, &suspect, offset, findings),
            What::Element { kind } => {
                let words = words.get_or_init(|| Words::new(scene));
                element(scene, words, &suspect, kind, findings);
            }
            What::Loop { element } => filling_loop(facts, &suspect, element, findings),
        }
    }
}

/// Does `outside` say of an access, or of a call, that it is where nothing can be?
pub(crate) fn recheck(func: &Function, outside: &OutOfObject) -> Result<(), Flaw> {
    let info = &func.dfg.gc_info;
    let is_so = match outside.outside {
        Outside::NoField {
            index,
            offset,
            size,
        } => !is_inside(info, Some(index), offset, size),
        Outside::NoElement { length, offset } => {
            let kind = info
                .object(outside.inst)
                .or_else(|| match info.fact(outside.value) {
                    Some(GcFact::Ref { kind, .. }) => Some(kind),
                    Some(GcFact::Derived { .. } | GcFact::HeapBase | GcFact::Scalar) | None => None,
                });
            let fields = kind.and_then(|kind| info.fields(kind.concrete?));
            fields
                .and_then(|fields| fields.get(1))
                .is_some_and(|element| {
                    let (start, size) = (i64::from(element.offset), i64::from(element.size));
                    offset < start || offset + size > start + i64::from(length) * size
                })
        }
        Outside::PartOfElement { filled, size } => filled % u64::from(size.max(1)) != 0,
    };
    is_so.then_some(()).ok_or("it is inside")
}

/// An access that its type alone does not allow.
struct Suspect {
    inst: Inst,
    node: Node,
    access: Access,
    /// The reference, or the address.
    value: Value,
    what: What,
}

enum What {
    /// At an offset at which the type has no field.
    Field { offset: i64 },
    /// Of an array, at an index.
    Element { kind: GcKind },
    /// Of an array, by an address that a loop moves.
    Loop { element: GcField },
}

/// What was found of an access at once.
enum Judged {
    /// It is inside of its object.
    Inside,
    Suspect(Suspect),
    /// It is none of an object of which that is known.
    Nothing,
}

/// What is accessed, where its type does not settle it.
fn suspect(facts: &Facts, node: Node, inst: Inst, access: &Access, is_first: bool) -> Judged {
    let func = facts.func;
    let info = &func.dfg.gc_info;
    let said = info.object(inst);
    // NB: To take the address apart takes longer.
    let has_fields = |kind: GcKind| {
        is_in_heap(kind.heap) && kind.concrete.is_some_and(|at| info.fields(at).is_some())
    };
    if said.is_some_and(|kind| !has_fields(kind)) {
        return Judged::Nothing;
    }
    let address = Address::of(func, &facts.body, access.addr);
    let fact = |value| match info.fact(value) {
        Some(GcFact::Ref { kind, .. }) => Some(kind),
        Some(GcFact::Derived { .. } | GcFact::HeapBase | GcFact::Scalar) | None => None,
    };
    let kind = said.or_else(|| address.reference.and_then(fact));
    let offset = address
        .offset
        .map(|offset| offset.wrapping_add(access.offset.into()));
    // NB: Of an abstract kind, who accesses a field may know more than is said.
    let Some(kind) = kind.filter(|kind| is_in_heap(kind.heap)) else {
        return Judged::Nothing;
    };
    let Some(fields) = kind.concrete.and_then(|index| info.fields(index)) else {
        return Judged::Nothing;
    };
    let what = match (address.reference, offset, kind.heap) {
        (Some(_), Some(offset), _) if is_inside(info, kind.concrete, offset, access.size) => {
            return Judged::Inside;
        }
        (reference, offset, GcHeapType::Array) => match fields.get(1) {
            Some(&element) if is_first => {
                let is_element = offset.is_none_or(|offset| offset >= element.offset.into());
                let is_store = access.data.is_some() && access.size == element.size;
                match reference {
                    Some(_) if is_element => What::Element { kind },
                    None if is_store => What::Loop { element },
                    _ => return Judged::Nothing,
                }
            }
            _ => return Judged::Nothing,
        },
        (Some(_), Some(offset), _) => What::Field { offset },
        (None, ..) | (_, None, _) => return Judged::Nothing,
    };
    Judged::Suspect(Suspect {
        inst,
        node,
        access: *access,
        value: address.reference.unwrap_or(access.addr),
        what,
    })
}

/// Are so many bytes there, in every object of this type? Of a type of which nothing is known they are.
fn is_inside(info: &GcInfo, index: Option<u32>, offset: i64, size: u32) -> bool {
    let Some(fields) = index.and_then(|index| info.fields(index)) else {
        return index.is_some();
    };
    let Some(header_end) = fields.iter().map(|field| field.offset).min() else {
        return true;
    };
    let end = offset.saturating_add(size.into());
    let is_in_header = offset >= 0 && end <= header_end.into();
    is_in_header
        || fields.iter().any(|field| {
            let field_end = i64::from(field.offset) + i64::from(field.size);
            offset >= field.offset.into() && end <= field_end
        })
}

// --- Fields ----------------------------------------------------------------------------------

/// May the object be of a type that has no field there?
fn field(kinds: &mut Kinds, suspect: &Suspect, offset: i64, findings: &mut Findings) {
    let scene = kinds.scene;
    let info = &scene.func.dfg.gc_info;
    let size = suspect.access.size;
    let mut outside = Things::default();
    for number in 0..scene.universe.len() {
        if let Thing::Exactly(heap, index) = scene.universe.thing(number)
            && heap != GcHeapType::Array
            && is_in_heap(heap)
            && !is_inside(info, Some(index), offset, size)
        {
            outside.insert(number);
        }
    }
    let Suspect {
        inst, node, value, ..
    } = *suspect;
    let things = kinds.at(value, node, inst, None, Some(outside));
    let Some(things) = things.filter(|things| !things.is_empty()) else {
        return;
    };
    // NB: What the access takes it for is judged where it is relied upon.
    let things = match info.object(inst) {
        Some(kind) => {
            let fact = crate::analysis::kind::object_of(kind);
            things.and(scene.universe.of(info, fact))
        }
        None => things,
    };
    let target = Target {
        node,
        inst,
        value,
        along: None,
        origins: &[],
    };
    if let Arrival::Shown(Thing::Exactly(_, index), steps) =
        arrival::show(kinds, target, things, None)
    {
        let error = GcError::OutOfObject(OutOfObject {
            inst,
            value,
            outside: Outside::NoField {
                index,
                offset,
                size,
            },
        });
        findings.reject(error, || Some(steps));
    }
}

// --- Elements --------------------------------------------------------------------------------

/// How many values of an address or a condition are looked at.
const MAX_VALUES: usize = 64;

/// How many indices an address may be made of.
const MAX_INDICES: usize = 2;

/// How many numbers are chosen, with what these are compared with.
const MAX_LEAVES: usize = 3;

/// How many blocks before an access are looked at.
const MAX_BLOCKS: usize = 64;

/// Where the heap is, and an array in it.
const HEAP: u64 = 1 << 40;
const ARRAY: u64 = 0x40;

/// Lengths at which it goes wrong.
const LENGTHS: [u32; 9] = [
    0,
    1,
    2,
    7,
    0x1000_0000,
    0x2000_0001,
    0x4000_0001,
    0x8000_0000,
    u32::MAX,
];

/// What the address of an element is made of.
#[derive(Default)]
struct Parts {
    /// Wide values, such as the base of the heap.
    bases: SmallVec<[Value; 2]>,
    indices: SmallVec<[Value; 2]>,
    /// Sums that trap where they do not fit.
    sums: Vec<Inst>,
    /// Is there something that is not understood?
    is_other: bool,
}

fn element(scene: Scene, words: &Words, suspect: &Suspect, kind: GcKind, findings: &mut Findings) {
    let info = &scene.func.dfg.gc_info;
    let Some([length, element]) = kind.concrete.and_then(|index| info.fields(index)) else {
        return;
    };
    findings.counts.positions += 1;
    let array = scene.root(suspect.value);
    let lengths = words.at(array, length.offset.into());
    let is_length = |value: Value| lengths.contains(&value);
    let mut parts = parts_of(scene, suspect.access.addr, array, &is_length);
    if parts.is_other || parts.indices.len() > MAX_INDICES || parts.bases.len() != 1 {
        findings.counts.positions_unjudged += 1;
        return;
    }
    let conditions = conditions_before(scene, suspect.node, suspect.inst);
    let count = parts.indices.len();
    if count > 0 {
        // What the indices are compared with may be anything, too.
        for &(condition, _) in &conditions {
            if parts.indices.len() >= MAX_LEAVES {
                break;
            }
            let others = parts_of(scene, condition, array, &is_length);
            let is_about = others
                .indices
                .iter()
                .any(|of| parts.indices[..count].contains(of));
            for other in others.indices {
                if is_about && !parts.indices.contains(&other) && parts.indices.len() < MAX_LEAVES {
                    parts.indices.push(other);
                }
            }
        }
    }
    let trials = Trials::new(
        scene,
        suspect,
        (array, lengths),
        &parts,
        element,
        &conditions,
    );
    let Some(Outlier {
        length,
        indices,
        offset,
    }) = trials.first_outside()
    else {
        findings.counts.positions_proved += 1;
        return;
    };
    let known = trials.known(length, &indices);
    let is_certain = parts
        .indices
        .iter()
        .all(|&index| is_free(scene.func, index))
        && !lengths.is_empty()
        && conditions
            .iter()
            .all(|&condition| is_certain(scene, &known, &parts.indices, condition));
    match is_certain {
        true => {
            let error = GcError::OutOfObject(OutOfObject {
                inst: suspect.inst,
                value: suspect.value,
                outside: Outside::NoElement { length, offset },
            });
            let step = here(scene.func, suspect.inst);
            findings.reject(error, || step.map(|step| vec![step]));
        }
        false => findings.counts.positions_unjudged += 1,
    }
}

/// Numbers with which an access goes wrong.
struct Outlier {
    length: u32,
    indices: SmallVec<[u64; MAX_LEAVES]>,
    /// Where it goes, from the start of the array.
    offset: i64,
}

/// An access of an element, tried with lengths and indices.
///
/// Numbers are chosen one after the other: the length, and then each index. What a condition needs is known as soon as
/// so many of them are, so that most choices are given up early.
struct Trials<'a> {
    scene: Scene<'a>,
    access: Access,
    array: Value,
    lengths: &'a [Value],
    parts: &'a Parts,
    element: GcField,
    /// What has to be so before the access, and how many numbers decide it, which are the fewest first.
    conditions: Vec<(usize, Value, bool)>,
    /// How many numbers decide where the access goes.
    is_placed_by: usize,
    /// The sums in its address that trap where they do not fit, each once, with what they make. Those come first that
    /// others are made of.
    sums: SmallVec<[(Inst, Value); 4]>,
}

/// How many values are looked at to tell what decides one.
const MAX_DECIDING: usize = 256;

impl<'a> Trials<'a> {
    fn new(
        scene: Scene<'a>,
        suspect: &Suspect,
        (array, lengths): (Value, &'a [Value]),
        parts: &'a Parts,
        element: &GcField,
        conditions: &[(Value, bool)],
    ) -> Self {
        let mut trials = Trials {
            scene,
            access: suspect.access,
            array,
            lengths,
            parts,
            element: *element,
            conditions: Vec::with_capacity(conditions.len()),
            is_placed_by: 0,
            sums: SmallVec::new(),
        };
        // NB: They were found from the address on.
        for &sum in parts.sums.iter().rev() {
            let sum = (sum, scene.func.dfg.first_result(sum));
            if !trials.sums.contains(&sum) {
                trials.sums.push(sum);
            }
        }
        let conditions = conditions.iter();
        let conditions =
            conditions.map(|&(condition, is)| (trials.decided_by(condition), condition, is));
        let mut conditions: Vec<_> = conditions.collect();
        // NB: The nearest ones come first, which exclude the most.
        conditions.sort_by_key(|&(by, ..)| by);
        let sums = parts.sums.iter();
        let sums = sums.flat_map(|&sum| scene.func.dfg.inst_args(sum).iter().copied());
        let placed = sums.chain([trials.access.addr]);
        let is_placed_by = placed.map(|value| trials.decided_by(value)).max();
        trials.conditions = conditions;
        trials.is_placed_by = is_placed_by.unwrap_or(0);
        trials
    }

    /// After how many choices `value` is known: none, that of the length, or those of so many indices.
    fn decided_by(&self, value: Value) -> usize {
        let func = self.scene.func;
        let mut by = 0;
        let mut pending = SmallVec::<[Value; 16]>::from_slice(&[value]);
        for _ in 0..MAX_DECIDING {
            let Some(value) = pending.pop() else {
                return by;
            };
            let value = self.scene.body.resolve(func, value);
            let root = self.scene.roots.of(value);
            if root == self.array || self.parts.bases.contains(&root) {
                continue;
            }
            if self.lengths.contains(&root) {
                by = by.max(1);
            } else if let Some(index) = self.index(root) {
                by = by.max(2 + index);
            } else if let ValueDef::Result(inst, _) = func.dfg.value_def(value)
                && !is_load(func, inst)
            {
                pending.extend_from_slice(func.dfg.inst_args(inst));
            }
        }
        1 + self.parts.indices.len()
    }

    fn index(&self, root: Value) -> Option<usize> {
        self.parts.indices.iter().position(|&index| index == root)
    }

    /// What is known of values while the length and the first indices are these.
    fn known<'b>(
        &'b self,
        length: u32,
        indices: &'b [u64],
    ) -> impl Fn(Value) -> Option<Bits> + use<'a, 'b> {
        move |value| {
            let root = self.scene.root(value);
            let n = if root == self.array {
                ARRAY
            } else if self.parts.bases.contains(&root) {
                HEAP
            } else if self.lengths.contains(&root) {
                length.into()
            } else {
                indices[self.index(root)?]
            };
            Some(Bits::Const {
                n,
                of_reference: false,
            })
        }
    }

    /// The first choice with which all that comes before the access is passed, and the access is outside.
    fn first_outside(&self) -> Option<Outlier> {
        if !self.is_possible(0, 0, &[]) {
            return None;
        }
        LENGTHS.into_iter().find_map(|length| {
            let numbers = indices_for(length, self.element.size);
            let mut indices = SmallVec::new();
            let is_found = self.search(length, &numbers, &mut indices);
            let offset = is_found.then(|| self.offset_outside(length, &indices))??;
            Some(Outlier {
                length,
                indices,
                offset,
            })
        })
    }

    /// Choose the other indices.
    fn search(
        &self,
        length: u32,
        numbers: &[u64],
        indices: &mut SmallVec<[u64; MAX_LEAVES]>,
    ) -> bool {
        if !self.is_possible(1 + indices.len(), length, indices) {
            return false;
        }
        if indices.len() == self.parts.indices.len() {
            return true;
        }
        for &number in numbers {
            indices.push(number);
            if self.search(length, numbers, indices) {
                return true;
            }
            indices.pop();
        }
        false
    }

    /// Does what is decided now, and was not before, allow the access to be outside?
    fn is_possible(&self, decided: usize, length: u32, indices: &[u64]) -> bool {
        let known = self.known(length, indices);
        let of_now = self.conditions.iter();
        let of_now = of_now.skip_while(|&&(by, ..)| by < decided);
        let mut of_now = of_now.take_while(|&&(by, ..)| by == decided);
        let is_passed = |&(_, condition, is): &(usize, Value, bool)| {
            truth(self.scene.func, &known, condition) != Truth::Certain(!is)
        };
        of_now.all(is_passed)
            && (self.is_placed_by != decided || self.offset_outside(length, indices).is_some())
    }

    /// Where the access goes from the start of the array, if that is outside.
    fn offset_outside(&self, length: u32, indices: &[u64]) -> Option<i64> {
        let func = self.scene.func;
        let numbers = self.known(length, indices);
        // NB: What is added up once is not added up again.
        let sums = RefCell::new(SmallVec::<[(Value, u64); 8]>::new());
        let known = |value: Value| -> Option<Bits> {
            numbers(value).or_else(|| {
                let sums = sums.borrow();
                let &(_, n) = sums.iter().find(|&&(sum, _)| sum == value)?;
                Some(Bits::Const {
                    n,
                    of_reference: false,
                })
            })
        };
        for &(inst, sum) in &self.sums {
            match added_up(func, &known, inst) {
                Some(Ok(n)) => sums.borrow_mut().push((sum, n)),
                Some(Err(Overflow)) => return None,
                None => {}
            }
        }
        let Bits::Const { n, .. } = eval(func, &known, self.access.addr) else {
            return None;
        };
        let size = u64::from(self.element.size);
        let first = u64::from(self.element.offset);
        let start = n.wrapping_add(i64::from(self.access.offset) as u64);
        let offset = start.wrapping_sub(HEAP + ARRAY);
        let end = first + u64::from(length) * size;
        let is_in = offset >= first && offset.checked_add(size).is_some_and(|after| after <= end);
        (!is_in).then_some(offset as i64)
    }
}

/// A sum that does not fit.
struct Overflow;

/// What the sum `inst`, which traps where it does not fit, adds up to, if that is known.
fn added_up(func: &Function, known: &dyn Known, inst: Inst) -> Option<Result<u64, Overflow>> {
    let InstructionData::IntAddTrap { args, .. } = func.dfg.insts[inst] else {
        return None;
    };
    let bits = func.dfg.value_type(args[0]).bits().min(64);
    match args.map(|arg| eval(func, known, arg)) {
        [Bits::Const { n: a, .. }, Bits::Const { n: b, .. }] => {
            let sum = u128::from(a) + u128::from(b);
            Some(match sum >> bits {
                0 => Ok(sum as u64),
                _ => Err(Overflow),
            })
        }
        _ => None,
    }
}

fn here(func: &Function, inst: Inst) -> Option<Step> {
    crate::evidence::steps::step(func, Role::Use, inst)
}

/// The words that are loaded from objects, by the reference and the offset.
struct Words(FxHashMap<(Value, i64), SmallVec<[Value; 2]>>);

impl Words {
    fn new(scene: Scene) -> Self {
        let mut words = Words(FxHashMap::default());
        for memory in scene.body.accesses() {
            let access = &memory.access;
            let (Some(result), None, 4) = (access.result, access.data, access.size) else {
                continue;
            };
            let address = Address::of(scene.func, scene.body, access.addr);
            if let (Some(reference), Some(offset)) = (address.reference, address.offset) {
                let offset = offset.wrapping_add(access.offset.into());
                let key = (scene.root(reference), offset);
                words.0.entry(key).or_default().push(result);
            }
        }
        words
    }

    /// The values that are the word at `offset` of the object that `root` refers to.
    fn at(&self, root: Value, offset: i64) -> &[Value] {
        self.0.get(&(root, offset)).map_or(&[], |words| words)
    }
}

fn parts_of(
    scene: Scene,
    address: Value,
    array: Value,
    is_length: &dyn Fn(Value) -> bool,
) -> Parts {
    let func = scene.func;
    let mut parts = Parts::default();
    let mut pending = vec![address];
    for _ in 0..MAX_VALUES {
        let Some(value) = pending.pop() else {
            return parts;
        };
        let value = scene.root(value);
        if value == array || is_length(value) || constant(func, value).is_some() {
            continue;
        }
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, 0) => {
                let opcode = func.dfg.insts[inst].opcode();
                if opcode == Opcode::SelectSpectreGuard {
                    pending.push(func.dfg.inst_args(inst)[2]);
                    continue;
                }
                if !opcode.can_load() && !opcode.is_call() {
                    if opcode == Opcode::UaddOverflowTrap {
                        parts.sums.push(inst);
                    }
                    pending.extend_from_slice(func.dfg.inst_args(inst));
                    continue;
                }
            }
            ValueDef::Param(..) => {}
            ValueDef::Result(..) | ValueDef::Union(..) => parts.is_other = true,
        }
        let list = match func.dfg.value_type(value) {
            types::I64 => &mut parts.bases,
            types::I32 => &mut parts.indices,
            _ => {
                parts.is_other = true;
                continue;
            }
        };
        if !list.contains(&value) {
            list.push(value);
        }
    }
    parts.is_other = true;
    parts
}

/// Indices at which it goes wrong for this length.
fn indices_for(length: u32, size: u32) -> SmallVec<[u64; 9]> {
    let product = (1u64 << 32) / u64::from(size.max(1));
    let mut indices = SmallVec::from([
        0,
        length.wrapping_sub(1).into(),
        length.into(),
        length.wrapping_add(1).into(),
        u32::MAX.into(),
        0x7fff_ffff,
        0x8000_0000,
        product & 0xffff_ffff,
        (product + 1) & 0xffff_ffff,
    ]);
    indices.sort_unstable();
    indices.dedup();
    indices
}

/// Is `value` whatever the function is given?
fn is_free(func: &Function, value: Value) -> bool {
    match func.dfg.value_def(value) {
        ValueDef::Param(block, _) => func.layout.entry_block() == Some(block),
        ValueDef::Result(inst, _) => {
            let opcode = func.dfg.insts[inst].opcode();
            opcode.is_call() || opcode.can_load()
        }
        ValueDef::Union(..) => false,
    }
}

/// Is a condition as it has to be, or does it have nothing to do with the indices?
fn is_certain(
    scene: Scene,
    known: &dyn Fn(Value) -> Option<Bits>,
    indices: &[Value],
    (condition, is): (Value, bool),
) -> bool {
    let known = |value: Value| known(value);
    match truth(scene.func, &known, condition) {
        Truth::Certain(found) => found == is,
        Truth::Unknown | Truth::Unsure => false,
        Truth::Either => !depends_on(scene, condition, indices),
    }
}

fn depends_on(scene: Scene, value: Value, indices: &[Value]) -> bool {
    let mut pending = vec![value];
    for _ in 0..MAX_VALUES {
        let Some(value) = pending.pop() else {
            return false;
        };
        let value = scene.root(value);
        if indices.contains(&value) {
            return true;
        }
        match scene.func.dfg.value_def(value) {
            ValueDef::Result(inst, _) => pending.extend_from_slice(scene.func.dfg.inst_args(inst)),
            // NB: What was passed to a block may tell of anything.
            ValueDef::Param(block, _) => {
                if scene.func.layout.entry_block() != Some(block) {
                    return true;
                }
            }
            ValueDef::Union(..) => return true,
        }
    }
    true
}

/// The conditions that are passed for certain before `inst` in `node`.
fn conditions_before(scene: Scene, node: Node, inst: Inst) -> Vec<(Value, bool)> {
    let (func, cfg) = (scene.func, scene.cfg);
    let mut conditions = Vec::new();
    let (mut node, mut until) = (node, Some(inst));
    for _ in 0..MAX_BLOCKS {
        for &trap in scene.body.traps.of(node) {
            let is_before = until.is_none_or(|until| func.layout.pp_cmp(trap, until).is_lt());
            if let (true, InstructionData::CondTrap { opcode, arg, .. }) =
                (is_before, func.dfg.insts[trap])
            {
                conditions.push((arg, opcode == Opcode::Trapz));
            }
        }
        until = None;
        let mut edges = cfg.preds(node);
        if let (Some(edge), None) = (edges.next(), edges.next())
            && let Some(inst) = func.layout.last_inst(cfg.block(edge.from))
            && let InstructionData::Brif { arg, .. } = func.dfg.insts[inst]
        {
            conditions.push((arg, edge.dest == 0));
        }
        match cfg.idom(node) {
            Some(idom) if idom != node => node = idom,
            _ => break,
        }
    }
    conditions
}

// --- Fills -----------------------------------------------------------------------------------

/// What numbers are tried as.
const NUMBERS: [u64; 4] = [1, 3, 5, 2];

/// A callee fills memory of an array.
fn fill(facts: &Facts, node: Node, inst: Inst, findings: &mut Findings) {
    let func = facts.func;
    let info = &func.dfg.gc_info;
    let Some(kind) = info
        .object(inst)
        .filter(|kind| kind.heap == GcHeapType::Array)
    else {
        return;
    };
    let element = kind.concrete.and_then(|index| info.fields(index)?.get(1));
    let (Some(element), Some(&length)) = (element, func.dfg.inst_args(inst).last()) else {
        return;
    };
    findings.counts.positions += 1;
    match part_of_element(facts, length, None, element.size) {
        Some(filled) => {
            let address = func.dfg.inst_args(inst);
            let address = address.get(1).copied().unwrap_or(length);
            let error = GcError::OutOfObject(OutOfObject {
                inst,
                value: address,
                outside: Outside::PartOfElement {
                    filled,
                    size: element.size,
                },
            });
            let step = Step {
                role: Role::Use,
                block: facts.cfg.block(node),
                inst: Some(inst),
            };
            findings.reject(error, || Some(vec![step]));
        }
        None => findings.counts.positions_proved += 1,
    }
}

/// A loop fills an array: from one address to another one.
fn filling_loop(facts: &Facts, suspect: &Suspect, element: GcField, findings: &mut Findings) {
    let func = facts.func;
    let Some((start, end)) = bounds_of_loop(facts, suspect, element.size) else {
        return;
    };
    findings.counts.positions += 1;
    match part_of_element(facts, end, Some(start), element.size) {
        Some(filled) => {
            let error = GcError::OutOfObject(OutOfObject {
                inst: suspect.inst,
                value: suspect.value,
                outside: Outside::PartOfElement {
                    filled,
                    size: element.size,
                },
            });
            let step = here(func, suspect.inst);
            findings.reject(error, || step.map(|step| vec![step]));
        }
        None => findings.counts.positions_proved += 1,
    }
}

/// Where a loop that stores elements one after the other starts, and with which address it ends.
fn bounds_of_loop(facts: &Facts, suspect: &Suspect, size: u32) -> Option<(Value, Value)> {
    let (func, cfg) = (facts.func, &facts.cfg);
    let resolve = |value| facts.body.resolve(func, value);
    let address = resolve(suspect.access.addr);
    let ValueDef::Param(block, number) = func.dfg.value_def(address) else {
        return None;
    };
    let node = cfg.node(block)?;
    let (mut start, mut next) = (None, None);
    for edge in cfg.preds(node) {
        let from = cfg.block(edge.from);
        let arg = crate::analysis::kind::dominating::argument(func, from, edge, number)?;
        let arg = resolve(arg);
        match cfg.dominates(node, edge.from) {
            true => next = Some((arg, edge)),
            false if start.is_none() => start = Some(arg),
            false => return None,
        }
    }
    let ((next, back), start) = (next?, start?);
    let added = added_to(func, &resolve, next, address)?;
    if constant(func, added)? != u64::from(size) {
        return None;
    }
    // The loop ends where the next address is the last one.
    let last = func.layout.last_inst(cfg.block(back.from))?;
    let InstructionData::Brif { arg, .. } = func.dfg.insts[last] else {
        return None;
    };
    let ValueDef::Result(compare, _) = func.dfg.value_def(resolve(arg)) else {
        return None;
    };
    let InstructionData::IntCompare { args, .. } = func.dfg.insts[compare] else {
        return None;
    };
    let [a, b] = args.map(resolve);
    match (a == next, b == next) {
        (true, false) => Some((start, b)),
        (false, true) => Some((start, a)),
        _ => None,
    }
}

/// What is added to `base` to make `value`.
fn added_to(
    func: &Function,
    resolve: &dyn Fn(Value) -> Value,
    value: Value,
    base: Value,
) -> Option<Value> {
    let ValueDef::Result(inst, _) = func.dfg.value_def(resolve(value)) else {
        return None;
    };
    let InstructionData::Binary {
        opcode: Opcode::Iadd,
        args,
    } = func.dfg.insts[inst]
    else {
        return None;
    };
    let [a, b] = args.map(resolve);
    match (a == base, b == base) {
        (true, _) => Some(b),
        (_, true) => Some(a),
        _ => None,
    }
}

/// A number of bytes that `end` may be after `start`, or that it may be, and that is no multiple of `size`.
fn part_of_element(facts: &Facts, end: Value, start: Option<Value>, size: u32) -> Option<u64> {
    let func = facts.func;
    let resolve = |value| facts.body.resolve(func, value);
    let filled = match start {
        Some(start) => added_to(func, &resolve, end, start)?,
        None => end,
    };
    for number in NUMBERS {
        // NB: All that it is made of is the same number; a length is, and so is an offset.
        let known = |value: Value| -> Option<Bits> {
            let value = resolve(value);
            let is_leaf = constant(func, value).is_none()
                && match func.dfg.value_def(value) {
                    ValueDef::Result(inst, _) => {
                        let opcode = func.dfg.insts[inst].opcode();
                        opcode.is_call() || opcode.can_load()
                    }
                    ValueDef::Param(..) | ValueDef::Union(..) => true,
                };
            is_leaf.then_some(Bits::Const {
                n: number,
                of_reference: false,
            })
        };
        match eval(func, &known, filled) {
            Bits::Const { n, .. } if size > 1 && n % u64::from(size) != 0 => return Some(n),
            Bits::Const { .. } => {}
            Bits::Unknown | Bits::Varying | Bits::Unsure => return None,
        }
    }
    None
}
