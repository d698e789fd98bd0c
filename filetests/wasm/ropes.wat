;; Strings as arrays of bytes and ropes over them: concatenate, index, flatten, compare, hash.
(module
  (type $string (array (mut i8)))
  (type $rope (sub (struct (field $length i32))))
  (type $leaf (sub $rope (struct (field $length i32) (field $bytes (ref $string)))))
  (type $concat
    (sub $rope (struct (field $length i32) (field $left (ref $rope)) (field $right (ref $rope)))))

  (data $words "lorem ipsum dolor sit amet ")

  (func $leaf (param $start i32) (param $length i32) (result (ref $rope))
    (struct.new $leaf
      (local.get $length)
      (array.new_data $string $words (local.get $start) (local.get $length))))

  (func $concat (param $a (ref $rope)) (param $b (ref $rope)) (result (ref $rope))
    (if (i32.eqz (struct.get $rope $length (local.get $a))) (then (return (local.get $b))))
    (if (i32.eqz (struct.get $rope $length (local.get $b))) (then (return (local.get $a))))
    (struct.new $concat
      (i32.add
        (struct.get $rope $length (local.get $a))
        (struct.get $rope $length (local.get $b)))
      (local.get $a)
      (local.get $b)))

  (func $char (param $rope (ref $rope)) (param $i i32) (result i32)
    (local $concat (ref $concat))
    (local $left i32)
    (loop $again
      (local.set $concat
        (block $inner (result (ref $concat))
          (drop (br_on_cast $inner (ref $rope) (ref $concat) (local.get $rope)))
          (return
            (array.get_u $string
              (struct.get $leaf $bytes (ref.cast (ref $leaf) (local.get $rope)))
              (local.get $i)))))
      (local.set $left (struct.get $rope $length (struct.get $concat $left (local.get $concat))))
      (if (i32.lt_u (local.get $i) (local.get $left))
        (then (local.set $rope (struct.get $concat $left (local.get $concat))))
        (else
          (local.set $rope (struct.get $concat $right (local.get $concat)))
          (local.set $i (i32.sub (local.get $i) (local.get $left)))))
      (br $again))
    (unreachable))

  ;; Writes the rope to `out` from `at` on.
  (func $blit (param $rope (ref $rope)) (param $out (ref $string)) (param $at i32)
    (local $concat (ref $concat))
    (block $inner (result (ref $concat))
      (array.copy $string $string
        (local.get $out) (local.get $at)
        (struct.get $leaf $bytes
          (ref.cast (ref $leaf)
            (br_on_cast $inner (ref $rope) (ref $concat) (local.get $rope))))
        (i32.const 0)
        (struct.get $rope $length (local.get $rope)))
      (return))
    (local.set $concat)
    (call $blit (struct.get $concat $left (local.get $concat)) (local.get $out) (local.get $at))
    (return_call $blit
      (struct.get $concat $right (local.get $concat))
      (local.get $out)
      (i32.add (local.get $at)
        (struct.get $rope $length (struct.get $concat $left (local.get $concat))))))

  (func $flatten (param $rope (ref $rope)) (result (ref $string))
    (local $out (ref $string))
    (local.set $out (array.new_default $string (struct.get $rope $length (local.get $rope))))
    (call $blit (local.get $rope) (local.get $out) (i32.const 0))
    (local.get $out))

  (func $hash (param $s (ref $string)) (result i32)
    (local $i i32)
    (local $hash i32)
    (local.set $hash (i32.const 5381))
    (block $end
      (loop $again
        (br_if $end (i32.ge_u (local.get $i) (array.len (local.get $s))))
        (local.set $hash
          (i32.xor
            (i32.mul (local.get $hash) (i32.const 33))
            (array.get_u $string (local.get $s) (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (local.get $hash))

  ;; Where the rope and the flat string first differ, or their length.
  (func $differ (param $rope (ref $rope)) (param $s (ref $string)) (result i32)
    (local $i i32)
    (block $end
      (loop $again
        (br_if $end (i32.ge_u (local.get $i) (array.len (local.get $s))))
        (br_if $end
          (i32.ne
            (call $char (local.get $rope) (local.get $i))
            (array.get_u $string (local.get $s) (local.get $i))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (local.get $i))

  ;; Fibonacci ropes: each is the last two, with a word between.
  (func $fibonacci (param $n i32) (result (ref $rope))
    (local $a (ref $rope))
    (local $b (ref $rope))
    (local $t (ref $rope))
    (local.set $a (call $leaf (i32.const 0) (i32.const 6)))
    (local.set $b (call $leaf (i32.const 6) (i32.const 6)))
    (loop $again
      (local.set $t
        (call $concat
          (local.get $b)
          (call $concat
            (call $leaf (i32.mul (local.get $n) (i32.const 2)) (i32.and (local.get $n) (i32.const 3)))
            (local.get $a))))
      (local.set $a (local.get $b))
      (local.set $b (local.get $t))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))
    (local.get $b))

  (func (export "main") (result i32)
    (local $rope (ref $rope))
    (local $flat (ref $string))
    (local $sum i32)
    (local.set $rope (call $fibonacci (i32.const 11)))
    (local.set $flat (call $flatten (local.get $rope)))
    (local.set $sum (call $differ (local.get $rope) (local.get $flat)))
    (array.fill $string (local.get $flat) (i32.const 700) (i32.const 42) (i32.const 50))
    (local.set $sum
      (i32.add
        (i32.mul (local.get $sum) (i32.const 10000))
        (call $differ (local.get $rope) (local.get $flat))))
    (i32.xor (local.get $sum) (call $hash (local.get $flat)))))
;; expect: -332706106
