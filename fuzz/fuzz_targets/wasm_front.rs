//! Whatever compiles is not rejected.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gc_fuzz::wasm_front(bytes);
});
