;; A small interpreter: expressions as structs, an environment as a list, closures as values.
(module
  ;; One group, or $number and $variable would be the same type.
  (rec
    (type $expr (sub (struct)))
    (type $number (sub $expr (struct (field $n i32))))
    (type $variable (sub $expr (struct (field $index i32))))
    (type $binary
      (sub $expr (struct (field $op i32) (field $left (ref $expr)) (field $right (ref $expr)))))
    (type $if
      (sub $expr (struct (field $test (ref $expr)) (field $then (ref $expr)) (field $else (ref $expr)))))
    (type $lambda (sub $expr (struct (field $body (ref $expr)))))
    (type $apply (sub $expr (struct (field $f (ref $expr)) (field $x (ref $expr))))))
  (type $env (struct (field $value (ref eq)) (field $outer (ref null $env))))
  (type $closure (struct (field $body (ref $expr)) (field $env (ref null $env))))

  (global $steps (mut i32) (i32.const 0))

  (func $int (param $v (ref eq)) (result i32) (i31.get_s (ref.cast (ref i31) (local.get $v))))

  (func $lookup (param $index i32) (param $env (ref null $env)) (result (ref eq))
    (loop $again
      (if (local.get $index)
        (then
          (local.set $env (struct.get $env $outer (local.get $env)))
          (local.set $index (i32.sub (local.get $index) (i32.const 1)))
          (br $again))))
    (struct.get $env $value (local.get $env)))

  (func $binary (param $op i32) (param $a i32) (param $b i32) (result i32)
    (block $less
      (block $times
        (block $minus
          (block $plus
            (br_table $plus $minus $times $less (local.get $op)))
          (return (i32.add (local.get $a) (local.get $b))))
        (return (i32.sub (local.get $a) (local.get $b))))
      (return (i32.mul (local.get $a) (local.get $b))))
    (i32.lt_s (local.get $a) (local.get $b)))

  (func $eval (param $e (ref $expr)) (param $env (ref null $env)) (result (ref eq))
    (local $binary (ref $binary))
    (local $left (ref eq))
    (global.set $steps (i32.add (global.get $steps) (i32.const 1)))
    (block $number (result (ref $number))
      (block $variable (result (ref $variable))
        (block $lambda (result (ref $lambda))
          (block $apply (result (ref $apply))
            (block $if (result (ref $if))
              (local.get $e)
              (br_on_cast $number (ref $expr) (ref $number))
              (br_on_cast $variable (ref $expr) (ref $variable))
              (br_on_cast $lambda (ref $expr) (ref $lambda))
              (br_on_cast $apply (ref $expr) (ref $apply))
              (br_on_cast $if (ref $expr) (ref $if))
              (local.set $binary (ref.cast (ref $binary)))
              ;; The left value is live across the evaluation of the right one.
              (local.set $left
                (call $eval (struct.get $binary $left (local.get $binary)) (local.get $env)))
              (return
                (ref.i31
                  (call $binary
                    (struct.get $binary $op (local.get $binary))
                    (call $int (local.get $left))
                    (call $int
                      (call $eval
                        (struct.get $binary $right (local.get $binary)) (local.get $env)))))))
            (return (call $branch (local.get $env))))
          (return (call $call (local.get $env))))
        (return (struct.new $closure (struct.get $lambda $body) (local.get $env))))
      (return_call $lookup (struct.get $variable $index) (local.get $env)))
    (ref.i31 (struct.get $number $n)))

  (func $branch (param $e (ref $if)) (param $env (ref null $env)) (result (ref eq))
    (return_call $eval
      (select (result (ref $expr))
        (struct.get $if $then (local.get $e))
        (struct.get $if $else (local.get $e))
        (call $int (call $eval (struct.get $if $test (local.get $e)) (local.get $env))))
      (local.get $env)))

  (func $call (param $e (ref $apply)) (param $env (ref null $env)) (result (ref eq))
    (local $closure (ref $closure))
    (local.set $closure
      (ref.cast (ref $closure)
        (call $eval (struct.get $apply $f (local.get $e)) (local.get $env))))
    (return_call $eval
      (struct.get $closure $body (local.get $closure))
      (struct.new $env
        (call $eval (struct.get $apply $x (local.get $e)) (local.get $env))
        (struct.get $closure $env (local.get $closure)))))

  (func $number (param i32) (result (ref $expr)) (struct.new $number (local.get 0)))
  (func $variable (param i32) (result (ref $expr)) (struct.new $variable (local.get 0)))
  (func $lambda (param (ref $expr)) (result (ref $expr)) (struct.new $lambda (local.get 0)))
  (func $apply (param (ref $expr) (ref $expr)) (result (ref $expr))
    (struct.new $apply (local.get 0) (local.get 1)))
  (func $op (param i32 (ref $expr) (ref $expr)) (result (ref $expr))
    (struct.new $binary (local.get 0) (local.get 1) (local.get 2)))

  ;; fun f. fun n. if n < 2 then n else f f (n - 1) + f f (n - 2)
  (func $fibonacci (result (ref $expr))
    (call $lambda
      (call $lambda
        (struct.new $if
          (call $op (i32.const 3) (call $variable (i32.const 0)) (call $number (i32.const 2)))
          (call $variable (i32.const 0))
          (call $op (i32.const 0)
            (call $self (i32.const 1))
            (call $self (i32.const 2)))))))

  (func $self (param $less i32) (result (ref $expr))
    (call $apply
      (call $apply (call $variable (i32.const 1)) (call $variable (i32.const 1)))
      (call $op (i32.const 1) (call $variable (i32.const 0)) (call $number (local.get $less)))))

  (func (export "main") (result i32)
    (local $program (ref $expr))
    (local.set $program
      (call $apply
        (call $lambda
          (call $apply
            (call $apply (call $variable (i32.const 0)) (call $variable (i32.const 0)))
            (call $number (i32.const 12))))
        (call $fibonacci)))
    (i32.add
      (i32.mul (i32.const 100000) (call $int (call $eval (local.get $program) (ref.null $env))))
      (global.get $steps))))
;; expect: 14406046
