//! What executions have in common: where the heap is, and which numbers to choose from.
//!
//! **Claim.** A value that is said to be the base of the heap, or a pointer to other memory, is used so by an address.
//!
//! **Strength.** What an address adds to a reference is taken for the base of the heap, unless it is an index into the heap itself.
//!
//! **Math.** The bases are the pointers of addresses with a reference, less those that are an extended reference and numbers. The numbers
//! to choose from are the constants that the function compares or computes with, and their neighbours.

use super::Stage;
use crate::analysis::class::Class;
use crate::analysis::facts::Facts;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::dominating::argument;
use crate::analysis::kind::header::Headers;
use crate::analysis::kind::thing::named_types;
use crate::ir::cfg::Cfg;
use crate::ir::constant::constant;
use crate::ir::instruction::Kind;
use crate::ir::linear::Linear;
use crate::ir::view::Body;
use cranelift_codegen::FxHashSet;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Function, GcFact, Value, ValueDef, types};

/// How many numbers are taken from the function.
const MAX_NUMBERS: usize = 64;

impl<'a> Stage<'a> {
    /// Of a function that is analyzed.
    pub(crate) fn new(facts: &'a Facts<'a>, headers: &'a Headers) -> Stage<'a> {
        let (func, cfg) = (facts.func, &facts.cfg);
        let bases = bases(facts);
        Stage {
            func,
            cfg,
            body: &facts.body,
            headers,
            pointers: pointers(func, &facts.body, &bases),
            bases,
            types: named_types(func),
            numbers: numbers(func, cfg),
        }
    }
}

/// The values that are the base of the heap: those that are added to references.
pub(crate) fn bases(facts: &Facts) -> EntitySet<Value> {
    let (func, body) = (facts.func, &*facts.body);
    let mut bases = EntitySet::with_capacity(func.dfg.num_values());
    let mut add = |value: Value| {
        bases.insert(value);
    };
    for memory in body.accesses() {
        let address = Address::of(func, body, memory.access.addr);
        if let (Some(_), Some(pointer)) = (address.reference, address.pointer) {
            add(pointer);
        }
    }
    for (value, fact) in func.dfg.gc_info.facts() {
        if fact == GcFact::HeapBase {
            add(body.resolve(func, value));
        }
    }
    for item in body.items() {
        if !item.kind.is(Kind::ADDS_UP) {
            continue;
        }
        match Linear::of(&func.dfg.insts[item.inst], 0) {
            Linear::Sum(_) | Linear::Exact(_) => {}
            _ => continue,
        }
        let [a, b] = body.operands(item);
        for (index, base) in [(a, b), (b, a)] {
            if func.dfg.value_type(base) == types::I64
                && is_given(func, base)
                && facts.values.class(base) == Class::Plain
                && is_index(facts, index, MAX_INDEX)
            {
                add(base);
            }
        }
    }
    // What is loaded from the same place is the same.
    let loads = || {
        body.accesses().iter().filter_map(|memory| {
            let access = &memory.access;
            let result = access.result.filter(|_| access.data.is_none())?;
            let place = (access.flags.alias_region()?, access.offset, access.ty);
            Some((result, place))
        })
    };
    let known: FxHashSet<_> = loads()
        .filter(|(result, _)| bases.contains(*result))
        .map(|(_, place)| place)
        .collect();
    for (result, place) in loads() {
        if known.contains(&place) {
            bases.insert(result);
        }
    }
    bases
}

/// How deep it is looked whether a value is an index into the heap.
const MAX_INDEX: u32 = 4;

/// Is `value` what the function is given, or finds?
fn is_given(func: &Function, value: Value) -> bool {
    match func.dfg.value_def(value) {
        ValueDef::Param(block, _) => func.layout.entry_block() == Some(block),
        ValueDef::Result(inst, _) => {
            let opcode = func.dfg.insts[inst].opcode();
            opcode.can_load() || opcode.is_call()
        }
        ValueDef::Union(..) => false,
    }
}

/// Is `value` a reference, extended, and nothing else but numbers added to it?
fn is_index(facts: &Facts, value: Value, depth: u32) -> bool {
    let (func, cfg, body) = (facts.func, &facts.cfg, &*facts.body);
    let value = body.resolve(func, value);
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    match func.dfg.value_def(value) {
        ValueDef::Result(..) => match Linear::of_value(func, value) {
            Linear::Extended(arg) => facts.values.class(body.resolve(func, arg)) != Class::Plain,
            Linear::Sum(args) | Linear::Exact(args) => {
                args.iter().any(|&arg| constant(func, arg).is_some())
                    && args.iter().any(|&arg| is_index(facts, arg, depth))
            }
            _ => false,
        },
        ValueDef::Param(block, number) => {
            let Some(node) = cfg.node(block).filter(|&node| node != 0) else {
                return false;
            };
            let mut edges = cfg.preds(node);
            edges.any(|edge| {
                let arg = argument(func, cfg.block(edge.from), edge, number);
                arg.is_some_and(|arg| is_index(facts, arg, depth))
            })
        }
        ValueDef::Union(..) => false,
    }
}

/// The values that addresses of other memory are made of.
fn pointers(func: &Function, body: &Body, bases: &EntitySet<Value>) -> EntitySet<Value> {
    let mut pointers = EntitySet::with_capacity(func.dfg.num_values());
    for memory in body.accesses() {
        let address = Address::of(func, body, memory.access.addr);
        if let (None, Some(pointer)) = (address.reference, address.pointer)
            && !bases.contains(pointer)
        {
            pointers.insert(pointer);
        }
    }
    pointers
}

/// The constants of `func` that it compares or computes with, and what is next to them.
fn numbers(func: &Function, cfg: &Cfg) -> Vec<u64> {
    let mut numbers = vec![
        0x3fff_ffff,
        0x4000_0000,
        0x7fff_ffff,
        0x8000_0000,
        0xffff_ffff,
        0x1_0000_0000,
        u64::MAX,
    ];
    for node in cfg.nodes() {
        for inst in func.layout.block_insts(cfg.block(node)) {
            if func.dfg.insts[inst].opcode().is_call() {
                continue;
            }
            for &arg in func.dfg.inst_args(inst) {
                let Some(n) = constant(func, arg) else {
                    continue;
                };
                for n in [n, n.wrapping_add(1), n.wrapping_sub(1), n.wrapping_neg()] {
                    if numbers.len() < MAX_NUMBERS && !numbers.contains(&n) {
                        numbers.push(n);
                    }
                }
            }
        }
    }
    numbers
}
