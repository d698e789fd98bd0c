;; A syntax error is shown with its place.
;; RUN: verify %
(module
  (func $f
    (local.get $missing)))
