;; Types that nothing but a cast names: what they are below, and whether they are arrays, has to be known for what comes after it.
(module
  (type $point (sub (struct (field $x i32))))
  (type $point3 (sub $point (struct (field $x i32) (field $data (mut anyref)))))
  (type $bytes (array (mut i8)))

  (func $x (param $p anyref) (result i32)
    (struct.get $point $x (ref.cast (ref $point3) (local.get $p))))

  (func $as-point (param $p eqref) (result (ref $point))
    (ref.cast (ref $point3) (local.get $p)))

  (func $x-or-trap (param $p anyref) (result i32)
    (block $is-point (result (ref $point))
      (br_on_cast $is-point anyref (ref $point3) (local.get $p))
      (unreachable))
    (struct.get $point $x))

  (func $length (param $a anyref) (result i32)
    (array.len (ref.cast (ref $bytes) (local.get $a))))

  (func $new (param $x i32) (result anyref)
    (struct.new $point3 (local.get $x) (ref.null none)))

  (func (export "main") (result i32)
    (i32.add
      (i32.add
        (call $x (call $new (i32.const 1)))
        (struct.get $point $x (call $as-point (struct.new $point3 (i32.const 20) (ref.null none)))))
      (i32.add
        (call $x-or-trap (call $new (i32.const 300)))
        (call $length (array.new_default $bytes (i32.const 4000)))))))
;; expect: 4321
