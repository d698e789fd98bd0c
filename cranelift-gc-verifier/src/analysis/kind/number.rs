//! Which values are numbers, and no references, whatever their bits are.
//!
//! **Claim.** A value that is said to be a number is one, if callers, callees and memory hold what the producer declares of them.
//!
//! **Strength.** Facts and signatures say it, fields and other memory, and where objects have the words of their headers, their
//! lengths, and the numbers of their types. Nothing is said of what is computed.
//!
//! **Math.** The values whose fact is that they are scalars, or that are given as ones; loads of the words of headers, of the first
//! field of arrays, and of the numbers of types; and what callees return that compare types.

use super::address::Address;
use super::field::{field_of, kind_of_object};
use super::given::given_to;
use super::header::Headers;
use crate::ir::instruction::{Kind, access};
use crate::ir::view::Body;
use cranelift_codegen::ir::{Function, GcFact, GcHeapType, Value, ValueDef, types};

/// Is `value`, which must not be an alias, a number?
pub(crate) fn is_number(func: &Function, body: &Body, headers: &Headers, value: Value) -> bool {
    let info = &func.dfg.gc_info;
    if let Some(fact) = info.fact(value) {
        return fact == GcFact::Scalar;
    }
    if let Some(given) = given_to(func, body, value) {
        return given == GcFact::Scalar;
    }
    if headers.compared(func, value).is_some() {
        return true;
    }
    is_loaded_number(func, body, headers, value)
}

/// Is `value` loaded from where memory holds a number?
fn is_loaded_number(func: &Function, body: &Body, headers: &Headers, value: Value) -> bool {
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return false;
    };
    if !Kind::of_inst(func, inst).is(Kind::LOADS) || func.dfg.value_type(value) != types::I32 {
        return false;
    }
    if headers.type_id(func, value).is_some() {
        return true;
    }
    let info = &func.dfg.gc_info;
    // NB: Many producers say nothing of headers and fields.
    if info.header.is_none() && info.types().next().is_none() {
        return false;
    }
    if headers.word(func, body, value).is_some() {
        return true;
    }
    let Some(access) = access(func, inst).filter(|access| access.data.is_none()) else {
        return false;
    };
    let address = Address::of(func, body, access.addr);
    let kind = kind_of_object(func, inst, &address);
    kind.is_some_and(|kind| {
        let field = field_of(func, kind, &access, &address);
        // NB: The length of an array comes first.
        kind.heap == GcHeapType::Array && field.is_some_and(|(_, is_element)| !is_element)
    })
}
