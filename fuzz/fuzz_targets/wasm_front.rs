//! Whatever compiles is not rejected.

#![no_main]

use libfuzzer_sys::{fuzz_mutator, fuzz_target, fuzzer_mutate};

fuzz_target!(|bytes: &[u8]| {
    gc_fuzz::wasm_front(bytes);
});

// The project's modules are in the text format, and what comes of mutated text is rarely another module: so they
// are encoded first.
fuzz_mutator!(
    |data: &mut [u8], size: usize, max_size: usize, _seed: u32| {
        if let Some(module) = gc_fuzz::encode(&data[..size])
            && module.len() <= max_size
        {
            data[..module.len()].copy_from_slice(&module);
            return module.len();
        }
        fuzzer_mutate(data, size, max_size)
    }
);
