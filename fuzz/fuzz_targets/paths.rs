//! What goes wrong on some path of a small function is what the verifier says.

#![no_main]

use gc_fuzz::GcCollector;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for collector in [GcCollector::Moving, GcCollector::NonMoving, GcCollector::Null] {
        gc_fuzz::paths(bytes, collector);
    }
});
