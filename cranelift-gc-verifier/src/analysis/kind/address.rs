//! What an address points into, and how far.
//!
//! **Claim.** Where an [`Address`] has an offset, the address is the sum of the heap's base, the reference and
//! that offset, and of nothing else.
//!
//! **Strength.** Sums, differences, extensions and the choice of a bounds check between null and an address are
//! followed. A choice that is no guard against speculation is such a check only where nothing but a constant is
//! added to it. A value is known to be a reference by its fact, or because it has to be in stack maps. The inliner
//! and the optimizer put values in place of others, and what takes the place of a reference may have no fact of
//! its own.
//!
//! **Math.** `pointer + reference + offset`, modulo 2⁶⁴. A narrow sum may wrap, so that it is no part of such a
//! sum unless it traps on overflow.

use crate::ir::cfg::constant;
use crate::ir::instruction::checked_address;
use crate::ir::view::Body;
use cranelift_codegen::ir::{Function, GcFact, InstructionData, Opcode, Value, ValueDef, types};
use smallvec::SmallVec;

/// How many values of an address are looked at.
const MAX_TERMS: usize = 32;
/// How many checks of bounds, and constants that are added to them, are looked through.
const MAX_CHECKS: usize = 8;

/// An address, taken apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Address {
    /// The only reference to an object of the heap that takes part in it.
    pub(crate) reference: Option<Value>,
    /// The only wide value that takes part in it: the heap's base, or a pointer to something.
    pub(crate) pointer: Option<Value>,
    /// What is added to these, if that is a constant.
    pub(crate) offset: Option<i64>,
    /// The only word that takes part in it besides a pointer and a constant, of which nothing says what it is; and that constant.
    pub(crate) word: Option<(Value, i64)>,
}

impl Address {
    /// Take `addr` apart.
    pub(crate) fn of(func: &Function, body: &Body, addr: Value) -> Address {
        let addr = body.resolve(func, addr);
        // NB: Most are no sums.
        if !is_made(func, addr) && func.dfg.value_type(addr) == types::I64 {
            return Address {
                pointer: Some(addr),
                offset: Some(0),
                ..Address::default()
            };
        }
        let (addr, offset) = unchecked(func, body, addr);
        let mut parts = Parts {
            offset,
            ..Parts::default()
        };
        let mut pending = SmallVec::<[(Value, bool); 8]>::from_slice(&[(addr, true)]);
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
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return false;
    };
    match &func.dfg.insts[inst] {
        InstructionData::UnaryImm { .. } | InstructionData::IntAddTrap { .. } => true,
        InstructionData::Binary { opcode, .. } => matches!(opcode, Opcode::Iadd | Opcode::Isub),
        InstructionData::Unary { opcode, .. } => *opcode == Opcode::Uextend,
        InstructionData::Ternary { opcode, .. } => {
            matches!(opcode, Opcode::Select | Opcode::SelectSpectreGuard)
        }
        _ => false,
    }
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
        let data = match func.dfg.value_def(value) {
            ValueDef::Result(inst, 0) => Some(&func.dfg.insts[inst]),
            _ => None,
        };
        if let Some(InstructionData::UnaryImm { .. }) = data
            && let Some(n) = constant(func, value)
        {
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
        match data {
            Some(&InstructionData::Binary {
                opcode: Opcode::Iadd,
                args: [a, b],
            }) => {
                // NB: A narrow sum may wrap.
                self.is_other |= ty != types::I64;
                pending.extend([(a, is_added), (b, is_added)]);
            }
            Some(&InstructionData::IntAddTrap { args: [a, b], .. }) => {
                pending.extend([(a, is_added), (b, is_added)]);
            }
            Some(&InstructionData::Binary {
                opcode: Opcode::Isub,
                args: [a, b],
            }) => {
                self.is_other |= ty != types::I64;
                pending.extend([(a, is_added), (b, !is_added)]);
            }
            Some(&InstructionData::Unary {
                opcode: Opcode::Uextend,
                arg,
            }) if func.dfg.value_type(arg) == types::I32 => pending.push((arg, is_added)),
            Some(&InstructionData::Ternary {
                opcode: Opcode::SelectSpectreGuard,
                args: [_, null, checked],
            }) if constant(func, null) == Some(0) => pending.push((checked, is_added)),
            _ if ty == types::I64 && is_added => self.pointers.push(value),
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
                .filter(|_| is_sum && !is_reference)
                .map(|word| (word, self.offset)),
        }
    }
}

/// The address that is accessed as `addr` if a check of bounds does not make it null, and what is added to it.
pub(crate) fn unchecked(func: &Function, body: &Body, addr: Value) -> (Value, i64) {
    let (found, offset, _) = without_checks(func, body, addr);
    (found, offset)
}

/// The conditions under which `addr` is not made null, each with what it is then.
pub(crate) fn checks(func: &Function, body: &Body, addr: Value) -> SmallVec<[(Value, bool); 2]> {
    without_checks(func, body, addr).2
}

/// The address without checks, what is added to it, and the conditions of these checks.
fn without_checks(
    func: &Function,
    body: &Body,
    addr: Value,
) -> (Value, i64, SmallVec<[(Value, bool); 2]>) {
    let (mut found, mut value, mut offset) = ((addr, 0), addr, 0i64);
    let mut conditions = SmallVec::new();
    for _ in 0..MAX_CHECKS {
        value = body.resolve(func, value);
        let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
            break;
        };
        let data = &func.dfg.insts[inst];
        if func.dfg.value_type(value) != types::I64 {
            break;
        }
        if let Some((checked, condition, is)) = checked_address(func, data) {
            value = checked;
            found = (value, offset);
            conditions.push((condition, is));
            continue;
        }
        let InstructionData::Binary {
            opcode: Opcode::Iadd,
            args: [a, b],
        } = *data
        else {
            break;
        };
        let (term, added) = match (constant(func, a), constant(func, b)) {
            (None, Some(n)) => (a, n),
            (Some(n), None) => (b, n),
            _ => break,
        };
        value = term;
        offset = offset.wrapping_add(added as i64);
    }
    (found.0, found.1, conditions)
}

/// Is `value` known to be a reference?
fn is_reference(func: &Function, value: Value) -> bool {
    let info = &func.dfg.gc_info;
    match info.fact(value) {
        Some(fact) => matches!(fact, GcFact::Ref { .. }),
        None => info.is_declared(value),
    }
}
