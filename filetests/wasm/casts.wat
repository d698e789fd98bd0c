;; Tests and casts along a chain of subtypes: ref.test, ref.cast, br_on_cast, br_on_cast_fail.
(module
  (rec
    (type $shape (sub (struct (field $id i32))))
    (type $polygon (sub $shape (struct (field $id i32) (field $sides (mut i32)))))
    (type $square (sub $polygon (struct (field $id i32) (field $sides (mut i32)) (field $edge i32))))
    (type $group (sub $shape (struct (field $id i32) (field $first (ref $shape)) (field $rest anyref)))))
  (type $shapes (array (mut anyref)))

  (func $square (param $edge i32) (result (ref $square))
    (struct.new $square (i32.const 3) (i32.const 4) (local.get $edge)))

  ;; An allocation that the casted references have to survive.
  (func $polygon (param $sides i32) (result (ref $polygon))
    (struct.new $polygon (i32.const 2) (local.get $sides)))

  (func $area (param $x anyref) (result i32)
    (local $polygon (ref $polygon))
    (local $group (ref $group))
    (block $none
      (block $number (result (ref i31))
        (block $a-square (result (ref $square))
          (local.set $polygon
            (block $a-polygon (result (ref $polygon))
              (local.set $group
                (block $a-group (result (ref $group))
                  (br_on_null $none (local.get $x))
                  (br_on_cast $number (ref any) (ref i31))
                  (br_on_cast $a-square (ref any) (ref $square))
                  (br_on_cast $a-polygon (ref any) (ref $polygon))
                  (br_on_cast $a-group (ref any) (ref $group))
                  (return (struct.get $shape $id (ref.cast (ref $shape))))))
              (return
                (i32.add
                  (call $area (struct.get $group $first (local.get $group)))
                  (call $area (struct.get $group $rest (local.get $group)))))))
          (return
            (i32.mul (i32.const 10)
              (struct.get $polygon $sides
                (call $polygon (struct.get $polygon $sides (local.get $polygon)))))))
        (return
          (i32.mul
            (struct.get $square $edge)
            (struct.get $square $edge (call $square (i32.const 6))))))
      (return (i31.get_u)))
    (i32.const 0))

  ;; How many bits of the chain a value has.
  (func $bits (param $x anyref) (result i32)
    (i32.or
      (i32.or
        (ref.test (ref $shape) (local.get $x))
        (i32.shl (ref.test (ref $polygon) (local.get $x)) (i32.const 1)))
      (i32.or
        (i32.shl (ref.test (ref $square) (local.get $x)) (i32.const 2))
        (i32.or
          (i32.shl (ref.test (ref null struct) (local.get $x)) (i32.const 3))
          (i32.or
            (i32.shl (ref.test (ref null i31) (local.get $x)) (i32.const 4))
            (i32.shl (ref.test (ref array) (local.get $x)) (i32.const 5)))))))

  ;; Makes every polygon of the array one side bigger; says how many it left alone.
  (func $grow (param $shapes (ref $shapes)) (result i32)
    (local $i i32)
    (local $skipped i32)
    (local $polygon (ref $polygon))
    (loop $again
      (block $skip (result anyref)
        (local.set $polygon
          (br_on_cast_fail $skip anyref (ref $polygon)
            (array.get $shapes (local.get $shapes) (local.get $i))))
        (struct.set $polygon $sides (local.get $polygon)
          (i32.add
            (struct.get $polygon $sides (local.get $polygon))
            (struct.get $polygon $sides (call $polygon (i32.const 1)))))
        (local.set $skipped (i32.sub (local.get $skipped) (i32.const 1)))
        (ref.null any))
      (drop)
      (local.set $skipped (i32.add (local.get $skipped) (i32.const 1)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (array.len (local.get $shapes)))))
    (local.get $skipped))

  (func (export "main") (result i32)
    (local $shapes (ref $shapes))
    (local $i i32)
    (local $sum i32)
    (local $bits i32)
    (local.set $shapes
      (array.new_fixed $shapes 7
        (call $square (i32.const 7))
        (call $polygon (i32.const 5))
        (struct.new $shape (i32.const 1))
        (ref.i31 (i32.const 400))
        (ref.null any)
        (struct.new $group (i32.const 4) (call $polygon (i32.const 3)) (call $square (i32.const 2)))
        (array.new_default $shapes (i32.const 1))))
    (local.set $sum (i32.mul (call $grow (local.get $shapes)) (i32.const 1000)))
    (loop $again
      (local.set $bits
        (i32.rem_u
          (i32.add
            (i32.mul (local.get $bits) (i32.const 64))
            (call $bits (array.get $shapes (local.get $shapes) (local.get $i))))
          (i32.const 999983)))
      ;; The last one is an array, which is no shape.
      (if (i32.lt_u (local.get $i) (i32.const 6))
        (then
          (local.set $sum
            (i32.add (local.get $sum)
              (call $area (array.get $shapes (local.get $shapes) (local.get $i)))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (array.len (local.get $shapes)))))
    (i32.add (i32.mul (local.get $sum) (i32.const 100000)) (i32.rem_u (local.get $bits) (i32.const 100000)))))
;; expect: 554526456
