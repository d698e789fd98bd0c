;; Loop-invariant and loop-local references side by side in nested loops with calls between.
(module
  (type $cell (struct (field $n (mut i32))))
  (type $row (array (mut i32)))
  (type $matrix (array (mut (ref null $row))))

  (func $cell (param $n i32) (result (ref $cell)) (struct.new $cell (local.get $n)))

  (func $matrix (param $size i32) (param $seed (ref $cell)) (result (ref $matrix))
    (local $matrix (ref $matrix))
    (local $row (ref $row))
    (local $i i32)
    (local $j i32)
    (local.set $matrix (array.new_default $matrix (local.get $size)))
    (loop $rows
      ;; The row is local to this iteration; matrix and seed are there from outside.
      (local.set $row (array.new_default $row (local.get $size)))
      (local.set $j (i32.const 0))
      (loop $columns
        (struct.set $cell $n (local.get $seed)
          (i32.rem_u
            (i32.add (i32.mul (struct.get $cell $n (local.get $seed)) (i32.const 75)) (i32.const 74))
            (i32.const 65537)))
        (array.set $row (local.get $row) (local.get $j)
          (i32.rem_u
            (struct.get $cell $n (call $cell (struct.get $cell $n (local.get $seed))))
            (i32.const 10)))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $columns (i32.lt_u (local.get $j) (local.get $size))))
      (array.set $matrix (local.get $matrix) (local.get $i) (local.get $row))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $rows (i32.lt_u (local.get $i) (local.get $size))))
    (local.get $matrix))

  (func $at (param $m (ref $matrix)) (param $i i32) (param $j i32) (result i32)
    (array.get $row (array.get $matrix (local.get $m) (local.get $i)) (local.get $j)))

  (func $product (param $a (ref $matrix)) (param $b (ref $matrix)) (result (ref $matrix))
    (local $c (ref $matrix))
    (local $row (ref $row))
    (local $sum (ref $cell))
    (local $size i32)
    (local $i i32)
    (local $j i32)
    (local $k i32)
    (local.set $size (array.len (local.get $a)))
    (local.set $c (array.new_default $matrix (local.get $size)))
    (loop $rows
      (local.set $row (array.new_default $row (local.get $size)))
      (local.set $j (i32.const 0))
      (loop $columns
        ;; A boxed accumulator: three levels of references live across the calls below.
        (local.set $sum (call $cell (i32.const 0)))
        (local.set $k (i32.const 0))
        (loop $terms
          (struct.set $cell $n (local.get $sum)
            (i32.add
              (struct.get $cell $n (local.get $sum))
              (i32.mul
                (struct.get $cell $n
                  (call $cell (call $at (local.get $a) (local.get $i) (local.get $k))))
                (call $at (local.get $b) (local.get $k) (local.get $j)))))
          (local.set $k (i32.add (local.get $k) (i32.const 1)))
          (br_if $terms (i32.lt_u (local.get $k) (local.get $size))))
        (array.set $row (local.get $row) (local.get $j) (struct.get $cell $n (local.get $sum)))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $columns (i32.lt_u (local.get $j) (local.get $size))))
      (array.set $matrix (local.get $c) (local.get $i) (local.get $row))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $rows (i32.lt_u (local.get $i) (local.get $size))))
    (local.get $c))

  (func (export "main") (result i32)
    (local $seed (ref $cell))
    (local $a (ref $matrix))
    (local $b (ref $matrix))
    (local $i i32)
    (local $j i32)
    (local $sum i32)
    (local.set $seed (call $cell (i32.const 1)))
    (local.set $a (call $matrix (i32.const 9) (local.get $seed)))
    (local.set $b (call $matrix (i32.const 9) (local.get $seed)))
    (local.set $a (call $product (local.get $a) (call $product (local.get $b) (local.get $a))))
    (loop $rows
      (local.set $j (i32.const 0))
      (loop $columns
        (local.set $sum
          (i32.rem_u
            (i32.add
              (i32.mul (local.get $sum) (i32.const 3))
              (call $at (local.get $a) (local.get $i) (local.get $j)))
            (i32.const 1000003)))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $columns (i32.lt_u (local.get $j) (i32.const 9))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $rows (i32.lt_u (local.get $i) (i32.const 9))))
    (local.get $sum)))
;; expect: 520668
