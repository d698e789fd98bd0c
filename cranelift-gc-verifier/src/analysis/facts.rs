//! Everything that is known of a function at one point of the pipeline.

use crate::analysis::demand::{ArgsOf, Demand};
use crate::analysis::freshness::Freshness;
use crate::analysis::graph::{Graph, Snapshot};
use crate::analysis::history::History;
use crate::analysis::kind::header::Headers;
use crate::analysis::kind::number::is_number;
use crate::analysis::kind::subject::Context;
use crate::analysis::kind::thing::{Universe, named_types};
use crate::analysis::nullness::reload_roots::Roots;
use crate::analysis::origin::{self, Origin};
use crate::analysis::provenance::{Class, Values};
use crate::analysis::slots::Slots;
use crate::analysis::version::{Safepoints, Version};
use crate::ir::cfg::Cfg;
use crate::ir::instruction::{Kind, Passed, passed_on};
use crate::ir::reader::read;
use crate::ir::view::Body;
use cranelift_codegen::entity::EntitySet;
use cranelift_codegen::ir::{Function, GcCollector, GcFact, Inst, Value};
use std::cell::OnceCell;

/// The function, its graph, and the results of the analyses. The checks read nothing else.
pub(crate) struct Facts<'a> {
    pub(crate) func: &'a Function,
    pub(crate) collector: GcCollector,
    /// What is known from before.
    pub(crate) history: &'a History,
    pub(crate) cfg: Cfg,
    pub(crate) body: Box<Body>,
    pub(crate) safepoints: Safepoints,
    pub(crate) slots: Slots,
    pub(crate) values: Values,
    freshness: OnceCell<Freshness>,
    demand: OnceCell<Demand>,
    args: OnceCell<ArgsOf>,
    roots: OnceCell<Roots>,
    headers: OnceCell<Headers>,
    /// Nothing, if there are too many types.
    universe: OnceCell<Option<Universe>>,
}

impl<'a> Facts<'a> {
    /// Analyze `func`, which is compiled for `collector`. `graph` may be its graph, from before.
    pub(crate) fn new(
        func: &'a Function,
        collector: GcCollector,
        history: &'a History,
        graph: Option<Graph>,
    ) -> Self {
        let (cfg, body, safepoints) = Graph::renewed(graph, func, |cfg| {
            let body = read(func, cfg);
            let safepoints = body.safepoints.clone();
            let always_traps = body.always_traps;
            (body, safepoints, always_traps)
        });
        let slots = Slots::new(func, &cfg, &body, &safepoints, collector, history);
        let values = Values::new(func, &cfg, &body, &slots, history);
        Facts {
            func,
            collector,
            history,
            cfg,
            body,
            safepoints,
            slots,
            values,
            freshness: OnceCell::new(),
            demand: OnceCell::new(),
            args: OnceCell::new(),
            roots: OnceCell::new(),
            headers: OnceCell::new(),
            universe: OnceCell::new(),
        }
    }

    /// What is of use while the rewrites of the next pass are judged.
    pub(crate) fn into_known(mut self) -> Snapshot {
        let mut classes = self.values.take(&self.body);
        for class in &mut classes {
            // NB: The judgement of single rewrites leaves what is opaque to the look at the whole function.
            if matches!(*class, Class::Opaque | Class::Payload) {
                *class = Class::Plain;
            }
        }
        self.body.put_back();
        let graph = Graph {
            cfg: self.cfg,
            safepoints: self.safepoints,
            insts: self.func.dfg.num_insts(),
            is_narrowed: false,
        };
        Snapshot {
            classes,
            graph: Some(graph),
        }
    }

    /// The version at which `value`, which must not be an alias, is fresh.
    pub(crate) fn age(&self, value: Value) -> Version {
        let freshness = self.freshness.get_or_init(|| {
            let Facts {
                func,
                cfg,
                body,
                safepoints,
                values,
                collector,
                ..
            } = self;
            Freshness::new(func, cfg, body, safepoints, values, *collector)
        });
        freshness.of(value)
    }

    /// Is `value` something that ages, and not fresh at `now`?
    pub(crate) fn is_stale(&self, value: Value, now: Version) -> bool {
        self.values.class(value) != Class::Plain && !self.age(value).is_fresh_at(now)
    }

    /// Does `inst` make a reference by cutting a plain value to size?
    pub(crate) fn is_cut_to_size(&self, inst: Inst) -> bool {
        let mut operands = passed_on(self.func, inst).operands().into_iter();
        operands.all(|operand| {
            let operand = self.body.resolve(self.func, operand);
            self.values.class(operand) == Class::Plain
        })
    }

    /// What `value` has to do with those references that it is computed of which `is_suspect`.
    pub(crate) fn origin(
        &self,
        value: Value,
        is_suspect: impl Fn(Value) -> bool,
    ) -> Option<Origin> {
        let is_suspect = |value| {
            self.values.class(value) != Class::Plain
                && self.is_taken_as_it_is(value)
                && is_suspect(value)
        };
        origin::of(self.func, &self.values.reshaped, value, &is_suspect)
    }

    /// Is `value` no more than what it is called: a reference, or something that comes from elsewhere?
    fn is_taken_as_it_is(&self, value: Value) -> bool {
        let fact = self.func.dfg.gc_info.fact(value);
        let is_made = || {
            let inst = self.func.dfg.value_def(value).inst();
            let found = self.values.reshaped.get(value);
            inst.is_some_and(|inst| !matches!(passed_on(self.func, inst), Passed::Nothing))
                || found.is_some_and(|found| found.is_certain)
        };
        self.values.class(value) == Class::Reference
            || matches!(fact, Some(GcFact::Derived { .. }))
            || !is_made()
    }

    fn demand(&self) -> &Demand {
        self.demand
            .get_or_init(|| Demand::new(self.func, &self.cfg, &self.body, &self.slots))
    }

    /// The arguments for each block parameter.
    pub(crate) fn args(&self) -> &ArgsOf {
        self.args.get_or_init(|| ArgsOf::new(self.func, &self.cfg))
    }

    /// Which reference a reload is.
    pub(crate) fn roots(&self) -> &Roots {
        let (func, reshaped) = (self.func, &self.values.reshaped);
        self.roots
            .get_or_init(|| Roots::new(func, &self.cfg, &self.body, &self.slots, reshaped))
    }

    /// Where it looks at what objects are.
    pub(crate) fn headers(&self) -> &Headers {
        self.headers
            .get_or_init(|| Headers::new(self.func, &self.cfg))
    }

    /// Is `value` a number, and no reference, by what the producer declares?
    pub(crate) fn is_number(&self, value: Value) -> bool {
        let value = self.body.resolve(self.func, value);
        // NB: Most of what is asked about is declared to need stack maps.
        !self.func.dfg.gc_info.is_declared(value)
            && is_number(self.func, &self.body, self.headers(), value)
    }

    /// All values that are numbers by what the producer declares.
    pub(crate) fn numbers(&self) -> EntitySet<Value> {
        let mut numbers = EntitySet::with_capacity(self.func.dfg.num_values());
        let mut add = |value: Value| {
            if self.is_number(value) {
                numbers.insert(value);
            }
        };
        for node in self.cfg.nodes() {
            let params = self.func.dfg.block_params(self.cfg.block(node));
            params.iter().for_each(|&param| add(param));
            for item in self.body.items_of(node) {
                if item.kind.is(Kind::CALLS.or(Kind::LOADS)) {
                    let results = self.func.dfg.inst_results(item.inst);
                    results.iter().for_each(|&result| add(result));
                }
            }
        }
        numbers
    }

    /// What it takes to tell what references are; nothing, if there are too many types.
    pub(crate) fn context(&self) -> Option<Context<'_>> {
        let func = self.func;
        let universe = self
            .universe
            .get_or_init(|| Universe::new(&named_types(func)));
        Some(Context {
            func,
            cfg: &self.cfg,
            body: &self.body,
            roots: self.roots(),
            universe: universe.as_ref()?,
            headers: self.headers(),
        })
    }

    /// Does some instruction rely on `value`?
    pub(crate) fn is_relied_on(&self, value: Value) -> bool {
        self.demand().is_relied_on(value)
    }

    /// Does `value` decide anything that the function does, other than what a stack slot holds?
    pub(crate) fn leaves_slots(&self, value: Value) -> bool {
        self.demand().leaves_slots(value)
    }

    /// Does `value` decide anything that the function does?
    pub(crate) fn is_used(&self, value: Value) -> bool {
        self.demand().is_used(value)
    }
}
