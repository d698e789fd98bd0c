//! Generated modules, shaped so that much of them is about references, are not rejected.

#![no_main]

#[path = "../../clif-gc/tests/smith/generator.rs"]
mod generator;

libfuzzer_sys::fuzz_target!(|seed: u64| {
    let functions = gc_fuzz::wasm_front(&generator::module(seed));
    std::hint::black_box(functions);
});
