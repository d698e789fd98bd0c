//! Compiles modules in many ways and prints a hash of the code of each.
//!
//! `cargo xtask identity` builds this against the unpatched crates, and against the patched
//! ones without and with their feature; the three must print the same.
//!
//! Input: paths of modules, one argument each. Output: a line for each module, target,
//! optimization level and collector, with the hash and the size of what was compiled, or with
//! why it was not.

use object::{Object, ObjectSection};
use sha2::{Digest, Sha256};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use wasmtime::{Collector, Config, Engine, OptLevel};

const TARGETS: [&str; 2] = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"];
const OPT_LEVELS: [(&str, OptLevel); 2] = [("none", OptLevel::None), ("speed", OptLevel::Speed)];
const COLLECTORS: [(&str, Collector); 3] = [
    ("drc", Collector::DeferredReferenceCounting),
    ("null", Collector::Null),
    ("copying", Collector::Copying),
];

/// The compiler's settings, among them the one that the patches add.
const SETTINGS: &str = ".wasmtime.engine";

fn main() {
    for path in std::env::args().skip(1) {
        for target in TARGETS {
            for (opt, opt_level) in OPT_LEVELS {
                for (gc, collector) in COLLECTORS {
                    // What upstream cannot compile must fail alike in all variants.
                    let compile = || compile(Path::new(&path), target, opt_level, collector);
                    let result = match catch_unwind(AssertUnwindSafe(compile)) {
                        Ok(Ok((hash, size))) => format!("{size} {hash}"),
                        Ok(Err(error)) => format!("0 error {}", first_line(&error)),
                        Err(_) => "0 panic".into(),
                    };
                    println!("{path} {target} {opt} {gc}\t{result}");
                }
            }
        }
    }
}

fn compile(
    path: &Path,
    target: &str,
    opt_level: OptLevel,
    collector: Collector,
) -> Result<(String, usize), String> {
    let module = std::fs::read(path).map_err(|error| error.to_string())?;
    let mut config = Config::new();
    config
        .wasm_branch_hinting(true)
        .wasm_custom_page_sizes(true)
        .wasm_exceptions(true)
        .wasm_extended_const(true)
        .wasm_function_references(true)
        .wasm_gc(true)
        .wasm_memory64(true)
        .wasm_multi_memory(true)
        .wasm_relaxed_simd(true)
        .wasm_tail_call(true)
        .wasm_wide_arithmetic(true)
        .cranelift_opt_level(opt_level)
        .collector(collector);
    let text = |error: wasmtime::Error| format!("{error:#}");
    config.target(target).map_err(text)?;
    let engine = Engine::new(&config).map_err(text)?;
    let elf = engine.precompile_module(&module).map_err(text)?;
    let file = object::File::parse(elf.as_slice()).map_err(|error| error.to_string())?;
    let mut hash = Sha256::new();
    let mut size = 0;
    for section in file.sections() {
        let name = section.name().map_err(|error| error.to_string())?;
        if name != SETTINGS {
            let data = section.data().map_err(|error| error.to_string())?;
            size += data.len();
            hash.update(format!("{name} {}\n", data.len()));
            hash.update(data);
        }
    }
    let hex = hash.finalize().iter().map(|b| format!("{b:02x}")).collect();
    Ok((hex, size))
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
