//! The reachable part of a function, reduced to what the analyses look at.
//!
//! **Claim.** Every instruction that accesses memory, calls, returns, traps on a condition, branches,
//! compares integers, or hands a value on to its result is an [`Item`], in the order of execution:
//! reverse post-order of the blocks, and in each the order of the code. What is no item has no operand
//! that any analysis relies on.
//!
//! **Strength.** Exact for the function as it stands: one walk over all instructions is made here, so
//! that the analyses, which are many and some of which iterate, need not make their own. Aliases are
//! resolved once.
//!
//! NB: The formats are read in [`memory`](crate::ir::instruction), and the properties of opcodes are Cranelift's.

use crate::analysis::provenance::Class;
use crate::analysis::version::{Safepoint, collects};
use crate::ir::cfg::{Cfg, Node, constant, destinations};
use crate::ir::instruction::{Access, Passed, access_of, passed_by};
use cranelift_codegen::ir::{BlockArg, Function, Inst, InstructionData, Opcode, StackSlot, Value};
use cranelift_codegen::packed_option::{PackedOption, ReservedValue};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// What an instruction is, as bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Kind(u16);

impl Kind {
    /// It accesses memory. Of an opcode: it may.
    pub(crate) const MEMORY: Kind = Kind(1);
    /// It is a call.
    pub(crate) const CALLS: Kind = Kind(1 << 1);
    /// It is a safepoint, if its callee may collect.
    pub(crate) const SAFEPOINT: Kind = Kind(1 << 2);
    /// It hands one of its [operands](Body::operands) on.
    pub(crate) const SAME: Kind = Kind(1 << 3);
    /// It traps on a condition.
    pub(crate) const TRAPS: Kind = Kind(1 << 4);
    /// It compares integers.
    pub(crate) const COMPARES: Kind = Kind(1 << 5);
    /// It branches.
    pub(crate) const BRANCHES: Kind = Kind(1 << 6);
    /// It is `stack_addr`. Such are no items.
    const STACK_ADDR: Kind = Kind(1 << 7);
    /// It is `select_spectre_guard`.
    const SPECTRE: Kind = Kind(1 << 8);
    /// It returns.
    pub(crate) const RETURNS: Kind = Kind(1 << 9);
    /// It hands on what is derived from its [operands](Body::operands).
    pub(crate) const DERIVED: Kind = Kind(1 << 10);
    /// The terms of its result, as an address, are those of its [operands](Body::operands).
    pub(crate) const ADDS_UP: Kind = Kind(1 << 11);
    /// It is a `trapz`.
    pub(crate) const TRAPS_ON_ZERO: Kind = Kind(1 << 12);
    /// It is a `brif`.
    pub(crate) const DECIDES: Kind = Kind(1 << 13);
    /// It may load, or read memory in passing.
    pub(crate) const LOADS: Kind = Kind(1 << 14);
    /// It is an `atomic_cas`.
    pub(crate) const SWAPS: Kind = Kind(1 << 15);

    /// It does nothing with its operands but look at them.
    const TESTS: Kind = Kind::TRAPS.or(Kind::COMPARES).or(Kind::DECIDES);

    /// It hands a value on.
    pub(crate) const PASSES: Kind = Kind::SAME.or(Kind::DERIVED);

    /// Is it one of `kinds`?
    pub(crate) fn is(self, kinds: Kind) -> bool {
        self.0 & kinds.0 != 0
    }

    fn without(self, other: Kind) -> Kind {
        Kind(self.0 & !other.0)
    }

    /// Those of both.
    pub(crate) const fn or(self, other: Kind) -> Kind {
        Kind(self.0 | other.0)
    }

    const ITEM: Kind = Kind::MEMORY
        .or(Kind::CALLS)
        .or(Kind::RETURNS)
        .or(Kind::SAFEPOINT)
        .or(Kind::PASSES)
        .or(Kind::ADDS_UP)
        .or(Kind::TRAPS)
        .or(Kind::COMPARES)
        .or(Kind::DECIDES);

    fn of(opcode: Opcode) -> Kind {
        use Opcode::*;
        let mut kind = Kind::default();
        let mut set = |is, bit: Kind| {
            if is {
                kind = kind.or(bit);
            }
        };
        let accesses = opcode.can_load() || opcode.can_store();
        set(accesses && !opcode.is_call(), Kind::MEMORY);
        set(opcode.is_call(), Kind::CALLS);
        set(opcode.is_return(), Kind::RETURNS);
        set(opcode.is_safepoint(), Kind::SAFEPOINT);
        set(opcode.is_branch(), Kind::BRANCHES);
        set(matches!(opcode, Trapz | Trapnz), Kind::TRAPS);
        set(opcode == Trapz, Kind::TRAPS_ON_ZERO);
        set(opcode == Brif, Kind::DECIDES);
        set(opcode.can_load(), Kind::LOADS);
        set(opcode == AtomicCas, Kind::SWAPS);
        set(opcode == Icmp, Kind::COMPARES);
        set(opcode == StackAddr, Kind::STACK_ADDR);
        set(opcode == SelectSpectreGuard, Kind::SPECTRE);
        // NB: This says again what `passed_by` says, so that it is not asked of each instruction.
        set(
            matches!(opcode, Ireduce | Bitcast | Select | SelectSpectreGuard),
            Kind::SAME,
        );
        set(
            matches!(opcode, Uextend | Sextend | Iadd | Isub),
            Kind::DERIVED,
        );
        let adds_up = matches!(
            opcode,
            Iadd | UaddOverflowTrap | Uextend | Select | SelectSpectreGuard
        );
        set(adds_up, Kind::ADDS_UP);
        kind
    }
}

/// The kind of each opcode.
fn kinds() -> &'static [Kind; 256] {
    static KINDS: OnceLock<[Kind; 256]> = OnceLock::new();
    KINDS.get_or_init(|| {
        let mut kinds = [Kind::default(); 256];
        for &opcode in Opcode::all() {
            kinds[opcode as usize] = Kind::of(opcode);
        }
        kinds
    })
}

/// An instruction that matters.
///
/// NB: There are many of them, and each analysis looks at all.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub(crate) inst: Inst,
    /// The first result.
    pub(crate) result: PackedOption<Value>,
    /// Its [operands](Body::operands), or, of an access, its index into `accesses` as the first one.
    operands: [Value; 2],
    pub(crate) kind: Kind,
}

/// A memory access, with its instruction.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) inst: Inst,
    /// Aliases are resolved.
    pub(crate) access: Access,
}

/// A value that an edge passes to a block parameter.
#[derive(Clone, Copy)]
pub(crate) struct BlockPass {
    pub(crate) to: Node,
    pub(crate) arg: Value,
    pub(crate) param: Value,
}

/// An access to a slot at a known offset.
#[derive(Clone, Copy)]
pub(crate) struct SlotAccess {
    pub(crate) inst: Inst,
    pub(crate) node: Node,
    /// How many safepoints that may collect come before it.
    pub(crate) passed: u32,
    pub(crate) slot: StackSlot,
    pub(crate) offset: i64,
    /// An index into [`Body::accesses`].
    pub(crate) access: u32,
}

/// What is known of a value that the walk watches.
#[derive(Clone, Copy)]
enum Watched {
    /// It is the address of a slot, with an offset.
    Address(StackSlot, i64),
    /// It is null if it is out of bounds: an index into `guarded`.
    Guarded(u32),
}

/// Where a value is defined.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Def {
    /// By this item.
    Item(u32),
    /// As a block parameter.
    Param,
    /// By an instruction that is no item, or nowhere that can be reached.
    Elsewhere,
}

/// What is known of a value.
#[derive(Clone)]
struct OfValue {
    /// What it is an alias of, itself, or a reserved value as long as nobody asked.
    resolved: Cell<Value>,
    /// 0, 1 for a parameter, or the index of the item that defines it, and 2.
    def: u32,
    /// 0, or an index into `watched`, and 1.
    watch: u32,
}

impl OfValue {
    fn nothing() -> Self {
        OfValue {
            resolved: Cell::new(Value::reserved_value()),
            def: 0,
            watch: 0,
        }
    }
}

/// The conditional traps of each node, in order.
#[derive(Default)]
pub(crate) struct Traps {
    insts: Vec<Inst>,
    /// For each node, where its traps begin; and where the last ones end.
    starts: Vec<u32>,
}

impl Traps {
    fn clear(&mut self) {
        self.insts.clear();
        self.starts.clear();
    }

    /// What follows is of the next node.
    pub(crate) fn start_node(&mut self) {
        self.starts.push(self.insts.len() as u32);
    }

    pub(crate) fn push(&mut self, inst: Inst) {
        self.insts.push(inst);
    }

    /// Nothing follows.
    pub(crate) fn end(&mut self) {
        self.starts.push(self.insts.len() as u32);
    }

    pub(crate) fn of(&self, node: Node) -> &[Inst] {
        let starts = &self.starts[node as usize..node as usize + 2];
        &self.insts[starts[0] as usize..starts[1] as usize]
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Body {
    items: Vec<Item>,
    /// For each node, where its items begin; and where the last ones end.
    starts: Vec<u32>,
    accesses: Vec<Memory>,
    block_passes: Vec<BlockPass>,
    /// For each node, where the values begin that it passes; and where the last ones end.
    pass_starts: Vec<u32>,
    values: Vec<OfValue>,
    /// The aliases that were asked about.
    aliases: RefCell<Vec<Value>>,
    /// The safepoints that may collect.
    pub(crate) safepoints: Vec<Safepoint>,
    pub(crate) traps: Traps,
    /// In order.
    pub(crate) slot_accesses: Vec<SlotAccess>,
    /// For each slot whose address is used otherwise the first instruction to do so.
    pub(crate) escapes: BTreeMap<StackSlot, Inst>,
    /// For each address that a bounds check makes null, whether something relies on that.
    guarded: Vec<bool>,
    watched: Vec<Watched>,
}

thread_local! {
    /// One that is not in use, for the sake of its memory.
    static SPARE: RefCell<Option<Box<Body>>> = const { RefCell::new(None) };
}

impl Body {
    /// Read `func`.
    pub(crate) fn new(func: &Function, cfg: &Cfg) -> Box<Body> {
        let spare = SPARE.with(|spare| spare.borrow_mut().take());
        let mut body = spare.unwrap_or_default();
        body.clear(func.dfg.num_values());
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

    /// Its memory may be used again.
    pub(crate) fn put_back(self: Box<Body>) {
        SPARE.with(|spare| *spare.borrow_mut() = Some(self));
    }

    fn clear(&mut self, values: usize) {
        let Body {
            items,
            starts,
            accesses,
            block_passes,
            pass_starts,
            values: of_values,
            aliases,
            safepoints,
            traps,
            slot_accesses,
            escapes,
            guarded,
            watched,
        } = self;
        items.clear();
        starts.clear();
        accesses.clear();
        block_passes.clear();
        pass_starts.clear();
        of_values.clear();
        of_values.resize(values, OfValue::nothing());
        aliases.get_mut().clear();
        safepoints.clear();
        traps.clear();
        slot_accesses.clear();
        escapes.clear();
        guarded.clear();
        watched.clear();
    }

    /// All items.
    pub(crate) fn items(&self) -> &[Item] {
        &self.items
    }

    /// The items of `node`.
    pub(crate) fn items_of(&self, node: Node) -> &[Item] {
        let starts = &self.starts[node as usize..node as usize + 2];
        &self.items[starts[0] as usize..starts[1] as usize]
    }

    /// What the edges out of `node` pass to block parameters, aliases resolved.
    pub(crate) fn passed_from(&self, node: Node) -> &[BlockPass] {
        let starts = &self.pass_starts[node as usize..node as usize + 2];
        &self.block_passes[starts[0] as usize..starts[1] as usize]
    }

    /// The access that `item` makes, if it makes one.
    pub(crate) fn access(&self, item: &Item) -> Option<&Access> {
        let is_access = item.kind.is(Kind::MEMORY);
        is_access.then(|| &self.accesses[item.operands[0].as_u32() as usize].access)
    }

    /// The access to a slot.
    pub(crate) fn access_at(&self, at: &SlotAccess) -> &Access {
        &self.accesses[at.access as usize].access
    }

    /// All accesses, in order.
    pub(crate) fn accesses(&self) -> &[Memory] {
        &self.accesses
    }

    /// The two operands of `item`, aliases resolved: those that are compared, or that it hands on or
    /// derives from; one that is alone stands twice.
    pub(crate) fn operands(&self, item: &Item) -> [Value; 2] {
        debug_assert!(!item.kind.is(Kind::MEMORY.or(Kind::CALLS).or(Kind::RETURNS)));
        item.operands
    }

    /// What `value` is an alias of, or itself.
    #[inline]
    pub(crate) fn resolve(&self, func: &Function, value: Value) -> Value {
        let resolved = &self.values[value.as_u32() as usize].resolved;
        let known = resolved.get();
        match known.is_reserved_value() {
            true => self.resolve_anew(func, value),
            false => known,
        }
    }

    #[cold]
    fn resolve_anew(&self, func: &Function, value: Value) -> Value {
        let found = match func.dfg.value_is_alias(value) {
            true => {
                self.aliases.borrow_mut().push(value);
                func.dfg.resolve_aliases(value)
            }
            false => value,
        };
        self.values[value.as_u32() as usize].resolved.set(found);
        found
    }

    /// Make the class of each alias that is used what the value has that it stands for.
    pub(crate) fn class_aliases(&self, classes: &mut [Class]) {
        for &alias in self.aliases.borrow().iter() {
            let of = &self.values[alias.as_u32() as usize];
            classes[alias.as_u32() as usize] = classes[of.resolved.get().as_u32() as usize];
        }
    }

    /// Where `value`, which must not be an alias, is defined.
    pub(crate) fn def(&self, value: Value) -> Def {
        match self.values[value.as_u32() as usize].def {
            0 => Def::Elsewhere,
            1 => Def::Param,
            index => Def::Item(index - 2),
        }
    }

    /// Does some bounds check seem to guard no access?
    pub(crate) fn has_lost_check(&self) -> bool {
        self.guarded.contains(&false)
    }
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
        let mut next = func.layout.first_inst(block);
        while let Some(inst) = next {
            next = func.layout.next_inst(inst);
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
        let kind = self.kinds[data.opcode() as usize];
        if kind.is(Kind::STACK_ADDR) {
            return self.stack_addr(inst, &data);
        }
        debug_assert!(
            kind.is(Kind::PASSES) || matches!(passed_by(&data), Passed::Nothing),
            "what passes something on is known to"
        );
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
            return;
        }
        if kind.is(Kind::SAFEPOINT) && collects(func, &data) {
            self.body.safepoints.push(Safepoint { inst, node });
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
            InstructionData::CondTrap { arg, .. } | InstructionData::Brif { arg, .. } => [arg; 2],
            _ if kind.is(Kind::PASSES) => match passed_by(data) {
                Passed::Same([Some(a), b]) | Passed::Derived([Some(a), b]) => [a, b.unwrap_or(a)],
                // NB: An opcode may come in another format than the one that is followed.
                Passed::Nothing | Passed::Same([None, _]) | Passed::Derived([None, _]) => {
                    return (kind.without(Kind::PASSES.or(Kind::ADDS_UP)), nothing);
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
                // The results of a call are no one's value yet.
                if let BlockArg::Value(arg) = arg {
                    let arg = self.body.resolve(func, arg);
                    let to = edge.to;
                    self.body.block_passes.push(BlockPass { to, arg, param });
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
        if let Some(value) = crate::check::lost_trap::guarded_address(self.func, inst, data) {
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
                let is_relied_on = crate::check::lost_trap::relies_on(func, access, value);
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
