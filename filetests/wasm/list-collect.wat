;; Builds lists in loops and collects in each iteration, with references in locals, fields and globals.
(module
  (import "" "gc" (func $gc))
  (type $node (struct (field $n i32) (field $next (mut (ref null $node)))))
  (global $kept (mut (ref null $node)) (ref.null $node))

  (func $cons (param $n i32) (param $next (ref null $node)) (result (ref $node))
    (call $gc)
    (struct.new $node (local.get $n) (local.get $next)))

  (func $length (param $list (ref null $node)) (result i32)
    (local $length i32)
    (block $end
      (loop $again
        (local.set $list (struct.get $node $next (br_on_null $end (local.get $list))))
        (local.set $length (i32.add (local.get $length) (i32.const 1)))
        (br $again)))
    (local.get $length))

  ;; Inserts in place: `before` and `after` are live over the collection in `cons`.
  (func $insert (param $n i32) (param $list (ref null $node)) (result (ref $node))
    (local $before (ref null $node))
    (local $after (ref null $node))
    (local.set $after (local.get $list))
    (block $found
      (loop $again
        (br_if $found (ref.is_null (local.get $after)))
        (br_if $found (i32.ge_s (struct.get $node $n (local.get $after)) (local.get $n)))
        (local.set $before (local.get $after))
        (local.set $after (struct.get $node $next (local.get $after)))
        (br $again)))
    (if (ref.is_null (local.get $before))
      (then (return (call $cons (local.get $n) (local.get $after)))))
    (struct.set $node $next (local.get $before) (call $cons (local.get $n) (local.get $after)))
    (ref.as_non_null (local.get $list)))

  (func $hash (param $list (ref null $node)) (result i32)
    (local $hash i32)
    (block $end
      (loop $again
        (br_if $end (ref.is_null (local.get $list)))
        (local.set $hash
          (i32.rem_u
            (i32.add
              (i32.mul (local.get $hash) (i32.const 101))
              (struct.get $node $n (local.get $list)))
            (i32.const 99991)))
        (call $gc)
        (local.set $list (struct.get $node $next (local.get $list)))
        (br $again)))
    (local.get $hash))

  (func (export "main") (result i32)
    (local $list (ref null $node))
    (local $i i32)
    (loop $again
      (local.set $list
        (call $insert
          (i32.rem_u (i32.mul (local.get $i) (i32.const 29)) (i32.const 53))
          (local.get $list)))
      ;; Every tenth list is kept by a global only.
      (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 10)))
        (then
          (global.set $kept (call $cons (call $length (local.get $list)) (global.get $kept)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 60))))
    (i32.add
      (i32.mul (call $hash (local.get $list)) (i32.const 10000))
      (i32.rem_u (call $hash (global.get $kept)) (i32.const 10000)))))
;; expect: 980629263
