//! Values and instructions as small expressions of CLIF, a few levels deep.
//!
//! In the middle of a pass, values mean more than their numbers: an operand may be an alias, or a union
//! of all the ways to compute a value that were found so far. Of a union, the first way is shown.

use cranelift_codegen::ir::{Function, Inst, InstructionData, Opcode, Value, ValueDef};

/// How deep expressions are.
const DEPTH: usize = 3;

/// How long an expression gets before its operands are shown by their numbers.
const MAX_LENGTH: usize = 160;

/// `value` as an expression.
pub fn value(func: &Function, value: Value) -> String {
    let depths = (0..=DEPTH).rev();
    let mut texts = depths.map(|depth| value_within(func, value, depth));
    let first = texts.next().unwrap_or_default();
    match first.len() > MAX_LENGTH {
        false => first,
        true => texts
            .find(|text| text.len() <= MAX_LENGTH)
            .unwrap_or_else(|| value.to_string()),
    }
}

/// `inst` as an expression; the results are not part of it.
pub fn instruction(func: &Function, inst: Inst) -> String {
    let depths = (0..=DEPTH).rev();
    let texts = depths.map(|depth| instruction_within(func, inst, depth));
    let mut shortest = String::new();
    for text in texts {
        let is_short = text.len() <= MAX_LENGTH;
        shortest = text;
        if is_short {
            break;
        }
    }
    shortest
}

/// The value behind aliases and unions.
pub fn root(func: &Function, value: Value) -> Value {
    let mut value = func.dfg.resolve_aliases(value);
    // NB: A union is made of older values, so that this ends.
    while let ValueDef::Union(first, _) = func.dfg.value_def(value) {
        value = func.dfg.resolve_aliases(first);
    }
    value
}

fn value_within(func: &Function, value: Value, depth: usize) -> String {
    let root = root(func, value);
    match func.dfg.value_def(root) {
        ValueDef::Result(inst, 0) if is_shown(func, inst) => {
            let constant = constant(func, inst);
            constant.unwrap_or_else(|| match depth {
                0 => root.to_string(),
                _ => instruction_within(func, inst, depth - 1),
            })
        }
        _ => root.to_string(),
    }
}

/// Is it told rather than its result's number? What calls do depends on when they are made.
fn is_shown(func: &Function, inst: Inst) -> bool {
    !func.dfg.insts[inst].opcode().is_call()
}

fn constant(func: &Function, inst: Inst) -> Option<String> {
    match func.dfg.insts[inst] {
        InstructionData::UnaryImm {
            opcode: Opcode::Iconst,
            imm,
        } => {
            let bits = func.dfg.ctrl_typevar(inst).bits();
            let imm = match bits {
                0 => imm,
                bits => imm.sign_extend_from_width(bits),
            };
            Some(imm.to_string())
        }
        _ => None,
    }
}

fn instruction_within(func: &Function, inst: Inst, depth: usize) -> String {
    let text = func.dfg.display_inst(inst).to_string();
    let text = text
        .split_once("  ; ")
        .map_or(text.as_str(), |(text, _)| text);
    let is_result = |name: &str| {
        let mut results = func.dfg.inst_results(inst).iter();
        results.any(|result| name.trim() == result.to_string())
    };
    let text = match text.split_once(" = ") {
        Some((results, rest)) if results.split(',').all(is_result) => rest,
        _ => text,
    };
    let mut out = String::new();
    let operands = func.dfg.inst_args(inst);
    for (part, is_word) in words(text) {
        let operand = is_word
            .then(|| operands.iter().find(|operand| operand.to_string() == part))
            .flatten();
        match operand {
            None => out.push_str(part),
            Some(&operand) => {
                let operand = value_within(func, operand, depth);
                match operand.contains(' ') {
                    true => out.extend(["(", operand.as_str(), ")"]),
                    false => out.push_str(&operand),
                }
            }
        }
    }
    out.trim_end().to_string()
}

/// The parts of a text, and which are words.
fn words(text: &str) -> impl Iterator<Item = (&str, bool)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let is = is_word(first);
        let end = rest.find(|c: char| is_word(c) != is).unwrap_or(rest.len());
        let (part, tail) = rest.split_at(end);
        rest = tail;
        Some((part, is))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(text: &str) -> Function {
        let mut functions = cranelift_reader::parse_functions(text).expect("it is CLIF");
        functions.remove(0)
    }

    fn last_value(func: &Function) -> Value {
        let block = func.layout.entry_block().expect("there is a block");
        let insts = func.layout.block_insts(block);
        let mut results = insts.filter_map(|inst| func.dfg.inst_results(inst).first().copied());
        results.next_back().expect("there is a value")
    }

    #[test]
    fn expressions_are_nested() {
        let func = function(
            "function %f(i32) -> i32 {
    ss0 = explicit_slot 4
block0(v0: i32):
    v1 = stack_addr.i64 ss0
    v2 = load.i32 notrap v1+4
    v3 = iconst.i32 -1
    v4 = iadd v2, v3
    v5 = imul v4, v0
    return v5
}",
        );
        assert_eq!(
            value(&func, last_value(&func)),
            "imul.i32 (iadd.i32 (load.i32 notrap v1+4), -1), v0"
        );
    }

    #[test]
    fn calls_are_not_told_again() {
        let func = function(
            "function %f(i32) -> i32 {
    sig0 = (i32) -> i32
    fn0 = %g sig0
block0(v0: i32):
    v1 = call fn0(v0)
    v2 = bnot v1
    return v2
}",
        );
        assert_eq!(value(&func, last_value(&func)), "bnot.i32 v1");
    }
}
