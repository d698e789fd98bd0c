;; A field and a table of type (ref null none), read without using what was read: the checks before
;; must stay (wasmtime#10353).
(module
  (type $holder (struct (field $nothing (mut (ref null none))) (field $value i32)))
  (table $empty 3 (ref null none))

  (func $touch (param $holder (ref null $holder)) (param $index i32)
    (drop (struct.get $holder $nothing (local.get $holder)))
    (drop (table.get $empty (local.get $index))))

  (func (export "main") (result i32)
    (local $holder (ref null $holder))
    (local.set $holder (struct.new $holder (ref.null none) (i32.const 12)))
    (call $touch (local.get $holder) (i32.const 2))
    (i32.add
      (ref.is_null (struct.get $holder $nothing (local.get $holder)))
      (struct.get $holder $value (local.get $holder)))))
;; expect: 13
