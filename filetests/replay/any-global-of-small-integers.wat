;; A global and a field of type anyref that hold small integers and structs in turn, so that each
;; barrier has to tell one from the other (wasmtime#10171, wasmtime#10221).
(module
  (import "" "gc" (func $gc))
  (type $cell (struct (field $content (mut anyref))))
  (type $number (struct (field $value i32)))
  (global $last (mut anyref) (ref.null any))

  (func $remember (param $value anyref) (result anyref)
    (local $old anyref)
    (local.set $old (global.get $last))
    (global.set $last (local.get $value))
    (local.get $old))

  (func $number-of (param $value anyref) (result i32)
    (block $not-small (result anyref)
      (return
        (i31.get_s (br_on_cast_fail $not-small anyref (ref i31) (local.get $value)))))
    (drop)
    (block $not-number (result anyref)
      (return
        (struct.get $number $value
          (br_on_cast_fail $not-number anyref (ref $number) (local.get $value)))))
    (drop)
    (i32.const 0))

  (func (export "main") (result i32)
    (local $cell (ref $cell))
    (local $sum i32)
    (local.set $cell (struct.new $cell (ref.i31 (i32.const 5))))
    (drop (call $remember (ref.i31 (i32.const 1000))))
    (call $gc)
    (local.set $sum
      (call $number-of (call $remember (struct.new $number (i32.const 70)))))
    (struct.set $cell $content (local.get $cell) (global.get $last))
    (call $gc)
    (local.set $sum
      (i32.add (local.get $sum)
        (call $number-of (call $remember (ref.i31 (i32.const -3))))))
    (call $gc)
    (local.set $sum
      (i32.add (local.get $sum)
        (call $number-of (struct.get $cell $content (local.get $cell)))))
    (struct.set $cell $content (local.get $cell) (ref.i31 (i32.const 8)))
    (i32.add (local.get $sum)
      (i32.add
        (call $number-of (global.get $last))
        (call $number-of (struct.get $cell $content (local.get $cell)))))))
;; expect: 1145
