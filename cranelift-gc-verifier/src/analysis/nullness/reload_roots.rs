//! Which reference a reload is, and which parameters of a block are one reference.
//!
//! **Claim.** A reload is null, or the i31 that it is, exactly if what it is reloaded for is: a
//! collection changes the bits of neither. Parameters of one block are the same value if each edge passes
//! the same value for both.
//!
//! **Strength.** A reload is followed to what was spilled, and that to what it was reloaded for, for at most
//! [`MAX_STEPS`] steps. A reload of a slot that holds different values by path is a reference of its own.
//!
//! **Math.** `root(v) = root(origin(v))` for a reload with an origin, and for a parameter, whose origin is the first
//! one of its block that is passed the same; `root(v) = v` for everything else.

use crate::analysis::reshaped::Reshaped;
use crate::analysis::slots::{Hold, Slots};
use crate::finding::hazard::Hazards;
use crate::ir::cfg::{Cfg, Node};
use crate::ir::instruction::access;
use crate::ir::view::Body;
use cranelift_codegen::FxHashMap;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Function, Opcode, Value, ValueDef, types};
use cranelift_codegen::packed_option::PackedOption;

use smallvec::SmallVec;

/// For each reload, the value that it is reloaded for; for each parameter, another one that is the same.
pub(crate) struct Roots {
    origins: SecondaryMap<Value, PackedOption<Value>>,
    reloads: Vec<Value>,
}

/// More reloads of reloads than that are not followed.
const MAX_STEPS: usize = 32;

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
            .chain(twins(func, cfg, body))
        {
            roots.origins[reload] = origin.into();
            roots.reloads.push(reload);
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
    /// weaker.
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

/// The parameters of blocks that are passed the same as one before them along each edge, with that one.
///
/// Callers pass the parameters of the entry, and calls their results: those are left out.
fn twins(func: &Function, cfg: &Cfg, body: &Body) -> Vec<(Value, Value)> {
    let mut twins = Vec::new();
    let mut passed = FxHashMap::<Value, SmallVec<[Passed; 4]>>::default();
    for node in cfg.nodes().skip(1) {
        let params = func.dfg.block_params(cfg.block(node));
        let is_word = |&&param: &&Value| func.dfg.value_type(param) == types::I32;
        if params.iter().filter(is_word).nth(1).is_none() {
            continue;
        }
        passed.clear();
        let mut froms: SmallVec<[Node; 8]> = cfg.preds(node).map(|edge| edge.from).collect();
        let edges = froms.len();
        froms.sort_unstable();
        froms.dedup();
        for from in froms {
            let passes = body.passed_from(from).iter();
            for pass in passes.filter(|pass| pass.to == node) {
                if func.dfg.value_type(pass.param) == types::I32 {
                    let is_itself = pass.arg == pass.param;
                    let what = (!is_itself).then_some(pass.arg).into();
                    passed.entry(pass.param).or_default().push(what);
                }
            }
        }
        let mut first = FxHashMap::<&[Passed], Value>::default();
        for param in params.iter().filter(is_word) {
            let passed = passed.get(param).map_or(&[][..], SmallVec::as_slice);
            if passed.len() != edges || edges == 0 {
                continue;
            }
            let &mut before = first.entry(passed).or_insert(*param);
            if before != *param {
                twins.push((*param, before));
            }
        }
    }
    twins
}

/// What an edge passes for a parameter: nothing, if that is the parameter itself.
type Passed = PackedOption<Value>;

/// Is `address` one in a stack slot?
fn is_in_slot(func: &Function, mut address: Value) -> bool {
    for _ in 0..MAX_STEPS {
        let Some(inst) = func.dfg.value_def(func.dfg.resolve_aliases(address)).inst() else {
            return false;
        };
        match func.dfg.insts[inst].opcode() {
            Opcode::StackAddr => return true,
            Opcode::Iadd => address = func.dfg.inst_args(inst)[0],
            _ => return false,
        }
    }
    false
}
