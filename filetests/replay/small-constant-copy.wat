;; Copies of a constant few elements, which are expanded inline, between reads and writes of the same
;; elements (wasmtime#13610).
(module
  (type $words (array (mut i32)))

  (func $rotate (param $from (ref $words)) (param $to (ref $words)) (result i32)
    (local $before i32)
    (local.set $before (array.get $words (local.get $to) (i32.const 0)))
    (array.set $words (local.get $from) (i32.const 0) (i32.const 40))
    (array.copy $words $words
      (local.get $to) (i32.const 0) (local.get $from) (i32.const 0) (i32.const 1))
    (array.set $words (local.get $from) (i32.const 0) (i32.const 50))
    (array.copy $words $words
      (local.get $to) (i32.const 1) (local.get $from) (i32.const 0) (i32.const 1))
    (i32.add (local.get $before)
      (i32.add
        (array.get $words (local.get $to) (i32.const 0))
        (array.get $words (local.get $to) (i32.const 1)))))

  (func $slide (param $words (ref $words)) (result i32)
    (array.set $words (local.get $words) (i32.const 1) (i32.const 7))
    (array.copy $words $words
      (local.get $words) (i32.const 1) (local.get $words) (i32.const 0) (i32.const 2))
    (i32.sub
      (array.get $words (local.get $words) (i32.const 2))
      (array.get $words (local.get $words) (i32.const 1))))

  (func (export "main") (result i32)
    (i32.add
      (call $rotate
        (array.new $words (i32.const 1) (i32.const 4))
        (array.new $words (i32.const 2) (i32.const 4)))
      (call $slide (array.new $words (i32.const 3) (i32.const 4))))))
;; expect: 96
