;; Parameters that nothing can be passed for, as dart2wasm declares them: a reference to `none` that is not
;; null. Wasmtime traps where it would be used, and the code behind is never executed.
(module
  (type $a (struct (field i32) (field (ref none))))
  (type $b (struct (field $n i32) (field $next (ref null $b))))

  ;; The object is made and never filled.
  (func $mk (param $y (ref none)) (result (ref $a))
    (struct.new $a (i32.const 1) (local.get $y)))

  (func $mk-after-call (param $y (ref none)) (param $n i32) (result (ref $a))
    (drop (call $list (local.get $n)))
    (struct.new $a (local.get $n) (local.get $y)))

  (func $array (param $y (ref none)) (param $x (ref null $b)) (result i32)
    (local $a (ref $a))
    (local.set $a (struct.new $a (i32.const 2) (local.get $y)))
    (drop (call $list (i32.const 3)))
    (i32.add (struct.get $a 0 (local.get $a)) (struct.get $b $n (local.get $x))))

  (func $list (param $n i32) (result (ref null $b))
    (if (i32.eqz (local.get $n)) (then (return (ref.null $b))))
    (struct.new $b (local.get $n) (call $list (i32.sub (local.get $n) (i32.const 1)))))

  ;; What is behind the trap is never executed; the other way is.
  (func $either (param $x (ref null $b)) (param $which i32) (result i32)
    (if (local.get $which)
      (then
        (drop (call $mk (ref.as_non_null (ref.null none))))
        (drop (call $list (i32.const 2)))))
    (struct.get $b $n (local.get $x)))

  (elem declare func $mk $mk-after-call $array)

  (func (export "main") (result i32)
    (i32.add
      (call $either (call $list (i32.const 4)) (i32.const 0))
      (struct.get $b $n (call $list (i32.const 3))))))
;; expect: 7
