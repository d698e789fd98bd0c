//! Helpers of the unit tests.

use cranelift_codegen::ir::{Function, Inst};

/// The only function of `text`.
pub(crate) fn parse(text: &str) -> Function {
    let functions = cranelift_reader::parse_functions(text)
        .unwrap_or_else(|error| panic!("{error} in\n{text}"));
    let [function] = <[Function; 1]>::try_from(functions).expect("there is one function");
    function
}

/// The last instruction before that which ends the first block.
pub(crate) fn last_before_return(func: &Function) -> Inst {
    let block = func.layout.entry_block().expect("there is one");
    let mut insts = func.layout.block_insts(block).rev();
    insts.nth(1).expect("there is one")
}

/// A small generator of random numbers (Steele, Lea, Flood: SplitMix64), the same on every machine.
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Self {
        Rng(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
}

std::thread_local! {
    /// The call that is to panic.
    static PANIC_IN: std::cell::Cell<Option<&'static str>> = const { std::cell::Cell::new(None) };
}

/// Call `f` while the call that is named panics on this thread.
pub(crate) fn with_panic_in<T>(name: Option<&'static str>, f: impl FnOnce() -> T) -> T {
    PANIC_IN.set(name);
    let result = f();
    PANIC_IN.set(None);
    result
}

/// Panic if that was asked for of the call with this name.
pub(crate) fn panic_in(name: &str) {
    assert!(PANIC_IN.get() != Some(name), "on demand");
}
