;; Most toolchains still emit legacy exceptions.
;; RUN: verify %
(module
  (tag $e)
  (func try throw $e catch $e end))
