//! Subtypes whose objects are not what those of their supertypes are.
//!
//! **Claim.** Of every type that is reported, an object is taken for one of the supertype without being asked. A field of the supertype is
//! somewhere else in it, or has another size (wasmtime#10459), or it can hold what the supertype says that it does not.
//!
//! **Strength.** Exact for the types that the producer declared with their fields: those that the function's facts name, and all above
//! them. Of a field of which one of both types says nothing, what it holds is not compared.
//!
//! **Math.** The fields of the supertype are a prefix of those of the subtype, and what each holds is a subset. Then that is so of all
//! types above, as a prefix of a prefix is one. "Below" is an order: no type is below itself by way of others.

use crate::analysis::facts::Facts;
use crate::analysis::kind::thing::{Fits, fits};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS};
use crate::finding::error::GcError;
use crate::finding::witness::Finding;
use crate::finding::witness::{Role, Step};
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{Block, Function, GcField, Inst};
use std::collections::BTreeMap;
use std::collections::hash_map::Entry;

/// Check the types that `func` names. What is found is found at its first instruction.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    findings.extend(of_types(facts.func));
}

fn of_types(func: &Function) -> Vec<Finding> {
    let Some((entry, inst)) = first(func) else {
        return Vec::new();
    };
    let step = Step {
        role: Role::Use,
        block: entry,
        inst: Some(inst),
    };
    let cycles = cycles(func).into_iter();
    let mut errors: Vec<GcError> = cycles
        .map(|index| GcError::SupertypeCycle { inst, index })
        .collect();
    for (subtype, above) in func.dfg.gc_info.types() {
        let Some(supertype) = above else { continue };
        if let Some(field) = first_moved(func, subtype, supertype) {
            errors.push(GcError::FieldMoved {
                inst,
                subtype,
                supertype,
                field,
            });
        } else if let Some(field) = first_otherwise(func, subtype, supertype) {
            errors.push(GcError::FieldOtherwise {
                inst,
                subtype,
                supertype,
                field,
            });
        }
    }
    errors
        .into_iter()
        .map(|error| (error, vec![step]))
        .collect()
}

/// Are the types what `error` says?
pub(super) fn recheck(func: &Function, error: &GcError) -> Result<(), Flaw> {
    let is_below = |sub: u32, sup: u32| func.dfg.gc_info.is_subtype(sub, sup);
    let (is_so, flaw) = match *error {
        GcError::FieldMoved {
            subtype,
            supertype,
            field,
            ..
        } => (
            is_below(subtype, supertype) && first_moved(func, subtype, supertype) == Some(field),
            "the field is where it is in the supertype",
        ),
        GcError::FieldOtherwise {
            subtype,
            supertype,
            field,
            ..
        } => (
            is_below(subtype, supertype)
                && first_otherwise(func, subtype, supertype) == Some(field),
            "the field holds what that of the supertype holds",
        ),
        GcError::SupertypeCycle { index, .. } => {
            let is_so = cycles(func).contains(&index);
            (is_so, "the type is not below itself")
        }
        _ => return Err(NOT_OURS),
    };
    is_so.then_some(()).ok_or(flaw)
}

fn first(func: &Function) -> Option<(Block, Inst)> {
    let entry = func.layout.entry_block()?;
    Some((entry, func.layout.first_inst(entry)?))
}

/// A type of each cycle of supertypes.
fn cycles(func: &Function) -> Vec<u32> {
    let above: BTreeMap<u32, Option<u32>> = func.dfg.gc_info.types().collect();
    let mut cycles = Vec::new();
    // From which type on each was seen first.
    let mut seen = FxHashMap::default();
    for &first in above.keys() {
        let mut next = Some(first);
        while let Some(index) = next {
            match seen.entry(index) {
                Entry::Vacant(entry) => {
                    entry.insert(first);
                }
                Entry::Occupied(entry) => {
                    cycles.extend((*entry.get() == first).then_some(index));
                    break;
                }
            }
            next = above.get(&index).copied().flatten();
        }
    }
    cycles
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

/// The first field of the supertype that holds something else in the subtype.
fn first_otherwise(func: &Function, subtype: u32, supertype: u32) -> Option<u32> {
    let info = &func.dfg.gc_info;
    let (fields, above) = (info.fields(subtype)?, info.fields(supertype)?);
    let field = fields.iter().zip(above).position(|(field, above)| {
        matches!((field.fact, above.fact), (Some(fact), Some(promise)) if fits(info, fact, promise) == Fits::No)
    })?;
    Some(field as u32)
}
