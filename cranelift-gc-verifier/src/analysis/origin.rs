//! What a value that is computed of references has to do with them.
//!
//! **Claim.** A value that is said to be a reference, or a pointer derived from one, is. Under the assignments
//! that were tried, of everything else that it is made of, it is that reference, or its difference from it does
//! not depend on the object. A value that is said to have nothing to do with references is the same for all
//! objects under all assignments that were tried.
//!
//! **Strength.** By trial: [`TRIALS`] assignments, and [`WORDS`] objects in each. What is neither is opaque.
//!
//! **Math.** Let `f(r, x)` be the value, for the reference `r` and what else it is made of. If `f(r, x)` does
//! not depend on `r`, it tells nothing of `r`; if `f(r, x) = r` or `f(r, x) − r` does not depend on `r`, it is
//! `r` or derived from it. Only objects are tried, which are aligned, so that a test of tag bits or for null is
//! the same for all of them. A right shift by one takes the payload out of an i31, and no object has one: a
//! value that depends on `r` by payloads alone, and does not give `r` back, is arithmetic on integers.

use super::reshaped::Reshaped;
use crate::ir::arithmetic::{Operation, Outcome, eval};
use crate::ir::instruction::{Passed, passed_on, payload_of};
use cranelift_codegen::FxHashMap;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Type, Value, ValueDef};
use smallvec::SmallVec;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// It tells nothing of any object.
    Nothing,
    /// It is this reference.
    Is(Value),
    /// It is a pointer derived from this reference.
    Derived(Value),
    /// It is made of this reference, in a way that is not understood.
    Opaque(Value),
}

/// How many assignments are tried.
const TRIALS: u64 = 12;

/// What tells the trials of one half of a word from those of the other.
const HALF: u64 = 0x55;

/// How many objects.
const WORDS: u64 = 6;

/// How many values a value may be made of.
const MAX_VALUES: usize = 400;

/// Find out what `value` has to do with those that `is_suspect` says are references, or made of them, and that
/// are taken as they are. Nothing, if it is made of too much.
pub(crate) fn of(
    func: &Function,
    reshaped: &Reshaped,
    value: Value,
    is_suspect: &dyn Fn(Value) -> bool,
) -> Option<Origin> {
    let value = func.dfg.resolve_aliases(value);
    let mut expression = Expression {
        func,
        reshaped,
        is_suspect,
        order: Vec::new(),
        nodes: FxHashMap::default(),
        suspects: Vec::new(),
    };
    if !expression.find(value) {
        return None;
    }
    let program = Program::new(&expression, value);
    let mut origin = Origin::Nothing;
    for &suspect in &expression.suspects {
        match program.relation(suspect) {
            Relation::None => {}
            Relation::Is => return Some(Origin::Is(suspect)),
            Relation::Derived => return Some(Origin::Derived(suspect)),
            Relation::Opaque => {
                if origin == Origin::Nothing {
                    origin = Origin::Opaque(suspect);
                }
            }
        }
    }
    Some(origin)
}

/// Is `value` made of `of` by pure instructions, or the same?
pub(crate) fn is_made_of(func: &Function, value: Value, of: Value) -> bool {
    let mut pending = vec![value];
    let mut seen = EntitySet::new();
    while let Some(value) = pending.pop() {
        let value = func.dfg.resolve_aliases(value);
        if value == of {
            return true;
        }
        if seen.insert(value)
            && let Some(inst) = func.dfg.value_def(value).inst()
        {
            pending.extend(passed_on(func, inst).operands());
        }
    }
    false
}

/// What a value of an expression is.
#[derive(Clone, Debug)]
enum Node {
    /// A reference, or something made of one, that is taken as it is.
    Suspect,
    /// It comes from elsewhere.
    Leaf,
    /// What is loaded from these bytes of what was stored.
    Bytes(SmallVec<[Option<(Value, u32)>; 8]>),
    /// The result with this number of an instruction.
    Computed(Inst, usize),
}

/// How a value depends on a suspect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Relation {
    None,
    Is,
    Derived,
    Opaque,
}

/// A value, and what it is made of.
struct Expression<'a> {
    func: &'a Function,
    reshaped: &'a Reshaped,
    is_suspect: &'a dyn Fn(Value) -> bool,
    /// Operands come first.
    order: Vec<Value>,
    nodes: FxHashMap<Value, Node>,
    suspects: Vec<Value>,
}

impl Expression<'_> {
    /// Returns whether all of `value` was found.
    fn find(&mut self, value: Value) -> bool {
        // NB: Own stack: the depth of an expression is its author's choice.
        let mut pending = vec![(value, false)];
        while let Some((value, is_ready)) = pending.pop() {
            if is_ready {
                self.order.push(value);
                continue;
            }
            if self.nodes.contains_key(&value) {
                continue;
            }
            if self.nodes.len() >= MAX_VALUES {
                return false;
            }
            let node = self.node(value);
            pending.push((value, true));
            pending.extend(self.operands(&node).into_iter().map(|value| (value, false)));
            if let Node::Suspect = node {
                self.suspects.push(value);
            }
            self.nodes.insert(value, node);
        }
        true
    }

    fn node(&self, value: Value) -> Node {
        if (self.is_suspect)(value) {
            return Node::Suspect;
        }
        if let Some(found) = self.reshaped.get(value).filter(|found| found.is_certain) {
            return Node::Bytes(found.bytes.clone());
        }
        match self.func.dfg.value_def(value) {
            ValueDef::Result(inst, number) if is_computed(self.func, inst) => {
                Node::Computed(inst, number)
            }
            ValueDef::Result(..) | ValueDef::Param(..) | ValueDef::Union(..) => Node::Leaf,
        }
    }

    fn operands(&self, node: &Node) -> SmallVec<[Value; 4]> {
        match node {
            Node::Suspect | Node::Leaf => SmallVec::new(),
            Node::Bytes(bytes) => bytes.iter().flatten().map(|&(value, _)| value).collect(),
            Node::Computed(inst, _) => {
                let args = self.func.dfg.inst_args(*inst).iter();
                args.map(|&arg| self.func.dfg.resolve_aliases(arg))
                    .collect()
            }
        }
    }
}

/// How a value of an expression is computed.
struct Op<'a> {
    value: Value,
    node: &'a Node,
    /// Where what it is made of is computed.
    operands: SmallVec<[u32; 4]>,
    arg_types: SmallVec<[Type; 4]>,
    /// Does it take an integer out of what would be an i31?
    is_payload: bool,
}

/// A value, computed again and again.
struct Program<'a> {
    func: &'a Function,
    /// Operands come first.
    ops: Vec<Op<'a>>,
    /// Where the value is computed.
    result: usize,
}

impl<'a> Program<'a> {
    /// That of `value`, of which `expression` has all.
    fn new(expression: &'a Expression<'_>, value: Value) -> Self {
        let func = expression.func;
        let order = expression.order.iter().zip(0u32..);
        let places: FxHashMap<Value, u32> = order.map(|(&value, at)| (value, at)).collect();
        let ops = expression.order.iter().map(|value| {
            let node = &expression.nodes[value];
            let inst = match node {
                Node::Computed(inst, _) => Some(*inst),
                Node::Suspect | Node::Leaf | Node::Bytes(_) => None,
            };
            let args = inst.map_or(&[][..], |inst| func.dfg.inst_args(inst));
            let payload_of = inst.and_then(|inst| payload_of(func, &func.dfg.insts[inst]));
            let of = payload_of.and_then(|of| expression.nodes.get(&of));
            Op {
                value: *value,
                node,
                operands: expression
                    .operands(node)
                    .iter()
                    .map(|operand| places[operand])
                    .collect(),
                arg_types: args.iter().map(|&arg| func.dfg.value_type(arg)).collect(),
                is_payload: matches!(of, Some(Node::Suspect)),
            }
        });
        Program {
            func,
            ops: ops.collect(),
            result: places[&value] as usize,
        }
    }

    /// How the value depends on `suspect`.
    fn relation(&self, suspect: Value) -> Relation {
        let value = self.ops[self.result].value;
        let ty = self.func.dfg.value_type(value);
        let width = self.func.dfg.value_type(suspect).bits();
        let is_wide = self.is_wide_load(suspect);
        let (mut depends, mut is_same, mut is_sum, mut is_odd) = (false, true, true, true);
        let mut known = Vec::new();
        for trial in 0..TRIALS {
            let mut seen = SmallVec::<[(u128, u128); WORDS as usize]>::new();
            for number in 0..WORDS {
                let mut word = u128::from(object(trial, number));
                if is_wide {
                    // NB: Both halves may be references.
                    word |= u128::from(object(trial ^ HALF, number ^ 1)) << 32;
                }
                let run = Run {
                    program: self,
                    trial,
                    suspect,
                    word,
                    keeps_payloads: false,
                };
                seen.extend(run.value(&mut known).map(|bits| (word, bits)));
            }
            let Some(&(first_word, first)) = seen.first() else {
                continue;
            };
            if seen.iter().all(|&(_, bits)| bits == first) {
                continue;
            }
            depends = true;
            let low = low_bits(width.min(ty.bits()));
            is_same &= seen.iter().all(|&(word, bits)| bits & low == word & low);
            let difference = |(word, bits): (u128, u128)| bits.wrapping_sub(word) & low;
            let distance = difference((first_word, first));
            // NB: What is odd, where objects are even, is shaped as an i31 is.
            is_odd &= distance % 2 == 1 && ty.bits() == width;
            is_sum &= seen.iter().all(|&at| difference(at) == distance);
            if !is_same && !is_sum {
                break;
            }
        }
        let is_pointer = ty.bits() >= width && !ty.is_vector() && ty.bits() <= 64;
        let gives_back = match (is_same, is_sum) {
            _ if !is_pointer => None,
            (true, _) => Some(Relation::Is),
            (false, true) if !is_odd => Some(Relation::Derived),
            (false, true) => None,
            (false, false) => None,
        };
        let by_payload = depends && self.depends_by_payloads_alone(suspect, &mut known);
        match (depends, gives_back, by_payload) {
            (false, _, _) => Relation::None,
            (true, Some(_), true) => Relation::Opaque,
            (true, Some(relation), false) => relation,
            (true, None, true) => Relation::None,
            (true, None, false) => Relation::Opaque,
        }
    }

    /// Is `suspect` loaded as more than a word?
    fn is_wide_load(&self, suspect: Value) -> bool {
        let func = self.func;
        let loaded = func.dfg.value_def(suspect).inst();
        let is_loaded = loaded.is_some_and(|inst| {
            let opcode = func.dfg.insts[inst].opcode();
            opcode.can_load() && !opcode.is_call()
        });
        is_loaded
            && func.dfg.value_type(suspect).bits() == 64
            && func.dfg.gc_info.fact(suspect).is_none()
    }

    fn depends_by_payloads_alone(&self, suspect: Value, known: &mut Vec<Option<u128>>) -> bool {
        (0..TRIALS).all(|trial| {
            let bits_of = |number| {
                let run = Run {
                    program: self,
                    trial,
                    suspect,
                    word: u128::from(object(trial, number)),
                    keeps_payloads: true,
                };
                run.value(known)
            };
            let mut seen = (0..WORDS).filter_map(bits_of);
            let first = seen.next();
            seen.all(|bits| Some(bits) == first)
        })
    }
}

/// Is `inst` a function of its operands, as far as this module goes?
fn is_computed(func: &Function, inst: Inst) -> bool {
    let opcode = func.dfg.insts[inst].opcode();
    !matches!(passed_on(func, inst), Passed::Nothing)
        || !crate::ir::arithmetic::is_opaque(opcode) && !func.dfg.inst_args(inst).is_empty()
        || matches!(
            opcode,
            Opcode::Iconst | Opcode::F16const | Opcode::F32const | Opcode::F64const
        )
}

/// One assignment.
struct Run<'a, 'p> {
    program: &'a Program<'p>,
    trial: u64,
    /// What is varied, and what it is.
    suspect: Value,
    word: u128,
    /// Is what is taken out of an i31 the same for all words?
    keeps_payloads: bool,
}

impl Run<'_, '_> {
    /// What the value is, if it is defined. `known` is memory to use.
    fn value(&self, known: &mut Vec<Option<u128>>) -> Option<u128> {
        let ops = &self.program.ops;
        known.clear();
        // NB: What a loop stores is an operand of what comes before it, and not defined there.
        known.resize(ops.len(), None);
        for (at, op) in ops.iter().enumerate() {
            known[at] = self.compute(op, known);
        }
        known[self.program.result]
    }

    fn compute(&self, op: &Op, known: &[Option<u128>]) -> Option<u128> {
        let value = op.value;
        let ty = self.program.func.dfg.value_type(value);
        let low = low_bits(ty.bits());
        let mut operands = op.operands.iter().map(|&at| known[at as usize]);
        match op.node {
            Node::Suspect if value == self.suspect => Some(self.word & low),
            Node::Suspect => {
                let number = mix(value.as_u32().into());
                Some(u128::from(object(self.trial ^ number, number)) & low)
            }
            Node::Leaf => Some(self.leaf(value) & low),
            Node::Bytes(bytes) => {
                let mut bits = 0u128;
                for (index, byte) in bytes.iter().enumerate() {
                    let stored = match byte {
                        Some((_, at)) => (operands.next()?, *at),
                        None => continue,
                    };
                    match stored {
                        (bytes, at) if index < 16 && at < 16 => {
                            bits |= (bytes? >> (8 * at) & 0xff) << (8 * index);
                        }
                        _ => {}
                    }
                }
                Some(bits & low)
            }
            &Node::Computed(inst, number) => {
                let args: Option<SmallVec<[u128; 4]>> = operands.collect();
                let Some(args) = args else {
                    return self.select(op, inst, known);
                };
                if self.keeps_payloads && op.is_payload {
                    return Some(self.leaf(value) & low);
                }
                self.result(inst, number, ty, (&args, &op.arg_types))
            }
        }
    }

    /// The arm that is taken, if the other one is not defined.
    fn select(&self, op: &Op, inst: Inst, known: &[Option<u128>]) -> Option<u128> {
        let InstructionData::Ternary {
            opcode: Opcode::Select | Opcode::SelectSpectreGuard,
            ..
        } = self.program.func.dfg.insts[inst]
        else {
            return None;
        };
        let [cond, yes, no] = op.operands[..] else {
            return None;
        };
        let bits = |at: u32| known[at as usize];
        bits(if bits(cond)? != 0 { yes } else { no })
    }

    fn leaf(&self, value: Value) -> u128 {
        let seed = mix(self.trial << 32 | u64::from(value.as_u32()));
        match self.trial {
            0 => 0,
            1 => u128::MAX,
            2 => u128::from(seed % 64),
            _ => u128::from(seed) << 64 | u128::from(mix(seed)),
        }
    }

    fn result(
        &self,
        inst: Inst,
        number: usize,
        ty: Type,
        (args, arg_types): (&[u128], &[Type]),
    ) -> Option<u128> {
        let data = &self.program.func.dfg.insts[inst];
        if let Some(bits) = lanes(data, ty, arg_types, args) {
            return Some(bits);
        }
        let operation = Operation {
            data,
            arg_types,
            result: number,
            ty,
        };
        match eval(&operation, args) {
            Outcome::Is(bits) => Some(bits),
            Outcome::Undefined => None,
            // NB: A function that is not known is some function.
            Outcome::Opaque | Outcome::Unknown => {
                let mut bits = mix(u64::from(inst.as_u32()) << 8 | number as u64);
                for &arg in args {
                    bits = mix(bits ^ arg as u64) ^ mix((arg >> 64) as u64);
                }
                let bits = u128::from(bits) << 64 | u128::from(mix(bits));
                Some(bits & low_bits(ty.bits()))
            }
        }
    }
}

/// What lanes of vectors are moved around by `data`, if that is all that it does.
fn lanes(data: &InstructionData, ty: Type, arg_types: &[Type], args: &[u128]) -> Option<u128> {
    if ty.bits() > 128 || arg_types.iter().any(|ty| ty.bits() > 128) {
        return None;
    }
    let lane = |ty: Type| (ty.lane_bits(), low_bits(ty.lane_bits()));
    match (data.opcode(), args) {
        (Opcode::Bitcast, &[a]) => Some(a),
        (Opcode::ScalarToVector, &[a]) => Some(a),
        (Opcode::Splat, &[a]) => {
            let (bits, _) = lane(ty);
            Some((0..ty.lane_count()).fold(0, |all, index| all | a << (bits * index)))
        }
        (Opcode::Extractlane, &[a]) => {
            let InstructionData::BinaryImm8 { imm, .. } = *data else {
                return None;
            };
            let (bits, low) = lane(arg_types[0]);
            Some(a.checked_shr(bits * u32::from(imm))? & low)
        }
        (Opcode::Insertlane, &[a, b]) => {
            let InstructionData::TernaryImm8 { imm, .. } = *data else {
                return None;
            };
            let (bits, low) = lane(ty);
            let shift = bits * u32::from(imm);
            Some(a & !low.checked_shl(shift)? | b.checked_shl(shift)?)
        }
        _ => None,
    }
}

/// The index of an object: aligned, and not null.
fn object(trial: u64, number: u64) -> u64 {
    match number {
        // Two that differ in one bit, and the largest.
        0 => 64,
        1 => 64 + 16,
        2 => 0xffff_fff0,
        _ => mix(trial << 8 | number) & 0xffff_fff0 | 0x100,
    }
}

fn low_bits(bits: u32) -> u128 {
    match bits {
        0..=127 => (1 << bits) - 1,
        _ => u128::MAX,
    }
}

/// Mix the bits of `x` (the finalizer of SplitMix64).
fn mix(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
