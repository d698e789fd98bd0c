//! Unites the features of the workspace's dependencies.
//!
//! This crate's manifest has the one list of features that Cranelift and Wasmtime are built with. Tests, benches and examples depend on
//! it, so that each of them is built with that list, alone or with the others.
//!
//! Cargo unites the features of all packages that are selected, and counts those of dev-dependencies only
//! where a test, a bench or an example is built. So a program that is built along with the example of this
//! package has the features that it has in tests, and Cranelift and Wasmtime are built once:
//!
//! ```console
//! $ cargo build --release --workspace --bin clif-gc --example unite-features
//! ```
