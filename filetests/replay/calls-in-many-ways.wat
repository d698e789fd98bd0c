;; References live across direct, indirect, throwing and tail calls, and choices of references.
(module
  (import "" "gc" (func $gc))
  (type $box (struct (field $v (mut i32)) (field $next (mut (ref null $box)))))
  (type $make (func (param i32) (result (ref null $box))))
  (type $list (array (mut (ref null $box))))
  (tag $oops (param i32))
  (table $makers 2 2 funcref)
  (elem (table $makers) (i32.const 0) func $plain $chained)

  (func $plain (type $make)
    (call $gc)
    (struct.new $box (local.get 0) (ref.null $box)))

  (func $chained (type $make)
    (local $first (ref null $box))
    (local.set $first (call $plain (local.get 0)))
    (call $gc)
    (struct.new $box (i32.const 1) (local.get $first)))

  ;; Worth inlining where the caller has references of its own.
  (func $forward (type $make)
    (return_call $plain (local.get 0)))

  (func $third (param $v i32)
    (throw $oops (local.get $v)))

  (func $choose (param $c i32) (param $a (ref null $box)) (param $b (ref null $box)) (result i32)
    (local $chosen (ref null $box))
    (local.set $chosen
      (select (result (ref null $box)) (local.get $a) (local.get $b) (local.get $c)))
    (call $gc)
    (if (local.get $c)
      (then
        (call $gc)
        (local.set $chosen (local.get $b))))
    (call $gc)
    (i32.add (struct.get $box $v (local.get $chosen)) (struct.get $box $v (local.get $a))))

  (func $stack_choice (param $c i32) (param $a (ref null $box)) (param $b (ref null $box)) (result i32)
    (select (result (ref null $box)) (local.get $a) (local.get $b) (local.get $c))
    (call $gc)
    (struct.get $box $v))

  (func $caught (param $mine (ref null $box)) (result i32)
    (block $handler (result i32)
      (try_table (catch $oops $handler)
        (call $third (i32.const 5)))
      (i32.const 0))
    (call $gc)
    (i32.add (struct.get $box $v (local.get $mine))))

  (func $walk (param $n i32) (result i32)
    (local $list (ref null $list))
    (local $box (ref null $box))
    (local $i i32)
    (local $sum i32)
    (local.set $list (array.new $list (ref.null $box) (local.get $n)))
    (loop $fill
      (local.set $box (call_indirect $makers (type $make) (local.get $i) (i32.and (local.get $i) (i32.const 1))))
      (struct.set $box $next (local.get $box) (array.get $list (local.get $list) (local.get $i)))
      (array.set $list (local.get $list) (local.get $i) (local.get $box))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $fill (i32.lt_u (local.get $i) (local.get $n))))
    (call $gc)
    (loop $add
      (local.set $i (i32.sub (local.get $i) (i32.const 1)))
      (local.set $sum (i32.add (local.get $sum)
        (struct.get $box $v (array.get $list (local.get $list) (local.get $i)))))
      (br_if $add (local.get $i)))
    (i32.add (local.get $sum) (array.len (local.get $list))))

  (func (export "main") (result i32)
    (local $mine (ref null $box))
    (local $other (ref null $box))
    (local.set $mine (struct.new $box (i32.const 7) (ref.null $box)))
    (local.set $other (call $forward (i32.const 9)))
    (call $gc)
    (i32.add
      (i32.add
        (call $choose (i32.const 0) (local.get $mine) (local.get $other))
        (call $stack_choice (i32.const 1) (local.get $mine) (local.get $other)))
      (i32.add
        (call $caught (local.get $mine))
        (i32.add (call $walk (i32.const 4)) (struct.get $box $v (local.get $other)))))))
;; expect: 52
