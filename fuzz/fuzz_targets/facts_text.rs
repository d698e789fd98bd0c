//! A fact is written as it is read.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gc_fuzz::facts_text(bytes);
});
