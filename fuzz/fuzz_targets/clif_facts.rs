//! A function that can be read is judged twice alike, and written as it is read.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    gc_fuzz::clif_facts(bytes);
});
