//! What arrives whose bits alone show that it is not what is relied upon.
//!
//! **Claim.** What is said to be an i31 is one, whatever it is computed of. The thing that is returned is what arrives, on every
//! path on which something does, and the position does not allow it.
//!
//! **Strength.** Of values of which no fact and no signature says what they are. Their bits are those that are
//! [known](crate::analysis::known_bits) whatever they are computed of, with the tests that dominate the position.
//!
//! **Math.** Let `B` be the words that have the known bits. It is wrong if `B` has no word that the promise allows.

use super::found::Position;
use crate::analysis::facts::Facts;
use crate::analysis::kind::given::given_to;
use crate::analysis::known_bits::{self, Known};
use crate::check::fact::contradicted_by_bits;
use crate::finding::error::Contradiction;
use crate::finding::typed::Thing;
use crate::ir::cfg::constant;
use crate::ir::path::Point;
use cranelift_codegen::ir::{GcFact, GcNullability, types};

/// Is what arrives at `position` an i31 by its bits, and is that allowed?
pub(super) fn are_of_i31(facts: &Facts, position: &Position) -> bool {
    let (func, cfg, value) = (facts.func, &facts.cfg, position.value);
    let GcFact::Ref {
        kind, nullability, ..
    } = position.promise
    else {
        return false;
    };
    let is_allowed = kind.heap.may_be_i31()
        && kind.concrete.is_none()
        && nullability != GcNullability::Null
        && func.dfg.value_type(value) == types::I32;
    is_allowed && {
        let known = known_bits::of(func, cfg, &Vec::new(), value);
        known.and_then(Known::lowest) == Some(true)
    }
}

/// What arrives at `position`, if its bits show that it is wrong.
pub(super) fn shown(facts: &Facts, position: &Position) -> Option<Thing> {
    let (func, cfg, body) = (facts.func, &facts.cfg, &*facts.body);
    let value = position.value;
    // NB: What a constant is is told by its kind.
    if constant(func, value).is_some()
        || func.dfg.gc_info.fact(value).is_some()
        || given_to(func, body, value).is_some()
    {
        return None;
    }
    let point = Point {
        node: position.node,
        inst: Some(position.inst),
    };
    let why = contradicted_by_bits(func, cfg, value, point, position.promise)?;
    Some(match why {
        Contradiction::Parity(true) => Thing::I31,
        Contradiction::Constant(0) => Thing::Null,
        Contradiction::Constant(n) if n % 2 == 1 => Thing::I31,
        Contradiction::Parity(false)
        | Contradiction::NotNull
        | Contradiction::Bits
        | Contradiction::Type(_)
        | Contradiction::Constant(_)
        | Contradiction::OfItself
        | Contradiction::OfNoReference(_)
        | Contradiction::IsReference(_) => Thing::Number,
    })
}
