//! Reads a function into its [`Body`].

use crate::ir::cfg::{Cfg, Node, constant, destinations};
use crate::ir::constant::{always_traps, may_always_trap};
use crate::ir::gc_info::returned;
use crate::ir::identity::operand;
use crate::ir::instruction::{
    Access, Kind, Passed, access_of, kinds, passed_by, relies_on, tells_few_bits,
};
use crate::ir::linear::guarded_address;
use crate::ir::safepoint::{Safepoint, collects};
use crate::ir::view::{Answer, BlockPass, Body, Item, Memory, Returned, SlotAccess, Watched};
use cranelift_codegen::ir::{
    BlockArg, Function, Inst, InstructionData, Opcode, StackSlot, Value, types,
};
use cranelift_codegen::packed_option::ReservedValue;

/// Read `func`.
pub(crate) fn read(func: &Function, cfg: &Cfg) -> Box<Body> {
    let mut body = Body::empty(func.dfg.num_values());
    let mut reader = Reader {
        func,
        kinds: kinds(),
        body: &mut body,
    };
    for node in cfg.nodes() {
        reader.block(cfg, node);
    }
    body.starts.push(body.items.len() as u32);
    body.pass_starts.push(body.block_passes.len() as u32);
    body.traps.end();
    body
}

/// Reads a function into a body.
struct Reader<'a> {
    func: &'a Function,
    kinds: &'static [Kind; 256],
    body: &'a mut Body,
}

impl Reader<'_> {
    fn block(&mut self, cfg: &Cfg, node: Node) {
        let func = self.func;
        let block = cfg.block(node);
        self.body.starts.push(self.body.items.len() as u32);
        self.body
            .pass_starts
            .push(self.body.block_passes.len() as u32);
        self.body.traps.start_node();
        for &param in func.dfg.block_params(block) {
            self.define(param, 1);
        }
        let mut last = None;
        for inst in cfg.insts(func, node) {
            last = Some(inst);
            self.inst(node, inst);
        }
        if let Some(last) = last {
            self.block_passes(cfg, node, last);
            self.watch_passed(cfg, node, last);
        }
    }

    fn define(&mut self, value: Value, def: u32) {
        debug_assert_eq!(
            self.func.dfg.resolve_aliases(value),
            value,
            "what is in the layout defines no alias"
        );
        let known = &mut self.body.values[value.as_u32() as usize];
        known.resolved.set(value);
        known.def = def;
    }

    fn inst(&mut self, node: Node, inst: Inst) {
        let func = self.func;
        let data = func.dfg.insts[inst];
        if may_always_trap(&data) {
            self.body.always_traps |= always_traps(func, inst);
        }
        let kind = self.kinds[data.opcode() as usize];
        if kind.is(Kind::STACK_ADDR) {
            return self.stack_addr(inst, &data);
        }
        let kind = match kind.is(Kind::OPAQUE) && tells_few_bits(func, &data) {
            true => kind.without(Kind::OPAQUE),
            false => kind,
        };
        if let Some(same) = self.same(inst, kind) {
            let result = func.dfg.first_result(inst);
            self.define(result, 0);
            self.body.stands_for(result, same);
            return;
        }
        let is_item = kind.is(Kind::ITEM);
        let def = match is_item {
            true => self.body.items.len() as u32 + 2,
            false => 0,
        };
        let results = func.dfg.inst_results(inst);
        let first = results.first().copied();
        for &result in results {
            self.define(result, def);
        }
        let access = match kind.is(Kind::MEMORY) {
            true => self.access(&data, first),
            false => None,
        };
        // NB: What is tested or compared goes nowhere, and what a branch passes on comes later.
        let is_only_tested = kind.is(Kind::TESTS) && self.body.guarded.is_empty();
        if !self.body.watched.is_empty() && !is_only_tested {
            self.watch_operands(node, inst, &data, access.as_ref());
        }
        if !is_item {
            if self.kinds[data.opcode() as usize].is(Kind::OPAQUE.or(Kind::TELLS)) {
                let before = self.body.items.len() as u32;
                self.body.answers.push(Answer { inst, node, before });
            }
            return;
        }
        if kind.is(Kind::SAFEPOINT) && collects(func, &data) {
            self.body.safepoints.push(Safepoint { inst, node });
        }
        if let InstructionData::LoadNoOffset {
            opcode: Opcode::Bitcast,
            arg,
            ..
        } = data
        {
            self.recast(first, arg);
        }
        if kind.is(Kind::TRAPS) {
            self.body.traps.push(inst);
        }
        if kind.is(Kind::SPECTRE) {
            self.guarded_address(inst, &data);
        }
        let (kind, operands) = match access {
            Some(access) => {
                let index = Value::from_u32(self.body.accesses.len() as u32);
                self.body.accesses.push(Memory { inst, access });
                (kind, [index; 2])
            }
            None => self.operands(&data, kind.without(Kind::MEMORY)),
        };
        self.body.items.push(Item {
            inst,
            result: first.into(),
            operands,
            kind,
        });
    }

    /// The value that `inst` results in, if it is one of those that it is made of, and nothing else is said of its result.
    fn same(&self, inst: Inst, kind: Kind) -> Option<Value> {
        if !kind.is(Kind::OPAQUE.or(Kind::SAME)) {
            return None;
        }
        let same = operand(self.func, inst, |value| self.body.resolve(self.func, value))?;
        let result = self.func.dfg.first_result(inst);
        let info = &self.func.dfg.gc_info;
        (info.fact(result).is_none() && !info.is_declared(result)).then_some(same)
    }

    /// `arg` becomes a word of another type.
    fn recast(&mut self, result: Option<Value>, arg: Value) {
        let dfg = &self.func.dfg;
        let is_word = |value| matches!(dfg.value_type(value), types::I32 | types::F32);
        if let Some(result) = result.filter(|&result| is_word(result) && is_word(arg)) {
            let arg = self.body.resolve(self.func, arg);
            self.body.recast.push((result, arg));
        }
    }

    /// The access that an instruction makes, aliases resolved.
    fn access(&self, data: &InstructionData, result: Option<Value>) -> Option<Access> {
        let mut access = access_of(self.func, data, result)?;
        access.addr = self.body.resolve(self.func, access.addr);
        access.data = access.data.map(|data| self.body.resolve(self.func, data));
        Some(access)
    }

    /// The kind of an instruction that makes no access, and the two operands of it that matter.
    fn operands(&self, data: &InstructionData, kind: Kind) -> (Kind, [Value; 2]) {
        let nothing = [Value::reserved_value(); 2];
        let operands = match *data {
            InstructionData::IntCompare { args, .. } | InstructionData::IntAddTrap { args, .. } => {
                args
            }
            InstructionData::CondTrap { arg, .. }
            | InstructionData::Brif { arg, .. }
            | InstructionData::BranchTable { arg, .. } => [arg; 2],
            _ if kind.is(Kind::MAKES) => match passed_by(self.func, data) {
                Passed::Same([Some(a), b]) | Passed::Derived([Some(a), b]) => [a, b.unwrap_or(a)],
                Passed::Opaque(operands) => match operands[..] {
                    [a] => [a; 2],
                    [a, b] => [a, b],
                    _ => return (kind, nothing),
                },
                Passed::Nothing | Passed::Same([None, _]) | Passed::Derived([None, _]) => {
                    return (kind.without(Kind::MAKES.or(Kind::ADDS_UP)), nothing);
                }
            },
            _ => return (kind, nothing),
        };
        let operands = operands.map(|operand| self.body.resolve(self.func, operand));
        (kind, operands)
    }

    fn block_passes(&mut self, cfg: &Cfg, node: Node, last: Inst) {
        let func = self.func;
        let mut dests = None;
        for edge in cfg.succs(node) {
            let params = func.dfg.block_params(cfg.block(edge.to));
            if params.is_empty() {
                continue;
            }
            let dests = dests.get_or_insert_with(|| destinations(func, last));
            let args = dests[edge.dest as usize].args(&func.dfg.value_lists);
            for (arg, &param) in args.zip(params) {
                match arg {
                    BlockArg::Value(arg) => {
                        let arg = self.body.resolve(func, arg);
                        let to = edge.to;
                        self.body.block_passes.push(BlockPass { to, arg, param });
                    }
                    // The results of a call are no one's value yet.
                    BlockArg::TryCallRet(number) => {
                        let is_only_way = cfg.preds(edge.to).count() == 1;
                        if func.dfg.gc_info.fact(param).is_none()
                            && let Some(fact) = returned(func, last, number as usize)
                        {
                            self.body.returned.push(Returned {
                                param,
                                fact,
                                is_only_way,
                            });
                        }
                    }
                    BlockArg::TryCallExn(_) => {}
                }
            }
        }
    }

    // --- Addresses of slots, and of what a bounds check guards -----------------------------

    fn set_watched(&mut self, value: Value, what: Watched) {
        self.body.watched.push(what);
        self.body.values[value.as_u32() as usize].watch = self.body.watched.len() as u32;
    }

    fn watched(&self, value: Value) -> Option<Watched> {
        let value = self.body.resolve(self.func, value);
        match self.body.values[value.as_u32() as usize].watch {
            0 => None,
            index => Some(self.body.watched[index as usize - 1]),
        }
    }

    fn slot_of(&self, value: Value) -> Option<(StackSlot, i64)> {
        match self.watched(value)? {
            Watched::Address(slot, offset) => Some((slot, offset)),
            Watched::Guarded(_) => None,
        }
    }

    fn stack_addr(&mut self, inst: Inst, data: &InstructionData) {
        if let InstructionData::StackAddr {
            stack_slot, offset, ..
        } = *data
        {
            let result = self.func.dfg.first_result(inst);
            self.define(result, 0);
            let offset = i64::from(i32::from(offset));
            self.set_watched(result, Watched::Address(stack_slot, offset));
        }
    }

    fn guarded_address(&mut self, inst: Inst, data: &InstructionData) {
        if let Some(value) = guarded_address(self.func, inst, data) {
            let index = self.body.guarded.len() as u32;
            self.set_watched(value, Watched::Guarded(index));
            self.body.guarded.push(false);
        }
    }

    fn watch_operands(
        &mut self,
        node: Node,
        inst: Inst,
        data: &InstructionData,
        access: Option<&Access>,
    ) {
        let func = self.func;
        let args = data.arguments(&func.dfg.value_lists);
        // Most instructions have nothing to do with them. What a branch passes to blocks comes later.
        let mut is_concerned = false;
        for &arg in args {
            let mut known = &self.body.values[arg.as_u32() as usize];
            // NB: An alias is never watched itself.
            if known.resolved.get() != arg {
                let value = self.body.resolve(func, arg);
                known = &self.body.values[value.as_u32() as usize];
            }
            is_concerned |= known.watch != 0;
        }
        if is_concerned {
            self.watch_guarded(inst, access);
            // NB: The access is about to be the next one of the body.
            self.watch_slots(node, inst, data, access);
        }
    }

    /// The same for what the branch `inst`, at the end of `node`, passes to blocks.
    fn watch_passed(&mut self, cfg: &Cfg, node: Node, inst: Inst) {
        let func = self.func;
        let data = &func.dfg.insts[inst];
        if self.body.watched.is_empty() || !self.kinds[data.opcode() as usize].is(Kind::BRANCHES) {
            return;
        }
        let dests = match data {
            InstructionData::Jump { .. } => 1,
            InstructionData::Brif { .. } => 2,
            _ => destinations(func, inst).len(),
        };
        let start = self.body.pass_starts[node as usize] as usize;
        let mut passes = self.body.block_passes[start..].iter();
        let is_concerned = passes.any(|pass| self.body.values[pass.arg.as_u32() as usize].watch != 0)
            // What is passed along an edge that a constant excludes is used, too.
            || cfg.succs(node).count() < dests
                && func.dfg.inst_values(inst).any(|value| self.watched(value).is_some());
        if is_concerned {
            self.watch_guarded(inst, None);
            self.watch_slots(node, inst, data, None);
        }
    }

    /// An operand that is null if it is out of bounds: does `inst` trap then, or pass it on?
    fn watch_guarded(&mut self, inst: Inst, access: Option<&Access>) {
        let func = self.func;
        if self.body.guarded.is_empty() {
            return;
        }
        for value in func.dfg.inst_values(inst) {
            if let Some(Watched::Guarded(index)) = self.watched(value) {
                let value = func.dfg.resolve_aliases(value);
                let is_relied_on = relies_on(func, access, value);
                self.body.guarded[index as usize] |= is_relied_on;
            }
        }
    }

    fn watch_slots(
        &mut self,
        node: Node,
        inst: Inst,
        data: &InstructionData,
        access: Option<&Access>,
    ) {
        let func = self.func;
        if let Some(access) = access
            && let Some((slot, offset)) = self.slot_of(access.addr)
        {
            self.body.slot_accesses.push(SlotAccess {
                inst,
                node,
                passed: self.body.safepoints.len() as u32,
                slot,
                offset: offset + i64::from(access.offset),
                access: self.body.accesses.len() as u32,
            });
            // The address may be what is stored, too.
            if let Some((slot, _)) = access.data.and_then(|data| self.slot_of(data)) {
                self.body.escapes.entry(slot).or_insert(inst);
            }
            return;
        }
        if let Some((slot, offset)) = self.moved_address(data) {
            let result = func.dfg.first_result(inst);
            return self.set_watched(result, Watched::Address(slot, offset));
        }
        if matches!(data, InstructionData::IntCompare { .. }) {
            return;
        }
        for value in func.dfg.inst_values(inst) {
            if let Some((slot, _)) = self.slot_of(value) {
                self.body.escapes.entry(slot).or_insert(inst);
            }
        }
    }

    /// The address that is computed by adding a constant to a slot's address.
    fn moved_address(&self, data: &InstructionData) -> Option<(StackSlot, i64)> {
        let InstructionData::Binary {
            opcode: Opcode::Iadd,
            args: [a, b],
        } = *data
        else {
            return None;
        };
        let (slot, offset, added) = match (self.slot_of(a), self.slot_of(b)) {
            (Some((slot, offset)), None) => (slot, offset, b),
            (None, Some((slot, offset))) => (slot, offset, a),
            _ => return None,
        };
        let added = constant(self.func, added)? as i64;
        Some((slot, offset.checked_add(added)?))
    }
}
