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
//! * is computed to have [bits](crate::analysis::known_bits) that nothing has which the fact allows, as the producer makes it: it
//!   is odd and said to be an object or null, even and said to be an i31, or never zero and said to be null;
//! * is said to be derived of itself, or of what is said to be no reference;
//! * is said to have nothing to do with references, and is one by its making.
//!
//! Where a block, a callee or memory gives a reference for what is said to have nothing to do with any, what it is is
//! undecided.

use crate::analysis::facts::Facts;
use crate::analysis::kind::dominating::argument;
use crate::analysis::kind::given::{given, loaded};
use crate::analysis::kind::is_in_heap;
use crate::analysis::known_bits::{self, Known};
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
    Function, GcFact, GcHeapType, GcKind, GcNullability, Inst, Type, Value, ValueDef, types,
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
        let by_bits = || is_first.then(|| by_bits(func, cfg, value, fact)).flatten();
        let why = contradiction(func, value, fact)
            .or_else(by_bits)
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
pub(super) fn recheck(func: &Function, cfg: &Cfg, error: &GcError) -> Result<(), Flaw> {
    let GcError::FactContradicted { inst, value, why } = *error else {
        return Err(NOT_OURS);
    };
    is_contradicted(func, cfg, (inst, value), why)
        .then_some(())
        .ok_or("the fact may hold")
}

fn is_contradicted(
    func: &Function,
    cfg: &Cfg,
    (inst, value): (Inst, Value),
    why: Contradiction,
) -> bool {
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
        Contradiction::Parity(_) | Contradiction::NotNull | Contradiction::Bits => {
            by_bits(func, cfg, value, fact) == Some(why)
        }
        Contradiction::Constant(_) => {
            contradiction(func, value, fact).or_else(|| by_bits(func, cfg, value, fact))
                == Some(why)
        }
        Contradiction::Type(_) | Contradiction::OfItself | Contradiction::OfNoReference(_) => {
            contradiction(func, value, fact) == Some(why)
        }
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

/// What in the bits of `value`, which is computed, contradicts its `fact`.
fn by_bits(func: &Function, cfg: &Cfg, value: Value, fact: GcFact) -> Option<Contradiction> {
    let inst = func.dfg.value_def(value).inst()?;
    let opcode = func.dfg.insts[inst].opcode();
    let is_computed =
        !opcode.is_call() && !opcode.can_load() && !func.dfg.inst_args(inst).is_empty();
    let point = Point::of_value(func, cfg, value)?;
    is_computed
        .then(|| contradicted_by_bits(func, cfg, value, point, fact))
        .flatten()
}

/// What in the bits that `value` has at `point`, whatever it is computed of, contradicts `fact`.
pub(super) fn contradicted_by_bits(
    func: &Function,
    cfg: &Cfg,
    value: Value,
    point: Point,
    fact: GcFact,
) -> Option<Contradiction> {
    let GcFact::Ref {
        kind, nullability, ..
    } = fact
    else {
        return None;
    };
    if func.dfg.value_type(value) != types::I32 || !is_in_heap(kind.heap) {
        return None;
    }
    let judge = |known: Known| contradicted(known, kind, nullability);
    let known = known_bits::of(func, cfg, &Vec::new(), value)?;
    let is_known = known.lowest().is_some() || func.dfg.gc_info.new_object(value).is_some();
    judge(known).or_else(|| {
        let tests = (!is_known).then(|| known_bits::tests_before(func, cfg, point))?;
        let is_tested = !tests.is_empty();
        judge(is_tested.then(|| known_bits::of(func, cfg, &tests, value))??)
    })
}

/// What in `known` bits contradicts this kind and nullability, which some other bits do not.
fn contradicted(known: Known, kind: GcKind, nullability: GcNullability) -> Option<Contradiction> {
    let (may_be_something, may_be_i31) = (
        nullability != GcNullability::Null,
        kind.heap.may_be_i31() && kind.concrete.is_none(),
    );
    let is_something = |known: Known| {
        let is_i31 = may_be_i31 && known.lowest() != Some(false);
        let is_object = has_objects(kind.heap) && known.may_be_even(types::I32);
        may_be_something && (is_i31 || is_object)
    };
    let is_null = |known: Known| nullability != GcNullability::NonNull && known.may_be_zero();
    let may_be = |known| is_something(known) || is_null(known);
    // NB: What nothing is is in code that is not reached.
    let is_nothing = known.is_all(types::I32) && known.ones == 0 && !known.may_be_zero();
    if is_nothing || may_be(known) || !may_be(Known::default()) {
        return None;
    }
    let is_null_alone =
        nullability == GcNullability::Null || !has_objects(kind.heap) && !may_be_i31;
    Some(match known.lowest() {
        _ if known.is_all(types::I32) => Contradiction::Constant(known.ones),
        Some(true) => Contradiction::Parity(true),
        Some(false) if kind.heap == GcHeapType::I31 => Contradiction::Parity(false),
        _ if is_null_alone => Contradiction::NotNull,
        _ => Contradiction::Bits,
    })
}

/// Are there objects of this kind?
fn has_objects(heap: GcHeapType) -> bool {
    match heap {
        GcHeapType::I31
        | GcHeapType::None
        | GcHeapType::NoExtern
        | GcHeapType::NoFunc
        | GcHeapType::NoExn
        | GcHeapType::NoCont => false,
        GcHeapType::Any
        | GcHeapType::Eq
        | GcHeapType::Struct
        | GcHeapType::Array
        | GcHeapType::Extern
        | GcHeapType::Func
        | GcHeapType::Exn
        | GcHeapType::Cont => true,
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
