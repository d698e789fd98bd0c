//! The version at which each reference is fresh.
//!
//! **Claim.** A reference, or what is derived from one, is valid at a point if its age is the version of
//! the point (see [`version`](crate::analysis::version)): no safepoint lies between.
//!
//! **Strength.** Relative to the references that [`provenance`](crate::analysis::provenance) finds. Under the
//! null collector nothing ages. Under a collector that does not move, what is loaded from memory that is
//! never written, and is in no object, stays valid for good.
//!
//! **Math.** What comes from elsewhere has the version of its definition, and what is made of references the
//! meet of theirs.

use crate::analysis::provenance::{Class, Values};
use crate::analysis::version::{Safepoints, Version};
use crate::ir::cfg::Cfg;
use crate::ir::instruction::{Access, Kind};
use crate::ir::view::{Body, Item};
use cranelift_codegen::FxHashSet;
use cranelift_codegen::ir::{Function, GcCollector, GcFact, Value};
use std::cell::OnceCell;

/// The version at which each value is fresh.
pub(crate) struct Freshness(Vec<Version>);

impl Freshness {
    /// Find it for all values of `func`.
    pub(crate) fn new(
        func: &Function,
        cfg: &Cfg,
        body: &Body,
        safepoints: &Safepoints,
        values: &Values,
        collector: GcCollector,
    ) -> Self {
        let ages = vec![Version::AGELESS; func.dfg.num_values()];
        if collector == GcCollector::Null {
            return Freshness(ages);
        }
        let mut walk = Walk {
            func,
            body,
            values,
            collector,
            ages,
            stored: OnceCell::new(),
        };
        // NB: The safepoints are numbered in the order of this walk.
        let mut passed = 0;
        for node in cfg.nodes() {
            let mut now = safepoints.at_start(node);
            for &param in func.dfg.block_params(cfg.block(node)) {
                walk.set(param, now);
            }
            for item in body.items_of(node) {
                if item.kind.is(Kind::SAFEPOINT) {
                    let next = safepoints.all.get(passed);
                    if next.is_some_and(|at| at.inst == item.inst) {
                        passed += 1;
                        now = Safepoints::version_after(passed - 1);
                    }
                }
                walk.set_results(item, now);
            }
        }
        let mut ages = walk.ages;
        body.share_with_aliases(&mut ages);
        Freshness(ages)
    }

    /// The version at which `value`, which must not be an alias, is fresh.
    pub(crate) fn of(&self, value: Value) -> Version {
        self.0[value.as_u32() as usize]
    }
}

/// The walk in reverse post-order: what a value is made of comes before it.
struct Walk<'a> {
    func: &'a Function,
    body: &'a Body,
    values: &'a Values,
    collector: GcCollector,
    ages: Vec<Version>,
    /// Where something is stored: bases of addresses, with offsets.
    stored: OnceCell<FxHashSet<(Value, i32)>>,
}

impl Walk<'_> {
    fn set(&mut self, value: Value, age: Version) {
        if self.values.class(value) != Class::Plain {
            self.ages[value.as_u32() as usize] = age;
        }
    }

    fn set_results(&mut self, item: &Item, now: Version) {
        let func = self.func;
        let Some(first) = item.result.expand() else {
            return;
        };
        // NB: Nothing but a call makes more than one that could differ in that.
        if item.kind.is(Kind::CALLS) {
            for &result in func.dfg.inst_results(item.inst) {
                self.set(result, now);
            }
            return;
        }
        if self.values.class(first) == Class::Plain {
            return;
        }
        let age = match self.passed_age(item) {
            Some(age) => age,
            None if self.stays_valid(item) => Version::AGELESS,
            None => self.reshaped_age(first, now).unwrap_or(now),
        };
        // NB: Of the results of a sum, only the first one is it.
        let results = func.dfg.inst_results(item.inst);
        let results = match item.kind.is(Kind::OPAQUE) {
            true => results,
            false => &results[..1],
        };
        for &result in results {
            self.set(result, age);
        }
    }

    /// The version at which what `item` hands on is fresh. Nothing, if it makes a reference by cutting
    /// a plain value to size.
    fn passed_age(&self, item: &Item) -> Option<Version> {
        if !item.kind.is(Kind::MAKES) {
            return None;
        }
        let operands = self.body.made_of(self.func, item);
        let is_cut_to_size = operands
            .iter()
            .all(|&v| self.values.class(v) == Class::Plain);
        let ages = operands.iter().map(|&operand| self.age(operand));
        (!is_cut_to_size).then(|| ages.fold(Version::AGELESS, Version::meet))
    }

    fn age(&self, value: Value) -> Version {
        self.ages[value.as_u32() as usize]
    }

    /// The version at which what `value` is loaded as from a slot that nobody follows is fresh.
    fn reshaped_age(&self, value: Value, now: Version) -> Option<Version> {
        let found = self.values.reshaped.get(value)?;
        if let Some(index) = found.renewed.filter(|_| found.is_certain) {
            return Some(Safepoints::version_after(index as usize));
        }
        let stored = found.stored.iter();
        let stored = stored.filter(|&&value| self.values.class(value) != Class::Plain);
        let ages = stored.map(|&value| match self.age(value) {
            // NB: What is stored later, around a loop, has no age yet.
            Version::AGELESS if !found.is_certain => Version::MIXED,
            age => age,
        });
        let age = ages.fold(Version::AGELESS, Version::meet);
        if found.is_certain || age == now {
            return Some(age);
        }
        // NB: Whoever says that it is a reference is taken at his word; what was stale where it was stored is
        // rejected there.
        let fact = self.func.dfg.gc_info.fact(value);
        (!fact.is_some_and(GcFact::is_traced)).then_some(Version::MIXED)
    }

    /// Does `item` load a reference from where it stays for good, so that it is alive for good?
    ///
    /// A field stays what it is as long as its object is there, and no longer. What is stored to in this function is not what
    /// `readonly` says.
    fn stays_valid(&self, item: &Item) -> bool {
        if self.collector != GcCollector::NonMoving {
            return false;
        }
        let access = self.body.access(item);
        access.is_some_and(|access| {
            access.result.is_some()
                && access.flags.readonly()
                && self.values.class(access.addr) == Class::Plain
                && !self.is_stored_to(access)
        })
    }

    /// Is something stored to where `access` loads from?
    fn is_stored_to(&self, access: &Access) -> bool {
        let stored = self.stored.get_or_init(|| {
            let accesses = self.body.accesses().iter().map(|memory| &memory.access);
            let stores = accesses.filter(|access| access.data.is_some());
            stores.map(|access| (access.addr, access.offset)).collect()
        });
        stored.contains(&(access.addr, access.offset))
    }
}
