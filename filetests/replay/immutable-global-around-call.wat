;; An immutable global that holds a reference is read before a collection and after it
;; (wasmtime#13381).
(module
  (import "" "gc" (func $gc))
  (type $pair (struct (field $a (mut i32)) (field $b (mut i32))))
  (global $unit (ref $pair) (struct.new $pair (i32.const 3) (i32.const 4)))

  (func $noise
    (drop (struct.new $pair (i32.const -1) (i32.const -1))))

  (func (export "main") (result i32)
    (local $i i32)
    (local $sum i32)
    (local.set $sum (struct.get $pair $a (global.get $unit)))
    (loop $again
      (call $gc)
      (call $noise)
      (struct.set $pair $b (global.get $unit)
        (i32.add (struct.get $pair $b (global.get $unit)) (local.get $i)))
      (call $gc)
      (local.set $sum
        (i32.add (local.get $sum) (struct.get $pair $b (global.get $unit))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 4))))
    (local.get $sum)))
;; expect: 29
