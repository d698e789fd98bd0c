//! What is held at a location.

use crate::ir::cfg::Node;
use cranelift_codegen::ir::Value;
use smallvec::SmallVec;

/// What is held at a location.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nothing that was stored.
    Unset,
    /// What was stored for `origin`, which was `data` at that point.
    Is { origin: Value, data: Value },
    /// On different paths, what was stored for different values.
    Conflict(Value, Value),
    /// Bytes of a store that does not cover exactly this location.
    Partial,
    /// On some path nothing that was stored.
    MaybeUnset,
}

/// What a definition of a location put there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// This value.
    Value(Value),
    /// What reached this node by several edges: the φ of this number.
    Phi(u32, Node),
    /// It is not known.
    Unknown,
}

impl Hold {
    pub(super) fn meet(self, other: Hold) -> Hold {
        match (self, other) {
            (a, b) if a == b => a,
            (Hold::MaybeUnset | Hold::Unset, _) | (_, Hold::MaybeUnset | Hold::Unset) => {
                Hold::MaybeUnset
            }
            (Hold::Partial, _) | (_, Hold::Partial) => Hold::Partial,
            (
                Hold::Is { origin: a, data },
                Hold::Is {
                    origin: b,
                    data: other,
                },
            ) if a == b => Hold::Is {
                origin: a,
                data: data.min(other),
            },
            (a, b) => {
                let mut origins = a.origins();
                origins.extend(b.origins());
                origins.sort_unstable();
                origins.dedup();
                // NB: Of many, the least two: the choice must not depend on the order of visits.
                Hold::Conflict(origins[0], origins[1])
            }
        }
    }

    /// The values that are known to be held, by path.
    pub(crate) fn origins(self) -> SmallVec<[Value; 4]> {
        match self {
            Hold::Is { origin, .. } => SmallVec::from_slice(&[origin]),
            Hold::Conflict(a, b) => SmallVec::from_slice(&[a, b]),
            Hold::Unset | Hold::Partial | Hold::MaybeUnset => SmallVec::new(),
        }
    }

    /// The only value for which it was stored, if there is one.
    pub(super) fn origin(self) -> Option<Value> {
        match self {
            Hold::Is { origin, .. } => Some(origin),
            _ => None,
        }
    }
}
