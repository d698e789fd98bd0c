;; A loop that allocates before and after a call during which the embedder collects: the heap's
;; base and bounds are needed on both sides (wasmtime#13165, wasmtime#13381).
(module
  (import "" "gc" (func $gc))
  (type $node (struct (field $value i32) (field $left (ref null $node)) (field $right (ref null $node))))

  (func $leaf (param $value i32) (result (ref $node))
    (struct.new $node (local.get $value) (ref.null $node) (ref.null $node)))

  (func $sum (param $node (ref null $node)) (result i32)
    (if (result i32) (ref.is_null (local.get $node))
      (then (i32.const 0))
      (else
        (i32.add (struct.get $node $value (local.get $node))
          (i32.add
            (call $sum (struct.get $node $left (local.get $node)))
            (call $sum (struct.get $node $right (local.get $node))))))))

  (func (export "main") (result i32)
    (local $tree (ref null $node))
    (local $fresh (ref null $node))
    (local $i i32)
    (loop $again
      (local.set $fresh
        (struct.new $node (local.get $i) (local.get $tree) (ref.null $node)))
      (call $gc)
      (local.set $tree
        (struct.new $node (i32.const 1) (local.get $fresh) (call $leaf (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 20))))
    (call $sum (local.get $tree))))
;; expect: 400
