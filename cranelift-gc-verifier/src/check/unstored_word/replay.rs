//! Executes a path on which a word is not stored once more.
//!
//! The function is executed along the path with one number for the object, and with zero for everything else
//! that is not computed.
//!
//! **Claim.** On a path that [`recheck`] accepts, no store of this execution goes to some byte of the word, and
//! the instruction at its end hands the object on.
//!
//! **Strength.** What is computed from the object otherwise than by sums, products and shifts is zero, too, so
//! that a store to it is not noticed. A `select` is the object if one of its operands is.
//!
//! **Math.** Let `o` be the number. A store to `[a, a + n)` takes `[a, a + n)` out of
//! `[o + offset, o + offset + 4)`. The path is accepted if something is left, and the object is stored to memory that is no slot, is an
//! operand of the last instruction, or is in a slot that its stack map names.

use crate::finding::witness::{Role, Step};
use crate::ir::cfg::{Cfg, constant, destinations};
use crate::ir::instruction::{Overwrites, access, overwrites};
use cranelift_codegen::ir::{
    Block, BlockArg, Function, Inst, InstructionData, Opcode, StackSlot, Value,
};
use std::collections::BTreeMap;

/// The object.
const OBJECT: u64 = 1 << 30;

/// Where the first stack slot is, and how far apart they are.
const SLOTS: u64 = 1 << 60;
const SLOT: u64 = 1 << 32;

/// How deep an expression may be.
const DEPTH: u32 = 32;

/// Is the object of `reference` handed on by `inst` at the end of the path of `steps`, and the word at `offset` stored
/// nowhere on it?
pub(crate) fn recheck(
    func: &Function,
    cfg: &Cfg,
    (reference, offset): (Value, u32),
    inst: Inst,
    steps: &[Step],
) -> Result<(), &'static str> {
    let mut replay = Replay {
        func,
        values: BTreeMap::from([(reference, OBJECT)]),
        memory: BTreeMap::new(),
        is_published: false,
        word: OBJECT + u64::from(offset),
        missing: 0b1111,
    };
    let first = steps.first().ok_or("there is no path")?;
    let mut at = match first.inst {
        Some(def) => func.layout.next_inst(def),
        None => func.layout.first_inst(first.block),
    };
    let mut block = first.block;
    for step in steps.iter().filter(|step| step.role == Role::Through) {
        replay.execute(at, None);
        replay.enter(cfg, block, step.block);
        (block, at) = (step.block, func.layout.first_inst(step.block));
    }
    replay.execute(at, Some(inst));
    match (replay.missing, replay.hands_on(inst)) {
        (0, _) => Err("the word is stored on the way"),
        (_, false) => Err("the object is not handed on"),
        (_, true) => Ok(()),
    }
}

struct Replay<'a> {
    func: &'a Function,
    values: BTreeMap<Value, u64>,
    /// What was stored to slots, by address, with the sizes.
    memory: BTreeMap<u64, (u64, u32)>,
    is_published: bool,
    word: u64,
    /// The bytes of the word that nothing was stored to.
    missing: u8,
}

impl Replay<'_> {
    /// Execute the block from `at` on, up to `end`.
    fn execute(&mut self, mut at: Option<Inst>, end: Option<Inst>) {
        while let Some(inst) = at.filter(|_| at != end) {
            self.execute_one(inst);
            at = self.func.layout.next_inst(inst);
        }
    }

    fn execute_one(&mut self, inst: Inst) {
        // What is defined again is something else.
        for &result in self.func.dfg.inst_results(inst) {
            self.values.remove(&result);
        }
        let Some(access) = access(self.func, inst) else {
            return;
        };
        let addr = self
            .value(access.addr)
            .wrapping_add(access.offset as i64 as u64);
        if let Some(data) = access.data {
            let data = self.value(data);
            let is_stored = overwrites(self.func, inst, &access) != Some(Overwrites::Nothing);
            for byte in 0..4 {
                let at = (self.word + byte).wrapping_sub(addr);
                if is_stored && at < access.size.into() {
                    self.missing &= !(1 << byte);
                }
            }
            match addr >= SLOTS {
                true => _ = self.memory.insert(addr, (data, access.size)),
                false => {
                    let halves = [data & u64::from(u32::MAX), data >> 32];
                    let has_object = access.size > 4 && halves.contains(&OBJECT);
                    self.is_published |= data == OBJECT || has_object;
                }
            }
        }
        if let Some(result) = access.result {
            let found = self
                .memory
                .get(&addr)
                .filter(|found| found.1 == access.size);
            if let Some(&(bits, _)) = found {
                self.values.insert(result, bits);
            }
        }
    }

    /// Go from one block to another.
    fn enter(&mut self, cfg: &Cfg, from: Block, to: Block) {
        let params = self.func.dfg.block_params(to);
        let last = self.func.layout.last_inst(from);
        let nodes = cfg.node(from).zip(cfg.node(to));
        let (Some(last), Some((from, to))) = (last, nodes) else {
            return;
        };
        // NB: Of several edges between two blocks, the one that passes the object on.
        let mut passed = BTreeMap::<Value, u64>::new();
        for edge in cfg.succs(from).filter(|edge| edge.to == to) {
            let call = destinations(self.func, last)[edge.dest as usize];
            for (&param, arg) in params.iter().zip(call.args(&self.func.dfg.value_lists)) {
                if let BlockArg::Value(arg) = arg {
                    let bits = self.value(arg);
                    let known = passed.entry(param).or_default();
                    *known = bits.max(*known);
                }
            }
        }
        for &param in params {
            self.values
                .insert(param, passed.get(&param).copied().unwrap_or(0));
        }
    }

    fn value(&self, value: Value) -> u64 {
        self.value_within(value, DEPTH)
    }

    fn value_within(&self, value: Value, depth: u32) -> u64 {
        let func = self.func;
        let value = func.dfg.resolve_aliases(value);
        if let Some(&bits) = self.values.get(&value) {
            return bits;
        }
        if let Some(bits) = constant(func, value) {
            return match func.dfg.value_type(value).bits() {
                32 => bits as u32 as i32 as u64,
                _ => bits,
            };
        }
        let (Some(inst), Some(depth)) = (func.dfg.value_def(value).inst(), depth.checked_sub(1))
        else {
            return 0;
        };
        let of = |value| self.value_within(value, depth);
        match func.dfg.insts[inst] {
            InstructionData::Binary { opcode, args } => {
                let [a, b] = args.map(of);
                match opcode {
                    Opcode::Iadd => a.wrapping_add(b),
                    Opcode::Isub => a.wrapping_sub(b),
                    Opcode::Imul => a.wrapping_mul(b),
                    Opcode::Bor => a | b,
                    Opcode::Bxor => a ^ b,
                    Opcode::Iconcat => a | b << 32,
                    Opcode::Ishl if b < 64 => a << b,
                    _ => 0,
                }
            }
            InstructionData::IntAddTrap { args: [a, b], .. } => of(a).wrapping_add(of(b)),
            // NB: One half of a vector is enough.
            InstructionData::TernaryImm8 {
                opcode: Opcode::Insertlane,
                args: [vector, lane],
                ..
            } => of(vector).max(of(lane)),
            InstructionData::Unary {
                opcode: Opcode::Uextend | Opcode::Ireduce | Opcode::Splat | Opcode::ScalarToVector,
                arg,
            }
            | InstructionData::LoadNoOffset {
                opcode: Opcode::Bitcast,
                arg,
                ..
            } => of(arg),
            InstructionData::Ternary {
                opcode: Opcode::Select | Opcode::SelectSpectreGuard,
                args: [_, a, b],
            } => of(a).max(of(b)),
            InstructionData::StackAddr {
                stack_slot, offset, ..
            } => slot(stack_slot).wrapping_add(i64::from(offset) as u64),
            _ => 0,
        }
    }

    fn hands_on(&self, inst: Inst) -> bool {
        let args = self.func.dfg.inst_args(inst);
        let entries = self.func.dfg.user_stack_map_entries(inst);
        let mut entries = entries.unwrap_or_default().iter();
        let is_object = |&(bits, _): &(u64, u32)| bits == OBJECT;
        let reads = access(self.func, inst).is_some_and(|access| {
            let addr = self.value(access.addr);
            let addr = addr.wrapping_add(access.offset as i64 as u64);
            let read = |byte: u64| (self.word + byte).wrapping_sub(addr) < access.size.into();
            access.data.is_none() && (0..4).any(|byte| self.missing & 1 << byte != 0 && read(byte))
        });
        self.is_published
            || reads
            || args.iter().any(|&arg| self.value(arg) == OBJECT)
            || entries.any(|entry| {
                let at = slot(entry.slot) + u64::from(entry.offset);
                self.memory.get(&at).is_some_and(is_object)
            })
    }
}

fn slot(slot: StackSlot) -> u64 {
    SLOTS + u64::from(slot.as_u32()) * SLOT
}
