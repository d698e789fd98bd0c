//! What happens to locations, block after block.
//!
//! **Claim.** Every instruction that reads or writes a location, and every safepoint, is an event, in the order of
//! execution.
//!
//! **Strength.** Exact for slots whose address does not escape; the others have no locations.
//!
//! **Math.** An access of `[a, b)` in a slot is a store or load of a location `[a, b)` of its type, and clobbers each other
//! location that it overlaps.

use super::location::{BySlot, Loc, Location};
use crate::analysis::history::History;
use crate::analysis::sources::is_zero;
use crate::ir::cfg::{Cfg, Node};
use crate::ir::instruction::{Access, Stored, stored_by};
use crate::ir::view::{Body, SlotAccess};
use cranelift_codegen::ir::{AtomicRmwOp, Function, Inst, InstructionData, Opcode, Value};
use smallvec::SmallVec;

/// What an instruction does to locations.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Store {
        loc: Loc,
        origin: Value,
        data: Value,
        /// Does the producer say what it stands for?
        is_noted: bool,
    },
    /// It is stored, or what was there stays: an exchange that may not happen.
    Perhaps {
        loc: Loc,
        origin: Value,
        data: Value,
    },
    /// What was loaded from there is stored there again: it stays what it was, to a producer that does
    /// not say which value a spill stands for.
    Restore {
        loc: Loc,
        data: Value,
    },
    Clobber {
        loc: Loc,
    },
    /// The one at `index` of all loads.
    Load {
        loc: Loc,
        result: Value,
        index: u32,
    },
    Safepoint {
        index: u32,
    },
}

impl Event {
    /// Where it writes.
    pub(super) fn written(self) -> Option<Loc> {
        match self {
            Event::Store { loc, .. }
            | Event::Perhaps { loc, .. }
            | Event::Restore { loc, .. }
            | Event::Clobber { loc } => Some(loc),
            Event::Load { .. } | Event::Safepoint { .. } => None,
        }
    }
}

/// All of them.
#[derive(Default)]
pub(super) struct Events {
    all: Vec<(Inst, Event)>,
    /// For each node, where its events begin; and where the last ones end.
    starts: Vec<u32>,
    /// The reloads that are stored again where they were loaded from, sorted.
    restored: Vec<Value>,
}

impl Events {
    /// What happens to `locations` in `func`.
    pub(super) fn new(
        func: &Function,
        cfg: &Cfg,
        body: &Body,
        (locations, by_slot): (&[Location], &BySlot),
        history: &History,
    ) -> Self {
        let len = body.slot_accesses.len() + body.safepoints.len();
        let mut events = Events {
            all: Vec::with_capacity(len),
            starts: Vec::with_capacity(cfg.len() + 1),
            restored: Vec::new(),
        };
        let mut accesses = body.slot_accesses.iter().peekable();
        let (mut passed, mut loads) = (0, 0);
        // Accesses and safepoints come in the order of the code; merge them.
        for node in cfg.nodes() {
            events.starts.push(events.all.len() as u32);
            loop {
                let access = accesses.peek().filter(|access| access.node == node);
                let safepoint = body.safepoints.get(passed).filter(|at| at.node == node);
                match (access, safepoint) {
                    (None, None) => break,
                    (Some(access), _) if access.passed as usize == passed => {
                        let made = body.access_at(access);
                        let locs = near(&by_slot[access.slot], locations, access.offset);
                        let locs = locs.map(|&loc| (loc, &locations[loc as usize]));
                        let made = locs.flat_map(|at| happens(func, (access, made), at, history));
                        for mut event in made {
                            if let Event::Load { index, .. } = &mut event {
                                *index = loads;
                                loads += 1;
                            }
                            events.all.push((access.inst, event));
                        }
                        accesses.next();
                    }
                    (_, Some(safepoint)) => {
                        let index = passed as u32;
                        let event = Event::Safepoint { index };
                        events.all.push((safepoint.inst, event));
                        passed += 1;
                    }
                    (Some(_), None) => unreachable!("the safepoints before it were passed"),
                }
            }
        }
        events.starts.push(events.all.len() as u32);
        events.find_restores();
        events
    }

    /// Those in `node`, in order.
    pub(super) fn of(&self, node: Node) -> &[(Inst, Event)] {
        let starts = &self.starts[node as usize..node as usize + 2];
        &self.all[starts[0] as usize..starts[1] as usize]
    }

    /// All of them, in order.
    pub(super) fn all(&self) -> &[(Inst, Event)] {
        &self.all
    }

    /// The reloads that are stored again where they were loaded from, sorted.
    pub(super) fn restored(&self) -> &[Value] {
        &self.restored
    }

    /// Tell stores of what was loaded from the same place from others.
    fn find_restores(&mut self) {
        let stores_itself = |&(_, event): &(Inst, Event)| match event {
            Event::Store {
                loc,
                data,
                is_noted: false,
                ..
            } => Some((loc, data)),
            _ => None,
        };
        let mut stored: Vec<_> = self.all.iter().filter_map(stores_itself).collect();
        if stored.is_empty() {
            return;
        }
        stored.sort_unstable();
        let is_restored = |&(_, event): &(Inst, Event)| match event {
            Event::Load { loc, result, .. } if stored.binary_search(&(loc, result)).is_ok() => {
                Some((loc, result))
            }
            _ => None,
        };
        let mut restored: Vec<_> = self.all.iter().filter_map(is_restored).collect();
        restored.sort_unstable();
        for (_, event) in &mut self.all {
            if let &mut Event::Store {
                loc,
                data,
                is_noted: false,
                ..
            } = event
                && restored.binary_search(&(loc, data)).is_ok()
            {
                *event = Event::Restore { loc, data };
            }
        }
        // NB: What is loaded is loaded from one location.
        self.restored = restored.into_iter().map(|(_, value)| value).collect();
        self.restored.sort_unstable();
    }

    /// Every write to a location, with the value that it stores there for, if it is one; sorted.
    pub(super) fn stores(&self) -> Vec<(Inst, Loc, Option<Value>)> {
        let store = |&(inst, event): &(Inst, Event)| match event {
            Event::Store { loc, origin, .. } | Event::Perhaps { loc, origin, .. } => {
                Some((inst, loc, Some(origin)))
            }
            Event::Restore { loc, data } => Some((inst, loc, Some(data))),
            Event::Clobber { loc } => Some((inst, loc, None)),
            Event::Load { .. } | Event::Safepoint { .. } => None,
        };
        let mut stores: Vec<_> = self.all.iter().filter_map(store).collect();
        stores.sort_unstable();
        stores
    }
}

/// No type has more bytes.
const MAX_BYTES: i64 = 64;

/// Those of `locs`, which are in the order of their offsets, that an access at `offset` may concern.
fn near<'a>(
    locs: &'a [Loc],
    locations: &[Location],
    offset: i64,
) -> impl Iterator<Item = &'a Loc> + use<'a> {
    // NB: Most slots have one location.
    let start = |&loc: &Loc| i64::from(locations[loc as usize].offset);
    let (first, last) = match locs.len() {
        0 | 1 => (0, locs.len()),
        _ => (
            locs.partition_point(|loc| start(loc) + MAX_BYTES <= offset),
            locs.partition_point(|loc| start(loc) < offset.saturating_add(MAX_BYTES)),
        ),
    };
    locs[first..last].iter()
}

/// What the access does to the location `loc`: an exchange loads what was there, and stores something else.
fn happens(
    func: &Function,
    (at, access): (&SlotAccess, &Access),
    location: (Loc, &Location),
    history: &History,
) -> SmallVec<[Event; 2]> {
    let mut events = SmallVec::new();
    let is_exchange = access.data.is_some() && access.result.is_some();
    if is_exchange {
        let loaded = Access {
            data: None,
            plain: true,
            ..*access
        };
        events.extend(event(func, (at, &loaded), location, history));
    }
    events.extend(event(func, (at, access), location, history));
    events
}

/// What the access does to the location `loc`, if it loads or stores.
fn event(
    func: &Function,
    (at, access): (&SlotAccess, &Access),
    (loc, location): (Loc, &Location),
    history: &History,
) -> Option<Event> {
    let start = i64::from(location.offset);
    let end = start + i64::from(location.ty.bytes());
    if at.offset >= end || at.offset + i64::from(access.size) <= start {
        return None;
    }
    let covers = at.offset == start && access.size == location.ty.bytes();
    let opcode = func.dfg.insts[at.inst].opcode();
    let stores_it = access.plain
        || matches!(
            func.dfg.insts[at.inst],
            InstructionData::AtomicRmw {
                op: AtomicRmwOp::Xchg,
                ..
            }
        )
        || matches!(
            opcode,
            Opcode::AtomicStore | Opcode::Istore8 | Opcode::Istore16 | Opcode::Istore32
        );
    let loads_it = access.plain || opcode == Opcode::AtomicLoad;
    let inner = u32::try_from(start - at.offset).ok();
    let inner = inner.filter(|inner| stores_it && inner + location.ty.bytes() <= access.size);
    let stored = access
        .data
        .zip(inner)
        .and_then(|(data, inner)| part_of(func, data, (inner, location.ty.bytes()), PARTS));
    if let Some(Stored::Perhaps(data)) = stored_by(func, at.inst, access)
        && covers
        && access.ty == location.ty
    {
        return Some(Event::Perhaps {
            loc,
            origin: history.find(func.dfg.resolve_aliases(data)),
            data,
        });
    }
    match (stored.or(access.data), access.result) {
        (Some(data), _) if stored.is_some() => {
            let noted = func.dfg.gc_info.spill_origin(at.inst);
            let noted = noted.filter(|_| covers);
            let origin = noted.map_or(data, |origin| func.dfg.resolve_aliases(origin));
            Some(Event::Store {
                loc,
                origin: history.find(origin),
                data,
                is_noted: noted.is_some(),
            })
        }
        (Some(_), _) => Some(Event::Clobber { loc }),
        (None, Some(result)) if covers && loads_it && access.ty == location.ty => {
            let index = 0;
            Some(Event::Load { loc, result, index })
        }
        (None, _) => None,
    }
}

/// How deep a value is looked into for its parts.
const PARTS: u32 = 8;

/// The value that has the word of `value` at byte `start`, if it is one.
pub(crate) fn part(func: &Function, value: Value, start: u32) -> Option<Value> {
    part_of(func, value, (start, 4), PARTS)
}

/// The value that has the bytes of `value` from the first one of the pair on, so many as the second one says.
///
/// Zeros are the value that they are in.
fn part_of(func: &Function, value: Value, (start, size): (u32, u32), depth: u32) -> Option<Value> {
    let value = func.dfg.resolve_aliases(value);
    if start == 0 && func.dfg.value_type(value).bytes() == size || is_zero(func, value) {
        return Some(value);
    }
    let depth = depth.checked_sub(1)?;
    let inst = func.dfg.value_def(value).inst()?;
    // NB: Of an amount, as many bits count as the width has.
    let width = u64::from(func.dfg.value_type(value).bits());
    let amount = |by| match crate::ir::cfg::constant(func, by) {
        Some(bits) if bits % 8 == 0 => Some((bits % width) as u32 / 8),
        _ => None,
    };
    match func.dfg.insts[inst] {
        InstructionData::Unary {
            opcode: Opcode::Uextend | Opcode::Ireduce,
            arg,
        }
        | InstructionData::LoadNoOffset {
            opcode: Opcode::Bitcast,
            arg,
            ..
        } => {
            let is_inside = start + size <= func.dfg.value_type(arg).bytes();
            is_inside
                .then(|| part_of(func, arg, (start, size), depth))
                .flatten()
        }
        InstructionData::Binary { opcode, args } => match opcode {
            // NB: Each lane is shifted by itself.
            Opcode::Ishl | Opcode::Ushr | Opcode::Rotl | Opcode::Rotr
                if func.dfg.value_type(value).is_vector() =>
            {
                None
            }
            Opcode::Ishl => {
                let start = start.checked_sub(amount(args[1])?)?;
                part_of(func, args[0], (start, size), depth)
            }
            Opcode::Ushr => {
                let start = start + amount(args[1])?;
                let is_inside = start + size <= func.dfg.value_type(args[0]).bytes();
                is_inside
                    .then(|| part_of(func, args[0], (start, size), depth))
                    .flatten()
            }
            Opcode::Rotl | Opcode::Rotr => {
                let bytes = func.dfg.value_type(value).bytes();
                let by = amount(args[1])? % bytes;
                let start = match opcode {
                    Opcode::Rotl => (start + bytes - by) % bytes,
                    _ => (start + by) % bytes,
                };
                (start + size <= bytes)
                    .then(|| part_of(func, args[0], (start, size), depth))
                    .flatten()
            }
            Opcode::Bor | Opcode::Bxor | Opcode::Iadd => {
                let [a, b] = args;
                // Where one of them has zeros, nothing is carried.
                let below = (0, start);
                let is_carried = opcode == Opcode::Iadd
                    && !has_zeros(func, a, below)
                    && !has_zeros(func, b, below);
                if is_carried {
                    None
                } else if has_zeros(func, a, (start, size)) {
                    part_of(func, b, (start, size), depth)
                } else if has_zeros(func, b, (start, size)) {
                    part_of(func, a, (start, size), depth)
                } else {
                    None
                }
            }
            Opcode::Iconcat => {
                let half = func.dfg.value_type(args[0]).bytes();
                if start + size <= half {
                    part_of(func, args[0], (start, size), depth)
                } else {
                    let start = start.checked_sub(half)?;
                    part_of(func, args[1], (start, size), depth)
                }
            }
            _ => None,
        },
        InstructionData::Unary {
            opcode: Opcode::Splat,
            arg,
        } => part_of_lane(func, arg, (start, size), None, depth),
        InstructionData::Unary {
            opcode: Opcode::ScalarToVector,
            arg,
        } => part_of_lane(func, arg, (start, size), Some(0), depth),
        InstructionData::BinaryImm8 {
            opcode: Opcode::Extractlane,
            arg,
            imm,
        } => {
            let bytes = func.dfg.value_type(value).bytes();
            part_of(func, arg, (start + u32::from(imm) * bytes, size), depth)
        }
        InstructionData::TernaryImm8 {
            opcode: Opcode::Insertlane,
            args: [vector, lane],
            imm,
        } => {
            let bytes = func.dfg.value_type(lane).bytes();
            let first = u32::from(imm) * bytes;
            if start + size <= first || first + bytes <= start {
                part_of(func, vector, (start, size), depth)
            } else {
                part_of_lane(func, lane, (start, size), Some(imm), depth)
            }
        }
        _ => None,
    }
}

/// Does `inst` put a value together of others in a way of which [`part_of`] knows each part?
pub(crate) fn is_put_together(func: &Function, inst: Inst) -> bool {
    matches!(
        func.dfg.insts[inst].opcode(),
        Opcode::Uextend
            | Opcode::Ireduce
            | Opcode::Bitcast
            | Opcode::Iconcat
            | Opcode::Bor
            | Opcode::Bxor
            | Opcode::Iadd
            | Opcode::Ishl
            | Opcode::Ushr
            | Opcode::Splat
            | Opcode::ScalarToVector
            | Opcode::Insertlane
    )
}

/// The part of a vector that is in the lane `number`, or in whichever one, all of which are `lane`.
fn part_of_lane(
    func: &Function,
    lane: Value,
    (start, size): (u32, u32),
    number: Option<u8>,
    depth: u32,
) -> Option<Value> {
    let bytes = func.dfg.value_type(lane).bytes();
    let (which, inner) = (start / bytes, start % bytes);
    let is_inside = inner + size <= bytes && number.is_none_or(|it| u32::from(it) == which);
    is_inside
        .then(|| part_of(func, lane, (inner, size), depth))
        .flatten()
}

/// Are so many bytes of `value`, from the first one of the pair on, zero?
fn has_zeros(func: &Function, value: Value, (start, size): (u32, u32)) -> bool {
    let value = func.dfg.resolve_aliases(value);
    if is_zero(func, value) {
        return true;
    }
    let Some(inst) = func.dfg.value_def(value).inst() else {
        return false;
    };
    match func.dfg.insts[inst] {
        InstructionData::Unary {
            opcode: Opcode::Uextend,
            arg,
        } => start >= func.dfg.value_type(arg).bytes(),
        InstructionData::Binary {
            opcode: Opcode::Ishl,
            args: [_, by],
        } => {
            let ty = func.dfg.value_type(value);
            let by = crate::ir::cfg::constant(func, by).map(|bits| bits % u64::from(ty.bits()));
            ty.is_int() && by.is_some_and(|bits| u64::from(8 * (start + size)) <= bits)
        }
        _ => false,
    }
}
