;; Throws and catches with reference payloads: catch, catch_ref, catch_all, catch_all_ref, throw_ref.
(module
  (type $box (struct (field $n (mut i32))))
  (type $error (struct (field $code i32) (field $cause anyref)))
  (tag $failure (param (ref $error)))
  (tag $exit (param i32))
  (tag $empty)

  (global $finally (mut i32) (i32.const 0))

  ;; Returns n boxed, or throws: a failure if it is divisible by three, an exit if by five, nothing
  ;; if by seven.
  (func $risky (param $n i32) (result (ref $box))
    (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 3)))
      (then
        (throw $failure
          (struct.new $error (local.get $n) (struct.new $box (i32.mul (local.get $n) (i32.const 2)))))))
    (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 5)))
      (then (throw $exit (local.get $n))))
    (if (i32.eqz (i32.rem_u (local.get $n) (i32.const 7)))
      (then (throw $empty)))
    (struct.new $box (local.get $n)))

  ;; try … finally on the exceptional edge: counts, then throws again what it caught.
  (func $counted (param $n i32) (result (ref $box))
    (local $exception exnref)
    (local.set $exception
      (block $caught (result exnref)
        (return
          (try_table (result (ref $box)) (catch_all_ref $caught)
            (call $risky (local.get $n))))))
    (global.set $finally (i32.add (global.get $finally) (i32.const 1)))
    (throw_ref (local.get $exception)))

  ;; Catches failures for which `only` holds, with the exception at hand for the others.
  (func $filtered (param $n i32) (result i32)
    (local $error (ref null $error))
    (local $exception exnref)
    (block $caught (result (ref $error) exnref)
      (return
        (struct.get $box $n
          (try_table (result (ref $box)) (catch_ref $failure $caught)
            (call $counted (local.get $n))))))
    (local.set $exception)
    (local.set $error)
    (if (i32.rem_u (struct.get $error $code (local.get $error)) (i32.const 2))
      (then (throw_ref (local.get $exception))))
    (struct.get $box $n (ref.cast (ref $box) (struct.get $error $cause (local.get $error)))))

  (func $guarded (param $n i32) (param $log (ref $box)) (result i32)
    (local $error (ref $error))
    (block $other
      (block $exited (result i32)
        (local.set $error
          (block $failed (result (ref $error))
            (return
              (try_table (result i32)
                  (catch $failure $failed)
                  (catch $exit $exited)
                  (catch_all $other)
                (call $filtered (local.get $n))))))
        ;; The log was live across the call that threw, and is used in each handler.
        (struct.set $box $n (local.get $log)
          (i32.add (struct.get $box $n (local.get $log)) (i32.const 1)))
        (return
          (i32.add (i32.const 10000) (struct.get $error $code (local.get $error)))))
      (struct.set $box $n (local.get $log)
        (i32.add (struct.get $box $n (local.get $log)) (i32.const 100)))
      (return (i32.mul (i32.const 1000))))
    (struct.set $box $n (local.get $log)
      (i32.add (struct.get $box $n (local.get $log)) (i32.const 10000)))
    (i32.const 7))

  (func (export "main") (result i32)
    (local $log (ref $box))
    (local $i i32)
    (local $sum i32)
    (local.set $log (struct.new $box (i32.const 0)))
    (local.set $i (i32.const 1))
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $guarded (local.get $i) (local.get $log))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.le_s (local.get $i) (i32.const 60))))
    (i32.add
      (i32.mul (global.get $finally) (i32.const 1000000))
      (i32.add (local.get $sum) (struct.get $box $n (local.get $log))))))
;; expect: 33392611
