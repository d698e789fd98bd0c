;; Lazy streams: cells whose tail is a thunk that is forced once and then updated in place.
(module
  (rec
    (type $force (func (param (ref $thunk)) (result (ref $cell))))
    (type $thunk
      (sub (struct (field $code (mut (ref null $force))) (field $value (mut (ref null $cell))))))
    (type $cell (struct (field $head i32) (field $tail (ref $thunk))))
    (type $from
      (sub $thunk
        (struct (field $code (mut (ref null $force))) (field $value (mut (ref null $cell)))
          (field $n i32))))
    (type $sieve
      (sub $thunk
        (struct (field $code (mut (ref null $force))) (field $value (mut (ref null $cell)))
          (field $source (mut (ref null $thunk))) (field $prime i32)))))
  (elem declare func $from-code $filter-code $sieve-code)
  (global $forced (mut i32) (i32.const 0))

  (func $force (param $t (ref $thunk)) (result (ref $cell))
    (local $code (ref null $force))
    (block $done
      (local.set $code (br_on_null $done (struct.get $thunk $code (local.get $t))))
      (global.set $forced (i32.add (global.get $forced) (i32.const 1)))
      ;; The thunk is live over its own evaluation.
      (struct.set $thunk $value (local.get $t)
        (call_ref $force (local.get $t) (local.get $code)))
      (struct.set $thunk $code (local.get $t) (ref.null $force)))
    (ref.as_non_null (struct.get $thunk $value (local.get $t))))

  (func $from (param $n i32) (result (ref $thunk))
    (struct.new $from (ref.func $from-code) (ref.null $cell) (local.get $n)))
  (func $from-code (type $force) (param $t (ref $thunk)) (result (ref $cell))
    (local $n i32)
    (local.set $n (struct.get $from $n (ref.cast (ref $from) (local.get $t))))
    (struct.new $cell (local.get $n) (call $from (i32.add (local.get $n) (i32.const 1)))))

  (func $filter (param $source (ref $thunk)) (param $prime i32) (result (ref $thunk))
    (struct.new $sieve
      (ref.func $filter-code) (ref.null $cell) (local.get $source) (local.get $prime)))
  (func $filter-code (type $force) (param $t (ref $thunk)) (result (ref $cell))
    (local $me (ref $sieve))
    (local $cell (ref $cell))
    (local.set $me (ref.cast (ref $sieve) (local.get $t)))
    (local.set $cell (call $force (ref.as_non_null (struct.get $sieve $source (local.get $me)))))
    (loop $again
      (if (i32.eqz
            (i32.rem_u
              (struct.get $cell $head (local.get $cell)) (struct.get $sieve $prime (local.get $me))))
        (then
          (local.set $cell (call $force (struct.get $cell $tail (local.get $cell))))
          (br $again))))
    (struct.set $sieve $source (local.get $me) (ref.null $thunk))
    (struct.new $cell
      (struct.get $cell $head (local.get $cell))
      (call $filter
        (struct.get $cell $tail (local.get $cell)) (struct.get $sieve $prime (local.get $me)))))

  (func $sieve (param $source (ref $thunk)) (result (ref $thunk))
    (struct.new $sieve (ref.func $sieve-code) (ref.null $cell) (local.get $source) (i32.const 0)))
  (func $sieve-code (type $force) (param $t (ref $thunk)) (result (ref $cell))
    (local $cell (ref $cell))
    (local.set $cell
      (call $force
        (ref.as_non_null (struct.get $sieve $source (ref.cast (ref $sieve) (local.get $t))))))
    (struct.new $cell
      (struct.get $cell $head (local.get $cell))
      (call $sieve
        (call $filter
          (struct.get $cell $tail (local.get $cell))
          (struct.get $cell $head (local.get $cell))))))

  (func $sum (param $t (ref $thunk)) (param $n i32) (result i32)
    (local $cell (ref $cell))
    (local $sum i32)
    (loop $again
      (local.set $cell (call $force (local.get $t)))
      (local.set $sum (i32.add (local.get $sum) (struct.get $cell $head (local.get $cell))))
      (local.set $t (struct.get $cell $tail (local.get $cell)))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $again (local.get $n)))
    (local.get $sum))

  (func (export "main") (result i32)
    (local $primes (ref $thunk))
    (local $first i32)
    (local $once i32)
    (local.set $primes (call $sieve (call $from (i32.const 2))))
    (local.set $first (call $sum (local.get $primes) (i32.const 30)))
    (local.set $once (global.get $forced))
    ;; The second time nothing is forced.
    (i32.add
      (i32.mul (i32.const 1000)
        (i32.add (local.get $first) (call $sum (local.get $primes) (i32.const 20))))
      (i32.sub (global.get $forced) (local.get $once)))))
;; expect: 2232000
