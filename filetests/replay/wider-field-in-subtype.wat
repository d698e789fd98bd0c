;; A subtype adds a field that is wider than those of its supertype, which its objects are taken for (wasmtime#10459).
(module
  (import "" "gc" (func $gc))
  (type $named (sub (struct (field $name anyref) (field $id i32))))
  (type $counted (sub $named (struct (field $name anyref) (field $id i32) (field $count i64))))

  (func $name_and_id (param $object (ref $named)) (result i32)
    (i32.add
      (i31.get_s (ref.cast (ref i31) (struct.get $named $name (local.get $object))))
      (struct.get $named $id (local.get $object))))

  (func $count (param $object (ref $counted)) (result i32)
    (i32.wrap_i64 (struct.get $counted $count (local.get $object))))

  (func (export "main") (result i32)
    (local $object (ref null $counted))
    (local.set $object
      (struct.new $counted (ref.i31 (i32.const 300)) (i32.const 20) (i64.const 1)))
    (call $gc)
    (i32.add
      (call $name_and_id (ref.as_non_null (local.get $object)))
      (call $count (ref.as_non_null (local.get $object))))))
;; expect: 321
