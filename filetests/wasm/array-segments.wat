;; Makes and initialises arrays from data and element segments, and uses them after calls.
(module
  (type $bytes (array (mut i8)))
  (type $words (array (mut i32)))
  (type $step (func (param i32) (result i32)))
  (type $steps (array (mut (ref null $step))))
  (type $any (array (mut anyref)))
  (type $pair (struct (field $a i32) (field $b anyref)))

  (data $text "the quick brown fox jumps over the lazy dog")
  (data $numbers "\01\00\00\00\02\00\00\00\03\00\00\00\fd\ff\ff\ff")

  (elem declare func $increment $double)
  (elem $code (ref null $step) (ref.func $increment) (ref.func $double) (ref.null $step))
  (elem $values anyref
    (ref.i31 (i32.const 17))
    (struct.new $pair (i32.const 5) (ref.i31 (i32.const 6)))
    (ref.null any))

  (func $increment (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))
  (func $double (param i32) (result i32) (i32.mul (local.get 0) (i32.const 2)))

  ;; Makes garbage between the uses of an array.
  (func $churn (param $n i32) (result i32)
    (array.len (array.new_default $any (local.get $n))))

  (func $checksum (param $bytes (ref $bytes)) (result i32)
    (local $i i32)
    (local $sum i32)
    (loop $again
      (local.set $sum
        (i32.add
          (i32.rotl (local.get $sum) (i32.const 3))
          (array.get_u $bytes (local.get $bytes) (local.get $i))))
      (local.set $i (i32.add (local.get $i) (call $churn (i32.const 1))))
      (br_if $again (i32.lt_u (local.get $i) (array.len (local.get $bytes)))))
    (local.get $sum))

  (func $value (param $x anyref) (result i32)
    (if (ref.is_null (local.get $x)) (then (return (i32.const 1))))
    (if (ref.test (ref i31) (local.get $x))
      (then (return (i31.get_s (ref.cast (ref i31) (local.get $x))))))
    (i32.mul
      (struct.get $pair $a (ref.cast (ref $pair) (local.get $x)))
      (call $value (struct.get $pair $b (ref.cast (ref $pair) (local.get $x))))))

  (func (export "main") (result i32)
    (local $bytes (ref $bytes))
    (local $words (ref $words))
    (local $steps (ref $steps))
    (local $any (ref $any))
    (local $r i32)
    (local.set $bytes (array.new_data $bytes $text (i32.const 4) (i32.const 15)))
    (local.set $words (array.new_data $words $numbers (i32.const 0) (i32.const 4)))
    (local.set $steps (array.new_elem $steps $code (i32.const 0) (i32.const 2)))
    (local.set $any (array.new_elem $any $values (i32.const 0) (i32.const 3)))
    (local.set $r (call $churn (i32.const 5)))
    (local.set $r (i32.add (local.get $r) (call $checksum (local.get $bytes))))
    (array.init_data $bytes $text
      (local.get $bytes) (i32.const 3) (i32.const 20) (i32.const 5))
    (local.set $r (i32.xor (local.get $r) (call $checksum (local.get $bytes))))
    ;; ((words[0] + words[1]) * 2 + 1) + words[3], by way of the functions in the array.
    (local.set $r
      (i32.add (local.get $r)
        (call_ref $step
          (call_ref $step
            (i32.add
              (array.get $words (local.get $words) (i32.const 0))
              (array.get $words (local.get $words) (i32.const 1)))
            (array.get $steps (local.get $steps) (i32.const 1)))
          (array.get $steps (local.get $steps) (i32.const 0)))))
    (local.set $r
      (i32.add (local.get $r) (array.get $words (local.get $words) (i32.const 3))))
    (local.set $r
      (i32.add (local.get $r) (call $value (array.get $any (local.get $any) (i32.const 1)))))
    ;; 0 1 2 -> 0 0 1
    (array.init_elem $any $values (local.get $any) (i32.const 1) (i32.const 0) (i32.const 2))
    (local.set $r
      (i32.add (local.get $r) (call $value (array.get $any (local.get $any) (i32.const 1)))))
    (local.set $r
      (i32.add (local.get $r)
        (i32.mul (i32.const 1000)
          (call $value (array.get $any (local.get $any) (i32.const 2))))))
    (elem.drop $values)
    (data.drop $text)
    (local.get $r)))
;; expect: 438334837
