;; Small functions whose parameters and results are references beside numbers, and one that ends in an
;; indirect tail call: worth inlining where the caller has references of its own.
(module
  (import "" "gc" (func $gc))
  (type $pair (struct (field $a i32) (field $b (ref null $pair))))
  (type $made (func (param i32 (ref null $pair)) (result (ref $pair) i32)))

  (table funcref (elem $make $make_other))

  (func $make (type $made) (param $value i32) (param $list (ref null $pair)) (result (ref $pair) i32)
    (struct.new $pair (local.get $value) (local.get $list))
    (i32.add (local.get $value) (i32.const 1)))

  (func $make_other (type $made) (param $value i32) (param $list (ref null $pair))
    (result (ref $pair) i32)
    (call $gc)
    (struct.new $pair (i32.mul (local.get $value) (i32.const 2)) (local.get $list))
    (i32.add (local.get $value) (i32.const 2)))

  (func $chosen (param $value i32) (param $list (ref null $pair)) (result (ref $pair) i32)
    (return_call_indirect (type $made)
      (local.get $value) (local.get $list)
      (i32.and (local.get $value) (i32.const 1))))

  (func (export "main") (result i32)
    (local $mine (ref null $pair))
    (local $other (ref null $pair))
    (local $next i32)
    (local.set $mine (struct.new $pair (i32.const 5) (ref.null $pair)))
    (call $make (i32.const 1) (local.get $mine))
    (local.set $next)
    (local.set $other)
    (call $chosen (local.get $next) (local.get $other))
    (local.set $next)
    (local.set $other)
    (call $chosen (i32.add (local.get $next) (i32.const 2)) (local.get $other))
    (local.set $next)
    (local.set $other)
    (i32.add
      (i32.add (struct.get $pair $a (local.get $mine)) (local.get $next))
      (i32.add
        (struct.get $pair $a (local.get $other))
        (struct.get $pair $a (struct.get $pair $b (local.get $other)))))))
;; expect: 24
