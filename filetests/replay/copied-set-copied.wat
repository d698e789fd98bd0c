;; An element that was copied is set, and copied on: the second copy is of what was set
;; (wasmtime#13610).
(module
  (import "" "gc" (func $gc))
  (type $ints (array (mut i32)))
  (type $box (struct (field $v i32)))
  (type $boxes (array (mut (ref null $box))))

  (func $ints (param $a (ref $ints)) (param $b (ref $ints)) (param $c (ref $ints)) (result i32)
    (array.copy $ints $ints
      (local.get $b) (i32.const 0) (local.get $a) (i32.const 0) (i32.const 1))
    (array.set $ints (local.get $b) (i32.const 0) (i32.const 42))
    (array.copy $ints $ints
      (local.get $c) (i32.const 0) (local.get $b) (i32.const 0) (i32.const 1))
    (call $gc)
    (array.get $ints (local.get $c) (i32.const 0)))

  (func $boxes (param $a (ref $boxes)) (param $b (ref $boxes)) (param $c (ref $boxes)) (param $new (ref $box)) (result i32)
    (array.copy $boxes $boxes
      (local.get $b) (i32.const 0) (local.get $a) (i32.const 0) (i32.const 1))
    (array.set $boxes (local.get $b) (i32.const 0) (local.get $new))
    (array.copy $boxes $boxes
      (local.get $c) (i32.const 0) (local.get $b) (i32.const 0) (i32.const 1))
    (call $gc)
    (struct.get $box $v (array.get $boxes (local.get $c) (i32.const 0))))

  (func (export "main") (result i32)
    (i32.add
      (call $ints
        (array.new $ints (i32.const 1) (i32.const 2))
        (array.new $ints (i32.const 2) (i32.const 2))
        (array.new $ints (i32.const 3) (i32.const 2)))
      (call $boxes
        (array.new $boxes (struct.new $box (i32.const 1)) (i32.const 2))
        (array.new $boxes (struct.new $box (i32.const 2)) (i32.const 2))
        (array.new $boxes (struct.new $box (i32.const 3)) (i32.const 2))
        (struct.new $box (i32.const 10))))))
;; expect: 52
