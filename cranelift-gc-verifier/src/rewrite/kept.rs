//! Whether a rewrite keeps what a value is to the collector (GCV13, GCV14).
//!
//! **Claim.** What is refused changes the CLIF type of a value, makes a traced reference a constant
//! that no reference can be, or revives a reference from before a safepoint that may collect and
//! move.
//!
//! **Strength.** Relative to the references that are known (see [`What`]). Freshness is asked of
//! what replaces an instruction at its place: a forwarded load, a merged skeleton instruction. A pure
//! value has no place; it is as fresh as what it is made of, which no rewrite of it changes.
//!
//! **Math.** A reference that is defined at version `d` (see [`safepoint`](crate::analysis::version)) and
//! takes the place of one that is made at version `n` is fresh there exactly when `d = n`.

use super::signature::Signatures;
use crate::analysis::provenance::Class;
use crate::analysis::version::{Safepoints, Version};
use crate::evidence::steps::point_step;
use crate::finding::error::{GcError, NotKept};
use crate::finding::witness::{Role, Step, Witness};
use crate::ir::cfg::constant;
use crate::ir::instruction::{Passed, passed_on};
use crate::ir::path::{Forbidden, Point, Search};
use cranelift_codegen::ir::{Function, Inst, Value, ValueDef, types};

use super::forwarding::{Refusal, Scene};

/// What a value is to the collector.
pub(crate) type What = Class;

/// What the values are that were there when the function was looked at last.
#[derive(Default)]
pub(crate) struct Classes {
    /// By value. That of an alias is what it stood for.
    classes: Vec<Class>,
    /// The classes of the values that came later. What was asked for once.
    later: Vec<Option<Class>>,
    /// By value: does it have to do with references? What was asked for once.
    touches: Vec<Option<bool>>,
    /// Was a value found to be the same as one that is more than it is? What it touches is another
    /// question then.
    is_raised: bool,
}

impl Classes {
    pub(crate) fn new(classes: Vec<Class>) -> Self {
        Classes {
            classes,
            later: Vec::new(),
            touches: Vec::new(),
            is_raised: false,
        }
    }

    pub(crate) fn as_slice(&self) -> &[Class] {
        &self.classes
    }

    /// `old` becomes an alias of `new`.
    pub(crate) fn merge(&mut self, func: &Function, old: Value, new: Value) {
        self.is_raised |= !self.is_raised
            && self.what_was(func, old) == What::Plain
            && self.what(func, new) != What::Plain;
    }

    /// What `value` is. New ones are what their operands make of them.
    ///
    /// This is the place for typed facts.
    pub(crate) fn what(&self, func: &Function, value: Value) -> What {
        self.what_within(func, value, 4)
    }

    fn what_within(&self, func: &Function, value: Value, depth: u32) -> What {
        let value = func.dfg.resolve_aliases(value);
        if let Some(&class) = self.classes.get(value.as_u32() as usize) {
            return class;
        }
        let Some(depth) = depth.checked_sub(1) else {
            return What::Plain;
        };
        made_of(func, value, |operand| {
            self.what_within(func, operand, depth)
        })
    }

    /// What `value` was when the function was looked at last; it may be an alias by now.
    #[inline]
    fn what_was(&mut self, func: &Function, value: Value) -> What {
        match self.classes.get(value.as_u32() as usize) {
            Some(&class) => class,
            None => self.what_was_within(func, value, 4),
        }
    }

    fn what_was_within(&mut self, func: &Function, value: Value, depth: u32) -> What {
        let index = value.as_u32() as usize;
        if let Some(&class) = self.classes.get(index) {
            return class;
        }
        if let Some(&Some(class)) = self.later.get(index - self.classes.len()) {
            return class;
        }
        let Some(depth) = depth.checked_sub(1) else {
            return What::Plain;
        };
        let class = made_of(func, value, |operand| {
            self.what_was_within(func, operand, depth)
        });
        self.set_later(func, index, class);
        class
    }

    /// The value at `index`, which came later, is this.
    fn set_later(&mut self, func: &Function, index: usize, class: What) {
        let known = self.classes.len();
        if self.later.len() <= index - known {
            self.later.resize(func.dfg.num_values() - known, None);
        }
        self.later[index - known] = Some(class);
    }

    /// Does `value`, or an operand of the instruction that makes it, have to do with references?
    ///
    /// NB: It is asked of both sides of each rewrite, of which few do.
    #[inline]
    pub(crate) fn touches(&mut self, func: &Function, value: Value) -> bool {
        // NB: Nothing comes of nothing: of a function without references, nothing is known.
        if self.classes.is_empty() {
            return false;
        }
        match self.touches.get(value.as_u32() as usize) {
            Some(&Some(touches)) if !self.is_raised => touches,
            _ => self.find_touches(func, value),
        }
    }

    /// Is it known already that it does not?
    #[inline]
    pub(crate) fn is_known_apart(&self, value: Value) -> bool {
        !self.is_raised && self.touches.get(value.as_u32() as usize) == Some(&Some(false))
    }

    fn find_touches(&mut self, func: &Function, value: Value) -> bool {
        if self.is_raised {
            return self.touches_now(func, value);
        }
        let index = value.as_u32() as usize;
        let is_later = index >= self.classes.len();
        let mut is_plain = |&value: &Value| self.what_was(func, value) == What::Plain;
        let touches = match func.dfg.value_def(value) {
            // NB: What is computed later of what is plain is plain, which most is.
            ValueDef::Result(inst, _) if is_later => {
                let touches = !func.dfg.inst_args(inst).iter().all(is_plain);
                match touches {
                    true => _ = self.what_was(func, value),
                    false => self.set_later(func, index, What::Plain),
                }
                touches
            }
            ValueDef::Result(inst, _) => {
                !is_plain(&value) || !func.dfg.inst_args(inst).iter().all(is_plain)
            }
            ValueDef::Param(..) | ValueDef::Union(..) => !is_plain(&value),
        };
        if self.touches.len() <= index {
            // NB: More values come with every question.
            let room = func.dfg.num_values() * 5 / 4;
            self.touches.resize(room, None);
        }
        self.touches[index] = Some(touches);
        touches
    }

    fn touches_now(&self, func: &Function, value: Value) -> bool {
        if self.what(func, value) != What::Plain {
            return true;
        }
        match func.dfg.value_def(func.dfg.resolve_aliases(value)) {
            ValueDef::Result(inst, _) => self.operands_touch(func, inst),
            ValueDef::Param(..) | ValueDef::Union(..) => false,
        }
    }

    /// Does an operand of `inst` have to do with references?
    pub(crate) fn operands_touch(&self, func: &Function, inst: Inst) -> bool {
        let mut args = func.dfg.inst_args(inst).iter();
        args.any(|&arg| self.what(func, arg) != What::Plain)
    }
}

/// What its operands, which are `what` they are, make of `value`.
fn made_of(func: &Function, value: Value, mut what: impl FnMut(Value) -> What) -> What {
    let inst = match func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => inst,
        ValueDef::Union(a, b) => return what(a).max(what(b)),
        ValueDef::Param(..) => return What::Plain,
    };
    let passed = passed_on(func, inst);
    let class = passed.operands().map(what).max().unwrap_or(What::Plain);
    match passed {
        Passed::Derived(_) if class != What::Plain => What::Derived,
        Passed::Nothing | Passed::Same(_) | Passed::Derived(_) => class,
    }
}

/// Does `new` have the representation of `orig`, which `inst` makes?
pub(crate) fn representation(
    func: &Function,
    classes: &Classes,
    inst: Inst,
    orig: Value,
    new: Value,
) -> Option<GcError> {
    let changed = |why| {
        Some(GcError::RepresentationChanged {
            inst,
            orig,
            new,
            why,
        })
    };
    let (was, is) = (func.dfg.value_type(orig), func.dfg.value_type(new));
    if was != is {
        return changed(NotKept::Type(was, is));
    }
    if is != types::I32 || classes.what(func, orig) != What::Reference {
        return None;
    }
    match constant(func, new) {
        Some(n) if n != 0 && n % 2 == 0 => changed(NotKept::Constant(n as u32)),
        _ => None,
    }
}

/// Is `new` as fresh as the result `orig` that `inst` makes?
pub(crate) fn freshness(
    scene: Scene<'_>,
    safepoints: &Safepoints,
    signatures: &Signatures,
    classes: &Classes,
    (inst, orig): (Inst, Value),
    new: Value,
) -> Option<Refusal> {
    let Scene { func, cfg, .. } = scene;
    let is_moved = |value| classes.what(func, value) != What::Plain;
    if !is_moved(orig) || !is_moved(new) {
        return None;
    }
    let now = safepoints.before(func, cfg, inst)?;
    let new = signatures.root(func, new);
    let (point, fresh) = match func.dfg.value_def(new) {
        ValueDef::Param(block, _) => {
            let node = cfg.node(block)?;
            (Point { node, inst: None }, safepoints.at_start(node))
        }
        ValueDef::Result(def, _) => {
            let point = Point::at(func, cfg, def)?;
            let version = match safepoints.index_of(func, cfg, def) {
                Some(index) => Safepoints::version_after(index),
                None => safepoints.before(func, cfg, def)?,
            };
            (point, version)
        }
        ValueDef::Union(..) => return None,
    };
    if fresh.is_fresh_at(now) || fresh == Version::AGELESS {
        return None;
    }
    let forbidden = Forbidden {
        inst: &|at| Some(at) == point.inst,
        block: point.inst.is_none().then_some(point.node),
    };
    let from_definition = Search::new(func, cfg, point, forbidden);
    safepoints.all.iter().find_map(|safepoint| {
        if point.inst == Some(safepoint.inst) {
            return None;
        }
        let to_safepoint = from_definition.path_to(safepoint.inst)?;
        let at = Point::at(func, cfg, safepoint.inst)?;
        let to_use = Search::new(func, cfg, at, forbidden).path_to(inst)?;
        let through = |path: &[crate::ir::cfg::Node]| {
            let steps = path[1..].iter().map(|&node| Step {
                role: Role::Through,
                block: cfg.block(node),
                inst: None,
            });
            steps.collect::<Vec<_>>()
        };
        let step = |role, inst| {
            Some(Step {
                role,
                block: func.layout.inst_block(inst)?,
                inst: Some(inst),
            })
        };
        let mut steps = vec![point_step(cfg, point, Role::Definition)];
        steps.extend(through(&to_safepoint));
        steps.push(step(Role::Safepoint, safepoint.inst)?);
        steps.extend(through(&to_use));
        steps.push(step(Role::Use, inst)?);
        let error = GcError::MembershipChanged {
            inst,
            orig,
            new,
            safepoint: safepoint.inst,
        };
        Some((error, Witness { steps }))
    })
}
