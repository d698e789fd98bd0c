//! Uses of references, and of what is derived from them, that are not fresh (GCV01, GCV02, GCV06).
//!
//! **Claim.** Of every use that is reported there is a path from the definition of the reference over a
//! safepoint to the use.
//!
//! **Strength.** Relative to the references that [`provenance`](crate::analysis::provenance) finds. A
//! comparison, or a difference, is reported if its operands are of different ages and its result is used; other
//! arithmetic on a stale reference is not.
//!
//! **Math.** Let `version(p)` be the safepoint last passed at `p` (see
//! [`version`](crate::analysis::version)), and `age(v)` the version at which `v` is fresh (see
//! [`freshness`](crate::analysis::freshness)). A use of `v` at `p` that needs a fresh reference is right when
//! `age(v) = version(p)`.

use crate::analysis::facts::Facts;
use crate::analysis::origin::Origin;
use crate::analysis::provenance::Class;
use crate::analysis::rooted::Rooted;
use crate::analysis::version::{Safepoints, Version};
use crate::evidence::findings::Findings;
use crate::evidence::recheck::{
    Flaw, NOT_OURS, crosses, defines, defines_part, is_not_repeated, passes,
};
use crate::evidence::stale_path::{self, StaleOrigin, StaleUse};
use crate::finding::code::Code;
use crate::finding::error::GcError;
use crate::finding::report::Inconclusive;
use crate::finding::witness::Step;
use crate::ir::cfg::Node;
use crate::ir::instruction::{Access, Kind};
use crate::ir::view::{BlockPass, Item};
use cranelift_codegen::FxHashMap;
use cranelift_codegen::ir::{Function, GcCollector, Inst, InstructionData, Opcode, Value};
use std::cell::{OnceCell, RefCell};

/// Check all uses.
pub(crate) fn check(facts: &Facts, findings: &mut Findings) {
    let mut uses = Uses {
        facts,
        findings,
        comparisons: OnceCell::new(),
        rooted: RefCell::default(),
        kept: FxHashMap::default(),
    };
    let mut passed = 0;
    for node in facts.cfg.nodes() {
        uses.check_block(node, &mut passed);
    }
}

/// The uses of one function.
struct Uses<'a> {
    facts: &'a Facts<'a>,
    findings: &'a mut Findings,
    comparisons: OnceCell<Vec<(Value, Value)>>,
    rooted: RefCell<Rooted>,
    /// Where pointers into objects were stored outside of slots: by the base of the address and the offset.
    kept: FxHashMap<(Value, i32), Kept>,
}

/// A pointer into an object that is kept in memory.
struct Kept {
    value: Value,
    store: Inst,
    node: Node,
    /// Where it was stored.
    now: Version,
}

impl Uses<'_> {
    /// `passed` counts the safepoints, which are numbered in the order of this walk.
    fn check_block(&mut self, node: Node, passed: &mut usize) {
        let facts = self.facts;
        let mut now = facts.safepoints.at_start(node);
        for item in facts.body.items_of(node) {
            self.check_uses(item, now);
            self.check_kept(node, item, now);
            if item.kind.is(Kind::SAFEPOINT) {
                let next = facts.safepoints.all.get(*passed);
                if next.is_some_and(|at| at.inst == item.inst) {
                    *passed += 1;
                    now = Safepoints::version_after(*passed - 1);
                }
            }
        }
        self.check_block_args(node);
    }

    /// Check what [`uses`](crate::analysis::demand::uses) says are uses.
    fn check_uses(&mut self, item: &Item, now: Version) {
        let func = self.facts.func;
        if let Some(&Access { addr, data, .. }) = self.facts.body.access(item) {
            self.check_use(item.inst, addr, now);
            if let Some(data) = data
                && !self.is_kept_to_itself(item.inst, data, now)
            {
                self.check_use(item.inst, data, now);
            }
            if item.kind.is(Kind::SWAPS) {
                let expected = func.dfg.inst_args(item.inst)[1];
                self.check_use(item.inst, expected, now);
            }
        } else if item.kind.is(Kind::HANDS_OUT) {
            for &arg in func.dfg.inst_args(item.inst) {
                self.check_use(item.inst, arg, now);
            }
        } else if let Some(args) = self.compared(item) {
            self.check_comparison(item, args, now);
        }
    }

    /// What `item` compares; or subtracts, if that tells which of two references is the larger one, or whether they are equal.
    fn compared(&self, item: &Item) -> Option<[Value; 2]> {
        let facts = self.facts;
        if item.kind.is(Kind::COMPARES) {
            return Some(facts.body.operands(item));
        }
        match facts.func.dfg.insts[item.inst] {
            InstructionData::Binary {
                opcode: Opcode::Isub | Opcode::Bxor | Opcode::UsubOverflow | Opcode::SsubOverflow,
                args,
            } => {
                let args = args.map(|arg| facts.body.resolve(facts.func, arg));
                let is_reference = |&arg: &Value| facts.values.class(arg) == Class::Reference;
                args.iter().all(is_reference).then_some(args)
            }
            _ => None,
        }
    }

    /// Nobody updates a pointer into an object that is kept in memory: what is loaded there after a collection is stale.
    fn check_kept(&mut self, node: Node, item: &Item, now: Version) {
        let facts = self.facts;
        if facts.collector != GcCollector::Moving || !item.kind.is(Kind::MEMORY) {
            return;
        }
        let Some(access) = facts.body.access(item) else {
            return;
        };
        let place = (access.addr, access.offset);
        if let Some(data) = access.data {
            let is_pointer = matches!(facts.values.class(data), Class::Derived | Class::Opaque)
                && facts.func.dfg.value_type(data).bytes() == 8;
            // NB: What is in a slot is followed otherwise.
            if is_pointer && facts.body.slot_access(item.inst).is_none() {
                let (value, store) = (data, item.inst);
                let kept = Kept {
                    value,
                    store,
                    node,
                    now,
                };
                self.kept.insert(place, kept);
            } else if !self.kept.is_empty() {
                self.kept.remove(&place);
            }
            return;
        }
        if self.kept.is_empty() {
            return;
        }
        let (Some(kept), Some(result)) = (self.kept.get(&place), access.result) else {
            return;
        };
        let is_before = match kept.node == node {
            true => facts.func.layout.pp_cmp(kept.store, item.inst).is_lt(),
            false => facts.cfg.dominates(kept.node, node),
        };
        let is_same = access.size == 8 && is_before && kept.now != now;
        if is_same && facts.is_relied_on(result) {
            let of = kept.value;
            let unclear = Inconclusive::OpaqueReference {
                inst: item.inst,
                value: result,
                of,
            };
            self.findings.undecided(Code::Gcv06, unclear);
        }
    }

    /// Is it a store to a stack slot of something stale that is computed of references? It does no harm before it is
    /// loaded, and is as old then as it was; what stack maps name is judged there.
    fn is_kept_to_itself(&self, inst: Inst, data: Value, now: Version) -> bool {
        let facts = self.facts;
        let class = facts.values.class(facts.body.resolve(facts.func, data));
        if class <= Class::Reference || !facts.is_stale(data, now) {
            return false;
        }
        let body = &facts.body;
        let slot = body.slot_access(inst).map(|at| at.slot);
        slot.is_some_and(|slot| {
            let is_followed = facts.slots.locations.iter().any(|at| at.slot == slot);
            let is_judged = !is_followed || class == Class::Opaque;
            is_judged && !body.escapes.contains_key(&slot)
        })
    }

    fn check_use(&mut self, inst: Inst, value: Value, now: Version) {
        let value = self.facts.body.resolve(self.facts.func, value);
        if self.facts.values.class(value) == Class::Plain {
            return;
        }
        if self.facts.is_stale(value, now) {
            self.reject_stale(StaleUse {
                inst,
                value,
                now,
                after: false,
            });
        }
    }

    fn check_block_args(&mut self, node: Node) {
        let Some(inst) = self.facts.func.layout.last_inst(self.facts.cfg.block(node)) else {
            return;
        };
        let now = self.facts.safepoints.at_end(node);
        let mut stale = Vec::new();
        for &BlockPass { arg, param, .. } in self.facts.body.passed_from(node) {
            let is_checked = self.facts.values.class(param) != Class::Plain;
            if is_checked
                && self.facts.is_stale(arg, now)
                && (self.facts.is_relied_on(param) || self.is_compared_wrongly(node, arg, param))
            {
                stale.push(StaleUse {
                    inst,
                    value: arg,
                    now,
                    after: true,
                });
            }
        }
        for stale_use in stale {
            self.reject_stale(stale_use);
        }
    }

    /// Two references of different age must not be compared: one was moved since.
    fn check_comparison(&mut self, item: &Item, args: [Value; 2], now: Version) {
        let inst = item.inst;
        if self.facts.collector != GcCollector::Moving
            || args
                .iter()
                .any(|&arg| self.facts.values.class(arg) <= Class::Payload)
        {
            return;
        }
        let ages = args.map(|arg| self.facts.age(arg));
        // NB: Two that are made of references of several ages need not be made of the same ones.
        let is_mixed = ages[0] == Version::MIXED && args[0] != args[1];
        if ages[0] == ages[1] && !is_mixed || ages.contains(&Version::AGELESS) {
            return;
        }
        let mut results = self.facts.func.dfg.inst_results(inst).iter();
        if results.any(|&result| self.facts.is_used(result)) {
            let value = if ages[0] == now { args[1] } else { args[0] };
            self.reject_stale(StaleUse {
                inst,
                value,
                now,
                after: false,
            });
        }
    }

    /// Is `param`, for which the stale `arg` is passed, compared with a reference of another age?
    fn is_compared_wrongly(&self, node: Node, arg: Value, param: Value) -> bool {
        if self.facts.collector != GcCollector::Moving {
            return false;
        }
        let age = self.facts.age(arg);
        let comparisons = self.comparisons.get_or_init(|| self.find_comparisons());
        let start = comparisons.partition_point(|&(first, _)| first < param);
        let of_param = comparisons[start..].iter();
        let mut of_param = of_param.take_while(|&&(first, _)| first == param);
        of_param.any(|&(_, other)| {
            let passes = self.facts.body.passed_from(node).iter();
            let mut passed = passes.filter(|pass| pass.param == other).peekable();
            let differs = |value: Value| ![age, Version::AGELESS].contains(&self.facts.age(value));
            match passed.peek() {
                // NB: Two references of the same age are compared as they were.
                Some(_) => passed.all(|pass| differs(pass.arg)),
                None => differs(other),
            }
        })
    }

    /// The references that are compared with each other, both ways, sorted.
    fn find_comparisons(&self) -> Vec<(Value, Value)> {
        let mut comparisons = Vec::new();
        for item in self.facts.body.items() {
            if !item.kind.is(Kind::COMPARES) {
                continue;
            }
            let [a, b] = self.facts.body.operands(item);
            let are_references = [a, b]
                .iter()
                .all(|&arg| self.facts.values.class(arg) != Class::Plain);
            if are_references
                && self
                    .facts
                    .is_used(self.facts.func.dfg.first_result(item.inst))
            {
                comparisons.extend([(a, b), (b, a)]);
            }
        }
        comparisons.sort_unstable();
        comparisons
    }

    /// What is stale in a stale value; or what that is computed of in a way that is not followed, if anything.
    fn stale_origin(
        &self,
        stale: StaleUse,
        is_kept: &dyn Fn(Value, Inst) -> bool,
    ) -> Option<Result<StaleOrigin, Option<Value>>> {
        let facts = self.facts;
        let class = facts.values.class(stale.value);
        let as_it_is = || stale_path::stale_origin(facts, stale, is_kept).map(Ok);
        if class == Class::Reference {
            return as_it_is();
        }
        let found = facts.origin(stale.value, |value| facts.is_stale(value, stale.now));
        let is_opaque = |value| facts.values.class(value) == Class::Opaque;
        let computed_of = |of| stale_path::computed_of(facts, stale, of, is_kept).map(Ok);
        match found {
            Some(Origin::Nothing) => Some(Err(None)),
            // NB: It is a number.
            None if class == Class::Payload => Some(Err(None)),
            Some(Origin::Opaque(of)) => Some(Err(Some(of))),
            Some(Origin::Is(of) | Origin::Derived(of)) if is_opaque(of) => Some(Err(Some(of))),
            None if class == Class::Opaque => Some(Err(Some(stale.value))),
            Some(Origin::Is(of)) if class == Class::Opaque => computed_of((of, false)),
            Some(Origin::Derived(of)) if class == Class::Opaque => computed_of((of, true)),
            Some(Origin::Is(_) | Origin::Derived(_)) | None => as_it_is(),
        }
    }

    /// The stale value of `stale` is computed of something in a way that is not followed, if it is of anything.
    fn leave_open(&mut self, stale: StaleUse, of: Option<Value>) {
        let Some(of) = of else {
            return;
        };
        let unclear = Inconclusive::OpaqueReference {
            inst: stale.inst,
            value: stale.value,
            of,
        };
        if !self.findings.inconclusive.contains(&unclear) {
            self.findings.inconclusive.push(unclear);
        }
    }

    /// A value that is used after a safepoint which it did not survive.
    fn reject_stale(&mut self, stale: StaleUse) {
        let StaleUse {
            inst, value, after, ..
        } = stale;
        // Where nothing moves, it is enough that the very object is kept alive on the way.
        if self.facts.collector == GcCollector::NonMoving
            && self
                .rooted
                .borrow_mut()
                .is_kept(self.facts, value, inst, after)
        {
            return;
        }
        let is_kept = |value, at| {
            // NB: What is used after `inst` was handed on before it.
            let after = after && at == inst;
            let mut rooted = self.rooted.borrow_mut();
            self.facts.collector == GcCollector::NonMoving
                && rooted.is_kept(self.facts, value, at, after)
        };
        let origin = match self.stale_origin(stale, &is_kept) {
            Some(Ok(origin)) => origin,
            Some(Err(of)) => return self.leave_open(stale, of),
            None => {
                return self
                    .findings
                    .contradiction("a value is stale, but nothing that it is made of");
            }
        };
        let facts = self.facts;
        let is_moving = facts.collector == GcCollector::Moving;
        // What is not rooted there comes first: it is to blame.
        let crossing = match is_moving {
            true => {
                let is_root = |index| stale_path::is_origin_root(facts, &origin, index);
                stale_path::crossing(facts, &origin, is_root)
            }
            false => {
                let base = origin.base;
                let is_root = |index| self.rooted.borrow_mut().is_kept_at(facts, base, index);
                stale_path::crossing(facts, &origin, is_root)
            }
        };
        let Some(crossing) = crossing else {
            return self
                .findings
                .contradiction("a value is stale without a safepoint");
        };
        let safepoint = crossing.safepoint;
        let (inst, base) = (origin.inst, origin.base);
        // A block parameter may be fed by derived pointers.
        let derived = origin
            .derived
            .or_else(|| (self.facts.values.class(base) == Class::Derived).then_some(base));
        let error = match (derived, is_moving && crossing.is_root) {
            (Some(value), _) => GcError::StaleDerivedPointer {
                inst,
                value,
                base: stale_path::reference_of(self.facts, base),
                safepoint,
                is_unrooted: self.facts.collector == GcCollector::NonMoving,
            },
            (None, true) => GcError::StaleReference {
                inst,
                value: base,
                safepoint,
            },
            (None, false) => GcError::MissingRoot {
                inst,
                value: base,
                safepoint,
            },
        };
        // Where it is derived, it may be fresh on the paths that can be taken, and stale where it is used.
        let at_use = (inst != stale.inst).then_some(GcError::StaleDerivedPointer {
            inst: stale.inst,
            value: stale.value,
            base,
            safepoint,
            is_unrooted: !is_moving,
        });
        self.findings.reject_either(error, crossing.steps, at_use);
    }
}

/// Does the path lead from the definition over the safepoint?
pub(super) fn recheck(func: &Function, error: &GcError, steps: &[Step]) -> Result<(), Flaw> {
    match *error {
        GcError::StaleReference {
            value, safepoint, ..
        } => crosses(func, steps, value, safepoint),
        GcError::StaleDerivedPointer {
            base,
            value,
            safepoint,
            ..
        } => {
            // A derived pointer may arrive as a block parameter, and more be added to it.
            defines(func, steps, base).or_else(|_| defines_part(func, steps, value))?;
            is_not_repeated(steps)?;
            passes(steps, safepoint)
        }
        // NB: It may start where the reference was spilled.
        GcError::MissingRoot { safepoint, .. } => passes(steps, safepoint),
        _ => Err(NOT_OURS),
    }
}
