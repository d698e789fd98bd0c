;; Collects between the steps of bulk array and table operations.
(module
  (import "" "gc" (func $gc))
  (type $box (struct (field $n (mut i32))))
  (type $any (array (mut anyref)))
  (type $nested (array (mut (ref null $any))))
  (table $table 2 anyref)
  (elem $items anyref (ref.i31 (i32.const 3)) (struct.new $box (i32.const 4)) (ref.null any))

  (func $box (param $n i32) (result (ref $box))
    (call $gc)
    (struct.new $box (local.get $n)))

  (func $value (param $x anyref) (result i32)
    (call $gc)
    (if (ref.is_null (local.get $x)) (then (return (i32.const 1000))))
    (if (result i32) (ref.test (ref i31) (local.get $x))
      (then (i31.get_u (ref.cast (ref i31) (local.get $x))))
      (else (struct.get $box $n (ref.cast (ref $box) (local.get $x))))))

  (func $sum (param $a (ref $any)) (result i32)
    (local $i i32)
    (local $sum i32)
    (loop $again
      (local.set $sum
        (i32.add (local.get $sum)
          (i32.mul
            (i32.add (local.get $i) (i32.const 1))
            (call $value (array.get $any (local.get $a) (local.get $i))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (array.len (local.get $a)))))
    (local.get $sum))

  (func (export "main") (result i32)
    (local $a (ref $any))
    (local $b (ref $any))
    (local $nested (ref $nested))
    (local $last (ref $box))
    (local $i i32)
    (local $sum i32)
    (local.set $a (array.new_fixed $any 4
      (call $box (i32.const 1)) (call $box (i32.const 2)) (ref.i31 (i32.const 7)) (ref.null any)))
    (call $gc)
    (local.set $b (array.new_elem $any $items (i32.const 0) (i32.const 3)))
    (call $gc)
    (local.set $sum (i32.add (call $sum (local.get $a)) (call $sum (local.get $b))))
    (local.set $nested (array.new $nested (local.get $a) (i32.const 6)))
    (local.set $last (call $box (i32.const 50)))
    (loop $again
      (array.set $nested (local.get $nested) (local.get $i)
        (array.new $any (local.get $last) (i32.add (local.get $i) (i32.const 1))))
      (local.set $last (call $box (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 2)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 6))))
    (array.copy $nested $nested
      (local.get $nested) (i32.const 1) (local.get $nested) (i32.const 0) (i32.const 5))
    (call $gc)
    (array.copy $any $any
      (ref.as_non_null (array.get $nested (local.get $nested) (i32.const 5))) (i32.const 1)
      (local.get $b) (i32.const 0) (i32.const 2))
    (array.init_elem $any $items
      (ref.as_non_null (array.get $nested (local.get $nested) (i32.const 3)))
      (i32.const 0) (i32.const 1) (i32.const 1))
    (array.fill $any (local.get $b) (i32.const 0) (local.get $last) (i32.const 2))
    (call $gc)
    (local.set $i (i32.const 0))
    (loop $again
      (local.set $sum
        (i32.add
          (i32.mul (local.get $sum) (i32.const 5))
          (call $sum (ref.as_non_null (array.get $nested (local.get $nested) (local.get $i))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (array.len (local.get $nested)))))
    (drop (table.grow $table (call $box (i32.const 9)) (i32.const 3)))
    (table.fill $table (i32.const 0) (local.get $b) (i32.const 1))
    (table.copy $table $table (i32.const 1) (i32.const 3) (i32.const 1))
    (call $gc)
    (i32.add (local.get $sum)
      (i32.mul
        (call $value (table.get $table (i32.const 1)))
        (call $sum (ref.cast (ref $any) (table.get $table (i32.const 0))))))))
;; expect: 110691251
