;; A module is verified in each configuration.
;; RUN: verify %
;; RUN: verify % --quiet
;; RUN: verify % --collector null --opt-level none --target x86_64
;; RUN: verify % --collector drc --target aarch64 --format json
;; RUN: verify % --min-subjects 1
;; RUN: verify % --min-subjects 1000
;; RUN: verify % --mode enforce --target riscv64 --target s390x --target pulley64 --target x86_64-pc-windows-msvc
(module
  (type $node (struct (field $value i32) (field $next (ref null $node))))
  (import "host" "collect" (func $collect))
  (global $list (mut (ref null $node)) (ref.null $node))
  (func $length (export "length") (param $list (ref null $node)) (result i32)
    (local $n i32)
    (loop $again
      (call $collect)
      (if (ref.is_null (local.get $list)) (then (return (local.get $n))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (local.set $list (struct.get $node $next (local.get $list)))
      (br $again))
    unreachable)
  (func (export "push") (param i32)
    (global.set $list (struct.new $node (local.get 0) (global.get $list)))))
