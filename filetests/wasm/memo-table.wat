;; Memoised functions with a table of anyref, whose entries are tagged or boxed numbers or null.
(module
  (type $big (struct (field $n i64)))
  (type $memo (array (mut (ref null $big))))

  (table $memo 0 anyref)
  (global $misses (mut i32) (i32.const 0))

  (func $box (param $n i64) (result (ref eq))
    (if (result (ref eq)) (i64.lt_u (local.get $n) (i64.const 1000000))
      (then (ref.i31 (i32.wrap_i64 (local.get $n))))
      (else (struct.new $big (local.get $n)))))

  (func $unbox (param $x anyref) (result i64)
    (block $small (result (ref i31))
      (return
        (struct.get $big $n
          (ref.cast (ref $big)
            (br_on_cast $small anyref (ref i31) (local.get $x))))))
    (i64.extend_i32_u (i31.get_u)))

  (func $fibonacci (param $n i32) (result anyref)
    (local $known anyref)
    (local $a anyref)
    (if (i32.lt_u (local.get $n) (i32.const 2))
      (then (return (ref.i31 (local.get $n)))))
    (if (i32.ge_u (local.get $n) (table.size $memo))
      (then
        (drop
          (table.grow $memo (ref.null any)
            (i32.sub (i32.add (local.get $n) (i32.const 1)) (table.size $memo))))))
    (local.set $known (table.get $memo (local.get $n)))
    (if (i32.eqz (ref.is_null (local.get $known))) (then (return (local.get $known))))
    (global.set $misses (i32.add (global.get $misses) (i32.const 1)))
    (local.set $a (call $fibonacci (i32.sub (local.get $n) (i32.const 1))))
    (table.set $memo (local.get $n)
      (call $box
        (i64.add
          (call $unbox (local.get $a))
          (call $unbox (call $fibonacci (i32.sub (local.get $n) (i32.const 2)))))))
    (table.get $memo (local.get $n)))

  ;; Binomial coefficients with the memo table in an array that the recursion passes on.
  (func $choose (param $memo (ref $memo)) (param $n i32) (param $k i32) (result (ref $big))
    (local $at i32)
    (local $left (ref $big))
    (if (i32.or (i32.eqz (local.get $k)) (i32.eq (local.get $k) (local.get $n)))
      (then (return (struct.new $big (i64.const 1)))))
    (local.set $at (i32.add (i32.mul (local.get $n) (i32.const 40)) (local.get $k)))
    (block $unknown
      (return (br_on_null $unknown (array.get $memo (local.get $memo) (local.get $at)))))
    (local.set $left
      (call $choose (local.get $memo)
        (i32.sub (local.get $n) (i32.const 1)) (i32.sub (local.get $k) (i32.const 1))))
    (local.set $left
      (struct.new $big
        (i64.add
          (struct.get $big $n (local.get $left))
          (struct.get $big $n
            (call $choose (local.get $memo)
              (i32.sub (local.get $n) (i32.const 1)) (local.get $k))))))
    (array.set $memo (local.get $memo) (local.get $at) (local.get $left))
    (local.get $left))

  (func (export "main") (result i64)
    (local $first anyref)
    (local.set $first (call $fibonacci (i32.const 20)))
    (i64.add
      (i64.add
        (call $unbox (call $fibonacci (i32.const 80)))
        (i64.mul (i64.const 1000000) (call $unbox (local.get $first))))
      (i64.add
        (struct.get $big $n
          (call $choose
            (array.new_default $memo (i32.const 1600)) (i32.const 36) (i32.const 17)))
        (i64.mul (i64.const 10000000000000) (i64.extend_i32_u (global.get $misses)))))))
;; expect: 24206743710964285
