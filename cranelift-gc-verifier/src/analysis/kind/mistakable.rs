//! What a function may mistake for what it looks for in the header of an object.
//!
//! **Claim.** Each number that is returned may be that of any type, and each word may be that of an object of the kind whose bits are in
//! it.
//!
//! **Strength.** Tests that compare the number of an object's type with that of a concrete type, and nothing else, mistake nothing, and
//! nothing is returned for them. For others, numbers are returned that differ in one bit, or by one, from what is looked for; its
//! multiples, its negation, its bits in other places; those that the function computes with; and the sums of two without carry.
//!
//! **Math.** Numbers of types are an injection from types to 2³², and nobody knows which.

use crate::ir::cfg::{Cfg, constant};
use crate::ir::instruction::Kind;
use crate::ir::view::{Body, Def};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{Function, InstructionData, Value};

/// What may be mistaken for what a function looks for in a header. Both are empty where each test is one of equality with the number
/// of a type, and no constant has bits besides those of a kind.
#[derive(Debug, Default)]
pub(crate) struct Mistakable {
    /// Numbers that differ in one bit from that of a type, or by one, and numbers that the function computes with.
    pub(super) numbers: Vec<u32>,
    /// What may stand beside the bits of a kind.
    pub(super) others: Vec<u32>,
}

/// How many types, and how many constants, are looked at.
const MAX_TESTED: usize = 4;
const MAX_CONSTANTS: usize = 8;

/// What a function looks for in headers.
pub(super) struct Tests<'a> {
    pub(super) func: &'a Function,
    pub(super) cfg: &'a Cfg,
    pub(super) body: &'a Body,
    /// Is this, which is no alias, the number of the type of an object?
    pub(super) is_type: &'a dyn Fn(Value) -> bool,
    /// The number of which concrete type this, which is no alias, is, among those that are told apart.
    pub(super) tested: &'a dyn Fn(Value) -> Option<u32>,
    /// How concrete types are numbered.
    pub(super) number: &'a dyn Fn(u32) -> u32,
    /// Which bits stand beside those of a kind.
    pub(super) others: u32,
}

/// What an operand is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operand {
    /// Nobody asked.
    Unasked,
    /// The number of the type of an object.
    Type,
    /// The number of a concrete type.
    Tested,
    /// A number that nothing is computed with.
    Number,
    /// A number that something is computed with, or anything else.
    Other,
}

/// The operands of a function.
struct Operands<'a> {
    tests: &'a Tests<'a>,
    known: Vec<Operand>,
    types: Vec<u32>,
}

impl Operands<'_> {
    fn of(&mut self, value: Value) -> (usize, Operand) {
        let Tests { func, body, .. } = *self.tests;
        let value = body.resolve(func, value);
        let index = value.as_u32() as usize;
        if self.known[index] == Operand::Unasked {
            self.known[index] = self.find(value);
        }
        (index, self.known[index])
    }

    fn find(&mut self, value: Value) -> Operand {
        let Tests { func, body, .. } = *self.tests;
        // NB: Only what is loaded is the number of a type, and most operands are not.
        let is_loaded = match body.def(value) {
            Def::Param => return Operand::Other,
            Def::Item(index) => body.items()[index as usize].kind.is(Kind::LOADS),
            Def::Elsewhere => false,
        };
        if !is_loaded {
            return match constant(func, value) {
                Some(_) => Operand::Number,
                None => Operand::Other,
            };
        }
        if let Some(index) = (self.tests.tested)(value) {
            self.types.push(index);
            return Operand::Tested;
        }
        match (self.tests.is_type)(value) {
            true => Operand::Type,
            false => Operand::Other,
        }
    }
}

impl Mistakable {
    /// What may be mistaken for what is looked for.
    pub(super) fn new(tests: &Tests) -> Mistakable {
        let Tests {
            func,
            cfg,
            number,
            others: beside,
            ..
        } = *tests;
        let mut operands = Operands {
            tests,
            known: vec![Operand::Unasked; func.dfg.num_values()],
            types: Vec::new(),
        };
        let mut constants = Vec::new();
        let mut is_computed = false;
        let blocks = cfg.nodes().map(|node| cfg.block(node));
        for inst in blocks.flat_map(|block| func.layout.block_insts(block)) {
            let data = &func.dfg.insts[inst];
            let opcode = data.opcode();
            let computes = !opcode.is_call() && !opcode.can_store();
            let (mut is_of_type, mut is_tested) = (false, false);
            for &arg in func.dfg.inst_args(inst) {
                let (index, operand) = operands.of(arg);
                is_of_type |= operand == Operand::Type;
                is_tested |= operand == Operand::Tested;
                if operand == Operand::Number && computes {
                    operands.known[index] = Operand::Other;
                    let number = constant(func, arg).and_then(|number| u32::try_from(number).ok());
                    constants.extend(number);
                }
            }
            if is_of_type && computes {
                let is_equality = matches!(
                    data,
                    InstructionData::IntCompare {
                        cond: IntCC::Equal | IntCC::NotEqual,
                        ..
                    }
                );
                is_computed |= !(is_equality && is_tested);
            }
        }
        let mut types = operands.types;
        for list in [&mut types, &mut constants] {
            list.sort_unstable();
            list.dedup();
        }
        let mut of_kinds = constants.clone();
        of_kinds.retain(|&n| n & !beside != 0 && ![0, beside].contains(&(n & beside)));
        of_kinds.truncate(MAX_CONSTANTS);
        let others = of_kinds.into_iter().map(|n| n & beside).collect();
        if !is_computed {
            return Mistakable {
                numbers: Vec::new(),
                others,
            };
        }
        types.truncate(MAX_TESTED);
        constants.truncate(MAX_CONSTANTS);
        let mut numbers: Vec<u32> = Vec::new();
        for (at, &index) in types.iter().enumerate() {
            let of_type = number(index);
            numbers.extend([of_type.wrapping_add(1), of_type.wrapping_sub(1)]);
            numbers.extend((0..32).map(|bit| of_type ^ 1 << bit));
            numbers.extend([2, 3, 5].map(|times| of_type.wrapping_mul(times)));
            numbers.extend([of_type.wrapping_neg(), !of_type]);
            numbers.extend([of_type.swap_bytes(), of_type.rotate_left(16)]);
            numbers.extend([of_type << 1, of_type >> 1, 0]);
            numbers.extend(types[..at].iter().map(|&other| of_type ^ number(other)));
        }
        numbers.extend(constants);
        Mistakable { numbers, others }
    }
}
