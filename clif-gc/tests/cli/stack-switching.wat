;; Stack switching is on where it can be.
;; RUN: verify % --target x86_64
;; RUN: verify % --target aarch64
(module
  (type $f (func))
  (type $c (cont $f))
  (elem declare func $body)
  (func $body)
  (func (resume $c (cont.new $c (ref.func $body)))))
