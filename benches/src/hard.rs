//! Generated functions that are hard to analyse: each is legal, and one dimension of it grows.
//!
//! **Claim.** What an analysis takes grows hardly faster than the function does. `tests/steps.rs` counts.

use crate::shape::{Value, Writer, entry, parse};
use anyhow::Result;
use cranelift_codegen::ir::Function;
use std::fmt::Write as _;

/// What grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hard {
    /// So many references as fit, all spilled and reloaded at each safepoint, with the producer's notes.
    Respilled,
    /// Maps of 64 entries at each safepoint, of which one is reloaded.
    Maps,
    /// Loops in loops.
    Nested,
    /// Fields of one object, loaded again and again.
    Fields,
    /// Stores to 64 fields of one object, and loads of them.
    FieldStores,
    /// Diamonds behind guards far above.
    Diamonds,
    /// Calls over which one rooted reference stays, without moves.
    RootedWithoutMoves,
    /// The same, in as many blocks.
    RootedInBlocks,
    /// Copy loops on raw pointers over safepoints, without moves.
    CopiesWithoutMoves,
    /// Loop parameters that are passed round.
    RotatingParameters,
    /// The same, where all of them are one value.
    RotatingConstants,
    /// Blocks of which each can leave to the same one.
    Exits,
    /// A stack map with many entries in one slot.
    EntriesOfOneSlot,
    /// One stack slot of many references.
    OneSlot,
    /// As many blocks as slots.
    BlocksAndSlots,
    /// Selects of selects of references.
    Selects,
    /// A reference that is handed from block to block.
    Handed,
    /// A wide table of blocks, each with a safepoint.
    Table,
    /// Traps on one reference.
    Guards,
    /// References that one test guards.
    OneTest,
    /// New objects in one block.
    NewObjects,
    /// Branches back to the start from everywhere.
    BackEdges,
    /// Paths through blocks that meet in a ladder.
    Ladder,
    /// A heap base that is loaded and passed round.
    HeapBases,
    /// Stores to slots that are overwritten.
    DeadStores,
    /// Sums of sums.
    Sums,
    /// Conditions made of conditions.
    Conditions,
    /// References that are live over many blocks without a safepoint.
    LiveInBlocks,
    /// Comparisons of references that are passed round.
    Comparisons,
    /// References that are stored, counted and released.
    Counted,
}

/// So many fields are loaded in [`Hard::Fields`].
const FIELDS: usize = 250;

/// Facts of a reference.
const REFERENCE: &str = " ! gcref(struct, nullable)";

impl Hard {
    /// All of them.
    pub const ALL: [Self; 30] = [
        Self::Respilled,
        Self::Maps,
        Self::Nested,
        Self::Fields,
        Self::FieldStores,
        Self::Diamonds,
        Self::RootedWithoutMoves,
        Self::RootedInBlocks,
        Self::CopiesWithoutMoves,
        Self::RotatingParameters,
        Self::RotatingConstants,
        Self::Exits,
        Self::EntriesOfOneSlot,
        Self::OneSlot,
        Self::BlocksAndSlots,
        Self::Selects,
        Self::Handed,
        Self::Table,
        Self::Guards,
        Self::OneTest,
        Self::NewObjects,
        Self::BackEdges,
        Self::Ladder,
        Self::HeapBases,
        Self::DeadStores,
        Self::Sums,
        Self::Conditions,
        Self::LiveInBlocks,
        Self::Comparisons,
        Self::Counted,
    ];

    /// The least size of a function that has what it is to be hard for.
    pub fn least_size(self) -> usize {
        match self {
            // Each field is loaded a few times.
            Self::Fields => 16 * FIELDS,
            _ => 1_000,
        }
    }

    /// A function of about so many instructions, and how many it has.
    ///
    /// # Errors
    ///
    /// Fails if what is written is no CLIF, which would be a mistake here.
    pub fn function(self, size: usize) -> Result<(Function, usize)> {
        parse(&self.text(size))
    }

    /// The same as text.
    pub fn text(self, size: usize) -> String {
        let mut text = Writer::default();
        let text = &mut text;
        match self {
            Self::Respilled => respilled(text, size),
            Self::Maps => maps(text, size),
            Self::Nested => nested(text, size),
            Self::Fields => fields(text, size),
            Self::FieldStores => field_stores(text, size),
            Self::Diamonds => diamonds(text, size),
            Self::RootedWithoutMoves => rooted(text, size, 0),
            Self::RootedInBlocks => rooted(text, size, 1),
            Self::CopiesWithoutMoves => copies(text, size),
            Self::RotatingParameters => rotating(text, size, true),
            Self::RotatingConstants => rotating(text, size, false),
            Self::Exits => exits(text, size),
            Self::EntriesOfOneSlot => entries(text, size),
            Self::OneSlot => one_slot(text, size),
            Self::BlocksAndSlots => blocks_and_slots(text, size),
            Self::Selects => selects(text, size),
            Self::Handed => handed(text, size),
            Self::Table => table(text, size),
            Self::Guards => guards(text, size),
            Self::OneTest => one_test(text, size),
            Self::NewObjects => new_objects(text, size),
            Self::BackEdges => back_edges(text, size),
            Self::Ladder => ladder(text, size),
            Self::HeapBases => heap_bases(text, size),
            Self::DeadStores => dead_stores(text, size),
            Self::Sums => sums(text, size),
            Self::Conditions => conditions(text, size),
            Self::LiveInBlocks => live_in_blocks(text, size),
            Self::Comparisons => comparisons(text, size),
            Self::Counted => counted(text, size),
        }
        core::mem::take(text).finish()
    }
}

/// The entry, and so many references besides `v0`, which are loaded.
fn references(text: &mut Writer, count: usize) -> Vec<Value> {
    let mut references = vec![0];
    while references.len() < count {
        let place = references.len() * 4;
        let value = text.value();
        text.line(&format!("v{value}{REFERENCE} = load.i32 notrap v2+{place}"));
        references.push(value);
    }
    references
}

fn map(slots: impl Iterator<Item = usize>) -> String {
    let entries: Vec<String> = slots.map(|slot| format!("i32 @ ss{slot}+0")).collect();
    entries.join(", ")
}

fn spill(text: &mut Writer, reference: Value, address: Value) {
    text.line(&format!(
        "store notrap v{reference}, v{address} ! spill v{reference}"
    ));
}

fn reload(text: &mut Writer, reference: Value, address: Value) -> Value {
    let value = text.value();
    text.line(&format!(
        "v{value}{REFERENCE} = load.i32 notrap v{address} ! reload v{reference}"
    ));
    value
}

fn respilled(text: &mut Writer, size: usize) {
    entry(text);
    let count = 64.min(size / 8).max(1);
    let addresses = text.slots(count);
    let mut references = references(text, count);
    let mut sum = 1;
    while text.insts + count * 3 < size {
        for (&reference, &address) in references.iter().zip(&addresses) {
            spill(text, reference, address);
        }
        text.line(&format!("call fn0(), stack_map=[{}]", map(0..count)));
        for (reference, &address) in references.iter_mut().zip(&addresses) {
            *reference = reload(text, *reference, address);
        }
        sum = text.field(references[text.insts % count], sum);
    }
    text.line(&format!("return v{sum}"));
}

fn maps(text: &mut Writer, size: usize) {
    entry(text);
    let count = 64.min(size / 8).max(1);
    let addresses = text.slots(count);
    let references = references(text, count);
    for (&reference, &address) in references.iter().zip(&addresses) {
        spill(text, reference, address);
    }
    let mut sum = 1;
    while text.insts + 8 < size {
        text.line(&format!("call fn0(), stack_map=[{}]", map(0..count)));
        let one = text.insts % count;
        let value = reload(text, references[one], addresses[one]);
        sum = text.field(value, sum);
    }
    text.line(&format!("return v{sum}"));
}

fn nested(text: &mut Writer, size: usize) {
    entry(text);
    let addresses = text.slots(1);
    let depth = (size / 14).max(1);
    let (mut reference, mut sum) = (0, 1);
    let mut loops = Vec::new();
    for _ in 0..depth {
        let (head, after) = (text.block(), text.block());
        let counter = text.result("iconst.i32 10");
        text.line(&format!(
            "jump block{head}(v{reference}, v{sum}, v{counter})"
        ));
        let (r, s, c) = (text.value(), text.value(), text.value());
        text.begin(
            head,
            &format!("(v{r}{REFERENCE}: i32, v{s}: i32, v{c}: i32)"),
        );
        let mut references = [r];
        text.safepoint(&mut references, &addresses);
        (reference, sum) = (references[0], text.field(references[0], s));
        loops.push((head, after, c));
    }
    for (head, after, counter) in loops.into_iter().rev() {
        let one = text.result("iconst.i32 1");
        let less = text.result(&format!("isub v{counter}, v{one}"));
        text.line(&format!(
            "brif v{less}, block{head}(v{reference}, v{sum}, v{less}), block{after}(v{reference}, v{sum})"
        ));
        (reference, sum) = (text.value(), text.value());
        text.begin(
            after,
            &format!("(v{reference}{REFERENCE}: i32, v{sum}: i32)"),
        );
    }
    text.line(&format!("return v{sum}"));
}

/// The address of the object of `v0`.
fn object(text: &mut Writer) -> Value {
    text.line("trapz v0, user1");
    let index = text.result("uextend.i64 v0");
    text.result(&format!("iadd v2, v{index}"))
}

fn fields(text: &mut Writer, size: usize) {
    entry(text);
    let address = object(text);
    let mut sum = 1;
    for number in 0.. {
        if text.insts + 3 >= size {
            break;
        }
        let offset = 16 + 4 * (number % FIELDS);
        let field = text.result(&format!("load.i32 notrap v{address}+{offset}"));
        sum = text.result(&format!("bxor v{sum}, v{field}"));
    }
    text.line(&format!("return v{sum}"));
}

fn field_stores(text: &mut Writer, size: usize) {
    entry(text);
    let address = object(text);
    let mut sum = 1;
    for number in 0.. {
        if text.insts + 4 >= size {
            break;
        }
        let offset = 16 + 4 * (number % 64);
        text.line(&format!("store notrap v{sum}, v{address}+{offset}"));
        let field = text.result(&format!("load.i32 notrap v{address}+{offset}"));
        sum = text.result(&format!("imul v{field}, v1"));
    }
    text.line(&format!("return v{sum}"));
}

fn diamonds(text: &mut Writer, size: usize) {
    entry(text);
    let count = 64.min(size / 8).max(1);
    let references = references(text, count);
    for reference in &references {
        text.line(&format!("trapz v{reference}, user1"));
    }
    let mut sum = 1;
    for number in 0.. {
        if text.insts + 8 >= size {
            break;
        }
        let (a, b, join) = (text.block(), text.block(), text.block());
        text.line(&format!("brif v{sum}, block{a}, block{b}"));
        text.begin(a, "");
        let index = text.result(&format!("uextend.i64 v{}", references[number % count]));
        let address = text.result(&format!("iadd v2, v{index}"));
        let field = text.result(&format!("load.i32 notrap v{address}+16"));
        text.line(&format!("jump block{join}(v{field})"));
        text.begin(b, "");
        let three = text.result("iconst.i32 3");
        text.line(&format!("jump block{join}(v{three})"));
        sum = text.value();
        text.begin(join, &format!("(v{sum}: i32)"));
    }
    text.line(&format!("return v{sum}"));
}

/// One reference is kept by a root and used as it is, as may be where nothing moves.
fn rooted(text: &mut Writer, size: usize, blocks: usize) {
    text.preamble.push_str("    gc_collector = nonmoving\n");
    entry(text);
    let addresses = text.slots(1);
    spill(text, 0, addresses[0]);
    let mut sum = 1;
    while text.insts + 8 < size {
        text.line("call fn0(), stack_map=[i32 @ ss0+0]");
        sum = text.field(0, sum);
        for _ in 0..blocks {
            let next = text.block();
            text.line(&format!("jump block{next}"));
            text.begin(next, "");
        }
    }
    text.line(&format!("return v{sum}"));
}

/// What `array.copy` becomes: a loop on raw pointers with a safepoint, behind which the arrays are alive.
fn copies(text: &mut Writer, size: usize) {
    text.preamble.push_str("    gc_collector = nonmoving\n");
    entry(text);
    let addresses = text.slots(2);
    let mut pair = references(text, 2);
    while text.insts + 24 < size {
        let (head, after) = (text.block(), text.block());
        let mut ends = Vec::new();
        for &reference in &pair {
            text.line(&format!("trapz v{reference}, user1"));
            let index = text.result(&format!("uextend.i64 v{reference}"));
            let address = text.result(&format!("iadd v2, v{index}"));
            ends.push(address);
        }
        text.line(&format!(
            "jump block{head}(v{}, v{}, v{}, v{}, v1)",
            ends[0], ends[1], pair[0], pair[1]
        ));
        let [to, from, a, b, count] = [(); 5].map(|()| text.value());
        text.begin(
            head,
            &format!("(v{to}: i64, v{from}: i64, v{a}{REFERENCE}: i32, v{b}{REFERENCE}: i32, v{count}: i32)"),
        );
        spill(text, a, addresses[0]);
        spill(text, b, addresses[1]);
        text.line("call fn0(), stack_map=[i32 @ ss0+0, i32 @ ss1+0]");
        let word = text.result(&format!("load.i32 notrap v{from}+16"));
        text.line(&format!("store notrap v{word}, v{to}+16"));
        let four = text.result("iconst.i64 4");
        let next_to = text.result(&format!("iadd v{to}, v{four}"));
        let next_from = text.result(&format!("iadd v{from}, v{four}"));
        let one = text.result("iconst.i32 1");
        let less = text.result(&format!("isub v{count}, v{one}"));
        text.line(&format!(
            "brif v{less}, block{head}(v{next_to}, v{next_from}, v{a}, v{b}, v{less}), block{after}(v{a}, v{b})"
        ));
        let [a, b] = [(); 2].map(|()| text.value());
        text.begin(
            after,
            &format!("(v{a}{REFERENCE}: i32, v{b}{REFERENCE}: i32)"),
        );
        pair = vec![a, b];
    }
    text.line("return v1");
}

fn rotating(text: &mut Writer, size: usize, is_mixed: bool) {
    entry(text);
    let count = (size / 3).max(2);
    let values = references(text, count.min(size / 4));
    let (head, after) = (text.block(), text.block());
    let list = |values: &[Value]| {
        let names: Vec<String> = values.iter().map(|value| format!("v{value}")).collect();
        names.join(", ")
    };
    // NB: Where not all are the same, the last one arrives everywhere in the end.
    let mut first = vec![values[0]; values.len()];
    if is_mixed {
        first[values.len() - 1] = values[1 % values.len()];
    }
    text.line(&format!("jump block{head}({})", list(&first)));
    let params: Vec<Value> = values.iter().map(|_| text.value()).collect();
    let declared: Vec<String> = params
        .iter()
        .map(|param| format!("v{param}: i32"))
        .collect();
    text.begin(head, &format!("({})", declared.join(", ")));
    let mut rotated = params.clone();
    rotated.rotate_left(1);
    text.line(&format!(
        "brif v1, block{head}({}), block{after}",
        list(&rotated)
    ));
    text.begin(after, "");
    let mut sum = 1;
    for param in params {
        sum = text.result(&format!("bxor v{sum}, v{param}"));
    }
    text.line(&format!("return v{sum}"));
}

fn exits(text: &mut Writer, size: usize) {
    entry(text);
    let addresses = text.slots(1);
    spill(text, 0, addresses[0]);
    let exit = text.block();
    while text.insts + 4 < size {
        let next = text.block();
        text.line("call fn0(), stack_map=[i32 @ ss0+0]");
        text.line(&format!("brif v1, block{next}, block{exit}"));
        text.begin(next, "");
    }
    text.line(&format!("jump block{exit}"));
    text.begin(exit, "");
    let value = reload(text, 0, addresses[0]);
    text.line(&format!("return v{value}"));
}

fn entries(text: &mut Writer, size: usize) {
    let _ = writeln!(
        text.preamble,
        "    ss0 = explicit_slot {}, align = 4",
        8 * size + 8
    );
    entry(text);
    let address = text.result("stack_addr.i64 ss0");
    // NB: What overlaps is an error of its own. Entries that touch each other are none.
    for number in 0..size {
        text.line(&format!("store notrap v0, v{address}+{}", 8 * number));
    }
    let entries: Vec<String> = (0..size)
        .map(|number| format!("i32 @ ss0+{}", 8 * number))
        .collect();
    text.line(&format!("call fn0(), stack_map=[{}]", entries.join(", ")));
    let value = text.result(&format!("load.i32 notrap v{address}"));
    text.line(&format!("return v{value}"));
}

fn one_slot(text: &mut Writer, size: usize) {
    let count = (size / 10).max(1);
    let _ = writeln!(
        text.preamble,
        "    ss0 = explicit_slot {}, align = 4",
        4 * count
    );
    entry(text);
    let address = text.result("stack_addr.i64 ss0");
    let mut sum = 1;
    for number in 0..count {
        let offset = 4 * number;
        let reference = text.value();
        text.line(&format!("v{reference}{REFERENCE} = load.i32 notrap v2+8"));
        text.line(&format!(
            "store notrap v{reference}, v{address}+{offset} ! spill v{reference}"
        ));
        text.line(&format!("call fn0(), stack_map=[i32 @ ss0+{offset}]"));
        let value = text.value();
        text.line(&format!(
            "v{value}{REFERENCE} = load.i32 notrap v{address}+{offset} ! reload v{reference}"
        ));
        sum = text.field(value, sum);
    }
    text.line(&format!("return v{sum}"));
}

fn blocks_and_slots(text: &mut Writer, size: usize) {
    entry(text);
    let count = (size / 14).max(1);
    let addresses = text.slots(count);
    let mut sum = 1;
    for &address in &addresses {
        let (a, join) = (text.block(), text.block());
        let value = text.value();
        text.line(&format!("v{value}{REFERENCE} = load.i32 notrap v2+8"));
        spill(text, value, address);
        let slot = address - addresses[0];
        text.line(&format!("brif v{sum}, block{a}, block{join}(v{sum})"));
        text.begin(a, "");
        text.line(&format!("call fn0(), stack_map=[i32 @ ss{slot}+0]"));
        let value = reload(text, value, address);
        let other = text.field(value, sum);
        text.line(&format!("jump block{join}(v{other})"));
        sum = text.value();
        text.begin(join, &format!("(v{sum}: i32)"));
    }
    text.line(&format!("return v{sum}"));
}

fn selects(text: &mut Writer, size: usize) {
    entry(text);
    let addresses = text.slots(1);
    let pair = references(text, 2);
    let mut chosen = pair[0];
    while text.insts + 8 < size {
        chosen = text.result(&format!("select v1, v{chosen}, v{}", pair[1]));
    }
    let mut references = [chosen];
    text.safepoint(&mut references, &addresses);
    let sum = text.field(references[0], 1);
    text.line(&format!("return v{sum}"));
}

fn handed(text: &mut Writer, size: usize) {
    entry(text);
    let addresses = text.slots(1);
    let mut reference = 0;
    while text.insts + 8 < size {
        let (a, join) = (text.block(), text.block());
        text.line(&format!(
            "brif v1, block{a}(v{reference}), block{join}(v{reference})"
        ));
        let (there, next) = (text.value(), text.value());
        text.begin(a, &format!("(v{there}: i32)"));
        text.line(&format!("jump block{join}(v{there})"));
        text.begin(join, &format!("(v{next}: i32)"));
        reference = next;
    }
    let mut references = [reference];
    text.safepoint(&mut references, &addresses);
    let sum = text.field(references[0], 1);
    text.line(&format!("return v{sum}"));
}

fn table(text: &mut Writer, size: usize) {
    entry(text);
    let count = 16;
    let addresses = text.slots(count);
    let references = references(text, count);
    for (&reference, &address) in references.iter().zip(&addresses) {
        spill(text, reference, address);
    }
    let join = text.block();
    let arms: Vec<usize> = (0..(size / 8).max(2)).map(|_| text.block()).collect();
    let list: Vec<String> = arms.iter().map(|block| format!("block{block}")).collect();
    text.line(&format!(
        "br_table v1, block{}, [{}]",
        arms[0],
        list.join(", ")
    ));
    for (number, arm) in arms.into_iter().enumerate() {
        text.begin(arm, "");
        text.line(&format!("call fn0(), stack_map=[{}]", map(0..count)));
        let one = number % count;
        let value = reload(text, references[one], addresses[one]);
        let sum = text.field(value, 1);
        text.line(&format!("jump block{join}(v{value}, v{sum})"));
    }
    let (reference, sum) = (text.value(), text.value());
    text.begin(
        join,
        &format!("(v{reference}{REFERENCE}: i32, v{sum}: i32)"),
    );
    let sum = text.field(reference, sum);
    text.line(&format!("return v{sum}"));
}

fn guards(text: &mut Writer, size: usize) {
    entry(text);
    let index = text.result("uextend.i64 v0");
    let address = text.result(&format!("iadd v2, v{index}"));
    let mut sum = 1;
    for number in 0.. {
        if text.insts + 8 >= size {
            break;
        }
        let five = text.result(&format!("iconst.i32 {}", number % 1000));
        let same = text.result(&format!("icmp eq v0, v{five}"));
        text.line(&format!("trapnz v{same}, user1"));
        let field = text.result(&format!(
            "load.i32 notrap v{address}+{}",
            16 + 4 * (number % 100)
        ));
        sum = text.result(&format!("bxor v{sum}, v{field}"));
    }
    text.line(&format!("return v{sum}"));
}

fn one_test(text: &mut Writer, size: usize) {
    entry(text);
    let count = (size / 9).max(2);
    let references = references(text, count);
    let mut sum = 1;
    // NB: A condition that is made of many is given up, whatever it says.
    for references in references.chunks(6) {
        let mut any = text.result("iconst.i8 0");
        for reference in references {
            let zero = text.result("iconst.i32 0");
            let is_null = text.result(&format!("icmp eq v{reference}, v{zero}"));
            any = text.result(&format!("bor v{any}, v{is_null}"));
        }
        text.line(&format!("trapnz v{any}, user1"));
        for reference in references {
            let index = text.result(&format!("uextend.i64 v{reference}"));
            let address = text.result(&format!("iadd v2, v{index}"));
            let field = text.result(&format!("load.i32 notrap v{address}+16"));
            sum = text.result(&format!("bxor v{sum}, v{field}"));
        }
    }
    text.line(&format!("return v{sum}"));
}

fn new_objects(text: &mut Writer, size: usize) {
    text.preamble
        .push_str("    fn1 = %allocate() -> i32 ! nogc\n");
    entry(text);
    let mut sum = 1;
    while text.insts + 8 < size {
        let value = text.value();
        text.line(&format!(
            "v{value} ! gcref(struct, nonnull) ! gcnew(16, 20) = call fn1()"
        ));
        let index = text.result(&format!("uextend.i64 v{value}"));
        let address = text.result(&format!("iadd v2, v{index}"));
        text.line(&format!("store notrap v0, v{address}+16"));
        text.line(&format!("store notrap v0, v{address}+20"));
        let field = text.result(&format!("load.i32 notrap v{address}+16"));
        sum = text.result(&format!("bxor v{sum}, v{field}"));
    }
    text.line(&format!("return v{sum}"));
}

fn back_edges(text: &mut Writer, size: usize) {
    entry(text);
    let addresses = text.slots(1);
    spill(text, 0, addresses[0]);
    let head = text.block();
    text.line(&format!("jump block{head}"));
    text.begin(head, "");
    let mut sum = 1;
    while text.insts + 8 < size {
        let next = text.block();
        text.line("call fn0(), stack_map=[i32 @ ss0+0]");
        let value = reload(text, 0, addresses[0]);
        sum = text.field(value, sum);
        text.line(&format!("brif v{sum}, block{head}, block{next}"));
        text.begin(next, "");
    }
    text.line(&format!("return v{sum}"));
}

/// Each rung can be entered from both sides, so that no block of a side dominates the next.
fn ladder(text: &mut Writer, size: usize) {
    entry(text);
    let addresses = text.slots(1);
    spill(text, 0, addresses[0]);
    let rungs = (size / 8).max(1);
    let sides: Vec<[usize; 2]> = (0..=rungs).map(|_| [text.block(), text.block()]).collect();
    text.line(&format!(
        "brif v1, block{}, block{}",
        sides[0][0], sides[0][1]
    ));
    for pair in sides.windows(2) {
        for side in 0..2 {
            text.begin(pair[0][side], "");
            text.line("call fn0(), stack_map=[i32 @ ss0+0]");
            let value = reload(text, 0, addresses[0]);
            text.line(&format!(
                "brif v{value}, block{}, block{}",
                pair[1][side],
                pair[side][1 - side]
            ));
        }
    }
    for block in sides[rungs] {
        text.begin(block, "");
        text.line("return v1");
    }
}

fn heap_bases(text: &mut Writer, size: usize) {
    entry(text);
    let count = (size / 6).max(2);
    let mut bases = Vec::new();
    for number in 0..count {
        let value = text.value();
        text.line(&format!(
            "v{value} ! gcheapbase = load.i64 notrap v2+{}",
            8 * number
        ));
        bases.push(value);
    }
    let (head, after) = (text.block(), text.block());
    let list = |values: &[Value]| {
        let names: Vec<String> = values.iter().map(|value| format!("v{value}")).collect();
        names.join(", ")
    };
    text.line(&format!("jump block{head}({})", list(&bases)));
    let params: Vec<Value> = bases.iter().map(|_| text.value()).collect();
    let declared: Vec<String> = params
        .iter()
        .map(|param| format!("v{param}: i64"))
        .collect();
    text.begin(head, &format!("({})", declared.join(", ")));
    let mut rotated = params.clone();
    rotated.rotate_left(1);
    let mut sum = 1;
    for param in &params {
        let word = text.result(&format!("load.i32 notrap v{param}"));
        sum = text.result(&format!("bxor v{sum}, v{word}"));
    }
    text.line(&format!(
        "brif v{sum}, block{head}({}), block{after}",
        list(&rotated)
    ));
    text.begin(after, "");
    text.line("call fn0()");
    text.line("return v1");
}

fn counted(text: &mut Writer, size: usize) {
    const HELD: &str = "gcholds(gcref(struct, nonnull))";
    text.preamble.push_str("    gc_collector = nonmoving\n");
    text.preamble
        .push_str("    gc_header = kind 0, type 4, count 8\n");
    text.values = 1;
    text.begin(0, "(v0 ! gcref(struct, nonnull): i32, v1: i32, v2: i64)");
    let one = text.result("iconst.i64 1");
    let count = |text: &mut Writer, reference: Value, how: &str| {
        let index = text.result(&format!("uextend.i64 v{reference}"));
        let address = text.result(&format!("iadd v2, v{index}"));
        let count = text.result(&format!("load.i64 v{address}+8"));
        let changed = text.result(&format!("{how} v{count}, v{one}"));
        text.line(&format!("store v{changed}, v{address}+8"));
    };
    let mut place = 64;
    while text.insts + 12 < size {
        let old = text.value();
        text.line(&format!(
            "v{old} ! gcref(struct, nonnull) = load.i32 notrap v2+{place} ! {HELD}"
        ));
        count(text, 0, "iadd");
        text.line(&format!("store notrap v0, v2+{place} ! {HELD}"));
        count(text, old, "isub");
        place += 4;
    }
    text.line("return v1");
}

fn dead_stores(text: &mut Writer, size: usize) {
    entry(text);
    let count = 64.min(size / 8).max(1);
    let addresses = text.slots(count);
    for number in 0.. {
        if text.insts + count + 2 >= size {
            break;
        }
        let value = text.result(&format!("load.i32 notrap v2+{}", 4 * (number % 1_000)));
        text.line(&format!(
            "store notrap v{value}, v{}",
            addresses[number % count]
        ));
    }
    for &address in &addresses {
        text.line(&format!("store notrap v0, v{address}"));
    }
    text.line(&format!("call fn0(), stack_map=[{}]", map(0..count)));
    let value = text.result(&format!("load.i32 notrap v{}", addresses[0]));
    text.line(&format!("return v{value}"));
}

fn sums(text: &mut Writer, size: usize) {
    entry(text);
    let mut address = object(text);
    let mut sum = 1;
    while text.insts + 8 < size {
        let word = text.result(&format!("load.i32 notrap v{address}+16"));
        sum = text.result(&format!("bxor v{sum}, v{word}"));
        let eight = text.result("iconst.i64 8");
        address = text.result(&format!("iadd v{address}, v{eight}"));
    }
    text.line(&format!("return v{sum}"));
}

fn conditions(text: &mut Writer, size: usize) {
    entry(text);
    let zero = text.result("iconst.i32 0");
    let mut condition = text.result(&format!("icmp eq v0, v{zero}"));
    while text.insts + 10 < size {
        let other = text.result(&format!("icmp ult v1, v{condition}"));
        let wide = text.result(&format!("uextend.i32 v{other}"));
        condition = text.result(&format!("select v{condition}, v{wide}, v{condition}"));
    }
    let sum = text.field(0, condition);
    text.line(&format!("return v{sum}"));
}

fn live_in_blocks(text: &mut Writer, size: usize) {
    entry(text);
    let count = (size / 16).max(1);
    let addresses = text.slots(count);
    let mut references = references(text, count);
    text.safepoint(&mut references, &addresses);
    let mut sum = 1;
    for reference in references {
        let next = text.block();
        sum = text.field(reference, sum);
        text.line(&format!("brif v{sum}, block{next}, block{next}"));
        text.begin(next, "");
    }
    text.line(&format!("return v{sum}"));
}

fn comparisons(text: &mut Writer, size: usize) {
    entry(text);
    let addresses = text.slots(1);
    spill(text, 0, addresses[0]);
    let count = (size / 8).max(1);
    let (head, after) = (text.block(), text.block());
    let values = references(text, count);
    let names: Vec<String> = values.iter().map(|value| format!("v{value}")).collect();
    text.line(&format!("jump block{head}({})", names.join(", ")));
    let params: Vec<Value> = values.iter().map(|_| text.value()).collect();
    let declared: Vec<String> = params
        .iter()
        .map(|param| format!("v{param}{REFERENCE}: i32"))
        .collect();
    text.begin(head, &format!("({})", declared.join(", ")));
    let mut sum = 1;
    for pair in params.windows(2) {
        let same = text.result(&format!("icmp eq v{}, v{}", pair[0], pair[1]));
        let same = text.result(&format!("uextend.i32 v{same}"));
        sum = text.result(&format!("bxor v{sum}, v{same}"));
    }
    let names: Vec<String> = params
        .iter()
        .rev()
        .map(|param| format!("v{param}"))
        .collect();
    text.line(&format!(
        "brif v{sum}, block{head}({}), block{after}",
        names.join(", ")
    ));
    text.begin(after, "");
    text.line("call fn0(), stack_map=[i32 @ ss0+0]");
    let value = reload(text, 0, addresses[0]);
    text.line(&format!("return v{value}"));
}
