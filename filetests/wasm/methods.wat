;; Classes with virtual methods in vtables, interfaces by test, as compiled from Java or Kotlin.
(module
  (rec
    (type $object (sub (struct (field $vtable (ref $object-vtable)))))
    (type $hash (func (param (ref $object)) (result i32)))
    (type $equals (func (param (ref $object) (ref null $object)) (result i32)))
    (type $object-vtable
      (sub (struct (field $hash (ref $hash)) (field $equals (ref $equals)))))
    (type $scale (func (param (ref $object) i32) (result (ref $object))))
    (type $number-vtable
      (sub $object-vtable
        (struct (field $hash (ref $hash)) (field $equals (ref $equals)) (field $scale (ref $scale)))))
    (type $number
      (sub $object (struct (field $vtable (ref $number-vtable)) (field $n i32))))
    (type $list
      (sub $object
        (struct (field $vtable (ref $object-vtable)) (field $items (mut (ref $items)))
          (field $size (mut i32)))))
    (type $items (array (mut (ref null $object)))))

  (global $number-vtable (ref $number-vtable)
    (struct.new $number-vtable
      (ref.func $number-hash) (ref.func $number-equals) (ref.func $number-scale)))
  (global $list-vtable (ref $object-vtable)
    (struct.new $object-vtable (ref.func $list-hash) (ref.func $same)))

  (func $hash (param $this (ref $object)) (result i32)
    (return_call_ref $hash (local.get $this)
      (struct.get $object-vtable $hash (struct.get $object $vtable (local.get $this)))))
  (func $equals (param $this (ref $object)) (param $that (ref null $object)) (result i32)
    (return_call_ref $equals (local.get $this) (local.get $that)
      (struct.get $object-vtable $equals (struct.get $object $vtable (local.get $this)))))

  (func $same (type $equals) (param $this (ref $object)) (param $that (ref null $object)) (result i32)
    (ref.eq (local.get $this) (local.get $that)))

  (func $number (param $n i32) (result (ref $number))
    (struct.new $number (global.get $number-vtable) (local.get $n)))
  (func $number-hash (type $hash) (param $this (ref $object)) (result i32)
    (struct.get $number $n (ref.cast (ref $number) (local.get $this))))
  (func $number-equals (type $equals) (param $this (ref $object)) (param $that (ref null $object)) (result i32)
    (block $no (result (ref null $object))
      (return
        (i32.eq
          (struct.get $number $n
            (br_on_cast_fail $no (ref null $object) (ref $number) (local.get $that)))
          (struct.get $number $n (ref.cast (ref $number) (local.get $this))))))
    (drop)
    (i32.const 0))
  (func $number-scale (type $scale) (param $this (ref $object)) (param $k i32) (result (ref $object))
    (call $number
      (i32.mul (local.get $k)
        (struct.get $number $n (ref.cast (ref $number) (local.get $this))))))

  (func $list (result (ref $list))
    (struct.new $list (global.get $list-vtable) (array.new_default $items (i32.const 2)) (i32.const 0)))
  (func $list-hash (type $hash) (param $this (ref $object)) (result i32)
    (local $list (ref $list))
    (local $i i32)
    (local $hash i32)
    (local.set $list (ref.cast (ref $list) (local.get $this)))
    (local.set $hash (i32.const 1))
    (block $end
      (loop $again
        (br_if $end (i32.ge_u (local.get $i) (struct.get $list $size (local.get $list))))
        (local.set $hash
          (i32.rem_u
            (i32.add
              (i32.mul (local.get $hash) (i32.const 31))
              (call $hash
                (ref.as_non_null
                  (array.get $items
                    (struct.get $list $items (local.get $list)) (local.get $i)))))
            (i32.const 65521)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (local.get $hash))
  (func $add (param $this (ref $list)) (param $item (ref $object))
    (local $bigger (ref $items))
    (local $size i32)
    (local.set $size (struct.get $list $size (local.get $this)))
    (if (i32.eq (local.get $size) (array.len (struct.get $list $items (local.get $this))))
      (then
        (local.set $bigger (array.new_default $items (i32.mul (local.get $size) (i32.const 2))))
        (array.copy $items $items
          (local.get $bigger) (i32.const 0)
          (struct.get $list $items (local.get $this)) (i32.const 0)
          (local.get $size))
        (struct.set $list $items (local.get $this) (local.get $bigger))))
    (array.set $items (struct.get $list $items (local.get $this)) (local.get $size) (local.get $item))
    (struct.set $list $size (local.get $this) (i32.add (local.get $size) (i32.const 1))))

  (func $index-of (param $this (ref $list)) (param $what (ref $object)) (result i32)
    (local $i i32)
    (loop $again
      (if (call $equals (local.get $what)
            (array.get $items (struct.get $list $items (local.get $this)) (local.get $i)))
        (then (return (local.get $i))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (struct.get $list $size (local.get $this)))))
    (i32.const -1))

  (func (export "main") (result i32)
    (local $outer (ref $list))
    (local $inner (ref $list))
    (local $n (ref $number))
    (local $i i32)
    (local.set $outer (call $list))
    (local.set $inner (call $list))
    (loop $again
      (local.set $n (call $number (local.get $i)))
      (call $add (local.get $inner)
        (call_ref $scale (local.get $n) (i32.const 3)
          (struct.get $number-vtable $scale (struct.get $number $vtable (local.get $n)))))
      (call $add (local.get $outer) (local.get $n))
      (if (i32.eqz (i32.rem_u (local.get $i) (i32.const 5)))
        (then
          (call $add (local.get $outer) (local.get $inner))
          (if (i32.rem_u (local.get $i) (i32.const 2)) (then (local.set $inner (call $list))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 33))))
    (i32.add
      (call $hash (local.get $outer))
      (i32.mul (i32.const 100000)
        (i32.add
          (i32.mul (i32.const 1000) (call $index-of (local.get $outer) (call $number (i32.const 21))))
          (i32.add
            (i32.mul (i32.const 100) (call $index-of (local.get $inner) (call $number (i32.const 96))))
            (call $index-of (local.get $outer) (call $list))))))))
;; expect: -1635013785
