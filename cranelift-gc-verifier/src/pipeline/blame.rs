//! Whether a fault that a pass left behind was there before.
//!
//! **Claim.** A fault that is reported is one of the input: of values that are equal, one was used where
//! another one stands.
//!
//! **Strength.** A pass may know more than the verifier knows when it looks at the input, for example that what
//! is computed in a roundabout way is a reference after all. Undoing the pass would only hide such a fault. The
//! equalities are those that were judged right while the function was optimized, of what is computed, and of
//! loads where it is certain what they yield ([`certain`](crate::rewrite::certain)). That two loads yield the
//! same because their flags say so is no such equality, and nothing that rests on it is: values are equal only
//! if their signatures are, with each load as a leaf of its own.
//!
//! **Math.** Let `v ~ w` be the least equivalence with those equalities. In the input, each use of `v` becomes
//! one of the `w ~ v` whose definition dominates that of `v`. No instruction moves.

use crate::analysis::history::History;
use crate::finding::options::Options;
use crate::finding::report::{Report, Verdict};
use crate::ir::cfg::{Cfg, constant};
use crate::ir::path::Point;
use crate::pipeline::verify::{guarded, verify_layer};
use crate::report::listing::{Line, listing};
use crate::rewrite::certain;
use crate::rewrite::context::Context;
use crate::rewrite::signature::Signatures;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::gc_verifier::Rewrite;
use cranelift_codegen::ir::{Endianness, Function, GcCollector, Inst, Value};
use std::collections::BTreeMap;

/// What turned out to be equal while a function was optimized.
#[derive(Clone, Debug, Default)]
pub(crate) struct Equalities {
    /// What is computed.
    computed: Vec<(Value, Value)>,
    /// Block parameters.
    phis: Vec<(Value, Value)>,
    /// What is loaded.
    loaded: Vec<(Inst, Value)>,
}

impl Equalities {
    /// `rewrite`, with which nothing is wrong, is about to be done to `func`.
    pub(crate) fn note(&mut self, func: &Function, rewrite: Rewrite) {
        let result = |inst| func.dfg.inst_results(inst).first().copied();
        let is_computed = |value| {
            let def = func.dfg.value_def(value).inst();
            def.is_none_or(|def| {
                let opcode = func.dfg.insts[def].opcode();
                !opcode.can_load() && !opcode.is_call()
            })
        };
        let (orig, new) = match rewrite {
            Rewrite::Simplify { orig, new, .. } | Rewrite::Subsume { orig, new, .. } => (orig, new),
            Rewrite::Gvn { orig, kept } => (orig, kept),
            Rewrite::ConstantPhi { param, value } => return self.phis.push((param, value)),
            Rewrite::ForwardLoad { load, value } => return self.loaded.push((load, value)),
            Rewrite::GvnSkeleton {
                inst,
                kept: Some(new),
            }
            | Rewrite::SkeletonRemoveWithVal { inst, val: new, .. }
            | Rewrite::SkeletonReplaceWithVal { inst, val: new, .. } => match result(inst) {
                Some(orig) => (orig, new),
                None => return,
            },
            Rewrite::GvnSkeleton { kept: None, .. }
            | Rewrite::SkeletonRemove { .. }
            | Rewrite::SkeletonReplace { .. }
            | Rewrite::ReplaceBranchCond { .. }
            | Rewrite::ReplaceWithTwo { .. }
            | Rewrite::IdempotentStore { .. }
            | Rewrite::DeadStore { .. }
            | Rewrite::Hoist { .. }
            | Rewrite::Remat { .. }
            | Rewrite::Inline { .. } => return,
        };
        if is_computed(orig) {
            self.computed.push((orig, new));
        }
    }
}

/// What is wrong with `input`, in view of what is equal in it, and the function in which that can be seen.
pub(crate) fn judge(
    input: &Function,
    equalities: &Equalities,
    options: &Options,
    endianness: Endianness,
) -> Option<(Report, Vec<Line>)> {
    // NB: The function is rejected already: a panic here takes nothing from that.
    let merged = guarded("blame", || merge(input, equalities, endianness)).ok()??;
    let (report, ..) = verify_layer(&merged, options, &History::default(), None);
    (report.verdict() == Verdict::Rejected).then(|| (report, listing(&merged)))
}

/// `input`, with one value for those that are equal. `None` if that is the same.
fn merge(input: &Function, equalities: &Equalities, endianness: Endianness) -> Option<Function> {
    let cfg = Cfg::new(input);
    let mut classes = Classes::default();
    for &(a, b) in equalities.computed.iter().chain(&equalities.phis) {
        classes.union(a, b);
    }
    let context = Context {
        func: input,
        cfg: &cfg,
        collector: input.dfg.gc_info.collector.unwrap_or(GcCollector::Moving),
        endianness,
    };
    let mut signatures = Signatures::with_opaque_loads();
    for &(param, value) in &equalities.phis {
        if is_of(input, param) && is_of(input, value) {
            signatures.merge(input, param, value);
        }
    }
    let mut first = classes.representatives(input, &cfg, &equalities.loaded);
    for &(load, value) in &equalities.loaded {
        let Some(result) = loaded_by(input, load) else {
            continue;
        };
        let value = first.get(&classes.find(value)).copied().unwrap_or(value);
        if is_of(input, value) && certain::yields(context, &mut signatures, load, value) {
            classes.union(result, value);
            signatures.merge(input, result, value);
        }
    }
    first = classes.representatives(input, &cfg, &equalities.loaded);
    let mut stands_for = FxHashMap::default();
    for (value, class) in classes.members(input, &equalities.loaded) {
        let Some(&other) = first.get(&class) else {
            continue;
        };
        let points = [other, value].map(|value| Point::of_value(input, &cfg, value));
        let [Some(before), Some(at)] = points else {
            continue;
        };
        let are_alike = input.dfg.value_type(other) == input.dfg.value_type(value)
            && are_equal(input, &mut signatures, other, value);
        let is_constant = [other, value]
            .iter()
            .any(|&value| constant(input, value).is_some());
        if other != value && are_alike && !is_constant && before.dominates(input, &cfg, at) {
            stands_for.insert(value, other);
        }
    }
    if stands_for.is_empty() {
        return None;
    }
    let mut merged = input.clone();
    for (&value, &other) in sorted(&stands_for) {
        let info = &mut merged.dfg.gc_info;
        if let (None, Some(fact)) = (info.fact(other), info.fact(value)) {
            info.add_fact(other, fact);
        }
        if info.is_declared(value) {
            info.declare(other);
        }
    }
    for block in input.layout.blocks() {
        for inst in input.layout.block_insts(block) {
            merged.dfg.map_inst_values(inst, |value| {
                let value = input.dfg.resolve_aliases(value);
                stands_for.get(&value).copied().unwrap_or(value)
            });
        }
    }
    Some(merged)
}

/// Do both compute the same bits?
fn are_equal(input: &Function, signatures: &mut Signatures, a: Value, b: Value) -> bool {
    let (a, b) = (signatures.of(input, a), signatures.of(input, b));
    a.is_some() && a == b
}

fn sorted(map: &FxHashMap<Value, Value>) -> BTreeMap<&Value, &Value> {
    map.iter().collect()
}

/// Is `value` one of the input, and no alias?
fn is_of(input: &Function, value: Value) -> bool {
    input.dfg.value_is_valid(value) && !input.dfg.value_is_alias(value)
}

/// The result of `load`, if it is one of the input.
fn loaded_by(input: &Function, load: Inst) -> Option<Value> {
    let is_there = (load.as_u32() as usize) < input.dfg.num_insts();
    let is_there = is_there && input.layout.inst_block(load).is_some();
    is_there.then(|| input.dfg.inst_results(load).first().copied())?
}

/// Classes of equal values.
#[derive(Default)]
struct Classes {
    parent: FxHashMap<Value, Value>,
}

impl Classes {
    fn find(&mut self, value: Value) -> Value {
        let mut root = value;
        while let Some(&parent) = self.parent.get(&root) {
            root = parent;
        }
        let mut at = value;
        while at != root {
            at = self.parent.insert(at, root).unwrap_or(root);
        }
        root
    }

    fn union(&mut self, a: Value, b: Value) {
        let (a, b) = (self.find(a), self.find(b));
        if a != b {
            self.parent.insert(a.max(b), a.min(b));
        }
    }

    /// The values of the input that are in a class, or loaded, each with its class; sorted.
    fn members(&mut self, input: &Function, loaded: &[(Inst, Value)]) -> Vec<(Value, Value)> {
        let mut values: Vec<Value> = self.parent.keys().copied().collect();
        values.extend(self.parent.values().copied());
        values.extend(loaded.iter().map(|&(_, value)| value));
        values.sort_unstable();
        values.dedup();
        values.retain(|&value| is_of(input, value));
        values
            .iter()
            .map(|&value| (value, self.find(value)))
            .collect()
    }

    /// Of each class, the value of the input whose definition comes first.
    fn representatives(
        &mut self,
        input: &Function,
        cfg: &Cfg,
        loaded: &[(Inst, Value)],
    ) -> FxHashMap<Value, Value> {
        let mut first = FxHashMap::<Value, Value>::default();
        for (value, class) in self.members(input, loaded) {
            let Some(at) = Point::of_value(input, cfg, value) else {
                continue;
            };
            let known = first.entry(class).or_insert(value);
            let is_before = Point::of_value(input, cfg, *known)
                .is_none_or(|known| at.dominates(input, cfg, known));
            if is_before {
                *known = value;
            }
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::code::Code;
    use crate::testing::parse;

    fn value(n: u32) -> Value {
        Value::from_u32(n)
    }

    fn codes(text: &str, rewrites: &[Rewrite]) -> Option<Vec<Code>> {
        let input = parse(text);
        let mut equalities = Equalities::default();
        for &rewrite in rewrites {
            equalities.note(&input, rewrite);
        }
        let judged = judge(&input, &equalities, &Options::default(), Endianness::Little);
        judged.map(|(report, _)| report.codes())
    }

    const HIDDEN: &str = "function %f(i32, i64) -> i32 {
        fn0 = %collect()
    block0(v0 ! gcref(any, nullable): i32, v1: i64):
        v2 = ireduce.i32 v1
        v3 = bnot v0
        v4 = bnot v3
        call fn0()
        return v4
    }";

    #[test]
    fn a_value_that_is_a_reference_after_all_is_one_of_the_input() {
        let is = |orig, new| Rewrite::Simplify {
            orig: value(orig),
            new: value(new),
            rule: None,
        };
        assert_eq!(codes(HIDDEN, &[]), None);
        assert_eq!(codes(HIDDEN, &[is(4, 2)]), None);
        assert_eq!(codes(HIDDEN, &[is(4, 0)]), Some(vec![Code::Gcv01]));
        // NB: What the pass made is no value of the input, and stands between two that are.
        let equalities = Equalities {
            computed: vec![(value(4), value(900)), (value(900), value(0))],
            ..Equalities::default()
        };
        let options = Options::default();
        let judged = judge(&parse(HIDDEN), &equalities, &options, Endianness::Little);
        assert!(judged.is_some());
    }

    #[test]
    fn what_rests_on_the_flags_of_loads_is_not_equal() {
        let text = "function %f(i64) -> i32 {
            fn0 = %collect()
        block0(v0: i64):
            v1 ! gcheapbase = load.i64 notrap v0+8
            v2 = load.i64 notrap readonly can_move v0+8
            v3 = iconst.i64 16
            v4 = iadd v1, v3
            v5 = iadd v2, v3
            call fn0()
            v6 = load.i32 v5
            return v6
        }";
        let (orig, kept) = (value(5), value(4));
        assert_eq!(codes(text, &[Rewrite::Gvn { orig, kept }]), None);
    }

    #[test]
    fn a_load_is_what_was_stored_where_nothing_else_can_be_there() {
        let text = |between: &str| {
            format!(
                "function %f(i32, i64, i64) -> i32 {{
                    fn0 = %collect()
                block0(v0 ! gcref(any, nullable): i32, v1: i64, v2: i64):
                    store v0, v1
                    {between}
                    v3 = load.i32 v1
                    call fn0()
                    return v3
                }}"
            )
        };
        let found = |between: &str| {
            let text = text(between);
            let func = parse(&text);
            let block = func.layout.entry_block().expect("there is one");
            let mut insts = func.layout.block_insts(block);
            let is_load = |&inst: &Inst| func.dfg.insts[inst].opcode().can_load();
            let load = insts.find(|inst| is_load(inst)).expect("it loads");
            let value = value(0);
            codes(&text, &[Rewrite::ForwardLoad { load, value }])
        };
        assert_eq!(found(""), Some(vec![Code::Gcv01]));
        assert_eq!(found("store v0, v1+4"), Some(vec![Code::Gcv01]));
        assert_eq!(found("store v0, v2"), None);
        assert_eq!(found("store v0, v1+2"), None);
    }
}
