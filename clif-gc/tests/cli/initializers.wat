;; The initializers of globals and elements are code, too, and allocate.
;; RUN: verify % --target x86_64 --collector copying --embedding default
(module
  (type $leaf (struct (field i32)))
  (type $pair (struct (field (ref $leaf)) (field (ref $leaf))))
  (global $g (ref $pair)
    (struct.new $pair
      (struct.new $leaf (i32.const 1))
      (struct.new $leaf (i32.const 2))))
  (table $t 2 (ref null $pair))
  (elem (table $t) (i32.const 0) (ref null $pair)
    (item (struct.new $pair (struct.new $leaf (i32.const 3)) (struct.new $leaf (i32.const 4)))))
  (func (export "get") (result (ref $pair)) (global.get $g)))
