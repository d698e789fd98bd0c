//! What is known of a function from before: which spilled values are the same, and which dereferences were
//! guarded.
//!
//! **Claim.** Two origins of one class are the same value: at some time during the pass, a spill of either
//! stored the same SSA value, or a spill of one stored a reload of the other.
//!
//! **Strength.** Equality is read off the function just before a removal. It holds at that point, and an origin
//! stands for one value from its definition on.
//!
//! **Math.** The least equivalence on origins that contains each merged pair.
//!
//! The optimizer removes a spill of a value that its slot holds already, under the name of another value that
//! turned out to be the same one. A reload of the former then finds a spill of the latter, and is right. The
//! removal is not trusted: that the two are the same is read off the function before it.
//!
//! **Cost.** Spills are looked up by what they store ([`Spills`]). A removal looks at those that may store the
//! same value, and each of them is merged once.

use crate::analysis::nullness::proofs::Proofs;
use crate::finding::hazard::Hazards;
use crate::ir::gc_info::is_untraced;
use crate::ir::steps::{self, Analysis, Span};
use cranelift_codegen::FxHashMap;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::gc_verifier::Rewrite;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Value, ValueDef};

/// What is known of a function from the rewrites that led to it.
///
/// These are classes of spilled values, where one that was never merged is alone; and the
/// dereferences that were guarded.
#[derive(Clone, Debug, Default)]
pub struct History {
    classes: Classes,
    /// The spills of the function that is being rewritten, once one was removed.
    spills: Option<Spills>,
    /// The names that values got before.
    renamed: Vec<(Value, Value)>,
    /// How many steps may still be taken in this pass, once a spill was removed.
    left: Option<u64>,
    /// Was so much to be looked at that the classes may lack something?
    pub(crate) is_cut_off: bool,
    /// Values that stand for ones which need no stack map.
    untraced: EntitySet<Value>,
    /// The dereferences that were guarded before the last pass.
    pub(crate) proofs: Proofs,
    /// Is the input, which was not verified yet, verified if anything is left open? Nothing need be executed to decide it then.
    pub(crate) asks_input: bool,
}

impl History {
    /// Note that, before the last pass, the dereference `inst` of `reference` was guarded against
    /// `hazards`.
    pub fn note_guarded(&mut self, inst: Inst, reference: Value, hazards: Hazards) {
        self.proofs.add(inst, reference, hazards);
    }

    /// The optimizer is about to do `rewrite` to `func`.
    pub fn rewrite(&mut self, func: &Function, rewrite: Rewrite) {
        let result = |inst| func.dfg.inst_results(inst).first().copied();
        // NB: What is made of skeleton instructions may be stored under another name from now on.
        let (orig, new, is_skeleton) = match rewrite {
            Rewrite::IdempotentStore { store } => return self.merge_spills_like(func, store),
            Rewrite::Simplify { orig, new, .. } | Rewrite::Subsume { orig, new, .. } => {
                (Some(orig), new, false)
            }
            Rewrite::Gvn { orig, kept } => (Some(orig), kept, false),
            Rewrite::GvnSkeleton {
                inst,
                kept: Some(kept),
            } => (result(inst), kept, true),
            Rewrite::SkeletonRemoveWithVal { inst, val, .. }
            | Rewrite::SkeletonReplaceWithVal { inst, val, .. } => (result(inst), val, true),
            Rewrite::ForwardLoad { load, value } => (result(load), value, true),
            // NB: Parameters are removed before spills are.
            Rewrite::ConstantPhi { param, value } => (Some(param), value, false),
            _ => return,
        };
        let Some(orig) = orig else {
            return;
        };
        if is_skeleton {
            match &mut self.spills {
                Some(spills) => spills.rename(func, orig, new),
                None => self.renamed.push((orig, new)),
            }
        }
        if is_untraced(func, orig) {
            self.untraced.insert(func.dfg.resolve_aliases(new));
        }
    }

    /// A pass has ended: what the next one finds is another function.
    pub(crate) fn end_pass(&mut self) {
        self.spills = None;
        self.renamed.clear();
        self.left = None;
    }

    /// The values that stand for ones which need no stack map, by a rewrite.
    ///
    /// A reference of static type `any` may take the place of an equal one of type `i31`: a
    /// field has another type in a subtype, and code behind a cast that fails is never executed. It
    /// is used as what it replaced then, without being rooted, and rightly.
    pub(crate) fn untraced(&self) -> &EntitySet<Value> {
        &self.untraced
    }

    /// The representative of the class of `origin`: its least member.
    pub(crate) fn find(&self, origin: Value) -> Value {
        self.classes.least_of(origin)
    }

    /// The spill `store` is about to be removed from `func`: merge its origin with those of all
    /// spills that store the same value, and with that of the reload that it stores.
    fn merge_spills_like(&mut self, func: &Function, store: Inst) {
        let Some((origin, data)) = spill(func, store) else {
            return;
        };
        if let ValueDef::Result(load, _) = func.dfg.value_def(data)
            && let Some(reloaded) = func.dfg.gc_info.spill_origin(load)
        {
            self.classes.merge(origin, reloaded);
        }
        let left = self
            .left
            .unwrap_or_else(|| steps::budget(func.dfg.num_insts()));
        let span = Span::new(left);
        let renamed = &mut self.renamed;
        let spills = self.spills.get_or_insert_with(|| {
            let mut spills = Spills::new(func);
            for (orig, new) in renamed.drain(..) {
                spills.rename(func, orig, new);
            }
            spills
        });
        for other in spills.take_like(func, data, origin) {
            self.classes.merge(origin, other);
        }
        self.is_cut_off |= steps::is_spent();
        self.left = Some(left.saturating_sub(span.steps().sum()));
    }
}

/// Classes of values that are the same (Tarjan: "Efficiency of a Good But Not Linear Set Union
/// Algorithm", 1975).
#[derive(Clone, Debug, Default)]
struct Classes {
    /// For each value that was merged, the next one towards the root of its class. That of the root is
    /// itself.
    parents: FxHashMap<Value, Value>,
    /// For each root, the least member and how many there are.
    roots: FxHashMap<Value, (Value, u32)>,
}

impl Classes {
    fn root_of(&self, mut value: Value) -> Value {
        // NB: A class hangs below the root of a larger one, so that no way is long.
        while let Some(&parent) = self.parents.get(&value) {
            if parent == value {
                break;
            }
            value = parent;
        }
        value
    }

    fn least_of(&self, value: Value) -> Value {
        if self.parents.is_empty() {
            return value;
        }
        let root = self.root_of(value);
        self.roots.get(&root).map_or(root, |&(least, _)| least)
    }

    fn merge(&mut self, a: Value, b: Value) {
        let (a, b) = (self.root_of(a), self.root_of(b));
        if a == b {
            return;
        }
        let of = |root| self.roots.get(&root).copied().unwrap_or((root, 1));
        let ((least, count), (other, others)) = (of(a), of(b));
        let (root, below) = if count < others { (b, a) } else { (a, b) };
        self.parents.insert(root, root);
        self.parents.insert(below, root);
        self.roots.insert(root, (least.min(other), count + others));
    }
}

/// The spills of a function that is being rewritten, by what they store.
///
/// A spill stands under each name that its value may have by now. A value that is loaded, returned or passed
/// gets another name when the optimizer says so, and its spills are [renamed](Spills::rename). What is computed
/// may get one at any time: such spills, which are few, are looked at each time. Whether a spill stores a
/// value is read off the function when that is asked.
#[derive(Clone, Debug)]
struct Spills {
    by_data: FxHashMap<Value, Vec<Spill>>,
    computed: Vec<Spill>,
}

#[derive(Clone, Copy, Debug)]
struct Spill {
    inst: Inst,
    /// What it stored when it was found.
    data: Value,
    origin: Value,
}

impl Spills {
    /// Those of `func`.
    fn new(func: &Function) -> Self {
        let mut spills = Spills {
            by_data: FxHashMap::default(),
            computed: Vec::new(),
        };
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                steps::count(Analysis::History, 1);
                if let Some((origin, data)) = spill(func, inst) {
                    let spill = Spill { inst, data, origin };
                    match is_computed(func, data) {
                        true => spills.computed.push(spill),
                        false => spills.by_data.entry(data).or_default().push(spill),
                    }
                }
            }
        }
        spills
    }

    /// What was `orig` is `new` from now on.
    fn rename(&mut self, func: &Function, orig: Value, new: Value) {
        let (orig, new) = (
            func.dfg.resolve_aliases(orig),
            func.dfg.resolve_aliases(new),
        );
        if orig == new {
            return;
        }
        if let Some(mut moved) = self.by_data.remove(&orig) {
            let under_new = self.by_data.entry(new).or_default();
            // NB: The shorter list is moved, so that no spill is moved often.
            if under_new.len() < moved.len() {
                core::mem::swap(under_new, &mut moved);
            }
            steps::count(Analysis::History, moved.len());
            under_new.append(&mut moved);
        }
    }

    /// The origins of the spills that store `data` now. Those are taken out, and one with this `origin`, of
    /// whose class they are about to be, stands for them.
    fn take_like(&mut self, func: &Function, data: Value, origin: Value) -> Vec<Value> {
        let is_like = |at: &Spill| {
            func.dfg.resolve_aliases(at.data) == data
                || spill(func, at.inst).is_some_and(|(_, stored)| stored == data)
        };
        let mut origins = Vec::new();
        let mut sort_out = |spills: &mut Vec<Spill>| {
            if steps::is_spent() {
                return None;
            }
            steps::count(Analysis::History, spills.len());
            let mut stands_for = None;
            spills.retain(|at| {
                let is_like = is_like(at);
                if is_like {
                    origins.push(at.origin);
                    stands_for.get_or_insert(at.inst);
                }
                !is_like
            });
            stands_for.map(|inst| Spill { inst, data, origin })
        };
        let of_data = self.by_data.get_mut(&data).and_then(&mut sort_out);
        let of_computed = sort_out(&mut self.computed);
        if let Some(spill) = of_data.or(of_computed) {
            match is_computed(func, data) {
                true => self.computed.push(spill),
                false => self.by_data.entry(data).or_default().push(spill),
            }
        }
        origins
    }
}

/// Is `value` made of others, so that it may get another name without a word?
fn is_computed(func: &Function, value: Value) -> bool {
    match func.dfg.value_def(value) {
        ValueDef::Param(..) => false,
        ValueDef::Result(inst, _) => {
            let opcode = func.dfg.insts[inst].opcode();
            !opcode.is_call() && !opcode.can_load()
        }
        ValueDef::Union(..) => true,
    }
}

/// The origin and the data of `inst`, if it is a spill.
fn spill(func: &Function, inst: Inst) -> Option<(Value, Value)> {
    let origin = func.dfg.gc_info.spill_origin(inst)?;
    match func.dfg.insts[inst] {
        InstructionData::Store { args, .. } => Some((origin, func.dfg.resolve_aliases(args[0]))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Rng, parse};
    use cranelift_codegen::entity::EntityRef;
    use cranelift_codegen::ir::types;

    #[test]
    fn spills_of_one_value_are_merged_and_others_are_not() {
        let mut func = parse(
            "function %f(i32, i32) {
                ss0 = explicit_slot 4
            block0(v0: i32, v1: i32):
                v2 = stack_addr.i64 ss0
                store notrap v0, v2
                store notrap v0, v2
                store notrap v1, v2
                return
            }",
        );
        let block = func.layout.entry_block().expect("there is one block");
        let insts: Vec<Inst> = func.layout.block_insts(block).collect();
        let origins = [10, 11, 12].map(Value::from_u32);
        for (&inst, origin) in insts[1..].iter().zip(origins) {
            func.dfg.gc_info.set_spill_origin(inst, origin);
        }
        let mut classes = History::default();
        let store = insts[2];
        classes.rewrite(&func, Rewrite::IdempotentStore { store });
        assert_eq!(classes.find(origins[1]), origins[0]);
        assert_eq!(classes.find(origins[0]), origins[0]);
        assert_eq!(classes.find(origins[2]), origins[2]);
    }

    /// What the walk over the whole function did, which the index stands for.
    fn classes_by_walk(func: &Function, parents: &mut Classes, store: Inst) {
        let Some((origin, data)) = spill(func, store) else {
            return;
        };
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                if let Some((other, same)) = spill(func, inst)
                    && same == data
                {
                    parents.merge(origin, other);
                }
            }
        }
    }

    #[test]
    fn the_index_finds_what_a_walk_finds() {
        let mut rng = Rng::new(7);
        let mut merged = 0;
        for _ in 0..200 {
            // Loads that are renamed one after another, and spills of them in between.
            let count = 4 + rng.below(12);
            let mut text = String::from(
                "function %f(i32, i64) {
                    ss0 = explicit_slot 4
                block0(v0: i32, v1: i64):
                    v2 = stack_addr.i64 ss0\n",
            );
            for load in 0..count {
                text += &format!("    v{} = load.i32 v1+{}\n", 3 + load, 4 * load);
                let stored = 3 + rng.below(load + 1);
                text += &format!("    store notrap v{stored}, v2\n");
            }
            let mut func = parse(&(text + "    return\n}"));
            let block = func.layout.entry_block().expect("there is one block");
            let insts: Vec<Inst> = func.layout.block_insts(block).collect();
            for (number, &inst) in insts.iter().enumerate() {
                if matches!(func.dfg.insts[inst], InstructionData::Store { .. }) {
                    let origin = Value::from_u32(50 + number as u32);
                    func.dfg.gc_info.set_spill_origin(inst, origin);
                }
            }
            let mut history = History::default();
            let mut walked = Classes::default();
            let mut names: Vec<Value> = func.dfg.values().collect();
            // The optimizer visits each instruction once, and puts the new names in where it does.
            for &inst in &insts {
                func.dfg.map_inst_values(inst, |value| names[value.index()]);
                match func.dfg.insts[inst] {
                    InstructionData::Load { .. } if rng.below(2) == 0 => {
                        let load = func.dfg.first_result(inst);
                        let value = names[rng.below(load.index() as u64) as usize];
                        if func.dfg.value_type(value) == types::I32 {
                            history.rewrite(&func, Rewrite::ForwardLoad { load: inst, value });
                            names[load.index()] = value;
                        }
                    }
                    InstructionData::Store { .. } if rng.below(2) == 0 => {
                        history.rewrite(&func, Rewrite::IdempotentStore { store: inst });
                        classes_by_walk(&func, &mut walked, inst);
                    }
                    _ => {}
                }
            }
            for number in 50..50 + insts.len() as u32 {
                let origin = Value::from_u32(number);
                let found = history.find(origin);
                assert_eq!(found, walked.least_of(origin), "{func}");
                merged += u32::from(found != origin);
            }
        }
        assert!(merged > 100, "{merged}");
    }

    #[test]
    fn a_long_chain_of_classes_is_looked_up_soon() {
        let mut classes = Classes::default();
        let value = |number: u32| Value::from_u32(number);
        for number in (1..1000).rev() {
            classes.merge(value(number), value(number - 1));
        }
        assert!((0..1000).all(|number| classes.least_of(value(number)) == value(0)));
        let mut longest = 0;
        for number in 0..1000 {
            let mut steps = 0;
            let mut at = value(number);
            while classes.parents[&at] != at {
                (at, steps) = (classes.parents[&at], steps + 1);
            }
            longest = longest.max(steps);
        }
        assert!(longest <= 10, "{longest}");
    }

    #[test]
    fn what_replaces_an_i31_needs_no_root() {
        let [param, value] = [1, 0].map(Value::from_u32);
        let after = parse(
            "function %f(i32) -> i32 {
                fn0 = %collect()
            block0(v0 ! gcref(any, nullable): i32):
                call fn0()
                return v0
            }",
        );
        let found = |fact: &str| {
            let before = parse(&format!(
                "function %f(i32) -> i32 {{
                    fn0 = %collect()
                block0(v0 ! gcref(any, nullable): i32):
                    jump block1(v0)
                block1(v1 ! gcref({fact}, nullable): i32):
                    call fn0()
                    return v1
                }}"
            ));
            let mut history = History::default();
            history.rewrite(&before, Rewrite::ConstantPhi { param, value });
            let options = crate::Options::default();
            crate::verify_rewritten(&after, &options, &history).codes()
        };
        assert_eq!(found("i31"), []);
        assert_eq!(found("any"), [crate::Code::Gcv01]);
    }
}
