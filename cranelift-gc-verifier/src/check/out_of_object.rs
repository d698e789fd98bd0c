//! Accesses outside of the object that they are made through (GCV18).
//!
//! **Claim.** An access is reported if one of these is shown: a path on which its object can be of a type that
//! has no field there; an execution, with its path, that accesses an array or another object beyond its end;
//! a fill of a number of bytes that is no multiple of an element; or numbers with which fewer bytes are asked for a new object than
//! it has ([`new_size`]).
//!
//! **Strength.** Of structs, exceptions and headers every access at a constant offset is judged. Accesses of
//! arrays, and accesses at offsets that vary, are judged in the producer's CLIF only, because the optimizer may
//! know a length. Where neither a proof nor an execution is found, and the type of the object is known, the
//! access is inconclusive. An access through a value of which no fact says what it refers to is judged by
//! executions alone.
//!
//! **Math.** For structs, as in [`typed_position`](super::typed_position). For arrays, `start ≤ offset` and
//! `offset + size ≤ start + length · element` are proved from the tests that dominate the access ([`bounds`]),
//! or the function is executed with numbers with which these do not hold ([`executions`]).

mod bounds;
mod by_pointer;
mod chosen;
mod executions;
mod fills;
mod form;
mod new_size;
mod suspect;

use crate::analysis::class::Class;
use crate::analysis::facts::Facts;
use crate::analysis::kind::address::{Address, Unchecked};
use crate::analysis::kind::field::kind_of_object;
use crate::analysis::kind::header::Headers;
use crate::analysis::kind::path::Target;
use crate::analysis::kind::subject::Context;
use crate::analysis::kind::thing::{Things, Universe};
use crate::analysis::kind::{Kinds, is_in_heap};
use crate::analysis::sources::is_zero;
use crate::evidence::arrival::{self, Arrival};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::Flaw;
use crate::evidence::steps::{push_path, step, through};
use crate::evidence::world;
use crate::finding::code::Code;
use crate::finding::error::GcError;
use crate::finding::object::{OutOfObject, Outside};
use crate::finding::report::Inconclusive;
use crate::finding::typed::Thing;
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::{Node, constant};
use crate::ir::choice::Condition;
use crate::ir::gc_info::accessed_kind;
use crate::ir::instruction::{Access, Kind};
use crate::ir::path::Point;
use bounds::{Array, Bounds, MAX_SPLITS};
use by_pointer::ByPointer;
use chosen::Arm;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{
    Function, GcFact, GcField, GcHeapType, GcInfo, GcKind, Inst, Value, ValueDef,
};
use form::Form;
use std::cell::OnceCell;
use suspect::{Suspect, What, are_fields, is_at, is_field, is_inside, parts_of_elements};

/// How many of the nearest tests are looked at, and how often what is to be proved is split: at first, and where that is not enough.
const TESTS: [(usize, u32); 3] = [(8, 0), (32, 0), (128, MAX_SPLITS)];

/// How many offsets are tried one by one.
const MAX_OFFSETS: i128 = 64;

/// Check all accesses of objects.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let info = &facts.func.dfg.gc_info;
    if info.types().all(|(index, _)| info.fields(index).is_none()) {
        return;
    }
    let is_first = !facts.history.proofs.is_later;
    if is_first && info.new_objects().next().is_some() {
        new_size::check(facts, findings);
    }
    let stores = OnceCell::new();
    let mut suspects = Vec::new();
    let mut is_open = false;
    for node in facts.cfg.nodes() {
        for item in facts.body.items_of(node) {
            if let Some(access) = facts.body.access(item) {
                match suspect(facts, node, item.inst, access, is_first, &stores) {
                    Judged::Inside => {
                        findings.counts.positions += 1;
                        findings.counts.positions_typed += 1;
                    }
                    Judged::Suspect(suspect) => suspects.push(suspect),
                    Judged::Foreign(offset) => {
                        foreign(facts, item.inst, access, offset, findings);
                    }
                    Judged::Open => is_open = true,
                    Judged::Nothing => {}
                }
            } else if item.kind.is(Kind::CALLS) && is_first {
                fills::fill(facts, node, item.inst, findings);
            }
        }
    }
    if suspects.is_empty() && !(is_open && is_first) {
        return;
    }
    let fallback = facts.context().is_none().then(|| Fallback::new(facts));
    let has_universe = fallback.is_none();
    let context = match &fallback {
        Some(fallback) => fallback.context(facts),
        None => facts.context().expect("there is no other"),
    };
    let mut kinds = Kinds::new(context);
    let mut arrays = Arrays::default();
    let mut undecided = Vec::new();
    for suspect in suspects {
        match suspect.what {
            What::Field { offset } if has_universe => {
                field(&mut kinds, &suspect, offset, findings);
            }
            What::Field { .. } => {
                findings.counts.positions += 1;
                findings.counts.positions_unjudged += 1;
            }
            What::Element { kind } | What::Varying { kind } => {
                findings.counts.positions += 1;
                match is_within(facts, context, &mut arrays, &suspect, (kind, &[])) {
                    true => findings.counts.positions_proved += 1,
                    false => undecided.push(suspect),
                }
            }
            What::Chosen(chosen) => {
                findings.counts.positions += 1;
                let mut judge = |access: &Access, given: &[Condition]| {
                    let at = (suspect.node, suspect.inst);
                    arm(facts, context, (&mut arrays, &stores), at, access, given)
                };
                match chosen::is_within(facts, &suspect, chosen, &mut judge) {
                    true => findings.counts.positions_proved += 1,
                    false => undecided.push(suspect),
                }
            }
            What::Unclear => {
                findings.counts.positions += 1;
                undecided.push(suspect);
            }
            What::Loop { element } => {
                is_open = true;
                fills::filling_loop(facts, &suspect, element, findings);
            }
        }
    }
    if undecided.is_empty() && !(is_open && is_first) {
        return;
    }
    let wanted: Vec<Inst> = undecided.iter().map(|suspect| suspect.inst).collect();
    let found = match facts.history.asks_input && !wanted.is_empty() {
        true => Vec::new(),
        false => executions::find(facts, context.headers, &wanted),
    };
    for outside in &found {
        report(facts, outside, findings);
    }
    for suspect in undecided {
        if found.iter().all(|found| found.outside.inst != suspect.inst) {
            let reason = Inconclusive::UndecidedAccess {
                inst: suspect.inst,
                value: suspect.value,
            };
            findings.undecided(Code::Gcv18, reason);
        }
    }
}

/// What it takes to tell which reference is which, where there are too many types to tell these apart.
pub(super) struct Fallback {
    universe: Universe,
    headers: Headers,
}

impl Fallback {
    pub(super) fn new(facts: &Facts) -> Fallback {
        Fallback {
            universe: Universe::of_no_type(),
            headers: Headers::new(facts.func, &facts.cfg),
        }
    }

    pub(super) fn context<'a>(&'a self, facts: &'a Facts) -> Context<'a> {
        Context {
            func: facts.func,
            cfg: &facts.cfg,
            body: &facts.body,
            roots: facts.roots(),
            headers: &self.headers,
            universe: &self.universe,
        }
    }
}

fn report(facts: &Facts, found: &executions::Found, findings: &mut Findings) {
    let (func, cfg) = (facts.func, &facts.cfg);
    let inst = found.outside.inst;
    let mut steps: Vec<Step> = vec![through(cfg, found.path[0])];
    push_path(func, cfg, &mut steps, &found.path, Role::Use, inst);
    findings.reject(GcError::OutOfObject(found.outside), || Some(steps));
}

/// Does `outside` say of an access, or of a call, that it is where nothing can be?
pub(crate) fn recheck(func: &Function, outside: &OutOfObject) -> Result<(), Flaw> {
    let info = &func.dfg.gc_info;
    let is_so = match outside.outside {
        Outside::NoField {
            index,
            offset,
            size,
        } => !is_field(info, index, offset, size),
        Outside::NoElement {
            index,
            length,
            offset,
            size,
        } => match info.fields(index) {
            Some([_, element]) => {
                let (start, each) = (i64::from(element.offset), i64::from(element.size));
                let end = start + i64::from(length) * each;
                offset < start || offset.saturating_add(size.into()) > end
            }
            _ => false,
        },
        Outside::PartsOfElements {
            index,
            offset,
            size,
        } => match info.fields(index) {
            Some([_, element]) => parts_of_elements(element, offset, size),
            _ => false,
        },
        Outside::NoObject { address } => !world::is_null_page(address),
        Outside::TooSmall { size, needed } => size < needed,
        Outside::OtherHeader { stored, handed } => stored != handed,
        Outside::PartOfElement { filled, size } => filled % u64::from(size.max(1)) != 0,
    };
    is_so.then_some(()).ok_or("it is inside")
}

/// Report a store to what is the collector's.
fn foreign(facts: &Facts, inst: Inst, access: &Access, offset: i64, findings: &mut Findings) {
    let func = facts.func;
    let address = Address::of(func, &facts.body, access.addr);
    let kind = kind_of_object(func, inst, &address);
    let (Some(value), Some(index)) = (address.reference, kind.and_then(|kind| kind.concrete))
    else {
        return;
    };
    let error = GcError::OutOfObject(OutOfObject {
        inst,
        value,
        outside: Outside::NoField {
            index,
            offset,
            size: access.size,
        },
    });
    findings.reject(error, || step(func, Role::Use, inst).map(|step| vec![step]));
}

/// Are so many bytes before the fields of an object, and none of those that the producer says what they are?
///
/// After the count comes what a collector that counts has of an object, and barriers write that.
fn is_of_collector(info: &GcInfo, fields: Option<&[GcField]>, offset: i64, size: u32) -> bool {
    let (Some(header), Some(fields)) = (info.header, fields) else {
        return false;
    };
    let Some(end) = fields.iter().map(|field| i64::from(field.offset)).min() else {
        return false;
    };
    let (first, last) = (offset, offset.saturating_add(size.into()));
    let is_in = |start: u32, size: i64| first < i64::from(start) + size && i64::from(start) < last;
    let is_known = is_in(header.kind, 4)
        || is_in(header.type_index, 4)
        || header.count.is_some_and(|count| is_in(count, 16));
    first >= 0 && last <= end && !is_known
}

/// Is zero stored to some fields of such an object, as where stores of zeros are merged?
fn are_zeroed(func: &Function, kind: GcKind, access: &Access, offset: i64) -> bool {
    let info = &func.dfg.gc_info;
    access.data.is_some_and(|data| is_zero(func, data))
        && kind
            .concrete
            .is_some_and(|index| are_fields(info, index, offset, access.size))
}

/// What was found of an access at once.
enum Judged {
    /// It is inside of its object.
    Inside,
    Suspect(Suspect),
    /// It stores to what is the collector's, at this offset.
    Foreign(i64),
    /// It is of an object of which no fact says what it is.
    Open,
    /// It is none of an object of which that is known.
    Nothing,
}

/// What is accessed, where its type does not settle it.
fn suspect(
    facts: &Facts,
    node: Node,
    inst: Inst,
    access: &Access,
    is_first: bool,
    stores: &OnceCell<ByPointer>,
) -> Judged {
    let func = facts.func;
    let info = &func.dfg.gc_info;
    let access = &Access {
        addr: stored_address(facts, access.addr, is_first),
        ..*access
    };
    let said = accessed_kind(func, inst);
    let is_known = |kind: GcKind| {
        kind.concrete
            .is_some_and(|index| info.fields(index).is_some())
    };
    // NB: To take the address apart takes longer.
    if said.is_some_and(|kind| !is_in_heap(kind.heap) || !is_known(kind)) {
        return Judged::Nothing;
    }
    let mut address = Address::of(func, &facts.body, access.addr);
    if said.is_some() {
        address = address.with_word();
    }
    let fact = |value| match info.fact(value) {
        Some(GcFact::Ref { kind, .. }) => Some(kind),
        Some(GcFact::Derived { .. } | GcFact::HeapBase | GcFact::Scalar) | None => None,
    };
    let kind = said.or_else(|| address.reference.and_then(fact));
    let offset = address
        .offset
        .map(|offset| offset.wrapping_add(access.offset.into()));
    // NB: Of an abstract kind, who accesses a field may know more than is said.
    let Some(kind) = kind.filter(|&kind| is_in_heap(kind.heap) && is_known(kind)) else {
        if is_first && is_opaque(facts, access, &address) {
            return Judged::Suspect(Suspect {
                inst,
                node,
                access: *access,
                value: access.addr,
                what: chosen::unclear(facts, access.addr),
            });
        }
        return open(facts, access, &address, offset, kind);
    };
    let fields = kind.concrete.and_then(|index| info.fields(index));
    // NB: A loop that walks over an array moves a pointer, and is executed.
    let is_passed = address
        .pointer
        .is_some_and(|pointer| matches!(func.dfg.value_def(pointer), ValueDef::Param(..)));
    let what = match (address.reference, offset, kind.heap, fields) {
        // NB: Far enough from null an access need not trap.
        _ if !Unchecked::of(func, &facts.body, access.addr).traps_as_null(access.offset) => {
            match is_first {
                true => What::Unclear,
                false => return Judged::Nothing,
            }
        }
        (Some(reference), Some(offset), ..)
            if is_first
                && access.data.is_some()
                && info.new_object(reference).is_none()
                && is_of_collector(info, fields, offset, access.size) =>
        {
            return Judged::Foreign(offset);
        }
        (Some(_), Some(offset), GcHeapType::Array, Some([length, _])) => {
            let is_header = is_at(length, offset, access.size)
                || offset >= 0 && offset + i64::from(access.size) <= length.offset.into();
            // NB: What is left of a test is not looked for later.
            let is_later = !is_first && is_inside(info, kind.concrete, offset, access.size);
            match is_header || is_later {
                true => return Judged::Inside,
                false if is_first => What::Element { kind },
                false => return Judged::Nothing,
            }
        }
        (Some(_), Some(offset), ..)
            if is_inside(info, kind.concrete, offset, access.size)
                || are_zeroed(func, kind, access, offset) =>
        {
            return Judged::Inside;
        }
        (None, Some(offset), ..)
            if is_first
                && by_pointer::is_inside(facts, kind, (&address, offset), access, stores) =>
        {
            return Judged::Nothing;
        }
        (_, _, GcHeapType::Array, Some(&[_, element])) if is_first => match address.reference {
            Some(_) => What::Element { kind },
            None if access.data.is_some() && access.size == element.size => What::Loop { element },
            None if is_passed => return Judged::Open,
            None => chosen::unclear(facts, access.addr),
        },
        (_, _, GcHeapType::Array, _) => return Judged::Nothing,
        (Some(_), Some(offset), ..) => What::Field { offset },
        (Some(_), None, ..) if is_first => What::Varying { kind },
        (None, ..) if is_first && is_passed => return Judged::Open,
        (None, ..) if is_first => chosen::unclear(facts, access.addr),
        (None, ..) | (Some(_), None, ..) => return Judged::Nothing,
    };
    Judged::Suspect(Suspect {
        inst,
        node,
        access: *access,
        value: address.reference.unwrap_or(access.addr),
        what,
    })
}

/// The address that `addr` was where it was stored, if it is loaded from a slot.
fn stored_address(facts: &Facts, addr: Value, is_first: bool) -> Value {
    let addr = facts.body.resolve(facts.func, addr);
    let is_loaded = || facts.func.dfg.value_def(addr).inst().is_some() && !facts.body.is_made(addr);
    match is_first && facts.values.class(addr) != Class::Plain && is_loaded() {
        true => facts.roots().of(addr),
        false => addr,
    }
}

/// Is the address made of references in a way that is not followed?
fn is_opaque(facts: &Facts, access: &Access, address: &Address) -> bool {
    let value = facts.body.resolve(facts.func, access.addr);
    address.reference.is_none() && facts.values.class(value) == Class::Opaque
}

/// May it be an access of an object that has a type, although none is said?
fn open(
    facts: &Facts,
    access: &Access,
    address: &Address,
    offset: Option<i64>,
    kind: Option<GcKind>,
) -> Judged {
    // The words that all objects have.
    const HEADER: i64 = 24;
    let is_header = offset.is_some_and(|offset| (0..HEADER).contains(&offset));
    let is_of_object = match address.reference {
        Some(_) => !is_header,
        None => {
            let class = facts
                .values
                .class(facts.body.resolve(facts.func, access.addr));
            matches!(class, Class::Derived | Class::Opaque)
        }
    };
    match is_of_object && kind.is_none_or(|kind| is_in_heap(kind.heap)) {
        true => Judged::Open,
        false => Judged::Nothing,
    }
}

// --- Fields ----------------------------------------------------------------------------------

/// May the object be of a type that has no field there?
fn field(kinds: &mut Kinds, suspect: &Suspect, offset: i64, findings: &mut Findings) {
    let context = kinds.context;
    let info = &context.func.dfg.gc_info;
    let size = suspect.access.size;
    let mut outside = Things::default();
    for number in 0..context.universe.len() {
        if let Thing::Exactly(heap, index) = context.universe.thing(number)
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
    let things = match accessed_kind(context.func, inst) {
        Some(kind) => {
            let fact = crate::analysis::kind::object_of(kind);
            things.and(context.universe.of(info, fact))
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

// --- Elements, and offsets that vary ---------------------------------------------------------

/// What is known of the lengths of a function's arrays, if it was asked.
#[derive(Default)]
struct Arrays {
    known: Option<Lengths>,
}

struct Lengths {
    /// The bases of the heap.
    bases: EntitySet<Value>,
    /// What is loaded from where an array has its length, with the array.
    loaded: FxHashMap<Value, Value>,
    /// For a new array, where its length is stored, and what.
    stored: FxHashMap<Value, Vec<(Point, Value)>>,
}

impl Arrays {
    fn of(&mut self, facts: &Facts, context: Context) -> &Lengths {
        self.known.get_or_insert_with(|| {
            let (func, cfg, body) = (context.func, context.cfg, context.body);
            let info = &func.dfg.gc_info;
            let mut lengths = Lengths {
                bases: world::stage::bases(facts),
                loaded: FxHashMap::default(),
                stored: FxHashMap::default(),
            };
            for memory in body.accesses() {
                let access = &memory.access;
                let address = Address::of(func, body, access.addr);
                let (Some(reference), Some(offset), 4) =
                    (address.reference, address.offset, access.size)
                else {
                    continue;
                };
                let kind =
                    accessed_kind(func, memory.inst).or_else(|| match info.fact(reference) {
                        Some(GcFact::Ref { kind, .. }) => Some(kind),
                        _ => None,
                    });
                let is_array = |kind: &GcKind| kind.heap == GcHeapType::Array;
                let Some(kind) = kind.filter(is_array) else {
                    continue;
                };
                // NB: All arrays have their length at the same place.
                let of_type = kind.concrete.and_then(|index| info.fields(index));
                let any = || {
                    let mut types = info.types();
                    types.find_map(|(index, _)| match info.fields(index) {
                        Some(fields @ [_, _]) => Some(fields),
                        _ => None,
                    })
                };
                let Some(length) = of_type.or_else(any).and_then(|fields| fields.first()) else {
                    continue;
                };
                if offset.wrapping_add(access.offset.into()) != i64::from(length.offset) {
                    continue;
                }
                let array = context.root(reference);
                match (access.data, access.result) {
                    (None, Some(result)) if access.plain => {
                        lengths.loaded.insert(result, array);
                    }
                    (Some(data), None) if info.new_object(array).is_some() => {
                        let point = Point::at(func, cfg, memory.inst);
                        let stored = lengths.stored.entry(array).or_default();
                        stored.extend(point.map(|point| (point, data)));
                    }
                    _ => {}
                }
            }
            lengths
        })
    }
}

/// What is found of an access by one of several addresses, under the conditions under which that is chosen.
fn arm(
    facts: &Facts,
    context: Context,
    (arrays, stores): (&mut Arrays, &OnceCell<ByPointer>),
    (node, inst): (Node, Inst),
    access: &Access,
    given: &[Condition],
) -> Arm {
    match suspect(facts, node, inst, access, true, stores) {
        Judged::Inside => Arm::Inside,
        Judged::Suspect(arm) => match arm.what {
            What::Element { kind } | What::Varying { kind } => {
                match is_within(facts, context, arrays, &arm, (kind, given)) {
                    true => Arm::Inside,
                    false => Arm::Unknown,
                }
            }
            What::Chosen(chosen) => Arm::Chosen(chosen),
            What::Field { .. } | What::Unclear | What::Loop { .. } => Arm::Unknown,
        },
        Judged::Foreign(_) | Judged::Open | Judged::Nothing => Arm::Unknown,
    }
}

/// Is the access, of an object of this kind, proved to be within it, under these conditions?
fn is_within(
    facts: &Facts,
    context: Context,
    arrays: &mut Arrays,
    suspect: &Suspect,
    (kind, given): (GcKind, &[Condition]),
) -> bool {
    let info = &context.func.dfg.gc_info;
    let Some(fields) = kind.concrete.and_then(|index| info.fields(index)) else {
        return false;
    };
    let object = context.root(suspect.value);
    // NB: Null is no object. GCV10 tells whether an access of it is guarded.
    if constant(context.func, object) == Some(0) {
        return true;
    }
    let array = match (kind.heap, fields) {
        (GcHeapType::Array, [_, element]) => Some(Array {
            start: element.offset.into(),
            element: element.size.into(),
        }),
        _ => None,
    };
    let Lengths {
        bases,
        loaded,
        stored,
    } = arrays.of(facts, context);
    // NB: What is stored twice may be another length.
    let of_object = match stored.get(&object).map(Vec::as_slice) {
        Some(&[stored]) => Some(stored),
        _ => None,
    };
    TESTS.into_iter().any(|(most, splits)| {
        let mut bounds = Bounds::new(context, object, array, loaded, of_object);
        bounds.enter(suspect.node, Some(suspect.inst), most);
        bounds.enter_given(given);
        let Suspect { access, node, .. } = *suspect;
        if access.flags.trap_code().is_some() {
            bounds.enter_checks(access.addr);
        }
        let Some(distance) = bounds.distance(access.addr, access.offset, bases) else {
            return false;
        };
        let is_between = |bounds: &mut Bounds, low: i128, end: Option<Form>| {
            let goals = [
                distance.shifted(-low),
                end.and_then(|end| end.minus(&distance)?.shifted(-i128::from(access.size))),
            ];
            goals
                .into_iter()
                .all(|goal| goal.is_some_and(|goal| bounds.holds(&goal, node, splits)))
        };
        if let Some(array) = array {
            let end = bounds.end();
            let is_whole = match fields {
                [_, element] if matches!(element.fact, Some(GcFact::Ref { .. })) => {
                    let from_start = distance.shifted(-array.start);
                    access.size == element.size
                        && from_start.is_some_and(|form| form.is_multiple_of(array.element))
                }
                _ => true,
            };
            return is_whole && is_between(&mut bounds, array.start, end);
        }
        // One of a few offsets, each of which is a field's.
        if let Some((low, high, step)) = bounds.range(&distance)
            && (high - low) / step <= MAX_OFFSETS
            && let Some(index) = kind.concrete
        {
            let mut offsets = core::iter::successors(Some(low), |offset| Some(offset + step))
                .take_while(|&offset| offset <= high);
            let is_there = |offset: i128| {
                i64::try_from(offset).is_ok_and(|at| is_field(info, index, at, access.size))
            };
            if offsets.all(is_there) {
                return true;
            }
        }
        fields.iter().any(|field| {
            let end = i128::from(field.offset) + i128::from(field.size);
            is_between(&mut bounds, field.offset.into(), Some(Form::number(end)))
        })
    })
}
