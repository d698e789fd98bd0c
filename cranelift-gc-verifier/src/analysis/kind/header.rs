//! Where a function looks at what an object is.
//!
//! **Claim.** A value that is said to be a word of an object's header is that word: it is loaded from where objects of this
//! producer have it, relative to one reference. A value that is said to be the number of a type is that.
//!
//! **Strength.** Where the words are, which memory holds the numbers of types, and which callee compares them, is the
//! producer's word. Which reference is looked at is computed from the address.

use super::address::Address;
use crate::ir::instruction::Kind;
use crate::ir::view::Body;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{FuncRef, Function, Inst, InstructionData, Value, ValueDef, types};

/// A word of an object's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Word {
    /// The bits of its kind.
    Kind,
    /// The number of its concrete type.
    Type,
}

/// What a function looks at.
#[derive(Default)]
pub(crate) struct Headers {
    /// For a value that is loaded, of which reference it is what word.
    words: FxHashMap<Value, (Value, Word)>,
    /// For a value that is the number of a concrete type, its index.
    type_ids: FxHashMap<Value, u32>,
}

impl Headers {
    /// Find those of `func`.
    pub(crate) fn new(func: &Function, body: &Body) -> Headers {
        let mut headers = Headers::default();
        for item in body.items() {
            if item.kind.is(Kind::LOADS)
                && let Some(result) = item.result.expand()
            {
                headers.add(func, body, item.inst, result);
            }
        }
        headers
    }

    fn add(&mut self, func: &Function, body: &Body, inst: Inst, result: Value) {
        let info = &func.dfg.gc_info;
        if func.dfg.value_type(result) != types::I32 {
            return;
        }
        let region = func.dfg.insts[inst].alias_region(&func.dfg);
        let user_id = region.map(|region| func.dfg.alias_regions[region].user_id);
        if let Some(index) = user_id.and_then(|user_id| info.type_id(user_id)) {
            self.type_ids.insert(result, index);
            return;
        }
        let Some(access) = crate::ir::instruction::access(func, inst) else {
            return;
        };
        if access.size != 4 {
            return;
        }
        let address = Address::of(func, body, access.addr);
        if user_id.is_some_and(|user_id| info.is_type_of(user_id)) {
            if let Some(pointer) = address.pointer {
                self.words.insert(result, (pointer, Word::Type));
            }
            return;
        }
        let (Some(header), Some(reference), Some(offset)) =
            (info.header, address.reference, address.offset)
        else {
            return;
        };
        let offset = offset.wrapping_add(access.offset.into());
        if offset == i64::from(header.kind) {
            self.words.insert(result, (reference, Word::Kind));
        } else if offset == i64::from(header.type_index) {
            self.words.insert(result, (reference, Word::Type));
        }
    }

    /// Of which reference `value`, which must not be an alias, is what word.
    pub(crate) fn word(&self, value: Value) -> Option<(Value, Word)> {
        self.words.get(&value).copied()
    }

    /// The concrete type whose number `value`, which must not be an alias, is.
    pub(crate) fn type_id(&self, value: Value) -> Option<u32> {
        self.type_ids.get(&value).copied()
    }
}

/// The two numbers of types that `value` tells about, if it is what a comparison of types returned: is the first one the
/// second, or below it?
pub(crate) fn compared_types(func: &Function, value: Value) -> Option<[Value; 2]> {
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return None;
    };
    let callee: FuncRef = match func.dfg.insts[inst] {
        InstructionData::Call { func_ref, .. } | InstructionData::TryCall { func_ref, .. } => {
            func_ref
        }
        _ => return None,
    };
    if !func.dfg.gc_info.is_subtype_test(callee) {
        return None;
    }
    match *func.dfg.inst_args(inst) {
        [.., sub, sup] => Some([sub, sup]),
        _ => None,
    }
}
