//! So is a fact.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gc_fuzz::facts_text(bytes);
});
