//! A sound function one of whose stack maps was changed is rejected.

#![no_main]

use libfuzzer_sys::Corpus;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| -> Corpus {
    match gc_fuzz::stack_maps(bytes) {
        Some(_) => Corpus::Keep,
        None => Corpus::Reject,
    }
});
