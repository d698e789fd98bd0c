//! What is stored to the header of an object.
//!
//! **Claim.** Of a store that is reported: the object has the kind that is relied upon, and what is stored says that it is of
//! another one.
//!
//! **Strength.** Words of 32 bits that are stored to where the producer says that objects have their kind and their type. What is
//! stored is the number of a type, by the memory that it is loaded from, or has bits that are known.
//!
//! **Math.** Let `t` be the type of the object. The number of a type that is neither `t` nor below it is wrong; so is a word that
//! lacks a bit of the kind of `t`, or has all bits of a kind that excludes it.

use super::found::Found;
use crate::analysis::facts::Facts;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::field::kind_of_object;
use crate::analysis::kind::object_of;
use crate::analysis::kind::thing::Universe;
use crate::analysis::known_bits;
use crate::evidence::recheck::Flaw;
use crate::finding::error::GcError;
use crate::finding::typed::{Thing, TypeBroken, Typed};
use crate::finding::witness::{Role, Step};
use crate::ir::cfg::Cfg;
use crate::ir::gc_info::type_read_by;
use crate::ir::instruction::{Access, access};
use crate::ir::view::Body;
use cranelift_codegen::ir::{Function, GcHeapType, GcKind, Inst, Value};

/// Judge what is stored to the headers of objects.
pub(super) fn judge_all(facts: &Facts, found: &mut Found) {
    let func = facts.func;
    for (inst, node, kind, address) in core::mem::take(&mut found.headers) {
        let Some(universe) = facts.context().map(|context| context.universe) else {
            return;
        };
        let Some(access) = access(func, inst) else {
            continue;
        };
        let at = (kind, &address);
        if let Some(broken) = judge(func, &facts.cfg, universe, inst, &access, at) {
            let step = Step {
                role: Role::Use,
                block: facts.cfg.block(node),
                inst: Some(inst),
            };
            found.errors.push((GcError::TypeBroken(broken), vec![step]));
        }
    }
}

/// What is wrong with the store `inst`, which makes `access` of an object of this `kind`, whose address is taken apart.
pub(super) fn judge(
    func: &Function,
    cfg: &Cfg,
    universe: &Universe,
    inst: Inst,
    access: &Access,
    (kind, address): (GcKind, &Address),
) -> Option<TypeBroken> {
    let header = func.dfg.gc_info.header?;
    let data = func.dfg.resolve_aliases(access.data?);
    let offset = address.offset?.wrapping_add(access.offset.into());
    address.reference?;
    if access.size != 4 {
        return None;
    }
    let thing = if offset == i64::from(header.type_index) {
        of_number(func, universe, data, kind)?
    } else if offset == i64::from(header.kind) {
        of_bits(func, cfg, data, kind)?
    } else {
        return None;
    };
    Some(TypeBroken {
        inst,
        value: Some(data),
        thing,
        promise: object_of(kind),
        what: Typed::Header,
    })
}

/// What has the type whose number `data` is, if that is not of this `kind`.
fn of_number(func: &Function, universe: &Universe, data: Value, kind: GcKind) -> Option<Thing> {
    let info = &func.dfg.gc_info;
    let number = type_number(func, data)?;
    let index = kind.concrete?;
    // NB: Of a type of which nothing is said it is not known what is above it.
    if number == index || info.is_subtype(number, index) || !info.has_type(number) {
        return None;
    }
    let thing = Thing::Exactly(kind.heap, number);
    Some(match universe.number(thing) {
        Some(_) => thing,
        None => Thing::Other(kind.heap),
    })
}

/// The type whose number `data` is.
fn type_number(func: &Function, data: Value) -> Option<u32> {
    type_read_by(func, func.dfg.value_def(data).inst()?)
}

/// What has the bits of `data` in its header, if that is not of this `kind`.
fn of_bits(func: &Function, cfg: &Cfg, data: Value, kind: GcKind) -> Option<Thing> {
    let info = &func.dfg.gc_info;
    let other = match kind.heap {
        GcHeapType::Struct => GcHeapType::Array,
        GcHeapType::Array => GcHeapType::Struct,
        _ => return None,
    };
    let own = u64::from(info.kind_bits(kind.heap)?);
    if type_number(func, data).is_some() {
        return Some(Thing::Number);
    }
    let known = known_bits::of(func, cfg, &Vec::new(), data)?;
    let is_other = info.kind_bits(other).is_some_and(|bits| {
        let bits = u64::from(bits);
        bits & own != bits && known.ones & bits == bits
    });
    match is_other {
        true => Some(Thing::Other(other)),
        false => (known.zeros & own != 0).then_some(Thing::Number),
    }
}

/// Does the store that `error` names store that?
pub(super) fn recheck(
    func: &Function,
    cfg: &Cfg,
    body: &Body,
    universe: &Universe,
    error: &TypeBroken,
) -> Result<(), Flaw> {
    let found = access(func, error.inst).and_then(|access| {
        let address = Address::of(func, body, access.addr);
        let kind = kind_of_object(func, error.inst, &address)?;
        judge(func, cfg, universe, error.inst, &access, (kind, &address))
    });
    (found == Some(*error))
        .then_some(())
        .ok_or("the header is as it should be")
}
