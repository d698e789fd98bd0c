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
use crate::analysis::kind::header::Headers;
use crate::analysis::kind::path::Target;
use crate::analysis::kind::subject::Scene;
use crate::analysis::kind::thing::{Things, Universe, named_types};
use crate::analysis::kind::{Kinds, is_in_heap};
use crate::analysis::nullness::eval::{Bits, Truth, eval, truth};
use crate::analysis::nullness::reload_roots::Roots;
use crate::evidence::arrival::{self, Arrival};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::Flaw;
use crate::finding::error::GcError;
use crate::finding::object::{OutOfObject, Outside};
use crate::finding::typed::Thing;
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::{Node, constant};
use crate::ir::instruction::{Access, Kind};
use cranelift_codegen::ir::{
    Function, GcFact, GcField, GcHeapType, GcInfo, GcKind, Inst, InstructionData, Opcode, Value,
    ValueDef, types,
};
use smallvec::SmallVec;

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
    let (func, cfg, body) = (facts.func, &facts.cfg, &*facts.body);
    let Some(universe) = Universe::new(&named_types(func)) else {
        return;
    };
    let headers = Headers::new(func, body);
    let roots = Roots::new(func, cfg, body, &facts.slots, &facts.values.reshaped);
    let scene = Scene {
        func,
        cfg,
        body,
        roots: &roots,
        headers: &headers,
        universe: &universe,
    };
    let mut kinds = Kinds::new(scene);
    for suspect in suspects {
        match suspect.what {
            What::Field { offset } => field(&mut kinds, &suspect, offset, findings),
            What::Element { kind } => element(scene, &suspect, kind, findings),
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
    let address = Address::of(func, &facts.body, access.addr);
    let said = info.object(inst);
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

fn element(scene: Scene, suspect: &Suspect, kind: GcKind, findings: &mut Findings) {
    let info = &scene.func.dfg.gc_info;
    let Some([length, element]) = kind.concrete.and_then(|index| info.fields(index)) else {
        return;
    };
    let array = scene.root(suspect.value);
    let lengths = lengths_of(scene, array, length);
    let is_length = |value: Value| lengths.contains(&value);
    let parts = parts_of(scene, suspect.access.addr, array, &is_length);
    if parts.is_other || parts.indices.len() > MAX_INDICES || parts.bases.len() != 1 {
        findings.counts.positions_unjudged += 1;
        findings.counts.positions += 1;
        return;
    }
    let conditions = conditions_before(scene, suspect.node, suspect.inst);
    let mut parts = parts;
    let count = parts.indices.len();
    if count > 0 {
        // What the indices are compared with may be anything, too.
        for &(condition, _) in &conditions {
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
    let size = u64::from(element.size);
    for length in LENGTHS {
        for indices in combinations(parts.indices.len(), indices_for(length, element.size)) {
            let known = |value: Value| -> Option<Bits> {
                let root = scene.root(value);
                let index = parts.indices.iter().position(|&index| index == root);
                let n = if root == array {
                    ARRAY
                } else if parts.bases.contains(&root) {
                    HEAP
                } else if is_length(root) {
                    length.into()
                } else {
                    indices[index?]
                };
                Some(Bits::Const {
                    n,
                    of_reference: false,
                })
            };
            let is_passed = |&(condition, is): &(Value, bool)| {
                truth(scene.func, &known, condition) != Truth::Certain(!is)
            };
            let fits = |&sum: &Inst| !overflows(scene.func, &known, sum);
            if !conditions.iter().all(is_passed) || !parts.sums.iter().all(fits) {
                continue;
            }
            let Bits::Const { n, .. } = eval(scene.func, &known, suspect.access.addr) else {
                continue;
            };
            let start = n.wrapping_add(i64::from(suspect.access.offset) as u64);
            let offset = start.wrapping_sub(HEAP + ARRAY);
            let end = u64::from(element.offset) + u64::from(length) * size;
            let is_in = offset >= element.offset.into()
                && offset.checked_add(size).is_some_and(|after| after <= end);
            if is_in {
                continue;
            }
            findings.counts.positions += 1;
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
                        outside: Outside::NoElement {
                            length,
                            offset: offset as i64,
                        },
                    });
                    let step = here(scene.func, suspect.inst);
                    findings.reject(error, || step.map(|step| vec![step]));
                }
                false => findings.counts.positions_unjudged += 1,
            }
            return;
        }
    }
    findings.counts.positions += 1;
    findings.counts.positions_proved += 1;
}

/// Does the sum `inst` certainly not fit?
fn overflows(func: &Function, known: &dyn Fn(Value) -> Option<Bits>, inst: Inst) -> bool {
    let known = |value: Value| known(value);
    let InstructionData::IntAddTrap { args, .. } = func.dfg.insts[inst] else {
        return false;
    };
    let bits = func.dfg.value_type(args[0]).bits();
    match args.map(|arg| eval(func, &known, arg)) {
        [Bits::Const { n: a, .. }, Bits::Const { n: b, .. }] => {
            let sum = u128::from(a) + u128::from(b);
            sum >> bits.min(64) != 0
        }
        _ => false,
    }
}

fn here(func: &Function, inst: Inst) -> Option<Step> {
    crate::evidence::steps::step(func, Role::Use, inst)
}

/// The values that are the length of `array`.
fn lengths_of(scene: Scene, array: Value, length: &GcField) -> Vec<Value> {
    let mut lengths = Vec::new();
    for memory in scene.body.accesses() {
        let access = &memory.access;
        let (Some(result), None, 4) = (access.result, access.data, access.size) else {
            continue;
        };
        let address = Address::of(scene.func, scene.body, access.addr);
        let offset = address
            .offset
            .map(|offset| offset.wrapping_add(access.offset.into()));
        let is_of_array = address.reference.map(|of| scene.root(of)) == Some(array);
        if is_of_array && offset == Some(length.offset.into()) {
            lengths.push(result);
        }
    }
    lengths
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
fn indices_for(length: u32, size: u32) -> Vec<u64> {
    let product = (1u64 << 32) / u64::from(size.max(1));
    let mut indices: Vec<u64> = [
        0,
        length.wrapping_sub(1).into(),
        length.into(),
        length.wrapping_add(1).into(),
        u32::MAX.into(),
        0x7fff_ffff,
        0x8000_0000,
        product & 0xffff_ffff,
        (product + 1) & 0xffff_ffff,
    ]
    .to_vec();
    indices.sort_unstable();
    indices.dedup();
    indices
}

/// All ways to choose so many.
fn combinations(count: usize, from: Vec<u64>) -> Vec<Vec<u64>> {
    let mut all = vec![Vec::new()];
    for _ in 0..count {
        let longer = all.iter().flat_map(|chosen: &Vec<u64>| {
            from.iter().map(move |&next| {
                let mut chosen = chosen.clone();
                chosen.push(next);
                chosen
            })
        });
        all = longer.collect();
    }
    all
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
