//! Whether the input has to be verified itself.
//!
//! **Claim.** Where an input [can wait](can_wait), and what came out of a pass is [enough](Unseen::is_enough), verifying the input would have found nothing.
//!
//! **Strength.** What came out was verified as an input is: no proof from before was taken for granted, and the checks that
//! judge the producer's CLIF alone were made. Assumed is that rewrites which were judged and accepted keep the function's
//! behaviour, that the optimizer adds no guard, bounds check or barrier, and that it does not turn what breaks an invariant into
//! something that does not, but for what is listed here. What the optimizer removes because nothing uses it is looked at only
//! if it is a load.
//!
//! **Math.** The input is verified at once if one of these holds of it: an address is made null where it is out of bounds, and
//! nothing accesses it; a reference is computed; a load that the optimizer may move is not guarded where it is, or reads a
//! reference or what is made later. It is verified
//! itself later if one of these holds of the output: a finding, whatever it is; a dereference or a typed position of which
//! nothing can be said; callees that were inlined; a block that cannot be reached any more; a load from an object, or of a
//! reference, that is there no more, and that no judged rewrite took away; a rewrite that put what is no reference in the place
//! of one; a block parameter that was removed, though what took its place need not be what its fact says.
//!
//! | what needs the input | why the output is enough, or what makes the input be verified |
//! |---|---|
//! | the rewrites (GCV08, 13, 14, 15) | what values are, and the graph, are found in the input in any case |
//! | guards that a pass removed (GCV16) | the dereference has no guard then, which is a finding (GCV10) of the output |
//! | dereferences whose reference has lost its type | nothing can be said of them, or a rewrite put another value there |
//! | elements, fills and barriers (GCV18, GCV19) | they are judged in the output as in an input; what is not proved there is a finding |
//! | what is passed for a block parameter that is constant | its fact is compared with that of what takes its place |
//! | accesses that a pass moves behind a guard | such loads are judged in the input |
//! | references, and what is made later, that are read by loads which may move | the optimizer may read them later: not put off |
//! | references that are computed | the optimizer computes them where they are used, so that they are always fresh: not put off |
//! | faults in code that the optimizer removed | blocks that cannot be reached any more, loads that are gone |
//! | whose fault it is | each finding makes the input be verified first |

use crate::analysis::class::Class;
use crate::analysis::facts::Facts;
use crate::analysis::graph::Snapshot;
use crate::analysis::kind::thing::{Fits, fits};
use crate::check::dereference;
use crate::evidence::findings::Findings;
use crate::finding::code::Checks;
use crate::finding::report::{Report, Verdict};
use crate::ir::cfg::constant;
use crate::ir::gc_info::read_by;
use crate::ir::instruction::Kind;
use crate::ir::view::Memory;
use crate::rewrite::judge::Rewrites;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::gc_verifier::Rewrite;
use cranelift_codegen::ir::{
    Function, GcFact, GcLoad, Inst, InstructionData, Opcode, Value, ValueDef,
};

/// Need the function with these facts not be verified before it is optimized?
pub(crate) fn can_wait(facts: &Facts) -> bool {
    let func = facts.func;
    let info = &func.dfg.gc_info;
    let mut traced = info.facts().filter(|(_, fact)| fact.is_traced());
    let accesses = facts.body.accesses().iter();
    // NB: The optimizer computes what is pure where it is used, and loads there what may move.
    let is_computed = traced.any(|(value, _)| is_computed(func, value))
        || info
            .declared()
            .iter()
            .any(|&value| is_computed(func, value));
    let is_moving = |addr: Value| {
        let is_reference = matches!(info.fact(addr), Some(GcFact::Ref { .. }));
        is_reference || facts.values.class(addr) > Class::Payload
    };
    // NB: The optimizer may also load these later than the producer does.
    let mut may_move = accesses.filter(|memory| {
        let flags = memory.access.flags;
        memory.access.data.is_none() && flags.can_move() && flags.readonly()
    });
    let ages = |memory: &&Memory| {
        let result = memory.access.result;
        let is_reference = result.is_some_and(|v| facts.values.class(v) == Class::Reference);
        is_reference || read_by(func, memory.inst) == Some(GcLoad::Late)
    };
    let is_access = |memory: &&Memory| is_moving(memory.access.addr);
    let is_urgent = facts.body.has_lost_check()
        || is_computed
        || may_move.clone().any(|memory| ages(&memory))
        || may_move.any(|memory| is_access(&memory)) && has_open_guards(facts);
    !is_urgent
}

/// Is `value` computed, and no constant, nor one of others?
fn is_computed(func: &Function, value: Value) -> bool {
    let ValueDef::Result(inst, _) = func.dfg.value_def(value) else {
        return false;
    };
    let kind = Kind::of_inst(func, inst);
    if kind.is(Kind::CALLS.or(Kind::LOADS).or(Kind::SAME)) {
        return false;
    }
    // NB: An i31 is made of an integer.
    match func.dfg.insts[inst] {
        InstructionData::UnaryImm { .. } => false,
        InstructionData::Binary {
            opcode: Opcode::Bor,
            args,
        } => {
            let mut constants = args.iter().filter_map(|&arg| constant(func, arg));
            !constants.any(|n| n % 2 == 1)
        }
        _ => true,
    }
}

/// Is a dereference not guarded, or not known to be?
fn has_open_guards(facts: &Facts) -> bool {
    let mut findings = Findings::new(Checks::all());
    dereference::check(facts, &mut findings);
    findings.has_any() || findings.counts.unjudged > 0
}

/// An input that was not verified, and what became of it.
#[derive(Default)]
pub(crate) struct Unseen {
    /// The instructions that judged rewrites took away.
    removed: EntitySet<Inst>,
    /// Did a rewrite put what is no reference in the place of one?
    is_reference_lost: bool,
    /// Is a block parameter gone whose fact need not hold of what was passed for it?
    is_position_lost: bool,
}

impl Unseen {
    /// `rewrite`, with which nothing is wrong, is about to be done to `func`.
    pub(crate) fn note(&mut self, func: &Function, rewrite: Rewrite, judge: &Rewrites) {
        self.is_reference_lost |= judge.loses_reference(func, rewrite);
        if let Rewrite::ConstantPhi { param, value } = rewrite {
            self.is_position_lost |= !fits_in(func, judge, param, value);
        }
        let removed = match rewrite {
            // NB: Loads that nothing can be seen of are values like others.
            Rewrite::Gvn { orig, .. } => func.dfg.value_def(orig).inst(),
            Rewrite::ForwardLoad { load: inst, .. }
            | Rewrite::GvnSkeleton { inst, .. }
            | Rewrite::SkeletonRemoveWithVal { inst, .. }
            | Rewrite::SkeletonReplace { inst, .. }
            | Rewrite::SkeletonReplaceWithVal { inst, .. } => Some(inst),
            Rewrite::Simplify { .. }
            | Rewrite::Subsume { .. }
            | Rewrite::SkeletonRemove { .. }
            | Rewrite::ReplaceBranchCond { .. }
            | Rewrite::ReplaceWithTwo { .. }
            | Rewrite::IdempotentStore { .. }
            | Rewrite::DeadStore { .. }
            | Rewrite::ConstantPhi { .. }
            | Rewrite::Hoist { .. }
            | Rewrite::Remat { .. }
            | Rewrite::Inline { .. } => None,
        };
        if let Some(inst) = removed.filter(|&inst| func.dfg.insts[inst].opcode().can_load()) {
            self.removed.insert(inst);
        }
    }

    /// Need the input not be verified, now that it became `func`, for which `report` and `known` were found?
    ///
    /// `classes` are those of the values of the input.
    pub(crate) fn is_enough(
        &self,
        input: &Function,
        classes: &[Class],
        func: &Function,
        (report, known): (&Report, &Snapshot),
    ) -> bool {
        let Some(graph) = &known.graph else {
            return false;
        };
        let counts = &report.counts;
        let is_all_judged = counts.unjudged == 0 && counts.positions_unjudged == 0;
        let mut blocks = func.layout.blocks();
        report.verdict() == Verdict::Verified
            && is_all_judged
            && !self.is_reference_lost
            && !self.is_position_lost
            && blocks.all(|block| graph.cfg.node(block).is_some())
            && !self.is_load_gone(input, classes, func)
    }

    /// Is a load gone that matters, though no rewrite took it away?
    fn is_load_gone(&self, input: &Function, classes: &[Class], func: &Function) -> bool {
        let info = &input.dfg.gc_info;
        let class = |value| {
            let value = input.dfg.resolve_aliases(value);
            classes.get(value.as_u32() as usize).copied()
        };
        let matters = |inst| {
            let mut values = input.dfg.inst_args(inst).iter();
            let is_typed = info.object(inst).is_some() || info.place(inst).is_some();
            let result = input.dfg.inst_results(inst).first();
            is_typed
                || info.is_gc_mutable_load(inst)
                || result.is_some_and(|&result| class(result) != Some(Class::Plain))
                || values.any(|&value| class(value) != Some(Class::Plain))
        };
        let mut insts = (0..input.dfg.num_insts()).map(|inst| Inst::from_u32(inst as u32));
        insts.any(|inst| {
            input.dfg.insts[inst].opcode().can_load()
                && func.layout.inst_block(inst).is_none()
                && input.layout.inst_block(inst).is_some()
                && !self.removed.contains(inst)
                && matters(inst)
        })
    }
}

/// Is `value` what the fact of the block parameter `param` says, by a fact of its own?
fn fits_in(func: &Function, judge: &Rewrites, param: Value, value: Value) -> bool {
    let info = &func.dfg.gc_info;
    let fact = info.fact(func.dfg.resolve_aliases(value));
    match info.fact(param) {
        None => true,
        Some(promise @ GcFact::Ref { .. }) => {
            fact.is_some_and(|fact| fits(info, fact, promise) == Fits::Yes)
        }
        Some(GcFact::Scalar | GcFact::HeapBase | GcFact::Derived { .. }) => {
            !judge.is_reference(func, value)
        }
    }
}
