;; Small functions that allocate and call: worth inlining where the caller has references of its own
;; that must survive.
(module
  (import "" "gc" (func $gc))
  (type $pair (struct (field $a i32) (field $b (ref null $pair))))

  (func $push (param $list (ref null $pair)) (param $value i32) (result (ref $pair))
    (local $new (ref null $pair))
    (local.set $new (struct.new $pair (local.get $value) (local.get $list)))
    (call $gc)
    (ref.as_non_null (local.get $new)))

  (func $second (param $list (ref null $pair)) (result (ref null $pair))
    (call $gc)
    (struct.get $pair $b (local.get $list)))

  (func (export "main") (result i32)
    (local $mine (ref null $pair))
    (local $other (ref null $pair))
    (local.set $mine (struct.new $pair (i32.const 5) (ref.null $pair)))
    (local.set $other (call $push (local.get $mine) (i32.const 6)))
    (local.set $other (call $push (local.get $other) (i32.const 7)))
    (i32.add
      (struct.get $pair $a (local.get $mine))
      (i32.add
        (struct.get $pair $a (call $second (local.get $other)))
        (struct.get $pair $a (local.get $other))))))
;; expect: 18
