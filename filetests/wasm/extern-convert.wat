;; Sends values through externref and back, by globals, tables, fields and calls.
(module
  (type $point (struct (field $x i32) (field $y i32)))
  (type $foreign (struct (field $handle (mut externref)) (field $next (ref null $foreign))))
  (type $externs (array (mut externref)))

  (table $handles 4 externref)
  (global $hidden (mut externref) (ref.null extern))

  (func $hide (param $x anyref) (result externref)
    (extern.convert_any (local.get $x)))

  (func $seen (param $x externref) (result i32)
    (local $value anyref)
    (local.set $value (any.convert_extern (local.get $x)))
    (block $null
      (block $number (result (ref i31))
        (drop
          (br_on_cast $number (ref any) (ref i31)
            (br_on_null $null (local.get $value))))
        (return
          (i32.add
            (struct.get $point $x (ref.cast (ref $point) (local.get $value)))
            (struct.get $point $y (ref.cast (ref $point) (any.convert_extern (local.get $x)))))))
      (return (i31.get_s)))
    (i32.const 1000))

  (func $point (param $x i32) (param $y i32) (result (ref extern))
    (extern.convert_any (struct.new $point (local.get $x) (local.get $y))))

  (func $chain (param $n i32) (result (ref null $foreign))
    (local $list (ref null $foreign))
    (loop $again
      (local.set $list
        (struct.new $foreign
          (if (result externref) (i32.and (local.get $n) (i32.const 1))
            (then (call $hide (ref.i31 (local.get $n))))
            (else (call $point (local.get $n) (i32.const 1))))
          (local.get $list)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))
    (local.get $list))

  (func (export "main") (result i32)
    (local $list (ref null $foreign))
    (local $externs (ref $externs))
    (local $same (ref null $point))
    (local $sum i32)
    (local $i i32)
    (local.set $list (call $chain (i32.const 30)))
    (block $end
      (loop $again
        (br_if $end (ref.is_null (local.get $list)))
        (local.set $sum
          (i32.add (local.get $sum) (call $seen (struct.get $foreign $handle (local.get $list)))))
        (global.set $hidden (struct.get $foreign $handle (local.get $list)))
        (local.set $list (struct.get $foreign $next (local.get $list)))
        (br $again)))
    (table.set $handles (i32.const 1) (call $point (i32.const 10000) (i32.const 20000)))
    (table.set $handles (i32.const 2) (global.get $hidden))
    (local.set $externs
      (array.new_fixed $externs 4
        (table.get $handles (i32.const 0))
        (table.get $handles (i32.const 1))
        (table.get $handles (i32.const 2))
        (extern.convert_any (ref.i31 (i32.const -5)))))
    (loop $again
      (local.set $sum
        (i32.add (local.get $sum)
          (call $seen (array.get $externs (local.get $externs) (local.get $i)))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (array.len (local.get $externs)))))
    ;; Identity survives the trip.
    (local.set $same (struct.new $point (i32.const 1) (i32.const 2)))
    (array.set $externs (local.get $externs) (i32.const 0) (extern.convert_any (local.get $same)))
    (i32.add (local.get $sum)
      (i32.mul (i32.const 1000000)
        (ref.eq
          (local.get $same)
          (ref.cast (ref null $point)
            (any.convert_extern (array.get $externs (local.get $externs) (i32.const 0)))))))))
;; expect: 1031506
