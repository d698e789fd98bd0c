;; Keeps twenty-four references alive across one call, and uses all of them after it.
(module
  (type $leaf (struct (field $n i32)))
  (type $row (array (mut (ref null $leaf))))

  (func $leaf (param $n i32) (result (ref $leaf)) (struct.new $leaf (local.get $n)))

  (func $garbage (param $n i32) (result i32)
    (local $i i32)
    (local $sum i32)
    (loop $again
      (local.set $sum
        (i32.add (local.get $sum)
          (array.len (array.new $row (call $leaf (local.get $i)) (local.get $i)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (local.get $n))))
    (local.get $sum))

  (func $mix (param $sum i32) (param $leaf (ref $leaf)) (result i32)
    (i32.rem_u
      (i32.add (i32.mul (local.get $sum) (i32.const 29)) (struct.get $leaf $n (local.get $leaf)))
      (i32.const 1000003)))

  (func $all (param $k i32) (result i32)
    (local $a (ref $leaf)) (local $b (ref $leaf)) (local $c (ref $leaf)) (local $d (ref $leaf))
    (local $e (ref $leaf)) (local $f (ref $leaf)) (local $g (ref $leaf)) (local $h (ref $leaf))
    (local $i (ref $leaf)) (local $j (ref $leaf)) (local $l (ref $leaf)) (local $m (ref $leaf))
    (local $n (ref $leaf)) (local $o (ref $leaf)) (local $p (ref $leaf)) (local $q (ref $leaf))
    (local $sum i32)
    (local.set $a (call $leaf (i32.const 1))) (local.set $b (call $leaf (i32.const 2)))
    (local.set $c (call $leaf (i32.const 3))) (local.set $d (call $leaf (i32.const 4)))
    (local.set $e (call $leaf (i32.const 5))) (local.set $f (call $leaf (i32.const 6)))
    (local.set $g (call $leaf (i32.const 7))) (local.set $h (call $leaf (i32.const 8)))
    (local.set $i (call $leaf (i32.const 9))) (local.set $j (call $leaf (i32.const 10)))
    (local.set $l (call $leaf (i32.const 11))) (local.set $m (call $leaf (i32.const 12)))
    (local.set $n (call $leaf (i32.const 13))) (local.set $o (call $leaf (i32.const 14)))
    (local.set $p (call $leaf (i32.const 15))) (local.set $q (call $leaf (i32.const 16)))
    ;; Eight more on the operand stack.
    (call $leaf (i32.const 17)) (call $leaf (i32.const 18))
    (call $leaf (i32.const 19)) (call $leaf (i32.const 20))
    (call $leaf (i32.const 21)) (call $leaf (i32.const 22))
    (call $leaf (i32.const 23)) (call $leaf (local.get $k))
    (local.set $sum (call $garbage (local.get $k)))
    (array.new_fixed $row 8)
    (local.set $sum (call $eight (local.get $sum)))
    (local.set $sum (call $mix (local.get $sum) (local.get $q)))
    (local.set $sum (call $mix (local.get $sum) (local.get $p)))
    (local.set $sum (call $mix (local.get $sum) (local.get $o)))
    (local.set $sum (call $mix (local.get $sum) (local.get $n)))
    (local.set $sum (call $mix (local.get $sum) (local.get $m)))
    (local.set $sum (call $mix (local.get $sum) (local.get $l)))
    (local.set $sum (call $mix (local.get $sum) (local.get $j)))
    (local.set $sum (call $mix (local.get $sum) (local.get $i)))
    (local.set $sum (call $mix (local.get $sum) (local.get $h)))
    (local.set $sum (call $mix (local.get $sum) (local.get $g)))
    (local.set $sum (call $mix (local.get $sum) (local.get $f)))
    (local.set $sum (call $mix (local.get $sum) (local.get $e)))
    (local.set $sum (call $mix (local.get $sum) (local.get $d)))
    (local.set $sum (call $mix (local.get $sum) (local.get $c)))
    (local.set $sum (call $mix (local.get $sum) (local.get $b)))
    (call $mix (local.get $sum) (local.get $a)))

  (func $eight (param $row (ref $row)) (param $sum i32) (result i32)
    (local $i i32)
    (loop $again
      (local.set $sum
        (call $mix (local.get $sum)
          (ref.as_non_null (array.get $row (local.get $row) (local.get $i)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (array.len (local.get $row)))))
    (local.get $sum))

  (func (export "main") (result i32)
    (i32.add
      (call $all (i32.const 24))
      (call $all (i32.const 60)))))
;; expect: 788297
