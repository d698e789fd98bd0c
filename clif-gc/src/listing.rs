//! A function as lines of CLIF, in which instructions and blocks can be found.

use cranelift_codegen::entity::EntityRef;
use cranelift_codegen::ir::{Block, Inst};
use cranelift_gc_verifier::{Line, Step};
use std::collections::HashMap;

/// The lines of a function.
#[derive(Debug, Default)]
pub struct Listing {
    lines: Vec<ListedLine>,
    insts: HashMap<Inst, usize>,
    blocks: HashMap<Block, usize>,
}

/// One line.
#[derive(Debug)]
pub struct ListedLine {
    /// The instruction on this line, if it is one.
    pub inst: Option<Inst>,
    /// The Wasm offset of the instruction, if it is known.
    pub wasm_offset: Option<u64>,
    /// The CLIF, without the offset and the column that offsets take.
    pub text: String,
    is_header: bool,
}

impl Listing {
    /// The function with these lines.
    pub fn new(lines: &[Line]) -> Listing {
        let mut listing = Listing::default();
        for line in lines {
            listing.push(line);
        }
        listing.dedent();
        listing
    }

    fn push(&mut self, line: &Line) {
        let index = self.lines.len();
        let (wasm_offset, text) = split_offset(&line.text);
        let block = match line.inst {
            Some(inst) => {
                self.insts.entry(inst).or_insert(index);
                None
            }
            None => header_of(&text),
        };
        if let Some(block) = block {
            self.blocks.entry(block).or_insert(index);
        }
        self.lines.push(ListedLine {
            inst: line.inst,
            wasm_offset,
            text,
            is_header: block.is_some(),
        });
    }

    /// Where there are offsets, all lines are indented to make room for them.
    fn dedent(&mut self) {
        let headers = self.lines.iter().filter(|line| line.is_header);
        let column = headers
            .map(|line| indentation(&line.text))
            .min()
            .unwrap_or(0);
        for line in &mut self.lines {
            if indentation(&line.text) >= column {
                line.text.drain(..column);
            }
        }
    }

    /// The lines.
    pub fn lines(&self) -> &[ListedLine] {
        &self.lines
    }

    /// The line of an instruction.
    pub fn inst(&self, inst: Inst) -> Option<usize> {
        self.insts.get(&inst).copied()
    }

    /// The line of a step: its instruction, or the header of its block.
    pub fn step(&self, step: &Step) -> Option<usize> {
        match step.inst {
            Some(inst) => self.inst(inst),
            None => self.blocks.get(&step.block).copied(),
        }
    }

    /// The header of the block that a line is in.
    pub fn header(&self, index: usize) -> Option<usize> {
        (0..=index).rev().find(|&i| self.lines[i].is_header)
    }
}

/// Lines of a function, without the offsets and the column that they take, and with the offsets beside them.
pub fn dedented(
    lines: Vec<(Option<String>, String)>,
) -> Vec<(Option<String>, String, Option<u64>)> {
    let lines = lines.into_iter().map(|(inst, text)| {
        let (offset, text) = split_offset(&text);
        (inst, text, offset)
    });
    let mut lines: Vec<_> = lines.collect();
    let headers = lines
        .iter()
        .filter(|(inst, text, _)| inst.is_none() && header_of(text).is_some());
    let column = headers
        .map(|(_, text, _)| indentation(text))
        .min()
        .unwrap_or(0);
    for (_, text, _) in &mut lines {
        if indentation(text) >= column {
            text.drain(..column);
        }
    }
    lines
}

/// `@4155    v1 = …` is at the Wasm offset 0x4155.
fn split_offset(text: &str) -> (Option<u64>, String) {
    let split = text.strip_prefix('@').and_then(|rest| {
        let digits = rest.find(' ')?;
        let offset = u64::from_str_radix(&rest[..digits], 16).ok()?;
        Some((offset, digits + 1))
    });
    match split {
        Some((offset, width)) => {
            let rest = &text[width..];
            (Some(offset), format!("{}{rest}", " ".repeat(width)))
        }
        None => (None, text.to_string()),
    }
}

/// The block whose header this is.
fn header_of(text: &str) -> Option<Block> {
    let rest = text.trim_start().strip_prefix("block")?;
    let digits = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let number: u32 = rest[..digits].parse().ok()?;
    (number != u32::MAX).then(|| Block::new(number as usize))
}

fn indentation(text: &str) -> usize {
    text.len() - text.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listing(lines: &[(Option<u32>, &str)]) -> Listing {
        let lines: Vec<Line> = lines
            .iter()
            .map(|(inst, text)| Line {
                inst: inst.map(Inst::from_u32),
                text: text.to_string(),
            })
            .collect();
        Listing::new(&lines)
    }

    #[test]
    fn offsets_are_taken_out() {
        let listing = listing(&[
            (None, "function u0:0() {"),
            (None, "          block1:"),
            (Some(1), "@41c5         jump block2"),
            (Some(2), "              trap user1"),
        ]);
        let texts: Vec<_> = listing
            .lines()
            .iter()
            .map(|line| line.text.as_str())
            .collect();
        assert_eq!(
            texts,
            [
                "function u0:0() {",
                "block1:",
                "    jump block2",
                "    trap user1"
            ]
        );
        assert_eq!(listing.lines()[2].wasm_offset, Some(0x41c5));
        assert_eq!(listing.lines()[3].wasm_offset, None);
    }

    #[test]
    fn instructions_and_headers_are_found() {
        let listing = listing(&[
            (None, "block1:"),
            (Some(7), "    jump block12(v1)"),
            (None, "block12(v2: i32):"),
            (Some(3), "    return"),
        ]);
        assert_eq!(listing.inst(Inst::from_u32(3)), Some(3));
        assert_eq!(listing.inst(Inst::from_u32(4)), None);
        let start = |block| Step {
            role: cranelift_gc_verifier::Role::Through,
            block: Block::from_u32(block),
            inst: None,
        };
        assert_eq!(listing.step(&start(1)), Some(0));
        assert_eq!(listing.step(&start(12)), Some(2));
        assert_eq!(listing.header(1), Some(0));
        assert_eq!(listing.header(3), Some(2));
    }
}
