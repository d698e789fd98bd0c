;; A hash table with open addressing over arrays of references, which grows as it fills.
(module
  (type $entry (struct (field $key (ref eq)) (field $hash i32) (field $value (mut (ref eq)))))
  (type $entries (array (mut (ref null $entry))))
  (type $table (struct (field $entries (mut (ref $entries))) (field $used (mut i32))))
  (type $name (struct (field $id i32) (field $suffix (ref i31))))

  (func $new (param $capacity i32) (result (ref $table))
    (struct.new $table (array.new_default $entries (local.get $capacity)) (i32.const 0)))

  (func $hash (param $key (ref eq)) (result i32)
    (block $name (result (ref $name))
      (return
        (i32.mul
          (i31.get_u
            (ref.cast (ref i31) (br_on_cast $name (ref eq) (ref $name) (local.get $key))))
          (i32.const 0x9e3779b1))))
    (i32.rotl (struct.get $name $id) (i32.const 16)))

  (func $equal (param $a (ref eq)) (param $b (ref eq)) (result i32)
    (if (ref.eq (local.get $a) (local.get $b)) (then (return (i32.const 1))))
    (if (i32.and
          (ref.test (ref $name) (local.get $a))
          (ref.test (ref $name) (local.get $b)))
      (then
        (if (ref.eq
              (struct.get $name $suffix (ref.cast (ref $name) (local.get $a)))
              (struct.get $name $suffix (ref.cast (ref $name) (local.get $b))))
          (then
            (return
              (i32.eq
                (struct.get $name $id (ref.cast (ref $name) (local.get $a)))
                (struct.get $name $id (ref.cast (ref $name) (local.get $b)))))))))
    (i32.const 0))

  ;; The index of the key's entry, or of the empty one where it goes.
  (func $find (param $entries (ref $entries)) (param $key (ref eq)) (param $hash i32) (result i32)
    (local $i i32)
    (local $mask i32)
    (local $entry (ref null $entry))
    (local.set $mask (i32.sub (array.len (local.get $entries)) (i32.const 1)))
    (local.set $i (i32.and (local.get $hash) (local.get $mask)))
    (loop $again
      (local.set $entry (array.get $entries (local.get $entries) (local.get $i)))
      (if (ref.is_null (local.get $entry)) (then (return (local.get $i))))
      (if (i32.eq (struct.get $entry $hash (local.get $entry)) (local.get $hash))
        (then
          (if (call $equal (struct.get $entry $key (local.get $entry)) (local.get $key))
            (then (return (local.get $i))))))
      (local.set $i (i32.and (i32.add (local.get $i) (i32.const 1)) (local.get $mask)))
      (br $again))
    (unreachable))

  (func $grow (param $table (ref $table))
    (local $old (ref $entries))
    (local $new (ref $entries))
    (local $entry (ref null $entry))
    (local $i i32)
    (local.set $old (struct.get $table $entries (local.get $table)))
    (local.set $new
      (array.new_default $entries (i32.mul (i32.const 2) (array.len (local.get $old)))))
    (loop $again
      (local.set $entry (array.get $entries (local.get $old) (local.get $i)))
      (if (i32.eqz (ref.is_null (local.get $entry)))
        (then
          (array.set $entries (local.get $new)
            (call $find
              (local.get $new)
              (struct.get $entry $key (local.get $entry))
              (struct.get $entry $hash (local.get $entry)))
            (local.get $entry))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (array.len (local.get $old)))))
    (struct.set $table $entries (local.get $table) (local.get $new)))

  (func $put (param $table (ref $table)) (param $key (ref eq)) (param $value (ref eq))
    (local $hash i32)
    (local $i i32)
    (if (i32.gt_u
          (i32.mul (struct.get $table $used (local.get $table)) (i32.const 2))
          (array.len (struct.get $table $entries (local.get $table))))
      (then (call $grow (local.get $table))))
    (local.set $hash (call $hash (local.get $key)))
    (local.set $i
      (call $find
        (struct.get $table $entries (local.get $table)) (local.get $key) (local.get $hash)))
    (block $absent
      (struct.set $entry $value
        (br_on_null $absent
          (array.get $entries
            (struct.get $table $entries (local.get $table)) (local.get $i)))
        (local.get $value))
      (return))
    (array.set $entries (struct.get $table $entries (local.get $table)) (local.get $i)
      (struct.new $entry (local.get $key) (local.get $hash) (local.get $value)))
    (struct.set $table $used (local.get $table)
      (i32.add (struct.get $table $used (local.get $table)) (i32.const 1))))

  (func $get (param $table (ref $table)) (param $key (ref eq)) (result (ref null eq))
    (local $entry (ref null $entry))
    (local.set $entry
      (array.get $entries
        (struct.get $table $entries (local.get $table))
        (call $find
          (struct.get $table $entries (local.get $table))
          (local.get $key)
          (call $hash (local.get $key)))))
    (if (result (ref null eq)) (ref.is_null (local.get $entry))
      (then (ref.null eq))
      (else (struct.get $entry $value (local.get $entry)))))

  (func $key (param $i i32) (result (ref eq))
    (if (result (ref eq)) (i32.rem_u (local.get $i) (i32.const 3))
      (then (struct.new $name (local.get $i) (ref.i31 (i32.and (local.get $i) (i32.const 7)))))
      (else (ref.i31 (local.get $i)))))

  (func (export "main") (result i32)
    (local $table (ref $table))
    (local $value (ref null eq))
    (local $i i32)
    (local $sum i32)
    (local.set $table (call $new (i32.const 4)))
    (loop $again
      (call $put (local.get $table)
        (call $key (i32.rem_u (i32.mul (local.get $i) (i32.const 7)) (i32.const 130)))
        (ref.i31 (local.get $i)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 200))))
    (local.set $i (i32.const 0))
    (loop $again
      (local.set $value (call $get (local.get $table) (call $key (local.get $i))))
      (local.set $sum
        (i32.add (local.get $sum)
          (if (result i32) (ref.is_null (local.get $value))
            (then (i32.const 100000))
            (else
              (i32.mul
                (i31.get_u (ref.cast (ref i31) (local.get $value)))
                (i32.and (local.get $i) (i32.const 3)))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (i32.const 140))))
    (i32.add (local.get $sum)
      (i32.mul (i32.const 10000000) (struct.get $table $used (local.get $table))))))
;; expect: 1301026223
