//! Compiles a program that allocates, with the verifier enforcing, and runs it.

use cranelift_gc_verifier::{FunctionReport, Options, Sink, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use wasmtime::{Config, Engine, GcVerifier, Instance, Module, Result, Store};

/// Sums a list of the numbers from 1 to 100.
const PROGRAM: &str = r#"
(module
  (type $list (struct (field $head i32) (field $tail (ref null $list))))
  (func (export "sum_to") (param $n i32) (result i32)
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

/// Counts the functions that are verified.
#[derive(Default)]
struct Counter(AtomicU64);

impl Sink for Counter {
    fn function(&self, report: FunctionReport) {
        let is_verified = report.report.verdict() == Verdict::Verified;
        self.0.fetch_add(u64::from(is_verified), Ordering::Relaxed);
    }
}

fn main() -> Result<()> {
    let counter = Arc::new(Counter::default());
    cranelift_gc_verifier::install(Options::default(), counter.clone())?;
    let mut config = Config::new();
    config.cranelift_gc_verifier(GcVerifier::Enforce);
    let engine = Engine::new(&config)?;
    let module = Module::new(&engine, PROGRAM)?;
    println!("{} functions verified", counter.0.load(Ordering::Relaxed));
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &module, &[])?;
    let sum_to = instance.get_typed_func::<i32, i32>(&mut store, "sum_to")?;
    println!("{}", sum_to.call(&mut store, 100)?);
    Ok(())
}
