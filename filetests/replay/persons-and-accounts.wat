;; Pairs of references side by side: on the operand stack, as arguments, as results, in globals and tables; and
;; casts whose results are handed on.
(module
  (type $person (sub (struct (field $name i32) (field $friend (mut (ref null $person))))))
  (type $employee
    (sub $person
      (struct (field $name i32) (field $friend (mut (ref null $person))) (field $wage i32))))
  (type $pupil
    (sub $person
      (struct (field $name i32) (field $friend (mut (ref null $person))) (field $desk anyref))))
  (type $account (struct (field $owner (mut (ref $person))) (field $sum (mut i32))))
  (type $words (array (mut i32)))
  (type $give (func (param (ref $person)) (param (ref $account)) (result (ref $account)) (result (ref $person))))
  (type $measure (sub (func (param (ref $account)) (result i32))))
  (type $weight (sub final $measure (func (param (ref $account)) (result i32))))

  (global $last (mut (ref null $person)) (ref.null none))
  (global $bank (mut (ref null $account)) (ref.null none))
  (table $persons 3 (ref null $person))
  (table $accounts 3 (ref null $account))
  (table $measures 2 (ref null $measure))
  (elem declare func $give)
  (elem (table $measures) (i32.const 0) (ref null $measure) (ref.func $sum) (ref.func $weight))

  (func $sum (type $measure) (param $account (ref $account)) (result i32)
    (struct.get $account $sum (local.get $account)))
  (func $weight (type $weight) (param $account (ref $account)) (result i32)
    (struct.get $person $name (struct.get $account $owner (local.get $account))))

  ;; The account goes to this person, unless nobody has that name.
  (func $give (type $give)
    (param $person (ref $person)) (param $account (ref $account)) (result (ref $account)) (result (ref $person))
    (if (i32.eqz (struct.get $person $name (local.get $person)))
      (then (return (local.get $account) (local.get $person))))
    (struct.set $account $owner (local.get $account) (local.get $person))
    (global.set $last (local.get $person))
    (global.set $bank (local.get $account))
    (local.get $account)
    (local.get $person))

  (func $later (param $a (ref $person)) (param $b (ref $person)) (result (ref $person))
    (if (i32.lt_s (struct.get $person $name (local.get $a)) (struct.get $person $name (local.get $b)))
      (then (return (local.get $b))))
    (local.get $a))

  ;; The later one of a person and its friend, if it has one.
  (func $with_friend (param $person (ref $person)) (result (ref $person))
    (block $none
      (return
        (call $later
          (local.get $person)
          (br_on_null $none (struct.get $person $friend (local.get $person))))))
    (local.get $person))

  ;; The same, of one who has a friend.
  (func $of_friends (param $person (ref $person)) (result (ref $person))
    (call $later
      (local.get $person)
      (ref.as_non_null (struct.get $person $friend (local.get $person)))))

  ;; What both cost: the second one is paid, if it is an employee.
  (func $wage (param $a (ref $person)) (param $b (ref $person)) (result i32)
    (struct.get $employee $wage
      (block $paid (result (ref $employee))
        (return
          (struct.get $person $name
            (call $later
              (local.get $a)
              (br_on_cast $paid (ref $person) (ref $employee) (local.get $b))))))))

  (func $hire (param $a (ref $person)) (param $b (ref $employee)) (result i32)
    (struct.set $person $friend (local.get $a) (local.get $b))
    (struct.get $employee $wage (local.get $b)))

  (func $employer (param $a (ref $person)) (param $b (ref null $person)) (result i32)
    (call $hire (local.get $a) (ref.cast (ref $employee) (local.get $b))))

  (func $employer_if_any (param $a (ref $person)) (param $b (ref null $person)) (result i32)
    (call $hire
      (local.get $a)
      (block $is (result (ref $employee))
        (drop (br_on_cast $is (ref null $person) (ref $employee) (local.get $b)))
        (return (i32.const 1)))))

  (func $keep (param $i i32) (param $person (ref null $person)) (param $account (ref null $account))
    (table.set $persons (local.get $i) (local.get $person))
    (table.set $accounts (local.get $i) (local.get $account)))

  (func $kept (param $i i32) (result i32)
    (i32.add
      (struct.get $person $name (table.get $persons (local.get $i)))
      (struct.get $account $sum (table.get $accounts (local.get $i)))))

  (func $measured (param $which i32) (param $account (ref $account)) (result i32)
    (call_indirect $measures (type $weight) (local.get $account) (local.get $which)))

  ;; What anything counts as: numbers, lengths, and whether one thing is another.
  (func $number (param $x (ref i31)) (result i32)
    (i31.get_s (local.get $x)))
  (func $length (param $x (ref array)) (result i32)
    (array.len (local.get $x)))
  (func $same (param $x (ref struct)) (param $y (ref eq)) (result i32)
    (ref.eq (local.get $x) (local.get $y)))
  (func $number_of (param $x anyref) (result i32)
    (call $number (ref.cast (ref i31) (local.get $x))))
  (func $length_of (param $x anyref) (result i32)
    (call $length (ref.cast (ref array) (local.get $x))))
  (func $same_of (param $x anyref) (param $y anyref) (result i32)
    (call $same (ref.cast (ref struct) (local.get $x)) (ref.cast (ref eq) (local.get $y))))

  (func (export "main") (result i32)
    (local $ann (ref $employee))
    (local $bob (ref $pupil))
    (local $account (ref $account))
    (local $person (ref $person))
    (local $total i32)
    (local.set $ann (struct.new $employee (i32.const 3) (ref.null none) (i32.const 40)))
    (local.set $bob (struct.new $pupil (i32.const 7) (local.get $ann) (ref.i31 (i32.const 5))))
    (local.set $account (struct.new $account (local.get $ann) (i32.const 100)))
    (call $give (local.get $bob) (local.get $account))
    (local.set $person)
    (local.set $account)
    ;; 7
    (local.set $total (struct.get $person $name (call $with_friend (local.get $person))))
    ;; 7 + 3
    (local.set $total
      (i32.add (local.get $total) (struct.get $person $name (call $with_friend (local.get $ann)))))
    ;; 10 + 7
    (local.set $total
      (i32.add (local.get $total) (struct.get $person $name (call $of_friends (local.get $bob)))))
    ;; 17 + 40 + 7
    (local.set $total
      (i32.add (local.get $total)
        (i32.add
          (call $wage (local.get $bob) (local.get $ann))
          (call $wage (local.get $ann) (local.get $bob)))))
    ;; 64 + 40
    (local.set $total
      (i32.add (local.get $total) (call $employer (local.get $bob) (local.get $ann))))
    ;; 104 + 1
    (local.set $total
      (i32.add (local.get $total) (call $employer_if_any (local.get $bob) (ref.null none))))
    (call $keep (i32.const 1) (local.get $bob) (local.get $account))
    ;; 105 + 107
    (local.set $total (i32.add (local.get $total) (call $kept (i32.const 1))))
    ;; 212 + 7
    (local.set $total
      (i32.add (local.get $total) (call $measured (i32.const 1) (local.get $account))))
    (call_ref $give (local.get $ann) (local.get $account) (ref.func $give))
    (local.set $person)
    (local.set $account)
    ;; 219 + 8 + 4 + 1
    (local.set $total
      (i32.add (local.get $total)
        (i32.add
          (i32.add
            (call $number_of (ref.i31 (i32.const 8)))
            (call $length_of (array.new $words (i32.const 1) (i32.const 4))))
          (call $same_of (local.get $ann) (local.get $ann)))))
    ;; 232 + 3 + 100
    (i32.add (local.get $total)
      (i32.add
        (struct.get $person $name (global.get $last))
        (struct.get $account $sum (global.get $bank))))))
;; expect: 335
