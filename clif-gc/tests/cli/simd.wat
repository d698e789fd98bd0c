;; SIMD compiles without a word on the target's features.
;; RUN: verify % --target x86_64 --target aarch64
(module
  (func $simd (param v128 v128) (result v128)
    (i32x4.relaxed_trunc_f32x4_s (f32x4.relaxed_madd (local.get 0) (local.get 1)
      (i8x16.swizzle (local.get 0) (local.get 1))))))
