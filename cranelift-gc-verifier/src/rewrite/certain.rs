//! Whether a load certainly yields a value.
//!
//! **Claim.** On every path to the load, a store or load of the same bytes with the same value comes last of
//! all that may write there.
//!
//! **Strength.** Accesses of places that are not told apart may be of the same memory, and so may what callees
//! access. What takes more than [`LIMIT`] instructions to find out is not certain.
//!
//! **Math.** A backward walk over all paths from the load. A path ends well at an access of the same place with
//! the same value. The walk fails at a call, at a store that is not apart from the place, at the definition of
//! the value or of a part of the address, and at the entry.

use super::context::Context;
use super::signature::Signatures;
use crate::analysis::address::place::{Leaves, Place, Relation};
use crate::ir::instruction::access;
use cranelift_codegen::ir::{Inst, Opcode, Value, ValueDef};
use std::collections::BTreeSet;

/// How many instructions are looked at. What takes more is not certain.
const LIMIT: u32 = 4_000;

/// Does `load` certainly yield `value`?
pub(crate) fn yields(
    context: Context<'_>,
    signatures: &mut Signatures,
    load: Inst,
    value: Value,
) -> bool {
    let Context { func, cfg, .. } = context;
    let Some(known) = access(func, load).filter(|known| known.plain && known.data.is_none()) else {
        return false;
    };
    let mut walk = Walk {
        context,
        place: Place::of(func, &mut signatures.sums, &known),
        value: signatures.root(func, value),
        leaves: Leaves::default(),
        signatures,
    };
    if !walk.leaves.add(func, &walk.signatures.sums, known.addr) {
        return false;
    }
    let Some(start) = cfg.node_of_inst(func, load) else {
        return false;
    };
    let mut seen = BTreeSet::new();
    let mut pending = vec![(start, func.layout.prev_inst(load))];
    let mut budget = LIMIT;
    while let Some((node, mut inst)) = pending.pop() {
        let mut is_shown = false;
        while let Some(at) = inst {
            budget = budget.saturating_sub(1);
            match walk.meet(at) {
                _ if budget == 0 => return false,
                Met::Nothing => inst = func.layout.prev_inst(at),
                Met::Same => {
                    is_shown = true;
                    break;
                }
                Met::Unknown => return false,
            }
        }
        if is_shown {
            continue;
        }
        let block = cfg.block(node);
        let is_defined =
            matches!(func.dfg.value_def(walk.value), ValueDef::Param(at, _) if at == block);
        let mut preds = cfg.preds(node).peekable();
        if is_defined || walk.leaves.blocks.contains(&block) || preds.peek().is_none() {
            return false;
        }
        for edge in preds {
            if seen.insert(edge.from) {
                pending.push((edge.from, func.layout.last_inst(cfg.block(edge.from))));
            }
        }
    }
    true
}

/// What an instruction before the load is to it.
enum Met {
    Nothing,
    /// It shows that the value is there.
    Same,
    /// The value may be another one.
    Unknown,
}

struct Walk<'a, 's> {
    context: Context<'a>,
    signatures: &'s mut Signatures,
    place: Place,
    value: Value,
    leaves: Leaves,
}

impl Walk<'_, '_> {
    fn meet(&mut self, inst: Inst) -> Met {
        let func = self.context.func;
        let opcode = func.dfg.insts[inst].opcode();
        if let Some(other) = access(func, inst) {
            let place = Place::of(func, &mut self.signatures.sums, &other);
            let bits = other.data.or(other.result).filter(|_| other.plain);
            let is_value = bits.is_some_and(|bits| self.signatures.root(func, bits) == self.value);
            if place == self.place && is_value {
                return Met::Same;
            }
            let is_apart = place.relation(&self.place) == Relation::Disjoint;
            if other.data.is_some() && !is_apart {
                return Met::Unknown;
            }
        } else if opcode.is_call() || opcode.can_store() || opcode == Opcode::Fence {
            return Met::Unknown;
        }
        let is_defined =
            matches!(func.dfg.value_def(self.value), ValueDef::Result(def, _) if def == inst);
        match is_defined || self.leaves.insts.contains(&inst) {
            true => Met::Unknown,
            false => Met::Nothing,
        }
    }
}
