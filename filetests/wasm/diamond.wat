;; Assigns a variable on one or both sides of a branch, so that a block parameter carries it on.
(module
  (type $v (struct (field $n i32)))
  (global $log (mut (ref null $v)) (ref.null $v))

  (func $v (param $n i32) (result (ref $v)) (struct.new $v (local.get $n)))

  (func $get (param $v (ref null $v)) (result i32)
    (if (result i32) (ref.is_null (local.get $v))
      (then (i32.const 13))
      (else (struct.get $v $n (local.get $v)))))

  (func $both (param $c i32) (result i32)
    (local $x (ref null $v))
    (if (local.get $c)
      (then (local.set $x (call $v (i32.const 1))))
      (else (local.set $x (call $v (i32.const 2)))))
    (drop (call $v (i32.const -1)))
    (call $get (local.get $x)))

  (func $one (param $c i32) (result i32)
    (local $x (ref null $v))
    (local.set $x (call $v (i32.const 30)))
    (if (local.get $c)
      (then (local.set $x (call $v (i32.const 40)))))
    (drop (call $v (i32.const -1)))
    (call $get (local.get $x)))

  (func $or-null (param $c i32) (result i32)
    (local $x (ref null $v))
    (if (local.get $c)
      (then (local.set $x (call $v (i32.const 500)))))
    (drop (call $v (i32.const -1)))
    (call $get (local.get $x)))

  ;; A collection on one side only, and a variable that neither side changes.
  (func $call-on-one-side (param $c i32) (result i32)
    (local $x (ref $v))
    (local $y (ref $v))
    (local.set $x (call $v (i32.const 6000)))
    (local.set $y (local.get $x))
    (if (local.get $c)
      (then (global.set $log (call $v (i32.const 1)))))
    (i32.add (call $get (local.get $x)) (ref.eq (local.get $x) (local.get $y))))

  ;; A diamond in a diamond, the variables crossed over on one path.
  (func $nested (param $c i32) (result i32)
    (local $x (ref null $v))
    (local $y (ref null $v))
    (local $t (ref null $v))
    (local.set $x (call $v (i32.const 10000)))
    (local.set $y (call $v (i32.const 20000)))
    (if (i32.and (local.get $c) (i32.const 1))
      (then
        (local.set $t (local.get $x))
        (local.set $x (local.get $y))
        (local.set $y (local.get $t))
        (if (i32.and (local.get $c) (i32.const 2))
          (then (local.set $y (call $v (i32.const 30000))))))
      (else
        (if (i32.and (local.get $c) (i32.const 2))
          (then (drop (call $v (i32.const -1))))
          (else (local.set $x (ref.null $v))))))
    (global.set $log (call $v (i32.const 2)))
    (i32.add
      (i32.mul (i32.const 2) (call $get (local.get $x)))
      (call $get (local.get $y))))

  (func (export "main") (result i32)
    (local $c i32)
    (local $sum i32)
    (loop $again
      (local.set $sum
        (i32.add
          (i32.mul (local.get $sum) (i32.const 3))
          (i32.add
            (i32.add (call $both (local.get $c)) (call $one (local.get $c)))
            (i32.add
              (call $or-null (local.get $c))
              (i32.add (call $call-on-one-side (local.get $c)) (call $nested (local.get $c)))))))
      (local.set $c (i32.add (local.get $c) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $c) (i32.const 4))))
    (i32.add (local.get $sum) (call $get (global.get $log)))))
;; expect: 1428992
