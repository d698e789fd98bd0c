;; Blocks, loops, ifs and functions with several references as parameters and results.
(module
  (type $node (struct (field $n i32) (field $next (ref null $node))))

  (func $cons (param $n i32) (param $next (ref null $node)) (result (ref $node))
    (struct.new $node (local.get $n) (local.get $next)))

  ;; Divides a list in its odd and its even numbers, each in reverse.
  (func $split (param $list (ref null $node)) (result (ref null $node) (ref null $node))
    (local $odd (ref null $node))
    (local $even (ref null $node))
    (local.get $list)
    (ref.null $node)
    (ref.null $node)
    (loop $again (param (ref null $node) (ref null $node) (ref null $node))
        (result (ref null $node) (ref null $node))
      (local.set $even)
      (local.set $odd)
      (local.set $list)
      (if (result (ref null $node) (ref null $node)) (ref.is_null (local.get $list))
        (then (local.get $odd) (local.get $even))
        (else
          (struct.get $node $next (local.get $list))
          (if (param (ref null $node)) (result (ref null $node) (ref null $node) (ref null $node))
            (i32.and (struct.get $node $n (local.get $list)) (i32.const 1))
            (then
              (call $cons (struct.get $node $n (local.get $list)) (local.get $odd))
              (local.get $even))
            (else
              (local.get $odd)
              (call $cons (struct.get $node $n (local.get $list)) (local.get $even))))
          (br $again)))))

  ;; Merges two descending lists; the references travel on the stack of the loop.
  (func $merge (param $a (ref null $node)) (param $b (ref null $node)) (result (ref null $node) i32)
    (local $out (ref null $node))
    (local $length i32)
    (block $end (result (ref null $node) i32)
      (ref.null $node)
      (i32.const 0)
      (loop $again (param (ref null $node) i32) (result (ref null $node) i32)
        (local.set $length)
        (local.set $out)
        (if (ref.is_null (local.get $a))
          (then
            (if (ref.is_null (local.get $b))
              (then (br $end (local.get $out) (local.get $length))))
            (local.set $out (call $cons (struct.get $node $n (local.get $b)) (local.get $out)))
            (local.set $b (struct.get $node $next (local.get $b))))
          (else
            (local.get $a)
            (local.get $b)
            (block $swapped (param (ref null $node) (ref null $node))
                (result (ref null $node) (ref null $node))
              (br_if $swapped (ref.is_null (local.get $b)))
              (br_if $swapped
                (i32.gt_s
                  (struct.get $node $n (local.get $a))
                  (struct.get $node $n (local.get $b))))
              (local.set $b)
              (local.set $a)
              (local.get $b)
              (local.get $a))
            (local.set $b)
            (local.set $a)
            (local.set $out (call $cons (struct.get $node $n (local.get $a)) (local.get $out)))
            (local.set $a (struct.get $node $next (local.get $a)))))
        (local.get $out)
        (i32.add (local.get $length) (i32.const 1))
        (br $again))))

  (func $hash (param $list (ref null $node)) (result i32)
    (i32.const 0)
    (local.get $list)
    (loop $again (param i32 (ref null $node)) (result i32)
      (local.set $list)
      (if (param i32) (result i32) (ref.is_null (local.get $list))
        (then)
        (else
          (i32.mul (i32.const 17))
          (i32.add (struct.get $node $n (local.get $list)))
          (i32.rem_u (i32.const 30011))
          (struct.get $node $next (local.get $list))
          (br $again)))))

  (func (export "main") (result i32)
    (local $list (ref null $node))
    (local $length i32)
    (local $i i32)
    (loop $again
      (local.set $list (call $cons (local.get $i) (local.get $list)))
      (local.set $i (i32.add (local.get $i) (i32.const 3)))
      (br_if $again (i32.lt_s (local.get $i) (i32.const 120))))
    ;; The lists are ascending after the split, so that the merge starts from their least.
    (call $merge (call $split (local.get $list)))
    (local.set $length)
    (local.set $list)
    (i32.add
      (i32.mul (local.get $length) (i32.const 100000))
      (call $hash (local.get $list)))))
;; expect: 4017169
