;; A loop-invariant list cell and one that each iteration makes, live across calls at different places:
;; two references that must not share a stack slot (wasmtime#13498).
(module
  (rec (type $cell (struct (field $next (mut (ref null $cell))) (field $value i32))))
  (global $steps (mut i32) (i32.const 0))

  ;; Ends the walk after ten calls.
  (func $tick
    (global.set $steps (i32.add (global.get $steps) (i32.const 1))))

  ;; Walks until the invariant cell has a successor, and returns the last local one.
  (func $walk (param $invariant (ref null $cell)) (result (ref null $cell))
    (local $found (ref null $cell))
    (loop $again
      (call $tick)
      (if (i32.eq (global.get $steps) (i32.const 10))
        (then
          (struct.set $cell $next
            (local.get $invariant)
            (struct.new $cell (ref.null $cell) (i32.const 32)))))
      (local.set $found (struct.get $cell $next (local.get $invariant)))
      (br_if $again (ref.is_null (local.get $found))))
    (call $tick)
    (local.get $found))

  (func (export "main") (result i32)
    (i32.add
      (struct.get $cell $value
        (call $walk (struct.new $cell (ref.null $cell) (i32.const 7))))
      (global.get $steps))))
;; expect: 43
