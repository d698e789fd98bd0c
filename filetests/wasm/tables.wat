;; Tables of references: get, set, grow, fill, copy, init, size, and calls through them.
(module
  (type $entry (struct (field $key i32) (field $hits (mut i32))))
  (type $visit (func (param (ref $entry)) (result i32)))

  (table $entries 4 (ref null $entry))
  (table $spare 8 anyref)
  (table $code 2 funcref)
  (elem $visitors funcref (ref.func $hit) (ref.func $key) (ref.func $double))
  (elem $constants anyref (ref.i31 (i32.const 11)) (struct.new $entry (i32.const 22) (i32.const 1)))

  (func $hit (type $visit) (param $entry (ref $entry)) (result i32)
    (struct.set $entry $hits (local.get $entry)
      (i32.add (struct.get $entry $hits (local.get $entry)) (i32.const 1)))
    (struct.get $entry $hits (local.get $entry)))
  (func $key (type $visit) (param $entry (ref $entry)) (result i32)
    (struct.get $entry $key (local.get $entry)))
  (func $double (type $visit) (param $entry (ref $entry)) (result i32)
    (i32.mul (i32.const 2) (call $key (call $new (call $key (local.get $entry))))))

  (func $new (param $key i32) (result (ref $entry))
    (struct.new $entry (local.get $key) (i32.const 0)))

  ;; The entry with this key; the table grows if there is none.
  (func $intern (param $key i32) (result (ref $entry))
    (local $i i32)
    (local $entry (ref null $entry))
    (local $fresh (ref $entry))
    (block $absent
      (loop $again
        (br_if $absent (i32.ge_u (local.get $i) (table.size $entries)))
        (local.set $entry (table.get $entries (local.get $i)))
        (if (i32.eqz (ref.is_null (local.get $entry)))
          (then
            (if (i32.eq (struct.get $entry $key (local.get $entry)) (local.get $key))
              (then (return (ref.as_non_null (local.get $entry)))))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (local.set $fresh (call $new (local.get $key)))
    (drop (table.grow $entries (local.get $fresh) (i32.const 1)))
    (local.get $fresh))

  (func $visit (param $which i32) (param $entry (ref $entry)) (result i32)
    (return_call_indirect $code (type $visit) (local.get $entry) (local.get $which)))

  (func $value (param $x anyref) (result i32)
    (struct.get $entry $key
      (block $entry (result (ref $entry))
        (return
          (i31.get_s
            (ref.cast (ref i31) (br_on_cast $entry anyref (ref $entry) (local.get $x))))))))

  (func (export "main") (result i32)
    (local $i i32)
    (local $sum i32)
    (local $entry (ref $entry))
    (table.init $code $visitors (i32.const 0) (i32.const 0) (i32.const 2))
    (loop $again
      (local.set $entry (call $intern (i32.rem_u (i32.mul (local.get $i) (i32.const 13)) (i32.const 10))))
      (local.set $sum (i32.add (local.get $sum) (call $visit (i32.const 0) (local.get $entry))))
      (local.set $sum (i32.add (local.get $sum) (call $visit (i32.const 1) (local.get $entry))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 35))))
    ;; 4 nulls and 10 entries.
    (local.set $sum (i32.add (local.get $sum) (i32.mul (i32.const 1000) (table.size $entries))))
    ;; The first four places get the entry with key 9; a later one changes the code.
    (table.fill $entries (i32.const 0) (call $intern (i32.const 9)) (i32.const 4))
    (table.set $code (i32.const 0) (ref.func $double))
    (local.set $sum
      (i32.add (local.get $sum)
        (call $visit (i32.const 0) (ref.as_non_null (table.get $entries (i32.const 3))))))
    ;; spare: 11 22 22 11 22 22 11 22 (overlapping copies)
    (table.init $spare $constants (i32.const 0) (i32.const 0) (i32.const 2))
    (table.copy $spare $spare (i32.const 2) (i32.const 1) (i32.const 1))
    (table.copy $spare $spare (i32.const 3) (i32.const 0) (i32.const 3))
    (table.copy $spare $spare (i32.const 5) (i32.const 2) (i32.const 3))
    (local.set $i (i32.const 0))
    (loop $again
      (local.set $sum
        (i32.add (local.get $sum)
          (i32.mul
            (i32.const 100000)
            (call $value (table.get $spare (local.get $i))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_u (local.get $i) (table.size $spare))))
    (local.get $sum)))
;; expect: 14314253
