//! Which version this is, and of what.

/// Ours, and those of what is compiled with.
pub const LONG: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    "\nCranelift ",
    env!("CLIF_GC_CRANELIFT_VERSION"),
    "\nWasmtime ",
    env!("CLIF_GC_WASMTIME_VERSION"),
);

/// The version of Cranelift.
pub const CRANELIFT: &str = env!("CLIF_GC_CRANELIFT_VERSION");

/// The version of Wasmtime.
pub const WASMTIME: &str = env!("CLIF_GC_WASMTIME_VERSION");
