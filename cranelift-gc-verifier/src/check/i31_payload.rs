//! Integers that are taken out of unboxed references.
//!
//! Null has no payload: taking it is a trap of Wasm, as a dereference is (wasmtime#9165).
//!
//! **Claim.** An integer is taken out of each reference that is reported, and null reaches the place where the
//! integer is taken or used.
//!
//! **Strength.** A shift is pure, and the optimizer may move it above the trap that was before it. So where a
//! reference is tested at all, the question is whether null reaches an instruction that is not pure and that
//! relies on the integer. An integer that is passed for a block parameter, or through a select, is not
//! followed: it may be used there only on the paths on which the reference was tested.
//!
//! **Math.** GCV10 at `x = v >> 1`, if the fact of `v` is that it is an i31 or null, no instruction traps,
//! branches or chooses on `v` or on a comparison of it, and a path on which `v` is null reaches `x`. GCV10, and
//! GCV16 after a pass, at a use of what is computed of `x`, if `v` may be an i31 or null, and a path on which
//! it is null reaches the use.

use crate::analysis::nullness::sites::{Site, is_opaque};
use crate::finding::hazard::{Hazard, Hazards};
use crate::ir::cfg::{Cfg, constant};
use crate::ir::instruction::Kind;
use crate::ir::view::Body;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{
    Function, GcFact, GcHeapType, GcNullability, Inst, InstructionData, Opcode, Value,
};

/// The places where `func` takes an integer out of what nobody tested, and where it relies on one that it took out of
/// something else. `is_later` says that a pass had the function since.
pub(crate) fn sites(func: &Function, cfg: &Cfg, body: &Body, is_later: bool) -> Vec<Site> {
    let mut facts = func.dfg.gc_info.facts();
    // NB: Few functions have such references.
    if !facts.any(|(_, fact)| may_be_taken_of(fact)) {
        return Vec::new();
    }
    let mut sites = Vec::new();
    let mut others = FxHashMap::default();
    for node in cfg.nodes() {
        for item in body.items_of(node) {
            let inst = item.inst;
            if !item.kind.is(Kind::OPAQUE) {
                continue;
            }
            let Some(reference) = shifted(func, inst) else {
                continue;
            };
            let fact = func.dfg.gc_info.fact(reference);
            if !is_opaque(func, reference) || !fact.is_some_and(may_be_taken_of) {
                continue;
            }
            if fact.is_some_and(may_be_null) && !is_later {
                sites.push(site(inst, node, reference));
            }
            others.insert(func.dfg.first_result(inst), reference);
        }
    }
    if !sites.is_empty() {
        let tested = tested(func, cfg, body);
        sites.retain(|site| !tested.contains(&site.reference));
        others.retain(|_, reference| !sites.iter().any(|site| site.reference == *reference));
    }
    if !others.is_empty() {
        sites.extend(uses(func, cfg, others, is_later));
    }
    sites
}

/// The instructions that are not pure and rely on what is computed of `payloads`, each of which is the integer in a
/// reference.
fn uses(
    func: &Function,
    cfg: &Cfg,
    mut payloads: FxHashMap<Value, Value>,
    is_later: bool,
) -> Vec<Site> {
    let mut sites = Vec::new();
    let mut are_payloads = EntitySet::with_capacity(func.dfg.num_values());
    for &payload in payloads.keys() {
        are_payloads.insert(payload);
    }
    for node in cfg.nodes() {
        for inst in func.layout.block_insts(cfg.block(node)) {
            let args = func.dfg.inst_args(inst).iter();
            let args = args.map(|&arg| func.dfg.resolve_aliases(arg));
            // NB: Most are none.
            let mut args = args.filter(|&arg| are_payloads.contains(arg));
            let Some(&reference) = args.find_map(|arg| payloads.get(&arg)) else {
                continue;
            };
            let opcode = func.dfg.insts[inst].opcode();
            let is_pure = !opcode.can_load()
                && !opcode.can_store()
                && !opcode.can_trap()
                && !opcode.is_call()
                && !opcode.is_terminator()
                && !opcode.other_side_effects();
            match is_pure {
                true if matches!(opcode, Opcode::Select | Opcode::SelectSpectreGuard) => {}
                true => {
                    for &result in func.dfg.inst_results(inst) {
                        payloads.insert(result, reference);
                        are_payloads.insert(result);
                    }
                }
                false => sites.push(Site {
                    was_guarded: is_later,
                    ..site(inst, node, reference)
                }),
            }
        }
    }
    sites
}

/// Does `func` take an integer out of a reference that may be null? It need have no reference that ages.
pub(crate) fn are_taken(func: &Function) -> bool {
    let is_taken = |inst| {
        let fact = shifted(func, inst).and_then(|value| func.dfg.gc_info.fact(value));
        fact.is_some_and(may_be_null)
    };
    let mut facts = func.dfg.gc_info.facts();
    let mut blocks = func.layout.blocks();
    facts.any(|(_, fact)| may_be_null(fact))
        && blocks.any(|block| func.layout.block_insts(block).any(is_taken))
}

fn site(inst: Inst, node: crate::ir::cfg::Node, reference: Value) -> Site {
    let mut hazards = Hazards::default();
    hazards.insert(Hazard::Null);
    Site {
        inst,
        at: inst,
        node,
        reference,
        hazards,
        was_guarded: false,
        has_trapz: false,
        chosen: None,
        is_certain: true,
        has_type: true,
    }
}

fn may_be_null(fact: GcFact) -> bool {
    match fact {
        GcFact::Ref {
            kind, nullability, ..
        } => kind.heap == GcHeapType::I31 && nullability != GcNullability::NonNull,
        GcFact::Derived { .. } | GcFact::HeapBase | GcFact::Scalar => false,
    }
}

/// May such a value be null, and an i31 otherwise?
fn may_be_taken_of(fact: GcFact) -> bool {
    match fact {
        GcFact::Ref {
            kind, nullability, ..
        } => {
            let is_known = matches!(
                kind.heap,
                GcHeapType::I31 | GcHeapType::Eq | GcHeapType::Any
            );
            is_known && nullability != GcNullability::NonNull
        }
        GcFact::Derived { .. } | GcFact::HeapBase | GcFact::Scalar => false,
    }
}

/// What `inst` shifts to the right by one.
fn shifted(func: &Function, inst: Inst) -> Option<Value> {
    let InstructionData::Binary {
        opcode: Opcode::Sshr | Opcode::Ushr,
        args: [value, by],
    } = func.dfg.insts[inst]
    else {
        return None;
    };
    (constant(func, by) == Some(1)).then(|| func.dfg.resolve_aliases(value))
}

/// The values that something traps, branches or chooses on, or that are compared.
fn tested(func: &Function, cfg: &Cfg, body: &Body) -> Vec<Value> {
    let mut tested = Vec::new();
    for node in cfg.nodes() {
        for item in body.items_of(node) {
            if item
                .kind
                .is(Kind::TRAPS.or(Kind::COMPARES).or(Kind::DECIDES))
            {
                tested.extend(body.operands(item));
            } else if func.dfg.insts[item.inst].opcode() == Opcode::Select {
                let condition = func.dfg.inst_args(item.inst)[0];
                tested.push(func.dfg.resolve_aliases(condition));
            }
        }
    }
    tested
}
