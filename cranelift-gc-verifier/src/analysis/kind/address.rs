//! What an address points into, and how far.
//!
//! **Claim.** Where an [`Address`] has an offset, the address is the sum of the heap's base, the reference and
//! that offset, and of nothing else.
//!
//! **Strength.** Sums, differences, extensions and the choice of a bounds check between null and an address are
//! followed. A choice that is no guard against speculation is such a check only where nothing but a constant is
//! added to it. A value is known to be a reference by its fact, or because it has to be in stack maps, or because it is chosen of
//! such values or reloaded for one. The inliner and the optimizer put values in place of others, and what takes the place of a
//! reference otherwise may have no fact of its own.
//!
//! **Math.** `pointer + reference + offset`, modulo 2⁶⁴. A narrow sum may wrap, so that it is no part of such a
//! sum unless it traps on overflow.

pub(crate) use crate::ir::address::Address;
use crate::ir::cfg::constant;
use crate::ir::gc_info::reloaded_for;
use crate::ir::linear::{Linear, null_check};
use crate::ir::view::Body;
use cranelift_codegen::ir::{Function, GcFact, InstructionData, Opcode, Value, ValueDef, types};
use smallvec::SmallVec;

/// How many values of an address are looked at.
const MAX_TERMS: usize = 32;
/// Below this address nothing is.
const NULL_PAGE: i64 = 1 << 16;
/// How deep choices between references are looked into.
const MAX_CHOICES: u32 = 4;
/// How many checks of bounds, and constants that are added to them, are looked through.
const MAX_CHECKS: usize = 8;

impl Address {
    /// Take `addr` apart.
    ///
    /// NB: Many checks ask the same. The function stays as it is as long as its body is there.
    pub(crate) fn of(func: &Function, body: &Body, addr: Value) -> Address {
        let addr = body.resolve(func, addr);
        body.address(addr, || Address::find(func, body, addr))
    }

    fn find(func: &Function, body: &Body, addr: Value) -> Address {
        // NB: Most are no sums.
        if !is_made(func, addr) && func.dfg.value_type(addr) == types::I64 {
            return Address {
                pointer: Some(addr),
                offset: Some(0),
                ..Address::default()
            };
        }
        let unchecked = Unchecked::of(func, body, addr);
        let mut parts = Parts {
            offset: unchecked.offset,
            ..Parts::default()
        };
        let mut pending = SmallVec::<[(Value, bool); 8]>::from_slice(&[(unchecked.addr, true)]);
        pending.extend(unchecked.subtracted.iter().map(|&value| (value, false)));
        for _ in 0..MAX_TERMS {
            let Some((value, is_added)) = pending.pop() else {
                break;
            };
            let value = body.resolve(func, value);
            parts.add(func, value, is_added, &mut pending);
        }
        parts.is_other |= !pending.is_empty();
        parts.finish()
    }

    /// The same, with the word taken for the reference if there is no other.
    pub(crate) fn with_word(self) -> Address {
        match (self.reference, self.word) {
            (None, Some((word, offset))) => Address {
                reference: Some(word),
                offset: Some(offset),
                ..self
            },
            _ => self,
        }
    }
}

/// Is `value` of an address made of others, or a number?
fn is_made(func: &Function, value: Value) -> bool {
    match Linear::of_value(func, value) {
        Linear::Sum(_)
        | Linear::Exact(_)
        | Linear::Difference(_)
        | Linear::Extended(_)
        | Linear::Choice(_) => true,
        Linear::Product(_) => is_check(func, value),
        Linear::Slot(..)
        | Linear::Shifted(_)
        | Linear::Negative(_)
        | Linear::SignExtended(_)
        | Linear::Truncated(_) => false,
        Linear::Other => {
            constant(func, value).is_some()
                || same_bits(func, value).is_some()
                || is_check(func, value)
        }
    }
}

/// Is `value` zero or an address, by a check of bounds?
fn is_check(func: &Function, value: Value) -> bool {
    let inst = func.dfg.value_def(value).inst();
    inst.is_some_and(|inst| null_check(func, &func.dfg.insts[inst]).is_some())
}

/// What `value`, of 64 bits, has the bits of. Those of an address may be those of a float on the way.
fn same_bits(func: &Function, value: Value) -> Option<Value> {
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return None;
    };
    let InstructionData::LoadNoOffset {
        opcode: Opcode::Bitcast,
        arg,
        ..
    } = func.dfg.insts[inst]
    else {
        return None;
    };
    let of = func.dfg.value_type(arg);
    let ty = func.dfg.value_type(value);
    let is_wide = matches!(ty, types::I64 | types::F64);
    (is_wide && of.bits() == ty.bits() && !of.is_vector()).then_some(arg)
}

/// The only value of a kind, if there are not more.
#[derive(Clone, Copy, Default)]
struct Only {
    value: Option<Value>,
    are_more: bool,
}

impl Only {
    fn push(&mut self, value: Value) {
        self.are_more |= self.value.replace(value).is_some();
    }

    fn get(self) -> Option<Value> {
        self.value.filter(|_| !self.are_more)
    }
}

#[derive(Default)]
struct Parts {
    references: Only,
    pointers: Only,
    words: Only,
    offset: i64,
    /// Is some pointer one of several?
    is_chosen: bool,
    /// Does something else take part?
    is_other: bool,
}

impl Parts {
    fn add(
        &mut self,
        func: &Function,
        value: Value,
        is_added: bool,
        pending: &mut SmallVec<[(Value, bool); 8]>,
    ) {
        if let Some(n) = constant(func, value) {
            let n = n as i64;
            self.offset = match is_added {
                true => self.offset.wrapping_add(n),
                false => self.offset.wrapping_sub(n),
            };
            return;
        }
        let ty = func.dfg.value_type(value);
        if ty == types::I32 && is_reference(func, value) {
            match is_added {
                true => self.references.push(value),
                false => self.is_other = true,
            }
            return;
        }
        if let Some(same) = same_bits(func, value) {
            pending.push((same, is_added));
            return;
        }
        match Linear::of_value(func, value) {
            Linear::Sum([a, b]) => {
                // NB: A narrow sum may wrap.
                self.is_other |= ty != types::I64;
                pending.extend([(a, is_added), (b, is_added)]);
            }
            Linear::Exact([a, b]) => pending.extend([(a, is_added), (b, is_added)]),
            Linear::Difference([a, b]) => {
                self.is_other |= ty != types::I64;
                pending.extend([(a, is_added), (b, !is_added)]);
            }
            Linear::Extended(arg) if func.dfg.value_type(arg) == types::I32 => {
                pending.push((arg, is_added));
            }
            linear if ty == types::I64 && is_added => {
                self.is_chosen |= matches!(linear, Linear::Choice(_));
                self.pointers.push(value);
            }
            _ if ty == types::I32 && is_added => self.words.push(value),
            _ => self.is_other = true,
        }
    }

    fn finish(self) -> Address {
        let is_sum = !self.is_other && !self.references.are_more && !self.pointers.are_more;
        let is_reference = self.references.value.is_some();
        let is_word = self.words.value.is_some();
        Address {
            reference: self.references.get(),
            pointer: self.pointers.get(),
            offset: (is_sum && !is_word).then_some(self.offset),
            word: self
                .words
                .get()
                .filter(|_| is_sum && !is_reference && !self.is_chosen)
                .map(|word| (word, self.offset)),
        }
    }
}

/// An address without the checks of bounds that put null in its place.
#[derive(Clone, Debug)]
pub(crate) struct Unchecked {
    /// What is not null where the checks are passed.
    pub(crate) addr: Value,
    /// What is added to it.
    pub(crate) offset: i64,
    /// What is subtracted from it: numbers of 32 bits.
    pub(crate) subtracted: SmallVec<[Value; 1]>,
    /// The conditions of the checks, each with what it is where they are passed.
    pub(crate) conditions: SmallVec<[(Value, bool); 2]>,
}

impl Unchecked {
    /// Look through the checks of `addr`.
    pub(crate) fn of(func: &Function, body: &Body, addr: Value) -> Unchecked {
        let mut found = Unchecked {
            addr,
            offset: 0,
            subtracted: SmallVec::new(),
            conditions: SmallVec::new(),
        };
        let (mut value, mut offset) = (addr, 0i64);
        let mut subtracted = SmallVec::<[Value; 1]>::new();
        for _ in 0..MAX_CHECKS {
            value = body.resolve(func, value);
            let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
                break;
            };
            let data = &func.dfg.insts[inst];
            if func.dfg.value_type(value) != types::I64 {
                break;
            }
            if let Some(check) = null_check(func, data) {
                value = check.checked;
                found.addr = value;
                found.offset = offset;
                found.subtracted.clone_from(&subtracted);
                found.conditions.push(check.condition);
                continue;
            }
            let linear = Linear::of(data, 0);
            if let Some((rest, n)) = linear.plus_number(func) {
                (value, offset) = (rest, offset.wrapping_add(n));
                continue;
            }
            match linear {
                Linear::Difference([a, b]) if is_narrow(func, body, b) => {
                    value = a;
                    subtracted.push(b);
                }
                _ => break,
            }
        }
        found
    }

    /// Does an access, so far from the address, trap if a check makes it null? What is subtracted from null is where no program has
    /// memory.
    pub(crate) fn traps_as_null(&self, offset: i32) -> bool {
        const LOWEST: i64 = -(1 << 40);
        let offset = self.offset.wrapping_add(offset.into());
        self.conditions.is_empty() || (LOWEST..NULL_PAGE).contains(&offset)
    }
}

/// Is `value` a number of 32 bits or fewer, extended?
fn is_narrow(func: &Function, body: &Body, value: Value) -> bool {
    let linear = Linear::of_value(func, body.resolve(func, value));
    matches!(linear, Linear::Extended(_))
}

/// Is `value` known to be a reference?
fn is_reference(func: &Function, value: Value) -> bool {
    is_reference_or_choice(func, value, MAX_CHOICES)
}

/// The same, where a choice between references, or null, is one. The optimizer makes choices that have no fact.
fn is_reference_or_choice(func: &Function, value: Value, most: u32) -> bool {
    let value = func.dfg.resolve_aliases(value);
    let info = &func.dfg.gc_info;
    if let Some(fact) = info.fact(value) {
        return matches!(fact, GcFact::Ref { .. });
    }
    if info.is_declared(value) || is_reload_of_reference(func, value) {
        return true;
    }
    let inst = func.dfg.value_def(value).inst();
    let Some(InstructionData::Ternary {
        opcode: Opcode::Select | Opcode::SelectSpectreGuard,
        args: [_, a, b],
    }) = inst.map(|inst| func.dfg.insts[inst])
    else {
        return false;
    };
    let Some(most) = most.checked_sub(1) else {
        return false;
    };
    let [a, b] = [a, b].map(|arm| match constant(func, arm) {
        Some(n) => (n == 0).then_some(false),
        None => is_reference_or_choice(func, arm, most).then_some(true),
    });
    a.zip(b).is_some_and(|(a, b)| a || b)
}

/// Is `value` reloaded for one that has to be in stack maps? A null that the producer made may have no fact, and neither have
/// its reloads.
fn is_reload_of_reference(func: &Function, value: Value) -> bool {
    let origin = reloaded_for(func, value);
    origin.is_some_and(|origin| {
        let origin = func.dfg.resolve_aliases(origin);
        func.dfg.gc_info.is_declared(origin)
    })
}
