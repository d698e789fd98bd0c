;; Integers out of references that may be null, which is a trap (wasmtime#9165).
(module
  (import "" "gc" (func $gc))
  (type $pair (struct (field $a (ref null i31)) (field $b anyref)))

  (func $signed (param $x (ref null i31)) (result i32)
    (i31.get_s (local.get $x)))

  (func $unsigned (param $x (ref null i31)) (result i32)
    (i31.get_u (local.get $x)))

  (func $of_field (param $pair (ref $pair)) (result i32)
    (call $gc)
    (i31.get_s (struct.get $pair $a (local.get $pair))))

  ;; Tested before, and taken after.
  (func $of_any (param $pair (ref $pair)) (result i32)
    (local $x (ref null i31))
    (local.set $x (ref.cast (ref null i31) (struct.get $pair $b (local.get $pair))))
    (if (ref.is_null (local.get $x)) (then (return (i32.const 100))))
    (i31.get_u (local.get $x)))

  (func (export "main") (result i32)
    (local $pair (ref $pair))
    (local.set $pair (struct.new $pair (ref.i31 (i32.const -5)) (ref.null any)))
    (i32.add
      (i32.add
        (call $signed (ref.i31 (i32.const 7)))
        (call $unsigned (ref.i31 (i32.const 8))))
      (i32.add
        (call $of_field (local.get $pair))
        (call $of_any (local.get $pair))))))
;; expect: 110
