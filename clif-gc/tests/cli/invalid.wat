;; An invalid module is refused with the offset of the fault.
;; RUN: verify %
;; RUN: verify % nothing.wat --format json
(module
  (func $fine)
  (func $f (result i64)
    (i32.const 0)))
