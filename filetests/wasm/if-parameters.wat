;; The parameter of an `if` lies above references on the stack, and is none itself.
(module
  (import "" "gc" (func $collect))
  (type $box (struct (field i32)))

  (func $choose (param $number i32) (param $box (ref $box)) (param $which i32) (result i32)
    (local.get $box)
    (local.get $box)
    (local.get $number)
    (if (param i32) (result i32) (local.get $which)
      (then
        (call $collect)
        (i32.const 2)
        (i32.mul))
      (else
        (i32.const 1)
        (i32.add)))
    (local.set $number)
    (struct.get $box 0)
    (local.set $which)
    (struct.get $box 0)
    (local.get $which)
    (i32.add)
    (local.get $number)
    (i32.add))

  (func (export "main") (result i32)
    (i32.add
      (call $choose (i32.const 1000) (struct.new $box (i32.const 1)) (i32.const 0))
      (call $choose (i32.const 5000) (struct.new $box (i32.const 20)) (i32.const 1)))))
;; expect: 11043
