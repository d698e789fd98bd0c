//! What does not change on a path.
//!
//! **Claim.** No value but those that are observed decides what a function does.
//!
//! **Strength.** A value may be observed and decide nothing: an effect need not depend on all that it is given.
//!
//! **Math.** The observed values are the least set that has the operands of each instruction with an effect and, with each value, all that
//! the value is made of: the operands of its instruction, or what the edges pass to its parameter.

use crate::ir::cfg::{Cfg, destinations};
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{BlockArg, Function, GcCollector, Value, ValueDef};
use std::cell;

/// What does not change on a path.
pub(crate) struct Context<'a> {
    pub(super) func: &'a Function,
    pub(super) collector: GcCollector,
    /// The values that were declared to need stack maps.
    pub(super) declared: EntitySet<Value>,
    /// The values that are known to be references, whether or not a fact says so.
    pub(super) references: EntitySet<Value>,
    /// Those that are numbers by what the producer declares, and no references.
    numbers: EntitySet<Value>,
    /// The values that decide what the function does.
    pub(super) observed: EntitySet<Value>,
    /// How many instructions may still be executed, for all claims together.
    pub(super) left: cell::Cell<u32>,
}

/// How many instructions are executed for all claims about a function together, besides those of paths that
/// are given.
const BUDGET: u32 = 300_000;

impl<'a> Context<'a> {
    /// So many instructions were executed.
    pub(super) fn spend(&self, count: u32) {
        self.left.set(self.left.get().saturating_sub(count));
    }

    /// Is `value` a number by what the producer declares?
    pub(super) fn is_number(&self, value: Value) -> bool {
        self.numbers.contains(value)
    }

    pub(crate) fn func(&self) -> &'a Function {
        self.func
    }

    pub(crate) fn new(
        func: &'a Function,
        cfg: &Cfg,
        collector: GcCollector,
        references: EntitySet<Value>,
        numbers: EntitySet<Value>,
    ) -> Self {
        let mut declared = EntitySet::with_capacity(func.dfg.num_values());
        for &value in func.dfg.gc_info.declared() {
            declared.insert(func.dfg.resolve_aliases(value));
        }
        Context {
            func,
            collector,
            declared,
            references,
            numbers,
            observed: observed(func, cfg),
            left: cell::Cell::new(BUDGET),
        }
    }
}

/// The values that decide what `func` does: those that an instruction with an effect has as operands, and what
/// they are made of.
fn observed(func: &Function, cfg: &Cfg) -> EntitySet<Value> {
    let mut observed = EntitySet::with_capacity(func.dfg.num_values());
    let mut pending = Vec::new();
    let mut passed: Vec<(Value, Value)> = Vec::new();
    for node in cfg.nodes() {
        let block = cfg.block(node);
        for inst in func.layout.block_insts(block) {
            let opcode = func.dfg.insts[inst].opcode();
            // NB: A load traps by its address, whether or not what it loads is used.
            let acts = opcode.can_store()
                || opcode.can_load()
                || opcode.can_trap()
                || opcode.other_side_effects()
                || opcode.is_call()
                || opcode.is_terminator();
            if acts {
                pending.extend(func.dfg.inst_args(inst));
            }
        }
        let Some(last) = func.layout.last_inst(block) else {
            continue;
        };
        let dests = destinations(func, last);
        for edge in cfg.succs(node) {
            let args = dests[edge.dest as usize].args(&func.dfg.value_lists);
            let params = func.dfg.block_params(cfg.block(edge.to));
            for (arg, &param) in args.zip(params) {
                if let BlockArg::Value(arg) = arg {
                    passed.push((param, arg));
                }
            }
        }
    }
    passed.sort_unstable();
    while let Some(value) = pending.pop() {
        let value = func.dfg.resolve_aliases(value);
        if !observed.insert(value) {
            continue;
        }
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, _) => pending.extend(func.dfg.inst_args(inst)),
            ValueDef::Param(..) => {
                let start = passed.partition_point(|&(param, _)| param < value);
                let args = passed[start..].iter();
                let args = args.take_while(|&&(param, _)| param == value);
                pending.extend(args.map(|&(_, arg)| arg));
            }
            ValueDef::Union(..) => {}
        }
    }
    observed
}
