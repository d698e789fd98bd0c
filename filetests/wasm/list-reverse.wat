;; Builds a linked list in a loop, reverses it in place, and sums it with a call for each element.
(module
  (type $node (struct (field $value (mut i32)) (field $next (mut (ref null $node)))))

  (func $cons (param $value i32) (param $next (ref null $node)) (result (ref $node))
    (struct.new $node (local.get $value) (local.get $next)))

  ;; The list n, n-1, …, 1.
  (func $upto (param $n i32) (result (ref null $node))
    (local $i i32)
    (local $list (ref null $node))
    (local.set $i (i32.const 1))
    (block $done
      (loop $again
        (br_if $done (i32.gt_s (local.get $i) (local.get $n)))
        (local.set $list (call $cons (local.get $i) (local.get $list)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (local.get $list))

  (func $reverse (param $list (ref null $node)) (result (ref null $node))
    (local $done (ref null $node))
    (local $rest (ref null $node))
    (block $end
      (loop $again
        (br_if $end (ref.is_null (local.get $list)))
        (local.set $rest (struct.get $node $next (local.get $list)))
        (struct.set $node $next (local.get $list) (local.get $done))
        (local.set $done (local.get $list))
        (local.set $list (local.get $rest))
        (br $again)))
    (local.get $done))

  ;; Allocates, so that the lists in the caller's locals have to survive it.
  (func $weigh (param $index i32) (param $node (ref $node)) (result i32)
    (local $copy (ref $node))
    (local.set $copy (call $cons (struct.get $node $value (local.get $node)) (ref.null $node)))
    (i32.mul (local.get $index) (struct.get $node $value (local.get $copy))))

  (func $weighted-sum (param $list (ref null $node)) (result i32)
    (local $index i32)
    (local $sum i32)
    (block $end
      (loop $again
        (local.set $index (i32.add (local.get $index) (i32.const 1)))
        (local.set $sum
          (i32.add (local.get $sum)
            (call $weigh (local.get $index) (ref.as_non_null (br_on_null $end (local.get $list))))))
        (local.set $list (struct.get $node $next (local.get $list)))
        (br $again)))
    (local.get $sum))

  (func (export "main") (result i32)
    (local $list (ref null $node))
    (local $forwards i32)
    (local $backwards i32)
    (local.set $list (call $upto (i32.const 100)))
    (local.set $backwards (call $weighted-sum (local.get $list)))
    (local.set $list (call $reverse (local.get $list)))
    (local.set $forwards (call $weighted-sum (local.get $list)))
    (i32.sub (local.get $forwards) (local.get $backwards))))
;; expect: 166650
