;; Mutable and immutable globals of references, read before a call and used after it.
(module
  (type $tags (array (mut anyref)))
  (type $config (struct (field $base i32) (field $tags (ref $tags))))
  (type $stack (struct (field $value (ref eq)) (field $below (ref null $stack))))

  (global $root (ref $tags) (array.new $tags (ref.null any) (i32.const 8)))
  (global $config (ref $config) (struct.new $config (i32.const 100) (global.get $root)))
  (global $limit (ref i31) (ref.i31 (i32.const 5)))
  (global $stack (mut (ref null $stack)) (ref.null $stack))
  (global $last (mut anyref) (ref.null any))
  (global $depth (mut i32) (i32.const 0))

  (func $push (param $value (ref eq))
    (global.set $stack (struct.new $stack (local.get $value) (global.get $stack)))
    (global.set $depth (i32.add (global.get $depth) (i32.const 1))))

  (func $pop (result (ref eq))
    (local $top (ref $stack))
    (local.set $top (ref.as_non_null (global.get $stack)))
    (global.set $stack (struct.get $stack $below (local.get $top)))
    (global.set $depth (i32.sub (global.get $depth) (i32.const 1)))
    (global.set $last (struct.get $stack $value (local.get $top)))
    (struct.get $stack $value (local.get $top)))

  (func $number (param $value (ref eq)) (result i32)
    (if (ref.test (ref i31) (local.get $value))
      (then (return (i31.get_s (ref.cast (ref i31) (local.get $value))))))
    (struct.get $config $base (ref.cast (ref $config) (local.get $value))))

  ;; Reads the immutable globals on both sides of calls that allocate.
  (func $tag (param $i i32) (result i32)
    (local $tags (ref $tags))
    (local $before i32)
    (local.set $tags (struct.get $config $tags (global.get $config)))
    (local.set $before (array.len (global.get $root)))
    (call $push (struct.new $config (local.get $i) (local.get $tags)))
    (array.set $tags (local.get $tags)
      (i32.rem_u (local.get $i) (array.len (local.get $tags)))
      (global.get $stack))
    (i32.add
      (i32.add (local.get $before) (array.len (local.get $tags)))
      (ref.eq (local.get $tags) (global.get $root))))

  ;; The value is read twice, with a write of the global between.
  (func $swap (result i32)
    (local $old anyref)
    (local.set $old (global.get $last))
    (global.set $last (global.get $limit))
    (call $push (global.get $limit))
    (global.set $last (struct.new $config (i32.const 1) (global.get $root)))
    (drop (call $pop))
    (i32.add
      (i32.shl (ref.eq (ref.cast eqref (global.get $last)) (global.get $limit)) (i32.const 4))
      (i31.get_s (ref.cast (ref i31) (local.get $old)))))

  (func (export "main") (result i32)
    (local $i i32)
    (local $sum i32)
    (loop $again
      (local.set $sum (i32.add (local.get $sum) (call $tag (local.get $i))))
      (call $push (ref.i31 (i32.mul (local.get $i) (i32.const 10))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 20))))
    (loop $again
      (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 3)) (call $number (call $pop))))
      (local.set $sum (i32.rem_u (local.get $sum) (i32.const 99991)))
      (br_if $again (i32.gt_s (global.get $depth) (i31.get_s (global.get $limit)))))
    ;; The stack's odd places are configurations; make the top an integer again.
    (drop (call $pop))
    (drop (call $pop))
    (if (i32.eqz (ref.test (ref i31) (ref.as_non_null (global.get $last))))
      (then (drop (call $pop))))
    (i32.add (i32.mul (local.get $sum) (i32.const 1000)) (call $swap))))
;; expect: 85003026
