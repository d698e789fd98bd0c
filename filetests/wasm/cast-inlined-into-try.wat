;; A cast within a function that is called where an exception would be caught: inlined, what compares types may throw, too.
(module
  (rec
    (type $shape (sub (struct (field $area i32))))
    (type $square (sub $shape (struct (field $area i32) (field $side (mut i32))))))
  (tag $bad)

  (func $side (param $shape (ref $shape)) (result i32)
    (struct.get $square $side (ref.cast (ref $square) (local.get $shape))))

  (func $side-or (param $shape (ref $shape)) (param $default i32) (result i32)
    (block $caught
      (try_table (catch $bad $caught)
        (return (call $side (local.get $shape)))))
    (local.get $default))

  (func (export "main") (result i32)
    (i32.add
      (call $side-or (struct.new $square (i32.const 49) (i32.const 7)) (i32.const 1))
      (call $side-or (struct.new $square (i32.const 9) (i32.const 3)) (i32.const 2)))))
;; expect: 10
