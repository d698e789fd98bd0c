//! Functions as lines of CLIF that know their instruction.

use crate::report::Line;
use core::fmt::{self, Write};
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::entities::AnyEntity;
use cranelift_codegen::ir::{Block, Function, Inst, Value};
use cranelift_codegen::write::{FuncWriter, PlainWriter, decorate_function};

/// The lines of `func` as CLIF, each with its instruction.
pub fn listing(func: &Function) -> Vec<Line> {
    let mut lines = Lines::default();
    let mut rest = String::new();
    // Formatting to a `String` does not fail; should a `Display` of Cranelift, the lines up to
    // there are worth having.
    let _ = decorate_function(&mut lines, &mut rest, func);
    // What bypassed `Lines` is the header, the empty lines and the closing brace.
    let mut others = rest.lines().filter(|line| !line.trim().is_empty());
    let mut all = Vec::new();
    all.extend(others.next().map(plain));
    all.append(&mut lines.lines);
    all.extend(others.map(plain));
    all
}

fn plain(text: &str) -> Line {
    Line {
        inst: None,
        text: text.to_string(),
    }
}

/// A writer that keeps what it writes, by line.
#[derive(Default)]
struct Lines {
    lines: Vec<Line>,
}

impl Lines {
    fn keep(
        &mut self,
        inst: Option<Inst>,
        write: impl FnOnce(&mut dyn Write) -> fmt::Result,
    ) -> fmt::Result {
        let mut text = String::new();
        write(&mut text)?;
        let texts = text.lines().map(|line| Line {
            inst,
            text: line.to_string(),
        });
        self.lines.extend(texts);
        Ok(())
    }
}

impl FuncWriter for Lines {
    fn write_block_header(
        &mut self,
        _: &mut dyn Write,
        func: &Function,
        block: Block,
        indent: usize,
    ) -> fmt::Result {
        self.keep(None, |w| {
            PlainWriter.write_block_header(w, func, block, indent)
        })
    }

    fn write_instruction(
        &mut self,
        _: &mut dyn Write,
        func: &Function,
        aliases: &SecondaryMap<Value, Vec<Value>>,
        inst: Inst,
        indent: usize,
    ) -> fmt::Result {
        self.keep(Some(inst), |w| {
            PlainWriter.write_instruction(w, func, aliases, inst, indent)
        })
    }

    fn write_gc_line(
        &mut self,
        _: &mut dyn Write,
        func: &Function,
        line: &dyn fmt::Display,
    ) -> fmt::Result {
        self.keep(None, |w| PlainWriter.write_gc_line(w, func, line))
    }

    fn write_entity_definition(
        &mut self,
        _: &mut dyn Write,
        func: &Function,
        entity: AnyEntity,
        value: &dyn fmt::Display,
    ) -> fmt::Result {
        self.keep(None, |w| {
            PlainWriter.write_entity_definition(w, func, entity, value)
        })
    }
}
