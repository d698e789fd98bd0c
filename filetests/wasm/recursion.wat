;; Mutual and deep recursion on references: even and odd, Ackermann with boxed integers, Hanoi.
(module
  (type $nat (struct (field $pred (ref null $nat))))
  (type $int (struct (field $n i32)))
  (type $peg (array (mut (ref null $int))))
  (type $pegs (array (mut (ref $peg))))
  (global $calls (mut (ref $int)) (struct.new $int (i32.const 0)))

  ;; Numbers as chains of successors; null is zero.
  (func $nat (param $n i32) (result (ref null $nat))
    (if (i32.eqz (local.get $n)) (then (return (ref.null $nat))))
    (struct.new $nat (call $nat (i32.sub (local.get $n) (i32.const 1)))))

  (func $even (param $n (ref null $nat)) (result i32)
    (block $zero
      (return (call $odd (struct.get $nat $pred (br_on_null $zero (local.get $n))))))
    (i32.const 1))
  (func $odd (param $n (ref null $nat)) (result i32)
    (block $zero
      (return (call $even (struct.get $nat $pred (br_on_null $zero (local.get $n))))))
    (i32.const 0))

  (func $int (param $n i32) (result (ref $int)) (struct.new $int (local.get $n)))

  (func $ackermann (param $m (ref $int)) (param $n (ref $int)) (result (ref $int))
    (global.set $calls (call $int (i32.add (i32.const 1) (struct.get $int $n (global.get $calls)))))
    (if (i32.eqz (struct.get $int $n (local.get $m)))
      (then (return (call $int (i32.add (struct.get $int $n (local.get $n)) (i32.const 1))))))
    (if (i32.eqz (struct.get $int $n (local.get $n)))
      (then
        (return
          (call $ackermann
            (call $int (i32.sub (struct.get $int $n (local.get $m)) (i32.const 1)))
            (call $int (i32.const 1))))))
    (call $ackermann
      (call $int (i32.sub (struct.get $int $n (local.get $m)) (i32.const 1)))
      (call $ackermann
        (local.get $m)
        (call $int (i32.sub (struct.get $int $n (local.get $n)) (i32.const 1))))))

  ;; Element 0 of a peg is its height.
  (func $height (param $peg (ref $peg)) (result i32)
    (struct.get $int $n (array.get $peg (local.get $peg) (i32.const 0))))

  (func $move (param $from (ref $peg)) (param $to (ref $peg))
    (local $disc (ref null $int))
    (local.set $disc (array.get $peg (local.get $from) (call $height (local.get $from))))
    (array.set $peg (local.get $from) (call $height (local.get $from)) (ref.null $int))
    (array.set $peg (local.get $from) (i32.const 0)
      (call $int (i32.sub (call $height (local.get $from)) (i32.const 1))))
    (array.set $peg (local.get $to) (i32.const 0)
      (call $int (i32.add (call $height (local.get $to)) (i32.const 1))))
    (array.set $peg (local.get $to) (call $height (local.get $to)) (local.get $disc)))

  ;; Answers the number of moves.
  (func $hanoi (param $n i32) (param $a (ref $peg)) (param $b (ref $peg)) (param $c (ref $peg)) (result i32)
    (local $moves i32)
    (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
    (local.set $moves
      (call $hanoi (i32.sub (local.get $n) (i32.const 1))
        (local.get $a) (local.get $c) (local.get $b)))
    (call $move (local.get $a) (local.get $c))
    (i32.add (i32.add (local.get $moves) (i32.const 1))
      (call $hanoi (i32.sub (local.get $n) (i32.const 1))
        (local.get $b) (local.get $a) (local.get $c))))

  (func $peg (result (ref $peg))
    (local $peg (ref $peg))
    (local.set $peg (array.new_default $peg (i32.const 10)))
    (array.set $peg (local.get $peg) (i32.const 0) (call $int (i32.const 0)))
    (local.get $peg))

  (func (export "main") (result i32)
    (local $pegs (ref $pegs))
    (local $first (ref $peg))
    (local $i i32)
    (local $sum i32)
    (local.set $pegs (array.new_fixed $pegs 3 (call $peg) (call $peg) (call $peg)))
    (local.set $first (array.get $pegs (local.get $pegs) (i32.const 0)))
    (loop $again
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (array.set $peg (local.get $first) (i32.const 0) (call $int (local.get $i)))
      (array.set $peg (local.get $first) (local.get $i) (call $int (i32.sub (i32.const 9) (local.get $i))))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 8))))
    (local.set $sum
      (call $hanoi (i32.const 8) (local.get $first)
        (array.get $pegs (local.get $pegs) (i32.const 1))
        (array.get $pegs (local.get $pegs) (i32.const 2))))
    ;; The last peg's discs, from below: 8 7 6 5 4 3 2 1.
    (local.set $i (i32.const 1))
    (loop $again
      (local.set $sum
        (i32.add
          (i32.mul (local.get $sum) (i32.const 3))
          (struct.get $int $n
            (array.get $peg (array.get $pegs (local.get $pegs) (i32.const 2)) (local.get $i)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.le_s (local.get $i) (i32.const 8))))
    (local.set $sum
      (i32.add (local.get $sum)
        (struct.get $int $n (call $ackermann (call $int (i32.const 2)) (call $int (i32.const 9))))))
    (i32.add
      (i32.add (local.get $sum) (i32.mul (i32.const 100) (struct.get $int $n (global.get $calls))))
      (i32.add
        (i32.mul (i32.const 10000000) (call $even (call $nat (i32.const 500))))
        (i32.mul (i32.const 20000000) (call $odd (call $nat (i32.const 501))))))))
;; expect: 31720680
