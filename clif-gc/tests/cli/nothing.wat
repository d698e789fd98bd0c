;; A run that checked nothing says so, and fails when asked to.
;; RUN: verify %
;; RUN: verify % --min-subjects 1
;; RUN: verify % --min-subjects 1 --quiet
(module (func (export "f") (result i32) (i32.const 42)))
