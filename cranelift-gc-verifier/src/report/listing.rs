//! Functions as lines of CLIF that know their instruction.

use core::fmt::{self, Write};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::{Block, Function, Inst, Value};
use cranelift_codegen::write::{FuncWriter, PlainWriter, decorate_function};

/// One line of a function's listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The instruction on this line, if it is one.
    pub inst: Option<Inst>,
    /// The CLIF, without the line break.
    pub text: String,
}

/// What begins the lines of instructions while they are written. CLIF has no such character.
const MARK: char = '\0';

/// The lines of `func` as CLIF, each with its instruction.
pub fn listing(func: &Function) -> Vec<Line> {
    let mut marker = Marker::default();
    let mut text = String::new();
    // Formatting to a `String` does not fail; should a `Display` of Cranelift, the lines up to
    // there are worth having.
    let _ = decorate_function(&mut marker, &mut text, func);
    let mut insts = marker.insts.into_iter();
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| match line.strip_prefix(MARK) {
            Some(text) => Line {
                inst: insts.next(),
                text: text.to_string(),
            },
            None => Line {
                inst: None,
                text: line.to_string(),
            },
        })
        .collect()
}

/// A writer that marks the lines of instructions, and keeps which they are of.
#[derive(Default)]
struct Marker {
    insts: Vec<Inst>,
}

impl FuncWriter for Marker {
    fn write_block_header(
        &mut self,
        w: &mut dyn Write,
        func: &Function,
        block: Block,
        indent: usize,
    ) -> fmt::Result {
        PlainWriter.write_block_header(w, func, block, indent)
    }

    fn write_instruction(
        &mut self,
        w: &mut dyn Write,
        func: &Function,
        aliases: &SecondaryMap<Value, Vec<Value>>,
        inst: Inst,
        indent: usize,
    ) -> fmt::Result {
        let mut text = String::new();
        PlainWriter.write_instruction(&mut text, func, aliases, inst, indent)?;
        for line in text.lines() {
            writeln!(w, "{MARK}{line}")?;
            self.insts.push(inst);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::parse;

    #[test]
    fn every_line_is_in_its_place() {
        let text = "function %f(i32) -> i32 fast {
    gc_collector = moving
    gctype 1
    ss0 = explicit_slot 4
    sig0 = () fast
    fn0 = %g sig0 ! nogc
block0(v0 ! needs_stack_map: i32):
    v1 -> v0
    v2 = iadd v0, v0
    v3 -> v2
    call fn0()
    return v3
}";
        let lines = listing(&parse(text));
        let texts: Vec<&str> = lines.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(texts, text.lines().collect::<Vec<_>>());
        let insts: Vec<Option<u32>> = lines
            .iter()
            .map(|line| line.inst.map(|inst| inst.as_u32()))
            .collect();
        let of_body = [Some(0), Some(0), Some(1), Some(2), None];
        assert_eq!(insts[8..], of_body);
        assert!(insts[..8].iter().all(Option::is_none));
    }
}
