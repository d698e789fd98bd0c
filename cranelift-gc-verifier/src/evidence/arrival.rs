//! Paths on which a value arrives as something that it must not be.
//!
//! **Claim.** [`Arrival::Shown`] comes with a path that [`path::recheck`] accepts, from where the value comes
//! into being to the target. [`Arrival::Never`] means that every path was tried.
//!
//! **Strength.** That of [`path`](crate::analysis::kind::path), for [`MAX_THINGS`] things and [`MAX_ORIGINS`]
//! origins.
//!
//! **Math.** The union of the searches over all pairs of an origin that may be passed and a thing that it may
//! be.

use crate::analysis::kind::path::{self, Found, Target};
use crate::analysis::kind::subject::{Context, Subject, Trial};
use crate::analysis::kind::thing::Things;
use crate::analysis::kind::{Kinds, Source};
use crate::evidence::steps::{point_step, push_path};
use crate::finding::typed::Thing;
use crate::finding::witness::{Role, Step};
use crate::ir::path::Point;
use cranelift_codegen::ir::{InstructionData, Opcode, Value};

/// How many things, and how many places where they come from, paths are sought for.
const MAX_THINGS: usize = 6;
const MAX_ORIGINS: usize = 12;

/// How many choices are taken both ways.
const MAX_CHOICES: usize = 2;

/// What was found of something that may arrive.
pub(crate) enum Arrival {
    /// It does, on this path, as this.
    Shown(Thing, Vec<Step>),
    /// It does not: all paths were tried.
    Never,
    /// That is not known.
    Unknown,
}

/// Find a path to `target` on which what arrives is one of `things`, under `condition`.
pub(crate) fn show(
    kinds: &Kinds,
    target: Target,
    things: Things,
    condition: Option<(Value, bool)>,
) -> Arrival {
    let context = kinds.context;
    let (origins, mut are_all) = kinds.origins(target.value);
    let target = Target {
        origins: &origins,
        ..target
    };
    // NB: What comes from a loop is passed on a path that visits a block twice.
    are_all &= origins.len() <= MAX_ORIGINS && things.numbers().count() <= MAX_THINGS;
    let conditions: Vec<(Value, bool)> = condition.into_iter().collect();
    for number in things.numbers().take(MAX_THINGS) {
        let thing = context.universe.thing(number);
        for &origin in origins.iter().take(MAX_ORIGINS) {
            let Source::Is(may_be) = kinds.source(origin) else {
                continue;
            };
            let Some(subject) = kinds.subject(origin).filter(|_| may_be.contains(number)) else {
                continue;
            };
            for trial in Trial::of(context, origin, thing) {
                let path = match path::find(subject, trial, target, &conditions) {
                    Found::Path(path) => path,
                    Found::None => continue,
                    Found::Unknown => {
                        are_all = false;
                        continue;
                    }
                };
                if path::recheck(subject, trial, target, &conditions, &path[1..]).is_err() {
                    are_all = false;
                    continue;
                }
                let mut steps = vec![point_step(context.cfg, subject.start, Role::Definition)];
                let (func, cfg) = (context.func, context.cfg);
                push_path(func, cfg, &mut steps, &path, Role::Use, target.inst);
                return Arrival::Shown(thing, steps);
            }
        }
    }
    match are_all || arrives_never(kinds, target, things, &conditions) {
        true => Arrival::Never,
        false => Arrival::Unknown,
    }
}

/// Were all paths tried from where the value itself is defined, and does it arrive on none as one of `things`?
///
/// A test may be one of another reference, which is a choice among this one and more: each arm is tried.
fn arrives_never(
    kinds: &Kinds,
    target: Target,
    things: Things,
    conditions: &[(Value, bool)],
) -> bool {
    let context = kinds.context;
    let root = context.root(target.value);
    let choices = choices_of(context, root);
    if things.numbers().count() > MAX_THINGS || choices.len() > MAX_CHOICES {
        return false;
    }
    (0..1usize << choices.len()).all(|which| {
        let mut conditions = conditions.to_vec();
        let mut chosen = Vec::new();
        for (index, choice) in choices.iter().enumerate() {
            let is = which >> index & 1 == 0;
            conditions.push((choice.condition, is));
            chosen.push((choice.result, choice.arms[usize::from(!is)]));
        }
        let roots = context.roots.with(&chosen);
        let context = Context {
            roots: &roots,
            ..context
        };
        let Some(start) = Point::of_value(context.func, context.cfg, root) else {
            return false;
        };
        let subject = Subject {
            context,
            reference: root,
            start,
        };
        let target = Target {
            origins: &[],
            ..target
        };
        things.numbers().all(|number| {
            let thing = context.universe.thing(number);
            let mut trials = Trial::of(context, root, thing);
            trials.all(|trial| {
                let found = path::find(subject, trial, target, &conditions);
                matches!(found, Found::None)
            })
        })
    })
}

/// A choice between references.
struct Choice {
    result: Value,
    condition: Value,
    arms: [Value; 2],
}

/// The choices whose objects are asked what they are, and of which `root` is an arm.
fn choices_of(context: Context, root: Value) -> Vec<Choice> {
    let func = context.func;
    let asked = context.headers.asked(func, context.body).into_iter();
    let mut results: Vec<Value> = asked.map(|asked| context.root(asked)).collect();
    results.sort_unstable();
    results.dedup();
    let choice = |result: Value| {
        let InstructionData::Ternary {
            opcode: Opcode::Select | Opcode::SelectSpectreGuard,
            args: [condition, yes, no],
        } = func.dfg.insts[func.dfg.value_def(result).inst()?]
        else {
            return None;
        };
        let arms = [yes, no].map(|arm| context.root(arm));
        (result != root && arms.contains(&root)).then_some(Choice {
            result,
            condition,
            arms,
        })
    };
    results.into_iter().filter_map(choice).collect()
}
