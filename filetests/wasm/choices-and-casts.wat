;; Casts that always fail, tests of what was chosen, and choices within choices: what the optimizer makes of them guards what it guarded.
(module
  (type $a (array (mut i32)))
  (type $s (sub (struct (field (mut i32)))))
  (global $g (mut anyref) (ref.null any))

  ;; An i31 is no array: this traps wherever it is reached.
  (func (export "cast") (param $n i32) (result (ref null $a))
    (if (result (ref null $a)) (local.get $n)
      (then (ref.cast (ref null $a) (ref.i31 (local.get $n))))
      (else (ref.null $a))))

  ;; Neither is one a struct: the branch is never taken.
  (func (export "branch") (result structref)
    (block $taken (result structref)
      (br_on_cast $taken anyref (ref struct) (ref.i31 (i32.const 5)))
      drop
      (ref.null struct)))

  (func (export "branch-null") (result (ref null $a))
    (block $taken (result (ref null $a))
      (br_on_cast $taken anyref (ref null $a) (ref.i31 (i32.const 5)))
      drop
      (ref.null $a)))

  ;; The same condition chooses twice.
  (func $nested (param $x anyref) (param $y anyref) (param $c i32) (result i32)
    (ref.test (ref $a)
      (select (result anyref)
        (local.get $x)
        (select (result anyref) (local.get $y) (ref.null any) (local.get $c))
        (local.get $c))))

  ;; The global was set to null: this traps wherever it is reached.
  (func $of-global (param $n i32) (result i32)
    (if (i32.eqz (local.get $n)) (then (return (i32.const 0))))
    (global.set $g (ref.null any))
    (struct.get $s 0 (ref.cast (ref $s) (global.get $g))))

  (func $of-eq (param $x (ref null $s)) (param $n i32) (result i32)
    (ref.is_null
      (ref.cast (ref null eq)
        (select (result anyref) (ref.i31 (i32.const 1073741823)) (local.get $x) (local.get $n)))))

  (func (export "main") (result i32)
    (local $s (ref $s))
    (local.set $s (struct.new $s (i32.const 7)))
    (i32.add
      (i32.add
        (call $nested (array.new_default $a (i32.const 3)) (local.get $s) (i32.const 1))
        (i32.mul (i32.const 10) (call $nested (ref.null any) (local.get $s) (i32.const 0))))
      (i32.add
        (i32.add (call $of-global (i32.const 0)) (i32.mul (i32.const 100) (call $of-eq (ref.null $s) (i32.const 0))))
        (i32.mul (i32.const 1000) (call $of-eq (local.get $s) (i32.const 1)))))))
;; expect: 101
