//! A function that is built to be sound is not rejected, whatever becomes of it.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gc_fuzz::clif_built(bytes);
});
