//! The truth: the function, executed with every input.
//!
//! A reference is an object with the number of the collection since which it has its place; what the verifier infers is
//! done here.

use super::program::{End, NUMBERS, Op, Program, REFERENCES, SLOTS, Target, Test};
use cranelift_codegen::ir::GcCollector;
use std::collections::BTreeSet;

/// What happens when a function is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Truth {
    /// Nothing wrong, with any input.
    Right,
    /// This, with some input.
    Wrong(&'static str),
    /// Some execution did not come to an end, or did what has no meaning, and nothing wrong was seen.
    Undecided,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    Null,
    I31,
    /// An object, and how many collections there were when it got its place.
    Object(usize, u32),
    Number,
    /// Nothing that was stored.
    Unset,
}

/// What a reference that is passed can be, and what a number can be.
const WORDS: [Word; 4] = [
    Word::Null,
    Word::I31,
    Word::Object(0, 0),
    Word::Object(1, 0),
];
const INPUTS: [u32; 5] = [0, 1, 2, 3, 9];
/// How many blocks are executed.
const FUEL: u32 = 24;

enum Stop {
    Wrong(&'static str),
    /// It comes to an end, whether or not as it should.
    Ends,
    Undecided,
}

struct Machine<'a> {
    program: &'a Program,
    collector: GcCollector,
    references: Vec<Word>,
    addresses: Vec<Word>,
    numbers: [u32; NUMBERS],
    slots: [Word; SLOTS],
    collections: u32,
    objects: usize,
    freed: BTreeSet<usize>,
}

/// Execute `program` with every input.
pub(super) fn truth(program: &Program, collector: GcCollector) -> Truth {
    let mut truth = Truth::Right;
    for input in 0..WORDS.len().pow(REFERENCES as u32) * INPUTS.len().pow(NUMBERS as u32) {
        let mut rest = input;
        let mut choose = |of: usize| {
            let choice = rest % of;
            rest /= of;
            choice
        };
        let mut machine = Machine {
            program,
            collector,
            references: vec![Word::Unset; program.references],
            addresses: vec![Word::Unset; program.addresses],
            numbers: [0; NUMBERS],
            slots: [Word::Unset; SLOTS],
            collections: 0,
            objects: 2,
            freed: BTreeSet::new(),
        };
        for reference in 0..REFERENCES {
            machine.references[reference] = WORDS[choose(WORDS.len())];
        }
        for number in 0..NUMBERS {
            machine.numbers[number] = INPUTS[choose(INPUTS.len())];
        }
        match machine.run() {
            Stop::Wrong(what) => return Truth::Wrong(what),
            Stop::Ends => {}
            Stop::Undecided => truth = Truth::Undecided,
        }
    }
    truth
}

impl Machine<'_> {
    fn run(mut self) -> Stop {
        let mut block = 0;
        for _ in 0..FUEL {
            match self.block(block) {
                Ok(Target { block: next, arg }) => {
                    let param = self.program.blocks[next].param;
                    self.references[param] = self.references[arg];
                    block = next;
                }
                Err(stop) => return stop,
            }
        }
        Stop::Undecided
    }

    fn block(&mut self, block: usize) -> Result<Target, Stop> {
        let block = &self.program.blocks[block];
        for op in &block.ops {
            self.op(op)?;
        }
        match block.end {
            End::Return(value) => {
                self.rely_on(self.references[value])?;
                Err(Stop::Ends)
            }
            End::Jump(target) => Ok(target),
            End::Branch(test, yes, no) => Ok(if self.test(test)? { yes } else { no }),
        }
    }

    fn test(&self, test: Test) -> Result<bool, Stop> {
        let known = |word: Word| match word {
            Word::Number | Word::Unset => Err(Stop::Undecided),
            word => Ok(word),
        };
        Ok(match test {
            Test::Number(n) => self.numbers[n] != 0,
            Test::Below(n, bound) => self.numbers[n] < bound,
            Test::Is(n, bound) => self.numbers[n] == bound,
            Test::NotNull(value) => known(self.references[value])? != Word::Null,
            Test::I31(value) => known(self.references[value])? == Word::I31,
        })
    }

    /// Is the word valid here?
    fn rely_on(&self, word: Word) -> Result<(), Stop> {
        match word {
            Word::Null | Word::I31 => Ok(()),
            Word::Object(object, _) if self.freed.contains(&object) => {
                Err(Stop::Wrong("an object is used that was freed"))
            }
            Word::Object(_, since)
                if self.collector == GcCollector::Moving && since != self.collections =>
            {
                Err(Stop::Wrong("a reference is used that is stale"))
            }
            Word::Object(..) => Ok(()),
            Word::Unset => Err(Stop::Wrong("something is used that was not stored")),
            // The function says of what it stores there that it is a reference.
            Word::Number => Err(Stop::Undecided),
        }
    }

    fn collect(&mut self, mapped: &[bool; SLOTS]) -> Result<(), Stop> {
        let mut alive = BTreeSet::new();
        for (slot, _) in mapped.iter().enumerate().filter(|(_, mapped)| **mapped) {
            match self.slots[slot] {
                Word::Number => return Err(Stop::Wrong("a number is in a stack map")),
                Word::Unset => return Err(Stop::Wrong("nothing was stored in a stack map's slot")),
                word => self.rely_on(word)?,
            }
            if let Word::Object(object, _) = self.slots[slot] {
                alive.insert(object);
            }
        }
        match self.collector {
            GcCollector::Null => {}
            GcCollector::NonMoving => {
                self.freed
                    .extend((0..self.objects).filter(|object| !alive.contains(object)));
            }
            GcCollector::Moving => {
                self.collections += 1;
                for (slot, word) in self.slots.iter_mut().enumerate() {
                    if let Word::Object(object, _) = *word
                        && mapped[slot]
                    {
                        *word = Word::Object(object, self.collections);
                    }
                }
            }
        }
        Ok(())
    }

    fn op(&mut self, op: &Op) -> Result<(), Stop> {
        match *op {
            Op::Store(value, slot) => self.slots[slot] = self.references[value],
            Op::StoreNumber(slot) => self.slots[slot] = Word::Number,
            Op::StoreNull(slot) => self.slots[slot] = Word::Null,
            Op::Load(value, slot) => self.references[value] = self.slots[slot],
            Op::Collect(ref mapped) => self.collect(mapped)?,
            Op::New(value) => {
                self.references[value] = Word::Object(self.objects, self.collections);
                self.objects += 1;
            }
            Op::Select(value, n, a, b) => {
                let chosen = if self.numbers[n] != 0 { a } else { b };
                self.references[value] = self.references[chosen];
            }
            Op::Use(value) => self.rely_on(self.references[value])?,
            Op::Derive(to, value) => self.addresses[to] = self.references[value],
            // NB: What is at the address of no object is read all the same; guards are not asked for here.
            Op::Access(from) => self.rely_on(self.addresses[from])?,
            Op::Compare(a, b) => match [self.references[a], self.references[b]] {
                [Word::Object(_, a), Word::Object(_, b)]
                    if self.collector == GcCollector::Moving && a != b =>
                {
                    return Err(Stop::Wrong("references of different ages are compared"));
                }
                words if words.contains(&Word::Unset) => {
                    return Err(Stop::Wrong("something is compared that was not stored"));
                }
                words if words.contains(&Word::Number) => return Err(Stop::Undecided),
                _ => {}
            },
        }
        Ok(())
    }
}
