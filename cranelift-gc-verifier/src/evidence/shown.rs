//! Whether an error is shown by a path that can be taken.
//!
//! **Claim.** [`along`] accepts a path only if no branch condition contradicts it and what the error says is
//! true of it: the stack map lacks the reference, no store reaches, the value went stale and is relied on.
//! [`elsewhere`] looks for such a path where the first one is none.
//!
//! **Strength.** That of [`execution`](super::execution), which reads the function alone.
//!
//! **Math.** An error is a disjunction of [`Claim`]s at its instruction. It is shown if one of them holds on
//! the path, and the proof names the safepoint that the error names.

use super::execution::{self, Claim, Context, Outcome, Passed, Proof, Spot, What};
use super::steps::{point_step, push_path, role_of, step, through};
use crate::finding::error::{GcError, NonReference};
use crate::finding::typed::{Thing, TypeBroken, Typed};
use crate::finding::witness::{Role, Step, Witness};
use crate::ir::cfg::{Cfg, Node};
use crate::ir::instruction::access;
use crate::ir::path::Point;
use cranelift_codegen::ir::{Function, Inst, StackSlot, Value, types};

/// What came of the search for another path.
#[expect(
    clippy::large_enum_variant,
    reason = "it is matched at once, and there is one for each error"
)]
pub(crate) enum Elsewhere {
    /// The error as it is there, and the path.
    Shown(GcError, Witness),
    /// Every path was followed, and none shows it.
    Nowhere,
    /// None was found.
    Unknown,
}

/// What `error` claims of a path: one of these holds. Nothing, if it is not about what happens on one.
fn claims(func: &Function, error: &GcError) -> Option<Vec<Claim>> {
    let inst = error.inst();
    let claim = |after, what| Claim { inst, after, what };
    let spots = |slot, offset| spots(func, inst, slot, offset).into_iter();
    match *error {
        GcError::MissingRoot { value, .. } | GcError::StaleReference { value, .. } => {
            let mut claims = vec![
                claim(false, What::Stale(value)),
                claim(true, What::Stale(value)),
            ];
            // NB: The value that was spilled may be gone; what is left of it is what was stored.
            match access(func, inst).and_then(|access| access.result) {
                Some(result) => claims.push(claim(true, What::Stale(result))),
                None => claims
                    .extend(entries(func, inst).map(|spot| claim(false, What::StaleRoot(spot)))),
            }
            claims.extend(of_operands(func, inst));
            Some(claims)
        }
        GcError::StaleDerivedPointer { value, .. } => {
            let mut claims = vec![
                claim(false, What::Stale(value)),
                claim(true, What::Stale(value)),
            ];
            claims.extend(of_operands(func, inst));
            Some(claims)
        }
        GcError::UninitializedRoot { slot, offset, .. } => {
            let loaded = access(func, inst).and_then(|access| access.result);
            Some(match loaded {
                Some(result) => vec![claim(true, What::LoadsUnset(result))],
                None => spots(slot, offset)
                    .map(|spot| claim(false, What::Unset(spot)))
                    .collect(),
            })
        }
        GcError::NonReferenceRoot {
            slot, offset, why, ..
        } => match why {
            NonReference::EntryType(_)
            | NonReference::OutOfBounds { .. }
            | NonReference::Overlaps => None,
            NonReference::StoredType(_)
            | NonReference::Constant(_)
            | NonReference::Derived
            | NonReference::Scalar
            | NonReference::RawPointer
            | NonReference::Address
            | NonReference::Partial => Some(
                spots(slot, offset)
                    .map(|spot| claim(false, What::NoReference(spot)))
                    // What turns out to be one may be stale.
                    .chain(spots(slot, offset).map(|spot| claim(false, What::StaleRoot(spot))))
                    .collect(),
            ),
        },
        GcError::ClobberedRoot {
            slot,
            offset,
            expected,
            ..
        } => Some(
            spots(slot, offset)
                .map(|spot| match expected {
                    Some(expected) => claim(false, What::Other(spot, expected)),
                    None => claim(false, What::NoReference(spot)),
                })
                .collect(),
        ),
        GcError::UnguardedDereference { value, word, .. }
        | GcError::GuardRemoved { value, word, .. } => {
            Some(vec![claim(false, What::IsWord(value, word.into()))])
        }
        GcError::UnstoredWord { value, offset, .. } => {
            Some(vec![claim(false, What::Unstored(value, offset))])
        }
        GcError::StaleHeapBase { .. }
        | GcError::StaleState { .. }
        | GcError::UninitializedObject { .. } => Some(vec![claim(false, What::Reached)]),
        // NB: What tests say of types is followed along the path before it is given.
        GcError::TypeBroken(broken) => Some(vec![claim(false, arrives(func, &broken))]),
        GcError::OutOfObject(_)
        | GcError::MissingBarrier(_)
        | GcError::MovableLoad { .. }
        | GcError::TrapLost { .. }
        | GcError::FieldMoved { .. }
        | GcError::FieldOtherwise { .. }
        | GcError::SupertypeCycle { .. }
        | GcError::FactContradicted { .. }
        | GcError::UnsoundForwarding { .. }
        | GcError::RepresentationChanged { .. }
        | GcError::MembershipChanged { .. }
        | GcError::UnequalRewrite { .. }
        | GcError::LostStackMap { .. } => None,
    }
}

/// That what arrives is what `broken` says.
fn arrives(func: &Function, broken: &TypeBroken) -> What {
    let TypeBroken {
        inst,
        value,
        thing,
        what,
        ..
    } = *broken;
    let Some(value) = value.map(|value| func.dfg.resolve_aliases(value)) else {
        return What::Reached;
    };
    let passed = match thing {
        Thing::Null => Passed::Null,
        Thing::I31 if func.dfg.value_type(value) == types::I32 => Passed::Odd,
        Thing::I31 | Thing::Number | Thing::Other(_) | Thing::Exactly(..) | Thing::Below(..) => {
            Passed::Anything
        }
    };
    match (what, passed) {
        (Typed::Param(param), _) if func.dfg.insts[inst].opcode().is_branch() => {
            What::Passes(value, param, passed)
        }
        // NB: What comes into being there is nothing before, and what a fact says of it is what is broken.
        _ if func.dfg.value_def(value).inst() == Some(inst) => What::Reached,
        (_, Passed::Anything) => What::Reached,
        (_, Passed::Null) => What::IsWord(value, 0),
        (_, Passed::Odd) => What::IsOdd(value),
    }
}

/// Does `error` say what happens on a path?
pub(crate) fn is_of_path(func: &Function, error: &GcError) -> bool {
    claims(func, error).is_some()
}

/// That one of the operands of `inst`, or of what it passes to blocks, is stale.
fn of_operands(func: &Function, inst: Inst) -> Vec<Claim> {
    let mut values: Vec<Value> = func
        .dfg
        .inst_values(inst)
        .map(|value| func.dfg.resolve_aliases(value))
        .collect();
    values.sort_unstable();
    values.dedup();
    let is_branch = func.dfg.insts[inst].opcode().is_branch();
    let claim = |after| {
        move |value| Claim {
            inst,
            after,
            what: What::Stale(value),
        }
    };
    let mut claims: Vec<Claim> = values.iter().copied().map(claim(false)).collect();
    if is_branch {
        claims.extend(values.into_iter().map(claim(true)));
    }
    claims
}

/// The places that the stack map of `inst` names.
fn entries(func: &Function, inst: Inst) -> impl Iterator<Item = Spot> + '_ {
    let entries = func.dfg.user_stack_map_entries(inst).unwrap_or_default();
    entries.iter().map(|entry| Spot {
        slot: entry.slot,
        offset: entry.offset,
        ty: entry.ty,
    })
}

/// The places that begin there and that `inst` reads, itself or by its stack map.
fn spots(func: &Function, inst: Inst, slot: StackSlot, offset: u32) -> Vec<Spot> {
    match access(func, inst) {
        Some(access) => vec![Spot {
            slot,
            offset,
            ty: access.ty,
        }],
        None => entries(func, inst)
            .filter(|spot| spot.slot == slot && spot.offset == offset)
            .collect(),
    }
}

/// The blocks that `witness` enters, from the entry on.
fn blocks_of(cfg: &Cfg, witness: &Witness) -> Option<Vec<Node>> {
    let first = witness.steps.first()?.block;
    let later = witness.steps[1..].iter();
    let later = later.filter(|step| step.inst.is_none());
    let blocks = witness.lead.iter().copied().chain([first]);
    let blocks = blocks.chain(later.map(|step| step.block));
    blocks.map(|block| cfg.node(block)).collect()
}

/// Does what `error` says hold along the path of `witness`?
pub(crate) fn along(
    context: &Context<'_>,
    cfg: &Cfg,
    error: &GcError,
    witness: &Witness,
) -> Result<(), &'static str> {
    let Some(claims) = claims(context.func(), error) else {
        return Ok(());
    };
    let blocks = blocks_of(cfg, witness).ok_or("it leaves the reachable code")?;
    if blocks.first() != Some(&0) {
        return Err("it does not begin at the entry");
    }
    for claim in &claims {
        if let Outcome::Shown(proof) = execution::along(context, cfg, claim, &blocks)
            && agrees(error, &proof)
        {
            return Ok(());
        }
    }
    Err("what it says is not so on that path, or the path cannot be taken")
}

/// Was the safepoint that `error` names passed without the value, if it says so?
fn agrees(error: &GcError, proof: &Proof) -> bool {
    let at = |safepoint: Inst| proof.safepoints.iter().any(|&(inst, _)| inst == safepoint);
    match *error {
        GcError::MissingRoot { safepoint, .. } => !proof.is_root && at(safepoint),
        GcError::StaleReference { safepoint, .. }
        | GcError::StaleDerivedPointer { safepoint, .. } => at(safepoint),
        GcError::NonReferenceRoot { why, .. } => proof.why == Some(why),
        // What these name is what the claim is about.
        _ => true,
    }
}

/// Look for a path that shows `error`.
pub(crate) fn elsewhere(
    context: &Context<'_>,
    cfg: &Cfg,
    error: &GcError,
    witness: &Witness,
) -> Elsewhere {
    let Some(claims) = claims(context.func(), error) else {
        return Elsewhere::Unknown;
    };
    if is_told_by_its_check(error) {
        return by_another_lead(context, cfg, error, witness, &claims);
    }
    let mut nowhere = true;
    for claim in &claims {
        match execution::anywhere(context, cfg, claim) {
            Outcome::Shown(proof) => match shown(context.func(), cfg, error, &proof) {
                Some((error, witness)) => return Elsewhere::Shown(error, witness),
                None => nowhere = false,
            },
            Outcome::Refuted => {}
            Outcome::Unknown => nowhere = false,
        }
    }
    match nowhere && !claims.is_empty() {
        true => Elsewhere::Nowhere,
        false => Elsewhere::Unknown,
    }
}

/// Does only the check that found `error` know what its path has to pass?
fn is_told_by_its_check(error: &GcError) -> bool {
    matches!(
        error,
        GcError::UnguardedDereference { .. }
            | GcError::GuardRemoved { .. }
            | GcError::TypeBroken(_)
            | GcError::UnstoredWord { .. }
            | GcError::UninitializedObject { .. }
            | GcError::StaleHeapBase { .. }
            | GcError::StaleState { .. }
    )
}

/// Look for another way to where `witness` begins.
fn by_another_lead(
    context: &Context<'_>,
    cfg: &Cfg,
    error: &GcError,
    witness: &Witness,
    claims: &[Claim],
) -> Elsewhere {
    let shown = Witness {
        steps: witness.steps.clone(),
        lead: Vec::new(),
    };
    let Some(end) = blocks_of(cfg, &shown) else {
        return Elsewhere::Unknown;
    };
    for claim in claims {
        if let Outcome::Shown(proof) = execution::ending(context, cfg, claim, &end) {
            let lead = &proof.blocks[..proof.blocks.len() - end.len()];
            let witness = Witness {
                lead: lead.iter().map(|&node| cfg.block(node)).collect(),
                ..shown
            };
            return Elsewhere::Shown(*error, witness);
        }
    }
    // NB: The same may be so on another path, which is for the check to find.
    let refuted = |claim| matches!(execution::anywhere(context, cfg, claim), Outcome::Refuted);
    match claims.iter().all(refuted) {
        true => Elsewhere::Nowhere,
        false => Elsewhere::Unknown,
    }
}

/// A point of a path: the number of the block among those that it enters, and the instruction.
#[derive(Clone, Copy)]
struct Mark {
    position: usize,
    inst: Option<Inst>,
    role: Role,
}

/// The error that `proof` shows, with its path.
fn shown(func: &Function, cfg: &Cfg, error: &GcError, proof: &Proof) -> Option<(GcError, Witness)> {
    let inst = error.inst();
    let end = Mark {
        position: proof.blocks.len() - 1,
        inst: Some(inst),
        role: role_of(func, inst),
    };
    match *error {
        GcError::MissingRoot { value, .. } | GcError::StaleReference { value, .. } => {
            let (value, defined, passed) = label(func, cfg, proof, value)?;
            let safepoint = passed.inst?;
            let error = match proof.is_root {
                true => GcError::StaleReference {
                    inst,
                    value,
                    safepoint,
                },
                false => GcError::MissingRoot {
                    inst,
                    value,
                    safepoint,
                },
            };
            let end = Mark {
                role: Role::Use,
                ..end
            };
            Some((error, path(func, cfg, proof, &[defined, passed, end])))
        }
        GcError::StaleDerivedPointer {
            value,
            base,
            is_unrooted,
            ..
        } => {
            let (base, defined, passed) = label(func, cfg, proof, base)?;
            let error = GcError::StaleDerivedPointer {
                inst,
                value,
                base,
                safepoint: passed.inst?,
                is_unrooted,
            };
            let end = Mark {
                role: Role::Use,
                ..end
            };
            Some((error, path(func, cfg, proof, &[defined, passed, end])))
        }
        GcError::UninitializedRoot { .. } => {
            let entry = Mark {
                position: 0,
                inst: None,
                role: Role::Through,
            };
            Some((*error, path(func, cfg, proof, &[entry, end])))
        }
        GcError::NonReferenceRoot { .. } if proof.why.is_none() => {
            // It is a reference, but a stale one.
            let any = proof.values.first().map(|&(value, _)| value)?;
            let (value, defined, passed) = label(func, cfg, proof, any)?;
            let error = GcError::MissingRoot {
                inst,
                value,
                safepoint: passed.inst?,
            };
            Some((error, path(func, cfg, proof, &[defined, passed, end])))
        }
        GcError::NonReferenceRoot { slot, offset, .. } => {
            let (store, data) = last_store(func, cfg, proof, inst)?;
            let error = GcError::NonReferenceRoot {
                inst,
                slot,
                offset,
                value: data,
                why: proof.why?,
            };
            Some((error, path(func, cfg, proof, &[store, end])))
        }
        GcError::ClobberedRoot { .. } => {
            let (store, _) = last_store(func, cfg, proof, inst)?;
            Some((*error, path(func, cfg, proof, &[store, end])))
        }
        // See `is_told_by_its_check`; the others are about no path.
        _ => None,
    }
}

/// The value to blame, `preferred` if it is one, with its definition and a safepoint that it did not survive.
fn label(
    func: &Function,
    cfg: &Cfg,
    proof: &Proof,
    preferred: Value,
) -> Option<(Value, Mark, Mark)> {
    let mut candidates: Vec<(Value, usize)> = Vec::new();
    let is = |of: &dyn Fn(Value) -> bool| {
        let found = proof.values.iter().filter(|&&(value, _)| of(value));
        found.copied().collect::<Vec<_>>()
    };
    candidates.extend(is(&|value| value == preferred));
    candidates.extend(is(&|value| proof.same.contains(&value)));
    candidates.extend(is(&|_| true));
    candidates.into_iter().find_map(|(value, position)| {
        let point = Point::of_value(func, cfg, value)?;
        let defined = Mark {
            position,
            inst: point.inst,
            role: Role::Definition,
        };
        let is_later = |&&(inst, at): &&(Inst, usize)| {
            at > position
                || at == position
                    && point
                        .inst
                        .is_none_or(|def| func.layout.pp_cmp(def, inst).is_lt())
        };
        let &(inst, at) = proof.safepoints.iter().find(is_later)?;
        let passed = Mark {
            position: at,
            inst: Some(inst),
            role: Role::Safepoint,
        };
        Some((value, defined, passed))
    })
}

/// What stored what is in the slot before `inst`, and the value that it stores.
fn last_store(
    func: &Function,
    cfg: &Cfg,
    proof: &Proof,
    inst: Inst,
) -> Option<(Mark, Option<Value>)> {
    let store = proof.store?;
    let node = cfg.node_of_inst(func, store)?;
    // NB: In the block of `inst`, it may come after it, and was executed when the block was entered before.
    let last = proof.blocks.len() - 1;
    let is_before = |position| position != last || func.layout.pp_cmp(store, inst).is_lt();
    let mut entered = proof.blocks.iter().enumerate().rev();
    let (position, _) =
        entered.find(|&(position, &entered)| entered == node && is_before(position))?;
    let mark = Mark {
        position,
        inst: Some(store),
        role: Role::Clobber,
    };
    let data = access(func, store).and_then(|access| access.data);
    Some((mark, data.map(|data| func.dfg.resolve_aliases(data))))
}

/// The path of `proof`, from the first of `marks` to the last.
fn path(func: &Function, cfg: &Cfg, proof: &Proof, marks: &[Mark]) -> Witness {
    let first = marks[0];
    let lead = proof.blocks[..first.position].iter();
    let node = proof.blocks[first.position];
    let mut steps: Vec<Step> = match first.inst {
        Some(inst) => step(func, first.role, inst).into_iter().collect(),
        None if first.role == Role::Through => vec![through(cfg, node)],
        None => vec![point_step(cfg, Point { node, inst: None }, first.role)],
    };
    for pair in marks.windows(2) {
        let [from, to] = [pair[0], pair[1]];
        if let Some(inst) = to.inst {
            let blocks = &proof.blocks[from.position..=to.position];
            push_path(func, cfg, &mut steps, blocks, to.role, inst);
        }
    }
    Witness {
        steps,
        lead: lead.map(|&node| cfg.block(node)).collect(),
    }
}
