;; Each module of a script is judged but those that are said to be wrong.
;; RUN: verify % --target x86_64 --collector copying --format json
(module $a (func))
(assert_invalid (module (func (result i32))) "type mismatch")
(module definition $b (type $s (struct)) (func (result (ref $s)) (struct.new $s)))
(assert_malformed (module quote "(func") "unexpected end")
(module quote "(func $quoted (export \"exported\"))")
(module binary "\00asm\01\00\00\00")
(register "a" $a)
(assert_trap (module (func $start unreachable) (start $start)) "unreachable")
(module) (module)
(module (func (result i64) (i32.const 0)))
(module quote "(fnuc)")
