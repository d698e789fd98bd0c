;; References that are chosen by `select`, from two and from one and null, and used after a collection.
(module
  (import "" "gc" (func $gc))
  (type $number (struct (field $value i32)))

  (func $either (param $which i32) (param $a (ref null $number)) (param $b (ref null $number))
    (result (ref null $number))
    (local $chosen (ref null $number))
    (local.set $chosen
      (select (result (ref null $number)) (local.get $a) (local.get $b) (local.get $which)))
    (call $gc)
    (local.get $chosen))

  (func $maybe (param $is i32) (param $a (ref null $number)) (result (ref null $number))
    (local $chosen (ref null $number))
    (local.set $chosen
      (select (result (ref null $number)) (local.get $a) (ref.null $number) (local.get $is)))
    (call $gc)
    (local.get $chosen))

  (func $value (param $number (ref null $number)) (result i32)
    (if (result i32) (ref.is_null (local.get $number))
      (then (i32.const 100))
      (else (struct.get $number $value (local.get $number)))))

  (func (export "main") (result i32)
    (local $a (ref null $number))
    (local $b (ref null $number))
    (local.set $a (struct.new $number (i32.const 1)))
    (local.set $b (struct.new $number (i32.const 2)))
    (i32.add
      (i32.add
        (call $value (call $either (i32.const 1) (local.get $a) (local.get $b)))
        (i32.mul (i32.const 10)
          (call $value (call $either (i32.const 0) (local.get $a) (local.get $b)))))
      (i32.add
        (call $value (call $maybe (i32.const 1) (local.get $b)))
        (call $value (call $maybe (i32.const 0) (local.get $b)))))))
;; expect: 123
