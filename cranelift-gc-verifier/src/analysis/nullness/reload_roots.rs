//! Which reference a reload is, and which parameters of a block are one reference.
//!
//! **Claim.** A reload is null, or a certain i31, exactly if the reference that it reloads is: a collection
//! changes the bits of neither. Parameters of one block are the same value if each edge passes the same value
//! for both.
//!
//! A word that is taken for one of another type is the same word.
//!
//! **Strength.** A reload is followed to what was spilled, and that to what it was reloaded for, for at most
//! [`MAX_STEPS`] steps. A reload of a slot that holds different values on different paths is a reference of its
//! own.
//!
//! **Math.** `root(v) = root(origin(v))` for a reload with an origin, and for a parameter, whose origin is the
//! first one of its block that is passed the same; `root(v) = v` for everything else.

use crate::analysis::reshaped::Reshaped;
use crate::analysis::slots::{Hold, Slots};
use crate::finding::hazard::{Hazard, Hazards};
use crate::ir::cfg::{Cfg, constant};
use crate::ir::instruction::access;
use crate::ir::linear::is_in_slot;
use crate::ir::view::Body;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Function, Value, ValueDef, types};
use cranelift_codegen::packed_option::PackedOption;

use smallvec::SmallVec;

/// For each reload, the value that it is reloaded for; for each parameter, another one that is the same.
pub(crate) struct Roots {
    origins: SecondaryMap<Value, PackedOption<Value>>,
    reloads: Vec<Value>,
}

/// More reloads of reloads than that are not followed.
const MAX_STEPS: usize = 32;

/// How often parameters are told apart.
const MAX_ROUNDS: usize = 16;

impl Roots {
    /// Find those of `func`.
    pub(crate) fn new(
        func: &Function,
        cfg: &Cfg,
        body: &Body,
        slots: &Slots,
        reshaped: &Reshaped,
    ) -> Self {
        let is_there = |value: Value| {
            let node = match func.dfg.value_def(value) {
                ValueDef::Result(inst, _) => cfg.node_of_inst(func, inst),
                ValueDef::Param(block, _) => cfg.node(block),
                ValueDef::Union(..) => None,
            };
            node.is_some()
        };
        let origins = slots.reloads.iter().filter_map(|reload| {
            let (origin, data) = match reload.hold {
                Hold::Is { origin, data } => (Some(origin), Some(data)),
                Hold::Unset | Hold::Conflict(..) | Hold::Partial | Hold::MaybeUnset => (None, None),
            };
            // The optimizer may have put another value in place of the origin.
            let candidates = [reload.expected, origin, data].into_iter().flatten();
            let origin = candidates
                .map(|value| func.dfg.resolve_aliases(value))
                .find(|&value| is_there(value))?;
            Some((reload.result, origin))
        });
        let mut roots = Roots {
            origins: SecondaryMap::new(),
            reloads: Vec::new(),
        };
        for (reload, origin) in origins
            .chain(reshaped.wholes())
            .chain(body.recast.iter().copied())
            .chain(equal_parameters(func, cfg, body))
        {
            roots.origins[reload] = origin.into();
            roots.reloads.push(reload);
        }
        roots
    }

    /// The same, where each first value of a pair, which is a root, is the second one.
    pub(crate) fn with(&self, pairs: &[(Value, Value)]) -> Roots {
        let mut roots = Roots {
            origins: self.origins.clone(),
            reloads: self.reloads.clone(),
        };
        for &(value, origin) in pairs {
            roots.origins[value] = origin.into();
        }
        roots
    }

    /// All reloads, and the parameters that are the same as others.
    pub(crate) fn reloads(&self) -> impl Iterator<Item = Value> + '_ {
        self.reloads.iter().copied()
    }

    /// What `value`, which must not be an alias, is reloaded for, if it is a reload.
    pub(crate) fn of(&self, mut value: Value) -> Value {
        for _ in 0..MAX_STEPS {
            match self.origins[value].expand() {
                Some(origin) if origin != value => value = origin,
                _ => break,
            }
        }
        value
    }

    /// What `value`, which must not be an alias, is a reload for; it may be one itself.
    pub(crate) fn origin(&self, value: Value) -> Option<Value> {
        self.origins[value].expand()
    }

    /// What of `hazards` the types of what `value` is reloaded for leave: that of a reload may be
    /// weaker. A constant that is spilled has no type; it is what it is.
    pub(crate) fn narrow(
        &self,
        func: &Function,
        mut value: Value,
        mut hazards: Hazards,
    ) -> Hazards {
        for _ in 0..MAX_STEPS {
            match self.origins[value].expand() {
                Some(origin) if origin != value => value = origin,
                _ => break,
            }
            let of_fact = func.dfg.gc_info.fact(value).and_then(Hazards::of);
            let of_fact = of_fact.or_else(|| of_constant(func, value));
            hazards = of_fact.map_or(hazards, |of_fact| hazards.and(of_fact));
        }
        hazards
    }

    /// Is `value` loaded from a stack slot that is not followed? What it was stored for is not known then, and a
    /// guard may have been one of that.
    pub(crate) fn is_from_elsewhere(&self, func: &Function, value: Value) -> bool {
        let loaded = func.dfg.value_def(value).inst();
        let access = loaded.and_then(|inst| access(func, inst));
        self.origins[value].is_none() && access.is_some_and(|access| is_in_slot(func, access.addr))
    }
}

/// What `value` is, if it is a constant that is no object.
fn of_constant(func: &Function, value: Value) -> Option<Hazards> {
    let mut hazards = Hazards::default();
    match constant(func, value)? {
        0 => hazards.insert(Hazard::Null),
        n if n % 2 == 1 => hazards.insert(Hazard::I31),
        _ => return None,
    }
    Some(hazards)
}

/// The parameters of blocks that are passed the same as one before them along each edge, with that one.
///
/// Partition refinement: at first all parameters of a block are one. Those are told apart that are passed different
/// values along an edge, until nothing changes. Callers pass the parameters of the entry, and calls their results:
/// those are left out. So is everything if it takes more than [`MAX_ROUNDS`].
fn equal_parameters(func: &Function, cfg: &Cfg, body: &Body) -> Vec<(Value, Value)> {
    let mut passed = FxHashMap::<Value, SmallVec<[Value; 4]>>::default();
    let mut blocks = Vec::<SmallVec<[Value; 8]>>::new();
    for node in cfg.nodes().skip(1) {
        let params = func.dfg.block_params(cfg.block(node)).iter().copied();
        let params: SmallVec<[Value; 8]> = params
            .filter(|&param| func.dfg.value_type(param) == types::I32)
            .collect();
        if params.len() > 1 {
            blocks.push(params);
        }
    }
    if blocks.is_empty() {
        return Vec::new();
    }
    for node in cfg.nodes() {
        for pass in body.passed_from(node) {
            if func.dfg.value_type(pass.param) == types::I32 {
                passed.entry(pass.param).or_default().push(pass.arg);
            }
        }
    }
    let mut first = FxHashMap::<Value, Value>::default();
    for params in &mut blocks {
        let ValueDef::Param(block, _) = func.dfg.value_def(params[0]) else {
            continue;
        };
        let edges = cfg.node(block).map_or(0, |node| cfg.preds(node).count());
        params.retain(|param| passed.get(param).is_some_and(|args| args.len() == edges));
        for &param in params.iter() {
            first.insert(param, params[0]);
        }
    }
    for _ in 0..MAX_ROUNDS {
        let mut next = FxHashMap::<Value, Value>::default();
        for params in &blocks {
            let mut equal = FxHashMap::<(Value, SmallVec<[Value; 4]>), Value>::default();
            for &param in params {
                let args = passed[&param].iter();
                let args = args.map(|arg| first.get(arg).copied().unwrap_or(*arg));
                let key = (first[&param], args.collect());
                next.insert(param, *equal.entry(key).or_insert(param));
            }
        }
        if next == first {
            let params = blocks.iter().flatten();
            let params = params.map(|&param| (param, first[&param]));
            return params.filter(|(param, first)| param != first).collect();
        }
        first = next;
    }
    Vec::new()
}
