;; Dispatches on the tag of a variant with br_table, as a compiler of pattern matching does.
(module
  (type $variant (sub (struct (field $tag i32))))
  (type $int (sub $variant (struct (field $tag i32) (field $n i32))))
  (type $pair (sub $variant (struct (field $tag i32) (field $a (ref $variant)) (field $b (ref $variant)))))
  (type $option (sub $variant (struct (field $tag i32) (field $some (ref null $variant)))))

  (func $int (param $n i32) (result (ref $variant))
    (struct.new $int (i32.const 0) (local.get $n)))
  (func $add (param $a (ref $variant)) (param $b (ref $variant)) (result (ref $variant))
    (struct.new $pair (i32.const 1) (local.get $a) (local.get $b)))
  (func $mul (param $a (ref $variant)) (param $b (ref $variant)) (result (ref $variant))
    (struct.new $pair (i32.const 2) (local.get $a) (local.get $b)))
  (func $option (param $some (ref null $variant)) (result (ref $variant))
    (struct.new $option (i32.const 3) (local.get $some)))

  (func $size (param $v (ref $variant)) (result i32)
    (local $pair (ref $pair))
    (block $default
      (block $option
        (block $two
          (block $zero
            (br_table $zero $two $two $option $default (struct.get $variant $tag (local.get $v))))
          (return (i32.const 1)))
        (local.set $pair (ref.cast (ref $pair) (local.get $v)))
        (return
          (i32.add
            (call $size (struct.get $pair $a (local.get $pair)))
            (call $size (struct.get $pair $b (local.get $pair))))))
      (return
        (call $size
          (br_on_null $default (struct.get $option $some (ref.cast (ref $option) (local.get $v)))))))
    (i32.const 100))

  ;; The reference travels on the stack through the br_table to each of its targets.
  (func $rewrite (param $v (ref $variant)) (result (ref $variant))
    (local $pair (ref $pair))
    (local $option (ref $option))
    (block $other (result (ref $variant))
      (local.set $option
        (ref.cast (ref $option)
          (block $option (result (ref $variant))
            (local.set $pair
              (ref.cast (ref $pair)
                (block $mul (result (ref $variant))
                  (local.set $pair
                    (ref.cast (ref $pair)
                      (block $add (result (ref $variant))
                        (br_table $other $add $mul $option $other
                          (local.get $v)
                          (struct.get $variant $tag (local.get $v))))))
                  ;; a + b becomes b * a.
                  (return
                    (call $mul
                      (call $rewrite (struct.get $pair $b (local.get $pair)))
                      (call $rewrite (struct.get $pair $a (local.get $pair))))))))
            ;; a * b becomes (a + b) + 1.
            (return
              (call $add
                (call $add
                  (call $rewrite (struct.get $pair $a (local.get $pair)))
                  (call $rewrite (struct.get $pair $b (local.get $pair))))
                (call $int (i32.const 1)))))))
      (return
        (call $rewrite
          (block $some (result (ref $variant))
            (br_on_non_null $some (struct.get $option $some (local.get $option)))
            (return (call $int (i32.const 5)))))))
    (drop)
    (local.get $v))

  (func $eval (param $v (ref $variant)) (result i32)
    (local $pair (ref null $pair))
    (local $left i32)
    (if (i32.eqz (struct.get $variant $tag (local.get $v)))
      (then (return (struct.get $int $n (ref.cast (ref $int) (local.get $v))))))
    (local.set $pair (ref.cast (ref $pair) (local.get $v)))
    (local.set $left (call $eval (struct.get $pair $a (local.get $pair))))
    (if (result i32) (i32.eq (struct.get $variant $tag (local.get $v)) (i32.const 1))
      (then (i32.add (local.get $left) (call $eval (struct.get $pair $b (local.get $pair)))))
      (else (i32.mul (local.get $left) (call $eval (struct.get $pair $b (local.get $pair)))))))

  (func (export "main") (result i32)
    (local $v (ref $variant))
    (local $i i32)
    (local.set $v (call $int (i32.const 2)))
    (loop $again
      (local.set $v
        (call $add
          (call $mul (local.get $v) (call $int (local.get $i)))
          (call $option
            (if (result (ref null $variant)) (i32.and (local.get $i) (i32.const 1))
              (then (call $int (i32.add (local.get $i) (i32.const 40))))
              (else (ref.null $variant))))))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 6))))
    (i32.add
      (i32.mul (call $size (local.get $v)) (i32.const 1000000))
      (i32.rem_u (call $eval (call $rewrite (local.get $v))) (i32.const 1000000)))))
;; expect: 310902595
