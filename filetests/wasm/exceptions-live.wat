;; Keeps references alive across calls in a try_table and uses them on both edges, in a loop.
(module
  (type $item (struct (field $n i32)))
  (type $list (struct (field $item (ref $item)) (field $rest (ref null $list))))
  (tag $reject (param (ref $item)))

  (func $check (param $n i32) (result (ref $item))
    (local $item (ref $item))
    (local.set $item (struct.new $item (local.get $n)))
    (if (i32.and (local.get $n) (i32.const 1))
      (then (throw $reject (local.get $item))))
    (local.get $item))

  (func $sum (param $list (ref null $list)) (result i32)
    (local $sum i32)
    (block $end
      (loop $again
        (br_if $end (ref.is_null (local.get $list)))
        (local.set $sum
          (i32.add
            (i32.rem_u (i32.mul (local.get $sum) (i32.const 7)) (i32.const 10007))
            (struct.get $item $n (struct.get $list $item (local.get $list)))))
        (local.set $list (struct.get $list $rest (local.get $list)))
        (br $again)))
    (local.get $sum))

  ;; Sorts the numbers below n in those that pass and those that do not; `first` is there from
  ;; before the loop, `previous` changes in each iteration, and both handlers see them.
  (func $partition (param $n i32) (result i32)
    (local $first (ref $item))
    (local $previous (ref $item))
    (local $good (ref null $list))
    (local $bad (ref null $list))
    (local $i i32)
    (local $score i32)
    (local.set $first (struct.new $item (i32.const 1000)))
    (local.set $previous (local.get $first))
    (block $end
      (loop $again
        (br_if $end (i32.ge_s (local.get $i) (local.get $n)))
        (block $next
          (block $rejected (result (ref $item))
            (local.set $previous
              (try_table (result (ref $item)) (catch $reject $rejected)
                (call $check (local.get $i))))
            (local.set $good (struct.new $list (local.get $previous) (local.get $good)))
            (local.set $score
              (i32.add (local.get $score) (struct.get $item $n (local.get $first))))
            (br $next))
          ;; The payload is on the stack.
          (local.set $bad (struct.new $list (local.get $bad)))
          ;; `previous` is the one of the last iteration that did not throw.
          (local.set $score
            (i32.add (local.get $score) (struct.get $item $n (local.get $previous)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (i32.add (local.get $score)
      (i32.sub (call $sum (local.get $bad)) (call $sum (local.get $good)))))

  ;; A throw through a frame that has references of its own, and a handler in the caller.
  (func $nested (param $depth i32) (result i32)
    (local $mine (ref $item))
    (local.set $mine (struct.new $item (local.get $depth)))
    (if (i32.eqz (local.get $depth)) (then (throw $reject (local.get $mine))))
    (if (i32.eqz (i32.rem_u (local.get $depth) (i32.const 4)))
      (then
        (block $rejected (result (ref $item))
          (return
            (try_table (result i32) (catch $reject $rejected)
              (call $nested (i32.sub (local.get $depth) (i32.const 1))))))
        (throw $reject
          (struct.new $item
            (i32.add (struct.get $item $n) (struct.get $item $n (local.get $mine)))))))
    (i32.add
      (call $nested (i32.sub (local.get $depth) (i32.const 1)))
      (struct.get $item $n (local.get $mine))))

  (func (export "main") (result i32)
    (local $caught i32)
    (block $rejected (result (ref $item))
      (try_table (catch $reject $rejected)
        (drop (call $nested (i32.const 21))))
      (unreachable))
    (local.set $caught (struct.get $item $n))
    (i32.add
      (i32.mul (local.get $caught) (i32.const 1000000))
      (call $partition (i32.const 200)))))
;; expect: 60105855
