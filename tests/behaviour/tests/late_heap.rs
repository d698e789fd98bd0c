//! A heap that is not there when an instance is made (48.0.8, 50.0.1).
//!
//! A module that only tests what the host hands to it has no heap before the host makes one. The heap's base is
//! loaded as if it never changed, and the optimizer hoists it over the call that makes the heap.

use anyhow::Result;
use gc_behaviour::{Judge, Looker, Setup, encode};
use gc_configurations::{COLLECTORS, Configuration};
use wasmtime::{
    AnyRef, Caller, FieldType, Linker, Module, Mutability, OptLevel, Rooted, StorageType, Store,
    StructRef, StructRefPre, StructType, Val, ValType,
};

/// How many of the objects that the host makes, out of ten, are of the type.
const PROGRAM: &str = r#"(module
  (type $s (struct (field i32)))
  (import "" "make" (func $make (result anyref)))
  (func (export "main") (result i32)
    (local $i i32) (local $n i32)
    (local.set $i (i32.const 10))
    (loop $again
      (local.set $n (i32.add (local.get $n) (ref.test (ref $s) (call $make))))
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (local.get $n)))"#;

fn make(mut caller: Caller<'_, ()>) -> wasmtime::Result<Option<Rooted<AnyRef>>> {
    let field = FieldType::new(Mutability::Const, StorageType::ValType(ValType::I32));
    let ty = StructType::new(caller.engine(), [field])?;
    let allocator = StructRefPre::new(&mut caller, ty);
    let made = StructRef::new(&mut caller, &allocator, &[Val::I32(7)])?;
    Ok(Some(made.to_anyref()))
}

fn run(setup: &Setup) -> Result<i32> {
    let engine = setup.engine()?;
    let module = Module::new(&engine, encode(PROGRAM)?)?;
    let mut linker = Linker::<()>::new(&engine);
    linker.func_wrap("", "make", make)?;
    let mut store = Store::new(&engine, ());
    let instance = linker.instantiate(&mut store, &module)?;
    let main = instance.get_typed_func::<(), i32>(&mut store, "main")?;
    Ok(main.call(&mut store, ())?)
}

#[test]
fn a_heap_that_the_host_makes_is_found_where_it_is() {
    let judge = Judge::install().expect("no other is installed");
    for collector in COLLECTORS {
        let run = |opt_level, looker| {
            judge.turn_to(looker, 0);
            run(&Setup {
                configuration: Configuration::of(collector, opt_level),
                looker,
            })
        };
        let unoptimized = run(OptLevel::None, Looker::Off);
        assert_eq!(unoptimized.expect("it runs"), 10, "{collector:?}");
        // What Wasmtime makes of it today.
        let optimized = run(OptLevel::Speed, Looker::Off);
        assert!(
            !matches!(optimized, Ok(10)),
            "wasmtime is right by now, with {collector:?}"
        );
        let enforced = run(OptLevel::Speed, Looker::Enforce);
        assert_eq!(enforced.expect("it is saved"), 10, "{collector:?}");
    }
    let undone = COLLECTORS.len() as u64;
    let seen = judge.seen();
    assert_eq!(seen.rejected, [""; 0]);
    assert_eq!(seen.undone, undone, "{seen:?}");
}
