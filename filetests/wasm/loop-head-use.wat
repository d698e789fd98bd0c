;; Uses a reference at the head of the next iteration, after a call at the end of this one.
(module
  (type $node (struct (field $n i32) (field $link (mut (ref null $node)))))

  (func $node (param $n i32) (param $link (ref null $node)) (result (ref $node))
    (struct.new $node (local.get $n) (local.get $link)))

  ;; `seen` is used first thing in the loop and by nothing after the call.
  (func $head (param $seen (ref $node)) (param $k i32) (result i32)
    (local $sum i32)
    (loop $again
      (local.set $sum
        (i32.add
          (i32.rem_u (i32.mul (local.get $sum) (i32.const 5)) (i32.const 7919))
          (struct.get $node $n (local.get $seen))))
      (drop (call $node (local.get $k) (ref.null $node)))
      (local.set $k (i32.sub (local.get $k) (i32.const 1)))
      (br_if $again (local.get $k)))
    (local.get $sum))

  ;; The reference of the last iteration is used at the head of this one, then replaced.
  (func $previous (param $k i32) (result i32)
    (local $previous (ref null $node))
    (local $sum i32)
    (loop $again
      (if (i32.eqz (ref.is_null (local.get $previous)))
        (then
          (local.set $sum
            (i32.add (local.get $sum)
              (i32.mul (local.get $k) (struct.get $node $n (local.get $previous)))))))
      (local.set $previous (call $node (local.get $k) (local.get $previous)))
      (drop (call $node (i32.const -1) (ref.null $node)))
      (local.set $k (i32.sub (local.get $k) (i32.const 1)))
      (br_if $again (local.get $k)))
    (local.get $sum))

  ;; Three references that change places in each iteration: a cycle among the loop's parameters.
  (func $rotate (param $k i32) (result i32)
    (local $a (ref $node))
    (local $b (ref $node))
    (local $c (ref $node))
    (local $t (ref $node))
    (local $sum i32)
    (local.set $a (call $node (i32.const 1) (ref.null $node)))
    (local.set $b (call $node (i32.const 2) (local.get $a)))
    (local.set $c (call $node (i32.const 3) (local.get $b)))
    (struct.set $node $link (local.get $a) (local.get $c))
    (loop $again
      (local.set $sum
        (i32.rem_u
          (i32.add
            (i32.mul (local.get $sum) (i32.const 4))
            (i32.add
              (struct.get $node $n (local.get $a))
              (struct.get $node $n (struct.get $node $link (local.get $b)))))
          (i32.const 10007)))
      (local.set $t (local.get $a))
      (local.set $a (local.get $b))
      (drop (call $node (i32.const -1) (local.get $t)))
      (local.set $b (local.get $c))
      (local.set $c (local.get $t))
      (local.set $k (i32.sub (local.get $k) (i32.const 1)))
      (br_if $again (local.get $k)))
    (local.get $sum))

  ;; Two loops that share a head by way of an inner block: both back edges pass a call.
  (func $two-edges (param $k i32) (result i32)
    (local $here (ref $node))
    (local $sum i32)
    (local.set $here (call $node (i32.const 7) (ref.null $node)))
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (struct.get $node $n (local.get $here))))
      (local.set $k (i32.sub (local.get $k) (i32.const 1)))
      (if (i32.and (local.get $k) (i32.const 1))
        (then
          (drop (call $node (local.get $k) (ref.null $node)))
          (br $again)))
      (local.set $here
        (call $node
          (i32.add (struct.get $node $n (local.get $here)) (i32.const 1))
          (local.get $here)))
      (br_if $again (i32.gt_s (local.get $k) (i32.const 0))))
    (local.get $sum))

  (func (export "main") (result i32)
    (i32.add
      (i32.add
        (call $head (call $node (i32.const 77) (ref.null $node)) (i32.const 40))
        (i32.mul (i32.const 10) (call $previous (i32.const 40))))
      (i32.add
        (i32.mul (i32.const 10000) (call $rotate (i32.const 40)))
        (i32.mul (i32.const 1000) (call $two-edges (i32.const 40)))))))
;; expect: 100501089
