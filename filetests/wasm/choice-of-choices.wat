;; A reference that is chosen among three: it is tested as a whole.
(module
  (type $array (array (mut i32)))
  (global $last (mut (ref null $array)) (ref.null $array))
  (table $kept 2 (ref null $array))

  (func $pick (param $a (ref null $array)) (param $b (ref null $array)) (param $c (ref null $array)) (param $i i32) (param $j i32) (result i32)
    (array.len
      (select (result (ref null $array))
        (local.get $a)
        (select (result (ref null $array)) (local.get $b) (local.get $c) (local.get $i))
        (local.get $j))))

  (func $cast (param $a anyref) (param $b anyref) (param $c anyref) (param $i i32) (param $j i32) (result (ref null $array))
    (ref.cast (ref null $array)
      (select (result anyref)
        (local.get $a)
        (select (result anyref) (local.get $b) (local.get $c) (local.get $i))
        (local.get $j))))

  (func $keep (param $a (ref null $array)) (param $b (ref null $array)) (param $c (ref null $array)) (param $i i32) (param $j i32)
    (global.set $last
      (select (result (ref null $array))
        (local.get $a)
        (select (result (ref null $array)) (local.get $b) (local.get $c) (local.get $i))
        (local.get $j)))
    (table.set $kept (i32.const 1)
      (select (result (ref null $array))
        (local.get $a)
        (select (result (ref null $array)) (local.get $b) (local.get $c) (local.get $i))
        (local.get $j))))

  (func (export "main") (result i32)
    (local $a (ref $array))
    (local $b (ref $array))
    (local $c (ref $array))
    (local.set $a (array.new_default $array (i32.const 1)))
    (local.set $b (array.new_default $array (i32.const 20)))
    (local.set $c (array.new_default $array (i32.const 300)))
    (call $keep (local.get $a) (local.get $b) (local.get $c) (i32.const 1) (i32.const 0))
    (i32.add
      (i32.add
        (call $pick (local.get $a) (local.get $b) (local.get $c) (i32.const 0) (i32.const 0))
        (array.len (global.get $last)))
      (i32.add
        (array.len (call $cast (local.get $a) (local.get $b) (local.get $c) (i32.const 0) (i32.const 1)))
        (array.len (table.get $kept (i32.const 1)))))))
;; expect: 341
