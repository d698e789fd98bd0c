//! An embedder of Wasmtime that switches the verifier on.
//!
//! It compiles and runs a program that allocates, and prints what it returns. `RUST_LOG=gc_verifier`
//! shows what was looked at.

use cranelift_gc_verifier::{LogSink, Options};
use std::sync::Arc;
use wasmtime::{Config, Engine, GcVerifier, Instance, Module, Result, Store};

/// Sums a list of the numbers from 1 to 100.
const PROGRAM: &str = r#"
(module
  (type $list (struct (field $head i32) (field $tail (ref null $list))))
  (func $count (export "sum_to") (param $n i32) (result i32)
    (local $list (ref null $list)) (local $sum i32)
    (loop $push
      (local.set $list (struct.new $list (local.get $n) (local.get $list)))
      (br_if $push (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
    (loop $add
      (local.set $sum
        (i32.add (local.get $sum) (struct.get $list $head (local.get $list))))
      (br_if $add
        (i32.eqz (ref.is_null
          (local.tee $list (struct.get $list $tail (local.get $list)))))))
    (local.get $sum)))
"#;

fn main() -> Result<()> {
    env_logger::init();

    // Once a process: what is verified, and where the findings go.
    cranelift_gc_verifier::install(Options::default(), Arc::new(LogSink))?;
    // For each engine: whether that is done, and what it means for the code.
    let mut config = Config::new();
    config.cranelift_gc_verifier(GcVerifier::Enforce);

    let engine = Engine::new(&config)?;
    // A module that breaks an invariant, and that no refusal saves, is an error here.
    let module = Module::new(&engine, wat::parse_str(PROGRAM)?)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let sum_to = instance.get_typed_func::<i32, i32>(&mut store, "sum_to")?;
    println!("{}", sum_to.call(&mut store, 100)?);
    Ok(())
}
