;; Values of languages without static types: small numbers are i31, the rest are objects. In the manner of Scheme and OCaml.
(module
  (type $number (struct (field $value f64)))
  (type $cell (struct (field $head (mut (ref null eq))) (field $tail (mut (ref null eq)))))
  (type $text (array (mut i8)))
  (type $symbol (struct (field $name (ref $text)) (field $hash i32)))
  (type $block (array (mut (ref eq))))
  (rec
  (type $procedure (sub (struct (field $code (ref $code)) (field $arity i32))))
  (type $code (func (param (ref $procedure) (ref null eq)) (result (ref null eq)))))
  (type $closure (sub $procedure (struct (field $code (ref $code)) (field $arity i32) (field $env (ref eq)))))
  (data $foo "foo")

  (func $small (param $n i32) (result (ref eq)) (ref.i31 (local.get $n)))

  ;; An i31 if it fits, a boxed number if not.
  (func $integer (param $n i32) (result (ref eq))
    (if (result (ref eq)) (i32.eq (i32.shr_s (i32.shl (local.get $n) (i32.const 1)) (i32.const 1)) (local.get $n))
      (then (ref.i31 (local.get $n)))
      (else (struct.new $number (f64.convert_i32_s (local.get $n))))))

  (func $to-float (param $x (ref null eq)) (result f64)
    (block $number (result (ref $number))
      (block $small (result (ref i31))
        (br_on_cast $small (ref null eq) (ref i31) (local.get $x))
        (br_on_cast $number (ref null eq) (ref $number))
        drop
        (return (f64.const -1)))
      (return (f64.convert_i32_s (i31.get_s))))
    (struct.get $number $value))

  (func $add (param $x (ref null eq)) (param $y (ref null eq)) (result (ref eq))
    (if (i32.and (ref.test (ref i31) (local.get $x)) (ref.test (ref i31) (local.get $y)))
      (then (return (call $integer (i32.add
        (i31.get_s (ref.cast (ref i31) (local.get $x)))
        (i31.get_s (ref.cast (ref i31) (local.get $y))))))))
    (struct.new $number (f64.add (call $to-float (local.get $x)) (call $to-float (local.get $y)))))

  ;; An i31 that is rebuilt in a loop.
  (func $count (param $to (ref eq)) (result (ref eq))
    (local $i (ref eq)) (local $sum (ref eq))
    (local.set $i (ref.i31 (i32.const 0)))
    (local.set $sum (ref.i31 (i32.const 0)))
    (block $done
      (loop $next
        (br_if $done (ref.eq (local.get $i) (local.get $to)))
        (local.set $sum (call $add (local.get $sum) (local.get $i)))
        (local.set $i (ref.i31 (i32.add (i31.get_s (ref.cast (ref i31) (local.get $i))) (i32.const 1))))
        (br $next)))
    (local.get $sum))

  ;; A counter in a cell: cast, incremented, put back.
  (func $bump (param $cell (ref $cell)) (param $n i32)
    (loop $next
      (struct.set $cell $head (local.get $cell)
        (ref.i31 (i32.add (i31.get_u (ref.cast (ref i31) (struct.get $cell $head (local.get $cell)))) (i32.const 1))))
      (local.set $n (i32.sub (local.get $n) (i32.const 1)))
      (br_if $next (local.get $n))))

  (func $list (param $n i32) (result (ref null eq))
    (local $list (ref null eq))
    (loop $next
      (if (local.get $n)
        (then
          (local.set $list (struct.new $cell (call $integer (i32.mul (local.get $n) (i32.const 100000001))) (local.get $list)))
          (local.set $n (i32.sub (local.get $n) (i32.const 1)))
          (br $next))))
    (local.get $list))

  (func $length (param $list (ref null eq)) (result i32)
    (local $n i32) (local $cell (ref $cell))
    (block $end
      (loop $next
        (local.set $cell (block $is (result (ref $cell))
          (br_on_cast $is (ref null eq) (ref $cell) (local.get $list))
          (drop) (br $end)))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (local.set $list (struct.get $cell $tail (local.get $cell)))
        (br $next)))
    (local.get $n))

  ;; Folds with a closure over the environment.
  (func $fold (param $f (ref null eq)) (param $list (ref null eq)) (result (ref null eq))
    (local $x (ref null eq)) (local $p (ref $procedure)) (local $cell (ref $cell))
    (local.set $p (ref.cast (ref $procedure) (local.get $f)))
    (loop $next
      (if (ref.test (ref $cell) (local.get $list))
        (then
          (local.set $cell (ref.cast (ref $cell) (local.get $list)))
          (local.set $x (call_ref $code (local.get $p) (struct.new $cell (local.get $x) (struct.get $cell $head (local.get $cell)))
            (struct.get $procedure $code (local.get $p))))
          (local.set $list (struct.get $cell $tail (local.get $cell)))
          (br $next))))
    (local.get $x))

  (elem declare func $plus $first)
  (func $plus (type $code) (param $self (ref $procedure)) (param $args (ref null eq)) (result (ref null eq))
    (local $cell (ref $cell)) (local $env (ref eq))
    (local.set $env (struct.get $closure $env (ref.cast (ref $closure) (local.get $self))))
    (local.set $cell (ref.cast (ref $cell) (local.get $args)))
    (call $add (local.get $env)
      (call $add (struct.get $cell $head (local.get $cell)) (struct.get $cell $tail (local.get $cell)))))
  (func $first (type $code) (param $self (ref $procedure)) (param $args (ref null eq)) (result (ref null eq))
    (struct.get $cell $head (ref.cast (ref $cell) (local.get $args))))

  ;; A chain of comparisons by identity.
  (func $kind (param $x (ref null eq)) (param $nil (ref eq)) (param $true (ref eq)) (param $false (ref eq)) (result i32)
    (if (ref.is_null (local.get $x)) (then (return (i32.const 0))))
    (if (ref.eq (local.get $x) (local.get $nil)) (then (return (i32.const 1))))
    (if (ref.eq (local.get $x) (local.get $true)) (then (return (i32.const 2))))
    (if (ref.eq (local.get $x) (local.get $false)) (then (return (i32.const 3))))
    (if (ref.test (ref i31) (local.get $x)) (then (return (i32.const 4))))
    (if (ref.test (ref $cell) (local.get $x)) (then (return (i32.const 5))))
    (if (ref.test (ref $symbol) (local.get $x))
      (then (return (struct.get $symbol $hash (ref.cast (ref $symbol) (local.get $x))))))
    (if (ref.test (ref $block) (local.get $x))
      (then (return (array.len (ref.cast (ref $block) (local.get $x))))))
    (i32.const 9))

  ;; By casts and branches, deep to shallow.
  (func $describe (param $x (ref null eq)) (result i32)
    (block $none
      (block $cell (result (ref $cell))
        (block $symbol (result (ref $symbol))
          (block $block (result (ref $block))
            (block $small (result (ref i31))
              (br_on_null $none (local.get $x))
              (br_on_cast $small (ref eq) (ref i31))
              (br_on_cast $block (ref eq) (ref $block))
              (br_on_cast $symbol (ref eq) (ref $symbol))
              (br_on_cast $cell (ref eq) (ref $cell))
              drop
              (return (i32.const 7)))
            (return (i31.get_s)))
          (return (call $describe (array.get $block (i32.const 0)))))
        (return (array.len (struct.get $symbol $name))))
      (return (call $describe (struct.get $cell $head))))
    (i32.const 3))

  ;; A block of a variant: its first word is the tag.
  (func $area (param $x (ref eq)) (result i32)
    (local $b (ref $block)) (local $tag i32)
    (local.set $b (ref.cast (ref $block) (local.get $x)))
    (local.set $tag (i31.get_s (ref.cast (ref i31) (array.get $block (local.get $b) (i32.const 0)))))
    (if (i32.eq (local.get $tag) (i32.const 0))
      (then (return (i31.get_s (ref.cast (ref i31) (array.get $block (local.get $b) (i32.const 1)))))))
    (i32.mul
      (i31.get_s (ref.cast (ref i31) (array.get $block (local.get $b) (i32.const 1))))
      (i31.get_s (ref.cast (ref i31) (array.get $block (local.get $b) (i32.const 2))))))

  (func $equal (param $x (ref null eq)) (param $y (ref null eq)) (result i32)
    (local $a (ref $cell)) (local $b (ref $cell))
    (block $no
      (loop $next
        (if (ref.eq (local.get $x) (local.get $y)) (then (return (i32.const 1))))
        (if (ref.test (ref $number) (local.get $x))
          (then
            (br_if $no (i32.eqz (ref.test (ref $number) (local.get $y))))
            (return (f64.eq
              (struct.get $number $value (ref.cast (ref $number) (local.get $x)))
              (struct.get $number $value (ref.cast (ref $number) (local.get $y)))))))
        (br_if $no (i32.eqz (i32.and (ref.test (ref $cell) (local.get $x)) (ref.test (ref $cell) (local.get $y)))))
        (local.set $a (ref.cast (ref $cell) (local.get $x)))
        (local.set $b (ref.cast (ref $cell) (local.get $y)))
        (br_if $no (i32.eqz (call $equal (struct.get $cell $head (local.get $a)) (struct.get $cell $head (local.get $b)))))
        (local.set $x (struct.get $cell $tail (local.get $a)))
        (local.set $y (struct.get $cell $tail (local.get $b)))
        (br $next)))
    (i32.const 0))

  ;; A list is reversed in place.
  (func $reverse (param $list (ref null eq)) (result (ref null eq))
    (local $done (ref null eq)) (local $rest (ref null eq))
    (loop $next
      (if (ref.test (ref $cell) (local.get $list))
        (then
          (local.set $rest (struct.get $cell $tail (ref.cast (ref $cell) (local.get $list))))
          (struct.set $cell $tail (ref.cast (ref $cell) (local.get $list)) (local.get $done))
          (local.set $done (local.get $list))
          (local.set $list (local.get $rest))
          (br $next))))
    (local.get $done))

  (func (export "main") (result i32)
    (local $sum i32) (local $cell (ref $cell)) (local $list (ref null eq)) (local $symbol (ref $symbol))
    (local $nil (ref eq)) (local $true (ref eq)) (local $false (ref eq))
    (local.set $nil (struct.new $cell (ref.null eq) (ref.null eq)))
    (local.set $true (struct.new $cell (ref.null eq) (ref.null eq)))
    (local.set $false (struct.new $cell (ref.null eq) (ref.null eq)))
    (local.set $symbol (struct.new $symbol (array.new_data $text $foo (i32.const 0) (i32.const 3)) (i32.const 77)))
    (local.set $sum (i31.get_s (ref.cast (ref i31) (call $count (ref.i31 (i32.const 10))))))
    (local.set $cell (struct.new $cell (ref.i31 (i32.const 1)) (ref.null eq)))
    (call $bump (local.get $cell) (i32.const 20))
    (local.set $sum (i32.add (local.get $sum) (call $describe (local.get $cell))))
    (local.set $list (call $list (i32.const 12)))
    (local.set $sum (i32.add (local.get $sum) (call $length (local.get $list))))
    (local.set $sum (i32.add (local.get $sum) (i32.trunc_f64_s (call $to-float
      (call $fold (struct.new $closure (ref.func $plus) (i32.const 2) (ref.i31 (i32.const 1))) (call $list (i32.const 3)))))))
    (local.set $sum (i32.add (local.get $sum) (call $kind (local.get $symbol) (local.get $nil) (local.get $true) (local.get $false))))
    (local.set $sum (i32.add (local.get $sum) (call $kind (local.get $true) (local.get $nil) (local.get $true) (local.get $false))))
    (local.set $sum (i32.add (local.get $sum) (call $describe (local.get $symbol))))
    (local.set $sum (i32.add (local.get $sum) (call $area
      (array.new_fixed $block 3 (ref.i31 (i32.const 1)) (ref.i31 (i32.const 6)) (ref.i31 (i32.const 7))))))
    (local.set $sum (i32.add (local.get $sum) (call $equal (call $list (i32.const 5)) (call $list (i32.const 5)))))
    (i32.add (local.get $sum) (call $length (call $reverse (local.get $list))))))
;; expect: 600000223
