//! What values are to the collector while rewrites are judged.
//!
//! **Claim.** A value that was there when the function was last verified has the class that
//! [`provenance`](crate::analysis::provenance) gave it. A newer value has the class that its operands make of
//! it.
//!
//! **Strength.** A newer value is followed through [a few](Classes::what) instructions; what is deeper counts
//! as plain, and is left to the next verification of the whole function. So are values that are opaque.
//!
//! **Math.** The class of a new value is the maximum of its operands' classes that its instruction hands on, in
//! the order plain < payload < reference < derived < opaque; a sum with a reference in it is derived.

use crate::analysis::provenance::Class;
use crate::ir::instruction::{Passed, passed_on};
use cranelift_codegen::ir::{Function, Inst, Value, ValueDef};

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
    let class = passed.followed().map(what).max().unwrap_or(What::Plain);
    match passed {
        Passed::Derived(_) if class != What::Plain => What::Derived,
        // NB: What is opaque is left to the look at the whole function.
        Passed::Nothing | Passed::Same(_) | Passed::Derived(_) | Passed::Opaque(_) => class,
    }
}
