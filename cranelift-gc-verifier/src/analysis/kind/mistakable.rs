//! What a function may mistake for what it looks for in the header of an object.
//!
//! **Claim.** Each number that is returned may be that of any type, and each word may be that of an object of the kind whose bits are in
//! it.
//!
//! **Strength.** Tests that compare the number of an object's type with that of a concrete type, and nothing else, mistake nothing, and
//! nothing is returned for them. For others, numbers are returned that differ in one bit, or by one, from what is looked for; those that
//! the function computes with; and the sums of two without carry.
//!
//! **Math.** Numbers of types are an injection from types to 2³², and nobody knows which.

use super::header::Word;
use super::subject::{Context, Numbering, OTHERS};
use crate::ir::cfg::constant;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstructionData, Value};

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

impl Mistakable {
    /// What may be mistaken in the function of `context`.
    pub(super) fn new(context: Context) -> Mistakable {
        let (func, body) = (context.func, context.body);
        let is_type = |value: Value| {
            let value = body.resolve(func, value);
            matches!(context.word(value), Some((_, Word::Type)))
        };
        let tested = |value: Value| {
            let index = context.type_id(body.resolve(func, value))?;
            context.universe.has_type(index).then_some(index)
        };
        let (mut types, mut constants) = (Vec::new(), Vec::new());
        let mut is_computed = false;
        let blocks = context.cfg.nodes().map(|node| context.cfg.block(node));
        for inst in blocks.flat_map(|block| func.layout.block_insts(block)) {
            let data = &func.dfg.insts[inst];
            let args = func.dfg.inst_args(inst);
            if !data.opcode().is_call() && !data.opcode().can_store() {
                let numbers = args.iter().filter_map(|&arg| constant(func, arg));
                constants.extend(numbers.filter_map(|number| u32::try_from(number).ok()));
            }
            types.extend(args.iter().filter_map(|&arg| tested(arg)));
            let is_equality = match *data {
                InstructionData::IntCompare {
                    cond: IntCC::Equal | IntCC::NotEqual,
                    args: [a, b],
                    ..
                } => tested(a).or(tested(b)).is_some(),
                _ => false,
            };
            is_computed |= !is_equality
                && !data.opcode().is_call()
                && !data.opcode().can_store()
                && args.iter().any(|&arg| is_type(arg));
        }
        for list in [&mut types, &mut constants] {
            list.sort_unstable();
            list.dedup();
        }
        let mut of_kinds = constants.clone();
        of_kinds.retain(|&n| n & !OTHERS[1] != 0 && !OTHERS.contains(&(n & OTHERS[1])));
        of_kinds.truncate(MAX_CONSTANTS);
        let others = of_kinds.into_iter().map(|n| n & OTHERS[1]).collect();
        if !is_computed {
            return Mistakable {
                numbers: Vec::new(),
                others,
            };
        }
        types.truncate(MAX_TESTED);
        constants.truncate(MAX_CONSTANTS);
        let of_type = |index: u32| Numbering::Low.number(index, true) as u32;
        let mut numbers: Vec<u32> = Vec::new();
        for (at, &index) in types.iter().enumerate() {
            let number = of_type(index);
            numbers.extend([number.wrapping_add(1), number.wrapping_sub(1)]);
            numbers.extend((0..32).map(|bit| number ^ 1 << bit));
            numbers.extend(types[..at].iter().map(|&other| number ^ of_type(other)));
        }
        numbers.extend(constants);
        Mistakable { numbers, others }
    }
}
