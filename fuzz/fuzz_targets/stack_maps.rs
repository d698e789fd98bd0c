//! A function that lost an entry of a stack map is not verified.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gc_fuzz::stack_maps(bytes);
});
