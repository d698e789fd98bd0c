;; Arrays made from a data segment and from an element segment that wait on the operand stack, in no
;; local, while the embedder collects (wasmtime#12935, wasmtime#12936).
(module
  (import "" "gc" (func $gc))
  (type $bytes (array (mut i8)))
  (type $box (struct (field $value i32)))
  (type $boxes (array (ref null $box)))
  (data $digits "\01\02\03\04\05\06\07\08")
  (elem $three (ref null $box)
    (item (struct.new $box (i32.const 10)))
    (item (struct.new $box (i32.const 20)))
    (item (struct.new $box (i32.const 30))))

  ;; Collects, makes garbage where the old objects were, and gives back its argument.
  (func $disturb (param $n i32) (result i32)
    (call $gc)
    (drop (array.new $bytes (i32.const 99) (i32.const 64)))
    (local.get $n))

  (func $from-data (result i32)
    (array.get_u $bytes
      (array.new_data $bytes $digits (i32.const 2) (i32.const 4))
      (call $disturb (i32.const 3))))

  (func $from-elements (result i32)
    (struct.get $box $value
      (array.get $boxes
        (array.new_elem $boxes $three (i32.const 0) (i32.const 3))
        (call $disturb (i32.const 1)))))

  (func (export "main") (result i32)
    (i32.add (call $from-data) (call $from-elements))))
;; expect: 26
