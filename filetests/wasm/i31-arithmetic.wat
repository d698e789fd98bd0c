;; Integers as OCaml has them, tagged if they fit and boxed if not, with polymorphic comparison.
(module
  (type $block (array (mut anyref)))
  (type $big (struct (field $value i64)))

  (func $fits (param $n i64) (result i32)
    (i32.and
      (i64.ge_s (local.get $n) (i64.const -1073741824))
      (i64.le_s (local.get $n) (i64.const 1073741823))))

  (func $of_int (param $n i64) (result (ref eq))
    (if (result (ref eq)) (call $fits (local.get $n))
      (then (ref.i31 (i32.wrap_i64 (local.get $n))))
      (else (struct.new $big (local.get $n)))))

  (func $to_int (param $v (ref eq)) (result i64)
    (i64.extend_i32_s
      (i31.get_s
        (block $small (result (ref i31))
          (return
            (struct.get $big $value
              (ref.cast (ref $big)
                (br_on_cast $small (ref eq) (ref i31) (local.get $v)))))))))

  (func $add (param $a (ref eq)) (param $b (ref eq)) (result (ref eq))
    (return_call $of_int (i64.add (call $to_int (local.get $a)) (call $to_int (local.get $b)))))

  (func $mul (param $a (ref eq)) (param $b (ref eq)) (result (ref eq))
    (return_call $of_int (i64.mul (call $to_int (local.get $a)) (call $to_int (local.get $b)))))

  ;; compare: immediates before blocks, blocks by length and then by fields.
  (func $compare (param $a anyref) (param $b anyref) (result i32)
    (local $x (ref $block))
    (local $y (ref $block))
    (local $i i32)
    (local $order i32)
    (if (ref.eq (ref.cast eqref (local.get $a)) (ref.cast eqref (local.get $b)))
      (then (return (i32.const 0))))
    (local.set $x
      (block $block-a (result (ref $block))
        (drop (br_on_cast $block-a anyref (ref $block) (local.get $a)))
        (if (ref.test (ref $block) (local.get $b)) (then (return (i32.const -1))))
        (return
          (i32.sub
            (i64.gt_s
              (call $to_int (ref.cast (ref eq) (local.get $a)))
              (call $to_int (ref.cast (ref eq) (local.get $b))))
            (i64.lt_s
              (call $to_int (ref.cast (ref eq) (local.get $a)))
              (call $to_int (ref.cast (ref eq) (local.get $b))))))))
    (if (i32.eqz (ref.test (ref $block) (local.get $b))) (then (return (i32.const 1))))
    (local.set $y (ref.cast (ref $block) (local.get $b)))
    (if (i32.ne (array.len (local.get $x)) (array.len (local.get $y)))
      (then
        (return
          (select (i32.const 1) (i32.const -1)
            (i32.gt_u (array.len (local.get $x)) (array.len (local.get $y)))))))
    (block $end
      (loop $again
        (br_if $end (i32.ge_u (local.get $i) (array.len (local.get $x))))
        (local.set $order
          (call $compare
            (array.get $block (local.get $x) (local.get $i))
            (array.get $block (local.get $y) (local.get $i))))
        (if (local.get $order) (then (return (local.get $order))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (i32.const 0))

  (func $pair (param $a (ref eq)) (param $b (ref eq)) (result (ref eq))
    (array.new_fixed $block 2 (local.get $a) (local.get $b)))

  (func $power (param $base i64) (param $n i32) (result (ref eq))
    (local $r (ref eq))
    (local.set $r (ref.i31 (i32.const 1)))
    (block $end
      (loop $again
        (br_if $end (i32.eqz (local.get $n)))
        (local.set $r (call $mul (local.get $r) (call $of_int (local.get $base))))
        (local.set $n (i32.sub (local.get $n) (i32.const 1)))
        (br $again)))
    (local.get $r))

  (func (export "main") (result i64)
    (local $big (ref eq))
    (local $small (ref eq))
    (local $digits i32)
    (local.set $big (call $power (i64.const -7) (i32.const 15)))
    (local.set $small (call $power (i64.const 2) (i32.const 29)))
    ;; Each comparison is a digit: 0, 1 or 2.
    (local.set $digits
      (i32.add (i32.const 1) (call $compare (local.get $big) (local.get $small))))
    (local.set $digits
      (i32.add (i32.mul (local.get $digits) (i32.const 10))
        (i32.add (i32.const 1)
          (call $compare (local.get $big) (call $power (i64.const -7) (i32.const 15))))))
    (local.set $digits
      (i32.add (i32.mul (local.get $digits) (i32.const 10))
        (i32.add (i32.const 1)
          (call $compare
            (call $pair (local.get $small) (local.get $small))
            (call $pair (local.get $small) (local.get $big))))))
    (local.set $digits
      (i32.add (i32.mul (local.get $digits) (i32.const 10))
        (i32.add (i32.const 1)
          (call $compare
            (local.get $small)
            (call $pair (local.get $small) (local.get $big))))))
    (i64.add
      (i64.mul (i64.extend_i32_s (local.get $digits)) (i64.const 10000000000000))
      (call $to_int (call $add (local.get $big) (local.get $small))))))
;; expect: 1195252975360969
