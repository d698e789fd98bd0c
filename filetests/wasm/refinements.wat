;; Locals that are refined by tests, in nested ifs, loops and branches on casts; lengths that guard accesses.
(module
  (type $node (sub (struct (field $left (mut (ref null $node))) (field $right (mut (ref null $node))) (field $key i32))))
  (type $red (sub $node (struct (field $left (mut (ref null $node))) (field $right (mut (ref null $node))) (field $key i32) (field $more (mut i32)))))
  (type $black (sub final $red (struct (field $left (mut (ref null $node))) (field $right (mut (ref null $node))) (field $key i32) (field $more (mut i32)) (field $depth i64))))
  (type $other (sub final (struct (field $x f32) (field $node (ref null $node)))))
  (type $nodes (array (mut (ref null $node))))
  (type $row (array (mut i32)))
  (type $matrix (array (mut (ref null $row))))

  (func $insert (param $root (ref null $node)) (param $key i32) (result (ref $node))
    (local $at (ref $node)) (local $new (ref $node)) (local $next (ref null $node))
    (local.set $new
      (if (result (ref $node)) (i32.rem_u (local.get $key) (i32.const 3))
        (then (if (result (ref $node)) (i32.and (local.get $key) (i32.const 1))
          (then (struct.new $red (ref.null $node) (ref.null $node) (local.get $key) (i32.const 5)))
          (else (struct.new $node (ref.null $node) (ref.null $node) (local.get $key)))))
        (else (struct.new $black (ref.null $node) (ref.null $node) (local.get $key) (i32.const 6) (i64.const 2)))))
    (if (ref.is_null (local.get $root)) (then (return (local.get $new))))
    (local.set $at (ref.as_non_null (local.get $root)))
    (loop $down
      (if (i32.lt_s (local.get $key) (struct.get $node $key (local.get $at)))
        (then
          (local.set $next (struct.get $node $left (local.get $at)))
          (if (ref.is_null (local.get $next))
            (then (struct.set $node $left (local.get $at) (local.get $new)))
            (else (local.set $at (ref.as_non_null (local.get $next))) (br $down))))
        (else
          (local.set $next (struct.get $node $right (local.get $at)))
          (if (ref.is_null (local.get $next))
            (then (struct.set $node $right (local.get $at) (local.get $new)))
            (else (local.set $at (ref.as_non_null (local.get $next))) (br $down))))))
    (ref.as_non_null (local.get $root)))

  ;; A tree is walked without a stack: threads are put in, and taken out again.
  (func $walk (param $at (ref null $node)) (result i32)
    (local $sum i32) (local $before (ref null $node)) (local $right (ref null $node))
    (block $done
      (loop $next
        (br_if $done (ref.is_null (local.get $at)))
        (if (ref.is_null (struct.get $node $left (local.get $at)))
          (then
            (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 3)) (struct.get $node $key (local.get $at))))
            (local.set $at (struct.get $node $right (local.get $at))))
          (else
            (local.set $before (struct.get $node $left (local.get $at)))
            (block $found
              (loop $more
                (local.set $right (struct.get $node $right (local.get $before)))
                (br_if $found (ref.is_null (local.get $right)))
                (br_if $found (ref.eq (local.get $right) (local.get $at)))
                (local.set $before (local.get $right))
                (br $more)))
            (if (ref.is_null (struct.get $node $right (local.get $before)))
              (then
                (struct.set $node $right (local.get $before) (local.get $at))
                (local.set $at (struct.get $node $left (local.get $at))))
              (else
                (struct.set $node $right (local.get $before) (ref.null $node))
                (local.set $sum (i32.add (i32.mul (local.get $sum) (i32.const 3)) (struct.get $node $key (local.get $at))))
                (local.set $at (struct.get $node $right (local.get $at)))))))
        (br $next)))
    (local.get $sum))

  ;; Nested tests, from the widest type to the narrowest.
  (func $colour (param $x anyref) (result i32)
    (local $node (ref null $node)) (local $n i32)
    (if (ref.test (ref null $node) (local.get $x))
      (then
        (local.set $node (ref.cast (ref null $node) (local.get $x)))
        (if (ref.is_null (local.get $node))
          (then (local.set $n (i32.const 100)))
          (else
            (local.set $n (struct.get $node $key (local.get $node)))
            (if (ref.test (ref $red) (local.get $node))
              (then
                (local.set $n (i32.add (local.get $n) (struct.get $red $more (ref.cast (ref $red) (local.get $node)))))
                (if (ref.test (ref $black) (local.get $node))
                  (then
                    (local.set $n (i32.add (local.get $n)
                      (i32.wrap_i64 (struct.get $black $depth (ref.cast (ref $black) (local.get $x)))))))
                  (else (struct.set $red $more (ref.cast (ref $red) (local.get $x)) (i32.const 8)))))
              (else (if (ref.test (ref $black) (local.get $node)) (then unreachable)))))))
      (else
        (if (ref.test (ref $other) (local.get $x))
          (then (local.set $n (call $colour (struct.get $other $node (ref.cast (ref $other) (local.get $x)))))))))
    (local.get $n))

  ;; A chain of branches on failed casts.
  (func $narrow (param $x anyref) (result i32)
    (block $any (result anyref)
      (block $node (result (ref $node))
        (block $red (result (ref $red))
          (br_on_cast_fail $any anyref (ref $node) (local.get $x))
          (br_on_cast_fail $node (ref $node) (ref $red))
          (br_on_cast_fail $red (ref $red) (ref $black))
          (return (i32.wrap_i64 (struct.get $black $depth))))
        (return (struct.get $red $more)))
      (return (struct.get $node $key)))
    (ref.is_null))

  ;; A loop that ends where the next one is null.
  (func $last (param $at (ref null $node)) (result i32)
    (local $node (ref $node))
    (block $none
      (local.set $node (br_on_null $none (local.get $at)))
      (loop $next
        (block $end
          (local.set $node (br_on_null $end (struct.get $node $right (local.get $node))))
          (br $next)))
      (return (struct.get $node $key (local.get $node))))
    (i32.const -1))

  ;; A worklist in an array, which is left half empty.
  (func $count (param $root (ref null $node)) (result i32)
    (local $stack (ref $nodes)) (local $top i32) (local $n i32) (local $node (ref $node)) (local $more (ref $nodes))
    (local.set $stack (array.new_default $nodes (i32.const 1)))
    (array.set $nodes (local.get $stack) (i32.const 0) (local.get $root))
    (local.set $top (i32.const 1))
    (loop $next
      (if (local.get $top)
        (then
          (local.set $top (i32.sub (local.get $top) (i32.const 1)))
          (block $null
            (local.set $node (br_on_null $null (array.get $nodes (local.get $stack) (local.get $top))))
            (array.set $nodes (local.get $stack) (local.get $top) (ref.null $node))
            (local.set $n (i32.add (local.get $n) (i32.const 1)))
            (if (i32.gt_u (i32.add (local.get $top) (i32.const 2)) (array.len (local.get $stack)))
              (then
                (local.set $more (array.new_default $nodes (i32.mul (i32.add (local.get $top) (i32.const 2)) (i32.const 2))))
                (array.copy $nodes $nodes (local.get $more) (i32.const 0) (local.get $stack) (i32.const 0) (local.get $top))
                (local.set $stack (local.get $more))))
            (array.set $nodes (local.get $stack) (local.get $top) (struct.get $node $left (local.get $node)))
            (array.set $nodes (local.get $stack) (i32.add (local.get $top) (i32.const 1)) (struct.get $node $right (local.get $node)))
            (local.set $top (i32.add (local.get $top) (i32.const 2))))
          (br $next))))
    (local.get $n))

  ;; Rows that may be missing, with lengths of their own.
  (func $trace (param $m (ref $matrix)) (result i32)
    (local $i i32) (local $sum i32) (local $row (ref null $row))
    (block $done
      (loop $next
        (br_if $done (i32.eq (local.get $i) (array.len (local.get $m))))
        (local.set $row (array.get $matrix (local.get $m) (local.get $i)))
        (if (i32.eqz (ref.is_null (local.get $row)))
          (then (if (i32.gt_u (array.len (local.get $row)) (local.get $i))
            (then
              (local.set $sum (i32.add (local.get $sum) (array.get $row (local.get $row) (local.get $i))))
              (array.set $row (local.get $row) (local.get $i) (i32.const 0))))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.get $sum))

  (func $matrix (param $n i32) (result (ref $matrix))
    (local $m (ref $matrix)) (local $i i32) (local $j i32) (local $row (ref $row))
    (local.set $m (array.new_default $matrix (local.get $n)))
    (loop $rows
      (if (i32.lt_u (local.get $i) (local.get $n))
        (then
          (local.set $row (array.new $row (i32.const 1) (local.get $n)))
          (local.set $j (i32.const 0))
          (loop $columns
            (array.set $row (local.get $row) (local.get $j) (i32.mul (local.get $i) (local.get $j)))
            (local.set $j (i32.add (local.get $j) (i32.const 1)))
            (br_if $columns (i32.lt_u (local.get $j) (array.len (local.get $row)))))
          (array.set $matrix (local.get $m) (local.get $i) (local.get $row))
          (local.set $i (i32.add (local.get $i) (i32.const 2)))
          (br $rows))))
    (local.get $m))

  ;; Binary search, and from both ends to the middle.
  (func $search (param $row (ref $row)) (param $x i32) (result i32)
    (local $low i32) (local $high i32) (local $middle i32)
    (local.set $high (array.len (local.get $row)))
    (loop $next
      (if (i32.lt_u (local.get $low) (local.get $high))
        (then
          (local.set $middle (i32.shr_u (i32.add (local.get $low) (local.get $high)) (i32.const 1)))
          (if (i32.lt_s (array.get $row (local.get $row) (local.get $middle)) (local.get $x))
            (then (local.set $low (i32.add (local.get $middle) (i32.const 1))))
            (else (local.set $high (local.get $middle))))
          (br $next))))
    (local.get $low))
  (func $reverse (param $nodes (ref $nodes))
    (local $i i32) (local $j i32) (local $t (ref null $node))
    (local.set $j (array.len (local.get $nodes)))
    (loop $next
      (local.set $j (i32.sub (local.get $j) (i32.const 1)))
      (if (i32.lt_s (local.get $i) (local.get $j))
        (then
          (local.set $t (array.get $nodes (local.get $nodes) (local.get $i)))
          (array.set $nodes (local.get $nodes) (local.get $i) (array.get $nodes (local.get $nodes) (local.get $j)))
          (array.set $nodes (local.get $nodes) (local.get $j) (local.get $t))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))))

  (func (export "main") (result i32)
    (local $root (ref null $node)) (local $i i32) (local $key i32) (local $sum i32) (local $nodes (ref $nodes))
    (local.set $key (i32.const 11))
    (loop $next
      (local.set $root (call $insert (local.get $root) (local.get $key)))
      (local.set $key (i32.rem_u (i32.mul (local.get $key) (i32.const 7)) (i32.const 31)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $i) (i32.const 14))))
    (local.set $sum (call $count (local.get $root)))
    (local.set $sum (i32.add (local.get $sum) (i32.rem_u (call $walk (local.get $root)) (i32.const 10007))))
    (local.set $sum (i32.add (local.get $sum) (call $last (local.get $root))))
    (local.set $sum (i32.add (local.get $sum) (call $colour (struct.new $other (f32.const 1) (local.get $root)))))
    (local.set $sum (i32.add (local.get $sum) (call $colour (struct.get $node $left (local.get $root)))))
    (local.set $sum (i32.add (local.get $sum) (call $narrow (struct.get $node $right (local.get $root)))))
    (local.set $sum (i32.add (local.get $sum) (call $narrow (ref.i31 (i32.const 1)))))
    (local.set $sum (i32.add (local.get $sum) (call $trace (call $matrix (i32.const 9)))))
    (local.set $sum (i32.add (local.get $sum) (call $search (array.new_fixed $row 4 (i32.const 1) (i32.const 4) (i32.const 9) (i32.const 16)) (i32.const 10))))
    (local.set $nodes (array.new_fixed $nodes 3 (local.get $root) (ref.null $node) (struct.get $node $left (local.get $root))))
    (call $reverse (local.get $nodes))
    (i32.add (local.get $sum) (struct.get $node $key (array.get $nodes (local.get $nodes) (i32.const 0))))))
;; expect: 9976
