;; Fills, copies, gets and sets arrays of references in loops, with an allocating call between.
(module
  (type $box (struct (field $n (mut i32))))
  (type $boxes (array (mut (ref null $box))))

  (func $box (param $n i32) (result (ref $box))
    (struct.new $box (local.get $n)))

  (func $iota (param $length i32) (result (ref $boxes))
    (local $boxes (ref $boxes))
    (local $i i32)
    (local.set $boxes (array.new_default $boxes (local.get $length)))
    (block $end
      (loop $again
        (br_if $end (i32.ge_u (local.get $i) (array.len (local.get $boxes))))
        (array.set $boxes (local.get $boxes) (local.get $i) (call $box (local.get $i)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (local.get $boxes))

  ;; Adds up the boxes; a null counts 1000.
  (func $sum (param $boxes (ref $boxes)) (result i32)
    (local $i i32)
    (local $sum i32)
    (local $item (ref null $box))
    (loop $again
      (local.set $item (array.get $boxes (local.get $boxes) (local.get $i)))
      (local.set $sum
        (i32.add (local.get $sum)
          (if (result i32) (ref.is_null (local.get $item))
            (then (i32.const 1000))
            (else
              (i32.mul
                (i32.add (local.get $i) (i32.const 1))
                (struct.get $box $n
                  (call $box (struct.get $box $n (local.get $item)))))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (array.len (local.get $boxes)))))
    (local.get $sum))

  (func (export "main") (result i32)
    (local $a (ref $boxes))
    (local $b (ref $boxes))
    (local $shared (ref $box))
    (local $total i32)
    (local.set $a (call $iota (i32.const 50)))
    (local.set $b (array.new $boxes (call $box (i32.const 3)) (i32.const 20)))
    (local.set $total (i32.add (call $sum (local.get $a)) (call $sum (local.get $b))))
    ;; Overlapping copies, forwards and backwards.
    (array.copy $boxes $boxes (local.get $a) (i32.const 5) (local.get $a) (i32.const 0) (i32.const 30))
    (array.copy $boxes $boxes (local.get $a) (i32.const 0) (local.get $a) (i32.const 10) (i32.const 12))
    (array.copy $boxes $boxes (local.get $b) (i32.const 2) (local.get $a) (i32.const 40) (i32.const 4))
    (local.set $total (i32.add (local.get $total) (call $sum (local.get $a))))
    (local.set $total (i32.add (local.get $total) (call $sum (local.get $b))))
    ;; One box in many places, changed after it was stored.
    (local.set $shared (call $box (i32.const 1)))
    (array.fill $boxes (local.get $b) (i32.const 6) (local.get $shared) (i32.const 10))
    (array.fill $boxes (local.get $b) (i32.const 16) (ref.null $box) (i32.const 2))
    (struct.set $box $n (local.get $shared) (i32.const 9))
    (local.set $total (i32.add (local.get $total) (call $sum (local.get $b))))
    ;; A literal array.
    (i32.add (local.get $total)
      (call $sum
        (array.new_fixed $boxes 3
          (call $box (i32.const 100)) (local.get $shared) (call $box (i32.const 10000)))))))
;; expect: 116919
