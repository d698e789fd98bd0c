;; A local that is set between two calls in one try_table: which reference it holds where the
;; exception is caught depends on the call that threw.
(module
  (import "" "gc" (func $gc))
  (tag $stop)
  (type $number (struct (field $value i32)))

  (func $step (param $throws i32)
    (call $gc)
    (if (local.get $throws) (then (throw $stop))))

  (func $last (param $first i32) (param $second i32) (result i32)
    (local $number (ref null $number))
    (local.set $number (struct.new $number (i32.const 1)))
    (block $caught
      (try_table (catch $stop $caught)
        (call $step (local.get $first))
        (local.set $number (struct.new $number (i32.const 10)))
        (call $step (local.get $second))
        (local.set $number (struct.new $number (i32.const 100)))))
    (call $gc)
    (struct.get $number $value (local.get $number)))

  (func (export "main") (result i32)
    (i32.add (call $last (i32.const 1) (i32.const 0))
      (i32.add (call $last (i32.const 0) (i32.const 1))
        (call $last (i32.const 0) (i32.const 0))))))
;; expect: 111
