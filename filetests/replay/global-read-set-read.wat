;; A global of references that is read, set and read again, with nothing between.
(module
  (type $pair (struct (field $a i32) (field $b (ref null $pair))))
  (global $top (mut (ref null $pair)) (ref.null $pair))

  (func $exchange (param $new (ref null $pair)) (result (ref null $pair) (ref null $pair))
    (global.get $top)
    (global.set $top (local.get $new))
    (global.get $top))

  (func $value (param $x (ref null $pair)) (result i32)
    (if (result i32) (ref.is_null (local.get $x))
      (then (i32.const 100))
      (else (struct.get $pair $a (local.get $x)))))

  (func (export "main") (result i32)
    (local $old (ref null $pair))
    (local $new (ref null $pair))
    (local $sum i32)
    (call $exchange (struct.new $pair (i32.const 1) (ref.null $pair)))
    (local.set $new)
    (local.set $old)
    (local.set $sum
      (i32.add (call $value (local.get $old)) (call $value (local.get $new))))
    (call $exchange (struct.new $pair (i32.const 10) (local.get $new)))
    (local.set $new)
    (local.set $old)
    (i32.add (local.get $sum)
      (i32.add (call $value (local.get $old)) (call $value (local.get $new))))))
;; expect: 112
