//! Generated functions of any size, full of references.

use anyhow::{Result, ensure};
use cranelift_codegen::ir::Function;
use std::fmt::Write as _;

/// What a function looks like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One block.
    Straight,
    /// Loops after loops, each with a safepoint.
    Loops,
    /// A wide switch, each of whose arms has a safepoint.
    Switch,
    /// Many references live across every safepoint.
    Live,
}

/// So many references are live in [`Shape::Live`].
const LIVE: usize = 64;

/// So many instructions stand between two safepoints of [`Shape::Straight`].
const STRETCH: usize = 8;

impl Shape {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Straight, Self::Loops, Self::Switch, Self::Live];

    /// The words for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Straight => "straight line",
            Self::Loops => "loops",
            Self::Switch => "wide switch",
            Self::Live => "64 live references",
        }
    }

    /// A function of about so many instructions, and how many it has.
    ///
    /// # Errors
    ///
    /// Fails if what is written is no CLIF, which would be a mistake here.
    pub fn function(self, size: usize) -> Result<(Function, usize)> {
        let mut text = Writer::default();
        match self {
            Self::Straight => straight(&mut text, size),
            Self::Loops => loops(&mut text, size),
            Self::Switch => switch(&mut text, size),
            Self::Live => live(&mut text, size),
        }
        parse(&text.finish())
    }
}

/// The only function of `text`, and how many instructions it has.
pub(crate) fn parse(text: &str) -> Result<(Function, usize)> {
    let mut functions = cranelift_reader::parse_functions(text)?;
    ensure!(functions.len() == 1, "there is one function");
    let function = functions.remove(0);
    let blocks = function.layout.blocks();
    let count = blocks.map(|block| function.layout.block_insts(block).count());
    let count = count.sum();
    Ok((function, count))
}

/// Writes a function that takes a reference and an integer and returns an integer.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) slots: usize,
    /// Lines before the slots.
    pub(crate) preamble: String,
    body: String,
    pub(crate) values: usize,
    blocks: usize,
    pub(crate) insts: usize,
}

/// A value's name.
pub(crate) type Value = usize;

impl Writer {
    pub(crate) fn value(&mut self) -> Value {
        self.values += 1;
        // The parameters are v0 and v1.
        self.values + 1
    }

    pub(crate) fn block(&mut self) -> usize {
        self.blocks += 1;
        self.blocks
    }

    pub(crate) fn line(&mut self, line: &str) {
        let _ = writeln!(self.body, "    {line}");
        self.insts += 1;
    }

    /// A new value that is the result of this.
    pub(crate) fn result(&mut self, what: &str) -> Value {
        let value = self.value();
        self.line(&format!("v{value} = {what}"));
        value
    }

    /// Begins a block with these parameters.
    pub(crate) fn begin(&mut self, block: usize, parameters: &str) {
        let _ = writeln!(self.body, "block{block}{parameters}:");
    }

    pub(crate) fn slots(&mut self, count: usize) -> Vec<Value> {
        self.slots = count;
        let addresses = 0..count;
        addresses
            .map(|slot| self.result(&format!("stack_addr.i64 ss{slot}")))
            .collect()
    }

    /// Spills references, calls what may collect, and reloads them.
    pub(crate) fn safepoint(&mut self, references: &mut [Value], addresses: &[Value]) {
        let mut map = Vec::new();
        for (slot, (reference, address)) in references.iter().zip(addresses).enumerate() {
            self.line(&format!("store notrap v{reference}, v{address}"));
            map.push(format!("i32 @ ss{slot}+0"));
        }
        self.line(&format!("call fn0(), stack_map=[{}]", map.join(", ")));
        for (reference, address) in references.iter_mut().zip(addresses) {
            *reference = self.result(&format!("load.i32 notrap v{address}"));
        }
    }

    /// Loads a field of an object that is there, and mixes it into `sum`.
    pub(crate) fn field(&mut self, reference: Value, sum: Value) -> Value {
        self.line(&format!("trapz v{reference}, user1"));
        let index = self.result(&format!("uextend.i64 v{reference}"));
        let address = self.result(&format!("iadd v2, v{index}"));
        let field = self.result(&format!("load.i32 notrap v{address}+16"));
        self.result(&format!("bxor v{sum}, v{field}"))
    }

    pub(crate) fn finish(self) -> String {
        let slots = (0..self.slots).fold(String::new(), |mut text, slot| {
            let _ = writeln!(text, "    ss{slot} = explicit_slot 4, align = 4");
            text
        });
        format!(
            "function %generated(i32, i32, i64) -> i32 {{\n{}{slots}    fn0 = %collect()\n{}}}\n",
            self.preamble, self.body
        )
    }
}

/// The first block, whose third parameter is the heap's base; `v2` is its name.
pub(crate) fn entry(text: &mut Writer) {
    text.values = 1;
    text.begin(0, "(v0 ! gcref(struct, nullable): i32, v1: i32, v2: i64)");
}

fn straight(text: &mut Writer, size: usize) {
    entry(text);
    let addresses = text.slots(1);
    let (mut reference, mut sum) = ([0], 1);
    while text.insts + STRETCH * 2 < size {
        text.safepoint(&mut reference, &addresses);
        sum = text.field(reference[0], sum);
        for _ in 0..STRETCH {
            sum = text.result(&format!("imul v{sum}, v1"));
        }
    }
    text.line(&format!("return v{sum}"));
}

fn loops(text: &mut Writer, size: usize) {
    entry(text);
    let addresses = text.slots(1);
    let (mut reference, mut sum) = (0, 1);
    while text.insts + 16 < size {
        let (head, after) = (text.block(), text.block());
        let counter = text.result("iconst.i32 10");
        text.line(&format!(
            "jump block{head}(v{reference}, v{sum}, v{counter})"
        ));
        let (r, s, c) = (text.value(), text.value(), text.value());
        text.begin(
            head,
            &format!("(v{r} ! gcref(struct, nullable): i32, v{s}: i32, v{c}: i32)"),
        );
        let mut references = [r];
        text.safepoint(&mut references, &addresses);
        let next = text.field(references[0], s);
        let one = text.result("iconst.i32 1");
        let less = text.result(&format!("isub v{c}, v{one}"));
        text.line(&format!(
            "brif v{less}, block{head}(v{}, v{next}, v{less}), block{after}(v{}, v{next})",
            references[0], references[0]
        ));
        reference = text.value();
        sum = text.value();
        text.begin(
            after,
            &format!("(v{reference} ! gcref(struct, nullable): i32, v{sum}: i32)"),
        );
    }
    text.line(&format!("return v{sum}"));
}

fn switch(text: &mut Writer, size: usize) {
    entry(text);
    let addresses = text.slots(1);
    let arms = (size / 10).max(2);
    let join = text.block();
    let blocks: Vec<usize> = (0..arms).map(|_| text.block()).collect();
    let table: Vec<String> = blocks.iter().map(|block| format!("block{block}")).collect();
    text.line(&format!(
        "br_table v1, block{}, [{}]",
        blocks[0],
        table.join(", ")
    ));
    for (number, block) in blocks.into_iter().enumerate() {
        text.begin(block, "");
        let mut reference = [0];
        text.safepoint(&mut reference, &addresses);
        let sum = text.result(&format!("iconst.i32 {number}"));
        let sum = text.field(reference[0], sum);
        text.line(&format!("jump block{join}(v{}, v{sum})", reference[0]));
    }
    let (reference, sum) = (text.value(), text.value());
    text.begin(
        join,
        &format!("(v{reference} ! gcref(struct, nullable): i32, v{sum}: i32)"),
    );
    let sum = text.field(reference, sum);
    text.line(&format!("return v{sum}"));
}

fn live(text: &mut Writer, size: usize) {
    entry(text);
    let count = LIVE.min(size / 8).max(1);
    let addresses = text.slots(count);
    let mut sum = 1;
    let mut references = vec![0];
    while references.len() < count {
        let place = references.len() * 4;
        references.push(text.result(&format!("load.i32 notrap v2+{place}")));
    }
    // So that these are references although nothing says so.
    text.safepoint(&mut references, &addresses);
    while text.insts + count * 3 < size {
        text.safepoint(&mut references, &addresses);
        let one = text.insts % count;
        sum = text.field(references[one], sum);
    }
    // Alive to the end.
    for reference in references {
        sum = text.field(reference, sum);
    }
    text.line(&format!("return v{sum}"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::Isas;
    use crate::mode::Mode;
    use cranelift_gc_verifier::{Options, Verdict, verify_function};

    #[test]
    fn functions_are_sound_and_as_large_as_they_should_be() {
        let isas = Isas::new().unwrap();
        for shape in Shape::ALL {
            for size in [100, 1_000] {
                let (function, count) = shape.function(size).unwrap();
                let range = size * 6 / 10..size * 16 / 10;
                assert!(range.contains(&count), "{shape:?}: {count}");
                let report = verify_function(&function, &Options::default());
                assert_eq!(
                    report.verdict(),
                    Verdict::Verified,
                    "{report:?}\n{function}"
                );
                assert!(report.counts.safepoints >= 2, "{report:?}");
                assert!(report.counts.dereferences > 0, "{report:?}");
                isas.compile(Mode::CraneliftVerifier, &function);
            }
        }
    }
}
