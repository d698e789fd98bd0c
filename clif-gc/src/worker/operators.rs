//! What the operators of a Wasm module are called.

use crate::record::FunctionRecord;
use std::collections::BTreeMap;
use wasmparser::{Operator, Parser, Payload};

/// Name the operators that the violations of `functions` are about, which come from the module.
pub fn name_operators<'a>(bytes: &[u8], functions: impl Iterator<Item = &'a mut FunctionRecord>) {
    let mut violations: Vec<_> = functions
        .flat_map(|function| {
            let undone = function.undone.iter_mut();
            let undone = undone.flat_map(|undone| &mut undone.violations);
            let refused = function.refusals.iter_mut().chain(undone);
            function.violations.iter_mut().chain(refused)
        })
        .filter(|violation| violation.wasm_offset.is_some())
        .collect();
    if violations.is_empty() {
        return;
    }
    let names = names(bytes);
    for violation in &mut violations {
        let name = violation.wasm_offset.and_then(|offset| names.get(&offset));
        violation.wasm_operator = name.cloned();
    }
}

/// The names of all operators, by offset, as far as the module can be read.
fn names(bytes: &[u8]) -> BTreeMap<u64, String> {
    let mut names = BTreeMap::new();
    let payloads = Parser::new(0).parse_all(bytes).map_while(Result::ok);
    for payload in payloads {
        let Payload::CodeSectionEntry(body) = payload else {
            continue;
        };
        let operators = body.get_operators_reader().into_iter();
        for (operator, offset) in operators
            .flat_map(|reader| reader.into_iter_with_offsets())
            .map_while(Result::ok)
        {
            names.insert(wide(offset), name(&operator));
        }
    }
    names
}

macro_rules! define_visited {
    ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
        /// The method of wasmparser's visitor for an operator.
        fn visited(operator: &Operator<'_>) -> &'static str {
            match operator {
                $(Operator::$op { .. } => stringify!($visit),)*
                _ => "",
            }
        }
    };
}
wasmparser::for_each_operator!(define_visited);

/// The operator's name in the text format, such as `struct.get` or `br_on_cast`.
fn name(operator: &Operator<'_>) -> String {
    let visited = visited(operator).trim_start_matches("visit_");
    // What stands before the dot, where there is one.
    const PREFIXES: [&str; 23] = [
        "i32", "i64", "f32", "f64", "v128", "i8x16", "i16x8", "i32x4", "i64x2", "f32x4", "f64x2",
        "local", "global", "table", "memory", "data", "elem", "ref", "struct", "array", "i31",
        "any", "extern",
    ];
    match visited.split_once('_') {
        Some((prefix, rest)) if PREFIXES.contains(&prefix) => format!("{prefix}.{rest}"),
        _ => visited.to_string(),
    }
}

/// An offset in a module. It has another type in other releases of wasmparser.
pub fn wide(offset: impl TryInto<u64>) -> u64 {
    let offset = offset.try_into().ok();
    offset.expect("an offset has 64 bits at most")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators_are_called_as_in_the_text_format() {
        let struct_get = Operator::StructGet {
            struct_type_index: 0,
            field_index: 1,
        };
        assert_eq!(name(&struct_get), "struct.get");
        assert_eq!(name(&Operator::RefAsNonNull), "ref.as_non_null");
        assert_eq!(
            name(&Operator::ReturnCall { function_index: 0 }),
            "return_call"
        );
        assert_eq!(name(&Operator::I31GetS), "i31.get_s");
    }
}
