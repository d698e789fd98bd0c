;; Inserts pseudo-random keys in a binary search tree, updates it in place, and folds over it.
(module
  (type $tree
    (struct
      (field $key i32)
      (field $count (mut i32))
      (field $left (mut (ref null $tree)))
      (field $right (mut (ref null $tree)))))

  (func $leaf (param $key i32) (result (ref $tree))
    (struct.new $tree (local.get $key) (i32.const 1) (ref.null $tree) (ref.null $tree)))

  ;; The tree with `key` in it: a new leaf, or the same tree changed in place.
  (func $insert (param $tree (ref null $tree)) (param $key i32) (result (ref $tree))
    (local $here (ref $tree))
    (block $found (result (ref $tree))
      (local.set $here
        (block $nonempty (result (ref $tree))
          (br_on_non_null $nonempty (local.get $tree))
          (return (call $leaf (local.get $key)))))
      (if (i32.eq (local.get $key) (struct.get $tree $key (local.get $here)))
        (then
          (struct.set $tree $count (local.get $here)
            (i32.add (struct.get $tree $count (local.get $here)) (i32.const 1)))
          (br $found (local.get $here))))
      (if (i32.lt_s (local.get $key) (struct.get $tree $key (local.get $here)))
        (then
          (struct.set $tree $left (local.get $here)
            (call $insert (struct.get $tree $left (local.get $here)) (local.get $key))))
        (else
          (struct.set $tree $right (local.get $here)
            (call $insert (struct.get $tree $right (local.get $here)) (local.get $key)))))
      (local.get $here)))

  ;; A Horner scheme over the keys in order, modulo a prime: it sees order and multiplicity.
  (func $fold (param $tree (ref null $tree)) (param $hash i32) (result i32)
    (local $here (ref null $tree))
    (if (ref.is_null (local.get $tree)) (then (return (local.get $hash))))
    (local.set $here (local.get $tree))
    (local.set $hash (call $fold (struct.get $tree $left (local.get $here)) (local.get $hash)))
    (local.set $hash
      (i32.rem_u
        (i32.add
          (i32.mul (local.get $hash) (i32.const 31))
          (i32.mul
            (struct.get $tree $key (local.get $here))
            (struct.get $tree $count (local.get $here))))
        (i32.const 65521)))
    (return_call $fold (struct.get $tree $right (local.get $here)) (local.get $hash)))

  (func $depth (param $tree (ref null $tree)) (result i32)
    (local $left i32)
    (local $right i32)
    (if (ref.is_null (local.get $tree)) (then (return (i32.const 0))))
    (local.set $left (call $depth (struct.get $tree $left (local.get $tree))))
    (local.set $right (call $depth (struct.get $tree $right (local.get $tree))))
    (i32.add (i32.const 1)
      (select (local.get $left) (local.get $right)
        (i32.gt_s (local.get $left) (local.get $right)))))

  (func (export "main") (result i32)
    (local $tree (ref null $tree))
    (local $i i32)
    (local $key i32)
    (local.set $key (i32.const 7))
    (loop $again
      (local.set $key
        (i32.rem_u
          (i32.add (i32.mul (local.get $key) (i32.const 137)) (i32.const 71))
          (i32.const 211)))
      (local.set $tree (call $insert (local.get $tree) (local.get $key)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 300))))
    (i32.add
      (i32.mul (call $depth (local.get $tree)) (i32.const 100000))
      (call $fold (local.get $tree) (i32.const 1)))))
;; expect: 712224
