;; Typed selects between references, with calls before, between and after.
(module
  (type $box (struct (field $n i32)))
  (type $pair (struct (field $low (ref null $box)) (field $high (ref null $box))))

  (func $box (param $n i32) (result (ref $box)) (struct.new $box (local.get $n)))

  (func $smaller (param $a (ref $box)) (param $b (ref $box)) (result (ref $box))
    (select (result (ref $box))
      (local.get $a)
      (local.get $b)
      (i32.lt_s (struct.get $box $n (local.get $a)) (struct.get $box $n (local.get $b)))))

  ;; The null that is selected is never dereferenced.
  (func $clip (param $x (ref null $box)) (param $limit i32) (result (ref null $box))
    (if (ref.is_null (local.get $x)) (then (return (local.get $x))))
    (select (result (ref null $box))
      (ref.null $box)
      (local.get $x)
      (i32.gt_s (struct.get $box $n (local.get $x)) (local.get $limit))))

  (func $sort (param $a (ref $box)) (param $b (ref $box)) (result (ref $pair))
    (local $order i32)
    (local $low (ref $box))
    (local $high (ref $box))
    (local.set $order
      (i32.le_s
        (struct.get $box $n (local.get $a))
        (struct.get $box $n (call $box (struct.get $box $n (local.get $b))))))
    (local.set $low
      (select (result (ref $box)) (local.get $a) (local.get $b) (local.get $order)))
    (drop (call $box (i32.const 0)))
    (local.set $high
      (select (result (ref $box)) (local.get $b) (local.get $a) (local.get $order)))
    (struct.new $pair (local.get $low) (local.get $high)))

  (func $value (param $x (ref null $box)) (result i32)
    (if (result i32) (ref.is_null (local.get $x))
      (then (i32.const -1))
      (else (struct.get $box $n (local.get $x)))))

  (func (export "main") (result i32)
    (local $least (ref $box))
    (local $any anyref)
    (local $pair (ref $pair))
    (local $i i32)
    (local $sum i32)
    (local.set $least (call $box (i32.const 1000)))
    (loop $again
      (local.set $pair
        (call $sort
          (call $box (i32.rem_u (i32.mul (local.get $i) (i32.const 37)) (i32.const 101)))
          (call $box (i32.rem_u (i32.mul (local.get $i) (i32.const 53)) (i32.const 97)))))
      (local.set $least
        (call $smaller
          (local.get $least)
          (call $smaller
            (call $box (i32.sub (i32.const 500) (local.get $i)))
            (call $box (i32.add (i32.const 400) (local.get $i))))))
      (local.set $sum
        (i32.add
          (i32.add (local.get $sum) (call $value (struct.get $pair $low (local.get $pair))))
          (i32.mul (i32.const 2)
            (call $value
              (call $clip (struct.get $pair $high (local.get $pair)) (i32.const 60))))))
      ;; A select between the kinds that an anyref can be.
      (local.set $any
        (select (result anyref)
          (ref.i31 (local.get $i))
          (local.get $least)
          (i32.and (local.get $i) (i32.const 1))))
      (drop (call $box (local.get $i)))
      (local.set $sum
        (i32.add (local.get $sum)
          (if (result i32) (ref.test (ref i31) (local.get $any))
            (then (i31.get_s (ref.cast (ref i31) (local.get $any))))
            (else (call $value (ref.cast (ref null $box) (local.get $any)))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 150))))
    (i32.add (i32.mul (local.get $sum) (i32.const 1000)) (struct.get $box $n (local.get $least)))))
;; expect: 44412351
