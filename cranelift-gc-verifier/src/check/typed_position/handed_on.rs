//! What a tail call hands on.
//!
//! **Claim.** What the callee of a tail call returns is what the function returns, or an error is returned.
//!
//! **Strength.** Asked are the signatures alone: nothing is between the callee's return and the caller's.
//!
//! **Math.** With `S` what the callee's signature allows, and `P` what that of the function does, it is right if `S ⊆ P`.

use super::found::{Found, HandedOn};
use crate::analysis::facts::Facts;
use crate::analysis::kind::thing::{Fits, Universe, fits};
use crate::evidence::recheck::Flaw;
use crate::finding::error::GcError;
use crate::finding::typed::{TypeBroken, Typed};
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::Node;
use crate::ir::gc_info::returned;
use cranelift_codegen::ir::{Function, GcFact, Inst};

/// Collect those results of the tail call `inst` of which the type is not enough; those of which it is are counted.
pub(super) fn collect(func: &Function, node: Node, inst: Inst, found: &mut Found) {
    let info = &func.dfg.gc_info;
    let own = &info.own_signature().returns;
    for (index, promise) in (0..).zip(own) {
        let given = returned(func, inst, index as usize);
        let (Some(given), Some(promise)) = (given, *promise) else {
            continue;
        };
        match fits(info, given, promise) {
            Fits::Yes => found.typed += 1,
            Fits::Unknown => found.unjudged += 1,
            Fits::No => found.handed_on.push(HandedOn {
                inst,
                node,
                index,
                given,
                promise,
            }),
        }
    }
}

/// Judge what tail calls hand on.
pub(super) fn judge(facts: &Facts, found: &mut Found) {
    let info = &facts.func.dfg.gc_info;
    for handed in core::mem::take(&mut found.handed_on) {
        let Some(context) = facts.context() else {
            found.unjudged += 1;
            continue;
        };
        let universe = context.universe;
        let given = universe.of(info, handed.given);
        let outside = given.without(universe.of(info, handed.promise));
        let Some(number) = outside.numbers().next() else {
            found.proved += 1;
            continue;
        };
        let step = Step {
            role: Role::Use,
            block: facts.cfg.block(handed.node),
            inst: Some(handed.inst),
        };
        let error = GcError::TypeBroken(TypeBroken {
            inst: handed.inst,
            value: None,
            thing: universe.thing(number),
            promise: handed.promise,
            what: Typed::Handed(handed.index),
        });
        found.errors.push((error, vec![step]));
    }
}

/// Does the tail call `inst` hand on result `index`, of which `promise` is relied upon, and may that be the thing with this
/// number?
pub(super) fn recheck(
    func: &Function,
    universe: &Universe,
    inst: Inst,
    index: u32,
    promise: GcFact,
    number: usize,
) -> Result<(), Flaw> {
    let info = &func.dfg.gc_info;
    let own = info.own_signature().returns.get(index as usize);
    let given = returned(func, inst, index as usize).map(|given| universe.of(info, given));
    let is_there = func.dfg.insts[inst].opcode().is_return()
        && own.copied().flatten() == Some(promise)
        && given.is_some_and(|given| given.contains(number));
    is_there.then_some(()).ok_or("no such result is handed on")
}
