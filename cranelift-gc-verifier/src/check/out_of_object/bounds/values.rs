//! Values as linear forms.
//!
//! **Claim.** The exact form of a value is the value, as an unsigned number. Its modular form is the value modulo two to the number of its
//! bits.
//!
//! **Strength.** Sums, differences, products with constants, extensions, truncations and choices are understood. What else there is is an
//! atom, of which it is noted what its instruction says of its size.
//!
//! **Math.** The modular form is the exact one where it is proved to be in `[0, 2ⁿ)`.

use super::{Bounds, HEAP_SIZE, Key, largest, signed};
use crate::check::out_of_object::form::Form;
use crate::ir::cfg::constant;
use crate::ir::constant::number;
use crate::ir::linear::Linear;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{InstructionData, Opcode, Value, ValueDef};

impl Bounds<'_, '_> {
    pub(super) fn bits(&self, value: Value) -> u32 {
        self.context.func.dfg.value_type(value).bits()
    }

    pub(super) fn atom(&mut self, key: Key) -> u32 {
        if let Some(&atom) = self.keys.get(&key) {
            self.describe(atom);
            return atom;
        }
        let (low, high) = match key {
            Key::Value(value) => (0, largest(self.bits(value))),
            Key::Length(root) => {
                let most = match self.array {
                    Some(array) if root == self.object && array.element > 0 => {
                        (HEAP_SIZE - array.start) / array.element
                    }
                    _ => largest(32),
                };
                (0, most)
            }
        };
        let atom = self.atoms.len() as u32;
        self.atoms.push((key, low, high));
        self.keys.insert(key, atom);
        self.describe(atom);
        atom
    }

    /// An atom that stands for another one while that is replaced.
    pub(super) fn renamed(&mut self, atom: u32) -> Form {
        let known = self.atoms[atom as usize];
        self.atoms.push(known);
        Form::atom(self.atoms.len() as u32 - 1)
    }

    /// Note what is true of what an atom stands for, by what makes it.
    pub(super) fn describe(&mut self, atom: u32) {
        let func = self.context.func;
        let Key::Value(value) = self.atoms[atom as usize].0 else {
            return;
        };
        if !self.described.insert(atom) {
            return;
        }
        let ValueDef::Result(inst, 0) = func.dfg.value_def(value) else {
            return;
        };
        let number = |value: Value| number(func, value).map(i128::from);
        let own = Form::atom(atom);
        let data = func.dfg.insts[inst];
        let Some(depth) = self.depth.checked_sub(1) else {
            return;
        };
        self.depth = depth;
        let mut most = None;
        match (data.opcode(), data) {
            (Opcode::Icmp, _) => most = Some(1),
            (Opcode::Uload8, _) => most = Some(largest(8)),
            (Opcode::Uload16, _) => most = Some(largest(16)),
            (Opcode::Uload32, _) => most = Some(largest(32)),
            (Opcode::Clz | Opcode::Ctz | Opcode::Popcnt, _) => {
                most = Some(self.bits(value).into());
            }
            (Opcode::Band | Opcode::Umin, InstructionData::Binary { args, .. }) => {
                for arg in args {
                    let arg = self.exact(arg);
                    most = most.or(arg.as_number());
                    self.note(arg.minus(&own));
                }
            }
            (Opcode::Select, InstructionData::Ternary { args, .. }) => {
                if let Some(is_least) = self.chooses_by_size(args) {
                    for arg in &args[1..] {
                        let arg = self.exact(*arg);
                        let left = if is_least {
                            arg.minus(&own)
                        } else {
                            own.minus(&arg)
                        };
                        self.note(left);
                    }
                }
            }
            (Opcode::Umax, InstructionData::Binary { args, .. }) => {
                for arg in args {
                    let arg = self.exact(arg);
                    self.note(own.minus(&arg));
                }
            }
            (Opcode::Urem, InstructionData::Binary { args: [a, b], .. }) => {
                let (a, b) = (self.exact(a), self.exact(b));
                most = b.as_number().map(|by| by - 1);
                self.note(a.minus(&own));
                self.note(b.minus(&own).and_then(|left| left.shifted(-1)));
            }
            (Opcode::Ushr, InstructionData::Binary { args: [a, by], .. }) => {
                if let Some(by) = number(by) {
                    let bits = i128::from(self.bits(value));
                    self.divided(&own, a, 1 << (by % bits));
                }
            }
            (Opcode::Udiv, InstructionData::Binary { args: [a, by], .. }) => {
                if let Some(by) = number(by).filter(|&by| by > 0) {
                    self.divided(&own, a, by);
                }
            }
            _ => {}
        }
        self.depth += 1;
        if let Some(most) = most {
            let high = &mut self.atoms[atom as usize].2;
            *high = (*high).min(most);
        }
    }

    /// Is the choice one of the smaller of both arms, or of the larger one, as unsigned numbers?
    pub(super) fn chooses_by_size(&self, [condition, yes, no]: [Value; 3]) -> Option<bool> {
        let func = self.context.func;
        let [condition, yes, no] = [condition, yes, no].map(|value| self.context.root(value));
        let InstructionData::IntCompare { cond, args, .. } =
            func.dfg.insts[func.dfg.value_def(condition).inst()?]
        else {
            return None;
        };
        let args = args.map(|arg| self.context.root(arg));
        let is_less = match cond {
            IntCC::UnsignedLessThan | IntCC::UnsignedLessThanOrEqual => true,
            IntCC::UnsignedGreaterThan | IntCC::UnsignedGreaterThanOrEqual => false,
            _ => return None,
        };
        match args {
            _ if args == [yes, no] => Some(is_less),
            _ if args == [no, yes] => Some(!is_less),
            _ => None,
        }
    }

    /// `own` is `value` divided by a number.
    pub(super) fn divided(&mut self, own: &Form, value: Value, by: i128) {
        let high = largest(self.bits(value)) / by;
        let atom = own.terms[0].0;
        self.atoms[atom as usize].2 = self.atoms[atom as usize].2.min(high);
        let value = self.exact(value);
        let rest = own.times(by).and_then(|whole| value.minus(&whole));
        let Some(rest) = rest else { return };
        let left = Form::number(by - 1).minus(&rest);
        self.note(Some(rest));
        self.note(left);
    }

    /// `value`, as an unsigned number.
    pub(super) fn exact(&mut self, value: Value) -> Form {
        let func = self.context.func;
        let value = self.context.root(value);
        let bits = self.bits(value);
        if let Some(n) = constant(func, value) {
            return Form::number(i128::from(n) & largest(bits));
        }
        if let Some(form) = self.exact.get(&value) {
            return form.clone();
        }
        let form = match self.depth.checked_sub(1) {
            Some(depth) if bits <= 64 => {
                self.depth = depth;
                let form = self.exact_anew(value, bits);
                self.depth += 1;
                form
            }
            _ => None,
        };
        let form = form.unwrap_or_else(|| Form::atom(self.atom(Key::Value(value))));
        self.exact.insert(value, form.clone());
        form
    }

    pub(super) fn exact_anew(&mut self, value: Value, bits: u32) -> Option<Form> {
        let func = self.context.func;
        if let Linear::Exact([a, b]) = Linear::of_value(func, value)
            && value != self.object
        {
            // It is there, and so it did not trap.
            let sum = self.exact(a);
            let sum = sum.plus(&self.exact(b))?;
            self.note(Form::number(largest(bits)).minus(&sum));
            return Some(sum);
        }
        let form = self.modular(value);
        if let [(_, 1)] = form.terms[..]
            && form.constant == 0
            && self
                .range(&form)
                .is_some_and(|(low, high, _)| low >= 0 && high <= largest(bits))
        {
            return Some(form);
        }
        let fits = self.is_at_least(&form, 0) && self.is_at_most(&form, largest(bits));
        fits.then_some(form)
    }

    /// A form that is `value`, modulo two to the power of its width.
    pub(super) fn modular(&mut self, value: Value) -> Form {
        let func = self.context.func;
        let value = self.context.root(value);
        if let Some(n) = signed(func, value) {
            return Form::number(n);
        }
        // NB: What was tested is said of the exact form. An address has none.
        let known = self.exact.get(&value).cloned();
        if let Some(known) = &known
            && self.bits(value) < 64
        {
            return known.clone();
        }
        let form = match self.depth.checked_sub(1) {
            Some(depth) => {
                self.depth = depth;
                let form = self.modular_anew(value);
                self.depth += 1;
                form
            }
            None => None,
        };
        match (form, known) {
            (Some(form), Some(known)) if !self.is_address(&form) => known,
            (Some(form), _) => form,
            (None, _) => Form::atom(self.atom(Key::Value(value))),
        }
    }

    /// Does the object take part in `form`?
    pub(super) fn is_address(&self, form: &Form) -> bool {
        let own = self.keys.get(&Key::Value(self.object));
        own.is_some_and(|&own| form.coefficient(own).is_some())
    }

    pub(super) fn modular_anew(&mut self, value: Value) -> Option<Form> {
        let func = self.context.func;
        if let Some(&array) = self.lengths.get(&value) {
            return Some(Form::atom(self.atom(Key::Length(array))));
        }
        let (ValueDef::Result(inst, 0), true) = (func.dfg.value_def(value), value != self.object)
        else {
            return None;
        };
        match Linear::of(&func.dfg.insts[inst], 0) {
            Linear::Sum([a, b]) => self.modular(a).plus(&self.modular(b)),
            Linear::Exact(_) => Some(self.exact(value)),
            Linear::Difference([a, b]) => self.modular(a).minus(&self.modular(b)),
            Linear::Product([a, b]) => {
                let (a, b) = (self.modular(a), self.modular(b));
                match (a.as_number(), b.as_number()) {
                    (_, Some(times)) => a.times(times),
                    (Some(times), None) => b.times(times),
                    (None, None) => None,
                }
            }
            Linear::Shifted([a, by]) => {
                let bits = self.bits(value);
                let by = number(func, self.context.root(by))?;
                let by = by % u64::from(bits);
                (bits <= 64).then(|| self.modular(a))?.times(1 << by)
            }
            Linear::Negative(arg) => self.modular(arg).times(-1),
            Linear::Extended(arg) => Some(self.exact(arg)),
            Linear::Truncated(arg) => Some(self.modular(arg)),
            Linear::SignExtended(arg) => {
                let half = largest(self.bits(arg)) >> 1;
                let form = self.exact(arg);
                self.is_at_most(&form, half).then_some(form)
            }
            Linear::Slot(..) | Linear::Choice(_) | Linear::Other => None,
        }
    }
}
