;; References that are chosen by select and if, in loops and out of them, tested once, kept over calls, and accessed.
(module
  (type $pair (sub (struct (field $value (mut i32)) (field $next (mut (ref null $pair))))))
  (type $long (sub $pair (struct (field $value (mut i32)) (field $next (mut (ref null $pair))) (field $more (mut i32)))))
  (type $row (array (mut (ref null $pair))))
  (func $make (param i32) (result (ref null $pair))
    (if (result (ref null $pair)) (i32.and (local.get 0) (i32.const 1))
      (then (struct.new $long (local.get 0) (ref.null $pair) (i32.const 7)))
      (else (struct.new $pair (local.get 0) (ref.null $pair)))))

  ;; The choice is tested, and accessed.
  (func $test-of-choice (param $a (ref null $pair)) (param $b (ref null $pair)) (param $c i32) (result i32)
    (local $x (ref null $pair))
    (local.set $x (select (result (ref null $pair)) (local.get $a) (local.get $b) (local.get $c)))
    (if (result i32) (ref.test (ref $long) (local.get $x))
      (then (struct.get $long $more (ref.cast (ref $long) (local.get $x))))
      (else (if (result i32) (ref.is_null (local.get $x)) (then (i32.const 0))
        (else (struct.get $pair $value (local.get $x)))))))

  ;; The choice is tested, and an arm is accessed where it is the one that was chosen.
  (func $arm-of-choice (param $a (ref null $pair)) (param $b (ref null $pair)) (param $c i32) (result i32)
    (local $x (ref null $pair))
    (local.set $x (select (result (ref null $pair)) (local.get $a) (local.get $b) (local.get $c)))
    (if (ref.is_null (local.get $x)) (then (return (i32.const -1))))
    (if (result i32) (local.get $c)
      (then (struct.get $pair $value (local.get $a)))
      (else (struct.get $pair $value (local.get $b)))))

  ;; Both arms are tested before one is chosen.
  (func $choice-of-tested (param $a (ref null $pair)) (param $b (ref null $pair)) (param $c i32) (result i32)
    (if (i32.or (ref.is_null (local.get $a)) (ref.is_null (local.get $b))) (then (return (i32.const -2))))
    (struct.get $pair $value
      (select (result (ref null $pair)) (local.get $a) (local.get $b) (local.get $c))))

  ;; What is chosen in a loop is tested once, stored, and read after a call.
  (func $chosen-in-loop (param $row (ref $row)) (param $n i32) (result i32)
    (local $i i32) (local $sum i32) (local $best (ref null $pair)) (local $now (ref null $pair))
    (local.set $best (array.get $row (local.get $row) (i32.const 0)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (local.set $now (array.get $row (local.get $row) (local.get $i)))
        (local.set $best (select (result (ref null $pair)) (local.get $best) (local.get $now)
          (ref.is_null (local.get $now))))
        (br_if $done (ref.is_null (local.get $best)))
        (array.set $row (local.get $row) (local.get $i) (call $make (local.get $i)))
        (local.set $sum (i32.add (local.get $sum) (struct.get $pair $value (local.get $best))))
        (struct.set $pair $value (local.get $best) (local.get $sum))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $sum))

  ;; The largest of a list, in a loop that may find a better one.
  (func $largest (param $list (ref null $pair)) (result i32)
    (local $best (ref $pair)) (local $first (ref null $pair))
    (local.set $best (ref.as_non_null (local.get $list)))
    (block $done
      (loop $next
        (local.set $list (struct.get $pair $next (local.get $list)))
        (br_if $done (ref.is_null (local.get $list)))
        (if (i32.gt_s (struct.get $pair $value (local.get $list)) (struct.get $pair $value (local.get $best)))
          (then (local.set $best (ref.as_non_null (local.get $list)))))
        (drop (call $make (i32.const 3)))
        (br $next)))
    (struct.get $pair $value (local.get $best)))

  ;; A default takes the place of null.
  (func $or-else (param $a (ref null $pair)) (param $default (ref $pair)) (result i32)
    (local $x (ref $pair))
    (local.set $x (block $is (result (ref $pair))
      (br_on_non_null $is (local.get $a)) (local.get $default)))
    (drop (call $make (i32.const 2)))
    (i32.add (struct.get $pair $value (local.get $x))
      (struct.get $pair $value (ref.as_non_null
        (select (result (ref null $pair)) (local.get $default) (local.get $a) (ref.is_null (local.get $a)))))))

  ;; Casts of choices of casts.
  (func $cast-choices (param $a anyref) (param $b anyref) (param $c i32) (result i32)
    (local $x anyref)
    (local.set $x (select (result anyref) (local.get $a) (local.get $b) (local.get $c)))
    (if (ref.test (ref $pair) (local.get $x))
      (then
        (drop (call $make (i32.const 4)))
        (return (struct.get $pair $value (ref.cast (ref $pair)
          (select (result anyref) (local.get $a) (local.get $b) (local.get $c)))))))
    (if (ref.test (ref i31) (local.get $x)) (then (return (i31.get_s (ref.cast (ref i31) (local.get $x))))))
    (i32.const -3))

  ;; Two cursors which change places.
  (func $swapped (param $a (ref $pair)) (param $b (ref $pair)) (param $n i32) (result i32)
    (local $t (ref $pair)) (local $c (ref null $pair))
    (loop $next
      (local.set $t (local.get $a))
      (local.set $a (local.get $b))
      (local.set $b (local.get $t))
      (struct.set $pair $value (local.get $a) (i32.add (struct.get $pair $value (local.get $b)) (i32.const 1)))
      (struct.set $pair $next (local.get $a) (call $make (local.get $n)))
      (local.set $c (select (result (ref null $pair)) (local.get $a) (local.get $b) (i32.and (local.get $n) (i32.const 1))))
      (struct.set $pair $value (local.get $c) (i32.add (struct.get $pair $value (local.get $c)) (local.get $n)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next (local.get $n)))
    (i32.add (struct.get $pair $value (local.get $a)) (struct.get $pair $value (local.get $b))))

  ;; A place for what is found, which an outer loop takes.
  (func $nested (param $row (ref $row)) (result i32)
    (local $i i32) (local $j i32) (local $found (ref null $pair)) (local $sum i32)
    (loop $outer
      (local.set $found (ref.null $pair))
      (local.set $j (i32.const 0))
      (block $done
        (loop $inner
          (br_if $done (i32.ge_u (local.get $j) (array.len (local.get $row))))
          (if (ref.is_null (local.get $found))
            (then (local.set $found (array.get $row (local.get $row) (local.get $j))))
            (else
              (if (i32.eq (struct.get $pair $value (local.get $found)) (local.get $i))
                (then (br $done)))
              (local.set $found (select (result (ref null $pair))
                (array.get $row (local.get $row) (local.get $j)) (local.get $found)
                (i32.and (local.get $j) (i32.const 1))))))
          (local.set $j (i32.add (local.get $j) (i32.const 1)))
          (br $inner)))
      (if (i32.eqz (ref.is_null (local.get $found)))
        (then
          (drop (call $make (local.get $i)))
          (local.set $sum (i32.add (local.get $sum) (struct.get $pair $value (local.get $found))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $outer (i32.lt_u (local.get $i) (i32.const 5))))
    (local.get $sum))

  (func (export "main") (result i32)
    (local $a (ref null $pair)) (local $b (ref null $pair)) (local $row (ref $row)) (local $sum i32)
    (local.set $a (call $make (i32.const 10)))
    (local.set $b (call $make (i32.const 11)))
    (struct.set $pair $next (local.get $a) (local.get $b))
    (local.set $row (array.new_default $row (i32.const 8)))
    (array.set $row (local.get $row) (i32.const 0) (local.get $a))
    (array.set $row (local.get $row) (i32.const 3) (local.get $b))
    (local.set $sum (call $test-of-choice (local.get $a) (local.get $b) (i32.const 0)))
    (local.set $sum (i32.add (local.get $sum) (call $test-of-choice (local.get $a) (local.get $b) (i32.const 1))))
    (local.set $sum (i32.add (local.get $sum) (call $arm-of-choice (local.get $a) (local.get $b) (i32.const 1))))
    (local.set $sum (i32.add (local.get $sum) (call $choice-of-tested (local.get $a) (ref.null $pair) (i32.const 1))))
    (local.set $sum (i32.add (local.get $sum) (call $choice-of-tested (local.get $a) (local.get $b) (i32.const 1))))
    (local.set $sum (i32.add (local.get $sum) (call $largest (local.get $a))))
    (local.set $sum (i32.add (local.get $sum) (call $or-else (ref.null $pair) (ref.as_non_null (local.get $b)))))
    (local.set $sum (i32.add (local.get $sum) (call $cast-choices (ref.i31 (i32.const 5)) (local.get $b) (i32.const 1))))
    (local.set $sum (i32.add (local.get $sum) (call $cast-choices (ref.i31 (i32.const 5)) (local.get $b) (i32.const 0))))
    (local.set $sum (i32.add (local.get $sum) (call $nested (local.get $row))))
    (local.set $sum (i32.add (local.get $sum) (call $chosen-in-loop (local.get $row) (i32.const 8))))
    (i32.add (local.get $sum)
      (call $swapped (ref.as_non_null (local.get $a)) (ref.as_non_null (local.get $b)) (i32.const 9)))))
;; expect: 1046
