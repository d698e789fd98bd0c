//! Facts that contradict the code, or themselves.
//!
//! **Claim.** The definition of every value that is reported shows that its fact is wrong.
//!
//! **Strength.** Asked are the definition alone, and the facts that it names. A constant is what it is; a
//! sum with one reference in it is none.
//!
//! **Math.** GCV13 at a value that
//!
//! * is said to be a reference, a derived pointer or a heap base, and has a type that these do not have;
//! * is a constant that no reference of its kind and nullability is: 0 that is said not to be null, something else
//!   that is said to be null, or an even number that is said to be an i31;
//! * is computed to be odd, and is said to be an object or null, or to be even, and is said to be an i31, as the producer
//!   makes it;
//! * is said to be derived of itself, or of what is said to be no reference;
//! * is said to have nothing to do with references, and is one by its making.
//!
//! Where a block, a callee or memory gives a reference for what is said to have nothing to do with any, what it is is
//! undecided.

use crate::analysis::facts::Facts;
use crate::analysis::kind::dominating::argument;
use crate::analysis::kind::given::{given, loaded};
use crate::analysis::kind::is_in_heap;
use crate::analysis::origin::{self, Origin};
use crate::analysis::provenance::Class;
use crate::analysis::slots::Hold;
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{Flaw, NOT_OURS};
use crate::evidence::steps::point_step;
use crate::finding::error::{Contradiction, GcError};
use crate::finding::report::Inconclusive;
use crate::finding::witness::{Finding, Role};
use crate::ir::cfg::{Cfg, constant};
use crate::ir::instruction::{Passed, passed_on};
use crate::ir::path::Point;
use cranelift_codegen::ir::{
    Function, GcFact, GcHeapType, GcKind, GcNullability, Inst, InstructionData, Opcode, Type,
    Value, ValueDef, types,
};

/// Check all facts of `func`.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let Facts {
        func, cfg, body, ..
    } = facts;
    let is_first = !facts.history.proofs.is_later;
    for (value, fact) in func.dfg.gc_info.facts() {
        // NB: A fact of an alias says less than that of what it stands for, and one of what is gone nothing.
        if func.dfg.value_type(value) == types::INVALID || body.resolve(func, value) != value {
            continue;
        }
        let otherwise = || made_otherwise(facts, value, fact);
        let parity = || is_first.then(|| parity(func, value, fact)).flatten();
        let why = contradiction(func, value, fact)
            .or_else(parity)
            .or_else(otherwise);
        if let Some(why) = why {
            findings.extend(finding(func, cfg, value, why));
        } else if is_first
            && fact == GcFact::Scalar
            && let Some(inst) = is_given_reference(facts, value)
        {
            let undecided = Inconclusive::UndecidedType { inst, value };
            findings.inconclusive.push(undecided);
        }
    }
}

/// The instruction at which `value`, which is said to have nothing to do with references, is given one by a block, a
/// callee or memory.
fn is_given_reference(facts: &Facts, value: Value) -> Option<Inst> {
    let Facts {
        func, cfg, body, ..
    } = facts;
    let is_reference = |value: Value| facts.values.class(value) == Class::Reference;
    let is_so = match func.dfg.value_def(value) {
        ValueDef::Param(block, number) => {
            let node = cfg.node(block).filter(|&node| node != 0)?;
            cfg.preds(node).any(|edge| {
                let passed = argument(func, cfg.block(edge.from), edge, number);
                passed.is_some_and(|passed| is_reference(body.resolve(func, passed)))
            })
        }
        ValueDef::Result(..) => {
            let given = given(func, value).or_else(|| loaded(func, body, value));
            let reload = || facts.slots.reload_of(value);
            given.is_some_and(GcFact::is_traced)
                || reload().is_some_and(|reload| match reload.hold {
                    Hold::Is { data, .. } => is_reference(body.resolve(func, data)),
                    Hold::Unset | Hold::Conflict(..) | Hold::Partial | Hold::MaybeUnset => false,
                })
        }
        ValueDef::Union(..) => false,
    };
    is_so.then(|| defining(func, value)).flatten()
}

fn finding(func: &Function, cfg: &Cfg, value: Value, why: Contradiction) -> Option<Finding> {
    let point = Point::of_value(func, cfg, value)?;
    let inst = defining(func, value)?;
    let mut steps = vec![point_step(cfg, point, Role::Definition)];
    if point.inst.is_none() {
        let point = Point::at(func, cfg, inst)?;
        steps.push(point_step(cfg, point, Role::Use));
    }
    Some((GcError::FactContradicted { inst, value, why }, steps))
}

/// The instruction that defines `value`, or the first one of the block that does.
fn defining(func: &Function, value: Value) -> Option<Inst> {
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => Some(inst),
        ValueDef::Param(block, _) => func.layout.first_inst(block),
        ValueDef::Union(..) => None,
    }
}

/// Is what `error` says so? From the function alone.
pub(super) fn recheck(func: &Function, error: &GcError) -> Result<(), Flaw> {
    let GcError::FactContradicted { inst, value, why } = *error else {
        return Err(NOT_OURS);
    };
    is_contradicted(func, inst, value, why)
        .then_some(())
        .ok_or("the fact may hold")
}

fn is_contradicted(func: &Function, inst: Inst, value: Value, why: Contradiction) -> bool {
    let Some(fact) = func.dfg.gc_info.fact(value) else {
        return false;
    };
    let is_so = match why {
        Contradiction::IsReference(of) => {
            let mut made_of = value;
            // NB: Each step goes to an operand, and more steps than values there are not.
            let mut steps = func.dfg.num_values();
            while made_of != of && steps > 0 {
                steps -= 1;
                let Some(inst) = func.dfg.value_def(made_of).inst() else {
                    break;
                };
                let operands = passed_on(func, inst).operands();
                let mut operands = operands.iter().map(|&v| func.dfg.resolve_aliases(v));
                match operands.find(|&operand| origin::is_made_of(func, operand, of)) {
                    Some(operand) => made_of = operand,
                    None => break,
                }
            }
            is_unrelated(fact) && made_of == of
        }
        Contradiction::Parity(_) => parity(func, value, fact) == Some(why),
        Contradiction::Type(_)
        | Contradiction::Constant(_)
        | Contradiction::OfItself
        | Contradiction::OfNoReference(_) => contradiction(func, value, fact) == Some(why),
    };
    is_so && defining(func, value) == Some(inst)
}

/// What in the definition of `value`, or in `fact` itself, contradicts it.
pub(super) fn contradiction(func: &Function, value: Value, fact: GcFact) -> Option<Contradiction> {
    let ty = func.dfg.value_type(value);
    match fact {
        GcFact::Ref {
            kind, nullability, ..
        } => {
            if !can_have_type(kind, ty) {
                return Some(Contradiction::Type(ty));
            }
            let n = constant(func, value)?;
            (!can_be(kind, nullability, n)).then_some(Contradiction::Constant(n))
        }
        GcFact::Derived { .. } | GcFact::HeapBase if !is_pointer(ty) => {
            Some(Contradiction::Type(ty))
        }
        GcFact::Derived { base } => {
            let base = func.dfg.resolve_aliases(base);
            if base == value {
                return Some(Contradiction::OfItself);
            }
            match func.dfg.gc_info.fact(base) {
                Some(GcFact::Scalar | GcFact::HeapBase) => Some(Contradiction::OfNoReference(base)),
                Some(GcFact::Ref { .. } | GcFact::Derived { .. }) | None => None,
            }
        }
        GcFact::HeapBase | GcFact::Scalar => None,
    }
}

/// What the lowest bit of `value` has to do with its `fact`, if that contradicts it.
fn parity(func: &Function, value: Value, fact: GcFact) -> Option<Contradiction> {
    let GcFact::Ref {
        kind, nullability, ..
    } = fact
    else {
        return None;
    };
    if func.dfg.value_type(value) != types::I32 || !is_in_heap(kind.heap) {
        return None;
    }
    let is_odd = lowest_bit(func, value, MAX_DEPTH)?;
    let is_contradicted = match is_odd {
        true => !kind.heap.may_be_i31() || nullability == GcNullability::Null,
        false => kind.heap == GcHeapType::I31 && nullability == GcNullability::NonNull,
    };
    is_contradicted.then_some(Contradiction::Parity(is_odd))
}

/// How deep computations are followed.
const MAX_DEPTH: u32 = 6;

/// The lowest bit of `value`, if it is the same whatever that is computed of.
fn lowest_bit(func: &Function, value: Value, depth: u32) -> Option<bool> {
    let value = func.dfg.resolve_aliases(value);
    if let Some(n) = constant(func, value) {
        return Some(n % 2 == 1);
    }
    let depth = depth.checked_sub(1)?;
    let inst = func.dfg.value_def(value).inst()?;
    let of = |value| lowest_bit(func, value, depth);
    match func.dfg.insts[inst] {
        InstructionData::Unary {
            opcode: Opcode::Uextend | Opcode::Sextend | Opcode::Ireduce | Opcode::Ineg,
            arg,
        } => of(arg),
        InstructionData::Unary {
            opcode: Opcode::Bnot,
            arg,
        } => of(arg).map(|bit| !bit),
        InstructionData::Binary { opcode, args } => {
            let [a, b] = args;
            match opcode {
                Opcode::Bor => match (of(a), of(b)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (a, b) => a.zip(b).map(|(a, b)| a | b),
                },
                Opcode::Band | Opcode::Imul => match (of(a), of(b)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (a, b) => a.zip(b).map(|(a, b)| a & b),
                },
                Opcode::Bxor | Opcode::Iadd | Opcode::Isub => Some(of(a)? ^ of(b)?),
                Opcode::Ishl => {
                    let bits = u64::from(func.dfg.value_type(value).bits());
                    let amount = constant(func, b)? % bits;
                    match amount {
                        0 => of(a),
                        _ => Some(false),
                    }
                }
                _ => None,
            }
        }
        InstructionData::Ternary {
            opcode: Opcode::Select,
            args: [_, yes, no],
        } => of(yes).filter(|&bit| of(no) == Some(bit)),
        _ => None,
    }
}

/// A reference that `value` is or is derived from, though its fact is that it has nothing to do with any.
fn made_otherwise(facts: &Facts, value: Value, fact: GcFact) -> Option<Contradiction> {
    let func = facts.func;
    let inst = func.dfg.value_def(value).inst()?;
    // NB: What is opaque may be a scalar, as the payload of an i31, and the fact then says so.
    let is_followed = match passed_on(func, inst) {
        Passed::Same(_) | Passed::Derived(_) => true,
        Passed::Nothing | Passed::Opaque(_) => false,
    };
    if !is_unrelated(fact) || !is_followed {
        return None;
    }
    let is_reference = |value| facts.values.class(value) == Class::Reference;
    match facts.origin(value, is_reference)? {
        Origin::Is(of) | Origin::Derived(of) => Some(Contradiction::IsReference(of)),
        Origin::Nothing | Origin::Opaque(_) => None,
    }
}

/// Does `fact` say of a value that no reference takes part in it?
fn is_unrelated(fact: GcFact) -> bool {
    match fact {
        GcFact::Scalar | GcFact::HeapBase => true,
        GcFact::Ref { .. } | GcFact::Derived { .. } => false,
    }
}

fn is_pointer(ty: Type) -> bool {
    ty.is_int() && (32..=64).contains(&ty.bits())
}

/// Can a reference of this kind be of type `ty`?
fn can_have_type(kind: GcKind, ty: Type) -> bool {
    match kind.heap {
        // NB: A continuation is two words.
        GcHeapType::Cont | GcHeapType::NoCont => ty.is_int(),
        GcHeapType::Any
        | GcHeapType::Eq
        | GcHeapType::I31
        | GcHeapType::Struct
        | GcHeapType::Array
        | GcHeapType::None
        | GcHeapType::Extern
        | GcHeapType::NoExtern
        | GcHeapType::Func
        | GcHeapType::NoFunc
        | GcHeapType::Exn
        | GcHeapType::NoExn => is_pointer(ty),
    }
}

/// Can a reference of this kind and nullability be the constant `n`?
fn can_be(kind: GcKind, nullability: GcNullability, n: u64) -> bool {
    let is_odd = n % 2 == 1;
    match (nullability, n) {
        (GcNullability::NonNull, 0) => false,
        (GcNullability::Nullable | GcNullability::Null, 0) => true,
        (GcNullability::Null, _) => false,
        (GcNullability::NonNull | GcNullability::Nullable, _) => match kind.heap {
            GcHeapType::Func | GcHeapType::NoFunc | GcHeapType::Cont | GcHeapType::NoCont => true,
            // NB: An object has no address that the compiler knows.
            heap => is_odd && heap.may_be_i31(),
        },
    }
}
