//! Whether as many bytes are asked for a new object as it has, and whether its header is the same however it is made.
//!
//! **Claim.** Of each header that is reported: a callee that makes the object elsewhere is handed other bits for it. Of each
//! object that is reported: there are numbers with which the instruction is reached, as far as the tests before it say, and with
//! which fewer bytes are asked for than the fields or the elements take.
//!
//! **Strength.** Two ways to ask are known. A callee is handed bits of the kind, the number of the type, and the size among
//! its other operands. Or the object is where a pointer in memory was, and the pointer is moved on by the size.
//! Nothing is said of an object for which something else asks, or of an array whose length is not stored once. Only the producer's
//! CLIF is judged. Which of two headers is right is not known.
//!
//! **Math.** Let `S` be the bytes that are asked for and `n` the length that is stored, as functions of what they are made of. An
//! array is reported if `S < start + n · element` in ℤ for one of a few numbers, of which some are next to where
//! 32 bits overflow, and if no test that shares something with `S` or `n` fails then.

use super::bounds::conditions_before;
use crate::analysis::facts::Facts;
use crate::analysis::kind::address::Address;
use crate::analysis::kind::dominating::argument;
use crate::evidence::findings::Findings;
use crate::evidence::steps::step;
use crate::finding::error::GcError;
use crate::finding::object::{OutOfObject, Outside};
use crate::finding::witness::Role;
use crate::ir::arithmetic::{Outcome, eval_inst, is_integer_function};
use crate::ir::cfg::constant;
use crate::ir::gc_info::type_read_by;
use crate::ir::instruction::access;
use crate::ir::path::Point;
use crate::ir::steps::{self, Analysis};
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{
    ArgumentPurpose, GcFact, GcField, GcHeapType, GcKind, Inst, Value, ValueDef, types,
};
use smallvec::SmallVec;

/// How many values are looked at for one size, or for one test.
const MAX_VALUES: usize = 64;
/// How many tests before an allocation are looked at.
const MAX_TESTS: usize = 32;
/// How many ways lead to where an object is initialized.
const MAX_SOURCES: usize = 8;
/// Where the memory is that is still free.
const FREE: u128 = 64;

/// Judge all new objects.
pub(super) fn check(facts: &Facts, findings: &mut Findings) {
    let func = facts.func;
    let stores = Stores::new(facts);
    for (object, _) in func.dfg.gc_info.new_objects() {
        let object = facts.body.resolve(func, object);
        let Some(GcFact::Ref { kind, .. }) = func.dfg.gc_info.fact(object) else {
            continue;
        };
        let needed = Needed::of(facts, &stores, object, kind);
        let (mut handed, mut stored) = (None, SmallVec::<[(Inst, u32); 2]>::new());
        for source in sources(facts, object) {
            let Some(asked) = Asked::of(facts, &stores, source, kind) else {
                leave_open(facts, findings);
                continue;
            };
            match asked.handed {
                Some(bits) => handed = Some(bits),
                None => stored.extend(stored_header(facts, &stores, source)),
            }
            let Some(needed) = &needed else {
                leave_open(facts, findings);
                continue;
            };
            // NB: What cannot be evaluated was not looked at.
            let Some(smallest) = too_small(facts, &asked, needed) else {
                leave_open(facts, findings);
                continue;
            };
            findings.counts.positions += 1;
            match smallest {
                Some((size, needed)) => {
                    let outside = Outside::TooSmall { size, needed };
                    report(facts, asked.inst, object, outside, findings);
                }
                None => findings.counts.positions_proved += 1,
            }
        }
        for (inst, stored) in stored {
            if let Some(handed) = handed.filter(|&handed| handed != stored) {
                let outside = Outside::OtherHeader { stored, handed };
                report(facts, inst, object, outside, findings);
            }
        }
    }
}

/// Nothing can be said of an object. The producer's CLIF may tell more.
fn leave_open(facts: &Facts, findings: &mut Findings) {
    let is_output = u64::from(facts.history.asks_input);
    findings.counts.positions += is_output;
    findings.counts.positions_unjudged += is_output;
}

fn report(facts: &Facts, inst: Inst, value: Value, outside: Outside, findings: &mut Findings) {
    let error = GcError::OutOfObject(OutOfObject {
        inst,
        value,
        outside,
    });
    let step = step(facts.func, Role::Use, inst);
    findings.reject(error, || step.map(|step| vec![step]));
}

/// What is stored where the object that `reference` refers to has its kind, and by which store, if that is a constant.
fn stored_header(facts: &Facts, stores: &Stores, reference: Value) -> Option<(Inst, u32)> {
    let header = facts.func.dfg.gc_info.header?;
    let &[(inst, data)] = stores.of(reference, header.kind) else {
        return None;
    };
    Some((
        inst,
        constant(facts.func, facts.body.resolve(facts.func, data))? as u32,
    ))
}

/// The stores of words of 32 bits, each with what is stored.
#[derive(Default)]
struct Stores {
    /// By the reference, or the pointer that a block is passed, and how far from there it is: where arrays have their length and
    /// objects their kind.
    to_objects: FxHashMap<(Value, i64), Stored>,
    /// Those that are to no object, by each value of 32 bits that what is stored is computed of.
    made_of: FxHashMap<Value, Stored>,
}

type Stored = SmallVec<[(Inst, Value); 1]>;

impl Stores {
    fn new(facts: &Facts) -> Stores {
        let (func, body) = (facts.func, &facts.body);
        let info = &func.dfg.gc_info;
        let lengths = info
            .types()
            .filter_map(|(index, _)| info.fields(index)?.first());
        let mut offsets: SmallVec<[i64; 4]> = lengths.map(|length| length.offset.into()).collect();
        offsets.extend(info.header.map(|header| header.kind.into()));
        offsets.sort_unstable();
        offsets.dedup();
        let mut stores = Stores::default();
        for memory in body.accesses() {
            let access = &memory.access;
            let Some(data) = access.data.filter(|_| access.size == 4) else {
                continue;
            };
            let stored = (memory.inst, data);
            let address = Address::of(func, body, access.addr).with_word();
            let offset = address
                .offset
                .map(|offset| offset.wrapping_add(access.offset.into()));
            if address.reference.is_none() {
                stores.note_made_of(facts, stored);
            }
            let (Some(offset), Some(base)) = (offset, address.reference.or(address.pointer)) else {
                continue;
            };
            if offsets.binary_search(&offset).is_err() {
                continue;
            }
            let base = body.resolve(func, base);
            stores
                .to_objects
                .entry((base, offset))
                .or_default()
                .push(stored);
            // NB: It may have been reloaded after a safepoint.
            let root = facts.roots().of(base);
            if root != base {
                stores
                    .to_objects
                    .entry((root, offset))
                    .or_default()
                    .push(stored);
            }
        }
        stores
    }

    fn note_made_of(&mut self, facts: &Facts, stored: (Inst, Value)) {
        let func = facts.func;
        let data = facts.body.resolve(func, stored.1);
        let def = func.dfg.value_def(data).inst();
        if !def.is_some_and(|inst| is_integer_function(func.dfg.insts[inst].opcode())) {
            return;
        }
        let Some(made) = Expression::of(facts, &[data]) else {
            return;
        };
        steps::count(Analysis::Objects, made.values.len());
        for (value, _) in made.values {
            if func.dfg.value_type(value) == types::I32 && constant(func, value).is_none() {
                self.made_of.entry(value).or_default().push(stored);
            }
        }
    }

    fn of(&self, base: Value, offset: u32) -> &[(Inst, Value)] {
        let stored = self.to_objects.get(&(base, offset.into()));
        stored.map(|stored| &stored[..]).unwrap_or_default()
    }
}

/// The references that `object` may be, if it is the parameter of a block, or itself.
fn sources(facts: &Facts, object: Value) -> SmallVec<[Value; 4]> {
    let (func, cfg) = (facts.func, &facts.cfg);
    let ValueDef::Param(block, number) = func.dfg.value_def(object) else {
        return SmallVec::from_slice(&[object]);
    };
    let Some(node) = cfg.node(block).filter(|&node| node != 0) else {
        return SmallVec::new();
    };
    let passed = cfg
        .preds(node)
        .take(MAX_SOURCES)
        .filter_map(|edge| argument(func, cfg.block(edge.from), edge, number));
    passed
        .map(|value| facts.body.resolve(func, value))
        .collect()
}

// --- What is needed --------------------------------------------------------------------------

/// How many bytes an object has.
struct Needed {
    /// Without elements.
    fixed: u64,
    /// The length that is stored and the bytes of an element, if it is an array.
    elements: Option<(Value, u32)>,
}

impl Needed {
    fn of(facts: &Facts, stores: &Stores, object: Value, kind: GcKind) -> Option<Needed> {
        let fields = facts.func.dfg.gc_info.fields(kind.concrete?)?;
        if kind.heap != GcHeapType::Array {
            let ends = fields
                .iter()
                .map(|field| u64::from(field.offset) + u64::from(field.size));
            return Some(Needed {
                fixed: ends.max()?,
                elements: None,
            });
        }
        let [length, element] = fields else {
            return None;
        };
        Some(Needed {
            fixed: element.offset.into(),
            elements: Some((stored_length(facts, stores, object, length)?, element.size)),
        })
    }

    fn bytes(&self, length: u128) -> u64 {
        let each = self.elements.map_or(0, |(_, size)| u64::from(size));
        self.fixed + each * u64::from(length as u32)
    }
}

/// What is stored as the length of a new array, if that is stored once.
fn stored_length(facts: &Facts, stores: &Stores, object: Value, length: &GcField) -> Option<Value> {
    let func = facts.func;
    let mut stored = stores.of(object, length.offset).to_vec();
    if let ValueDef::Param(block, _) = func.dfg.value_def(object) {
        for &pointer in func.dfg.block_params(block) {
            let by_pointer = stores.of(pointer, length.offset);
            if pointer != object && !by_pointer.is_empty() && is_address_of(facts, pointer, object)
            {
                stored.extend_from_slice(by_pointer);
            }
        }
    }
    match stored[..] {
        [(_, data)] => Some(data),
        _ => None,
    }
}

/// Is a block that is passed `object` passed `pointer` as its address, on each way?
fn is_address_of(facts: &Facts, pointer: Value, object: Value) -> bool {
    let (func, cfg, body) = (facts.func, &facts.cfg, &facts.body);
    let (ValueDef::Param(block, pointer), ValueDef::Param(other, object)) =
        (func.dfg.value_def(pointer), func.dfg.value_def(object))
    else {
        return false;
    };
    let Some(node) = cfg.node(block).filter(|&node| node != 0 && block == other) else {
        return false;
    };
    cfg.preds(node).all(|edge| {
        let from = cfg.block(edge.from);
        let passed = |number| argument(func, from, edge, number);
        passed(pointer)
            .zip(passed(object))
            .is_some_and(|(pointer, object)| {
                let address = Address::of(func, body, pointer).with_word();
                let reference = address.reference.map(|value| body.resolve(func, value));
                address.offset == Some(0) && reference == Some(body.resolve(func, object))
            })
    })
}

// --- What is asked for -----------------------------------------------------------------------

/// How memory is asked for.
struct Asked {
    /// The call, or the store that moves the pointer on.
    inst: Inst,
    /// Of these the largest is the size, or where the pointer is afterwards.
    sizes: SmallVec<[Value; 4]>,
    /// Where the pointer was.
    start: Option<Value>,
    /// What a callee is handed for the word that holds the kind.
    handed: Option<u32>,
}

impl Asked {
    /// What asks for the object that `reference` refers to.
    fn of(facts: &Facts, stores: &Stores, reference: Value, kind: GcKind) -> Option<Asked> {
        let func = facts.func;
        let def = func.dfg.value_def(reference).inst()?;
        match func.dfg.insts[def].opcode().is_call() {
            true => Asked::of_callee(facts, def, kind),
            false => Asked::by_pointer(facts, stores, reference),
        }
    }

    /// The operands that a callee gets besides a kind and a type.
    fn of_callee(facts: &Facts, inst: Inst, kind: GcKind) -> Option<Asked> {
        let func = facts.func;
        let own = u64::from(func.dfg.gc_info.kind_bits(kind.heap)?);
        let signature = &func.dfg.signatures[func.dfg.call_signature(inst)?];
        let args = func.dfg.inst_args(inst);
        let args = &args[args.len().checked_sub(signature.params.len())?..];
        let (mut handed, mut has_type) = (None, false);
        let mut sizes = SmallVec::new();
        for (param, &arg) in signature.params.iter().zip(args) {
            let arg = facts.body.resolve(func, arg);
            let def = func.dfg.value_def(arg).inst();
            if param.purpose != ArgumentPurpose::Normal {
                continue;
            } else if def.is_some_and(|def| type_read_by(func, def).is_some()) {
                has_type = true;
            } else if let Some(bits) =
                constant(func, arg).filter(|&bits| own != 0 && bits & own == own)
            {
                handed = Some(bits as u32);
            } else if param.value_type.is_int() {
                sizes.push(arg);
            }
        }
        (handed.is_some() && has_type && !sizes.is_empty()).then_some(Asked {
            inst,
            sizes,
            start: None,
            handed,
        })
    }

    /// The store to where a reference, or what it is made of, was loaded from.
    fn by_pointer(facts: &Facts, stores: &Stores, reference: Value) -> Option<Asked> {
        let (func, body) = (facts.func, &facts.body);
        let mut places = SmallVec::<[(Value, i32); 2]>::new();
        for leaf in Expression::of(facts, &[reference])?.leaves() {
            let load = func.dfg.value_def(leaf).inst();
            let load = load.and_then(|load| access(func, load));
            if let Some(load) = load.filter(|load| load.data.is_none() && load.size == 4) {
                places.push((body.resolve(func, load.addr), load.offset));
            }
        }
        let moved = stores
            .made_of
            .get(&reference)?
            .iter()
            .filter(|&&(inst, _)| {
                let store = access(func, inst);
                store.is_some_and(|at| places.contains(&(body.resolve(func, at.addr), at.offset)))
            });
        let moved: Stored = moved
            .map(|&(inst, data)| (inst, body.resolve(func, data)))
            .collect();
        let &[(inst, data)] = &moved[..] else {
            return None;
        };
        Some(Asked {
            inst,
            sizes: SmallVec::from_slice(&[data]),
            start: Some(reference),
            handed: None,
        })
    }
}

// --- Evaluation ------------------------------------------------------------------------------

/// How many bytes are asked for, and how many are needed, with numbers with which these are more. The outer one is nothing if
/// neither can be told.
fn too_small(facts: &Facts, asked: &Asked, needed: &Needed) -> Option<Option<(u64, u64)>> {
    let (func, body) = (facts.func, &facts.body);
    let length = needed
        .elements
        .map(|(length, _)| body.resolve(func, length));
    let roots: SmallVec<[Value; 8]> = asked
        .sizes
        .iter()
        .copied()
        .chain(asked.start)
        .chain(length)
        .collect();
    let expression = Expression::of(facts, &roots)?;
    let start = match asked.start {
        Some(start) => Some(Expression::of(facts, &[start])?),
        None => None,
    };
    let is_start = |leaf| start.as_ref().is_some_and(|start| start.has(leaf));
    let mut is_evaluated = false;
    for number in numbers(needed) {
        let chosen = |leaf: Value| match is_start(leaf) {
            true => FREE,
            false => number,
        };
        let Some(values) = expression.eval(facts, &chosen) else {
            continue;
        };
        is_evaluated = true;
        let of = |value| values[expression.index(value)];
        let length = length.map_or(0, of);
        let size = asked.sizes.iter().map(|&size| of(size)).max()?;
        let size = size.saturating_sub(asked.start.map_or(0, of)) as u64;
        if size < needed.bytes(length) && is_reached(facts, asked.inst, &expression, &chosen) {
            return Some(Some((size, needed.bytes(length))));
        }
    }
    is_evaluated.then_some(None)
}

/// Numbers that go wrong if something is missing.
fn numbers(needed: &Needed) -> SmallVec<[u128; 8]> {
    let Some((_, each)) = needed.elements else {
        return SmallVec::from_slice(&[1]);
    };
    let (each, all) = (u128::from(each.max(1)), 1_u128 << 32);
    let most = (all - u128::from(needed.fixed)) / each;
    // NB: What is asked for may be rounded up, which hides what is missing.
    let is_even = |n: &u128| (u128::from(needed.fixed) + n * each).is_multiple_of(16);
    let even = (1..=16).find(is_even).unwrap_or(1);
    SmallVec::from_slice(&[even, 1000, most, most + 1, all.div_ceil(each), all - 1])
}

/// Is `inst` reached with what is chosen, as far as tests depend on that?
fn is_reached(
    facts: &Facts,
    inst: Inst,
    expression: &Expression,
    chosen: &dyn Fn(Value) -> u128,
) -> bool {
    let Some(point) = Point::at(facts.func, &facts.cfg, inst) else {
        return false;
    };
    // NB: What is not in the size is as large as it can be, or zero: the end of what is free, for one.
    let conditions = conditions_before(
        (facts.func, &facts.cfg, &facts.body),
        point.node,
        Some(inst),
        MAX_TESTS,
    );
    [u128::from(u32::MAX), 0].into_iter().any(|other| {
        let chosen = |leaf| match expression.has(leaf) {
            true => chosen(leaf),
            false => other,
        };
        conditions.iter().all(|&(condition, is)| {
            let condition = facts.body.resolve(facts.func, condition);
            let Some(test) = Expression::of(facts, &[condition]) else {
                return false;
            };
            if !test.depends_on(facts, expression) {
                return true;
            }
            let values = test.eval(facts, &chosen);
            values.is_some_and(|values| (values[test.index(condition)] != 0) == is)
        })
    })
}

/// What some values are made of.
struct Expression {
    /// Each after its operands, with what computes it; none is an alias.
    values: SmallVec<[(Value, Option<Computed>); 16]>,
}

/// How a value is computed.
#[derive(Clone)]
struct Computed {
    inst: Inst,
    /// Which of its results it is.
    number: usize,
    /// Where its operands stand in the expression.
    args: SmallVec<[u8; 3]>,
}

impl Expression {
    fn of(facts: &Facts, roots: &[Value]) -> Option<Expression> {
        let func = facts.func;
        let mut expression = Expression {
            values: SmallVec::new(),
        };
        let mut pending: Vec<(Value, bool)> = roots.iter().map(|&root| (root, false)).collect();
        while let Some((value, is_entered)) = pending.pop() {
            let value = facts.body.resolve(func, value);
            if expression.has(value) {
                continue;
            }
            if expression.values.len() + pending.len() > MAX_VALUES {
                return None;
            }
            let computed = match func.dfg.value_def(value) {
                ValueDef::Result(inst, number) => {
                    let opcode = func.dfg.insts[inst].opcode();
                    let is_function = is_integer_function(opcode)
                        && func.dfg.value_type(value).is_int()
                        && constant(func, value).is_none();
                    is_function.then_some((inst, number))
                }
                ValueDef::Param(..) | ValueDef::Union(..) => None,
            };
            match computed.filter(|_| !is_entered) {
                Some((inst, _)) => {
                    pending.push((value, true));
                    let args = func.dfg.inst_args(inst).iter();
                    pending.extend(args.map(|&arg| (arg, false)));
                }
                None => {
                    let computed = computed.map(|(inst, number)| {
                        let args = func.dfg.inst_args(inst).iter();
                        let args = args.map(|&arg| expression.index(facts.body.resolve(func, arg)));
                        let args = args.map(|at| at as u8).collect();
                        Computed { inst, number, args }
                    });
                    expression.values.push((value, computed));
                }
            }
        }
        Some(expression)
    }

    fn has(&self, value: Value) -> bool {
        self.values.iter().any(|(known, _)| *known == value)
    }

    fn index(&self, value: Value) -> usize {
        let found = self.values.iter().position(|(known, _)| *known == value);
        found.expect("it is made of its roots")
    }

    /// What nothing computes.
    fn leaves(&self) -> impl Iterator<Item = Value> + '_ {
        let leaves = self
            .values
            .iter()
            .filter(|(_, computed)| computed.is_none());
        leaves.map(|(value, _)| *value)
    }

    /// Is it made of something that varies and that `other` is made of, perhaps by way of a call?
    fn depends_on(&self, facts: &Facts, other: &Expression) -> bool {
        let func = facts.func;
        self.leaves().any(|leaf| {
            let of_call = || {
                let inst = func.dfg.value_def(leaf).inst();
                let inst = inst.filter(|&inst| func.dfg.insts[inst].opcode().is_call());
                let mut args = inst.iter().flat_map(|&inst| func.dfg.inst_args(inst));
                args.any(|&arg| {
                    let arg = facts.body.resolve(func, arg);
                    func.dfg.value_type(arg).bits() <= 32 && other.has(arg)
                })
            };
            constant(func, leaf).is_none() && (other.has(leaf) || of_call())
        })
    }

    /// The values, if nothing traps and all is understood.
    fn eval(&self, facts: &Facts, chosen: &dyn Fn(Value) -> u128) -> Option<SmallVec<[u128; 16]>> {
        let func = facts.func;
        let mut values = SmallVec::new();
        for (value, computed) in &self.values {
            let value = *value;
            let bits = func.dfg.value_type(value).bits().min(127);
            let mask = (1_u128 << bits) - 1;
            let found = match (computed, constant(func, value)) {
                (None, Some(number)) => number.into(),
                (None, None) => chosen(value),
                (Some(Computed { inst, number, args }), _) => {
                    let args: SmallVec<[u128; 3]> =
                        args.iter().map(|&arg| values[usize::from(arg)]).collect();
                    match eval_inst(func, *inst, *number, &args) {
                        Outcome::Is(bits) => bits,
                        Outcome::Undefined | Outcome::Opaque | Outcome::Unknown => return None,
                    }
                }
            };
            values.push(found & mask);
        }
        Some(values)
    }
}
