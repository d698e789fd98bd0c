//! Subtypes whose objects do not begin as those of their supertypes do.
//!
//! **Claim.** Of every type that is reported, an object is taken for one of the supertype without being asked, and
//! a field of the supertype is somewhere else in it, or has another size (wasmtime#10459).
//!
//! **Strength.** Exact for the types that the producer declared with their fields: those that the function's facts
//! name, and all above them.
//!
//! **Math.** The fields of the supertype are a prefix of those of the subtype. Then those of all types above
//! are, as a prefix of a prefix is one.

use crate::analysis::facts::Facts;
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS};
use crate::finding::error::GcError;
use crate::finding::witness::Finding;
use crate::finding::witness::{Role, Step};
use cranelift_codegen::ir::{Block, Function, GcField, Inst};

/// Check the types that `func` names. What is found is found at its first instruction.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    findings.extend(moved_fields(facts.func));
}

fn moved_fields(func: &Function) -> Vec<Finding> {
    let moved = func.dfg.gc_info.types().filter_map(|(subtype, above)| {
        let supertype = above?;
        Some((subtype, supertype, first_moved(func, subtype, supertype)?))
    });
    let Some((entry, inst)) = first(func) else {
        return Vec::new();
    };
    let step = Step {
        role: Role::Use,
        block: entry,
        inst: Some(inst),
    };
    moved
        .map(|(subtype, supertype, field)| {
            let error = GcError::FieldMoved {
                inst,
                subtype,
                supertype,
                field,
            };
            (error, vec![step])
        })
        .collect()
}

/// Is the field elsewhere than in the supertype?
pub(super) fn recheck(func: &Function, error: &GcError) -> Result<(), Flaw> {
    match *error {
        GcError::FieldMoved {
            subtype,
            supertype,
            field,
            ..
        } => (func.dfg.gc_info.is_subtype(subtype, supertype)
            && first_moved(func, subtype, supertype) == Some(field))
        .then_some(())
        .ok_or("the field is where it is in the supertype"),
        _ => Err(NOT_OURS),
    }
}

fn first(func: &Function) -> Option<(Block, Inst)> {
    let entry = func.layout.entry_block()?;
    Some((entry, func.layout.first_inst(entry)?))
}

/// The first field of the supertype that is not where the subtype has it.
fn first_moved(func: &Function, subtype: u32, supertype: u32) -> Option<u32> {
    let info = &func.dfg.gc_info;
    let (fields, above) = (info.fields(subtype)?, info.fields(supertype)?);
    // NB: What a field holds may be more in a subtype than in its supertype.
    let place = |field: &GcField| (field.offset, field.size);
    let is_moved = |&field: &usize| fields.get(field).map(place) != Some(place(&above[field]));
    let field = (0..above.len()).find(is_moved)?;
    Some(field as u32)
}
