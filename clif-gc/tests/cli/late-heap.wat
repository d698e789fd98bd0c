;; A module that only tests what the host hands to it has no heap before the host makes one (48.0.8): its base is
;; hoisted over the call that does.
;; RUN: verify % --target x86_64 --embedding default
;; RUN: verify % --target x86_64 --embedding default --mode enforce
;; RUN: verify % --target x86_64 --embedding default --opt-level none
(module
  (type $s (struct (field i32)))
  (import "" "make" (func $make (result anyref)))
  (func (export "main") (param $i i32) (result i32)
    (local $n i32)
    (loop $again
      (local.set $n (i32.add (local.get $n) (ref.test (ref $s) (call $make))))
      (br_if $again (local.tee $i (i32.sub (local.get $i) (i32.const 1)))))
    (local.get $n)))
