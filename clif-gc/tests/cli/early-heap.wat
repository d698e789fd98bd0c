;; With a function that uses the heap, it is there from the start, and its base is the same wherever it is loaded.
;; RUN: verify % --target x86_64 --embedding default
(module
  (type $s (struct (field i32)))
  (import "" "make" (func $make (result anyref)))
  (func (export "main") (param $i i32) (result i32)
    (local $n i32)
    (loop $again
      (local.set $n (i32.add (local.get $n) (ref.test (ref $s) (call $make))))
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (local.get $n))
  (func (export "field") (param $o (ref $s)) (result i32) (struct.get $s 0 (local.get $o))))
