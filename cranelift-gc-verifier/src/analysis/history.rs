//! What is known of a function from before: which spilled values are the same, and which dereferences
//! were guarded.
//!
//! **Claim.** Two origins of one class are the same value: at some time during the pass, a spill of
//! either stored the same SSA value, or a spill of one stored a reload of the other.
//!
//! The optimizer removes a spill of a value that its slot holds already, under the name of another
//! value that turned out to be the same one. A reload of the former then finds a spill of
//! the latter, and is right. That the two are the same is read off the function just before the
//! removal: it does not rest on the optimizer's word.

use crate::analysis::nullness::proofs::Proofs;
use crate::finding::hazard::Hazards;
use crate::ir::gc_info::is_untraced;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::gc_verifier::Rewrite;
use cranelift_codegen::ir::{Function, Inst, InstructionData, Value, ValueDef};
use std::collections::BTreeMap;

/// What is known of a function from the rewrites that led to it.
///
/// These are classes of spilled values, where one that was never merged is alone; and the
/// dereferences that were guarded.
#[derive(Clone, Debug, Default)]
pub struct History {
    parent: BTreeMap<Value, Value>,
    /// Values that stand for ones which need no stack map.
    untraced: EntitySet<Value>,
    /// The dereferences that were guarded before the last pass.
    pub(crate) proofs: Proofs,
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
        let (orig, new) = match rewrite {
            Rewrite::IdempotentStore { store } => return self.merge_spills_like(func, store),
            Rewrite::Simplify { orig, new, .. } | Rewrite::Subsume { orig, new, .. } => {
                (Some(orig), new)
            }
            Rewrite::Gvn { orig, kept } => (Some(orig), kept),
            Rewrite::GvnSkeleton {
                inst,
                kept: Some(kept),
            } => (result(inst), kept),
            Rewrite::SkeletonRemoveWithVal { inst, val, .. } => (result(inst), val),
            Rewrite::ForwardLoad { load, value } => (result(load), value),
            Rewrite::ConstantPhi { param, value } => (Some(param), value),
            _ => return,
        };
        if orig.is_some_and(|orig| is_untraced(func, orig)) {
            self.untraced.insert(func.dfg.resolve_aliases(new));
        }
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
    pub(crate) fn find(&self, mut origin: Value) -> Value {
        while let Some(&parent) = self.parent.get(&origin) {
            origin = parent;
        }
        origin
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
            self.merge(origin, reloaded);
        }
        for block in func.layout.blocks() {
            for inst in func.layout.block_insts(block) {
                if let Some((other, same)) = spill(func, inst)
                    && same == data
                {
                    self.merge(origin, other);
                }
            }
        }
    }

    fn merge(&mut self, a: Value, b: Value) {
        let (a, b) = (self.find(a), self.find(b));
        if a != b {
            self.parent.insert(a.max(b), a.min(b));
        }
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
    use crate::testing::parse;

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
