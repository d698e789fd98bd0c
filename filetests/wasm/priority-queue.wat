;; A binary heap of boxed events in a growing array, driving a simulation.
(module
  (type $event (struct (field $time i32) (field $kind i32) (field $data anyref)))
  (type $events (array (mut (ref null $event))))
  (type $queue (struct (field $events (mut (ref $events))) (field $size (mut i32))))

  (func $less (param $a (ref null $event)) (param $b (ref null $event)) (result i32)
    (if (i32.ne (struct.get $event $time (local.get $a)) (struct.get $event $time (local.get $b)))
      (then
        (return
          (i32.lt_s (struct.get $event $time (local.get $a)) (struct.get $event $time (local.get $b))))))
    (i32.lt_s (struct.get $event $kind (local.get $a)) (struct.get $event $kind (local.get $b))))

  (func $swap (param $a (ref $events)) (param $i i32) (param $j i32)
    (local $t (ref null $event))
    (local.set $t (array.get $events (local.get $a) (local.get $i)))
    (array.set $events (local.get $a) (local.get $i) (array.get $events (local.get $a) (local.get $j)))
    (array.set $events (local.get $a) (local.get $j) (local.get $t)))

  (func $push (param $q (ref $queue)) (param $time i32) (param $kind i32) (param $data anyref)
    (local $a (ref $events))
    (local $bigger (ref $events))
    (local $i i32)
    (local $up i32)
    (local.set $a (struct.get $queue $events (local.get $q)))
    (local.set $i (struct.get $queue $size (local.get $q)))
    (if (i32.eq (local.get $i) (array.len (local.get $a)))
      (then
        (local.set $bigger
          (array.new_default $events (i32.mul (i32.const 2) (array.len (local.get $a)))))
        (array.copy $events $events
          (local.get $bigger) (i32.const 0) (local.get $a) (i32.const 0) (local.get $i))
        (struct.set $queue $events (local.get $q) (local.get $bigger))
        (local.set $a (local.get $bigger))))
    (array.set $events (local.get $a) (local.get $i)
      (struct.new $event (local.get $time) (local.get $kind) (local.get $data)))
    (struct.set $queue $size (local.get $q) (i32.add (local.get $i) (i32.const 1)))
    (block $done
      (loop $again
        (br_if $done (i32.eqz (local.get $i)))
        (local.set $up (i32.div_u (i32.sub (local.get $i) (i32.const 1)) (i32.const 2)))
        (br_if $done
          (i32.eqz
            (call $less
              (array.get $events (local.get $a) (local.get $i))
              (array.get $events (local.get $a) (local.get $up)))))
        (call $swap (local.get $a) (local.get $i) (local.get $up))
        (local.set $i (local.get $up))
        (br $again))))

  (func $pop (param $q (ref $queue)) (result (ref $event))
    (local $a (ref $events))
    (local $top (ref $event))
    (local $size i32)
    (local $i i32)
    (local $child i32)
    (local.set $a (struct.get $queue $events (local.get $q)))
    (local.set $top (ref.as_non_null (array.get $events (local.get $a) (i32.const 0))))
    (local.set $size (i32.sub (struct.get $queue $size (local.get $q)) (i32.const 1)))
    (struct.set $queue $size (local.get $q) (local.get $size))
    (array.set $events (local.get $a) (i32.const 0) (array.get $events (local.get $a) (local.get $size)))
    (array.set $events (local.get $a) (local.get $size) (ref.null $event))
    (block $done
      (loop $again
        (local.set $child (i32.add (i32.mul (i32.const 2) (local.get $i)) (i32.const 1)))
        (br_if $done (i32.ge_u (local.get $child) (local.get $size)))
        (if (i32.lt_u (i32.add (local.get $child) (i32.const 1)) (local.get $size))
          (then
            (if (call $less
                  (array.get $events (local.get $a) (i32.add (local.get $child) (i32.const 1)))
                  (array.get $events (local.get $a) (local.get $child)))
              (then (local.set $child (i32.add (local.get $child) (i32.const 1)))))))
        (br_if $done
          (i32.eqz
            (call $less
              (array.get $events (local.get $a) (local.get $child))
              (array.get $events (local.get $a) (local.get $i)))))
        (call $swap (local.get $a) (local.get $i) (local.get $child))
        (local.set $i (local.get $child))
        (br $again)))
    (local.get $top))

  (func (export "main") (result i32)
    (local $q (ref $queue))
    (local $event (ref $event))
    (local $n i32)
    (local $hash i32)
    (local.set $q
      (struct.new $queue (array.new_default $events (i32.const 1)) (i32.const 0)))
    (local.set $n (i32.const 1))
    (loop $fill
      (call $push (local.get $q)
        (i32.rem_u (i32.mul (local.get $n) (i32.const 71)) (i32.const 103))
        (local.get $n)
        (ref.i31 (local.get $n)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $fill (i32.le_u (local.get $n) (i32.const 64))))
    ;; Each event of an even kind schedules one of half its kind, with itself as data.
    (loop $again
      (local.set $event (call $pop (local.get $q)))
      (if (i32.eqz (i32.and (struct.get $event $kind (local.get $event)) (i32.const 1)))
        (then
          (call $push (local.get $q)
            (i32.add (struct.get $event $time (local.get $event)) (i32.const 10))
            (i32.div_u (struct.get $event $kind (local.get $event)) (i32.const 2))
            (local.get $event))))
      (local.set $hash
        (i32.rem_u
          (i32.add
            (i32.mul (local.get $hash) (i32.const 131))
            (i32.add
              (struct.get $event $time (local.get $event))
              (if (result i32) (ref.test (ref i31) (struct.get $event $data (local.get $event)))
                (then (i31.get_u (ref.cast (ref i31) (struct.get $event $data (local.get $event)))))
                (else
                  (struct.get $event $kind
                    (ref.cast (ref $event) (struct.get $event $data (local.get $event))))))))
          (i32.const 1000003)))
      (local.set $n (i32.add (local.get $n) (i32.const 1)))
      (br_if $again (struct.get $queue $size (local.get $q))))
    (i32.add (i32.mul (local.get $n) (i32.const 1000003)) (local.get $hash))))
;; expect: 192327423
