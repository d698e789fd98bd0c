;; Collects at every turn of nested loops, with references in loop variables, tees and operands.
(module
  (import "" "gc" (func $gc))
  (type $v (struct (field $n (mut i32)) (field $tail (ref null $v))))
  (type $f (func (param (ref $v)) (result (ref $v))))
  (type $closure (struct (field $code (ref $f)) (field $v (ref $v))))
  (elem declare func $next $again)
  (global $shared (mut (ref null $v)) (ref.null $v))
  (global $fixed (ref $v) (struct.new $v (i32.const 1000) (ref.null $v)))

  (func $v (param $n i32) (result (ref $v))
    (call $gc)
    (struct.new $v (local.get $n) (global.get $shared)))

  (func $next (type $f) (param $v (ref $v)) (result (ref $v))
    (local $n i32)
    (local.set $n (struct.get $v $n (local.get $v)))
    (return_call $v (i32.add (local.get $n) (i32.const 1))))

  (func $again (type $f) (param $v (ref $v)) (result (ref $v))
    (call $gc)
    (return_call $next (call $next (local.get $v))))

  ;; The outer variable is invariant in the inner loop, the inner one is local to a turn of it.
  (func $nested (param $n i32) (result i32)
    (local $outer (ref $v))
    (local $inner (ref $v))
    (local $i i32)
    (local $j i32)
    (local $sum i32)
    (loop $outermost
      (local.set $outer (call $v (local.get $i)))
      (local.set $j (i32.const 0))
      (loop $innermost
        (local.set $inner (call $v (local.get $j)))
        (call $gc)
        (struct.set $v $n (local.get $outer)
          (i32.add
            (struct.get $v $n (local.get $outer))
            (struct.get $v $n (local.get $inner))))
        (local.set $j (i32.add (local.get $j) (i32.const 1)))
        (br_if $innermost (i32.lt_u (local.get $j) (local.get $n))))
      (global.set $shared (local.get $outer))
      (local.set $sum
        (i32.add (local.get $sum)
          (i32.mul (local.get $i) (struct.get $v $n (local.get $outer)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $outermost (i32.lt_u (local.get $i) (local.get $n))))
    (local.get $sum))

  ;; Operands wait on the stack while later ones are computed.
  (func $operands (param $a (ref $v)) (result i32)
    (local $b (ref $v))
    (i32.add
      (i32.mul
        (struct.get $v $n (call $next (local.tee $b (call $next (local.get $a)))))
        (i32.add
          (struct.get $v $n (local.get $a))
          (struct.get $v $n (call $again (local.get $b)))))
      (i32.sub
        (struct.get $v $n (local.get $b))
        (struct.get $v $n
          (select (result (ref $v))
            (call $next (local.get $b))
            (global.get $fixed)
            (ref.eq (local.get $b) (call $next (local.get $a))))))))

  (func $closures (param $k i32) (result i32)
    (local $c (ref $closure))
    (local.set $c
      (struct.new $closure (ref.func $next) (call $v (i32.const 0))))
    (loop $turn
      (local.set $c
        (struct.new $closure
          (if (result (ref $f)) (i32.and (local.get $k) (i32.const 1))
            (then (ref.func $again))
            (else (ref.func $next)))
          (call_ref $f
            (struct.get $closure $v (local.get $c))
            (struct.get $closure $code (local.get $c)))))
      (local.set $k (i32.sub (local.get $k) (i32.const 1)))
      (br_if $turn (local.get $k)))
    (struct.get $v $n (struct.get $closure $v (local.get $c))))

  (func $shared-length (result i32)
    (local $v (ref null $v))
    (local $length i32)
    (local.set $v (global.get $shared))
    (block $end
      (loop $turn
        (local.set $v (struct.get $v $tail (br_on_null $end (local.get $v))))
        (call $gc)
        (local.set $length (i32.add (local.get $length) (i32.const 1)))
        (br $turn)))
    (local.get $length))

  (func (export "main") (result i32)
    (i32.add
      (i32.mul (i32.const 100000) (call $nested (i32.const 7)))
      (i32.add
        (i32.mul (i32.const 1000) (call $closures (i32.const 15)))
        (i32.add
          (i32.mul (i32.const 100) (call $shared-length))
          (call $operands (call $v (i32.const 5))))))))
;; expect: 53221797
