//! What holds a new object, and where addresses point to.
//!
//! **Claim.** A value that is said to be the reference to the object, or an address in it, is that on the path
//! that is followed. A place that is said to be elsewhere is no byte of the object.
//!
//! **Strength.** Sums, differences, products with constants, choices, block parameters and stack slots are
//! followed. What is computed of the object otherwise is a part of it, and the place of such an address is
//! unknown. What was there before the object is no pointer to it.
//!
//! **Math.** An address is `o·object + b·base + c + Σ cᵢ·xᵢ`, modulo 2⁶⁴. It is the byte at `c` of the object
//! if `o = b = 1` and the rest is empty.

use crate::analysis::nullness::eval::is_loaded;
use crate::analysis::slots::part;
use crate::ir::cfg::{Cfg, Edge, Node, constant, destinations};
use crate::ir::gc_info::reloaded_for;
use crate::ir::instruction::Access;
use crate::ir::linear::{Linear, unguarded};
use crate::ir::path::Point;
use crate::ir::view::{Body, Item};
use cranelift_codegen::ir::{
    BlockArg, Function, GcCollector, Inst, InstructionData, Opcode, StackSlot, Value, types,
};
use smallvec::SmallVec;

/// How many values of one expression are looked at.
const MAX_VALUES: u32 = 256;

/// How deep an expression may be.
const DEPTH: u32 = 32;

/// A function, and what is known of it.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) func: &'a Function,
    pub(super) cfg: &'a Cfg,
    pub(super) body: &'a Body,
    pub(super) collector: GcCollector,
}

/// What a value is of the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// The reference to it.
    Reference,
    /// The reference to it, or something else.
    Maybe,
    /// The address of the byte of it at this offset.
    Address(i64),
    /// Made of it in another way.
    Part,
}

/// Where an address points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// So many bytes after the start of the object.
    Object(i64),
    /// Not into the object.
    Elsewhere,
    /// That is not known.
    Unknown,
}

/// So many bytes of a stack slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct InSlot {
    slot: StackSlot,
    offset: i64,
    size: u32,
}

impl InSlot {
    fn overlaps(self, other: InSlot) -> bool {
        self.slot == other.slot
            && self.offset < other.offset.saturating_add(other.size.into())
            && other.offset < self.offset.saturating_add(self.size.into())
    }
}

/// What holds the object on a path, besides what is computed of the reference to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Held {
    /// Block parameters and loaded values; sorted.
    values: SmallVec<[(Value, What); 2]>,
    /// Sorted.
    slots: SmallVec<[(InSlot, What); 1]>,
    is_published: bool,
    /// Is the reference that of another object by now?
    is_renamed: bool,
}

impl Held {
    /// Was the reference stored to memory that others may read?
    pub(super) fn is_published(&self) -> bool {
        self.is_published
    }

    /// From now on, the reference is that of another object.
    pub(super) fn rename(&mut self) {
        self.is_renamed = true;
    }

    /// Is the reference still that of the object?
    pub(super) fn is_named(&self) -> bool {
        !self.is_renamed
    }

    /// Can anyone get at the object, besides by the reference to it?
    pub(super) fn is_somewhere(&self) -> bool {
        self.is_published || !self.values.is_empty() || !self.slots.is_empty()
    }

    /// Is the reference in these bytes of `slot`?
    pub(super) fn is_in(&self, slot: StackSlot, offset: i64, size: u32) -> bool {
        let bytes = InSlot { slot, offset, size };
        let mut slots = self.slots.iter();
        slots.any(|(at, what)| at.overlaps(bytes) && matches!(what, What::Reference | What::Maybe))
    }

    fn of(&self, value: Value) -> Option<What> {
        let mut values = self.values.iter();
        values.find(|held| held.0 == value).map(|held| held.1)
    }

    fn set(&mut self, value: Value, what: Option<What>) {
        self.values.retain(|held| held.0 != value);
        if let Some(what) = what {
            self.values.push((value, what));
            self.values.sort_unstable();
        }
    }

    fn store(&mut self, bytes: InSlot, what: Option<What>) {
        self.slots.retain(|held| !held.0.overlaps(bytes));
        if let Some(what) = what {
            self.slots.push((bytes, what));
            self.slots.sort_unstable();
        }
    }

    fn load(&self, bytes: InSlot) -> Option<What> {
        let mut found = self.slots.iter().filter(|held| held.0.overlaps(bytes));
        found.next().map(|held| match held.0 == bytes {
            true => held.1,
            false => What::Part,
        })
    }
}

/// A sum, as far as it is one: what is added up.
#[derive(Clone, Debug, Default)]
struct Sum {
    /// How often the reference to the object is in it, and how often the base of its heap is.
    objects: i64,
    bases: i64,
    constant: i64,
    /// Everything else, with its coefficients, none of which is zero.
    rest: SmallVec<[(Value, i64); 4]>,
    /// Is the object in it in a way that is not followed?
    is_part: bool,
    /// Is the object one of several things that it may be?
    is_maybe: bool,
}

impl Sum {
    fn add_rest(&mut self, value: Value, coefficient: i64) {
        match self.rest.iter().position(|term| term.0 == value) {
            Some(at) => {
                self.rest[at].1 = self.rest[at].1.wrapping_add(coefficient);
                if self.rest[at].1 == 0 {
                    self.rest.remove(at);
                }
            }
            None => self.rest.push((value, coefficient)),
        }
    }
}

/// A new object, by the reference to it.
pub(super) struct Subject {
    pub(super) reference: Value,
    start: Point,
    /// What the reference is computed of: that is the object, too, where it is in a sum.
    made_of: Sum,
    /// Block parameters that are the object's address where the reference is one of the same block.
    addresses: SmallVec<[(Value, What); 2]>,
}

impl Subject {
    /// The object that `reference`, which is defined at `start`, refers to.
    pub(super) fn new(context: Context, reference: Value, start: Point) -> Self {
        let mut subject = Subject::new_at(context, reference, start);
        subject.find_addresses(context);
        subject
    }

    /// Is the reference made by an instruction that no address can be computed before?
    pub(super) fn is_opaque(&self, context: Context) -> bool {
        !is_followed(context.func, self.reference)
    }

    /// What holds the object where the reference is defined.
    pub(super) fn at_start(&self) -> Held {
        Held {
            values: self.addresses.iter().copied().collect(),
            ..Held::default()
        }
    }

    /// What `value` is of the object, if it has to do with it.
    pub(super) fn what(&self, context: Context, held: &Held, value: Value) -> Option<What> {
        let value = context.body.resolve(context.func, value);
        let sum = self.sum(context, held, value);
        if sum.is_part {
            return Some(What::Part);
        }
        if sum.objects == 0 {
            return None;
        }
        let is_one = sum.objects == 1 && sum.rest.is_empty() && sum.bases == 0;
        let place = self.place_of(context, held, &sum);
        match place {
            _ if sum.is_maybe && is_one && sum.constant == 0 => Some(What::Maybe),
            _ if sum.is_maybe => Some(What::Part),
            _ if is_one && sum.constant == 0 => Some(What::Reference),
            Place::Object(at) => Some(What::Address(at)),
            Place::Elsewhere | Place::Unknown => Some(What::Part),
        }
    }

    /// May `value` be the reference to the object?
    pub(super) fn may_be_object(&self, context: Context, held: &Held, value: Value) -> bool {
        matches!(
            self.what(context, held, value),
            Some(What::Reference | What::Maybe)
        )
    }

    /// Where `addr` points to.
    pub(super) fn place(&self, context: Context, held: &Held, addr: Value) -> Place {
        let addr = context.body.resolve(context.func, addr);
        let sum = self.sum(context, held, addr);
        match sum.is_maybe {
            true => Place::Unknown,
            false => self.place_of(context, held, &sum),
        }
    }

    fn place_of(&self, context: Context, held: &Held, sum: &Sum) -> Place {
        if sum.is_part {
            return Place::Unknown;
        }
        let func = context.func;
        if sum.objects != 0 {
            return match (sum.objects, sum.bases, &sum.rest[..]) {
                (1, 1, []) => Place::Object(sum.constant),
                (1, 0, &[(base, 1)]) if func.dfg.value_type(base) == types::I64 => {
                    Place::Object(sum.constant)
                }
                _ => Place::Unknown,
            };
        }
        if let Some(place) = self.place_by_parts(func, sum) {
            return place;
        }
        let is_slot = |&(value, _): &(Value, i64)| slot_of(func, value).is_some();
        if sum.rest.iter().any(is_slot) {
            return Place::Elsewhere;
        }
        // What was there before the object is no pointer to it, and what is loaded later is the base of the
        // heap, where something is added to it, or a pointer to what the object was stored to.
        let (mut older, mut pointers, mut others) = (0, 0, 0);
        for &(value, _) in &sum.rest {
            if self.is_older(context, value) {
                older += 1;
            } else if func.dfg.value_type(value) == types::I64 && is_loaded(func, value) {
                pointers += 1;
            } else {
                others += 1;
            }
        }
        match (older, pointers, others) {
            (_, 0, 0) | (1.., 1, 0) => Place::Elsewhere,
            (_, _, 1..) if !held.is_published && pointers <= 1 => Place::Elsewhere,
            _ => Place::Unknown,
        }
    }

    /// Where a sum points to that is made of what the reference is made of.
    fn place_by_parts(&self, func: &Function, sum: &Sum) -> Option<Place> {
        if self.made_of.is_part || self.made_of.rest.is_empty() {
            return None;
        }
        let mut left = sum.clone();
        for &(value, coefficient) in &self.made_of.rest {
            left.add_rest(value, coefficient.wrapping_neg());
        }
        match left.rest[..] {
            [(base, 1)] if func.dfg.value_type(base) == types::I64 => Some(Place::Object(
                left.constant.wrapping_sub(self.made_of.constant),
            )),
            _ => None,
        }
    }

    fn sum(&self, context: Context, held: &Held, value: Value) -> Sum {
        let mut sum = Sum::default();
        let mut budget = MAX_VALUES;
        self.add(
            context,
            held,
            (value, 1),
            DEPTH,
            &mut sum,
            &mut budget,
            false,
        );
        sum
    }

    /// Add `coefficient * value` to `sum`. `is_of_reference` says that it is the reference that is looked into.
    #[allow(clippy::too_many_arguments, reason = "it is one walk")]
    fn add(
        &self,
        context: Context,
        held: &Held,
        (value, coefficient): (Value, i64),
        depth: u32,
        sum: &mut Sum,
        budget: &mut u32,
        is_of_reference: bool,
    ) {
        let func = context.func;
        let value = context.body.resolve(func, value);
        if !is_of_reference {
            let what = match value == self.reference {
                true => held.is_named().then_some(What::Reference),
                false => held.of(value),
            };
            if let Some(what) = what {
                sum.objects = sum.objects.wrapping_add(coefficient);
                match what {
                    What::Reference => {}
                    What::Maybe => sum.is_maybe = true,
                    What::Address(at) => {
                        sum.bases = sum.bases.wrapping_add(coefficient);
                        sum.constant = sum.constant.wrapping_add(coefficient.wrapping_mul(at));
                    }
                    What::Part => sum.is_part = true,
                }
                return;
            }
        }
        if let Some(bits) = constant(func, value) {
            let bits = match func.dfg.value_type(value).bits() {
                // NB: What is added to an index and wraps is less than nothing.
                32 => i64::from(bits as u32 as i32),
                _ => bits as i64,
            };
            sum.constant = sum.constant.wrapping_add(coefficient.wrapping_mul(bits));
            return;
        }
        let (Some(depth), Some(left)) = (depth.checked_sub(1), budget.checked_sub(1)) else {
            sum.is_part = true;
            return;
        };
        *budget = left;
        let mut add = |value, factor: i64, sum: &mut Sum| {
            let coefficient = coefficient.wrapping_mul(factor);
            self.add(
                context,
                held,
                (value, coefficient),
                depth,
                sum,
                budget,
                is_of_reference,
            );
        };
        match term(func, value) {
            Term::Sum(a, b) => {
                add(a, 1, sum);
                add(b, 1, sum);
            }
            Term::Difference(a, b) => {
                add(a, 1, sum);
                add(b, -1, sum);
            }
            Term::Times(a, factor) => add(a, factor, sum),
            Term::Same(a) => add(a, 1, sum),
            Term::OneOf(a, b) => {
                let [a, b] = [a, b].map(|arm| {
                    let mut of_arm = Sum::default();
                    add(arm, 1, &mut of_arm);
                    of_arm
                });
                let are_apart = [&a, &b].map(|arm| arm.objects == 0 && !arm.is_part);
                let is_plain = |arm: &Sum| {
                    arm.rest.is_empty() && arm.constant == 0 && arm.bases == 0 && !arm.is_part
                };
                if are_apart == [true; 2] {
                    sum.add_rest(value, coefficient);
                } else if coefficient == 1 && sum.objects == 0 && is_choice(&a, &b, is_plain) {
                    sum.objects = 1;
                    sum.is_maybe |= are_apart != [false; 2] || a.is_maybe || b.is_maybe;
                } else {
                    sum.is_part = true;
                }
            }
            Term::Leaf => sum.add_rest(value, coefficient),
            Term::Opaque(inst) => {
                let mut of_operands = Sum::default();
                for &arg in func.dfg.inst_args(inst) {
                    add(arg, 1, &mut of_operands);
                }
                match of_operands.objects != 0 || of_operands.is_part {
                    true => sum.is_part = true,
                    false => {
                        sum.add_rest(value, coefficient);
                    }
                }
            }
        }
    }

    // --- What happens on a path --------------------------------------------------------

    /// What holds the object once `item` was executed.
    pub(super) fn follow(&self, context: Context, item: &Item, held: &mut Held) {
        let Context { func, body, .. } = context;
        let Some(access) = body.access(item) else {
            return;
        };
        let slot = self
            .slot(context, held, access.addr)
            .map(|(slot, offset)| InSlot {
                slot,
                offset: offset.wrapping_add(access.offset.into()),
                size: access.size,
            });
        if let Some(data) = access.data {
            let what = self.what(context, held, data);
            let is_object = matches!(what, Some(What::Reference | What::Maybe))
                || what == Some(What::Part) && self.has_object_in(context, held, access, data);
            match slot {
                Some(bytes) => {
                    let what = what.map(|what| if access.plain { what } else { What::Part });
                    held.store(bytes, what);
                    held.is_published |= is_object && body.escapes.contains_key(&bytes.slot);
                }
                None => {
                    // NB: An object that only it refers to is known to nobody.
                    let place = self.place(context, held, access.addr);
                    held.is_published |= is_object && !matches!(place, Place::Object(_));
                }
            }
        }
        if let Some(result) = access.result {
            let result = body.resolve(func, result);
            let what = match slot {
                Some(bytes) if access.data.is_none() => {
                    let what = held.load(bytes);
                    what.map(|what| if access.plain { what } else { What::Part })
                }
                _ => None,
            };
            held.set(result, what);
        }
    }

    /// Is some word of `data`, which is stored, the reference to the object?
    fn has_object_in(&self, context: Context, held: &Held, access: &Access, data: Value) -> bool {
        (0..access.size / 4).any(|word| {
            let part = part(context.func, data, 4 * word);
            part.is_some_and(|part| self.may_be_object(context, held, part))
        })
    }

    /// What holds the object in `to`, into which an edge passes `passes`.
    pub(super) fn across(
        &self,
        context: Context,
        held: &Held,
        to: Node,
        passes: impl Iterator<Item = (Value, Value)>,
    ) -> Held {
        let Context { func, cfg, .. } = context;
        let mut after = held.clone();
        // NB: What is not defined on every path is a name no more, and what is defined there is another one.
        after.values.retain(|&mut (value, _)| {
            let at = Point::of_value(func, cfg, value);
            at.is_some_and(|at| at.node != to && cfg.dominates(at.node, to))
        });
        for (param, arg) in passes {
            after.set(param, self.what(context, held, arg));
        }
        after
    }

    /// The slot that `addr` points into.
    fn slot(&self, context: Context, held: &Held, addr: Value) -> Option<(StackSlot, i64)> {
        let addr = context.body.resolve(context.func, addr);
        let sum = self.sum(context, held, addr);
        match sum.rest[..] {
            [(value, 1)] if sum.objects == 0 && !sum.is_part => {
                let (slot, offset) = slot_of(context.func, value)?;
                Some((slot, sum.constant.wrapping_add(offset)))
            }
            _ => None,
        }
    }

    // --- What was there before ---------------------------------------------------------

    /// Was `value` there before the object, or is it a reload of such a value?
    fn is_older(&self, context: Context, value: Value) -> bool {
        let func = context.func;
        if self.is_defined_before(context, value) {
            return true;
        }
        reloaded_for(func, value).is_some_and(|origin| {
            let origin = context.body.resolve(func, origin);
            origin != self.reference && self.is_defined_before(context, origin)
        })
    }

    fn is_defined_before(&self, context: Context, value: Value) -> bool {
        let Context { func, cfg, .. } = context;
        let at = Point::of_value(func, cfg, value);
        let is_before =
            at.is_some_and(|at| at != self.start && at.dominates(func, cfg, self.start));
        // What is computed of older values alone is as old as they are.
        is_before || {
            let inst = func.dfg.value_def(value).inst();
            inst.is_some_and(|inst| {
                let mut args = func.dfg.inst_args(inst).iter();
                is_pure(func, inst)
                    && args.all(|&arg| {
                        let arg = context.body.resolve(func, arg);
                        let at = Point::of_value(func, cfg, arg);
                        constant(func, arg).is_some()
                            || at.is_some_and(|at| {
                                at != self.start && at.dominates(func, cfg, self.start)
                            })
                    })
            })
        }
    }

    /// Find the block parameters that are the object's address, by what each way into the block passes.
    ///
    /// Where the copying collector's fast and slow allocation meet, the reference and the address do.
    fn find_addresses(&mut self, context: Context) {
        let Context { func, cfg, .. } = context;
        if self.start.inst.is_some() {
            return;
        }
        let node = self.start.node;
        let params = func.dfg.block_params(cfg.block(node));
        if params.len() < 2 || cfg.preds(node).next().is_none() {
            return;
        }
        let mut found: Option<SmallVec<[(Value, What); 2]>> = None;
        for edge in cfg.preds(node) {
            let passed: SmallVec<[(Value, Value); 4]> = passes(context, edge.from, edge).collect();
            let reference = passed.iter().find(|pass| pass.0 == self.reference);
            let Some(&(_, reference)) = reference else {
                return;
            };
            let Some(start) = Point::of_value(func, cfg, reference) else {
                return;
            };
            // NB: A parameter passed to itself is no object of its own.
            if start == self.start {
                return;
            }
            let before = Subject::new_at(context, reference, start);
            let held = Held::default();
            let whats = passed.iter().filter_map(|&(param, arg)| {
                let what = match before.place(context, &held, arg) {
                    Place::Object(at) if func.dfg.value_type(param) == types::I64 => {
                        Some(What::Address(at))
                    }
                    _ => before.what(context, &held, arg),
                };
                what.filter(|_| param != self.reference)
                    .map(|what| (param, what))
            });
            let addresses: SmallVec<[(Value, What); 2]> = whats.collect();
            found = Some(match found {
                None => addresses,
                // NB: What has to do with the object on some way only is made of it in a way that is not followed.
                Some(found) => {
                    let mut params: SmallVec<[Value; 4]> = SmallVec::new();
                    params.extend(found.iter().chain(&addresses).map(|address| address.0));
                    params.sort_unstable();
                    params.dedup();
                    let met = params.into_iter().map(|param| {
                        let of = |all: &[(Value, What)]| {
                            let mut all = all.iter();
                            all.find(|address| address.0 == param)
                                .map(|address| address.1)
                        };
                        match (of(&found), of(&addresses)) {
                            (Some(a), Some(b)) if a == b => (param, a),
                            _ => (param, What::Part),
                        }
                    });
                    met.collect()
                }
            });
        }
        self.addresses = found.unwrap_or_default();
        self.addresses.sort_unstable();
    }

    /// The same as [`Subject::new`], without addresses that meet where it is defined.
    fn new_at(context: Context, reference: Value, start: Point) -> Self {
        let mut subject = Subject {
            reference,
            start,
            made_of: Sum::default(),
            addresses: SmallVec::new(),
        };
        if is_followed(context.func, reference) {
            let mut made_of = Sum::default();
            let mut budget = MAX_VALUES;
            let nothing = Held::default();
            let reference = (reference, 1);
            subject.add(
                context,
                &nothing,
                reference,
                DEPTH,
                &mut made_of,
                &mut budget,
                true,
            );
            subject.made_of = made_of;
        }
        subject
    }
}

/// Is one of the arms the object, and the other one nothing but that or something else altogether?
fn is_choice(a: &Sum, b: &Sum, is_plain: impl Fn(&Sum) -> bool) -> bool {
    let is_object = |arm: &Sum| arm.objects == 1 && is_plain(arm);
    let is_apart = |arm: &Sum| arm.objects == 0 && !arm.is_part;
    is_object(a) && (is_object(b) || is_apart(b)) || is_apart(a) && is_object(b)
}

/// What `edge`, which leaves `from`, passes to the parameters of its block: each with its argument.
pub(super) fn passes<'a>(
    context: Context<'a>,
    from: Node,
    edge: Edge,
) -> impl Iterator<Item = (Value, Value)> + 'a {
    let Context {
        func, cfg, body, ..
    } = context;
    let params = func.dfg.block_params(cfg.block(edge.to));
    let last = func.layout.last_inst(cfg.block(from));
    let call = last.filter(|_| !params.is_empty());
    let call = call.map(|last| destinations(func, last)[edge.dest as usize]);
    let args = call
        .into_iter()
        .flat_map(|call| call.args(&func.dfg.value_lists));
    // The results of a call are no one's value yet.
    params
        .iter()
        .zip(args)
        .filter_map(move |(&param, arg)| match arg {
            BlockArg::Value(arg) => Some((param, body.resolve(func, arg))),
            BlockArg::TryCallRet(_) | BlockArg::TryCallExn(_) => None,
        })
}

/// What an expression is made of.
enum Term {
    /// The sum of both.
    Sum(Value, Value),
    /// The one without the other.
    Difference(Value, Value),
    /// A multiple.
    Times(Value, i64),
    /// The same bits.
    Same(Value),
    /// One of these.
    OneOf(Value, Value),
    /// Something that is made by no computation.
    Leaf,
    /// Computed in another way.
    Opaque(Inst),
}

fn term(func: &Function, value: Value) -> Term {
    let Some(inst) = func.dfg.value_def(value).inst() else {
        return Term::Leaf;
    };
    if let InstructionData::LoadNoOffset {
        opcode: Opcode::Bitcast,
        arg,
        ..
    } = func.dfg.insts[inst]
    {
        return Term::Same(arg);
    }
    // What is out of bounds traps.
    if let Some(checked) = unguarded(func, value) {
        return Term::Same(checked);
    }
    let number = |value| constant(func, value).map(|n| n as i64);
    let is_index = |value| func.dfg.value_type(value).bits() >= 32;
    let other = match is_pure(func, inst) {
        true => Term::Opaque(inst),
        false => Term::Leaf,
    };
    match Linear::of_value(func, value) {
        // NB: A narrow sum may wrap; an index into the heap that does is out of bounds.
        Linear::Sum([a, b]) | Linear::Exact([a, b]) => Term::Sum(a, b),
        Linear::Difference([a, b]) => Term::Difference(a, b),
        Linear::Negative(a) => Term::Times(a, -1),
        Linear::Shifted([a, by]) => match number(by) {
            Some(by @ 0..32) => Term::Times(a, 1 << by),
            _ => other,
        },
        Linear::Product([a, b]) => match (number(a), number(b)) {
            (_, Some(factor)) => Term::Times(a, factor),
            (Some(factor), None) => Term::Times(b, factor),
            (None, None) => other,
        },
        Linear::Extended(arg) | Linear::Truncated(arg) if is_index(arg) && is_index(value) => {
            Term::Same(arg)
        }
        Linear::Choice([condition, a, b]) => match constant(func, condition) {
            Some(0) => Term::Same(b),
            Some(_) => Term::Same(a),
            None => Term::OneOf(a, b),
        },
        Linear::Extended(_)
        | Linear::SignExtended(_)
        | Linear::Truncated(_)
        | Linear::Slot(..)
        | Linear::Other => other,
    }
}

/// Is `value` computed of others?
fn is_followed(func: &Function, value: Value) -> bool {
    !matches!(term(func, value), Term::Leaf)
}

/// Is `inst` nothing but a computation of its operands?
fn is_pure(func: &Function, inst: Inst) -> bool {
    let opcode = func.dfg.insts[inst].opcode();
    !opcode.can_load() && !opcode.can_store() && !opcode.is_call() && !opcode.is_branch()
}

/// The slot whose address `value` is, and the offset in it.
fn slot_of(func: &Function, value: Value) -> Option<(StackSlot, i64)> {
    match Linear::of_value(func, value) {
        Linear::Slot(slot, offset) => Some((slot, offset)),
        _ => None,
    }
}
