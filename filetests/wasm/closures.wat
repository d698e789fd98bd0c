;; Closures as records of a code pointer and an environment, applied through call_ref.
(module
  (rec
    (type $code (func (param (ref $closure)) (param anyref) (result anyref)))
    (type $closure (sub (struct (field $code (ref $code))))))
  (type $adder (sub $closure (struct (field $code (ref $code)) (field $n i32))))
  (type $compose
    (sub $closure
      (struct (field $code (ref $code)) (field $f (ref $closure)) (field $g (ref $closure)))))
  (type $counter (sub $closure (struct (field $code (ref $code)) (field $count (mut i32)))))
  (type $cell (struct (field $head anyref) (field $tail (ref null $cell))))

  (elem declare func $add-code $compose-code $count-code $curried-code)

  (func $apply (param $f (ref $closure)) (param $x anyref) (result anyref)
    (return_call_ref $code (local.get $f) (local.get $x)
      (struct.get $closure $code (local.get $f))))

  (func $int (param $x anyref) (result i32)
    (i31.get_s (ref.cast (ref i31) (local.get $x))))

  (func $add-code (type $code) (param $self (ref $closure)) (param $x anyref) (result anyref)
    (ref.i31
      (i32.add
        (struct.get $adder $n (ref.cast (ref $adder) (local.get $self)))
        (call $int (local.get $x)))))

  (func $adder (param $n i32) (result (ref $closure))
    (struct.new $adder (ref.func $add-code) (local.get $n)))

  ;; A function that makes functions.
  (func $curried-code (type $code) (param $self (ref $closure)) (param $x anyref) (result anyref)
    (call $adder (call $int (local.get $x))))

  (func $compose-code (type $code) (param $self (ref $closure)) (param $x anyref) (result anyref)
    (local $me (ref $compose))
    (local.set $me (ref.cast (ref $compose) (local.get $self)))
    (return_call $apply
      (struct.get $compose $f (local.get $me))
      (call $apply (struct.get $compose $g (local.get $me)) (local.get $x))))

  (func $compose (param $f (ref $closure)) (param $g (ref $closure)) (result (ref $closure))
    (struct.new $compose (ref.func $compose-code) (local.get $f) (local.get $g)))

  ;; Answers how often it was called before.
  (func $count-code (type $code) (param $self (ref $closure)) (param $x anyref) (result anyref)
    (local $me (ref $counter))
    (local.set $me (ref.cast (ref $counter) (local.get $self)))
    (struct.set $counter $count (local.get $me)
      (i32.add (struct.get $counter $count (local.get $me)) (i32.const 1)))
    (ref.i31 (i32.sub (struct.get $counter $count (local.get $me)) (i32.const 1))))

  (func $map (param $f (ref $closure)) (param $list (ref null $cell)) (result (ref null $cell))
    (local $head anyref)
    (if (ref.is_null (local.get $list)) (then (return (ref.null $cell))))
    (local.set $head (call $apply (local.get $f) (struct.get $cell $head (local.get $list))))
    (struct.new $cell
      (local.get $head)
      (call $map (local.get $f) (struct.get $cell $tail (local.get $list)))))

  (func $horner (param $list (ref null $cell)) (result i32)
    (local $sum i32)
    (block $end
      (loop $again
        (br_if $end (ref.is_null (local.get $list)))
        (local.set $sum
          (i32.add
            (i32.mul (local.get $sum) (i32.const 10))
            (call $int (struct.get $cell $head (local.get $list)))))
        (local.set $list (struct.get $cell $tail (local.get $list)))
        (br $again)))
    (local.get $sum))

  (func (export "main") (result i32)
    (local $list (ref null $cell))
    (local $counter (ref $closure))
    (local $plus-three (ref $closure))
    (local $i i32)
    (local.set $counter (struct.new $counter (ref.func $count-code) (i32.const 0)))
    (local.set $plus-three
      (ref.cast (ref $closure)
        (call $apply
          (struct.new $closure (ref.func $curried-code)) (ref.i31 (i32.const 3)))))
    (loop $again
      (local.set $list (struct.new $cell (ref.null any) (local.get $list)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 6))))
    ;; 0 1 2 3 4 5
    (local.set $list (call $map (local.get $counter) (local.get $list)))
    ;; 1 2 3 4 5 6 less 1 plus 3
    (local.set $list
      (call $map
        (call $compose
          (local.get $plus-three)
          (call $compose (call $adder (i32.const -1)) (call $adder (i32.const 1))))
        (local.get $list)))
    (i32.add
      (i32.mul (call $horner (local.get $list)) (i32.const 100))
      (call $int (call $apply (local.get $counter) (ref.null any))))))
;; expect: 34567806
