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
use super::mistakable::Mistakable;
use crate::ir::cfg::Cfg;
use crate::ir::gc_info::{read_by, type_read_by};
use crate::ir::instruction::{Kind, access};
use crate::ir::view::Body;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{
    BlockArg, FuncRef, Function, GcLoad, Inst, InstructionData, Value, ValueDef, types,
};
use std::cell::{OnceCell, RefCell};

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
    /// For each value that was asked about and is loaded, of which reference it is what word, if it is one.
    words: RefCell<FxHashMap<Value, Option<(Value, Word)>>>,
    /// What may be mistaken for what is looked for, once it was asked.
    mistakable: OnceCell<Mistakable>,
    /// Which bits stand beside those of a kind, once it was asked.
    others: OnceCell<u32>,
    /// For what a comparison of types that can throw returned, its numbers: the parameter of a block that nothing else leads to.
    compared: FxHashMap<Value, [Value; 2]>,
}

impl Headers {
    /// Those of `func`.
    pub(crate) fn new(func: &Function, cfg: &Cfg) -> Headers {
        let mut headers = Headers::default();
        if !func.dfg.gc_info.subtype_tests().is_empty() {
            headers.add_throwing(func, cfg);
        }
        headers
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
    pub(crate) fn word(&self, func: &Function, body: &Body, value: Value) -> Option<(Value, Word)> {
        let inst = loaded_by(func, value)?;
        if let Some(&known) = self.words.borrow().get(&value) {
            return known;
        }
        let word = word_of(func, body, inst);
        self.words.borrow_mut().insert(value, word);
        word
    }

    /// What may be mistaken for what the function looks for, which is found once.
    pub(crate) fn mistakable(&self, find: impl FnOnce() -> Mistakable) -> &Mistakable {
        self.mistakable.get_or_init(find)
    }

    /// The bits that stand beside those of a kind, which are found once.
    pub(crate) fn others(&self, find: impl FnOnce() -> u32) -> u32 {
        *self.others.get_or_init(find)
    }

    /// The references of whose headers words are loaded, in order.
    pub(crate) fn asked(&self, func: &Function, body: &Body) -> Vec<Value> {
        let results = body.accesses().iter();
        let results = results.filter_map(|memory| memory.access.result);
        let words = results.filter_map(|result| self.word(func, body, result));
        let mut asked: Vec<Value> = words.map(|word| word.0).collect();
        asked.sort_unstable();
        asked.dedup();
        asked
    }

    /// The concrete type whose number `value`, which must not be an alias, is.
    pub(crate) fn type_id(&self, func: &Function, value: Value) -> Option<u32> {
        type_read_by(func, loaded_by(func, value)?)
    }
}

/// The load of a word of 32 bits that `value` is the result of.
fn loaded_by(func: &Function, value: Value) -> Option<Inst> {
    if func.dfg.value_type(value) != types::I32 {
        return None;
    }
    let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
        return None;
    };
    Kind::of_inst(func, inst).is(Kind::LOADS).then_some(inst)
}

/// Of which reference `inst` loads what word.
fn word_of(func: &Function, body: &Body, inst: Inst) -> Option<(Value, Word)> {
    let what = read_by(func, inst);
    if matches!(what, Some(GcLoad::TypeId(_))) {
        return None;
    }
    let access = access(func, inst).filter(|access| access.size == 4)?;
    let address = Address::of(func, body, access.addr);
    if what == Some(GcLoad::TypeOf) {
        return Some((address.pointer?, Word::Type));
    }
    let header = func.dfg.gc_info.header?;
    let (reference, offset) = (address.reference?, address.offset?);
    let offset = offset.wrapping_add(access.offset.into());
    if offset == i64::from(header.kind) {
        Some((reference, Word::Kind))
    } else if offset == i64::from(header.type_index) {
        Some((reference, Word::Type))
    } else {
        None
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
