;; Uses a reference after a call only through another name of it: a tee, a block result, a cast.
(module
  (type $node (sub (struct (field $n (mut i32)))))
  (type $wide (sub $node (struct (field $n (mut i32)) (field $other (ref null $node)))))

  (func $node (param $n i32) (result (ref $node)) (struct.new $node (local.get $n)))

  ;; x is named y before the call; only y is used after it.
  (func $tee (param $x (ref null $node)) (param $k i32) (result i32)
    (local $y (ref null $node))
    (struct.set $node $n (local.tee $y (local.get $x)) (local.get $k))
    (drop (call $node (local.get $k)))
    (i32.add (local.get $k) (struct.get $node $n (local.get $y))))

  ;; The only name is the result of a block that two branches reach with the same reference.
  (func $block (param $x (ref $node)) (param $k i32) (result i32)
    (local $y (ref $node))
    (local.set $y
      (block $out (result (ref $node))
        (br_if $out (local.get $x) (i32.and (local.get $k) (i32.const 1)))))
    (drop (call $node (local.get $k)))
    (struct.get $node $n (local.get $y)))

  ;; The loop's variable is never assigned: it is the same reference in each iteration.
  (func $loop (param $x (ref $node)) (param $k i32) (result i32)
    (local $y (ref $node))
    (local $sum i32)
    (local.set $y (local.get $x))
    (loop $again
      (local.set $sum
        (i32.add (local.get $sum)
          (i32.add
            (struct.get $node $n (call $node (local.get $k)))
            (struct.get $node $n (local.get $y)))))
      (local.set $y (local.get $y))
      (local.set $k (i32.sub (local.get $k) (i32.const 1)))
      (br_if $again (i32.gt_s (local.get $k) (i32.const 0))))
    (local.get $sum))

  ;; A cast gives the reference a new type and no new value.
  (func $cast (param $x (ref $node)) (param $k i32) (result i32)
    (local $wide (ref $wide))
    (local.set $wide (ref.cast (ref $wide) (local.get $x)))
    (struct.set $node $n (local.get $x) (local.get $k))
    (drop (call $node (local.get $k)))
    (i32.add
      (struct.get $wide $n (local.get $wide))
      (struct.get $node $n (struct.get $wide $other (local.get $wide)))))

  ;; Two names that part ways: on one path y is something else.
  (func $part (param $x (ref $node)) (param $k i32) (result i32)
    (local $y (ref $node))
    (local.set $y (local.get $x))
    (if (i32.rem_u (local.get $k) (i32.const 3))
      (then (local.set $y (call $node (i32.mul (local.get $k) (i32.const 10))))))
    (drop (call $node (local.get $k)))
    (i32.add
      (struct.get $node $n (local.get $y))
      (ref.eq (local.get $x) (local.get $y))))

  (func (export "main") (result i32)
    (local $x (ref $node))
    (local $k i32)
    (local $sum i32)
    (local.set $x (struct.new $wide (i32.const 5) (call $node (i32.const 900))))
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $tee (local.get $x) (local.get $k))))
      (local.set $sum (i32.add (local.get $sum) (call $block (local.get $x) (local.get $k))))
      (local.set $sum (i32.add (local.get $sum) (call $loop (local.get $x) (local.get $k))))
      (local.set $sum (i32.add (local.get $sum) (call $cast (local.get $x) (local.get $k))))
      (local.set $sum (i32.add (local.get $sum) (call $part (local.get $x) (local.get $k))))
      (local.set $k (i32.add (local.get $k) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $k) (i32.const 25))))
    (local.get $sum)))
;; expect: 33237
