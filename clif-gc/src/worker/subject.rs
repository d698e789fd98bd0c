//! What a rewrite is about, in words.

use super::expression;
use crate::triage::protocol::Side;
use cranelift_codegen::gc_verifier::{Pass, Rewrite};
use cranelift_codegen::ir::{Function, Inst, Value};
use cranelift_gc_verifier::rule_name;

/// What a rewrite is about.
pub struct Subject {
    /// The event, in words with dashes.
    pub event: &'static str,
    /// The pass that asks.
    pub pass: Pass,
    /// The rule that asks, as `file:line`.
    pub rule: Option<String>,
    /// What goes.
    pub from: Thing,
    /// What comes.
    pub to: Option<Thing>,
    /// What else there is to say.
    pub note: Option<String>,
}

/// One side of a rewrite.
#[derive(Clone, Copy)]
pub enum Thing {
    /// A value.
    Value(Value),
    /// An instruction.
    Inst(Inst),
    /// Two instructions, one after the other.
    Two(Inst, Inst),
}

impl Thing {
    /// The first entity that it is about.
    pub fn entity(self) -> String {
        match self {
            Thing::Value(value) => value.to_string(),
            Thing::Inst(inst) | Thing::Two(inst, _) => inst.to_string(),
        }
    }

    /// As it is shown.
    pub fn side(self, func: &Function) -> Side {
        let results = |inst: Inst| func.dfg.inst_results(inst).iter().map(ToString::to_string);
        match self {
            Thing::Value(value) => Side {
                text: expression::value(func, value),
                fact: fact(func, value),
                entities: vec![value.to_string(), expression::root(func, value).to_string()],
            },
            Thing::Inst(inst) => Side {
                text: expression::instruction(func, inst),
                fact: func
                    .dfg
                    .inst_results(inst)
                    .first()
                    .and_then(|&value| fact(func, value)),
                entities: [inst.to_string()]
                    .into_iter()
                    .chain(results(inst))
                    .collect(),
            },
            Thing::Two(first, second) => Side {
                text: format!(
                    "{}; {}",
                    expression::instruction(func, first),
                    expression::instruction(func, second)
                ),
                fact: None,
                entities: vec![first.to_string(), second.to_string()],
            },
        }
    }
}

/// What is known of `value`: its fact, or that it was declared to need stack maps.
fn fact(func: &Function, value: Value) -> Option<String> {
    let info = &func.dfg.gc_info;
    let values = [value, expression::root(func, value)];
    let of = |value: Value| match info.fact(value) {
        Some(fact) => Some(fact.to_string()),
        None => info
            .is_declared(value)
            .then(|| "needs_stack_map".to_string()),
    };
    values.into_iter().find_map(of)
}

/// What `rewrite` is about.
pub fn subject(func: &Function, rewrite: Rewrite) -> Subject {
    let value = Thing::Value;
    let inst = Thing::Inst;
    let of = |event, rule: Option<&str>, from, to| Subject {
        event,
        pass: Pass::Egraph,
        rule: rule.map(rule_name),
        from,
        to,
        note: None,
    };
    match rewrite {
        Rewrite::Simplify { orig, new, rule } => {
            of("simplify", rule, value(orig), Some(value(new)))
        }
        Rewrite::Subsume { orig, new, rule } => of("subsume", rule, value(orig), Some(value(new))),
        Rewrite::Gvn { orig, kept } => of("gvn", None, value(orig), Some(value(kept))),
        Rewrite::GvnSkeleton { inst: gone, kept } => {
            of("gvn-skeleton", None, inst(gone), kept.map(value))
        }
        Rewrite::SkeletonRemove { inst: gone, rule } => of("remove", rule, inst(gone), None),
        Rewrite::SkeletonRemoveWithVal {
            inst: gone,
            val,
            rule,
        } => of("remove-with", rule, inst(gone), Some(value(val))),
        Rewrite::SkeletonReplace {
            inst: gone,
            new_inst,
            rule,
        } => of("replace", rule, inst(gone), Some(inst(new_inst))),
        Rewrite::SkeletonReplaceWithVal {
            inst: gone,
            new_inst,
            val,
            rule,
        } => Subject {
            note: Some(format!("its result becomes {val}")),
            ..of("replace-with", rule, inst(gone), Some(inst(new_inst)))
        },
        Rewrite::ReplaceBranchCond {
            inst: branch,
            cond,
            rule,
        } => {
            let old = func.dfg.inst_args(branch).first().copied();
            Subject {
                note: Some(format!(
                    "the condition of {branch}, {}",
                    expression::instruction(func, branch)
                )),
                ..of(
                    "condition",
                    rule,
                    old.map_or(inst(branch), value),
                    Some(value(cond)),
                )
            }
        }
        Rewrite::ReplaceWithTwo {
            inst: gone,
            first,
            second,
            rule,
        } => of(
            "replace-with-two",
            rule,
            inst(gone),
            Some(Thing::Two(first, second)),
        ),
        Rewrite::ForwardLoad { load, value: known } => {
            of("forward-load", None, inst(load), Some(value(known)))
        }
        Rewrite::IdempotentStore { store } => of("idempotent-store", None, inst(store), None),
        Rewrite::DeadStore { dead, overwriter } => Subject {
            note: Some(format!(
                "overwritten by {overwriter}, {}",
                expression::instruction(func, overwriter)
            )),
            ..of("dead-store", None, inst(dead), None)
        },
        Rewrite::ConstantPhi {
            param,
            value: constant,
        } => Subject {
            pass: Pass::ConstantPhis,
            ..of("constant-phi", None, value(param), Some(value(constant)))
        },
        Rewrite::Hoist {
            value: hoisted,
            from,
            to,
        } => Subject {
            note: Some(format!("from {from} to {to}")),
            ..of("hoist", None, value(hoisted), Some(value(hoisted)))
        },
        Rewrite::Remat { value: again, at } => Subject {
            note: Some(format!(
                "again before {at}, {}",
                expression::instruction(func, at)
            )),
            ..of("remat", None, value(again), Some(value(again)))
        },
        Rewrite::Inline { call, callee } => Subject {
            pass: Pass::Inline,
            note: Some(format!("the body of {callee}")),
            ..of("inline", None, inst(call), None)
        },
    }
}
