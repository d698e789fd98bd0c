//! CLIF functions that a rule is likely to match, made from its left-hand side.
//!
//! **Claim.** Each function is well typed, and computes what the pattern of the rule describes.
//!
//! **Strength.** Patterns are followed that are made of scalar integer and float instructions, constants, and
//! extractors that bind or restrict. The conditions of a rule are not solved: constants and types are tried.
//! Whether a function fires the rule is seen when it is compiled.
//!
//! Where there is a choice, such as the type of an operand, all are tried in turn: [`Choices`] counts through
//! them like an odometer.

use super::isle::{Form, Rule};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// How many functions are made for a rule.
const MAX_FUNCTIONS: usize = 48;

/// How many choices are tried for a rule.
const MAX_TRIED: usize = 20_000;

/// The constants that are tried where a rule takes any.
const CONSTANTS: [i128; 10] = [1, 0, 2, 3, 8, -1, 7, 16, 31, 255];

/// Functions for the rule, or why there are none.
///
/// # Errors
///
/// The first part of the pattern that is not understood.
pub fn functions(rule: &Rule) -> Result<Vec<String>, String> {
    let [_, pattern] = rule.pattern.list().unwrap_or_default() else {
        return Err(format!("the pattern {}", rule.pattern));
    };
    let mut choices = Choices::default();
    let mut made = BTreeSet::new();
    let mut functions = Vec::new();
    let mut reason = None;
    for _ in 0..MAX_TRIED {
        let mut maker = Maker {
            choices: &mut choices,
            types: BTreeMap::new(),
            numbers: BTreeMap::new(),
            values: BTreeMap::new(),
            parameters: Vec::new(),
            body: String::new(),
            count: 0,
            reason: None,
        };
        if let Some(function) = maker.function(rule.term(), pattern, functions.len())
            && made.insert(function.text)
        {
            functions.push(function.named);
        }
        reason = reason.or(maker.reason);
        if functions.len() == MAX_FUNCTIONS || !choices.next() {
            break;
        }
    }
    match (functions.is_empty(), reason) {
        (false, _) => Ok(functions),
        (true, reason) => Err(reason.unwrap_or_else(|| "no types fit".into())),
    }
}

/// A series of choices, each with the number of alternatives.
#[derive(Debug, Default)]
struct Choices {
    digits: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    fn choose(&mut self, of: usize) -> usize {
        if self.at == self.digits.len() {
            self.digits.push((0, of));
        }
        self.at += 1;
        self.digits[self.at - 1].0
    }

    /// The next series; `false` if there is none.
    fn next(&mut self) -> bool {
        self.digits.truncate(self.at);
        self.at = 0;
        while let Some((digit, of)) = self.digits.pop() {
            if digit + 1 < of {
                self.digits.push((digit + 1, of));
                return true;
            }
        }
        false
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Int(u32),
    Float(u32),
}

impl Type {
    const INTS: [Type; 5] = [
        Type::Int(32),
        Type::Int(64),
        Type::Int(8),
        Type::Int(16),
        Type::Int(128),
    ];
    const FLOATS: [Type; 2] = [Type::Float(32), Type::Float(64)];

    fn named(name: &str) -> Option<Type> {
        let (kind, bits) = name.strip_prefix('$')?.split_at_checked(1)?;
        let bits = bits.parse().ok()?;
        let found = match kind {
            "I" => Type::Int(bits),
            "F" => Type::Float(bits),
            _ => return None,
        };
        (Self::INTS.contains(&found) || Self::FLOATS.contains(&found)).then_some(found)
    }

    fn bits(self) -> u32 {
        match self {
            Type::Int(bits) | Type::Float(bits) => bits,
        }
    }

    fn is_int(self) -> bool {
        matches!(self, Type::Int(_))
    }
}

impl std::fmt::Display for Type {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let kind = if self.is_int() { "i" } else { "f" };
        write!(f, "{kind}{}", self.bits())
    }
}

/// How the types of an instruction belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shape {
    /// Operands and result are integers of one type.
    Int,
    /// The second operand may be of another integer type.
    Shift,
    /// Operands and result are floats of one type.
    Float,
    /// The result is wider.
    Extend,
    /// The result is narrower.
    Reduce,
    /// The operand is any integer.
    Mask,
}

fn shape(op: &str) -> Option<(Shape, usize)> {
    Some(match op {
        "iadd" | "isub" | "imul" | "udiv" | "sdiv" | "urem" | "srem" | "umulhi" | "smulhi"
        | "band" | "bor" | "bxor" | "band_not" | "bor_not" | "bxor_not" | "umin" | "umax"
        | "smin" | "smax" | "avg_round" => (Shape::Int, 2),
        "ineg" | "iabs" | "bnot" | "clz" | "ctz" | "cls" | "popcnt" | "bitrev" | "bswap" => {
            (Shape::Int, 1)
        }
        "bitselect" => (Shape::Int, 3),
        "ishl" | "ushr" | "sshr" | "rotl" | "rotr" => (Shape::Shift, 2),
        "fadd" | "fsub" | "fmul" | "fdiv" | "fmin" | "fmax" | "fcopysign" => (Shape::Float, 2),
        "fneg" | "fabs" | "sqrt" | "ceil" | "floor" | "trunc" | "nearest" => (Shape::Float, 1),
        "fma" => (Shape::Float, 3),
        "uextend" | "sextend" => (Shape::Extend, 1),
        "ireduce" => (Shape::Reduce, 1),
        "bmask" => (Shape::Mask, 1),
        _ => return None,
    })
}

/// The condition of a comparison, by the name of its extractor or of ISLE's enum.
fn condition(name: &str) -> Option<&'static str> {
    Some(match name {
        "eq" | "IntCC.Equal" => "eq",
        "ne" | "IntCC.NotEqual" => "ne",
        "ult" | "IntCC.UnsignedLessThan" => "ult",
        "ule" | "IntCC.UnsignedLessThanOrEqual" => "ule",
        "ugt" | "IntCC.UnsignedGreaterThan" => "ugt",
        "uge" | "IntCC.UnsignedGreaterThanOrEqual" => "uge",
        "slt" | "IntCC.SignedLessThan" => "slt",
        "sle" | "IntCC.SignedLessThanOrEqual" => "sle",
        "sgt" | "IntCC.SignedGreaterThan" => "sgt",
        "sge" | "IntCC.SignedGreaterThanOrEqual" => "sge",
        _ => return None,
    })
}

const CONDITIONS: [&str; 10] = [
    "eq", "ne", "ult", "ule", "ugt", "uge", "slt", "sle", "sgt", "sge",
];

/// Makes one function.
struct Maker<'a> {
    choices: &'a mut Choices,
    types: BTreeMap<String, Type>,
    numbers: BTreeMap<String, i128>,
    values: BTreeMap<String, (String, Type)>,
    parameters: Vec<Type>,
    body: String,
    count: usize,
    reason: Option<String>,
}

/// A function without its name, which tells whether it was made before, and with it.
struct Function {
    text: String,
    named: String,
}

impl Maker<'_> {
    fn function(&mut self, term: &str, pattern: &Form, number: usize) -> Option<Function> {
        let (result, end) = match (term, pattern.head()) {
            ("simplify_skeleton", Some(op @ ("brif" | "trapz" | "trapnz"))) => {
                let condition = pattern.list()?.get(1)?;
                let (value, _) = self.value(condition, None)?;
                match op {
                    "brif" => {
                        let end = format!(
                            "    brif {value}, block1, block2\n\nblock1:\n    v900 = iconst.i32 1\n    \
                             return v900\n\nblock2:\n    v901 = iconst.i32 2\n    return v901\n"
                        );
                        (Some(Type::Int(32)), end)
                    }
                    op => (None, format!("    {op} {value}, user1\n    return\n")),
                }
            }
            ("simplify" | "simplify_skeleton", _) => {
                let (value, ty) = self.value(pattern, None)?;
                (Some(ty), format!("    return {value}\n"))
            }
            _ => return self.not_understood(pattern),
        };
        let types: Vec<String> = self.parameters.iter().map(Type::to_string).collect();
        let parameters = types.iter().enumerate();
        let parameters: Vec<String> = parameters.map(|(at, ty)| format!("v{at}: {ty}")).collect();
        let parameters = match parameters.is_empty() {
            true => String::new(),
            false => format!("({})", parameters.join(", ")),
        };
        let result = result.map_or(String::new(), |ty| format!(" -> {ty}"));
        let text = format!(
            "({}){result} {{\nblock0{parameters}:\n{}{end}}}\n",
            types.join(", "),
            self.body
        );
        let named = format!("function %synthesized_{number}{text}");
        Some(Function { text, named })
    }

    /// Says, the first time, what is not understood.
    fn not_understood<T>(&mut self, form: &Form) -> Option<T> {
        self.reason.get_or_insert_with(|| form.to_string());
        None
    }

    /// A type for a pattern of types; one that is wanted, if it fits.
    fn ty(&mut self, pattern: &Form, wanted: Option<Type>, among: &[Type]) -> Option<Type> {
        let found = match pattern {
            Form::Atom(name) if name.starts_with('$') => match Type::named(name) {
                Some(ty) => ty,
                None => return self.not_understood(pattern),
            },
            Form::Atom(name) if name != "_" => match self.types.get(name) {
                Some(&ty) => ty,
                None => {
                    let ty = self.any(wanted, among);
                    self.types.insert(name.clone(), ty);
                    ty
                }
            },
            Form::Atom(_) => self.any(wanted, among),
            Form::List(list) => {
                let [head, inner @ ..] = list.as_slice() else {
                    return self.not_understood(pattern);
                };
                let fits: fn(Type) -> bool = match head.atom() {
                    Some("fits_in_16") => |ty| ty.bits() <= 16,
                    Some("fits_in_32") => |ty| ty.bits() <= 32,
                    Some("fits_in_64") => |ty| ty.bits() <= 64,
                    Some("ty_8_or_16") => |ty| ty.bits() <= 16,
                    Some("ty_16_or_32") => |ty| ty.bits() == 16 || ty.bits() == 32,
                    Some("ty_32_or_64") => |ty| ty.bits() == 32 || ty.bits() == 64,
                    Some("ty_16") => |ty| ty.bits() == 16,
                    Some("ty_32") => |ty| ty.bits() == 32,
                    Some("ty_64") => |ty| ty.bits() == 64,
                    Some("ty_128") => |ty| ty.bits() == 128,
                    Some("ty_int") => Type::is_int,
                    Some("ty_int_ref_16_to_64") => |ty| (16..=64).contains(&ty.bits()),
                    Some("ty_int_ref_64") => |ty| ty.bits() == 64,
                    Some("ty_scalar") => |_| true,
                    Some("ty_scalar_float") => |ty| !ty.is_int(),
                    _ => return self.not_understood(pattern),
                };
                let ty = match inner {
                    [inner] => self.ty(inner, wanted, among)?,
                    _ => return self.not_understood(pattern),
                };
                if !fits(ty) {
                    return None;
                }
                ty
            }
        };
        let is_wanted = wanted.is_none_or(|wanted| wanted == found);
        (is_wanted && among.contains(&found)).then_some(found)
    }

    fn any(&mut self, wanted: Option<Type>, among: &[Type]) -> Type {
        wanted.unwrap_or_else(|| among[self.choices.choose(among.len())])
    }

    fn parameter(&mut self, ty: Type) -> (String, Type) {
        self.parameters.push(ty);
        (format!("v{}", self.parameters.len() - 1), ty)
    }

    fn instruction(&mut self, text: &str, ty: Type) -> (String, Type) {
        self.count += 1;
        let name = format!("v{}", 99 + self.count);
        // NB: Writing to a string cannot fail.
        let _ = writeln!(self.body, "    {name} = {text}");
        (name, ty)
    }

    /// A value for a pattern, of the type that is wanted.
    fn value(&mut self, pattern: &Form, wanted: Option<Type>) -> Option<(String, Type)> {
        match pattern {
            Form::Atom(name) => self.variable(name, wanted),
            // `x @ pattern` is three forms, which `operands` has put together.
            Form::List(list) => {
                let (head, arguments) = list.split_first()?;
                let Some(head) = head.atom() else {
                    return self.not_understood(pattern);
                };
                let arguments = operands(arguments);
                match (head, arguments.as_slice()) {
                    ("@", [Form::Atom(name), inner]) => {
                        let value = self.value(inner, wanted)?;
                        match self.values.insert(name.clone(), value.clone()) {
                            None => Some(value),
                            Some(_) => self.not_understood(pattern),
                        }
                    }
                    ("value_type", [ty]) => {
                        let ty = self.ty(ty, wanted, &all_types())?;
                        Some(self.parameter(ty))
                    }
                    ("iconst" | "iconst_u" | "iconst_s", [ty, number]) => {
                        let ty = self.ty(ty, wanted, &Type::INTS[..4])?;
                        let number = self.number(number, ty)?;
                        Some(self.instruction(&format!("iconst.{ty} {number}"), ty))
                    }
                    ("select", [ty, condition, x, y]) => {
                        let ty = self.ty(ty, wanted, &all_types())?;
                        let (condition, _) = self.value(condition, None)?;
                        let (x, _) = self.value(x, Some(ty))?;
                        let (y, _) = self.value(y, Some(ty))?;
                        Some(self.instruction(&format!("select {condition}, {x}, {y}"), ty))
                    }
                    ("icmp", [ty, code, x, y]) => {
                        let code = self.condition(code)?;
                        self.comparison(code, ty, x, y, wanted)
                    }
                    (head, [ty, x, y]) if condition(head).is_some() => {
                        self.comparison(condition(head)?, ty, x, y, wanted)
                    }
                    (head, arguments) => match shape(head) {
                        Some((shape, count)) if arguments.len() == count + 1 => {
                            self.operation(head, shape, arguments, wanted)
                        }
                        _ => self.not_understood(pattern),
                    },
                }
            }
        }
    }

    fn variable(&mut self, name: &str, wanted: Option<Type>) -> Option<(String, Type)> {
        if let Some((value, ty)) = self.values.get(name) {
            let fits = wanted.is_none_or(|wanted| wanted == *ty);
            return fits.then(|| (value.clone(), *ty));
        }
        let ty = self.any(wanted, &Type::INTS[..4]);
        let value = self.parameter(ty);
        if name != "_" {
            self.values.insert(name.to_string(), value.clone());
        }
        Some(value)
    }

    fn condition(&mut self, code: &Form) -> Option<&'static str> {
        match code {
            Form::Atom(_) => Some(CONDITIONS[self.choices.choose(CONDITIONS.len())]),
            Form::List(list) => match list.as_slice() {
                [Form::Atom(name)] => condition(name),
                _ => self.not_understood(code),
            },
        }
    }

    fn comparison(
        &mut self,
        code: &str,
        ty: &Form,
        x: &Form,
        y: &Form,
        wanted: Option<Type>,
    ) -> Option<(String, Type)> {
        let ty = self.ty(ty, wanted, &[Type::Int(8)])?;
        let (x, of) = self.value(x, None)?;
        let (y, _) = self.value(y, Some(of))?;
        if !of.is_int() {
            return None;
        }
        Some(self.instruction(&format!("icmp {code} {x}, {y}"), ty))
    }

    fn operation(
        &mut self,
        op: &str,
        shape: Shape,
        arguments: &[Form],
        wanted: Option<Type>,
    ) -> Option<(String, Type)> {
        let (ty, arguments) = arguments.split_first()?;
        let among: &[Type] = match shape {
            Shape::Float => &Type::FLOATS,
            Shape::Extend | Shape::Reduce => &Type::INTS[..4],
            Shape::Int | Shape::Shift | Shape::Mask => &Type::INTS,
        };
        let ty = self.ty(ty, wanted, among)?;
        let mut values = Vec::new();
        for (position, argument) in arguments.iter().enumerate() {
            let wanted = match (shape, position) {
                (Shape::Int | Shape::Float, _) | (Shape::Shift, 0) => Some(ty),
                (Shape::Shift | Shape::Extend | Shape::Reduce | Shape::Mask, _) => None,
            };
            let (value, of) = self.value(argument, wanted)?;
            let fits = match shape {
                Shape::Extend => of.is_int() && of.bits() < ty.bits(),
                Shape::Reduce => of.is_int() && of.bits() > ty.bits(),
                Shape::Shift | Shape::Mask => of.is_int(),
                Shape::Int | Shape::Float => true,
            };
            if !fits {
                return None;
            }
            values.push(value);
        }
        let suffix = match shape {
            Shape::Extend | Shape::Reduce | Shape::Mask => format!(".{ty}"),
            Shape::Int | Shape::Shift | Shape::Float => String::new(),
        };
        Some(self.instruction(&format!("{op}{suffix} {}", values.join(", ")), ty))
    }

    /// A constant of that type, as it is written.
    fn number(&mut self, pattern: &Form, ty: Type) -> Option<i128> {
        let number = match pattern {
            Form::Atom(atom) => match parse(atom) {
                Some(number) => number,
                None if atom == "true" || atom == "false" => return self.not_understood(pattern),
                None => match self.numbers.get(atom) {
                    Some(&number) => number,
                    None => {
                        let number = CONSTANTS[self.choices.choose(CONSTANTS.len())];
                        if atom != "_" {
                            self.numbers.insert(atom.clone(), number);
                        }
                        number
                    }
                },
            },
            Form::List(list) => match operands(list).as_slice() {
                [Form::Atom(head), inner]
                    if head == "u64_from_imm64" || head == "nonzero_u64_from_imm64" =>
                {
                    return self.number(inner, ty);
                }
                [Form::Atom(at), Form::Atom(name), inner] if at == "@" => {
                    let number = self.number(inner, ty)?;
                    self.numbers.insert(name.clone(), number);
                    return Some(number);
                }
                _ => return self.not_understood(pattern),
            },
        };
        // As a signed number of its type.
        let unused = 128 - ty.bits();
        Some(number << unused >> unused)
    }
}

fn all_types() -> Vec<Type> {
    [Type::INTS.as_slice(), &Type::FLOATS].concat()
}

fn parse(atom: &str) -> Option<i128> {
    let (sign, digits) = match atom.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, atom),
    };
    let digits = digits.replace('_', "");
    let number = match digits.strip_prefix("0x") {
        Some(digits) => i128::from_str_radix(digits, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(sign * number)
}

/// The operands, where `x @ pattern` becomes `(@ x pattern)`.
fn operands(forms: &[Form]) -> Vec<Form> {
    let mut all: Vec<Form> = Vec::new();
    let mut rest = forms.iter();
    while let Some(form) = rest.next() {
        match (form.atom(), all.pop()) {
            (Some("@"), Some(name)) => {
                let inner = rest.next().cloned().into_iter();
                let list = [form.clone(), name].into_iter().chain(inner);
                all.push(Form::List(list.collect()));
            }
            (_, before) => {
                all.extend(before);
                all.push(form.clone());
            }
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::isle;
    use super::*;

    fn made(text: &str) -> Result<Vec<String>, String> {
        functions(&isle::rules(text).unwrap()[0])
    }

    #[test]
    fn a_pattern_becomes_functions_of_each_type() {
        let made = made("(rule (simplify (iadd ty x (iconst_u ty 0))) (subsume x))").unwrap();
        assert_eq!(made.len(), 4, "{made:#?}");
        let expected = "function %synthesized_0(i32) -> i32 {\nblock0(v0: i32):\n    \
                        v100 = iconst.i32 0\n    v101 = iadd v0, v100\n    return v101\n}\n";
        assert_eq!(made[0], expected);
    }

    #[test]
    fn one_name_is_one_value_and_types_belong_together() {
        let text = "(rule (simplify (ireduce ty (iadd wide (sextend wide x) (uextend wide x @ \
                    (value_type ty))))) x)";
        // NB: A name that is bound twice is not understood.
        assert!(made(text).is_err());
        let text = "(rule (simplify (ireduce ty (iadd wide (sextend wide x @ (value_type ty)) \
                    (uextend wide x)))) x)";
        let made = made(text).unwrap();
        assert_eq!(made.len(), 6, "{made:#?}");
        assert!(made[0].contains("(v0: i32)") && made[0].contains("sextend.i64 v0"));
        assert!(made.iter().all(|f| f.contains("= iadd v100, v101")));
    }

    #[test]
    fn constants_are_tried_and_kept_in_the_range_of_their_type() {
        let text = "(rule (simplify (ushr $I8 (ishl $I8 x (iconst _ k)) (iconst _ k))) x)";
        let made = made(text).unwrap();
        assert_eq!(made.len(), MAX_FUNCTIONS);
        let text = "(rule (simplify (band $I8 x (iconst_u $I8 255))) x)";
        assert!(
            super::functions(&isle::rules(text).unwrap()[0]).unwrap()[0].contains("iconst.i8 -1")
        );
    }

    #[test]
    fn conditions_and_branches_are_made() {
        let text = "(rule (simplify_skeleton (brif (eq _ x @ (value_type $I32) (iconst_u _ 0)) _ _)) \
                    (replace_branch_cond x))";
        let made = made(text).unwrap();
        assert!(made[0].contains("icmp eq v0, v100\n    brif v101, block1, block2"));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let text = "(rule (simplify (splat ty (thing x))) x)";
        assert_eq!(made(text).unwrap_err(), "(splat ty (thing x))");
        let text = "(rule (simplify (uextend $I8 x @ (value_type $I8))) x)";
        assert_eq!(made(text).unwrap_err(), "no types fit");
    }
}
