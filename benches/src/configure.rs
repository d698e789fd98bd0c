//! How modules are compiled.

use wasmtime::{Collector, Config, OptLevel};

/// For this machine, optimized, on one thread, with the copying collector: it asks for most.
pub fn config() -> Config {
    let mut config = Config::new();
    config
        .collector(Collector::Copying)
        .cranelift_opt_level(OptLevel::Speed)
        .parallel_compilation(false)
        .wasm_custom_page_sizes(true)
        .wasm_exceptions(true)
        .wasm_function_references(true)
        .wasm_gc(true)
        .wasm_memory64(true)
        .wasm_relaxed_simd(true)
        .wasm_tail_call(true)
        .wasm_wide_arithmetic(true);
    config
}
