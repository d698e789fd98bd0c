//! Which dereferences were found safe, and by which reference.

use crate::finding::hazard::Hazards;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Inst, Value};

/// The dereferences that were found safe: of which reference, and what its guards exclude.
#[derive(Clone, Debug, Default)]
pub(crate) struct Proofs {
    /// Are they of a function that was judged before?
    pub(crate) is_later: bool,
    pub(crate) proofs: SecondaryMap<Inst, Option<(Value, Hazards)>>,
}

impl Proofs {
    /// What `inst` was guarded against.
    pub(crate) fn get(&self, inst: Inst) -> Option<(Value, Hazards)> {
        self.proofs[inst]
    }

    /// Record that the dereference `inst` of `reference` is guarded against `hazards`.
    pub(crate) fn add(&mut self, inst: Inst, reference: Value, hazards: Hazards) {
        self.proofs[inst] = Some((reference, hazards));
    }
}
