//! The reachable part of a function, reduced to what the analyses look at.
//!
//! **Claim.** Every instruction that accesses memory, calls, returns, traps on a condition, branches, compares
//! integers, or hands a value on to its result is an [`Item`], in the order of execution: reverse post-order of
//! the blocks, and in each the order of the code. What is no item has no operand that any analysis relies on.
//!
//! **Strength.** Exact for the function as it stands: one walk over all instructions is made here, so that the
//! analyses, which are many and some of which iterate, need not make their own. Aliases are resolved once.
//!
//! **Math.** The subsequence of the instructions whose [`Kind`] has a property of `Kind::ITEM`.
//!
//! NB: The formats are read in [`memory`](crate::ir::instruction), and the properties of opcodes are
//! Cranelift's.

use crate::ir::address::Address;
use crate::ir::cfg::Node;
use crate::ir::instruction::{Access, Kind};
use crate::ir::safepoint::Safepoint;
use cranelift_codegen::ir::{Function, GcFact, Inst, StackSlot, Value};
use cranelift_codegen::packed_option::{PackedOption, ReservedValue};
use smallvec::SmallVec;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// An instruction that matters.
///
/// NB: There are many of them, and each analysis looks at all.
#[derive(Clone, Copy)]
pub(crate) struct Item {
    pub(crate) inst: Inst,
    /// The first result.
    pub(crate) result: PackedOption<Value>,
    /// Its [operands](Body::operands), or, of an access, its index into `accesses` as the first one.
    pub(super) operands: [Value; 2],
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
pub(super) enum Watched {
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
pub(super) struct OfValue {
    /// What it is an alias of, itself, or a reserved value as long as nobody asked.
    pub(super) resolved: Cell<Value>,
    /// 0, 1 for a parameter, or the index of the item that defines it, and 2.
    pub(super) def: u32,
    /// 0, or an index into `watched`, and 1.
    pub(super) watch: u32,
    /// 0, or an index into `addresses`, and 1.
    address: Cell<u32>,
}

impl OfValue {
    fn nothing() -> Self {
        OfValue {
            resolved: Cell::new(Value::reserved_value()),
            def: 0,
            watch: 0,
            address: Cell::new(0),
        }
    }
}

/// An instruction that is no item: its result tells something of its operands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) inst: Inst,
    pub(crate) node: Node,
    /// The index of the next item.
    pub(crate) before: u32,
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
    pub(super) items: Vec<Item>,
    /// For each node, where its items begin; and where the last ones end.
    pub(super) starts: Vec<u32>,
    pub(super) accesses: Vec<Memory>,
    pub(super) block_passes: Vec<BlockPass>,
    /// For each node, where the values begin that it passes; and where the last ones end.
    pub(super) pass_starts: Vec<u32>,
    pub(super) values: Vec<OfValue>,
    /// The aliases that were asked about.
    pub(super) aliases: RefCell<Vec<Value>>,
    /// The addresses that were asked about.
    addresses: RefCell<Vec<Address>>,
    /// The safepoints that may collect.
    pub(crate) safepoints: Vec<Safepoint>,
    pub(crate) traps: Traps,
    /// Was there an instruction that always traps?
    pub(crate) always_traps: bool,
    /// In order.
    pub(crate) slot_accesses: Vec<SlotAccess>,
    /// For each slot whose address is used otherwise the first instruction to do so.
    pub(crate) escapes: BTreeMap<StackSlot, Inst>,
    /// For each address that a bounds check makes null, whether something relies on that.
    pub(super) guarded: Vec<bool>,
    pub(super) watched: Vec<Watched>,
    /// In order.
    pub(super) answers: Vec<Answer>,
    /// What calls that end their blocks return to parameters without a fact.
    pub(crate) returned: Vec<Returned>,
    /// Words of 32 bits that are words of another type: each with what it is.
    pub(crate) recast: Vec<(Value, Value)>,
}

/// A callee returns something for a block parameter that has no fact.
#[derive(Clone, Copy)]
pub(crate) struct Returned {
    pub(crate) param: Value,
    /// What the signature says of it.
    pub(crate) fact: GcFact,
    /// Does nothing else lead to the block?
    pub(crate) is_only_way: bool,
}

thread_local! {
    /// One that is not in use, for the sake of its memory.
    static SPARE: RefCell<Option<Box<Body>>> = const { RefCell::new(None) };
}

impl Body {
    /// One for a function with so many values, without anything in it.
    pub(super) fn empty(values: usize) -> Box<Body> {
        let spare = SPARE.with(|spare| spare.borrow_mut().take());
        let mut body = spare.unwrap_or_default();
        body.clear(values);
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
            addresses,
            safepoints,
            traps,
            always_traps,
            slot_accesses,
            escapes,
            guarded,
            watched,
            answers,
            returned,
            recast,
        } = self;
        items.clear();
        starts.clear();
        accesses.clear();
        block_passes.clear();
        pass_starts.clear();
        of_values.clear();
        of_values.resize(values, OfValue::nothing());
        aliases.get_mut().clear();
        addresses.get_mut().clear();
        safepoints.clear();
        traps.clear();
        *always_traps = false;
        slot_accesses.clear();
        escapes.clear();
        guarded.clear();
        watched.clear();
        answers.clear();
        returned.clear();
        recast.clear();
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

    /// The access of `inst`, if that is to a stack slot.
    pub(crate) fn slot_access(&self, inst: Inst) -> Option<&SlotAccess> {
        self.slot_accesses.iter().find(|at| at.inst == inst)
    }

    /// The index of the first of them.
    pub(crate) fn first_item_of(&self, node: Node) -> u32 {
        self.starts[node as usize]
    }

    /// The instructions of `node` that are no items and tell something of their operands, in order.
    pub(crate) fn answers_in(&self, node: Node) -> &[Answer] {
        let start = self.answers.partition_point(|answer| answer.node < node);
        let of_node = &self.answers[start..];
        &of_node[..of_node.partition_point(|answer| answer.node == node)]
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
        debug_assert!(!item.kind.is(Kind::MEMORY.or(Kind::HANDS_OUT)));
        item.operands
    }

    /// The same, if there are not more.
    pub(crate) fn two_operands(&self, item: &Item) -> Option<[Value; 2]> {
        let operands = self.operands(item);
        (!operands[0].is_reserved_value()).then_some(operands)
    }

    /// What the results of `item`, which [makes](Kind::MAKES) something, are made of.
    pub(crate) fn made_of(&self, func: &Function, item: &Item) -> SmallVec<[Value; 3]> {
        match item.operands[0].is_reserved_value() {
            // NB: There is no room for three.
            true => {
                let args = func.dfg.inst_args(item.inst).iter();
                args.map(|&arg| self.resolve(func, arg)).collect()
            }
            false => SmallVec::from_slice(&item.operands),
        }
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

    /// `value` has the bits of `same`, which is no alias: it is taken for one.
    pub(super) fn stands_for(&mut self, value: Value, same: Value) {
        self.aliases.get_mut().push(value);
        self.values[value.as_u32() as usize].resolved.set(same);
    }

    /// What `addr`, which must not be an alias, was found to be made of; by `find`, if nobody asked before.
    pub(crate) fn address(&self, addr: Value, find: impl FnOnce() -> Address) -> Address {
        let index = &self.values[addr.as_u32() as usize].address;
        if let Some(known) = index.get().checked_sub(1) {
            return self.addresses.borrow()[known as usize];
        }
        let found = find();
        let mut addresses = self.addresses.borrow_mut();
        addresses.push(found);
        index.set(addresses.len() as u32);
        found
    }

    /// Let each alias that was asked about have what it stands for has. There is one of `all` for each value.
    pub(crate) fn share_with_aliases<T: Copy>(&self, all: &mut [T]) {
        for &alias in self.aliases.borrow().iter() {
            let index = alias.as_u32() as usize;
            all[index] = all[self.values[index].resolved.get().as_u32() as usize];
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

    /// Is `value`, which must not be an alias, computed of others?
    pub(crate) fn is_made(&self, value: Value) -> bool {
        match self.def(value) {
            Def::Item(index) => self.items[index as usize].kind.is(Kind::MAKES),
            Def::Param | Def::Elsewhere => false,
        }
    }

    /// Does some bounds check seem to guard no access?
    pub(crate) fn has_lost_check(&self) -> bool {
        self.guarded.contains(&false)
    }
}
