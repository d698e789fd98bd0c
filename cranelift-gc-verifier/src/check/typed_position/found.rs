//! What is found of typed positions.

use crate::analysis::facts::Facts;
use crate::analysis::kind::address::Address;
use crate::analysis::sources::Sources;
use crate::finding::error::{GcError, Held};
use crate::finding::report::Inconclusive;
use crate::finding::typed::Typed;
use crate::finding::witness::Step;
use crate::ir::cfg::{Edge, Node};
use cranelift_codegen::ir::{GcFact, GcKind, Inst, Value};
use smallvec::SmallVec;

/// Something arrives.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) inst: Inst,
    pub(super) node: Node,
    /// What arrives.
    pub(super) value: Value,
    /// What is relied upon.
    pub(super) promise: GcFact,
    pub(super) what: Typed,
    /// The edge that passes it, if it is passed to a block.
    pub(super) along: Option<Edge>,
    /// The condition under which it arrives, and what that is then.
    pub(super) condition: Option<(Value, bool)>,
    /// Does it arrive only if it is chosen, or handed on, by its address?
    pub(super) is_one_of_several: bool,
}

/// What is found.
#[derive(Default)]
pub(crate) struct Found {
    /// Positions at which the type of what arrives is enough.
    pub(crate) typed: u64,
    /// Positions at which something else proves what arrives.
    pub(crate) proved: u64,
    /// Positions at which nothing is known of what arrives.
    pub(crate) unjudged: u64,
    /// Results of tail calls that are to be judged.
    pub(super) handed_on: Vec<HandedOn>,
    /// Stores to objects, each of this kind: some are to headers.
    pub(super) headers: Vec<(Inst, Node, GcKind, Address)>,
    pub(crate) errors: Vec<(GcError, Vec<Step>)>,
    pub(crate) inconclusive: Vec<Inconclusive>,
}

impl Found {
    /// Report it if `value` is loaded from a slot to which nothing was stored on some way there.
    pub(super) fn unset(&mut self, facts: &Facts, value: Value) -> bool {
        let (func, cfg, body) = (facts.func, &facts.cfg, &*facts.body);
        let reshaped = &facts.values.reshaped;
        let nothing = |_| SmallVec::new();
        let judge = |value: Value| {
            let is_unset = reshaped.may_be_unset(func, cfg, body, value);
            is_unset.then_some(value)
        };
        let found = Sources::default().find(func, cfg, value, nothing, judge);
        let Some(inst) = found.and_then(|load| func.dfg.value_def(load).inst()) else {
            return false;
        };
        let Some(at) = body.slot_access(inst) else {
            return false;
        };
        let error = GcError::UninitializedRoot {
            inst,
            slot: at.slot,
            offset: u32::try_from(at.offset).unwrap_or_default(),
            held: Held::MaybeUnset,
        };
        if self.errors.iter().all(|(known, _)| *known != error) {
            self.errors.push((error, Vec::new()));
        }
        true
    }
}

/// A tail call hands on what its callee returns, of which the type is not enough.
pub(super) struct HandedOn {
    pub(super) inst: Inst,
    pub(super) node: Node,
    /// Of the result.
    pub(super) index: u32,
    pub(super) given: GcFact,
    pub(super) promise: GcFact,
}
