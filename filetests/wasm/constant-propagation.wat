;; Constant propagation by hand over tagged and boxed integers in globals that are written twice.
(module
  (type $float (struct (field $value f64)))
  (type $tuple (array (mut (ref eq))))

  ;; As OCaml's top-level bindings: first a dummy, then the value.
  (global $x (mut anyref) (ref.i31 (i32.const 0)))
  (global $y (mut anyref) (ref.null any))
  (global $z (mut (ref eq)) (ref.i31 (i32.const 0)))
  (global $failures (mut i32) (i32.const 0))
  (global $checks (mut i32) (i32.const 0))

  (func $check (param $got (ref eq)) (param $want (ref eq))
    (global.set $checks (i32.add (global.get $checks) (i32.const 1)))
    (if (call $differ (local.get $got) (local.get $want))
      (then (global.set $failures (i32.add (global.get $failures) (i32.const 1))))))

  (func $differ (param $a (ref eq)) (param $b (ref eq)) (result i32)
    (if (ref.eq (local.get $a) (local.get $b)) (then (return (i32.const 0))))
    (block $no
      (return
        (f64.ne
          (struct.get $float $value
            (block $a-float (result (ref $float))
              (br $no (drop (br_on_cast $a-float (ref eq) (ref $float) (local.get $a))))))
          (struct.get $float $value
            (block $b-float (result (ref $float))
              (br $no (drop (br_on_cast $b-float (ref eq) (ref $float) (local.get $b)))))))))
    (i32.const 1))

  ;; The identity, opaque to an optimizer that does not inline.
  (func $opaque (param $v (ref eq)) (result (ref eq)) (local.get $v))

  (func $int (param $v (ref eq)) (result i32)
    (i31.get_s (ref.cast (ref i31) (local.get $v))))

  (func $arithmetic (param $a (ref eq)) (param $b (ref eq))
    (call $check
      (ref.i31 (i32.add (call $int (local.get $a)) (call $int (local.get $b))))
      (ref.i31 (i32.const 42)))
    (call $check
      (ref.i31 (i32.sub (call $int (local.get $a)) (call $int (local.get $b))))
      (ref.i31 (i32.const 38)))
    (call $check
      (ref.i31 (i32.mul (call $int (local.get $a)) (call $int (local.get $b))))
      (ref.i31 (i32.const 80)))
    (call $check
      (ref.i31 (i32.div_s (call $int (local.get $a)) (call $int (local.get $b))))
      (ref.i31 (i32.const 20)))
    (call $check
      (ref.i31 (i32.shl (call $int (local.get $a)) (i32.const 28)))
      (ref.i31 (i32.const 0x80000000)))
    (call $check
      (ref.i31 (i32.shr_s (i32.const -40) (call $int (local.get $b))))
      (ref.i31 (i32.const -10))))

  (func $floats (param $a (ref $float)) (param $b (ref $float))
    (call $check
      (struct.new $float
        (f64.add (struct.get $float $value (local.get $a)) (struct.get $float $value (local.get $b))))
      (struct.new $float (f64.const 4.75)))
    (call $check
      (call $opaque (struct.new $float (f64.neg (struct.get $float $value (local.get $a)))))
      (struct.new $float (f64.const -3.25)))
    (call $check
      (struct.new $float (f64.floor (struct.get $float $value (local.get $b))))
      (struct.new $float (f64.const 1))))

  (func $toplevel
    ;; The reference that the first write put there is dropped by the second one.
    (global.set $x (struct.new $float (f64.const 3.25)))
    (global.set $x (call $opaque (ref.i31 (i32.const 40))))
    (global.set $y (ref.i31 (i32.const 1)))
    (global.set $y (struct.new $float (f64.const 1.5)))
    (global.set $z (array.new_fixed $tuple 2 (ref.i31 (i32.const 2)) (ref.i31 (i32.const 3))))
    (call $arithmetic
      (ref.cast (ref eq) (global.get $x))
      (array.get $tuple (ref.cast (ref $tuple) (global.get $z)) (i32.const 0)))
    (call $floats
      (struct.new $float (f64.const 3.25))
      (ref.cast (ref $float) (global.get $y)))
    (call $check (ref.cast (ref eq) (global.get $y)) (struct.new $float (f64.const 1.5)))
    (call $check (ref.cast (ref eq) (global.get $x)) (ref.i31 (i32.const 40)))
    ;; A constant condition on each side.
    (call $check
      (select (result (ref eq))
        (call $opaque (global.get $z)) (ref.i31 (i32.const 7)) (i32.const 1))
      (global.get $z))
    (call $check
      (if (result (ref eq)) (i32.const 0)
        (then (global.get $z))
        (else (call $opaque (ref.i31 (i32.const -1)))))
      (ref.i31 (i32.const 0x7fffffff))))

  (func (export "main") (result i32)
    (local $i i32)
    (loop $again
      (call $toplevel)
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 10))))
    (i32.add (i32.mul (global.get $failures) (i32.const 1000)) (global.get $checks))))
;; expect: 130
