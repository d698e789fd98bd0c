;; Collects before a throw, between throw and catch, in the handler, and on the way out.
(module
  (import "" "gc" (func $gc))
  (type $box (struct (field $n (mut i32))))
  (tag $e (param (ref $box) anyref))

  (func $box (param $n i32) (result (ref $box))
    (call $gc)
    (struct.new $box (local.get $n)))

  (func $throw (param $n i32) (result (ref $box))
    (local $payload (ref $box))
    (local.set $payload (call $box (local.get $n)))
    (if (i32.and (local.get $n) (i32.const 1))
      (then
        (throw $e (local.get $payload) (call $box (i32.add (local.get $n) (i32.const 100))))))
    (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 6)))
      (then (throw $e (local.get $payload) (ref.i31 (local.get $n)))))
    (local.get $payload))

  ;; Catches, collects and throws the same exception again.
  (func $through (param $n i32) (param $trace (ref $box)) (result (ref $box))
    (local $exception exnref)
    (local.set $exception
      (block $caught (result exnref)
        (return
          (try_table (result (ref $box)) (catch_all_ref $caught)
            (call $throw (local.get $n))))))
    (call $gc)
    (struct.set $box $n (local.get $trace)
      (i32.add (struct.get $box $n (local.get $trace)) (i32.const 1)))
    (throw_ref (local.get $exception)))

  (func $value (param $x anyref) (result i32)
    (call $gc)
    (if (result i32) (ref.test (ref i31) (local.get $x))
      (then (i31.get_u (ref.cast (ref i31) (local.get $x))))
      (else (struct.get $box $n (ref.cast (ref $box) (local.get $x))))))

  ;; `mine` and `trace` are live on both edges of the call.
  (func $handle (param $n i32) (param $trace (ref $box)) (result i32)
    (local $mine (ref $box))
    (local $extra anyref)
    (local $caught (ref $box))
    (local.set $mine (call $box (i32.mul (local.get $n) (i32.const 3))))
    (block $handler (result (ref $box) anyref)
      (local.set $caught
        (try_table (result (ref $box)) (catch $e $handler)
          (call $through (local.get $n) (local.get $trace))))
      (call $gc)
      (return
        (i32.sub (struct.get $box $n (local.get $mine)) (struct.get $box $n (local.get $caught)))))
    (local.set $extra)
    (local.set $caught)
    (call $gc)
    (i32.add
      (i32.mul (struct.get $box $n (local.get $mine)) (i32.const 10))
      (i32.add
        (call $value (local.get $extra))
        (struct.get $box $n (local.get $caught)))))

  (func (export "main") (result i32)
    (local $trace (ref $box))
    (local $i i32)
    (local $sum i32)
    (local.set $trace (call $box (i32.const 0)))
    (loop $again
      (local.set $sum
        (i32.rem_u
          (i32.add
            (i32.mul (local.get $sum) (i32.const 7))
            (call $handle (local.get $i) (local.get $trace)))
          (i32.const 1000003)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 30))))
    (i32.add
      (i32.mul (i32.const 10000000) (struct.get $box $n (local.get $trace)))
      (local.get $sum))))
;; expect: 200859078
