;; Fills and copies of arrays of references, forwards and backwards: loops over raw pointers, in
;; which nothing may be collected (GHSA-2hw9-mc66-jc2q, wasmtime#14045).
(module
  (import "" "gc" (func $gc))
  (type $number (struct (field $value i32)))
  (type $numbers (array (mut (ref null $number))))

  (func $fill (param $to (ref $numbers)) (param $from i32) (param $count i32) (param $value i32)
    (array.fill $numbers (local.get $to) (local.get $from)
      (struct.new $number (local.get $value)) (local.get $count)))

  (func $shift (param $array (ref $numbers)) (param $to i32) (param $from i32) (param $count i32)
    (array.copy $numbers $numbers
      (local.get $array) (local.get $to) (local.get $array) (local.get $from) (local.get $count)))

  (func $sum (param $array (ref $numbers)) (result i32)
    (local $i i32)
    (local $sum i32)
    (loop $again
      (local.set $sum
        (i32.add (local.get $sum)
          (i32.mul (i32.add (local.get $i) (i32.const 1))
            (struct.get $number $value (array.get $numbers (local.get $array) (local.get $i))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (array.len (local.get $array)))))
    (local.get $sum))

  (func $make (param $count i32) (result (ref $numbers))
    (array.new $numbers (struct.new $number (i32.const 1)) (local.get $count)))

  (func (export "main") (result i32)
    (local $array (ref $numbers))
    (local.set $array (call $make (i32.const 6)))
    (call $gc)
    (call $fill (local.get $array) (i32.const 0) (i32.const 2) (i32.const 5))
    (call $gc)
    (call $shift (local.get $array) (i32.const 1) (i32.const 0) (i32.const 3))
    (call $gc)
    (call $shift (local.get $array) (i32.const 3) (i32.const 2) (i32.const 3))
    (call $sum (local.get $array))))
;; expect: 61
