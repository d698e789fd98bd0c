//! Where a function looks at what an object is.
//!
//! **Claim.** A value that is said to be a word of an object's header is that word: it is loaded from where
//! objects of this producer have it, relative to one reference. A value that is said to be the number of a type
//! is that number.
//!
//! **Strength.** The producer says where the words are, which memory holds the numbers of types, and which
//! callee compares them. Which reference is looked at is computed from the address.
//!
//! **Math.** A load of 32 bits at `base + r + d` is the word of `r` that the producer's header has at offset
//! `d`. A load from an alias region is the number of the type that the producer names for the region.

use super::address::Address;
use crate::ir::cfg::Cfg;
use crate::ir::instruction::Kind;
use crate::ir::view::Body;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{
    BlockArg, FuncRef, Function, Inst, InstructionData, Value, ValueDef, types,
};

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
    /// For what a comparison of types that can throw returned, its numbers: the parameter of a block that nothing else leads to.
    compared: FxHashMap<Value, [Value; 2]>,
}

impl Headers {
    /// Find those of `func`.
    pub(crate) fn new(func: &Function, cfg: &Cfg, body: &Body) -> Headers {
        let mut headers = Headers::default();
        if !func.dfg.gc_info.subtype_tests().is_empty() {
            headers.add_throwing(func, cfg);
        }
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

    /// Find what comparisons of types return that end their blocks.
    fn add_throwing(&mut self, func: &Function, cfg: &Cfg) {
        for node in cfg.nodes() {
            let last = func.layout.last_inst(cfg.block(node));
            let Some((last, types)) =
                last.and_then(|last| Some((last, types_compared_by(func, last)?)))
            else {
                continue;
            };
            let InstructionData::TryCall { exception, .. } = func.dfg.insts[last] else {
                continue;
            };
            let normal = func.dfg.exception_tables[exception].normal_return();
            let block = normal.block(&func.dfg.value_lists);
            let is_only_way = cfg
                .node(block)
                .is_some_and(|node| cfg.preds(node).count() == 1);
            let args = normal.args(&func.dfg.value_lists);
            for (arg, &param) in args.zip(func.dfg.block_params(block)) {
                if is_only_way && arg == BlockArg::TryCallRet(0) {
                    self.compared.insert(param, types);
                }
            }
        }
    }

    /// The two numbers of types that `value`, which must not be an alias, tells about, if it is what a comparison of types
    /// returned: is the first one the second, or below it?
    pub(crate) fn compared(&self, func: &Function, value: Value) -> Option<[Value; 2]> {
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, 0) => types_compared_by(func, inst),
            ValueDef::Param(..) => self.compared.get(&value).copied(),
            ValueDef::Result(..) | ValueDef::Union(..) => None,
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

/// The two numbers of types that `inst` compares, if it calls what does that.
pub(crate) fn types_compared_by(func: &Function, inst: Inst) -> Option<[Value; 2]> {
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
