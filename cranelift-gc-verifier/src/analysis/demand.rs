//! Where references and derived pointers are relied on.
//!
//! **Claim.** No instruction relies on a value outside the set that is returned.
//!
//! **Strength.** The set is closed under block parameters and pure instructions, whatever paths are taken. A
//! value in it may be relied on only where it is fresh.
//!
//! **Math.** The least set that contains the operands of accesses, calls and returns and, with each value, what
//! it is made of: the operands that its instruction hands on, or the arguments for the block parameter.

use crate::analysis::slots::{Hold, Reload, Slots};
use crate::ir::cfg::{Cfg, Node, for_each_block_arg};
use crate::ir::instruction::{access, passed_on};
use crate::ir::view::Body;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Function, Inst, InstructionData, StackSlot, Value, ValueDef};
use smallvec::SmallVec;

/// How an instruction relies on an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UseKind {
    /// As the address of an access.
    Address,
    /// As what is stored to memory, passed to a callee or returned.
    Escape,
}

/// The operands of `inst` that must be fresh where it is executed.
///
/// Comparisons, tests of bits and arithmetic are not among them: the optimizer may sink them past a
/// safepoint, and what they compute of a stale reference is what they computed of the fresh one.
pub(crate) fn uses(func: &Function, inst: Inst) -> SmallVec<[(Value, UseKind); 4]> {
    let mut uses = SmallVec::new();
    let mut push = |value, kind| uses.push((func.dfg.resolve_aliases(value), kind));
    if let Some(access) = access(func, inst) {
        push(access.addr, UseKind::Address);
        if let Some(data) = access.data {
            push(data, UseKind::Escape);
        }
        if let InstructionData::AtomicCas { args, .. } = func.dfg.insts[inst] {
            // What is compared with memory must be what memory would hold.
            push(args[1], UseKind::Escape);
        }
        return uses;
    }
    let opcode = func.dfg.insts[inst].opcode();
    if opcode.is_call() || opcode.is_return() {
        for &arg in func.dfg.inst_args(inst) {
            push(arg, UseKind::Escape);
        }
    }
    uses
}

/// The values that some instruction relies on, through block parameters and pure instructions
/// that hand a reference on.
pub(crate) struct Demand {
    relied_on: EntitySet<Value>,
    used: EntitySet<Value>,
    leaves_slots: EntitySet<Value>,
}

impl Demand {
    /// Compute it for all of `func`.
    ///
    /// This is linear, but needed only where something looks wrong.
    pub(crate) fn new(func: &Function, cfg: &Cfg, body: &Body, slots: &Slots) -> Self {
        let mut demand = Demand {
            relied_on: EntitySet::with_capacity(func.dfg.num_values()),
            used: EntitySet::with_capacity(func.dfg.num_values()),
            leaves_slots: EntitySet::with_capacity(func.dfg.num_values()),
        };
        let mut pending = Vec::new();
        let mut used = Vec::new();
        let mut leaves_slots = Vec::new();
        let mut stored = Vec::new();
        let slots_of = body.slot_accesses.iter().map(|at| (at.inst, at.slot));
        let slots_of: FxHashMap<Inst, StackSlot> = slots_of.collect();
        for node in cfg.nodes() {
            for inst in cfg.insts(func, node) {
                for (value, _) in uses(func, inst) {
                    if demand.relied_on.insert(value) {
                        pending.push(value);
                    }
                }
                if acts(func, inst) {
                    let args = func.dfg.inst_args(inst).iter();
                    let args = args.map(|&arg| func.dfg.resolve_aliases(arg));
                    match (&func.dfg.insts[inst], slots_of.get(&inst)) {
                        (
                            &InstructionData::Store {
                                args: [data, _], ..
                            },
                            Some(&slot),
                        ) => {
                            stored.push((slot, func.dfg.resolve_aliases(data)));
                            used.extend(args);
                        }
                        _ => leaves_slots.extend(args),
                    }
                }
            }
        }
        let args = ArgsOf::new(func, cfg);
        // What leaves the slots is used, too.
        used.extend_from_slice(&leaves_slots);
        stored.sort_unstable();
        let held = |reload: &Reload| match reload.hold {
            Hold::Is { data, .. } => Some((reload.result, func.dfg.resolve_aliases(data))),
            Hold::Unset | Hold::Conflict(..) | Hold::Partial | Hold::MaybeUnset => None,
        };
        let mut held: Vec<(Value, Value)> = slots.reloads.iter().filter_map(held).collect();
        held.sort_unstable();
        let memory = Memory {
            slots_of,
            stored,
            held,
        };
        close(
            func,
            &args,
            Some(&memory),
            leaves_slots,
            &mut demand.leaves_slots,
        );
        close(func, &args, None, used, &mut demand.used);
        while let Some(value) = pending.pop() {
            let mut visit = |value| {
                if demand.relied_on.insert(value) {
                    pending.push(value);
                }
            };
            match func.dfg.value_def(value) {
                ValueDef::Result(inst, _) => {
                    for operand in passed_on(func, inst).operands() {
                        visit(func.dfg.resolve_aliases(operand));
                    }
                }
                ValueDef::Param(..) => args.of(value).for_each(visit),
                ValueDef::Union(..) => {}
            }
        }
        demand
    }

    /// Does some instruction rely on `value`?
    pub(crate) fn is_relied_on(&self, value: Value) -> bool {
        self.relied_on.contains(value)
    }

    /// Does `value` decide anything that the function does, other than what a stack slot holds?
    pub(crate) fn leaves_slots(&self, value: Value) -> bool {
        self.leaves_slots.contains(value)
    }

    /// Does `value` decide anything that the function does?
    pub(crate) fn is_used(&self, value: Value) -> bool {
        self.used.contains(value)
    }
}

/// What stack slots hold.
struct Memory {
    /// Which one each access goes to, of those that go to one.
    slots_of: FxHashMap<Inst, StackSlot>,
    /// What is stored to each slot, sorted.
    stored: Vec<(StackSlot, Value)>,
    /// What each load from a slot gives, if that is known; sorted.
    held: Vec<(Value, Value)>,
}

impl Memory {
    /// What may be loaded by `inst`, if that is not said of another load of the slot already.
    fn loaded(&self, inst: Inst, seen: &mut EntitySet<StackSlot>) -> &[(StackSlot, Value)] {
        match self.slots_of.get(&inst) {
            Some(&slot) if seen.insert(slot) => {
                let first = self.stored.partition_point(|&(other, _)| other < slot);
                let count = self.stored[first..].partition_point(|&(other, _)| other == slot);
                &self.stored[first..first + count]
            }
            _ => &[],
        }
    }
}

/// Add to `set` the values `pending`, and what they are made of: what they are loaded from, too, if that is given.
fn close(
    func: &Function,
    args: &ArgsOf,
    memory: Option<&Memory>,
    mut pending: Vec<Value>,
    set: &mut EntitySet<Value>,
) {
    let mut seen = EntitySet::new();
    while let Some(value) = pending.pop() {
        if !set.insert(value) {
            continue;
        }
        match func.dfg.value_def(value) {
            ValueDef::Result(inst, _) => {
                let operands = func.dfg.inst_args(inst).iter();
                pending.extend(operands.map(|&operand| func.dfg.resolve_aliases(operand)));
                let Some(memory) = memory else { continue };
                match memory.held.binary_search_by_key(&value, |held| held.0) {
                    Ok(at) => pending.push(memory.held[at].1),
                    Err(_) => {
                        let of_slot = memory.loaded(inst, &mut seen);
                        pending.extend(of_slot.iter().map(|of| of.1));
                    }
                }
            }
            ValueDef::Param(..) => pending.extend(args.of(value)),
            ValueDef::Union(..) => {}
        }
    }
}

/// Does `inst` do more than to compute, so that its operands decide what the function does?
fn acts(func: &Function, inst: Inst) -> bool {
    let opcode = func.dfg.insts[inst].opcode();
    // NB: A load traps by its address, whether or not what it loads is used.
    opcode.can_store()
        || opcode.can_load()
        || opcode.can_trap()
        || opcode.other_side_effects()
        || opcode.is_call()
        || opcode.is_terminator()
}

/// The arguments for each block parameter, sorted by parameter.
pub(crate) struct ArgsOf(Vec<(Value, Value)>);

impl ArgsOf {
    pub(crate) fn new(func: &Function, cfg: &Cfg) -> Self {
        let mut pairs = Vec::new();
        for node in cfg.nodes() {
            for_each_block_arg(func, cfg, node, |_: Node, arg, param| {
                pairs.push((param, arg));
            });
        }
        pairs.sort_unstable();
        ArgsOf(pairs)
    }

    pub(crate) fn of(&self, param: Value) -> impl Iterator<Item = Value> + '_ {
        let start = self.0.partition_point(|&(p, _)| p < param);
        let rest = self.0[start..].iter();
        rest.take_while(move |&&(p, _)| p == param)
            .map(|&(_, arg)| arg)
    }
}
