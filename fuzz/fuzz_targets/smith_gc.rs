//! Generated modules, shaped so that much of them is about references, are not rejected, and do the same when
//! rewrites are refused at random.

#![no_main]

use libfuzzer_sys::Corpus;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| -> Corpus {
    match gc_fuzz::smith_gc(bytes) {
        Some(_) => Corpus::Keep,
        None => Corpus::Reject,
    }
});
