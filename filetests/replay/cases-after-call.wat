;; References that only some of many ways need: the cases of a table, after a call.
(module
  (import "" "gc" (func $gc))
  (type $pair (struct (field $a i32) (field $b (ref null $pair))))

  (func $case (param $n i32) (param $x (ref $pair)) (param $y (ref $pair)) (result i32)
    (call $gc)
    (block $other
      (block $second
        (block $first
          (br_table $first $second $other (local.get $n)))
        (return (struct.get $pair $a (local.get $x))))
      (return (struct.get $pair $a (local.get $y))))
    (i32.const 100))

  (func (export "main") (result i32)
    (local $x (ref $pair))
    (local $y (ref $pair))
    (local.set $x (struct.new $pair (i32.const 1) (ref.null $pair)))
    (local.set $y (struct.new $pair (i32.const 10) (local.get $x)))
    (i32.add
      (call $case (i32.const 0) (local.get $x) (local.get $y))
      (i32.add
        (call $case (i32.const 1) (local.get $x) (local.get $y))
        (call $case (i32.const 2) (local.get $x) (local.get $y))))))
;; expect: 111
