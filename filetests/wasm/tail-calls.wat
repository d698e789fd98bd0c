;; Tail calls with reference arguments: direct, through a table, and through a function reference.
(module
  (type $trace (struct (field $what i32) (field $before (ref null $trace))))
  (type $state (struct (field $steps (mut i32)) (field $trace (mut (ref null $trace)))))
  (type $machine (func (param (ref $state) i32) (result i32)))

  (table $machines 3 (ref null $machine))
  (elem (table $machines) (i32.const 0) (ref null $machine)
    (ref.func $even) (ref.func $odd) (ref.func $done))

  (func $note (param $state (ref $state)) (param $what i32)
    (struct.set $state $steps (local.get $state)
      (i32.add (struct.get $state $steps (local.get $state)) (i32.const 1)))
    (if (i32.eqz (i32.rem_u (local.get $what) (i32.const 1000)))
      (then
        (struct.set $state $trace (local.get $state)
          (struct.new $trace (local.get $what) (struct.get $state $trace (local.get $state)))))))

  ;; Collatz steps, one state machine for the even numbers and one for the odd.
  (func $even (type $machine) (param $state (ref $state)) (param $n i32) (result i32)
    (call $note (local.get $state) (local.get $n))
    (return_call_indirect $machines (type $machine)
      (local.get $state)
      (i32.div_u (local.get $n) (i32.const 2))
      (i32.and (i32.div_u (local.get $n) (i32.const 2)) (i32.const 1))))

  (func $odd (type $machine) (param $state (ref $state)) (param $n i32) (result i32)
    (call $note (local.get $state) (local.get $n))
    (if (i32.eq (local.get $n) (i32.const 1))
      (then
        (return_call_ref $machine (local.get $state) (local.get $n)
          (table.get $machines (i32.const 2)))))
    (return_call $even (local.get $state)
      (i32.add (i32.mul (local.get $n) (i32.const 3)) (i32.const 1))))

  (func $done (type $machine) (param $state (ref $state)) (param $n i32) (result i32)
    (return_call $length (struct.get $state $trace (local.get $state)) (i32.const 0)))

  (func $length (param $trace (ref null $trace)) (param $sum i32) (result i32)
    (if (ref.is_null (local.get $trace)) (then (return (local.get $sum))))
    (return_call $length
      (struct.get $trace $before (local.get $trace))
      (i32.add (local.get $sum) (struct.get $trace $what (local.get $trace)))))

  ;; A hundred thousand tail calls with fresh references in each.
  (func $pass (param $a (ref $trace)) (param $b (ref $trace)) (param $n i32) (result i32)
    (if (i32.eqz (local.get $n))
      (then
        (return
          (i32.sub (struct.get $trace $what (local.get $a)) (struct.get $trace $what (local.get $b))))))
    (return_call $pass
      (local.get $b)
      (struct.new $trace
        (i32.add (struct.get $trace $what (local.get $a)) (i32.const 3))
        (ref.null $trace))
      (i32.sub (local.get $n) (i32.const 1))))

  (func (export "main") (result i32)
    (local $state (ref $state))
    (local $sum i32)
    (local $n i32)
    (local.set $state (struct.new $state (i32.const 0) (ref.null $trace)))
    (local.set $n (i32.const 1))
    (loop $again
      (local.set $sum
        (i32.add (local.get $sum)
          (if (result i32) (i32.and (local.get $n) (i32.const 1))
            (then (call $odd (local.get $state) (local.get $n)))
            (else (call $even (local.get $state) (local.get $n))))))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (i32.le_s (local.get $n) (i32.const 200))))
    (i32.add
      (i32.add (struct.get $state $steps (local.get $state)) (local.get $sum))
      (call $pass
        (struct.new $trace (i32.const 10) (ref.null $trace))
        (struct.new $trace (i32.const 20) (ref.null $trace))
        (i32.const 100001)))))
;; expect: 8625
