//! The functions: any shape of graph, with few values, slots and inputs.

use std::fmt::Write;

pub(super) const SLOTS: usize = 3;
/// The parameters of the function that are references, and those that are numbers.
pub(super) const REFERENCES: usize = 2;
pub(super) const NUMBERS: usize = 2;

/// A reference, by number.
pub(super) type Ref = usize;

/// What a block does.
#[derive(Clone, Debug)]
pub(super) enum Op {
    /// Store a reference to a slot.
    Store(Ref, usize),
    /// Store a number that is neither null nor an i31.
    StoreNumber(usize),
    /// Store null.
    StoreNull(usize),
    /// Load a reference from a slot.
    Load(Ref, usize),
    /// Call a function that may collect, with these slots in the stack map.
    Collect([bool; SLOTS]),
    /// Make a new object.
    New(Ref),
    /// Choose one of two references by a number.
    Select(Ref, usize, Ref, Ref),
    /// Pass a reference to a function that does not collect.
    Use(Ref),
    /// Derive an address; dereference it after some other operations.
    Derive(usize, Ref),
    Access(usize),
    /// Compare two references, and let it be seen what came of it.
    Compare(Ref, Ref),
}

/// What a block branches on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Test {
    /// A number is not zero.
    Number(usize),
    /// A number is below another one.
    Below(usize, u32),
    /// A number is this one.
    Is(usize, u32),
    /// A reference is not null.
    NotNull(Ref),
    /// A reference is an i31.
    I31(Ref),
}

/// Where a branch goes, and the reference that it passes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) block: usize,
    pub(super) arg: Ref,
}

#[derive(Clone, Debug)]
pub(super) enum End {
    Return(Ref),
    Jump(Target),
    Branch(Test, Target, Target),
}

#[derive(Clone, Debug)]
pub(super) struct Block {
    /// The reference that is passed to it.
    pub(super) param: Ref,
    pub(super) ops: Vec<Op>,
    pub(super) end: End,
}

/// A function. The first block is entered first, and nothing goes back to it.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) blocks: Vec<Block>,
    pub(super) references: usize,
    pub(super) addresses: usize,
}

/// Bytes, taken for choices. There are as many as are asked for.
struct Choices<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Choices<'_> {
    fn below(&mut self, bound: usize) -> usize {
        let byte = self.bytes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        usize::from(byte) % bound.max(1)
    }

    fn one_of(&mut self, all: &[usize]) -> usize {
        all[self.below(all.len())]
    }
}

struct Builder<'a> {
    choices: Choices<'a>,
    references: usize,
    addresses: usize,
    blocks: usize,
    /// Is it built so that most of it is right?
    is_careful: bool,
}

impl Builder<'_> {
    /// Is what is usually right done this time?
    fn takes_care(&mut self) -> bool {
        self.is_careful && self.choices.below(10) != 0
    }

    fn reference(&mut self) -> Ref {
        self.references += 1;
        self.references - 1
    }

    /// `seen` are the references that can be used, and `derived` the addresses.
    fn op(&mut self, seen: &mut Vec<Ref>, derived: &mut Vec<usize>) -> Op {
        let slot = self.choices.below(SLOTS);
        match self.choices.below(20) {
            4..7 => {
                let new = self.reference();
                seen.push(new);
                Op::Load(new, slot)
            }
            7..11 => {
                let mask = match self.takes_care() {
                    true => (1 << SLOTS) - 1,
                    false => self.choices.below(1 << SLOTS),
                };
                if self.takes_care() {
                    derived.clear();
                    // NB: It is stale from now on.
                    seen.clear();
                }
                Op::Collect(core::array::from_fn(|slot| mask >> slot & 1 != 0))
            }
            _ if seen.is_empty() => {
                let new = self.reference();
                seen.push(new);
                Op::Load(new, slot)
            }
            0..4 => Op::Store(self.choices.one_of(seen), slot),
            11 => {
                let new = self.reference();
                seen.push(new);
                Op::New(new)
            }
            12 => {
                let (a, b) = (self.choices.one_of(seen), self.choices.one_of(seen));
                let number = self.choices.below(NUMBERS);
                let new = self.reference();
                seen.push(new);
                Op::Select(new, number, a, b)
            }
            13 | 14 => Op::Use(self.choices.one_of(seen)),
            15 => {
                derived.push(self.addresses);
                self.addresses += 1;
                Op::Derive(self.addresses - 1, self.choices.one_of(seen))
            }
            16 if !derived.is_empty() => Op::Access(self.choices.one_of(derived)),
            17 => Op::Compare(self.choices.one_of(seen), self.choices.one_of(seen)),
            18 => Op::StoreNull(slot),
            19 if self.choices.below(4) == 0 => Op::StoreNumber(slot),
            _ => Op::Use(self.choices.one_of(seen)),
        }
    }

    fn target(&mut self, from: usize, seen: &[Ref]) -> Target {
        // Most edges go forward.
        let block = match self.choices.below(4) {
            0 => 1 + self.choices.below(self.blocks - 1),
            _ => (from + 1 + self.choices.below(2)).min(self.blocks - 1),
        };
        let arg = self.choices.one_of(seen);
        Target { block, arg }
    }

    fn end(&mut self, from: usize, seen: &[Ref]) -> End {
        if from + 1 == self.blocks {
            return End::Return(self.choices.one_of(seen));
        }
        let number = self.choices.below(NUMBERS);
        let test = match self.choices.below(6) {
            0 | 1 => Test::Number(number),
            2 => Test::Below(number, 1 + self.choices.below(3) as u32),
            3 => Test::Is(number, self.choices.below(3) as u32),
            4 => Test::NotNull(self.choices.one_of(seen)),
            _ => Test::I31(self.choices.one_of(seen)),
        };
        match self.choices.below(8) {
            0 => End::Return(self.choices.one_of(seen)),
            1..3 => End::Jump(self.target(from, seen)),
            _ => End::Branch(test, self.target(from, seen), self.target(from, seen)),
        }
    }
}

impl Program {
    pub(super) fn new(bytes: &[u8]) -> Self {
        let mut builder = Builder {
            choices: Choices { bytes, at: 0 },
            references: REFERENCES,
            addresses: 0,
            blocks: 0,
            is_careful: false,
        };
        builder.is_careful = builder.choices.below(3) != 0;
        builder.blocks = 2 + builder.choices.below(5);
        let mut blocks = Vec::new();
        // What the first block has, every block can use.
        let mut shared: Vec<Ref> = (0..REFERENCES).collect();
        let mut shared_addresses = Vec::new();
        for number in 0..builder.blocks {
            let mut seen = shared.clone();
            let mut derived = shared_addresses.clone();
            let param = builder.reference();
            if number > 0 {
                seen.push(param);
            }
            let mut ops = Vec::new();
            if number == 0 && builder.takes_care() {
                ops.extend((0..SLOTS).map(Op::StoreNull));
            } else if number > 0 && builder.takes_care() {
                seen = vec![param];
                derived.clear();
            }
            for _ in 0..1 + builder.choices.below(6) {
                ops.push(builder.op(&mut seen, &mut derived));
            }
            if seen.is_empty() {
                let new = builder.reference();
                seen.push(new);
                ops.push(Op::Load(new, 0));
            }
            let end = builder.end(number, &seen);
            if number == 0 {
                shared = seen;
                shared_addresses = derived;
            }
            blocks.push(Block { param, ops, end });
        }
        Program {
            blocks,
            references: builder.references,
            addresses: builder.addresses,
        }
    }

    /// As CLIF.
    pub(super) fn text(&self) -> String {
        let mut text = Text {
            text: String::new(),
            next: 1_000,
        };
        text.function(self);
        text.text
    }
}

struct Text {
    text: String,
    /// The next value that has no number of its own.
    next: usize,
}

/// The values: references, then numbers, then addresses, then the heap.
fn reference(number: Ref) -> String {
    format!("v{number}")
}

fn number(number: usize) -> String {
    format!("v{}", 500 + number)
}

fn address(number: usize) -> String {
    format!("v{}", 600 + number)
}

const HEAP: &str = "v590";

impl Text {
    fn line(&mut self, line: &str) {
        writeln!(self.text, "    {line}").expect("a string takes everything");
    }

    fn fresh(&mut self) -> String {
        self.next += 1;
        format!("v{}", self.next)
    }

    fn function(&mut self, program: &Program) {
        self.text += "function %f(i32, i32, i32, i32, i64) {\n";
        for slot in 0..SLOTS {
            self.line(&format!("ss{slot} = explicit_slot 4, align = 4"));
        }
        self.line("fn0 = %collect()");
        self.line("fn1 = %new() -> i32 ! nogc");
        self.line("fn2 = %use(i32) ! nogc");
        for (index, block) in program.blocks.iter().enumerate() {
            self.block(index, block);
        }
        self.text += "}\n";
    }

    fn block(&mut self, index: usize, block: &Block) {
        if index == 0 {
            let references =
                (0..REFERENCES).map(|r| format!("{} ! gcref(any, nullable): i32", reference(r)));
            let numbers = (0..NUMBERS).map(|n| format!("{} ! gcscalar: i32", number(n)));
            let mut params: Vec<String> = references.chain(numbers).collect();
            params.push(format!("{HEAP}: i64"));
            writeln!(self.text, "block0({}):", params.join(", "))
                .expect("a string takes everything");
        } else {
            writeln!(self.text, "block{index}({}: i32):", reference(block.param))
                .expect("a string takes everything");
        }
        for op in &block.ops {
            self.op(op);
        }
        match block.end {
            End::Return(value) => {
                self.line(&format!("call fn2({})", reference(value)));
                self.line("return");
            }
            End::Jump(target) => self.line(&format!("jump {}", Text::target(target))),
            End::Branch(test, yes, no) => {
                let condition = self.test(test);
                let (yes, no) = (Text::target(yes), Text::target(no));
                self.line(&format!("brif {condition}, {yes}, {no}"));
            }
        }
    }

    fn target(target: Target) -> String {
        format!("block{}({})", target.block, reference(target.arg))
    }

    fn test(&mut self, test: Test) -> String {
        match test {
            Test::Number(n) => number(n),
            Test::NotNull(value) => reference(value),
            Test::Below(n, bound) => self.compared("ult", &number(n), bound),
            Test::Is(n, bound) => self.compared("eq", &number(n), bound),
            Test::I31(value) => {
                let (one, result) = (self.fresh(), self.fresh());
                self.line(&format!("{one} = iconst.i32 1"));
                self.line(&format!("{result} = band {}, {one}", reference(value)));
                result
            }
        }
    }

    fn compared(&mut self, cond: &str, value: &str, bound: u32) -> String {
        let (constant, result) = (self.fresh(), self.fresh());
        self.line(&format!("{constant} = iconst.i32 {bound}"));
        self.line(&format!("{result} = icmp {cond} {value}, {constant}"));
        result
    }

    fn slot(&mut self, slot: usize) -> String {
        let address = self.fresh();
        self.line(&format!("{address} = stack_addr.i64 ss{slot}"));
        address
    }

    fn op(&mut self, op: &Op) {
        match *op {
            Op::Store(value, slot) => {
                let at = self.slot(slot);
                self.line(&format!("store notrap {}, {at}", reference(value)));
            }
            Op::StoreNumber(slot) | Op::StoreNull(slot) => {
                let constant = self.fresh();
                let n = if matches!(op, Op::StoreNull(_)) { 0 } else { 6 };
                self.line(&format!("{constant} = iconst.i32 {n}"));
                let at = self.slot(slot);
                self.line(&format!("store notrap {constant}, {at}"));
            }
            Op::Load(value, slot) => {
                let at = self.slot(slot);
                let value = reference(value);
                self.line(&format!(
                    "{value} ! gcref(any, nullable) = load.i32 notrap {at}"
                ));
            }
            Op::Collect(mapped) => {
                let named = (0..SLOTS).filter(|&slot| mapped[slot]);
                let named: Vec<_> = named.map(|slot| format!("i32 @ ss{slot}+0")).collect();
                match named.is_empty() {
                    true => self.line("call fn0()"),
                    false => self.line(&format!("call fn0(), stack_map=[{}]", named.join(", "))),
                }
            }
            Op::New(value) => {
                let value = reference(value);
                self.line(&format!("{value} ! gcref(struct, nonnull) = call fn1()"));
            }
            Op::Select(value, n, a, b) => {
                let (value, a, b) = (reference(value), reference(a), reference(b));
                self.line(&format!("{value} = select {}, {a}, {b}", number(n)));
            }
            Op::Use(value) => self.line(&format!("call fn2({})", reference(value))),
            Op::Derive(to, value) => {
                let index = self.fresh();
                self.line(&format!("{index} = uextend.i64 {}", reference(value)));
                self.line(&format!("{} = iadd {HEAP}, {index}", address(to)));
            }
            Op::Access(from) => {
                let loaded = self.fresh();
                self.line(&format!("{loaded} = load.i32 {}+8", address(from)));
            }
            Op::Compare(a, b) => {
                let result = self.fresh();
                let (a, b) = (reference(a), reference(b));
                self.line(&format!("{result} = icmp eq {a}, {b}"));
                self.line(&format!("store {result}, {HEAP}"));
            }
        }
    }
}
