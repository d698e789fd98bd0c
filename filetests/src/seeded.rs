//! A pass that is wrong where a test wants it to be.
//!
//! No right optimizer asks for what the guard has to refuse. This pass does what the `; rewrite:`
//! comments of a function tell, in their order and as the optimizer would: it asks before each deed,
//! goes on without it when the answer is no, and shows what it left behind. If that is broken, what
//! the pass was given is taken up again.

use crate::optimized::Optimized;
use crate::reports::Reports;
use anyhow::{Context as _, Result, bail};
use cranelift_codegen::dominator_tree::DominatorTree;
use cranelift_codegen::flowgraph::ControlFlowGraph;
use cranelift_codegen::gc_verifier::{Answer, FunctionGuard, GcVerifierErrors, Pass, Rewrite};
use cranelift_codegen::ir::{Block, Function, Inst, Value, ValueDef};
use cranelift_codegen::isa::TargetIsa;
use cranelift_gc_verifier::Options;

/// What comes of `func` when these rewrites are asked for under the verifier.
pub(crate) fn seeded(
    func: &Function,
    isa: &dyn TargetIsa,
    options: Options,
    rewrites: &[Rewrite],
) -> Result<Optimized> {
    let reports = Reports::default();
    let verifier = reports.verifier(options);
    let mode = isa.flags().gc_verifier();
    let guard = verifier.start(func, isa, mode);
    let mut guard = guard.context("there is nothing of interest in it")?;
    let came_out = pass(func, &mut *guard, rewrites)?;
    // The report is made when the guard goes.
    drop(guard);
    Ok(Optimized::new(came_out.as_ref(), reports.take().pop()))
}

/// `None` if the function is not even begun with.
fn pass(
    func: &Function,
    guard: &mut dyn FunctionGuard,
    rewrites: &[Rewrite],
) -> Result<Option<Function>> {
    if show(func, guard, Pass::Input).is_err() {
        return Ok(None);
    }
    let mut rewritten = func.clone();
    for &rewrite in rewrites {
        if guard.rewrite(&rewritten, rewrite) == Answer::Accept {
            perform(&mut rewritten, rewrite)?;
        }
    }
    if show(&rewritten, guard, Pass::Egraph).is_ok() {
        return Ok(Some(rewritten));
    }
    guard.restored(func, Pass::Egraph);
    Ok(Some(func.clone()))
}

fn show(
    func: &Function,
    guard: &mut dyn FunctionGuard,
    pass: Pass,
) -> Result<(), GcVerifierErrors> {
    let cfg = ControlFlowGraph::with_function(func);
    let domtree = DominatorTree::with_function(func, &cfg);
    guard.pass_end(func, pass, &cfg, &domtree)
}

fn perform(func: &mut Function, rewrite: Rewrite) -> Result<()> {
    match rewrite {
        Rewrite::Simplify { orig, new, .. } | Rewrite::Subsume { orig, new, .. } => {
            let inst = definition(func, orig)?;
            replace_inst(func, inst, Some(new));
        }
        Rewrite::Gvn { orig, kept } => {
            let inst = definition(func, orig)?;
            replace_inst(func, inst, Some(kept));
        }
        Rewrite::GvnSkeleton { inst, kept } => replace_inst(func, inst, kept),
        Rewrite::SkeletonRemoveWithVal { inst, val, .. } => replace_inst(func, inst, Some(val)),
        Rewrite::ForwardLoad { load, value } => replace_inst(func, load, Some(value)),
        Rewrite::SkeletonRemove { inst, .. }
        | Rewrite::IdempotentStore { store: inst }
        | Rewrite::DeadStore { dead: inst, .. } => replace_inst(func, inst, None),
        Rewrite::ReplaceBranchCond { inst, cond, .. } => {
            func.dfg.inst_args_mut(inst)[0] = cond;
        }
        Rewrite::ConstantPhi { param, value } => replace_uses(func, param, value),
        Rewrite::Hoist { value, to, .. } => hoist(func, value, to)?,
        Rewrite::Remat { value, at } => remat(func, value, at)?,
        Rewrite::SkeletonReplace { .. }
        | Rewrite::SkeletonReplaceWithVal { .. }
        | Rewrite::ReplaceWithTwo { .. }
        | Rewrite::Inline { .. } => bail!("no comment asks for {rewrite:?}"),
    }
    Ok(())
}

fn definition(func: &Function, value: Value) -> Result<Inst> {
    match func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => Ok(inst),
        ValueDef::Param(..) | ValueDef::Union(..) => bail!("no instruction defines {value}"),
    }
}

fn replace_inst(func: &mut Function, inst: Inst, by: Option<Value>) {
    if let (Some(by), [result]) = (by, func.dfg.inst_results(inst)) {
        replace_uses(func, *result, by);
    }
    func.layout.remove_inst(inst);
}

fn replace_uses(func: &mut Function, value: Value, by: Value) {
    let blocks: Vec<Block> = func.layout.blocks().collect();
    for block in blocks {
        let insts: Vec<Inst> = func.layout.block_insts(block).collect();
        for inst in insts {
            replace_uses_in(func, inst, value, by);
        }
    }
}

fn replace_uses_in(func: &mut Function, inst: Inst, value: Value, by: Value) {
    let exchange = |used| if used == value { by } else { used };
    func.dfg.map_inst_values(inst, exchange);
}

fn hoist(func: &mut Function, value: Value, to: Block) -> Result<()> {
    let inst = definition(func, value)?;
    let last = func.layout.last_inst(to);
    let last = last.with_context(|| format!("{to} is empty"))?;
    func.layout.remove_inst(inst);
    func.layout.insert_inst(inst, last);
    Ok(())
}

fn remat(func: &mut Function, value: Value, at: Inst) -> Result<()> {
    let inst = definition(func, value)?;
    let again = func.dfg.clone_inst(inst);
    let computed = func.dfg.first_result(again);
    func.layout.insert_inst(again, at);
    replace_uses_in(func, at, value, computed);
    Ok(())
}
