//! A sound function one of whose stack maps was changed is rejected.

#![no_main]

use libfuzzer_sys::Corpus;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| -> Corpus {
    match gc_fuzz::stack_maps(bytes) {
        gc_fuzz::Mutated::Rejected(_) | gc_fuzz::Mutated::NotShown(_) => Corpus::Keep,
        gc_fuzz::Mutated::Same => Corpus::Reject,
    }
});
